"""What changing a room, a building or a campus does to captures, and what is refused."""

from __future__ import annotations

import datetime
import itertools
import random

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.in_use import uses
from accounts.models import User
from configurations.models import ApiConfiguration
from directory.models import LmsCourse
from schedules import captures, rearranging
from schedules.models import Building, Campus, Capture, Change, Department, NonTeachingDay, Organization, Room
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db
State = Capture.State


def recorded(of):
    """Of the first capture: when its recording starts and ends, and when the room is free again."""
    one = Capture.objects.with_names().filter(schedule=of).earliest("starts_at")
    moments = (one.recording_starts_at, one.recording_ends_at, one.occupied.upper)
    return [f"{moment.astimezone(one.zone):%H:%M}" for moment in moments]


def fresh(row):
    return type(row).objects.get(pk=row.pk)


def refused(row):
    with pytest.raises(ValidationError) as caught:
        rearranging.check(row)
    with pytest.raises(ValidationError):
        rearranging.save(row, user=None)
    return caught.value


# --- Recording times --------------------------------------------------------------------------------------
def test_a_room_gives_its_captures_new_recording_times(admin):
    room = timetable.room(turnaround_minutes=5)
    made = timetable.schedule(in_room=room)
    assert recorded(made) == ["09:00", "10:00", "10:05"]

    room = fresh(room)
    room.lead_seconds, room.tail_seconds, room.turnaround_minutes = 300, -120, 10
    arranged = rearranging.save(room, user=admin)

    assert arranged == rearranging.Arranged(moved=4)
    assert recorded(made) == ["08:55", "09:58", "10:08"]
    assert set(made.captures.values_list("sequence", flat=True)) == {1}
    change = Change.objects.about(room).get()
    assert (change.action, change.actor) == ("Changed", admin)
    assert change.differences == [
        ["Gap after a recording (minutes)", "5", "10"],
        ["Start early by (seconds)", "", "300"],
        ["End late by (seconds)", "", "-120"],
        ["Captures with new recording times", "", "4"],
    ]


def test_a_campus_changes_what_neither_room_nor_schedule_say_themselves(admin):
    campus = timetable.campus()
    plain = timetable.schedule(in_room=timetable.room(on=campus))
    of_room = timetable.schedule(in_room=timetable.room(on=campus, lead_seconds=60))
    of_schedule = timetable.schedule(in_room=timetable.room(on=campus, lead_seconds=60), lead_seconds=0)
    elsewhere = timetable.schedule()
    campus = fresh(campus)
    campus.lead_seconds = 600

    assert rearranging.save(campus, user=admin).moved == 4

    assert recorded(plain)[0] == "08:50"
    assert recorded(of_room)[0] == "08:59"
    assert recorded(of_schedule)[0] == recorded(elsewhere)[0] == "09:00"


def test_a_building_that_moves_to_another_campus_takes_its_margins(admin):
    room = timetable.room()
    made = timetable.schedule(in_room=room)
    building = fresh(room.building)
    building.campus = timetable.campus(lead_seconds=60)
    assert rearranging.save(building, user=admin).moved == 4
    assert recorded(made)[0] == "08:59"

    room = fresh(room)
    room.building = Building.objects.create(campus=timetable.campus(lead_seconds=120), name="Annex")
    assert rearranging.save(room, user=admin).moved == 4
    assert recorded(made)[0] == "08:58"


def test_a_name_alone_touches_no_capture(admin):
    room = timetable.room()
    made = timetable.schedule(in_room=room)
    room = fresh(room)
    room.name = "Hall"
    assert rearranging.save(room, user=admin) == rearranging.Arranged()
    assert set(made.captures.values_list("sequence", flat=True)) == {0}
    assert rearranging.save(room, user=admin) == rearranging.Arranged()
    assert Change.objects.about(room).count() == 1


@pytest.mark.parametrize("state", [State.RECORDING, State.RECORDED, State.FAILED])
def test_what_has_begun_is_never_touched(admin, state):
    room = timetable.room()
    made = timetable.schedule(in_room=room)
    begun = made.captures.earliest("starts_at")
    Capture.objects.filter(pk=begun.pk).update(state=state)
    room = fresh(room)
    room.lead_seconds = 60

    assert rearranging.save(room, user=admin).moved == 3

    assert recorded(made)[0] == "09:00"


def shifted(capture, minutes):
    """As if it were to begin so many minutes from now."""
    start = timezone.now() + datetime.timedelta(minutes=minutes)
    end = start + datetime.timedelta(hours=1)
    Capture.objects.filter(pk=capture.pk).update(
        starts_at=start, ends_at=end, recording_starts_at=start, recording_ends_at=end, occupied=(start, end)
    )


