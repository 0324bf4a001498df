"""An administrator changes a campus while schedulers fill its rooms and move captures: all of it takes turns."""

from __future__ import annotations

import datetime
import itertools
import threading

import pytest
from django.core.exceptions import ValidationError
from django.db import connections

from schedules import captures, rearranging
from schedules.models import Campus, Capture
from schedules.scheduling import RoomTaken
from tests.support import timetable

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 12


def test_changes_of_a_campus_and_of_what_is_recorded_there_take_turns(admin):
    campus = timetable.campus()
    rooms = [timetable.room(on=campus) for _ in range(3)]
    evening = [timetable.schedule(in_room=room, start_time=datetime.time(20)) for room in rooms]
    start = threading.Barrier(7)
    unexpected: list[BaseException] = []
    outcomes = {"changed": 0, "refused": 0, "scheduled": 0, "moved": 0}

    def run(action):
        try:
            start.wait(timeout=30)
            for number in range(ROUNDS):
                try:
                    outcomes[action(number)] += 1
                except (RoomTaken, ValidationError):
                    outcomes["refused"] += 1
        except BaseException as error:  # noqa: BLE001 - what it is, is what the test is about
            unexpected.append(error)
        finally:
            connections.close_all()

    def change(number):
        row = Campus.objects.get(pk=campus.pk)
        row.lead_seconds, row.tail_seconds = (number % 4) * 60, (number % 3) * 60 - 60
        rearranging.save(row, user=admin)
        return "changed"

    def scheduling_in(room):
        def schedule(number):
            begin = datetime.time(7 + number)
            timetable.schedule(in_room=type(room).objects.get(pk=room.pk), start_time=begin, duration_minutes=55)
            return "scheduled"

        return schedule

    def moving(made):
        def move(number):
            one = Capture.objects.with_names().filter(schedule=made).latest("pk")
            begin = one.starts_at + datetime.timedelta(minutes=number % 2 or -1)
            hour = datetime.timedelta(hours=1)
            captures.change_capture(one, title="M", room=one.room, starts_at=begin, duration=hour, user=admin)
            return "moved"

        return move

    actions = [change, *(scheduling_in(room) for room in rooms), *(moving(made) for made in evening)]
    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert unexpected == []
    assert outcomes["changed"]
    assert outcomes["scheduled"]
    assert outcomes["moved"]
    for room in rooms:
        taken = [one.occupied for one in Capture.objects.filter(room=room).order_by("occupied")]
        assert all(not one.isempty for one in taken)
        assert all(one.upper <= other.lower for one, other in itertools.pairwise(taken))
