from __future__ import annotations

from django.apps import AppConfig

from accounts import navigation


class AnalyticsConfig(AppConfig):
    name = "analytics"
    verbose_name = "Media and analytics"

    def ready(self) -> None:
        from schedules.csv_files import registry  # noqa: PLC0415 - needs the models

        from .access import has_something_to_watch  # noqa: PLC0415
        from .csv_files import Answers, Views  # noqa: PLC0415
        from .figures.selection import has_connected_section  # noqa: PLC0415

        navigation.register("analytics", has_connected_section)
        navigation.register("my_viewing", has_something_to_watch)
        registry.register(Views)
        registry.register(Answers)
