"""Refreshes the directory here and now, without a worker."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from canvas.errors import CanvasError
from configurations.models import ApiConfiguration
from directory import lookup, runs
from directory.models import RefreshRun
from directory.work import Work

PAUSE_SECONDS = 2.0
BAR = 30


class Command(BaseCommand):
    help = (
        "Reads the courses of the instructors who are due, of everybody (--all), or of one person (--email). "
        "Exit status: 0 if all was read, 1 if something failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--configuration", metavar="NAME", help="by default all of them")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--email", help="one instructor, known or not")
        which.add_argument("--all", action="store_true", help="everybody, however lately they were read")
        parser.add_argument("--json", action="store_true", help="one JSON object for each configuration")

    def handle(self, *args: Any, **options: Any) -> None:
        configurations = self._configurations(options["configuration"])
        if options["email"]:
            results = [self._one(one, options["email"]) for one in configurations]
        else:
            results = [self._run(one, everything=options["all"], quiet=options["json"]) for one in configurations]
        for result in results:
            self.stdout.write(json.dumps(result, ensure_ascii=False) if options["json"] else str(result["text"]))
        if not all(result["ok"] for result in results):
            sys.exit(1)

    def _configurations(self, name: str | None) -> list[ApiConfiguration]:
        if name is None:
            found = list(ApiConfiguration.objects.filter(enabled=True))
            if not found:
                raise CommandError("There is no enabled configuration. Add one in the admin first.")
            return found
        try:
            return [ApiConfiguration.objects.get(name=name)]
        except ApiConfiguration.DoesNotExist:
            names = ", ".join(ApiConfiguration.objects.values_list("name", flat=True)) or "none"
            raise CommandError(f"There is no configuration named {name!r}. There are: {names}.") from None

    # --- One person -------------------------------------------------------------------------------------
    def _one(self, configuration: ApiConfiguration, email: str) -> dict[str, Any]:
        try:
            answer = lookup.courses_of(configuration, email, fresh=True)
        except ValueError as error:
            raise CommandError(str(error)) from None
        courses = [
            {"id": one.course.lms_id, "code": one.course.code, "name": one.course.name, "role": one.role}
            for one in answer.teachings
        ]
        lines = [f"{configuration}: {', '.join(map(str, answer.people)) or email}, {len(courses)} courses"]
        lines += [f"  {one['id']} | {one['code']} | {one['name']} | {one['role']}" for one in courses]
        lines += [f"  {note.level}: {note.text} {note.advice}".rstrip() for note in answer.notes]
        return {
            "configuration": configuration.name,
            "ok": bool(answer.people) and answer.live,
            "courses": courses,
            "notes": [{"level": one.level, "code": one.code, "text": one.text} for one in answer.notes],
            "text": "\n".join(lines),
        }

    # --- A run ------------------------------------------------------------------------------------------
    def _run(self, configuration: ApiConfiguration, *, everything: bool, quiet: bool) -> dict[str, Any]:
        run = runs.start_run(configuration, everything=everything, trigger=runs.Trigger.COMMAND)
        shown = sys.stderr.isatty() and not quiet
        state = "more"
        while state in ("more", "waiting"):
            work = Work(run, seconds=60, on_progress=self._bar if shown else None)
            try:
                state = work.do()
            except CanvasError as error:  # pragma: no cover - every one is stopping, pausing or recorded
                raise CommandError(str(error)) from error
            if state == "waiting":
                self._say(f"{configuration}: {work.detail}", shown=not quiet)
                time.sleep(PAUSE_SECONDS)
        run.refresh_from_db()
        if shown:
            sys.stderr.write("\n")
        return self._result(run)

    def _result(self, run: RefreshRun) -> dict[str, Any]:
        figures = ("teachers", "planned", "refreshed", "failed", "rosters", "requests", "throttles")
        seconds = round(run.duration.total_seconds(), 1)
        text = (
            f"{run.configuration}: {run.get_outcome_display().lower()}, {run.refreshed} of {run.planned} "
            f"instructors read, {run.failed} failed, {run.requests} requests in {seconds} s. {run.detail}"
        )
        return {
            "configuration": run.configuration.name,
            "ok": run.outcome == RefreshRun.Outcome.COMPLETE,
            "outcome": run.outcome,
            "seconds": seconds,
            **{name: getattr(run, name) for name in figures},
            "detail": run.detail,
            "text": text.rstrip(),
        }

    def _bar(self, run: RefreshRun) -> None:
        full = BAR * run.done // run.planned if run.planned else 0
        bar = "█" * full + "░" * (BAR - full)
        sys.stderr.write(f"\r{run.configuration} {bar} {run.done}/{run.planned or '?'}, {run.requests} requests ")
        sys.stderr.flush()

    def _say(self, text: str, *, shown: bool) -> None:
        if shown:
            self.stderr.write(text)
