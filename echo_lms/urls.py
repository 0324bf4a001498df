"""The whole URL map."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from . import health

urlpatterns = [
    path("", include("accounts.urls")),
    path("", include("configurations.urls")),
    path("schedules/", include("schedules.urls")),
    path("", include("analytics.urls")),
    path("admin/", admin.site.urls),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
