"""Months of events are made ahead and dropped when their time is over; figures stay."""

from __future__ import annotations

import datetime

import pytest
import time_machine
from django.db import connection

from analytics import folding, partitions
from analytics.models import Learner, Media, RawDrop, Statement, StatementBatch, ViewEvent, ViewUser
from tests.support import viewing
from tests.support.viewing import NOON

pytestmark = pytest.mark.django_db
MAY = datetime.date(2026, 5, 1)
JUNE = datetime.date(2026, 6, 1)


def tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent::regclass::text = ANY(%s)",
            [list(partitions.TABLES)],
        )
        return {name for (name,) in cursor.fetchall()}


def seconds() -> list[int]:
    return list(ViewUser.objects.values_list("seconds", flat=True))


@pytest.fixture
def in_may(db):
    """Somebody watched a minute, and May has partitions of its own."""
    with time_machine.travel(NOON, tick=False):
        viewing.watched(viewing.media(), viewing.stranger(), (0, 60), at=NOON)
        partitions.make_ahead()


def test_this_month_and_the_next_ones_are_made_once():
    with time_machine.travel(NOON, tick=False):
        assert len(partitions.make_ahead()) == 9
        assert partitions.make_ahead() == []

    assert {"analytics_viewevent_2026_05", "analytics_viewevent_2026_07"} <= tables()


def test_the_year_ends_in_december():
    with time_machine.travel(datetime.datetime(2026, 11, 30, 23, tzinfo=datetime.UTC), tick=False):
        partitions.make_ahead()

    assert {"analytics_viewevent_2026_12", "analytics_viewevent_2027_01"} <= tables()


def test_what_came_before_its_partition_moves_into_it(in_may):
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tableoid::regclass::text FROM analytics_viewevent")
        assert cursor.fetchall() == [("analytics_viewevent_2026_05",)]
    assert ViewEvent.objects.count() == 2


def test_a_month_goes_and_its_figures_stay(in_may):
    dropped = partitions.drop_before(JUNE)

    assert [(one.month, one.statements) for one in dropped] == [(MAY, 2)]
    assert (ViewEvent.objects.count(), StatementBatch.objects.count()) == (0, 0)
    assert "analytics_viewevent_2026_05" not in tables()
    assert seconds() == [60]
    assert partitions.forget_dropped_statements() == 2
    assert not Statement.objects.exists()


def test_the_ids_of_answers_and_of_what_was_erased_stay_known(in_may):
    question = viewing.poll(viewing.media())
    answer = {"activity_id": question.activity_id, "response": "a", "success": None, "occurred": NOON}
    viewing.store([answer], viewing.student(question.media.section), stored=NOON)
    Statement.objects.filter(pk=ViewEvent.objects.values("statement_id")[:1]).update(erased=True)
    folding.fold_all()
    partitions.drop_before(JUNE)

    assert partitions.forget_dropped_statements() == 1
    assert Statement.objects.count() == 2


def test_a_month_that_is_not_over_stays(in_may):
    assert partitions.drop_before(datetime.date(2026, 5, 31)) == []
    assert ViewEvent.objects.count() == 2


def test_a_month_that_is_not_folded_stays(in_may):
    events = viewing.events_of(viewing.media(), (0, 60))
    viewing.store(events, None, stored=NOON)

    assert partitions.drop_before(JUNE) == []
    assert not RawDrop.objects.exists()


def test_figures_of_dropped_months_survive_a_rebuild(in_may):
    partitions.drop_before(JUNE)
    folding.rebuild()

    assert seconds() == [60]


def test_later_views_are_added_to_figures_of_dropped_months(in_may):
    partitions.drop_before(JUNE)
    row = ViewUser.objects.get()
    lecture = Media.objects.get(pk=row.media_id)
    person = Learner.objects.get(pk=row.learner_id or 0)
    viewing.watched(lecture, person, (60, 100), at=datetime.datetime(2026, 7, 1, tzinfo=datetime.UTC))
    folding.rebuild()

    assert seconds() == [100]


@pytest.mark.parametrize(
    ("months", "since"), [(0, MAY), (12, datetime.date(2025, 5, 1)), (5, datetime.date(2025, 12, 1))]
)
def test_whole_months_are_kept(months, since, settings):
    settings.EVENTS_KEEP_MONTHS = months
    with time_machine.travel(NOON, tick=False):
        assert partitions.kept_since() == since
