from __future__ import annotations

from django.apps import AppConfig

from accounts import navigation


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = "Media and analytics"

    def ready(self) -> None:
        from .figures.selection import has_connected_section  # noqa: PLC0415 - needs the models

        navigation.register("analytics", has_connected_section)
