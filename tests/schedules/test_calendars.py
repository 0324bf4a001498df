"""What calendars are told, read back by another library than the one that writes it."""

from __future__ import annotations

import datetime
import io
import re
import zoneinfo
from typing import Any

import pytest
import time_machine
from dateutil import tz
from hypothesis import given
from hypothesis import strategies as st
from ical.calendar import Calendar
from ical.calendar_stream import IcsCalendarStream
from ical.event import Event, EventStatus

from schedules import calendars, captures, feeds, planning, recurrence, scheduling
from schedules.calendars import Version
from schedules.models import Building, Campus, Capture, CaptureSchedule, Room
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


def _utc(moment: Any) -> Any:
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
    kept = [on for on in dates if draw(st.integers(0, 3))]
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

    assert all(len(line) <= 75 for line in text.split(b"\r\n"))
    assert expanded(text) == expected(rows)
    assert expanded(text, cancelled=True) == expected(rows, cancelled=True)


@pytest.mark.parametrize("zone", ZONES[:-1])
@pytest.mark.parametrize("year", [2026, 2039, 2045])
def test_the_zones_are_described_as_they_are(zone, year):
    """Every twelve hours of the year; in Casablanca summer time stops for four weeks, when the moon says so."""
    row = capture_of(once_in(zone, datetime.date(year, 6, 1)), datetime.date(year, 6, 1), 1)
    zones = tz.tzical(_file(by_vtimezone(written([row]))))
    described, real = zones.get(f"X-{zone}"), zoneinfo.ZoneInfo(zone)

    wall = datetime.datetime(year, 1, 1, 9, tzinfo=real)
    while wall.year == year:
        assert wall.replace(tzinfo=described).utcoffset() == wall.utcoffset()
        wall += datetime.timedelta(hours=12)


def once_in(zone: str, on: datetime.date) -> CaptureSchedule:
    made = CaptureSchedule(
        pk=7, title="Once", room=room_in(zone), starts_on=on, ends_on=on, start_time=datetime.time(9)
    )
    made.duration_minutes, made.repeats = 60, "none"
    made._prefetched_objects_cache = {"publications": []}  # type: ignore[attr-defined]  # Django's own
    return made


@given(timetables())
def test_a_reader_that_knows_no_zones_reads_the_same(rows):
    """All it can go by is the description in the text itself."""
    text = by_vtimezone(written(rows))

    assert expanded(text) == expected(rows)


def _file(text: bytes) -> Any:
    """dateutil reads zones and nothing else."""
    unfolded = text.decode().replace("\r\n ", "")
    blocks = re.findall(r"BEGIN:VTIMEZONE.*?END:VTIMEZONE", unfolded, re.DOTALL)
    return io.StringIO("\r\n".join(blocks))


# --- Schedules as they are made and changed ------------------------------------------------------------
def events_of(schedule: CaptureSchedule) -> list[Event]:
    return sorted(parsed(of(schedule)).events, key=lambda one: (one.recurrence_id or "", _utc(one.dtstart)))


def of(schedule: CaptureSchedule) -> bytes:
    rows = schedule.captures.with_names().select_related(
        "room__building__campus", "schedule__presenter", "schedule__room__building__campus"
    )
    return calendars.for_people("All", rows, feeds.versions_of([schedule_now(schedule)]))


def schedule_now(schedule: CaptureSchedule) -> CaptureSchedule:
    return CaptureSchedule.objects.with_names().get(pk=schedule.pk)


@pytest.mark.django_db
def test_a_schedule_is_one_repeating_event(scheduler, instructor):
    section = timetable.section(code="MATH1")
    made = timetable.schedule(
        section,
        user=scheduler,
        presenter=instructor,
        in_room=timetable.room("Hall 1", on=timetable.campus("City")),
        left_out=[MONDAY + datetime.timedelta(weeks=1)],
    )

    (event,) = events_of(made)

    assert event.summary == "Lecture"
    assert event.location == f"{made.room.building.name} Hall 1, City"
    assert event.description == f"MATH1 · 001 · {section.term.name}\nInstructor"
    assert event.status == EventStatus.CONFIRMED
    assert event.uid == f"schedule-{made.pk}@localhost"
    text = of(made).decode()
    assert "DTSTART;TZID=Europe/London:20451002T090000" in text
    assert "DURATION:PT1H" in text
    assert "RRULE:FREQ=WEEKLY;UNTIL=20451023T080000Z;INTERVAL=1;BYDAY=MO;WKST=MO" in text
    assert "EXDATE;TZID=Europe/London:20451009T090000" in text
    assert text.count("BEGIN:VTIMEZONE") == 1


@pytest.mark.django_db
def test_moved_renamed_and_cancelled_captures_are_overrides(scheduler):
    made = timetable.schedule(user=scheduler)
    moved, renamed, cancelled, _ = made.captures.all()
    other = timetable.room("Elsewhere", on=timetable.campus(time_zone="Europe/Paris"))
    hour = datetime.timedelta(hours=1)
    day_after = moved.starts_at + 24 * hour
    captures.change_capture(
        moved, title="Lecture", room=other, starts_at=day_after, duration=2 * hour, user=scheduler
    )
    captures.change_capture(
        renamed, title="Exam", room=made.room, starts_at=renamed.starts_at, duration=hour, user=scheduler
    )
    captures.cancel_capture(cancelled, user=scheduler)

    series, first, second, third = events_of(made)

    assert [one.recurrence_id for one in (series, first, second, third)] == [
        None,
        "20451002T090000",
        "20451009T090000",
        "20451016T090000",
    ]
    assert {one.uid for one in (series, first, second, third)} == {series.uid}
    assert "DTSTART;TZID=Europe/Paris:20451003T100000" in of(made).decode()
    assert str(first.location).startswith(other.building.name)
    assert second.summary == "Exam"
    assert third.status == EventStatus.CANCELLED
    assert expanded(of(made)) == expected(list(made.captures.all()))


