"""What is in the way: against every pair compared with every other."""

from __future__ import annotations

import datetime
from datetime import time

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from schedules import captures, conflicts, planning
from schedules.conflicts import Wanted
from schedules.models import Capture, Room
from schedules.models.courses import Department, Organization, SchedulerScope
from schedules.planning import Planned, Times
from schedules.scheduling import new_capture
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db
NINE = datetime.datetime(2045, 10, 2, 8, tzinfo=datetime.UTC)
MINUTE = datetime.timedelta(minutes=1)
State = Capture.State

# Start and length in minutes, lead and tail in seconds: dense, so that most examples overlap somewhere.
spans = st.tuples(st.integers(0, 300), st.integers(1, 120), st.integers(-20, 600), st.integers(-20, 600))
bookings = st.lists(st.tuples(st.integers(0, 2), spans, st.sampled_from(State.values)), max_size=12)
wishes = st.lists(st.tuples(st.integers(0, 2), spans), min_size=1, max_size=8)
# The database stands as it was before each example: see `undone`.
in_database = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


class Undo(Exception):
    pass


@pytest.fixture
def undone():
    """Runs what it is given and takes everything back."""

    def run(action):
        try:
            with transaction.atomic():
                action()
                raise Undo
        except Undo:
            pass

    return run


def times_in(room, span):
    start, length, lead, tail = span
    starts_at = NINE + MINUTE * start
    return Times.of(starts_at, starts_at + MINUTE * length, lead=lead, tail=tail, room=room)


def book(room, span, state, number, presenter=None):
    """A capture as the database lets it be: None if the room is taken at that time."""
    times = times_in(room, span)
    taking = state in Capture.TAKES_THE_ROOM
    if taking and Capture.objects.taking_rooms().filter(room=room, occupied__overlap=times.occupied).exists():
        return None
    schedule = timetable.draft(room, title=f"Booking {number}", presenter=presenter)
    schedule.save()
    capture = new_capture(schedule, Planned(MONDAY, times))
    capture.state = state
    capture.save()
    return capture


def overlap(one, other):
    return one.lower < other.upper and other.lower < one.upper


@pytest.fixture
def rooms():
    return [timetable.room(turnaround_minutes=gap) for gap in (0, 5, 30)]


@in_database
@given(booked=bookings, wanted=wishes)
def test_what_is_in_the_way_is_what_overlaps(booked, wanted, rooms, undone):
    def check():
        there = [book(rooms[index], span, state, number) for number, (index, span, state) in enumerate(booked)]
        there = [one for one in there if one is not None]
        asked = [Wanted(rooms[index], times_in(rooms[index], span)) for index, span in wanted]

        found = conflicts.in_the_way(asked, user=None)

        expected = {
            position: {
                one.pk
                for one in there
                if one.room_id == wish.room.pk
                and one.state in Capture.TAKES_THE_ROOM
                and overlap(one.occupied, wish.times.occupied)
            }
            for position, wish in enumerate(asked)
        }
        got = {position: {clash.capture.pk for clash in clashes} for position, clashes in found.items()}
        assert got == {position: keys for position, keys in expected.items() if keys}

    undone(check)


@in_database
@given(wanted=wishes)
def test_what_is_saved_together_is_compared_with_itself(wanted, rooms):
    asked = [Wanted(rooms[index], times_in(rooms[index], span)) for index, span in wanted]

    expected = {
        (first, second)
        for second in range(len(asked))
        for first in range(second)
        if asked[first].room == asked[second].room
        and overlap(asked[first].times.occupied, asked[second].times.occupied)
    }
    assert set(conflicts.among(asked)) == expected


@in_database
@given(booked=bookings, wanted=wishes, whose=st.lists(st.integers(0, 2), min_size=12, max_size=12))
def test_an_instructor_is_found_in_other_rooms(booked, wanted, whose, rooms, undone, instructor, other_instructor):
    people = [instructor, other_instructor, None]

    def check():
        there = [
            book(rooms[index], span, state, number, presenter=people[whose[number]])
            for number, (index, span, state) in enumerate(booked)
        ]
        there = [one for one in there if one is not None]
        planned = [Planned(MONDAY, times_in(rooms[0], span)) for _, span in wanted]

        found = conflicts.elsewhere([instructor], planned, room=rooms[0], user=None)

        expected = {
            position: {
                one.pk
                for one in there
                if one.schedule.presenter == instructor
                and one.room != rooms[0]
                and one.state in Capture.TAKES_THE_ROOM
                and one.starts_at < plan.times.ends_at
                and one.ends_at > plan.times.starts_at
            }
            for position, plan in enumerate(planned)
        }
        got = {position: {clash.capture.pk for clash in clashes} for position, clashes in found.items()}
        assert got == {position: keys for position, keys in expected.items() if keys}

    undone(check)


