"""What captures a schedule means: its rule, without the days that are left out, with the recorder's times."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from . import recurrence
from .models import CaptureSchedule, NonTeachingDay, Room, Term
from .models.captures import MAX_CAPTURES, MOST_WEEKS, max_minutes
from .recurrence import ClockNote

DAYS_OF_THE_WEEK = frozenset(range(1, 8))
# Beyond them lie only typing errors, and the ends of the calendar, near which no zone can be reckoned.
YEARS = range(1970, 2201)
FAR_AWAY = f"Enter a date between the years {YEARS[0]} and {YEARS[-1]}."
NEAR_ENOUGH = [
    MinValueValidator(datetime.date(YEARS[0], 1, 1), FAR_AWAY),
    MaxValueValidator(datetime.date(YEARS[-1], 12, 31), FAR_AWAY),
]


def date_in(iso: str) -> datetime.date | None:
    """The date of an address; None for what is none, or none that a schedule could have."""
    try:
        date = datetime.date.fromisoformat(iso)
    except ValueError:
        return None
    return date if date.year in YEARS else None


@dataclass(frozen=True)
class Times:
    """Of one capture: of the lecture, of the recorder, and for how long the room is taken."""

    starts_at: datetime.datetime
    ends_at: datetime.datetime
    recording_starts_at: datetime.datetime
    recording_ends_at: datetime.datetime
    occupied: DateTimeTZRange

    @classmethod
    def of(
        cls, starts_at: datetime.datetime, ends_at: datetime.datetime, *, lead: int, tail: int, room: Room
    ) -> Times:
        """`lead`, `tail`: seconds. The range is half open: one recording may begin when another's gap ends.

        Raises ValidationError if lead and tail leave nothing to record.
        """
        first = later(starts_at, -lead)
        last = later(ends_at, tail)
        # What is compared is in UTC: Python compares two local times by the clock, where 01:30 may come twice.
        taken_from, over = first.astimezone(datetime.UTC), last.astimezone(datetime.UTC)
        if over <= taken_from:
            raise ValidationError("Starting that late and ending that early leaves nothing to record.")
        free_again = later(over, 60 * room.turnaround_minutes)
        return cls(starts_at, ends_at, first, last, DateTimeTZRange(taken_from, free_again))


def later(moment: datetime.datetime, seconds: float) -> datetime.datetime:
    """By time that passes, in the same zone: adding to a local time would ignore a change of the clocks."""
    passed = moment.astimezone(datetime.UTC) + datetime.timedelta(seconds=seconds)
    return passed.astimezone(moment.tzinfo)


@dataclass(frozen=True)
class Planned:
    """One date of the rule. `left_out`: why nothing is recorded on it, empty if something is.

    `non_teaching`: the name of the non-teaching day it falls on, put back or not.
    """

    on: datetime.date
    times: Times
    left_out: str = ""
    non_teaching: str = ""
    note: ClockNote | None = None
    clocks_changed: bool = False

    @property
    def shown_date(self) -> str:
        return f"{self.times.starts_at:%a %-d %b %Y}"

    @property
    def shown_time(self) -> str:
        return f"{self.times.starts_at:%H:%M}–{self.times.ends_at:%H:%M}"

    @property
    def is_past(self) -> bool:
        return self.times.recording_starts_at <= timezone.now()


@dataclass(frozen=True)
class Plan:
    dates: tuple[Planned, ...]

    @cached_property
    def captures(self) -> tuple[Planned, ...]:
        """The dates on which something is recorded."""
        return tuple(one for one in self.dates if not one.left_out)

    @cached_property
    def left_out(self) -> tuple[Planned, ...]:
        return tuple(one for one in self.dates if one.left_out)


def rule_of(schedule: CaptureSchedule) -> recurrence.Rule:
    weekly = schedule.repeats == CaptureSchedule.Repeats.WEEKLY
    return recurrence.Rule(
        schedule.starts_on,
        schedule.ends_on,
        schedule.start_time,
        schedule.duration,
        frozenset(schedule.weekdays) if weekly else frozenset(),
        schedule.interval_weeks,
    )


def plan(schedule: CaptureSchedule, terms: Collection[Term]) -> Plan:
    """The captures of a schedule, saved or not, for sections of these terms; in two queries.

    Raises ValidationError if its rule makes no sense; `check` says what else may be wrong.
    """
    check_rule(schedule)
    days = non_teaching_days(schedule, terms)
    found = recurrence.occurrences(rule_of(schedule), schedule.zone)
    if len(found) > MAX_CAPTURES:
        raise ValidationError(
            {"ends_on": f"These are {len(found)} captures; one schedule makes at most {MAX_CAPTURES}."}
        )
    return Plan(tuple(_planned(schedule, one, days) for one in found))


def check_rule(schedule: CaptureSchedule) -> None:
    """Raises ValidationError with the fields that are wrong."""
    wrong = {}
    weekly = schedule.repeats == CaptureSchedule.Repeats.WEEKLY
    if not 1 <= schedule.duration_minutes <= max_minutes():
        wrong["duration_minutes"] = f"A capture lasts from 1 minute to {in_words(max_minutes())}."
    if weekly and not (schedule.weekdays and set(schedule.weekdays) <= DAYS_OF_THE_WEEK):
        wrong["weekdays"] = "Choose at least one day of the week."
    if weekly and not 1 <= schedule.interval_weeks <= MOST_WEEKS:
        wrong["interval_weeks"] = f"Enter a number of weeks from 1 to {MOST_WEEKS}."
    if schedule.starts_on.year not in YEARS:
        wrong["starts_on"] = FAR_AWAY
    if schedule.ends_on < schedule.starts_on:
        wrong["ends_on"] = "The last date is before the first."
    elif schedule.ends_on - schedule.starts_on > recurrence.LONGEST_SPAN:
        wrong["ends_on"] = "The dates are more than three years apart."
    if wrong:
        raise ValidationError(wrong)


def in_words(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    words = [f"{hours} hours" if hours > 1 else "1 hour" if hours else ""]
    words.append(f"{rest} minutes" if rest > 1 else "1 minute" if rest else "")
    return " ".join(filter(None, words))


def non_teaching_days(schedule: CaptureSchedule, terms: Collection[Term]) -> dict[datetime.date, str]:
    """By date, within the dates of the schedule."""
    found: dict[datetime.date, str] = {}
    campus = schedule.room.building.campus
    days = NonTeachingDay.objects.applying_to(campus=campus, terms=terms)
    for day in days.between(schedule.starts_on, schedule.ends_on):
        first, last = max(day.first, schedule.starts_on), min(day.last, schedule.ends_on)
        for step in range((last - first).days + 1):
            found.setdefault(first + datetime.timedelta(days=step), day.name)
    return found


def _planned(schedule: CaptureSchedule, lecture: recurrence.Occurrence, days: dict[datetime.date, str]) -> Planned:
    times = Times.of(
        lecture.starts_at, lecture.ends_at, lead=schedule.lead, tail=schedule.tail, room=schedule.room
    )
    non_teaching = days.get(lecture.on, "")
    left_out = ""
    if lecture.on in schedule.left_out:
        left_out = "Left out by hand"
    elif non_teaching and lecture.on not in schedule.put_back:
        left_out = non_teaching
    return Planned(lecture.on, times, left_out, non_teaching, lecture.note, lecture.clocks_changed)


def check_not_past(planned: Iterable[Planned]) -> None:
    """Nothing is scheduled in the past. Raises ValidationError."""
    past = [one for one in planned if one.is_past]
    if past:
        many = "capture is" if len(past) == 1 else "captures are"
        first = past[0].times.starts_at
        raise ValidationError(
            {"starts_on": f"{len(past)} {many} in the past, the first on {first:%-d %B %Y, %H:%M}. Begin later."}
        )


def toggled(schedule: CaptureSchedule, on: datetime.date, planned: Sequence[Planned]) -> None:
    """Leaves a date out, or puts it back if it is left out: the click on a day of the preview."""
    one = next((one for one in planned if one.on == on), None)
    if one is None:
        return
    schedule.left_out = [date for date in schedule.left_out if date != on]
    schedule.put_back = [date for date in schedule.put_back if date != on]
    if one.left_out and one.non_teaching:
        schedule.put_back = sorted([*schedule.put_back, on])
    elif not one.left_out and not (one.non_teaching):
        schedule.left_out = sorted([*schedule.left_out, on])
