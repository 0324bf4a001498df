from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from configurations.rotation import rotate_keys


class Command(BaseCommand):
    help = (
        "Re-encrypts all stored secrets under the first of FERNET_KEYS. "
        "Safe to interrupt and to run again; exits 1 if a value cannot be read with any key."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what is still under an older key")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        rotation = rotate_keys(dry_run=dry_run)
        verb = "would be re-encrypted" if dry_run else "re-encrypted"
        self.stdout.write(f"{rotation.rotated} {verb}, {rotation.current} already under the newest key.")
        if rotation.unreadable:
            for place in rotation.unreadable:
                self.stderr.write(f"Unreadable with every key in FERNET_KEYS: {place}")
            raise CommandError(
                "Add the key these were written with to the end of FERNET_KEYS and run this again, "
                "or enter those secrets anew."
            )
        if dry_run and rotation.rotated:
            self.stdout.write("Run without --dry-run before you remove an old key.")
        elif not dry_run:
            self.stdout.write("The older keys can be removed from FERNET_KEYS; then restart web and workers.")
