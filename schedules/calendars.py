"""Captures as iCalendar text (RFC 5545): lectures for people, recordings for recorders. Never one for both.

For people a schedule is one repeating event by the clock of its campus, and whatever is not as the rule says is
written out: left-out dates as EXDATE, everything else as an event of its own with RECURRENCE-ID. So is a lecture
that a change of the clocks touches, in UTC, because readers disagree about those hours. A capture on a date that
the rule has no longer stands alone. Which captures there are, and when, the captures say; never the rule.
"""

from __future__ import annotations

import datetime
import functools
import itertools
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from icalendar import Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard, vRecur

from . import conflicts, recurrence
from .models import Capture, CaptureSchedule, Room
from .planning import rule_of
from .recurrence import Occurrence

PRODUCT = "-//echo_lms//calendar//EN"
WEEKDAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
DAY, MINUTE = datetime.timedelta(days=1), datetime.timedelta(minutes=1)
# How often a reader should ask again.
PEOPLE_ASK_EVERY = datetime.timedelta(hours=1)
RECORDERS_ASK_EVERY = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class Version:
    """Of a schedule with all its captures. `sequence` grows with every change of any of them."""

    sequence: int
    changed_at: datetime.datetime


# --- For people ----------------------------------------------------------------------------------------
def for_people(name: str, captures: Iterable[Capture], versions: Mapping[int, Version]) -> bytes:
    """The lectures, cancelled ones marked so. `captures`: `with_names` and with their schedules' rooms."""
    events = [
        event
        for _, group in itertools.groupby(_by_schedule(captures), key=lambda one: one.schedule_id)
        for event in _schedule(list(group), versions)
    ]
    return _calendar(name, PEOPLE_ASK_EVERY, events)


def _by_schedule(captures: Iterable[Capture]) -> list[Capture]:
    return sorted(captures, key=lambda one: (one.schedule_id, one.rule_date))


def _schedule(captures: Sequence[Capture], versions: Mapping[int, Version]) -> Iterator[Event]:
    schedule = captures[0].schedule
    version = versions[schedule.pk]
    series = _series(schedule, captures)
    if series:
        yield _repeating(schedule, series, {one.rule_date for one in captures}, version)
    for capture in captures:
        occurrence = series.get(capture.rule_date)
        if occurrence is None:
            yield _lecture(capture, _uid("capture", capture.pk), version)
        elif not _as_the_rule_says(capture, occurrence):
            event = _lecture(capture, _uid("schedule", schedule.pk), version)
            event.add("recurrence-id", _wall(schedule, occurrence.on))
            yield event


def _series(schedule: CaptureSchedule, captures: Sequence[Capture]) -> dict[datetime.date, Occurrence]:
    """The dates of the repeating event, from the first to the last that has a capture; empty if it would be one.

    It goes on after the schedule's last date as long as there are cancelled captures: they were part of it.
    """
    rule = rule_of(schedule)
    until = min(max(rule.ends_on, captures[-1].rule_date), rule.starts_on + recurrence.LONGEST_SPAN)
    try:
        found = recurrence.occurrences(replace(rule, ends_on=until), schedule.zone)
    except ValueError:  # a rule that nobody could save here
        return {}
    wanted = {one.rule_date for one in captures}
    there = [one.on for one in found if one.on in wanted]
    if len(there) < 2:
        return {}
    return {one.on: one for one in found if there[0] <= one.on <= there[-1]}


def _as_the_rule_says(capture: Capture, occurrence: Occurrence) -> bool:
    """Whether the repeating event alone tells every reader the truth about this capture."""
    return (
        capture.state != Capture.State.CANCELLED
        and capture.title == capture.schedule.title
        and capture.room_id == capture.schedule.room_id
        and capture.starts_at == occurrence.starts_at
        and capture.ends_at == occurrence.ends_at
        and occurrence.note is None
        and _is_plain(occurrence.starts_at, occurrence.ends_at, capture.schedule.zone)
    )


