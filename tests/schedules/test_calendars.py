"""What calendars are told, read back by another library than the one that writes it."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import Any

import pytest
from dateutil import tz
from hypothesis import given
from hypothesis import strategies as st
from ical.calendar import Calendar
from ical.calendar_stream import IcsCalendarStream
from ical.event import Event, EventStatus

from schedules import calendars, captures, planning, recurrence, scheduling
from schedules.calendars import Version
from schedules.models import Building, Campus, Capture, CaptureSchedule, Change, Room, Section
from tests.support import timetable
from tests.support.timetable import MONDAY

CHANGED = datetime.datetime(2045, 9, 1, 12, tzinfo=datetime.UTC)
ZONES = [
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Auckland",  # the other half of the year
    "Africa/Casablanca",  # by the moon
    "America/Sao_Paulo",
    "Asia/Kathmandu",
    "UTC",
]
Moments = list[tuple[datetime.datetime, datetime.datetime]]


def parsed(text: bytes) -> Calendar:
    assert all(len(line) <= 75 for line in text.split(b"\r\n"))
    # The reader looks for the date that is replaced among those without a zone.
    readable = re.sub(r"^(RECURRENCE-ID:\w+)Z\r$", r"\1\r", text.decode(), flags=re.MULTILINE)
    return IcsCalendarStream.calendar_from_ics(readable)


def by_vtimezone(text: bytes) -> bytes:
    """The same, with zones that the reader cannot know but from the VTIMEZONE."""
    return re.sub(rb"(TZID[:=])([A-Z][A-Za-z_/]+)", rb"\1X-\2", text)


def expanded(text: bytes, *, cancelled: bool = False) -> Moments:
    events = [one for one in parsed(text).timeline if (one.status == EventStatus.CANCELLED) == cancelled]
    return sorted((_utc(one.dtstart), _utc(_end(one))) for one in events)


def _end(event: Event) -> Any:
    """A length is one of time as it passes (RFC 5545 §3.3.6); the reader adds it by the clock."""
    return event.dtend or _utc(event.dtstart) + event.computed_duration


def _utc(moment: Any) -> datetime.datetime:
    assert moment.tzinfo is not None
    return moment.astimezone(datetime.UTC)


def expected(rows: list[Capture], *, cancelled: bool = False) -> Moments:
    rows = [one for one in rows if (one.state == Capture.State.CANCELLED) == cancelled]
    return sorted((_utc(one.starts_at), _utc(one.ends_at)) for one in rows)


# --- Any schedule, without a database ------------------------------------------------------------------
def room_in(zone: str, key: int = 1) -> Room:
    campus = Campus(pk=key, name=f"Campus {key}", time_zone=zone, lead_seconds=120, tail_seconds=60)
    building = Building(pk=key, name=f"Building {key}", campus=campus)
    return Room(pk=key, name=f"Room {key}", building=building, capture_agent="agent")


def capture_of(schedule: CaptureSchedule, on: datetime.date, key: int) -> Capture:
    lecture = recurrence.occurrence(planning.rule_of(schedule), on, schedule.zone)
    capture = Capture(
        pk=key, schedule=schedule, rule_date=on, room=schedule.room, title=schedule.title, changed_at=CHANGED
    )
    retime(capture, lecture.starts_at, lecture.ends_at)
    return capture


def retime(capture: Capture, starts_at: datetime.datetime, ends_at: datetime.datetime) -> None:
    times = planning.Times.of(starts_at.astimezone(datetime.UTC), ends_at, lead=120, tail=60, room=capture.room)
    scheduling.set_times(capture, times)


@st.composite
def timetables(draw: st.DrawFn) -> list[Capture]:
    """The captures of one schedule, some left out, moved or cancelled, the rule perhaps edited since."""
    schedule = CaptureSchedule(
        pk=7,
        title="Maß & Zahl; Teil 1, „λ“ \\ n",
        room=room_in(draw(st.sampled_from(ZONES))),
        starts_on=draw(st.dates(datetime.date(2024, 1, 1), datetime.date(2046, 1, 1))),
        start_time=draw(st.times().map(lambda one: one.replace(microsecond=0, second=0))),
        duration_minutes=draw(st.integers(1, 240)),
        repeats=draw(st.sampled_from(["weekly", "weekly", "weekly", "none"])),
        weekdays=draw(st.lists(st.integers(1, 7), min_size=1, unique=True)),
        interval_weeks=draw(st.sampled_from([1, 1, 2, 5])),
    )
    schedule.ends_on = schedule.starts_on + datetime.timedelta(days=draw(st.integers(0, 300)))
    schedule._prefetched_objects_cache = {"publications": []}  # type: ignore[attr-defined]  # Django's own
    dates = recurrence.dates_of(planning.rule_of(schedule))
    kept = [on for on in dates if not draw(st.integers(0, 3)) == 0]
    rows = [capture_of(schedule, on, key) for key, on in enumerate(kept, 1)]
    elsewhere = room_in(draw(st.sampled_from(ZONES)), 2)
    for row in rows:
        match draw(st.integers(0, 11)):
            case 0:
                row.state = Capture.State.CANCELLED
            case 1:
                row.title = "Another title"
            case 2:
                row.room = elsewhere
            case 3:
                moved = row.starts_at + datetime.timedelta(minutes=draw(st.integers(-4000, 40_000)))
                retime(row, moved, moved + datetime.timedelta(minutes=draw(st.integers(1, 240))))
            case 4:
                row.state = draw(st.sampled_from([Capture.State.RECORDED, Capture.State.FAILED]))
    if draw(st.integers(0, 3)) == 0:  # edited afterwards: captures that have begun stay as they were
        schedule.start_time = draw(st.times().map(lambda one: one.replace(microsecond=0, second=0)))
        schedule.weekdays = draw(st.lists(st.integers(1, 7), min_size=1, unique=True))
        schedule.starts_on += datetime.timedelta(days=draw(st.integers(-30, 30)))
        schedule.ends_on = max(schedule.starts_on, draw(st.sampled_from([schedule.ends_on, *kept])))
    return rows


def written(rows: list[Capture]) -> bytes:
    return calendars.for_people("All", rows, {7: Version(3, CHANGED)})


@given(timetables())
def test_the_calendar_says_exactly_what_the_captures_say(rows):
    text = written(rows)

    assert expanded(text) == expected(rows)
    assert expanded(text, cancelled=True) == expected(rows, cancelled=True)


@given(timetables())
def test_the_zones_are_described_as_they_are(rows):
    text = written(rows)
    described = by_vtimezone(text)
    if b"BEGIN:VTIMEZONE" not in described:
        return
    zones = tz.tzical(_file(described))

    for row in rows:
        name = f"X-{row.zone.key}"
        if name in zones.keys():  # noqa: SIM118 - not a mapping
            local = row.starts_at.astimezone(zones.get(name))
            assert local.utcoffset() == row.starts_at.astimezone(row.zone).utcoffset()


def _file(text: bytes) -> Any:
    """dateutil reads only what it knows."""
    import io  # noqa: PLC0415

    unfolded = text.decode().replace("\r\n ", "")
    blocks = re.findall(r"BEGIN:VTIMEZONE.*?END:VTIMEZONE", unfolded, re.DOTALL)
    return io.StringIO("\r\n".join(blocks))
