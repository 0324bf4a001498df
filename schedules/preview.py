"""What saving would do, before it is saved: every date with its times, conflicts and warnings, by month."""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from . import conflicts, planning
from .conflicts import Clash, Wanted
from .models import Capture, CaptureSchedule, Room, Term
from .planning import Planned
from .recurrence import ClockNote

if TYPE_CHECKING:
    from accounts.models import User


@dataclass(frozen=True)
class Row:
    """One date of the rule. `taken`: what is in the room already. `elsewhere`: the same people in other rooms.

    `is_past`: it would have begun. `begun`: it has, because the schedule is a saved one, and nothing touches it.
    """

    planned: Planned
    taken: tuple[Clash, ...] = ()
    elsewhere: tuple[Clash, ...] = ()
    is_past: bool = False
    begun: bool = False

    @property
    def recorder_start(self) -> str:
        return f"{self.planned.times.recording_starts_at:%H:%M:%S}".removesuffix(":00")

    @property
    def recorder_end(self) -> str:
        return f"{self.planned.times.recording_ends_at:%H:%M:%S}".removesuffix(":00")

    @property
    def clock(self) -> str:
        """What the clocks do to this lecture; empty on most days."""
        start = self.planned.times.starts_at
        if self.planned.note == ClockNote.MISSING:
            return f"The clocks go forward over this time. It starts at {start:%H:%M}."
        if self.planned.note == ClockNote.TWICE:
            return f"The clocks go back and {start:%H:%M} comes twice. It starts the first time."
        if self.planned.clocks_changed:
            return f"The clocks have changed since the date before. It stays at {start:%H:%M}."
        return ""

    @property
    def state(self) -> str:
        if self.planned.left_out:
            return "out"
        if self.begun:
            return "begun"
        if self.taken or self.is_past:
            return "taken"
        return "warned" if self.elsewhere else "free"


@dataclass(frozen=True)
class Day:
    date: datetime.date
    row: Row | None


@dataclass(frozen=True)
class Month:
    first: datetime.date
    weeks: tuple[tuple[Day | None, ...], ...]


@dataclass(frozen=True)
class Preview:
    schedule: CaptureSchedule
    rows: tuple[Row, ...]

    @cached_property
    def captures(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if not row.planned.left_out)

    @cached_property
    def taken(self) -> tuple[Row, ...]:
        return tuple(row for row in self.captures if row.taken)

    @cached_property
    def past(self) -> tuple[Row, ...]:
        return tuple(row for row in self.captures if row.is_past)

    @cached_property
    def warned(self) -> tuple[Row, ...]:
        return tuple(row for row in self.captures if row.elsewhere)

    @cached_property
    def left_out(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if row.planned.left_out)

    @property
    def first(self) -> Row | None:
        return self.captures[0] if self.captures else None

    @property
    def last(self) -> Row | None:
        return self.captures[-1] if self.captures else None

    @property
    def recorder_differs(self) -> bool:
        """The recorder's times are not the lecture's."""
        return bool(self.schedule.lead or self.schedule.tail)

    @cached_property
    def months(self) -> tuple[Month, ...]:
        """From the first to the last date of the rule; weeks begin on Monday."""
        if not self.rows:
            return ()
        by_date = {row.planned.on: row for row in self.rows}
        first, last = self.rows[0].planned.on, self.rows[-1].planned.on
        months = range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
        return tuple(_month(number // 12, number % 12 + 1, by_date) for number in months)


def _month(year: int, month: int, rows: dict[datetime.date, Row]) -> Month:
    weeks = calendar.Calendar().monthdatescalendar(year, month)
    days = [tuple(Day(date, rows.get(date)) if date.month == month else None for date in week) for week in weeks]
    return Month(datetime.date(year, month, 1), tuple(days))


def preview(schedule: CaptureSchedule, terms: Collection[Term], people: Sequence[User], *, user: User) -> Preview:
    """Of a schedule, saved or not, in a bounded number of queries. `people`: who would be in two places at once.

    Raises ValidationError if its rule makes no sense.
    """
    plan = planning.plan(schedule, terms)
    own = list(schedule.captures.values_list("pk", flat=True)) if schedule.pk else []
    wanted = [Wanted(schedule.room, one.times) for one in plan.dates]
    taken = conflicts.in_the_way(wanted, user=user, leaving=own)
    saved = schedule if schedule.pk else None
    elsewhere = conflicts.elsewhere(people, plan.dates, room=schedule.room, user=user, schedule=saved)
    rows = []
    for position, one in enumerate(plan.dates):
        begun = one.is_past and saved is not None
        in_room = () if begun else tuple(taken.get(position, ()))
        others = () if begun else tuple(elsewhere.get(position, ()))
        rows.append(Row(one, in_room, others, is_past=one.is_past and saved is None, begun=begun))
    return Preview(schedule, tuple(rows))


# --- One day of a room ---------------------------------------------------------------------------------
@dataclass(frozen=True)
class Busy:
    """`start`, `length`: minutes of the day, by the clock of the campus; what reaches over midnight is cut."""

    start: int
    length: int
    clash: Clash

    @property
    def from_to(self) -> str:
        end = self.start + self.length
        return f"{self.start // 60:02}:{self.start % 60:02}–{end // 60:02}:{end % 60:02}"


@dataclass(frozen=True)
class Strip:
    room: Room
    date: datetime.date
    busy: tuple[Busy, ...]
    wanted: tuple[int, int] | None = None


def day_of(
    room: Room,
    date: datetime.date,
    *,
    user: User,
    wanted: Planned | None = None,
    without: CaptureSchedule | None = None,
) -> Strip:
    """What is taken in a room on one day, its gaps included, in four queries. `without`: not by this schedule."""
    midnight = datetime.time()
    first = datetime.datetime.combine(date, midnight, tzinfo=room.zone)
    last = datetime.datetime.combine(date + datetime.timedelta(days=1), midnight, tzinfo=room.zone)
    found = (
        Capture.objects.taking_rooms()
        .filter(room=room, occupied__overlap=(first, last))
        .exclude(schedule=without.pk if without else None)
        .with_names()
        .order_by("starts_at")
    )
    captures = list(found)
    seen = conflicts.visible_keys([one.pk for one in captures], user)
    busy = [
        Busy(*_minutes(one.occupied.lower, one.occupied.upper, date, room), Clash(one, one.pk not in seen))
        for one in captures
    ]
    own = None
    if wanted is not None:
        own = _minutes(wanted.times.occupied.lower, wanted.times.occupied.upper, date, room)
    return Strip(room, date, tuple(busy), own)


def _minutes(
    first: datetime.datetime, last: datetime.datetime, date: datetime.date, room: Room
) -> tuple[int, int]:
    start, end = (_minute_of(moment, date, room) for moment in (first, last))
    return start, max(end - start, 1)


def _minute_of(moment: datetime.datetime, date: datetime.date, room: Room) -> int:
    local = moment.astimezone(room.zone)
    if local.date() != date:
        return 0 if local.date() < date else 24 * 60
    return local.hour * 60 + local.minute