def _repeating(
    schedule: CaptureSchedule,
    series: Mapping[datetime.date, Occurrence],
    captured: set[datetime.date],
    version: Version,
) -> Event:
    first, last = min(series), max(series)
    event = _event(_uid("schedule", schedule.pk), schedule.title, schedule.room, version)
    event.add("dtstart", _wall(schedule, first))
    # A length and no end: the first lecture's end may not be one that the clocks show only once.
    event.add("duration", schedule.duration)
    event.add(
        "rrule",
        vRecur(
            {
                "FREQ": "WEEKLY",
                "INTERVAL": schedule.interval_weeks,
                "BYDAY": [WEEKDAYS[day - 1] for day in sorted(set(schedule.weekdays))],
                "WKST": "MO",
                "UNTIL": [series[last].starts_at.astimezone(datetime.UTC)],
            }
        ),
    )
    without = [_wall(schedule, on) for on in series if on not in captured]
    if without:
        event.add("exdate", without)
    _describe(event, schedule)
    event.add("status", "CONFIRMED")
    return event


def _lecture(capture: Capture, uid: str, version: Version) -> Event:
    event = _event(uid, capture.title, capture.room, version)
    starts_at, ends_at = capture.starts_at, capture.ends_at
    zone = capture.zone if _is_plain(starts_at, ends_at, capture.zone) else datetime.UTC
    event.add("dtstart", starts_at.astimezone(zone))
    event.add("dtend", ends_at.astimezone(zone))
    _describe(event, capture.schedule)
    event.add("status", _status(capture))
    return event


def _wall(schedule: CaptureSchedule, on: datetime.date) -> datetime.datetime:
    """What the rule asks for on this date by the clock, also where the clocks do not show it."""
    return datetime.datetime.combine(on, schedule.start_time, tzinfo=schedule.zone)


def _is_plain(starts_at: datetime.datetime, ends_at: datetime.datetime, zone: zoneinfo.ZoneInfo) -> bool:
    """Both moments exist once by the clock, and the clocks are not changed between them."""
    starts_at, ends_at = starts_at.astimezone(zone), ends_at.astimezone(zone)
    offsets = {one.replace(fold=fold).utcoffset() for one in (starts_at, ends_at) for fold in (0, 1)}
    return len(offsets) == 1


def _describe(event: Event, schedule: CaptureSchedule) -> None:
    """Whose lecture it is: the sections, who presents."""
    lines = [str(one.section) for one in schedule.publications.all()]
    whose = conflicts.whose_of(schedule)
    if whose:
        lines.append(whose)
    if lines:
        event.add("description", "\n".join(lines))


# --- For a recorder ------------------------------------------------------------------------------------
def for_recorder(room: Room, captures: Iterable[Capture], versions: Mapping[int, Version]) -> bytes:
    """The recordings in one room, each an event of its own in UTC."""
    events = [_recording(one, versions[one.schedule_id]) for one in sorted(captures, key=_recorded_when)]
    return _calendar(str(room), RECORDERS_ASK_EVERY, events)


def _recorded_when(capture: Capture) -> tuple[datetime.datetime, int]:
    return capture.recording_starts_at, capture.pk


def _recording(capture: Capture, version: Version) -> Event:
    schedule = capture.schedule
    event = _event(_uid("recording", capture.pk), capture.title, capture.room, version)
    event.add("dtstart", capture.recording_starts_at.astimezone(datetime.UTC))
    event.add("dtend", capture.recording_ends_at.astimezone(datetime.UTC))
    event.add("status", _status(capture))
    event.add("x-echo-lms-capture", str(capture.pk))
    event.add("x-echo-lms-state", capture.state)
    event.add("x-echo-lms-capture-agent", capture.room.capture_agent)
    event.add("x-echo-lms-input-1", schedule.input_1)
    event.add("x-echo-lms-input-2", schedule.input_2)
    event.add("x-echo-lms-quality", schedule.quality)
    event.add("x-echo-lms-live", "TRUE" if schedule.live else "FALSE")
    return event


