"""docs/csv.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schedules.csv_files import reading
from schedules.csv_files.base import FileKind
from schedules.csv_files.echo360 import Echo360Schedules
from schedules.csv_files.registry import KINDS
from schedules.csv_files.schedule_saving import ScheduleKind

DOCS = (Path(__file__).resolve().parents[2] / "docs" / "csv.md").read_text(encoding="utf-8")


def table_after(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading, without its head."""
    lines = DOCS.partition(heading)[2].split("\n## ")[0].splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("| column"))
    table = []
    for line in lines[first + 2 :]:
        if not line.startswith("|"):
            break
        cells = re.split(r"(?<!\\)\|", line)[1:-1]
        table.append([cell.strip().replace("\\|", "|") for cell in cells])
    return table


def in_code(kind: type[FileKind]) -> list[list[str]]:
    return [
        [
            f"`{column.name}`",
            "yes" if column.key else "",
            column.meaning,
            f"`{column.example}`" if column.example else "",
        ]
        for column in kind.columns
    ]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_columns_are_documented_as_they_are(kind):
    assert table_after(f"\n### {kind.title} (`{kind.name}`)") == in_code(kind)


def test_the_columns_of_echo360_are_documented():
    assert table_after("\n## Echo360's own schedule file") == in_code(Echo360Schedules)


def test_the_limits_are_documented():
    assert f"At most {reading.MAX_BYTES // 1024 // 1024} MB, {reading.MAX_ROWS:,} rows" in DOCS
    assert f"{reading.MAX_CELL:,} characters in a cell" in DOCS
    assert f"at most {ScheduleKind.at_once:,} schedules at a time" in DOCS


@pytest.mark.parametrize(
    ("name", "columns"),
    [
        ("rooms", "campus, building, room, time_zone, capture_agent, inputs, notes"),
        ("terms", "term, starts_on, ends_on, non_teaching_days"),
        (
            "sections",
            "course_code, term, section_number, course_name, instructor_emails, lms_configuration, lms_course_ids",
        ),
        (
            "schedules",
            "title, campus, building, room, starts_on, ends_on, start_time, end_time, repeats, interval_weeks, "
            "weekdays, excluded_dates, course_code, term, section_number, instructor_email, input_1, input_2, "
            "quality, live, publish",
        ),
        ("users", "email, full_name, roles, time_zone"),
    ],
)
def test_the_columns_are_those_agreed_on(name, columns):
    kind = next(kind for kind in KINDS if kind.name == name)
    assert kind.header() == [*columns.split(", "), "external_id"]
