"""Thirty-two people at once want the same room, or link the same LMS course: one of them succeeds."""

from __future__ import annotations

import datetime
import threading
import uuid
from collections import Counter

import pytest
from django.db import connection, connections
from django.db.utils import IntegrityError

from accounts.models import User
from configurations.models import ApiConfiguration
from directory.models import LmsCourse
from schedules import linking, scheduling
from schedules.linking import AlreadyLinked, Order, Overtaken
from schedules.models import Capture, CaptureSchedule, LmsCourseLink, Publication, Room, Section, Submission
from schedules.scheduling import RoomTaken
from tests.support import timetable

pytestmark = pytest.mark.django_db(transaction=True)
PEOPLE = 32


def all_at_once(action):
    """Runs action(number) in PEOPLE threads with connections of their own; what each returned or raised."""
    start = threading.Barrier(PEOPLE)
    outcomes: list[object] = [None] * PEOPLE

    def run(number: int) -> None:
        try:
            start.wait(timeout=30)
            outcomes[number] = action(number)
        except Exception as error:  # noqa: BLE001 - what it is, is what the test is about
            outcomes[number] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(PEOPLE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return outcomes


def kinds(outcomes):
    return Counter(type(one).__name__ for one in outcomes)


@pytest.fixture
def room():
    return timetable.room(turnaround_minutes=5)


def test_one_of_many_gets_the_room_and_the_others_are_told_by_whom_it_is_taken(room):
    def book(number):
        draft = timetable.draft(Room.objects.with_place().get(pk=room.pk), title=f"Lecture {number}")
        return scheduling.create_schedule(draft, [], user=None)

    outcomes = all_at_once(book)

    assert kinds(outcomes) == {"CaptureSchedule": 1, "RoomTaken": PEOPLE - 1}
    winner = next(one for one in outcomes if isinstance(one, CaptureSchedule))
    refused = next(one for one in outcomes if isinstance(one, RoomTaken))
    assert str(refused) == "The room is taken on 4 dates. Nothing was saved."
    assert [clash.capture.title for clashes in refused.clashes.values() for clash in clashes] == [winner.title] * 4
    assert CaptureSchedule.objects.count() == 1
    assert Capture.objects.count() == 4


def test_overlapping_hours_in_different_order_end_without_a_deadlock(room):
    """Each wants other days of the week in another order, overlapping with the others."""

    def book(number):
        place = Room.objects.with_place().get(pk=room.pk)
        days = [1, 2, 3, 4, 5]
        draft = timetable.draft(
            place, weekdays=days[number % 5 :] + days[: number % 5], start_time=datetime.time(9, number)
        )
        return scheduling.create_schedule(draft, [], user=None)

    assert kinds(all_at_once(book)) == {"CaptureSchedule": 1, "RoomTaken": PEOPLE - 1}


def test_without_the_check_beforehand_the_constraint_still_refuses(room, monkeypatch):
    """The control: neither the lock nor the look beforehand, so that all of them write."""
    monkeypatch.setattr(scheduling, "hold_rooms", lambda *rooms: {room.pk: room for room in rooms})
    monkeypatch.setattr(scheduling, "refuse_clashes", lambda *_, **__: None)

    def book(number):
        draft = timetable.draft(Room.objects.with_place().get(pk=room.pk), ends_on=timetable.MONDAY)
        return scheduling.create_schedule(draft, [], user=None)

    outcomes = all_at_once(book)

    assert kinds(outcomes) == {"CaptureSchedule": 1, "RoomTaken": PEOPLE - 1}
    assert "Somebody else took the room in this moment." in str(
        next(one for one in outcomes if isinstance(one, RoomTaken))
    )


def test_without_the_constraint_the_race_is_real(room, monkeypatch):
    monkeypatch.setattr(scheduling, "hold_rooms", lambda *rooms: {room.pk: room for room in rooms})
    monkeypatch.setattr(scheduling, "refuse_clashes", lambda *_, **__: None)
    constraint = next(one for one in Capture._meta.constraints if one.name.startswith("captures_do_not_overlap"))
    with connection.schema_editor() as editor:
        editor.remove_constraint(Capture, constraint)
    try:
        outcomes = all_at_once(
            lambda _: scheduling.create_schedule(
                timetable.draft(Room.objects.with_place().get(pk=room.pk), ends_on=timetable.MONDAY), [], user=None
            )
        )
        assert kinds(outcomes) == {"CaptureSchedule": PEOPLE}
    finally:
        CaptureSchedule.objects.all().delete()
        with connection.schema_editor() as editor:
            editor.add_constraint(Capture, constraint)
    with pytest.raises(IntegrityError):
        Capture.objects.bulk_create([scheduling.new_capture(s, p) for s, p in _twice(room)])


def _twice(room):
    from schedules import planning  # noqa: PLC0415

    for _ in range(2):
        draft = timetable.draft(room, ends_on=timetable.MONDAY)
        draft.save()
        yield draft, planning.plan(draft, []).captures[0]


@pytest.fixture
def lms_course():
    configuration = ApiConfiguration.objects.create(
        name="Canvas", base_url="https://canvas.example.edu", client_id="1", client_secret="secret-of-a-key"
    )
    return LmsCourse.objects.create(configuration=configuration, lms_id="7", name="Algebra")


def test_one_lms_course_is_linked_once(lms_course, scheduler):
    sections = [timetable.section() for _ in range(PEOPLE)]

    def link(number):
        order = Order(Section.objects.get(pk=sections[number].pk), lms_course=lms_course)
        return linking.submit(uuid.uuid4(), order, user=User.objects.get(pk=scheduler.pk))

    outcomes = all_at_once(link)

    found = kinds(outcomes)
    assert found["Submission"] == 1
    assert found["AlreadyLinked"] + found["Overtaken"] == PEOPLE - 1
    assert LmsCourseLink.objects.count() == 1
    assert all("linked to" in str(one) or "Look again" in str(one) for one in _refused(outcomes))


def _refused(outcomes):
    return [one for one in outcomes if isinstance(one, AlreadyLinked | Overtaken)]


def test_one_press_of_save_sent_many_times_makes_one_of_each(lms_course, scheduler, room):
    key, term = uuid.uuid4(), timetable.term()

    def save(_):
        order = Order(
            linking.NewSection("ALG1", "Algebra", term=term),
            lms_course=lms_course,
            schedule=timetable.draft(Room.objects.with_place().get(pk=room.pk)),
            own=Publication(),
            instructors=[linking.Person("new@example.edu", "New")],
        )
        return linking.submit(key, order, user=User.objects.get(pk=scheduler.pk))

    outcomes = all_at_once(save)

    assert kinds(outcomes) == {"Submission": PEOPLE}
    made = (Submission, Section, LmsCourseLink, CaptureSchedule)
    assert [model.objects.count() for model in made] == [1, 1, 1, 1]
    assert len({one.schedule_id for one in outcomes}) == 1
    assert Capture.objects.count() == 4