# --- For both ------------------------------------------------------------------------------------------
def _event(uid: str, title: str, room: Room, version: Version) -> Event:
    changed_at = version.changed_at.astimezone(datetime.UTC).replace(microsecond=0)
    event = Event()
    event.add("uid", uid)
    event.add("dtstamp", changed_at)
    event.add("last-modified", changed_at)
    event.add("sequence", version.sequence)
    event.add("summary", title)
    event.add("location", f"{room}, {room.building.campus}")
    return event


def _uid(kind: str, key: int) -> str:
    return f"{kind}-{key}@{urlsplit(settings.SITE_URL).hostname}"


def _status(capture: Capture) -> str:
    return "CANCELLED" if capture.state == Capture.State.CANCELLED else "CONFIRMED"


def _calendar(name: str, ask_every: datetime.timedelta, events: Sequence[Event]) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("name", name)
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", ask_every, parameters={"VALUE": "DURATION"})
    for zone, years in sorted(_zones_of(events).items()):
        calendar.add_component(_time_zone(zone, min(years), max(years)))
    for event in events:
        calendar.add_component(event)
    text: bytes = calendar.to_ical()
    return text


def _zones_of(events: Sequence[Event]) -> dict[str, set[int]]:
    """The zones that are named, with the years in which they are needed."""
    found: dict[str, set[int]] = {}
    for event in events:
        stamps: list[Any] = [event[name] for name in ("DTSTART", "RECURRENCE-ID") if name in event]
        rule: Any = event.get("RRULE")
        for stamp in stamps:
            name = stamp.params.get("TZID")  # none if it is in UTC
            if name:
                last = rule["UNTIL"][0] if rule else stamp.dt
                found.setdefault(name, set()).update((stamp.dt.year, last.year))
    return found


@functools.lru_cache(maxsize=256)
def _time_zone(name: str, first: int, last: int) -> Timezone:
    """With every change of its clocks in these years, and a year around them.

    They are looked for here: icalendar's own description misses the four weeks in which Morocco stops its summer
    time, and lets London's begin an hour late.
    """
    zone = zoneinfo.ZoneInfo(name)
    start = datetime.datetime(first - 1, 1, 1, tzinfo=datetime.UTC)
    end = datetime.datetime(last + 2, 1, 1, tzinfo=datetime.UTC)
    found: dict[tuple[Any, ...], list[datetime.datetime]] = {}
    for moment in [start, *_changes(zone, start, end)]:
        local, before = moment.astimezone(zone), (moment - MINUTE).astimezone(zone)
        kind = TimezoneDaylight if local.dst() else TimezoneStandard
        change = (kind, before.utcoffset(), local.utcoffset(), local.tzname())
        found.setdefault(change, []).append(before.replace(tzinfo=None) + MINUTE)
    made = Timezone()
    made.add("tzid", name)
    for (kind, offset_before, offset, shown), onsets in found.items():
        part = kind()
        part.add("dtstart", onsets[0])
        part.add("rdate", onsets)  # the first as well: not every reader takes it from DTSTART
        part.add("tzoffsetfrom", offset_before)
        part.add("tzoffsetto", offset)
        part.add("tzname", shown)
        made.add_component(part)
    return made


def _changes(
    zone: zoneinfo.ZoneInfo, start: datetime.datetime, end: datetime.datetime
) -> Iterator[datetime.datetime]:
    """The moments, in UTC, from which on the clocks show something else; at most one a day."""
    day = start
    while day < end:
        before = _clock(zone, day)
        if before != _clock(zone, day + DAY):
            minutes = (day + MINUTE * count for count in range(1, DAY // MINUTE + 1))
            yield next(one for one in minutes if _clock(zone, one) != before)
        day += DAY


def _clock(zone: zoneinfo.ZoneInfo, moment: datetime.datetime) -> tuple[object, ...]:
    local = moment.astimezone(zone)
    return local.utcoffset(), local.dst(), local.tzname()