@pytest.mark.parametrize(("minutes", "expected"), [(-1, (3, 0)), (3, (3, 1)), (30, (4, 0))])
def test_what_would_have_to_begin_at_once_keeps_its_times(admin, minutes, expected):
    room = timetable.room()
    made = timetable.schedule(in_room=room)
    first = made.captures.earliest("starts_at")
    shifted(first, minutes)
    first = fresh(first)
    room = fresh(room)
    room.lead_seconds = 600

    arranged = rearranging.save(room, user=admin)

    assert (arranged.moved, arranged.kept) == expected
    lead = datetime.timedelta(minutes=10 if minutes == 30 else 0)
    assert fresh(first).recording_starts_at == first.starts_at - lead


def test_a_cancelled_capture_is_right_when_it_is_restored(admin):
    room = timetable.room()
    made = timetable.schedule(in_room=room)
    first = made.captures.earliest("starts_at")
    captures.cancel_capture(first, user=admin)
    room = fresh(room)
    room.turnaround_minutes = 10

    assert rearranging.save(room, user=admin).moved == 3

    captures.restore_capture(first, user=admin)
    assert recorded(made) == ["09:00", "10:00", "10:10"]


def test_a_capture_moved_to_another_room_by_hand_follows_that_room(admin):
    made = timetable.schedule()
    other = timetable.room()
    first = made.captures.earliest("starts_at")
    start = first.starts_at
    hour = datetime.timedelta(hours=1)
    captures.change_capture(first, title="Moved", room=other, starts_at=start, duration=hour, user=admin)
    other = fresh(other)
    other.turnaround_minutes = 30

    assert rearranging.save(other, user=admin).moved == 1

    assert recorded(made)[2] == "10:30"


# --- Overlaps ---------------------------------------------------------------------------------------------
def test_a_gap_that_makes_captures_overlap_is_refused_with_their_names(admin, instructor):
    room = timetable.room("R1")
    timetable.schedule(in_room=room, title="Early", presenter=instructor)
    late = timetable.schedule(in_room=room, title="Late", start_time=datetime.time(10, 10))
    room = fresh(room)
    room.turnaround_minutes = 11

    messages = refused(room).messages

    assert messages[0].startswith("4 pairs of captures would overlap, so nothing was changed.")
    assert messages[1] == (
        f"{room}: “Early” (Instructor), Mon 2 October 2045, 09:00–10:00 "
        "and “Late”, Mon 2 October 2045, 10:10–11:10"
    )
    assert fresh(room).turnaround_minutes == 0
    assert recorded(late)[2] == "11:10"
    assert not Change.objects.about(room).exists()
    room.turnaround_minutes = 10
    assert rearranging.save(room, user=admin).moved == 8


def test_more_than_a_few_overlaps_are_counted(admin):
    room = timetable.room()
    ends_on = MONDAY + datetime.timedelta(weeks=12, days=-1)
    timetable.schedule(in_room=room, ends_on=ends_on)
    timetable.schedule(in_room=room, ends_on=ends_on, start_time=datetime.time(10))
    room = fresh(room)
    room.lead_seconds = 60

    messages = refused(room).messages

    assert messages[0].startswith("12 pairs of captures")
    assert len(messages) == 7
    assert messages[-1] == "and 7 more"


def test_a_campus_names_the_room_in_which_captures_would_overlap(admin):
    campus = timetable.campus()
    timetable.schedule(in_room=timetable.room(on=campus))
    room = timetable.room(on=campus)
    timetable.schedule(in_room=room, starts_on=MONDAY, ends_on=MONDAY)
    timetable.schedule(in_room=room, starts_on=MONDAY, ends_on=MONDAY, start_time=datetime.time(10))
    campus = fresh(campus)
    campus.tail_seconds = 1

    messages = refused(campus).messages

    assert messages[0].startswith("2 captures would overlap")
    assert messages[1].startswith(f"{room}: “Lecture”")


def test_what_runs_now_stands_in_the_way_too(admin):
    room = timetable.room()
    first = timetable.schedule(in_room=room, starts_on=MONDAY, ends_on=MONDAY).captures.get()
    next_one = timetable.schedule(in_room=room, starts_on=MONDAY, ends_on=MONDAY, start_time=datetime.time(11))
    shifted(first, -50)  # over in ten minutes
    Capture.objects.filter(pk=first.pk).update(state=State.RECORDING)
    shifted(next_one.captures.get(), 12)
    room = fresh(room)
    room.lead_seconds = 5 * 60

    assert "would overlap" in refused(room).messages[0]
    room.lead_seconds = 60
    assert rearranging.save(room, user=admin).moved == 1


