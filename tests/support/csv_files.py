"""CSV files for tests: written from cells, checked, saved, exported."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from schedules.csv_files import importing, registry, writing
from schedules.csv_files.outcome import Kind, Outcome

if TYPE_CHECKING:
    from accounts.models import User


def written(header: str, *rows: str, delimiter: str = ",") -> bytes:
    """Header and rows as cells apart by |."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([[cell.strip() for cell in line.split("|")] for line in (header, *rows)])
    return text.getvalue().encode()


def check(kind: str, content: bytes, user: User) -> list[Outcome]:
    return importing.check(registry.kind_of(kind), content, user=user)


def save(kind: str, content: bytes, user: User, *, good_only: bool = False) -> list[Outcome]:
    """Check and save; what was shown is what is done, or this raises."""
    job = importing.upload(registry.kind_of(kind), f"{kind}.csv", content, user=user)
    job = importing.save(job, user=user, good_only=good_only)
    return [Outcome.from_json(row) for row in job.report]


def exported(kind: str, user: User) -> bytes:
    found = registry.kind_of(kind)
    return "".join(writing.written(found.header(), found.export(user))).encode()


def cells(kind: str, user: User) -> list[dict[str, str]]:
    """The rows of an export."""
    return list(csv.DictReader(io.StringIO(exported(kind, user).decode("utf-8-sig"))))


def kinds(outcomes: list[Outcome]) -> list[str]:
    return [one.kind.value for one in outcomes]


def problems(outcomes: list[Outcome]) -> list[tuple[int, str, str]]:
    """Line, column and reason of everything that is refused."""
    refused = [one for one in outcomes if one.kind == Kind.REFUSED]
    return [(one.line, problem.column, problem.reason) for one in refused for problem in one.problems]


def differences(outcome: Outcome) -> dict[str, tuple[str, str]]:
    return {what: (before, after) for what, before, after in outcome.differences}
