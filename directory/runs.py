"""Runs: when one begins, whom it has to read and in which order, and how it ends."""

from __future__ import annotations

import datetime

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.models import User
from configurations.models import ApiConfiguration, Authorization

from .models import Directory, LmsInstructor, RefreshRun

# A run that met errors is followed by another one sooner than the usual interval, once.
RETRY_AFTER = datetime.timedelta(minutes=15)
SIGNED_IN_LATELY = datetime.timedelta(days=14)

Trigger = RefreshRun.Trigger
Outcome = RefreshRun.Outcome


def refreshable() -> QuerySet[ApiConfiguration]:
    """The configurations whose Canvas may be asked."""
    return ApiConfiguration.objects.filter(enabled=True, authorization__status=Authorization.Status.ACTIVE)


def open_run(configuration: ApiConfiguration) -> RefreshRun | None:
    return configuration.refresh_runs.filter(finished_at=None).select_related("configuration").first()


def plan(configuration: ApiConfiguration) -> RefreshRun | None:
    """The run to work on now: the open one, or a new one if it is time; None if there is nothing to do."""
    run = open_run(configuration)
    if run is not None or not _is_time(configuration):
        return run
    return start_run(configuration)


def _is_time(configuration: ApiConfiguration) -> bool:
    directory = Directory.of(configuration)
    if not directory.enabled:
        return False
    last, before = [*configuration.refresh_runs.all()[:2], None, None][:2]
    if last is None or last.finished_at is None:
        return True
    if last.outcome == Outcome.STOPPED and configuration.authorization.authorized_at > last.finished_at:
        return True
    failed_before = before is not None and before.outcome != Outcome.COMPLETE
    if last.outcome != Outcome.COMPLETE and not failed_before:
        return timezone.now() >= last.finished_at + min(RETRY_AFTER, directory.interval)
    return timezone.now() >= last.started_at + directory.interval


def start_run(
    configuration: ApiConfiguration,
    *,
    everything: bool = False,
    trigger: Trigger = Trigger.SCHEDULE,
    requested_by: User | None = None,
) -> RefreshRun:
    """Begins a run, or returns the open one. Without `everything`, who was read in the last half of the interval
    is left out. Asked for everything, an open run is widened to everybody.
    """
    now = timezone.now()
    horizon = now if everything else now - Directory.of(configuration).interval / 2
    run = open_run(configuration)
    if run is None:
        try:
            with transaction.atomic():
                return RefreshRun.objects.create(
                    configuration=configuration,
                    horizon=horizon,
                    started_at=now,
                    trigger=trigger,
                    requested_by=requested_by,
                )
        except IntegrityError:  # another process was faster
            run = configuration.refresh_runs.latest("pk")
    if everything and run.horizon < run.started_at:
        RefreshRun.objects.filter(pk=run.pk).update(horizon=F("started_at"))
        run.refresh_from_db()
        count_planned(run)
    return run


def count_planned(run: RefreshRun) -> None:
    due = LmsInstructor.objects.due(run).count()
    RefreshRun.objects.filter(pk=run.pk).update(planned=F("refreshed") + F("failed") + due)


def finish(run: RefreshRun, outcome: Outcome, detail: str = "") -> None:
    """Once, whoever is first."""
    RefreshRun.objects.filter(pk=run.pk, finished_at=None).update(
        finished_at=timezone.now(), outcome=outcome, detail=detail, waiting_for=""
    )


def set_priorities(configuration: ApiConfiguration) -> None:
    """First those whose rosters are wanted, because a section is linked to a course of theirs; then those who
    signed in lately; then everybody else.
    """
    people = LmsInstructor.objects.filter(configuration=configuration)
    linked = people.filter(teachings__course__roster_wanted=True, teachings__gone_at=None).values("pk")
    addresses = (
        User.objects.filter(last_login__gte=timezone.now() - SIGNED_IN_LATELY)
        .annotate(address=Lower("email"))
        .values("address")
    )
    active = LmsInstructor.objects.annotate(address=Lower("email")).filter(address__in=addresses).values("pk")
    wanted = {
        2: Q(pk__in=linked),
        1: ~Q(pk__in=linked) & Q(pk__in=active),
        0: ~Q(pk__in=linked) & ~Q(pk__in=active),
    }
    for priority, who in wanted.items():
        people.filter(who).exclude(priority=priority).update(priority=priority)
