from __future__ import annotations

import logging
from collections.abc import Sequence

from celery import shared_task
from django.utils import timezone

from canvas.errors import CanvasError
from configurations.models import ApiConfiguration

from . import housekeeping, lookup, runs
from .models import LmsInstructor, RefreshRun
from .work import Work

logger = logging.getLogger(__name__)

TICK_SECONDS = 20
# Longer than a tick, so that a run goes on without a gap; then two processes share it, which does no harm.
WORK_SECONDS = 30


@shared_task
def keep_fresh() -> None:
    """Every tick: a worker for each directory that has something to do. Two beats only ring twice."""
    for configuration in runs.refreshable():
        if runs.plan(configuration) is not None:
            work_on.apply_async((configuration.pk,), expires=TICK_SECONDS)


@shared_task
def work_on(configuration_id: int) -> str:
    """Half a minute of work on the open run of a configuration, if there is one."""
    run = RefreshRun.objects.filter(configuration=configuration_id, finished_at=None).first()
    if run is None:
        return "nothing to do"
    work = Work(run, seconds=WORK_SECONDS)
    work.do()
    return work.state


@shared_task
def refresh_instructors(keys: Sequence[int], whatever_age: bool = False) -> None:
    """Behind an answer that was not quite fresh, or because somebody asked. Asked for twice, it is done once."""
    people = LmsInstructor.objects.filter(pk__in=keys)
    if not whatever_age:
        people = people.filter(refreshed_at__lt=timezone.now() - lookup.FRESH_FOR)
    for configuration in ApiConfiguration.objects.filter(instructors__in=people).distinct():
        try:
            lookup.refresh_people(configuration, list(people.filter(configuration=configuration)))
        except CanvasError as error:
            logger.info("Instructors were not refreshed: %s", error.code)


@shared_task
def forget_old_runs() -> None:
    housekeeping.forget_old_runs()
