from __future__ import annotations

from django.apps import AppConfig

from accounts import navigation


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = "Media and analytics"

    def ready(self) -> None:
        from .access import has_something_to_watch  # noqa: PLC0415 - needs the models
        from .figures.selection import has_connected_section  # noqa: PLC0415

        navigation.register("analytics", has_connected_section)
        navigation.register("my_viewing", has_something_to_watch)
