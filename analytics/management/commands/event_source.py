from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics import sources
from analytics.models import EventSource
from analytics.models.events import OUR_KEYS


class Command(BaseCommand):
    help = "Adds, renews, revokes and lists the systems that may send statements."

    def add_arguments(self, parser: CommandParser) -> None:
        calls = parser.add_subparsers(dest="call", required=True)
        for name, told in (
            ("add", "a new source; prints its key and secret, once"),
            ("renew", "another secret; the one before ends"),
            ("revoke", "ends its credentials; what it sent stays"),
        ):
            call = calls.add_parser(name, help=told)
            call.add_argument("name")
            if name != "revoke":
                call.add_argument("--json", action="store_true")
            if name == "add":
                call.add_argument("--may-read", action="store_true", help="may ask for statements as well")
        calls.add_parser("list", help="all of them")

    def handle(self, *, call: str, **options: Any) -> None:
        if call == "add":
            try:
                source, secret = sources.add(options["name"], may_read=options["may_read"])
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
            self._print(source, secret, as_json=options["json"])
        elif call == "renew":
            source = self._named(options["name"])
            self._print(source, sources.renew(source), as_json=options["json"])
        elif call == "revoke":
            sources.revoke(self._named(options["name"]))
            self.stdout.write(f"{options['name']} can send nothing any more.")
        else:
            for source in EventSource.objects.exclude(key__in=OUR_KEYS):
                state = "in use" if source.is_active else "revoked"
                reads = "\tmay read" if source.may_read else ""
                self.stdout.write(f"{source.name}\t{source.key}\t{state}{reads}")

    def _named(self, name: str) -> EventSource:
        try:
            # Our own player and files are not for revoking.
            return EventSource.objects.exclude(key__in=OUR_KEYS).get(name=name)
        except EventSource.DoesNotExist:
            raise CommandError(f'There is no event source "{name}".') from None

    def _print(self, source: EventSource, secret: str, *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps({"name": source.name, "key": source.key, "secret": secret}))
            return
        self.stdout.write(f"key     {source.key}\nsecret  {secret}\nThe secret is shown this once.")
