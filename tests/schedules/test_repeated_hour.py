"""The hour that the clocks show twice. In London 01:30 comes twice on 29 October 2045."""

from __future__ import annotations

import datetime

import pytest

from schedules import scheduling
from schedules.models import CaptureSchedule
from tests.support import timetable

pytestmark = pytest.mark.django_db


def at_half_past_one(minutes: int) -> CaptureSchedule:
    made = timetable.schedule(
        starts_on=datetime.date(2045, 10, 22),
        ends_on=datetime.date(2045, 11, 5),
        start_time=datetime.time(1, 30),
        duration_minutes=minutes,
        weekdays=[7],
    )
    return CaptureSchedule.objects.with_names().get(pk=made.pk)


@pytest.mark.parametrize("minutes", [10, 60, 90])
def test_a_lecture_in_it_lasts_as_long_as_any(minutes):
    made = at_half_past_one(minutes)

    lasted = {one.recording_ends_at - one.recording_starts_at for one in made.captures.all()}
    assert lasted == {datetime.timedelta(minutes=minutes)}
    assert made.captures.all()[1].starts_at == datetime.datetime(2045, 10, 29, 0, 30, tzinfo=datetime.UTC)


@pytest.mark.parametrize("minutes", [10, 60, 90])
def test_saving_it_unchanged_changes_no_capture(minutes):
    effect = scheduling.change_schedule(at_half_past_one(minutes), [], user=None)

    assert not effect.changes_anything
    assert effect.unchanged == 3
