"""Somebody changes a schedule while another changes, ends or deletes it, or its recorder begins."""

from __future__ import annotations

import contextlib
import datetime
import threading
import uuid

import pytest
import time_machine
from django.db import connections, transaction

from accounts.models import User
from schedules import captures, linking, scheduling
from schedules.linking import Order, Overtaken, Person
from schedules.models import Capture, CaptureSchedule, Section
from schedules.scheduling import TooLate
from tests.support import timetable
from tests.support.threads import wait_for_a_lock
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
State = Capture.State


class Meanwhile(threading.Thread):
    """Runs something with a connection of its own; `outcome` is what it returned or raised."""

    def __init__(self, action):
        super().__init__()
        self.action, self.outcome = action, None

    def run(self):
        try:
            self.outcome = self.action()
        except Exception as error:  # noqa: BLE001 - what it is, is what the tests are about
            self.outcome = error
        finally:
            connections.close_all()

    def start_and_wait(self):
        """Starts it and returns when it waits for a lock that this thread's transaction has."""
        self.start()
        wait_for_a_lock(self)


@contextlib.contextmanager
def holding_up(action):
    """Does `action` in another thread, which has to wait for what the block has done. Ends both."""
    other = Meanwhile(action)
    with transaction.atomic():
        yield other
        other.start_and_wait()
    other.join(timeout=30)


def changing(schedule, **fields):
    def change():
        draft = CaptureSchedule.objects.with_names().get(pk=schedule.pk)
        for name, value in fields.items():
            setattr(draft, name, value)
        return scheduling.change_schedule(draft, list(draft.publications.all()), user=None)

    return change


@pytest.fixture
def soon():
    """Ten minutes before the first capture of `schedule`: its recorder may begin."""
    with time_machine.travel(datetime.datetime(2045, 10, 2, 7, 50, tzinfo=datetime.UTC), tick=False):
        yield


@pytest.fixture
def schedule():
    return timetable.schedule(timetable.section(), title="Algebra")


def test_a_capture_that_is_cancelled_meanwhile_stays_cancelled(schedule, scheduler):
    with holding_up(changing(schedule, start_time=datetime.time(14))) as change:
        captures.cancel_capture(schedule.captures.earliest("pk"), user=scheduler)

    assert [len(change.outcome.moved), len(change.outcome.kept)] == [3, 1]
    assert timetable.starts(schedule) == [f"2045-10-{day} 14:00" for day in ("09", "16", "23")]


def test_a_capture_that_is_moved_to_another_room_meanwhile_is_still_found(schedule, scheduler):
    first, room = schedule.captures.earliest("pk"), timetable.room()
    with holding_up(lambda: captures.cancel_capture(first, user=scheduler)) as cancelling:
        hour = datetime.timedelta(hours=1)
        captures.change_capture(first, title="M", room=room, starts_at=first.starts_at, duration=hour, user=None)

    assert (cancelling.outcome.state, cancelling.outcome.room) == (State.CANCELLED, room)


def test_a_report_of_a_capture_that_is_moved_meanwhile_is_kept(schedule, soon):
    first, room = schedule.captures.earliest("pk"), timetable.room()
    with holding_up(lambda: captures.report(first, State.RECORDING)) as report:
        hour = datetime.timedelta(hours=1)
        captures.change_capture(first, title="M", room=room, starts_at=first.starts_at, duration=hour, user=None)

    assert (report.outcome.state, report.outcome.room) == (State.RECORDING, room)


def test_a_schedule_that_gets_another_room_meanwhile_is_still_found(schedule):
    room = timetable.room()
    with holding_up(lambda: scheduling.cut_short(schedule, MONDAY, user=None)) as ending:
        changing(schedule, room=room)()

    assert len(ending.outcome.removed) == 3
    assert {one.room for one in schedule.captures.all()} == {room}


def test_a_capture_that_begins_meanwhile_is_not_touched(schedule, soon):
    with holding_up(changing(schedule, start_time=datetime.time(14))) as change:
        captures.report(schedule.captures.earliest("pk"), State.RECORDING)

    assert change.outcome.begun == 1
    first = schedule.captures.earliest("rule_date")
    assert (first.state, f"{first.local_start:%H:%M}") == (State.RECORDING, "09:00")


def test_a_capture_that_begins_meanwhile_is_not_ended(schedule, soon):
    before = MONDAY - datetime.timedelta(days=1)
    with holding_up(lambda: scheduling.cut_short(schedule, before, user=None)) as ending:
        captures.report(schedule.captures.earliest("pk"), State.RECORDING)

    assert len(ending.outcome.removed) == 3
    assert schedule.captures.earliest("rule_date").state == State.RECORDING


def test_a_schedule_that_begins_meanwhile_is_not_deleted(schedule, soon):
    with holding_up(lambda: scheduling.delete_schedule(schedule, user=None)) as deletion:
        captures.report(schedule.captures.earliest("pk"), State.RECORDING)

    assert isinstance(deletion.outcome, TooLate)
    assert schedule.captures.count() == 4


def test_who_waits_for_a_room_holds_no_schedule_that_another_may_want(schedule):
    """A file is saved rooms first, schedules then: whoever did it the other way round would make a deadlock."""
    change = Meanwhile(changing(schedule, title="Botany"))
    with transaction.atomic():
        scheduling.hold_rooms(schedule.room)
        change.start_and_wait()
        assert CaptureSchedule.objects.select_for_update(nowait=True).get() == schedule
    change.join(timeout=30)

    assert not isinstance(change.outcome, Exception)


def test_changing_and_ending_at_once_end_without_a_deadlock(schedule):
    start = threading.Barrier(16)

    def change(number):
        start.wait(timeout=30)
        for step in range(4):
            changing(schedule, start_time=datetime.time(8 + step, number), ends_on=MONDAY.replace(day=29))()

    def end(number):
        start.wait(timeout=30)
        for step in range(4):
            scheduling.cut_short(schedule, MONDAY + datetime.timedelta(weeks=(number + step) % 4), user=None)

    others = [
        Meanwhile(lambda number=number: (change if number % 2 else end)(number)) for number in range(start.parties)
    ]
    for other in others:
        other.start()
    for other in others:
        other.join(timeout=60)

    assert [other.outcome for other in others] == [None] * start.parties


def test_two_orders_that_wait_for_each_other_end_with_one_of_them_refused(scheduler):
    """Each makes the accounts of the same two people, in another order."""
    sections = [timetable.section() for _ in range(2)]
    names = ["one@example.edu", "two@example.edu"]
    first_made = threading.Barrier(2)

    class Slowly(list[Person]):
        """People of whom the second is asked for when both orders have made their first."""

        def __iter__(self):
            first, second = super().__iter__()
            yield first
            first_made.wait(timeout=30)
            yield second

    def order(number):
        people = [Person(name) for name in (names if number else reversed(names))]
        section = Section.objects.get(pk=sections[number].pk)
        wanted = Order(section, instructors=Slowly(people), schedule=timetable.draft())
        return linking.submit(uuid.uuid4(), wanted, user=User.objects.get(pk=scheduler.pk))

    others = [Meanwhile(lambda number=number: order(number)) for number in range(2)]
    for other in others:
        other.start()
    for other in others:
        other.join(timeout=60)

    refused = [other.outcome for other in others if isinstance(other.outcome, Exception)]
    assert [type(one) for one in refused] == [Overtaken]
    assert str(refused[0]) == "Somebody else saved the same in this moment. Look again and save again."
    assert CaptureSchedule.objects.count() == 1
    assert {one.email for one in User.objects.all()} == {*names, scheduler.email}
