"""What pages of one media, poll or student share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse

from analytics import charts
from analytics.figures import definitions
from analytics.figures.definitions import NOTHING, Column, Part
from schedules.models import Section

from .cells import cell_of, csv_cells, csv_header, percent
from .files import file_of
from .parts import Card, Chart
from .tables import Table, address, ordered_by, table_of, url_of

PERSON_LINKS = {"name": lambda row: url_of("student_figures", row.learner_id) if _is_student(row) else ""}


def _is_student(row: Any) -> bool:
    return row.learner_id is not None and getattr(row, "role", "Student") == "Student"


def card_of(column: Column, value: Any) -> Card:
    """A figure of a table, alone."""
    if isinstance(value, Part):
        text = NOTHING if value.share is None else percent(value.share)
        note = f"{value.number:,} of {value.of:,}" if value.of else ""
        return Card(column.label, text, note, "", "", column.meaning)
    return Card(column.label, cell_of(column, value).text or NOTHING, "", "", "", column.meaning)


def cards_of(columns: Sequence[Column], row: Any, names: Sequence[str]) -> list[Card]:
    by_name = {column.name: column for column in columns}
    return [card_of(by_name[name], getattr(row, name)) for name in names]


def parts_of(
    captions: dict[str, str],
    rows: dict[str, Sequence[Any]],
    given: QueryDict,
    *,
    file: str,
    key: int,
    empty: dict[str, str],
) -> list[Table]:
    """The tables of a page, each with its file. `captions`: by table, in the order of the page."""
    return [
        table_of(
            name,
            caption,
            rows[name],
            given,
            links=PERSON_LINKS,
            csv=reverse(file, args=[key, name]) + address(given),
            empty=empty.get(name, ""),
        )
        for name, caption in captions.items()
    ]


def table_file(request: HttpRequest, table: str, rows: dict[str, Sequence[Any]], *, name: str) -> HttpResponse:
    """One of these tables as CSV, sorted as the address says; raises Http404 for any other."""
    if table not in rows:
        raise Http404
    columns = definitions.TABLES[table]
    ordered = ordered_by(columns, rows[table], request.GET.get(f"{table}_sort", ""))[1]
    return file_of(request, f"{name}-{table}", csv_header(columns), (csv_cells(columns, row) for row in ordered))


def chart_of(
    name: str, title: str, finding: str, drawn: Sequence[charts.Bar], marks: list[str], table: Table | None = None
) -> Chart:
    top = charts.scale_of(max((bar.value for bar in drawn), default=0))
    drawing = charts.bars(name, drawn, title=title, finding=finding)
    return Chart(title, finding, drawing, [f"{value:,}" for value in (top, top // 2, 0)], marks, table)


def students_only(given: QueryDict) -> bool:
    return given.get("who") != "everyone"


def empty_of(texts: dict[str, str], given: QueryDict) -> dict[str, str]:
    """What is said of tables without rows, of those who count."""
    return {name: text.format("No student" if students_only(given) else "Nobody") for name, text in texts.items()}


def section_line(section: Section) -> str:
    return f"{section.course.code} {section.course.name} · section {section.number} · {section.term.name}"