def test_neighbours_may_take_each_others_time(admin):
    """Each moves on by as much: whichever the database writes first would meet the other where it was."""
    room = timetable.room()
    for hour in range(8, 18):
        timetable.schedule(in_room=room, start_time=datetime.time(hour))
    for lead, tail in ((600, -600), (-600, 600), (0, 0)):
        room = fresh(room)
        room.lead_seconds, room.tail_seconds = lead, tail
        assert rearranging.save(room, user=admin).moved == 40
    assert Capture.objects.filter(state=State.SCHEDULED).count() == 40


def test_nothing_left_to_record_is_refused(admin):
    room = timetable.room()
    timetable.schedule(in_room=room)
    room = fresh(room)
    room.lead_seconds = room.tail_seconds = -1800

    messages = refused(room).messages

    assert messages[0] == "4 captures would have nothing left to record. Choose times that cut less off."
    assert "“Lecture”, Mon 2 October 2045, 09:00–10:00" in messages[1]


def test_at_random_the_outcome_is_what_planning_one_by_one_would_give(admin):
    """Refused exactly if, with the new margins, two captures of a room would overlap; else each has its times."""
    chance = random.Random(20451002)
    room = timetable.room()
    hours = [7, 8, 9, 10, 12, 13, 15, 17]
    for hour in hours:
        length = chance.choice([20, 40, 50])
        timetable.schedule(in_room=room, start_time=datetime.time(hour), duration_minutes=length)
    outcomes = set()
    for _ in range(60):
        room = fresh(room)
        room.lead_seconds, room.tail_seconds = chance.randint(-900, 900), chance.randint(-300, 1200)
        room.turnaround_minutes = chance.randint(0, 25)
        lead, tail = datetime.timedelta(seconds=room.lead), datetime.timedelta(seconds=room.tail)
        gap = datetime.timedelta(minutes=room.turnaround_minutes)
        wanted = {
            one.pk: (one.starts_at - lead, one.ends_at + tail, one.ends_at + tail + gap)
            for one in Capture.objects.order_by("starts_at")
        }
        fits = all(first < last for first, last, _ in wanted.values()) and all(
            one[2] <= other[0] for one, other in itertools.pairwise(wanted.values())
        )
        outcomes.add(fits)
        try:
            rearranging.save(room, user=admin)
        except ValidationError:
            assert not fits
        else:
            assert fits
            assert {
                one.pk: (one.recording_starts_at, one.recording_ends_at, one.occupied.upper)
                for one in Capture.objects.all()
            } == wanted
    assert outcomes == {True, False}


def test_as_many_queries_for_many_captures_as_for_few(admin, django_assert_num_queries):
    campus = timetable.campus()
    timetable.schedule(in_room=timetable.room(on=campus))

    def cost(lead):
        row = fresh(campus)
        row.lead_seconds = lead
        with CaptureQueriesContext(connection) as captured:
            rearranging.save(row, user=admin)
        return len(captured)

    before = cost(60)
    for _ in range(3):
        room = timetable.room(on=campus)
        timetable.schedule(in_room=room, weekdays=[1, 2, 3, 4, 5])
        timetable.schedule(in_room=room, start_time=datetime.time(14))

    assert cost(120) == before
    assert before <= 22


# --- Zones and inputs -------------------------------------------------------------------------------------
def test_a_zone_cannot_change_under_captures_to_come(admin):
    campus = timetable.campus()
    made = timetable.schedule(in_room=timetable.room(on=campus))
    campus = fresh(campus)
    campus.time_zone = "America/New_York"

    message = refused(campus).message_dict["time_zone"]

    assert message == [
        "The clock would change from Europe/London to America/New_York under 4 captures that have not begun. "
        "End or cancel them first, and schedule them again afterwards."
    ]
    made.captures.update(state=State.CANCELLED)
    rearranging.save(campus, user=admin)
    assert fresh(campus).time_zone == "America/New_York"


def test_a_building_or_a_room_cannot_move_into_another_zone_under_captures(admin):
    room = timetable.room()
    timetable.schedule(in_room=room, starts_on=MONDAY, ends_on=MONDAY)
    far = Building.objects.create(campus=timetable.campus(time_zone="Asia/Tokyo"), name="Far")
    building = fresh(room.building)
    building.campus = far.campus
    assert "under 1 capture that has not begun" in refused(building).message_dict["campus"][0]
    room = fresh(room)
    room.building = far
    assert "under 1 capture that has not begun" in refused(room).message_dict["building"][0]


