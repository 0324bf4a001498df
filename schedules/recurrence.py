"""When a schedule's lectures are, by the clock of their campus. Pure: no database, no clock of its own.

Dates come from dateutil on wall-clock time without a zone; the zone is attached afterwards, so that 09:00 stays
09:00 when the clocks change. Two hours of the year need a rule (docs/schedules.md, "When the clocks change"):

- A time that does not exist, because the clocks went forward over it, moves on by as much: 02:30 becomes 03:30.
- A time that exists twice, because the clocks went back, is taken the first time.

A lecture lasts its length as it passes, whatever the clocks do meanwhile.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from dateutil import rrule

LONGEST_SPAN = datetime.timedelta(days=3 * 366)


class ClockNote(StrEnum):
    """What the clocks did to one lecture's start."""

    MISSING = "missing"
    TWICE = "twice"


@dataclass(frozen=True)
class Rule:
    """`weekdays`: 1 is Monday, 7 Sunday; empty for a single lecture on `starts_on`. Weeks begin on Monday."""

    starts_on: datetime.date
    ends_on: datetime.date
    start_time: datetime.time
    duration: datetime.timedelta
    weekdays: frozenset[int] = frozenset()
    interval_weeks: int = 1


@dataclass(frozen=True)
class Occurrence:
    """`on`: the rule's date. `starts_at`, `ends_at`: in the zone. `clocks_changed`: since the one before it."""

    on: datetime.date
    starts_at: datetime.datetime
    ends_at: datetime.datetime
    note: ClockNote | None = None
    clocks_changed: bool = False


def dates_of(rule: Rule) -> list[datetime.date]:
    """In order; the first and the last date included.

    Raises ValueError for more than three years, and for dates that are not in order.
    """
    if rule.ends_on < rule.starts_on:
        raise ValueError("The last date is before the first.")
    if rule.ends_on - rule.starts_on > LONGEST_SPAN:
        raise ValueError("The dates are more than three years apart.")
    if not rule.weekdays:
        return [rule.starts_on]
    found = rrule.rrule(
        rrule.WEEKLY,
        interval=rule.interval_weeks,
        wkst=rrule.MO,
        byweekday=[day - 1 for day in sorted(rule.weekdays)],
        dtstart=datetime.datetime.combine(rule.starts_on, datetime.time()),
        until=datetime.datetime.combine(rule.ends_on, datetime.time()),
    )
    return [moment.date() for moment in found]


def in_zone(
    on: datetime.date, at: datetime.time, zone: zoneinfo.ZoneInfo
) -> tuple[datetime.datetime, ClockNote | None]:
    """The moment at which the zone's clocks show this date and time, and what they did if it was not simple."""
    wall = datetime.datetime.combine(on, at, tzinfo=zone).replace(fold=0)
    shown = wall.astimezone(datetime.UTC).astimezone(zone)
    if shown.replace(tzinfo=None) != wall.replace(tzinfo=None):
        # The offset before the change (fold 0) makes a later moment: as far behind the gap as was asked into it.
        return shown, ClockNote.MISSING
    if wall.utcoffset() != wall.replace(fold=1).utcoffset():
        return wall, ClockNote.TWICE
    return wall, None


def occurrence(rule: Rule, on: datetime.date, zone: zoneinfo.ZoneInfo) -> Occurrence:
    starts_at, note = in_zone(on, rule.start_time, zone)
    ends_at = (starts_at.astimezone(datetime.UTC) + rule.duration).astimezone(zone)
    return Occurrence(on, starts_at, ends_at, note)


def occurrences(rule: Rule, zone: zoneinfo.ZoneInfo) -> list[Occurrence]:
    """The lecture of every date, in order. Raises ValueError as `dates_of`."""
    return list(_with_changes(occurrence(rule, on, zone) for on in dates_of(rule)))


def _with_changes(lectures: Iterator[Occurrence]) -> Iterator[Occurrence]:
    offset = None
    for one in lectures:
        changed = offset is not None and one.starts_at.utcoffset() != offset
        offset = one.starts_at.utcoffset()
        yield Occurrence(one.on, one.starts_at, one.ends_at, one.note, changed)
