"""Tables of a page: sorted by what the address says, a page at a time, each with its addresses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.urls import NoReverseMatch, reverse

from analytics.figures import definitions
from analytics.figures.definitions import Column, Part
from analytics.figures.tab import natural

from .cells import Cell, cell_of

PAGE = 25
FILTER = ("section", "term", "range", "first", "last", "who")


@dataclass(frozen=True)
class Head:
    """`sorted`: ascending, descending or nothing, as aria-sort has it. `url`: the page sorted by this column."""

    column: Column
    url: str
    sorted: str


@dataclass(frozen=True)
class Row:
    cells: list[tuple[Column, Cell]]


@dataclass(frozen=True)
class Table:
    """`note`: behind the caption. `csv`: where it is as a file. `empty`: what is said if it has no rows."""

    name: str
    caption: str
    heads: list[Head]
    rows: list[Row]
    count: int
    first: int
    totals: Row | None = None
    previous: str = ""
    next: str = ""
    note: str = ""
    csv: str = ""
    empty: str = ""
    definitions: Sequence[Column] = field(default_factory=tuple)

    @property
    def last(self) -> int:
        return self.first + len(self.rows) - 1


Links = dict[str, Callable[[Any], str]]
Cells = dict[str, Callable[[Any], Cell]]


def table_of(
    name: str,
    caption: str,
    rows: Sequence[Any],
    given: QueryDict,
    *,
    links: Links | None = None,
    cells: Cells | None = None,
    totals: Any = None,
    usual: str = "",
    note: str = "",
    csv: str = "",
    empty: str = "",
    whole: bool = False,
    without: Collection[str] = (),
) -> Table:
    """`links`: by column, where its text leads. `cells`: by column, another cell than the usual one. `usual`: how
    it is sorted unless the address says otherwise. `whole`: not in pages. `without`: columns that are not shown.
    """
    columns = [column for column in definitions.TABLES[name] if not column.csv_only and column.name not in without]
    sort, ordered = ordered_by(columns, rows, given.get(f"{name}_sort") or usual)
    size = max(len(rows), 1) if whole else PAGE
    page = _page(given.get(f"{name}_page", ""), len(rows), size)
    shown = ordered[(page - 1) * size : page * size]
    return Table(
        name=name,
        caption=caption,
        heads=[_head(column, name, sort, given) for column in columns],
        rows=[_row(columns, row, links or {}, cells or {}) for row in shown],
        count=len(rows),
        first=(page - 1) * size + 1,
        totals=_row(columns, totals, {}, cells or {}) if totals is not None and rows else None,
        previous=_address(given, name, page=page - 1) if page > 1 else "",
        next=_address(given, name, page=page + 1) if page * size < len(rows) else "",
        note=note,
        csv=csv,
        empty=empty,
        definitions=columns,
    )


def ordered_by(columns: Sequence[Column], rows: Sequence[Any], wanted: str) -> tuple[str, list[Any]]:
    """By the column of this name, backwards with a minus before it; what has no value comes last either way."""
    name, backwards = wanted.removeprefix("-"), wanted.startswith("-")
    if name not in {column.name for column in columns}:
        return "", list(rows)
    known = [row for row in rows if _key(getattr(row, name)) is not None]
    unknown = [row for row in rows if _key(getattr(row, name)) is None]
    return wanted, sorted(known, key=lambda row: _key(getattr(row, name)), reverse=backwards) + unknown


def _key(value: Any) -> Any:
    if isinstance(value, Part):
        return None if value.share is None else (value.share, value.of)
    if isinstance(value, str):
        return natural(value) or None
    return value


def _head(column: Column, table: str, sort: str, given: QueryDict) -> Head:
    """Numbers are asked for from the largest, words from A."""
    first, second = (f"-{column.name}", column.name) if column.is_number else (column.name, f"-{column.name}")
    is_sorted = sort.removeprefix("-") == column.name
    direction = ("descending" if sort.startswith("-") else "ascending") if is_sorted else ""
    return Head(column, _address(given, table, sort=second if sort == first else first), direction)


def _row(columns: Sequence[Column], row: Any, links: Links, cells: Cells) -> Row:
    return Row([(column, _cell(column, row, links, cells)) for column in columns])


def _cell(column: Column, row: Any, links: Links, cells: Cells) -> Cell:
    if column.name in cells:
        return cells[column.name](row)
    link = links.get(column.name)
    return cell_of(column, getattr(row, column.name), link(row) if link else "")


def _page(text: str, rows: int, size: int) -> int:
    pages = max(1, -(-rows // size))
    return min(int(text), pages) if text.isascii() and text.isdigit() and 0 < len(text) < 7 and int(text) else 1


def _address(given: QueryDict, table: str, *, sort: str | None = None, page: int | None = None) -> str:
    """The same page with this table sorted, from its first page on, or turned."""
    changed = {f"{table}_page": str(page) if page and page > 1 else ""}
    if sort is not None:
        changed[f"{table}_sort"] = sort
    return f"{address(given, **changed)}#{table}"


def address(given: QueryDict, **changed: str) -> str:
    """A query with other parameters; what is empty is left out."""
    kept = [(name, value) for name in given for value in given.getlist(name) if value and name not in changed]
    return "?" + urlencode([*kept, *((name, value) for name, value in changed.items() if value)])


def filter_of(given: QueryDict) -> str:
    """What the tab's filter says, for pages that lead back to it."""
    kept = [(name, value) for name in FILTER for value in given.getlist(name) if value]
    return f"?{urlencode(kept)}" if kept else ""


def url_of(name: str, *arguments: Any) -> str:
    """Empty as long as there is no such page."""
    try:
        return reverse(name, args=arguments)
    except NoReverseMatch:
        return ""
