from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from analytics import folding


class Command(BaseCommand):
    help = "Builds the figures of all media anew from the events, for example after a change of the time zone."

    def handle(self, **_options: Any) -> None:
        folding.fold_all()
        count = folding.rebuild()
        self.stdout.write(f"Figures of {count} media were built anew.")
