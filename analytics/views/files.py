"""Every table of the tab as a CSV file, filtered as the address says, and everything at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.roles import Role, role_required
from accounts.signed_in import signed_in
from analytics.figures import definitions, tab
from analytics.figures.everything import everything
from analytics.figures.selection import Asked, Selection, sections_of, select, today
from schedules.csv_files.writing import written
from schedules.models import Section

from .cells import csv_cells, csv_header
from .tab import missing_of
from .tables import ordered_by

ROWS: dict[str, Callable[[tab.Facts, QueryDict], Iterable[Any]]] = {
    "media": lambda facts, _given: tab.media_table(facts),
    "polls": lambda facts, _given: tab.polls_table(facts),
    "students": lambda facts, _given: tab.students_table(facts),
    "not-lately": lambda facts, given: tab.not_lately(facts, missing_of(given)),
    "days": lambda facts, _given: tab.views_by_day(facts.selection).rows,
}


@role_required(Role.INSTRUCTORS)
@never_cache
@require_safe
def table_file(request: HttpRequest, table: str) -> HttpResponse:
    """`bom=0` leaves out the mark by which Excel knows UTF-8."""
    if table == "columns":
        return file_of(request, table, ["file", "column", "label", "meaning"], _columns())
    if table not in (*ROWS, "everything"):
        raise Http404
    sections = sections_of(signed_in(request))
    selection = select(Asked.of(request.GET), sections).selection
    columns = definitions.TABLES[table]
    rows = _rows(table, request.GET, selection, sections)
    return file_of(request, table, csv_header(columns), (csv_cells(columns, row) for row in rows))


def _rows(table: str, given: QueryDict, selection: Selection, sections: list[Section]) -> Iterable[Any]:
    if table == "everything":
        return everything(selection, sections)
    found = list(ROWS[table](tab.read(selection, sections), given))
    return ordered_by(definitions.TABLES[table], found, given.get(f"{table}_sort", ""))[1]


def _columns() -> Iterator[list[str]]:
    """What the columns of all files mean."""
    for name, columns in definitions.TABLES.items():
        for column in columns:
            yield [f"{name}.csv", column.name, column.label, column.meaning]
            if column.of:
                yield [f"{name}.csv", column.of, column.label, f"What {column.name} is a part of."]


def file_of(request: HttpRequest, name: str, header: list[str], rows: Iterable[list[str]]) -> HttpResponse:
    """A CSV file, row by row. `bom=0` in the address leaves out the mark by which Excel knows UTF-8."""
    lines = written(header, rows, mark=request.GET.get("bom") != "0")
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="analytics-{name}-{today()}.csv"'
    return cast(HttpResponse, response)  # the guards know the one kind of answer alone
