"""What beat rings for and the workers do, without a broker: the tasks are called as functions."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from directory import runs, tasks
from directory.models import LmsInstructor, RefreshRun
from tests.directory.conftest import INSTRUCTOR, courses_of_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def rung(monkeypatch):
    """For which configurations a worker was called."""
    called: list[int] = []
    monkeypatch.setattr(tasks.work_on, "apply_async", lambda arguments, **_: called.extend(arguments))
    return called


def test_a_tick_calls_a_worker_for_a_new_authorization(canvas, rung):
    tasks.keep_fresh()

    assert rung == [canvas.pk]
    assert tasks.work_on(canvas.pk) == "finished"
    assert courses_of_person(INSTRUCTOR).keys() == {"ALG101", "BOT102"}


def test_a_tick_does_nothing_while_nothing_is_due(canvas, refreshed, rung):
    refreshed()

    tasks.keep_fresh()

    assert rung == []
    assert tasks.work_on(canvas.pk) == "nothing to do"


def test_two_beats_ring_twice_for_one_run(canvas, rung):
    tasks.keep_fresh()
    tasks.keep_fresh()

    assert rung == [canvas.pk, canvas.pk]
    assert RefreshRun.objects.count() == 1


def test_an_unauthorized_configuration_is_left_alone(configuration, rung):
    tasks.keep_fresh()

    assert rung == []
    assert not RefreshRun.objects.exists()


def test_refreshing_somebody_without_canvas_does_no_harm(canvas, refreshed, sandbox):
    refreshed()
    sandbox.faults(error=503)

    tasks.refresh_instructors([one.pk for one in LmsInstructor.objects.all()], whatever_age=True)

    assert courses_of_person(INSTRUCTOR).keys() == {"ALG101", "BOT102"}


def test_old_runs_are_forgotten_and_the_open_one_is_not(canvas):
    long_ago = timezone.now() - datetime.timedelta(days=91)
    RefreshRun.objects.create(configuration=canvas, started_at=long_ago, finished_at=long_ago)
    kept = runs.start_run(canvas)

    tasks.forget_old_runs()

    assert RefreshRun.objects.get() == kept
