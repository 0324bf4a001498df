"""`./run bench [NAME] [--quick]`: prints what was measured and keeps it in bench/results/NAME.json."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import os
from pathlib import Path

import django

from echo_lms.garbage import leave_alone_what_is_loaded

NAMES = ("connect", "directory", "schedules", "analytics")
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=NAMES, help="all of them by default")
    parser.add_argument("--quick", action="store_true", help="few rounds; nothing is kept")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "echo_lms.settings")
    django.setup()
    from django.conf import settings  # noqa: PLC0415 - needs django.setup() first
    from django.core.management import call_command  # noqa: PLC0415

    settings.DEBUG = False  # which would keep every query
    logging.disable(logging.INFO)

    call_command("migrate", verbosity=0)
    leave_alone_what_is_loaded()  # as workers do
    for name in [options.name] if options.name else NAMES:
        measure(name, quick=options.quick)


def measure(name: str, *, quick: bool) -> None:
    """Each prints what it found; what it returns is kept."""
    found = importlib.import_module(f"bench.{name}").measurements(quick=quick)
    if not quick:
        (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
