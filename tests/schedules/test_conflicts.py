"""What is in the way: against every pair compared with every other."""

from __future__ import annotations

import datetime

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from schedules import conflicts, planning
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
