from __future__ import annotations

from django.apps import AppConfig


class SchedulesConfig(AppConfig):
    name = "schedules"
    # As the admin calls it; schedules themselves have pages of their own.
    verbose_name = "Places and terms"
