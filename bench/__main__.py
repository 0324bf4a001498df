"""`./run bench [NAME] [--quick]`: prints every ratio and keeps them in bench/results/NAME.json."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path

import django

NAMES = ("connect",)
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    parser = argparse.ArgumentParser(prog="./run bench", description=__doc__)
    parser.add_argument("name", nargs="?", choices=NAMES, help="all of them by default")
    parser.add_argument("--quick", action="store_true", help="few rounds; nothing is kept")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "echo_lms.settings")
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - needs django.setup() first

    call_command("migrate", verbosity=0)
    for name in [options.name] if options.name else NAMES:
        measure(name, quick=options.quick)


def measure(name: str, *, quick: bool) -> None:
    ratios = importlib.import_module(f"bench.{name}").measurements(quick=quick)
    for ratio in ratios:
        print(ratio)
    if not quick:
        kept = {"python": platform.python_version(), "measurements": [asdict(ratio) for ratio in ratios]}
        (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
