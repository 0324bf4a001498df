from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from analytics import recordings


class Command(BaseCommand):
    help = "Makes the media of recorded captures now; workers do so every minute for the last two weeks."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="of all captures, however old")

    def handle(self, **options: Any) -> None:
        self.stdout.write(f"{recordings.make_media(everything=options['all'])} media were made.")
