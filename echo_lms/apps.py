from __future__ import annotations

from django.apps import AppConfig


class EchoLmsConfig(AppConfig):
    name = "echo_lms"

    def ready(self) -> None:
        from . import checks  # noqa: F401, PLC0415 - registers itself, and needs the settings to be loaded
