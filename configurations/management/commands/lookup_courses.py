from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from configurations.connection import TestReport, run_test
from configurations.models import ApiConfiguration


class Command(BaseCommand):
    help = (
        "Looks up an instructor's Canvas courses live, as the Test window does. "
        "Exit status: 0 found, 1 something failed (the output says what), 2 wrong usage."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("email", help="the instructor's e-mail address")
        parser.add_argument("--configuration", metavar="NAME", help="needed if there is more than one")
        parser.add_argument("--json", action="store_true", dest="as_json", help="print JSON")

    def handle(self, *args: Any, email: str, configuration: str | None, as_json: bool, **options: Any) -> None:
        chosen = self._configuration(configuration)
        try:
            report = run_test(chosen, email)
        except ValueError as error:
            raise CommandError(str(error), returncode=2) from error
        if as_json:
            self.stdout.write(json.dumps(as_dict(chosen, report), indent=2))
        else:
            self._print(chosen, report)
        if report.state == "failed":
            sys.exit(1)

    def _configuration(self, name: str | None) -> ApiConfiguration:
        rows = ApiConfiguration.objects.all() if name is None else ApiConfiguration.objects.filter(name=name)
        found = list(rows[:2])
        names = ", ".join(ApiConfiguration.objects.values_list("name", flat=True)) or "none"
        if not found:
            raise CommandError(f"No such configuration. There are: {names}.", returncode=2)
        if len(found) > 1:
            raise CommandError(f"Name one with --configuration. There are: {names}.", returncode=2)
        return found[0]

    def _print(self, configuration: ApiConfiguration, report: TestReport) -> None:
        self.stdout.write(f"{configuration.name} ({configuration.domain}), {report.email}")
        for result in report.results:
            self.stdout.write(f"  {result.state:<12} {result.step}: {result.text}".rstrip(": "))
            if result.advice:
                self.stdout.write(f"  {'':<12} → {result.advice}")
        for course in report.courses:
            term = course.term.name if course.term else ""
            line = [course.id, course.code or "", course.name or "", term or "", course.state]
            self.stdout.write("  " + " | ".join(line))


def as_dict(configuration: ApiConfiguration, report: TestReport) -> dict[str, Any]:
    """The JSON form of a report; identifiers are strings, as Canvas's are too large for some readers."""
    return {
        "configuration": configuration.name,
        "canvas": configuration.base_url,
        "email": report.email,
        "state": report.state,
        "steps": [
            {
                "step": str(result.step),
                "state": result.state,
                "code": result.code,
                "text": result.text,
                "advice": result.advice,
            }
            for result in report.results
        ],
        "people": [{"id": person.id, "name": person.name} for person in report.people],
        "courses": [
            {
                "id": course.id,
                "name": course.name,
                "code": course.code,
                "term": course.term.name if course.term else None,
                "state": course.workflow_state,
                "url": f"{configuration.base_url}/courses/{course.id}",
            }
            for course in report.courses
        ],
    }
