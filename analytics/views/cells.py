"""How a value of a column is written: on a page, and in a CSV file."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.safestring import SafeString

from analytics.figures.definitions import NOTHING, Column, Kind, Part
from analytics.figures.selection import zone
from analytics.figures.tab import clock


@dataclass(frozen=True)
class Cell:
    """`note`: smaller, behind the text. `url`: where it leads. `drawing`: above the text, the same drawn."""

    text: str
    note: str = ""
    url: str = ""
    drawing: SafeString | None = None


def cell_of(column: Column, value: Any, url: str = "") -> Cell:
    if value is None or value == "":
        return Cell(column.nothing if value is None or column.is_number else "")
    if column.kind == Kind.PART:
        return part(value)
    if column.kind == Kind.MOMENT:
        local = timezone.localtime(value)
        return Cell(date_format(local, "DATE_FORMAT"), date_format(local, "TIME_FORMAT"))
    return Cell(_text(column.kind, value), url=url)


def part(value: Part) -> Cell:
    share = value.share
    if share is None:
        return Cell(NOTHING)
    return Cell(percent(share), f"{value.number:,} of {value.of:,}")


def percent(share: float) -> str:
    """Whole ones; what is not nothing and not all is not written as if it were."""
    rounded = round(share * 100)
    if rounded == 0 and share > 0:
        return "<\u00a01\u00a0%"
    if rounded == 100 and share < 1:
        return ">\u00a099\u00a0%"
    return f"{rounded}\u00a0%"


def minutes(value: float) -> str:
    return "< 1" if 0 < value < 1 else f"{round(value):,}"


def _text(kind: Kind, value: Any) -> str:
    if kind == Kind.NUMBER:
        return f"{value:,}"
    if kind == Kind.MINUTES:
        return minutes(value)
    if kind == Kind.LENGTH:
        return clock(value)
    if kind == Kind.PERCENT:
        return percent(value)
    if kind == Kind.DATE:
        return date_format(value, "DATE_FORMAT")
    return str(value)


# --- CSV ------------------------------------------------------------------------------------------------
def csv_header(columns: tuple[Column, ...]) -> list[str]:
    return [name for column in columns for name in column.headers]


def csv_cells(columns: tuple[Column, ...], row: Any) -> list[str]:
    return [text for column in columns for text in _csv(column, getattr(row, column.name))]


def _csv(column: Column, value: Any) -> list[str]:
    """Numbers without separators, shares in per cent, days and moments as ISO 8601 in the institution's zone."""
    if column.kind == Kind.PART:
        texts = ["", ""] if value is None else [str(value.number), str(value.of)]
        return texts[: len(column.headers)]
    if value is None:
        return [""]
    if column.kind == Kind.MINUTES:
        return [f"{value:.1f}"]
    if column.kind == Kind.PERCENT:
        return [f"{value * 100:.1f}"]
    if isinstance(value, datetime.datetime):
        return [value.astimezone(zone()).isoformat(timespec="seconds")]
    return [str(value)]
