"""What pages of figures are made of, besides tables."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.safestring import SafeString

from .tables import Table


@dataclass(frozen=True)
class Card:
    """One figure. `change`: in words, against the days before; `sign`: up, down, same or nothing."""

    label: str
    value: str
    note: str
    change: str
    sign: str
    meaning: str


@dataclass(frozen=True)
class Chart:
    """`scale`: from its end down to nothing. `marks`: some places along it. `table`: the same in figures."""

    title: str
    finding: str
    drawing: SafeString
    scale: list[str]
    marks: list[str]
    table: Table | None = None