# --- In words ---------------------------------------------------------------------------------------------
@pytest.fixture
def taken(instructor):
    return timetable.schedule(timetable.section(instructor), title="Algebra", presenter=instructor)


def asked_for(schedule, user):
    plan = planning.plan(timetable.draft(schedule.room), [])
    return conflicts.in_the_way([Wanted(schedule.room, one.times) for one in plan.captures], user=user)


def asked_for_at(schedule, start, user):
    wanted = places(timetable.draft(schedule.room, start_time=start))
    return conflicts.in_the_way([Wanted(schedule.room, one.times) for one in wanted], user=user)


def test_a_conflict_says_which_whose_and_when(taken, scheduler):
    found = asked_for(taken, scheduler)

    assert str(found[0][0]) == "“Algebra” (Instructor), Mon 2 October 2045, 09:00–10:00"
    assert sorted(found) == [0, 1, 2, 3]


def test_a_guest_is_named_before_the_presenter(taken, scheduler):
    taken.guest_presenter = "Guest Lecturer"
    taken.save()

    assert "(Guest Lecturer)" in str(asked_for(taken, scheduler)[0][0])


def test_another_department_is_not_named(taken, scheduler):
    department = Department.objects.create(organization=Organization.objects.create(name="School"), name="Law")
    SchedulerScope.objects.create(user=scheduler, department=department)

    found = asked_for(taken, User.objects.get(pk=scheduler.pk))

    assert str(found[0][0]) == "another department's recording, Mon 2 October 2045, 09:00–10:00"


def test_an_instructor_of_the_section_is_elsewhere_although_another_presents(taken, instructor, other_instructor):
    taken.presenter = other_instructor
    taken.save()
    plan = planning.plan(timetable.draft(), [])

    found = conflicts.elsewhere([instructor], plan.captures, room=timetable.room(), user=None)

    assert sorted(found) == [0, 1, 2, 3]


def places(schedule):
    return planning.plan(schedule, []).captures


def test_an_instructor_is_found_where_it_is_another_day_already(instructor):
    """Monday 23:00 in London is Tuesday 11:00 in Auckland, in a schedule that begins on that Tuesday."""
    far = timetable.room(on=timetable.campus(time_zone="Pacific/Auckland"))
    tuesday = MONDAY + datetime.timedelta(days=1)
    timetable.schedule(
        in_room=far, presenter=instructor, starts_on=tuesday, ends_on=tuesday, weekdays=[2], start_time=time(11)
    )
    evening = timetable.draft(start_time=time(23), duration_minutes=30, ends_on=MONDAY)

    found = conflicts.elsewhere([instructor], places(evening), room=evening.room, user=None)

    assert [str(one) for one in found[0]] == ["“Lecture” (Instructor), Tue 3 October 2045, 11:00–12:00"]


def test_an_instructor_is_found_where_a_capture_was_moved_to_by_hand(instructor):
    made = timetable.schedule(presenter=instructor, ends_on=MONDAY)
    capture = made.captures.get()
    later = capture.starts_at + datetime.timedelta(weeks=3)
    hour = datetime.timedelta(hours=1)
    captures.change_capture(capture, title="Moved", room=made.room, starts_at=later, duration=hour, user=None)
    draft = timetable.draft(starts_on=MONDAY + datetime.timedelta(weeks=3))

    found = conflicts.elsewhere([instructor], places(draft), room=draft.room, user=None)

    assert [one.capture.title for one in found[0]] == ["Moved"]


def test_a_schedule_is_not_elsewhere_to_itself_and_its_room_is_no_other_place(taken, instructor):
    other = timetable.room()

    assert conflicts.elsewhere([instructor], places(taken), room=other, user=None, schedule=taken) == {}
    assert conflicts.elsewhere([instructor], places(taken), room=taken.room, user=None) == {}
    assert conflicts.elsewhere([User()], places(taken), room=other, user=None) == {}


