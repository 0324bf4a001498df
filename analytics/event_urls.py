"""What other systems send. `echo_lms.middleware` leads here directly."""

from __future__ import annotations

from django.urls import path

from .views import caliper, documents, xapi

urlpatterns = [
    path("xAPI/statements", xapi.statements, name="xapi_statements"),
    path("xAPI/activities/state", documents.state, name="xapi_state"),
    path("xAPI/activities/profile", documents.activity_profile, name="xapi_activity_profile"),
    path("xAPI/agents/profile", documents.agent_profile, name="xapi_agent_profile"),
    path("xAPI/activities", documents.activity, name="xapi_activity"),
    path("xAPI/agents", documents.agent, name="xapi_agent"),
    path("xAPI/about", xapi.about, name="xapi_about"),
    path("caliper/events", caliper.events, name="caliper_events"),
]
