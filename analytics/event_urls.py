"""What other systems send. `echo_lms.middleware` leads here directly."""

from __future__ import annotations

from django.urls import path

from .views import caliper, xapi

urlpatterns = [
    path("xAPI/statements", xapi.statements, name="xapi_statements"),
    path("xAPI/about", xapi.about, name="xapi_about"),
    path("caliper/events", caliper.events, name="caliper_events"),
]
