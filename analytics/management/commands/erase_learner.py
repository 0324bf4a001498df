from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from analytics import erasure, identities
from analytics.models import Learner


class Command(BaseCommand):
    help = "Erases a person: what they watched and answered, and every name of theirs. It cannot be undone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, **options: Any) -> None:
        email = options["email"]
        learner = Learner.objects.filter(identities__key=identities.mailto(email)).first()
        if learner is None:
            raise CommandError(f"Nobody is known by the address {email}.")
        if not options["yes"] and input(f"Erase {learner} for good? [yes/no] ") != "yes":
            raise CommandError("Nothing was erased.")
        done = erasure.erase(learner, by=None)
        self.stdout.write(f"Erased, with {done.statements} statements.")
