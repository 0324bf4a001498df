"""Making, changing, ending and deleting schedules: what happens to captures, and what never does."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.core.exceptions import ValidationError

from schedules import captures, planning, scheduling
from schedules.models import Capture, CaptureSchedule, Change, NonTeachingDay, Publication, Room
from schedules.scheduling import RoomTaken, TooLate
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db
State = Capture.State
WEEK = datetime.timedelta(weeks=1)


def at(day, hour=0, minute=0):
    """Of October 2045, in UTC: London is an hour ahead until the 29th."""
    return time_machine.travel(datetime.datetime(2045, 10, day, hour, minute, tzinfo=datetime.UTC), tick=False)


def changed(schedule, *, user=None, from_date=None, by_hand_too=False, sections=None, **fields):
    draft = CaptureSchedule.objects.with_names().get(pk=schedule.pk)
    for name, value in fields.items():
        setattr(draft, name, value)
    publications = (
        list(draft.publications.all()) if sections is None else [Publication(section=one) for one in sections]
    )
    return scheduling.change_schedule(draft, publications, user=user, from_date=from_date, by_hand_too=by_hand_too)


def days(schedule):
    return [start[8:] for start in timetable.starts(schedule)]


@pytest.fixture
def schedule(scheduler):
    return timetable.schedule(timetable.section(), user=scheduler, title="Algebra")


# --- Making -----------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"duration_minutes": 241}, "duration_minutes"),
        ({"weekdays": []}, "weekdays"),
        ({"ends_on": MONDAY - WEEK}, "ends_on"),
        ({"ends_on": MONDAY + WEEK * 200}, "ends_on"),
        ({"weekdays": [1, 2, 3, 4, 5, 6, 7], "ends_on": MONDAY + WEEK * 100}, "ends_on"),
        ({"starts_on": datetime.date(2020, 1, 6), "ends_on": datetime.date(2020, 2, 1)}, "starts_on"),
        ({"input_1": "", "input_2": ""}, "input_1"),
        ({"input_2": "document"}, "input_2"),
        ({"input_1": "camera"}, "input_2"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(wrong, field):
    with pytest.raises(ValidationError) as refused:
        scheduling.create_schedule(timetable.draft(**wrong), [], user=None)

    assert list(refused.value.message_dict) == [field]
    assert not CaptureSchedule.objects.exists()


@pytest.mark.parametrize("minutes", [1, 240])
def test_the_shortest_and_the_longest_capture(minutes):
    made = timetable.schedule(duration_minutes=minutes)

    assert {one.ends_at - one.starts_at for one in made.captures.all()} == {datetime.timedelta(minutes=minutes)}


def test_nothing_but_left_out_dates_is_nothing_to_record():
    draft = timetable.draft(ends_on=MONDAY, left_out=[MONDAY])

    with pytest.raises(ValidationError, match="nothing to record"):
        scheduling.create_schedule(draft, [], user=None)


def test_a_capture_that_would_have_begun_a_minute_ago_is_refused():
    with at(2, 8, 1), pytest.raises(ValidationError) as refused:
        scheduling.create_schedule(timetable.draft(), [], user=None)

    assert refused.value.messages == ["1 capture is in the past, the first on 2 October 2045, 09:00. Begin later."]


@pytest.mark.parametrize(
    ("campus", "room", "schedule", "recorder"),
    [
        ({}, {}, {}, ("09:00:00", "10:00:00")),
        ({"lead_seconds": 60, "tail_seconds": 120}, {}, {}, ("08:59:00", "10:02:00")),
        ({"lead_seconds": 60}, {"lead_seconds": 0, "tail_seconds": -30}, {}, ("09:00:00", "09:59:30")),
        ({"lead_seconds": 60}, {"lead_seconds": 30}, {"lead_seconds": -15}, ("09:00:15", "10:00:00")),
    ],
)
def test_the_recorders_time_comes_from_schedule_room_and_campus(campus, room, schedule, recorder):
    place = timetable.room(on=timetable.campus(**campus), **room)

    made = timetable.schedule(in_room=place, **schedule).captures.earliest("pk")

    assert tuple(made.when.recorder.split(" – ")) == recorder
    assert made.when.time == "09:00–10:00"


def test_non_teaching_days_of_term_and_campus_are_left_out():
    room, term = timetable.room(), timetable.term()
    campus = room.building.campus
    applying = [(term, None), (None, campus), (term, timetable.campus())]
    for week, (of_term, of_campus) in enumerate(applying):
        day = MONDAY + WEEK * week
        NonTeachingDay.objects.create(first=day, last=day, name=f"Holiday {week}", term=of_term, campus=of_campus)

    made = timetable.schedule(timetable.section(term=term), in_room=room)

    assert days(made) == ["16 09:00", "23 09:00"]


def test_a_gap_after_a_recording_is_part_of_the_conflict():
    room = timetable.room(turnaround_minutes=10)
    timetable.schedule(in_room=room)

    with pytest.raises(RoomTaken):
        timetable.schedule(in_room=room, start_time=datetime.time(10, 9))
    timetable.schedule(in_room=room, start_time=datetime.time(10, 10))


def test_a_new_schedule_is_recorded_in_words(schedule, scheduler):
    change = Change.objects.about(schedule)[0]

    assert (change.action, change.actor) == ("Scheduled 4 captures", scheduler)
    assert ["Repeats", "", "Every week on Monday"] in change.differences


def test_the_room_counts_as_it_is_when_the_schedule_is_saved(scheduler):
    """Read before somebody gave it a gap, saved after."""
    draft = timetable.draft()
    Room.objects.filter(pk=draft.room.pk).update(turnaround_minutes=20)

    made = scheduling.create_schedule(draft, [], user=scheduler)

    first = made.captures.earliest("pk")
    assert first.occupied.upper - first.recording_ends_at == datetime.timedelta(minutes=20)


def test_a_room_that_was_deleted_meanwhile_is_told(scheduler):
    draft = timetable.draft()
    Room.objects.filter(pk=draft.room.pk).delete()

    with pytest.raises(ValidationError, match="This room was deleted meanwhile"):
        scheduling.create_schedule(draft, [], user=scheduler)


# --- Changing ---------------------------------------------------------------------------------------------
def test_what_has_begun_is_never_touched(schedule):
    with at(9, 8, 30):
        effect = changed(schedule, start_time=datetime.time(14), title="Botany")

    assert days(schedule) == ["02 09:00", "09 09:00", "16 14:00", "23 14:00"]
    assert [one.title for one in schedule.captures.all()] == ["Algebra", "Algebra", "Botany", "Botany"]
    assert (effect.begun, len(effect.moved)) == (2, 2)


def test_a_capture_is_not_moved_into_the_past(schedule):
    with at(2, 7, 30), pytest.raises(ValidationError, match="1 capture is in the past"):
        changed(schedule, start_time=datetime.time(8))

    assert days(schedule)[0] == "02 09:00"


def test_dates_that_fall_away_are_cancelled_and_come_back_as_the_same_captures(schedule):
    before = list(schedule.captures.values_list("pk", flat=True))

    changed(schedule, left_out=[MONDAY])
    assert schedule.captures.get(rule_date=MONDAY).state == State.CANCELLED
    changed(schedule, left_out=[])

    assert list(schedule.captures.filter(state=State.SCHEDULED).values_list("pk", flat=True)) == before


def test_more_days_are_added(schedule):
    effect = changed(schedule, weekdays=[1, 3])

    assert len(effect.added) == 4
    assert len(days(schedule)) == 8


def test_captures_of_one_series_may_take_each_others_places(scheduler):
    """Each moves an hour on, into the time that another one leaves."""
    daily = timetable.schedule(weekdays=[1, 2, 3, 4, 5], ends_on=MONDAY + WEEK, duration_minutes=240)

    changed(daily, start_time=datetime.time(10))

    assert {start[-5:] for start in days(daily)} == {"10:00"}


def test_another_room_and_its_own_gap(schedule):
    room = timetable.room("Hall", building=schedule.room.building, turnaround_minutes=15)

    changed(schedule, room=room)

    capture = schedule.captures.earliest("pk")
    assert (capture.room, capture.occupied.upper - capture.ends_at) == (room, datetime.timedelta(minutes=15))


def test_what_was_changed_by_hand_stays_unless_asked(schedule, scheduler):
    first, second = schedule.captures.all()[:2]
    captures.cancel_capture(first, user=scheduler)
    hour = datetime.timedelta(hours=1)
    captures.change_capture(
        second, title="Guest", room=second.room, starts_at=second.starts_at + hour, duration=hour, user=scheduler
    )

    kept = changed(schedule, start_time=datetime.time(14))
    assert (len(kept.kept), days(schedule)) == (2, ["09 10:00", "16 14:00", "23 14:00"])
    changed(schedule, start_time=datetime.time(15), by_hand_too=True)

    assert days(schedule) == ["02 15:00", "09 15:00", "16 15:00", "23 15:00"]
    assert not schedule.captures.filter(edited=True).exists()


def test_from_a_date_on(schedule):
    changed(schedule, start_time=datetime.time(14), from_date=MONDAY + WEEK * 2)

    assert days(schedule) == ["02 09:00", "09 09:00", "16 14:00", "23 14:00"]


def test_a_change_into_a_taken_room_changes_nothing(schedule):
    timetable.schedule(in_room=schedule.room, start_time=datetime.time(14), ends_on=MONDAY, title="Botany")

    with pytest.raises(RoomTaken) as refused:
        changed(schedule, start_time=datetime.time(14))

    assert [str(clash) for clash in refused.value.clashes[MONDAY]] == ["“Botany”, Mon 2 October 2045, 14:00–15:00"]
    assert days(schedule)[0] == "02 09:00"
    assert CaptureSchedule.objects.get(pk=schedule.pk).start_time == datetime.time(9)


def test_a_change_is_recorded_with_before_and_after(schedule, scheduler):
    other = timetable.section(code="BOT1")

    changed(schedule, user=scheduler, title="Botany", sections=[other])

    change = Change.objects.about(schedule)[0]
    assert ["Title", "Algebra", "Botany"] in change.differences
    assert [f"Published to {other}", "", "available at once"] in change.differences
    assert change.actor == scheduler


def test_a_change_that_changes_nothing_is_not_recorded(schedule):
    before = Change.objects.count()

    assert not changed(schedule).changes_anything
    assert Change.objects.count() == before


def test_every_change_raises_the_sequence_for_calendars(schedule):
    changed(schedule, start_time=datetime.time(14))

    assert CaptureSchedule.objects.get().sequence == 1
    assert set(schedule.captures.values_list("sequence", flat=True)) == {1}


# --- Ending and deleting ----------------------------------------------------------------------------------
def test_cut_short_what_has_not_begun_is_cancelled(schedule, scheduler):
    scheduling.cut_short(schedule, MONDAY + WEEK, user=scheduler)

    assert days(schedule) == ["02 09:00", "09 09:00"]
    assert schedule.captures.count() == 4


def test_cut_short_in_mid_term_leaves_what_was(schedule):
    with at(10):
        effect = scheduling.cut_short(schedule, MONDAY - WEEK, user=None)

    assert len(effect.removed) == 2
    assert days(schedule) == ["02 09:00", "09 09:00"]


def test_cut_short_before_it_begins_nothing_comes_back_by_a_later_change(schedule):
    scheduling.cut_short(schedule, MONDAY - WEEK, user=None)

    changed(schedule, title="Botany")

    assert days(schedule) == []


def test_what_has_begun_is_not_deleted(schedule):
    with at(3), pytest.raises(TooLate, match="End the schedule instead"):
        scheduling.delete_schedule(schedule, user=None)

    assert schedule.captures.count() == 4


def test_what_is_deleted_leaves_a_record(schedule, scheduler):
    section = schedule.sections.get()

    scheduling.delete_schedule(schedule, user=scheduler)

    assert not Capture.objects.exists()
    assert Change.objects.about(section)[0].action == "The schedule “Algebra” was deleted"


# --- One capture ------------------------------------------------------------------------------------------
def test_a_cancelled_capture_frees_its_room_and_may_come_back(schedule, scheduler):
    capture = captures.cancel_capture(schedule.captures.earliest("pk"), user=scheduler, note="Strike")
    other = timetable.schedule(in_room=schedule.room, ends_on=MONDAY)

    with pytest.raises(RoomTaken):
        captures.restore_capture(capture, user=scheduler)
    captures.cancel_capture(other.captures.get(), user=scheduler)
    captures.restore_capture(capture, user=scheduler)

    assert days(schedule)[0] == "02 09:00"


@pytest.mark.parametrize("state", [State.RECORDING, State.RECORDED, State.FAILED])
def test_what_a_recorder_has_reported_is_not_changed(state, schedule, scheduler):
    capture = schedule.captures.earliest("pk")
    Capture.objects.filter(pk=capture.pk).update(state=state)

    with pytest.raises(TooLate):
        captures.cancel_capture(capture, user=scheduler)
    with pytest.raises(TooLate):
        captures.restore_capture(capture, user=scheduler)


def test_a_recording_that_ended_early_frees_the_room(schedule):
    Capture.objects.filter(pk=schedule.captures.earliest("pk").pk).update(state=State.RECORDED)

    timetable.schedule(in_room=schedule.room, ends_on=MONDAY, start_time=datetime.time(9, 30))


def test_a_capture_moved_over_a_change_of_the_clocks_lasts_its_length(schedule, scheduler):
    night = datetime.datetime(2045, 10, 29, 0, 30, tzinfo=ZoneInfo("Europe/London"))
    hours = datetime.timedelta(hours=3)
    first = schedule.captures.earliest("pk")

    moved = captures.change_capture(
        first, title="Night", room=first.room, starts_at=night, duration=hours, user=scheduler
    )

    assert moved.ends_at.astimezone(datetime.UTC) - moved.starts_at.astimezone(datetime.UTC) == hours


# --- A click on a day -------------------------------------------------------------------------------------
@pytest.mark.parametrize("holiday", [True, False])
@pytest.mark.parametrize("clicks", [1, 2, 3])
def test_each_click_turns_a_date_over(holiday, clicks):
    room = timetable.room()
    if holiday:
        NonTeachingDay.objects.create(campus=room.building.campus, first=MONDAY, last=MONDAY, name="Holiday")
    draft = timetable.draft(room)
    recorded = not holiday

    for _ in range(clicks):
        planning.toggled(draft, MONDAY, planning.plan(draft, []).dates)
        recorded = not recorded

    assert (MONDAY in [one.on for one in planning.plan(draft, []).captures]) is recorded
    assert len(draft.left_out) + len(draft.put_back) <= 1