@pytest.mark.parametrize("weeks", [1, 12])
def test_looking_elsewhere_costs_the_same_however_many_dates_there_are(
    weeks, instructor, scheduler, django_assert_num_queries
):
    last = MONDAY + datetime.timedelta(weeks=weeks, days=-1)
    timetable.schedule(timetable.section(instructor), presenter=instructor, ends_on=last)
    planned, room = places(timetable.draft(ends_on=last)), timetable.room()

    with django_assert_num_queries(11):
        assert len(conflicts.elsewhere([instructor], planned, room=room, user=scheduler)) == weeks


def test_what_is_in_the_way_comes_earliest_first(scheduler):
    room = timetable.room()
    for hour in (11, 9, 10):
        timetable.schedule(in_room=room, start_time=time(hour), ends_on=MONDAY, title=f"At {hour}")
    whole = timetable.draft(room, start_time=time(9), duration_minutes=180, ends_on=MONDAY)

    found = conflicts.in_the_way([Wanted(room, one.times) for one in places(whole)], user=scheduler)

    assert [one.capture.title for one in found[0]] == ["At 9", "At 10", "At 11"]


def test_what_is_leaving_is_not_in_the_way(taken):
    leaving = taken.captures.filter(rule_date__lte=MONDAY).values_list("pk", flat=True)
    wanted = [Wanted(taken.room, one.times) for one in places(taken)]

    assert sorted(conflicts.in_the_way(wanted, user=None, leaving=leaving)) == [1, 2, 3]


def test_what_ends_when_another_begins_is_not_in_its_way(taken):
    for start in (time(8), time(10)):
        draft = timetable.draft(taken.room, start_time=start)
        assert conflicts.in_the_way([Wanted(draft.room, one.times) for one in places(draft)], user=None) == {}


def scope_of_campus(user, room):
    SchedulerScope.objects.create(user=user, campus=room.building.campus)


def scope_of_department(user, section):
    organization = Organization.objects.create(name="School")
    section.course.department = Department.objects.create(organization=organization, name="Law")
    section.course.save()
    SchedulerScope.objects.create(user=user, department=section.course.department)


@pytest.mark.parametrize(
    ("limit", "hidden"),
    [
        (lambda user, schedule: None, False),
        (lambda user, schedule: scope_of_campus(user, schedule.room), False),
        (lambda user, schedule: scope_of_campus(user, timetable.room()), True),
        (lambda user, schedule: scope_of_department(user, schedule.sections.get()), False),
        (lambda user, schedule: scope_of_department(user, timetable.section()), True),
    ],
    ids=["no limit", "its campus", "another campus", "its department", "another department"],
)
def test_names_are_for_those_who_may_see_the_schedule(limit, hidden, taken, scheduler):
    limit(scheduler, taken)

    found = asked_for(taken, User.objects.get(pk=scheduler.pk))

    assert found[0][0].hidden is hidden
    assert ("Algebra" in str(found[0][0])) is not hidden
    assert ("Algebra" in found[0][0].same_day) is not hidden


def test_names_elsewhere_are_hidden_by_the_same_rule(taken, instructor, scheduler):
    scope_of_campus(scheduler, timetable.room())
    planned, limited = places(taken), User.objects.get(pk=scheduler.pk)

    found = conflicts.elsewhere([instructor], planned, room=timetable.room(), user=limited)

    assert str(found[0][0]) == "another department's recording, Mon 2 October 2045, 09:00–10:00"


def test_times_are_those_of_the_room_whoever_asks(scheduler):
    room = timetable.room(on=timetable.campus(time_zone="Asia/Kathmandu"))
    taken = timetable.schedule(in_room=room, title="Algebra", start_time=time(23, 30))

    assert str(asked_for_at(taken, time(23, 30), scheduler)[0][0]) == "“Algebra”, Mon 2 October 2045, 23:30–00:30"


@pytest.mark.parametrize("weeks", [1, 4, 12])
def test_conflicts_cost_the_same_however_many_dates_there_are(weeks, taken, scheduler, django_assert_num_queries):
    last = MONDAY + datetime.timedelta(weeks=weeks, days=-1)
    timetable.schedule(in_room=timetable.room(building=taken.room.building), ends_on=last)
    plan = planning.plan(timetable.draft(taken.room, ends_on=last), [])
    wanted = [Wanted(taken.room, one.times) for one in plan.captures]

    with django_assert_num_queries(9):
        assert conflicts.in_the_way(wanted, user=scheduler)


def test_no_wishes_cost_nothing(django_assert_num_queries):
    with django_assert_num_queries(0):
        assert conflicts.in_the_way([], user=None) == {}
        assert conflicts.elsewhere([], [], room=Room(), user=None) == {}