@pytest.mark.django_db
def test_the_sequence_grows_with_every_change(scheduler):
    made = timetable.schedule(user=scheduler)
    first = made.captures.all()[0]
    seen: list[int] = []

    def note() -> None:
        (sequence,) = {one.sequence for one in events_of(made)}
        assert sequence is not None
        seen.append(sequence)

    note()
    captures.cancel_capture(first, user=scheduler)
    note()
    captures.restore_capture(first, user=scheduler)
    note()
    changed = schedule_now(made)
    changed.start_time = datetime.time(8)
    scheduling.change_schedule(changed, [], user=scheduler)
    note()
    scheduling.cut_short(changed, MONDAY + datetime.timedelta(weeks=2), user=scheduler)
    note()

    assert seen == sorted(set(seen))


@pytest.mark.django_db
def test_what_was_cut_off_is_cancelled_in_the_same_series(scheduler):
    made = timetable.schedule(user=scheduler)
    scheduling.cut_short(made, MONDAY + datetime.timedelta(weeks=1), user=scheduler)

    events = events_of(made)

    assert [one.recurrence_id for one in events] == [None, "20451016T090000", "20451023T090000"]
    assert {one.status for one in events[1:]} == {EventStatus.CANCELLED}
    assert len(expanded(of(made))) == 2


@pytest.mark.django_db
def test_last_modified_is_when_something_was_last_changed(scheduler):
    with time_machine.travel(datetime.datetime(2045, 9, 1, 8, tzinfo=datetime.UTC), tick=False):
        made = timetable.schedule(user=scheduler)
    with time_machine.travel(datetime.datetime(2045, 9, 2, 9, 30, tzinfo=datetime.UTC), tick=False):
        captures.cancel_capture(made.captures.all()[0], user=scheduler)

    assert of(made).count(b"LAST-MODIFIED:20450902T093000Z") == 2
    assert of(made).count(b"DTSTAMP:20450902T093000Z") == 2


@pytest.mark.django_db
def test_a_lecture_at_a_time_that_the_clocks_skip_is_written_out():
    """In London 01:30 does not exist on 26 March 2045, and exists twice on 29 October."""
    spring = timetable.schedule(
        starts_on=datetime.date(2045, 3, 19),
        ends_on=datetime.date(2045, 4, 2),
        start_time=datetime.time(1, 30),
        weekdays=[7],
    )
    autumn = timetable.schedule(
        starts_on=datetime.date(2045, 10, 22),
        ends_on=datetime.date(2045, 11, 5),
        start_time=datetime.time(1, 30),
        weekdays=[7],
    )

    for made, recurrence_id, start in (
        (spring, "20450326T013000", ";TZID=Europe/London:20450326T023000"),
        (autumn, "20451029T013000", ":20451029T003000Z"),
    ):
        text = of(made).decode()
        assert f"RECURRENCE-ID;TZID=Europe/London:{recurrence_id}" in text
        assert f"DTSTART{start}" in text
        assert expanded(of(made)) == expected(list(made.captures.all()))


# --- For recorders -------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_recorder_reads_recording_times_in_utc(scheduler):
    room = timetable.room("Hall 1", capture_agent="agent-7", lead_seconds=120, tail_seconds=60)
    made = timetable.schedule(
        user=scheduler, in_room=room, live=True, quality="high", input_2="", ends_on=MONDAY + datetime.timedelta(7)
    )
    first, second = made.captures.all()
    captures.cancel_capture(second, user=scheduler)

    text = calendars.for_recorder(room, made.captures.with_names(), feeds.versions_of([made]))
    events = parsed(text).events

    assert [(one.dtstart, one.dtend) for one in events] == [
        (_utc(one.recording_starts_at), _utc(one.recording_ends_at)) for one in (first, second)
    ]
    assert b"DTSTART:20451002T075800Z" in text
    assert b"RRULE" not in text
    assert b"VTIMEZONE" not in text
    assert [one.status for one in events] == [EventStatus.CONFIRMED, EventStatus.CANCELLED]
    assert {one.name: one.value for one in events[0].extras} == {
        "x-echo-lms-capture": str(first.pk),
        "x-echo-lms-state": "scheduled",
        "x-echo-lms-capture-agent": "agent-7",
        "x-echo-lms-input-1": "display",
        "x-echo-lms-input-2": "",
        "x-echo-lms-quality": "high",
        "x-echo-lms-live": "TRUE",
    }


@pytest.mark.django_db
def test_a_long_title_is_no_second_property(scheduler):
    made = timetable.schedule(user=scheduler, title="Statik\r\nX-ECHO-LMS-LIVE:TRUE" + "ß" * 80)

    text = calendars.for_recorder(made.room, made.captures.with_names(), feeds.versions_of([made]))

    assert str(parsed(text).events[0].summary).startswith("Statik")
    assert text.count(b"\nX-ECHO-LMS-LIVE:TRUE") == 0
