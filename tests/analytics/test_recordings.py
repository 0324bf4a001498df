"""A recorded capture becomes a media of every section that it is published to."""

from __future__ import annotations

import datetime

import pytest
import time_machine

from analytics import recordings
from analytics.models import Media
from schedules.models import Capture, Publication
from schedules.scheduling import create_schedule
from tests.support import timetable

pytestmark = pytest.mark.django_db
AFTER = datetime.datetime(2045, 10, 3, tzinfo=datetime.UTC)


@pytest.fixture(autouse=True)
def the_day_after():
    with time_machine.travel(AFTER, tick=False):
        yield


def recorded(*publications: Publication) -> Capture:
    """The first capture of a schedule: Monday 2 October 2045, 09:00 to 10:00 in London, which is 08:00 UTC."""
    with time_machine.travel(AFTER - datetime.timedelta(days=7), tick=False):
        made = create_schedule(timetable.draft(), publications, user=None)
        capture = made.captures.order_by("starts_at")[0]
    capture.state = Capture.State.RECORDED
    capture.save()
    return capture


def published(**fields) -> Publication:
    return Publication(section=timetable.section(), **fields)


def utc(year: int, month: int, day: int, hour: int = 0) -> datetime.datetime:
    return datetime.datetime(year, month, day, hour, tzinfo=datetime.UTC)


def test_there_is_one_for_each_section_and_each_is_made_once():
    capture = recorded(published(), published())

    assert recordings.make_media() == 2
    assert recordings.make_media() == 0
    assert {one.section for one in Media.objects.all()} == set(capture.schedule.sections.all())
    made = Media.objects.all()[0]
    assert (made.title, made.duration_seconds, made.recorded_at) == (capture.title, 3600, capture.starts_at)


def test_what_is_not_recorded_yet_is_no_media():
    capture = recorded(published())
    Capture.objects.filter(pk=capture.pk).update(state=Capture.State.FAILED)

    assert recordings.make_media() == 0


def test_old_captures_only_when_asked():
    recorded(published())
    with time_machine.travel(AFTER + datetime.timedelta(days=30), tick=False):
        assert recordings.make_media() == 0
        assert recordings.make_media(everything=True) == 1


@pytest.mark.parametrize(
    ("availability", "first", "last"),
    [
        ({}, utc(2045, 10, 2, 9), None),
        ({"available": "after_days", "available_days": 2}, utc(2045, 10, 4, 9), None),
        ({"available": "on_date", "available_on": datetime.date(2045, 12, 1)}, utc(2045, 12, 1), None),
        ({"available": "held"}, None, None),
        ({"until": "after_days", "until_days": 10}, utc(2045, 10, 2, 9), utc(2045, 10, 12, 9)),
        (
            {"until": "on_date", "until_on": datetime.date(2045, 10, 15)},
            utc(2045, 10, 2, 9),
            utc(2045, 10, 15, 23),
        ),
    ],
)
def test_it_can_be_watched_as_the_schedule_says(availability, first, last):
    recorded(published(**availability))
    recordings.make_media()

    made = Media.objects.get()
    assert (made.published_at, made.available_until) == (first, last)
