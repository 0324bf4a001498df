from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from analytics import folding
from analytics.models import StatementBatch


class Command(BaseCommand):
    help = (
        "Builds the figures of all media anew from the events, for example after a change of the time zone, or "
        "when requests that could not be folded are to be tried again."
    )

    def handle(self, **_options: Any) -> None:
        folding.fold_all()
        count = folding.rebuild()
        tried = StatementBatch.objects.exclude(problem="").update(problem="")
        self.stdout.write(f"Figures of {count} media were built anew.")
        if tried:
            self.stdout.write(f"{tried} requests that had been set aside are counted.")