def test_an_input_that_is_still_used_cannot_go(admin):
    room = timetable.room()
    made = timetable.schedule(in_room=room, title="Anatomy", input_2="camera")
    timetable.schedule(in_room=room, title="Screen only", start_time=datetime.time(14), input_2="")
    room = fresh(room)
    room.inputs = ["display"]

    assert refused(room).message_dict["inputs"] == [
        "Camera: still used by 1 schedule. Change the inputs there first.",
        "“Anatomy” records Camera: 4 captures to come",
    ]
    made.captures.update(state=State.RECORDED)
    rearranging.save(room, user=admin)
    assert Change.objects.about(room).get().differences == [["Inputs", "Display, Camera", "Display"]]


# --- Non-teaching days ------------------------------------------------------------------------------------
def test_captures_on_a_day_are_counted_by_the_clock_of_their_room():
    campus = timetable.campus(time_zone="Pacific/Auckland")
    term = timetable.term()
    section = timetable.section(term=term)
    made = timetable.schedule(section, in_room=timetable.room(on=campus))
    timetable.schedule(timetable.section(), timetable.section(), in_room=timetable.room())

    def on(day, **fields):
        return rearranging.captures_on(NonTeachingDay(name="Holiday", first=day, last=day, **fields))

    assert on(MONDAY, campus=campus) == on(MONDAY, term=term) == on(MONDAY, term=term, campus=campus) == 1
    assert on(MONDAY - datetime.timedelta(days=1), campus=campus) == 0  # in UTC it is still Sunday
    assert on(MONDAY) == 2
    week = NonTeachingDay(name="Week", first=MONDAY, last=MONDAY + datetime.timedelta(days=7), campus=campus)
    assert rearranging.captures_on(week) == 2
    made.put_back = [MONDAY]
    made.save()
    assert on(MONDAY, campus=campus) == 0
    assert rearranging.captures_on(week) == 1
    made.captures.update(state=State.CANCELLED)
    assert rearranging.captures_on(week) == 0


# --- Deleting ---------------------------------------------------------------------------------------------
def used_rows():
    """Each kind of row with something that rests on it, and what that is called."""
    section = timetable.section(User.objects.create_user("ira@example.edu"))
    department = Department.objects.create(
        organization=Organization.objects.create(name="University"), name="Physics"
    )
    section.course.department = department
    section.course.save()
    room = timetable.room()
    timetable.schedule(section, in_room=room)
    configuration = ApiConfiguration.objects.create(name="Canvas", base_url="https://x.example", client_id="1")
    course = LmsCourse.objects.create(configuration=configuration, lms_id="1", name="Algebra")
    timetable.link(section, course)
    return [
        (room, ["1 capture schedule", "4 captures"]),
        (room.building, ["1 room"]),
        (room.building.campus, ["1 building"]),
        (section.term, ["1 section"]),
        (section.course, ["1 section"]),
        (department, ["1 course"]),
        (department.organization, ["1 department"]),
        (section, ["1 link to an LMS course", "1 publication"]),
        (section.teaching.get().user, ["1 instructor"]),
        (course, ["1 link to an LMS course"]),
        (configuration, ["1 link to an LMS course"]),
    ]


def test_what_is_in_use_is_not_deleted(admin):
    for row, expected in used_rows():
        found = uses(type(row).objects.filter(pk=row.pk))
        assert [str(use) for use in found] == expected, row
        with pytest.raises(ProtectedError):
            rearranging.delete(row, user=admin)
        assert type(row).objects.filter(pk=row.pk).exists()
    assert not Change.objects.filter(action="Deleted").exists()


def test_django_agrees_about_what_is_in_use():
    """`uses` walks the relations itself; the last word is the ORM's."""
    for row, _ in used_rows():
        with pytest.raises(ProtectedError):
            row.delete()


def test_a_scheduler_does_not_lose_the_limit_with_the_campus(admin, scheduler):
    campus = timetable.campus()
    scheduler.scheduler_scopes.create(campus=campus)
    with pytest.raises(ProtectedError):
        rearranging.delete(campus, user=admin)
    assert scheduler.scheduler_scopes.exists()


def test_what_nothing_rests_on_is_deleted_and_remembered(admin):
    room = timetable.room("R9", inputs=["audio"])
    rearranging.delete(fresh(room), user=admin)
    change = Change.objects.get()
    assert (change.action, change.actor) == ("Deleted", admin)
    assert ["Inputs", "Audio only", ""] in change.differences
    assert not Room.objects.exists()


def test_what_is_added_is_remembered(admin):
    campus = Campus(name="North", time_zone="Europe/London")
    rearranging.save(campus, user=admin)
    change = Change.objects.about(campus).get()
    assert change.action == "Added"
    assert ["Time zone", "", "Europe/London"] in change.differences
