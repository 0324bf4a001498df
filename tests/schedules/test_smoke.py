from __future__ import annotations

import datetime
import uuid

import pytest

from schedules import captures, linking, scheduling
from schedules.models import Capture, Change, Publication, Section
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db


def test_all(scheduler):
    room = timetable.room(turnaround_minutes=10)
    made = timetable.schedule(timetable.section(), user=scheduler, in_room=room)
    assert timetable.starts(made)[:2] == ["2045-10-02 09:00", "2045-10-09 09:00"]
    with pytest.raises(scheduling.RoomTaken) as caught:
        timetable.schedule(in_room=room, start_time=datetime.time(10, 5))
    assert len(caught.value.clashes) == 4
    timetable.schedule(in_room=room, start_time=datetime.time(10, 10))
    first = made.captures.first()
    captures.cancel_capture(first, user=scheduler)
    captures.restore_capture(first, user=scheduler)
    made = scheduling.CaptureSchedule.objects.with_names().get(pk=made.pk)
    made.start_time = datetime.time(8)
    effect = scheduling.change_schedule(made, list(made.publications.all()), user=scheduler)
    assert len(effect.moved) == 3
    assert len(effect.kept) == 1
    scheduling.cut_short(made, MONDAY, user=scheduler)
    assert timetable.starts(made) == ["2045-10-02 09:00"]
    order = linking.Order(
        linking.NewSection("X1", "X", term=timetable.term()),
        schedule=timetable.draft(),
        own=Publication(),
        instructors=[linking.Person("new@example.edu", "New")],
    )
    key = uuid.uuid4()
    done = linking.submit(key, order, user=scheduler)
    assert linking.submit(key, order, user=scheduler).schedule == done.schedule
    linking.undo(done, user=scheduler)
    assert not Section.objects.filter(course__code="X1").exists()
    assert Change.objects.count() > 5
    assert Capture.objects.exists()
