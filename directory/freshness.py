"""How fresh a directory is, in words: the same wherever it is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Count, QuerySet
from django.utils import timezone

from configurations.status import Level, status_of

from .models import Directory, LmsCourse, LmsInstructor, RefreshRun

if TYPE_CHECKING:
    import datetime

    from configurations.models import ApiConfiguration


WHOLE = (RefreshRun.Outcome.COMPLETE, RefreshRun.Outcome.PARTIAL)


@dataclass(frozen=True)
class Freshness:
    """`read_at`: when the last whole run ended, None if none ever did. `run`: the one that is under way."""

    level: Level
    label: str
    detail: str = ""
    instructors: int = 0
    courses: int = 0
    read_at: datetime.datetime | None = None
    run: RefreshRun | None = None
    last: RefreshRun | None = None


def freshness_of(directory: Directory) -> Freshness:
    return freshness_of_all([directory])[directory.pk]


def freshness_of_all(directories: Sequence[Directory]) -> dict[int, Freshness]:
    """By directory, in five queries. Expects configurations and authorizations to be joined."""
    keys = [one.configuration_id for one in directories]
    finished = _latest(RefreshRun.objects.filter(configuration__in=keys, finished_at__isnull=False))
    whole = _latest(RefreshRun.objects.filter(configuration__in=keys, outcome__in=WHOLE))
    running = _latest(RefreshRun.objects.filter(configuration__in=keys, finished_at=None))
    instructors = _counted(LmsInstructor.objects.filter(configuration__in=keys))
    courses = _counted(LmsCourse.objects.filter(configuration__in=keys))
    found = {}
    for one in directories:
        key = one.configuration_id
        read_at = whole[key].finished_at if key in whole else None
        level, label, detail = _judged(one, running.get(key), finished.get(key), read_at)
        figures = (instructors.get(key, 0), courses.get(key, 0), read_at, running.get(key), finished.get(key))
        found[one.pk] = Freshness(level, label, detail, *figures)
    return found


def _latest(runs: QuerySet[RefreshRun]) -> dict[int, RefreshRun]:
    newest = runs.order_by("configuration_id", "-started_at", "-pk").distinct("configuration_id")
    return {run.configuration_id: run for run in newest}


def _counted(rows: QuerySet[LmsInstructor] | QuerySet[LmsCourse]) -> dict[int, int]:
    """How many are not gone, by configuration."""
    counted = rows.filter(gone_at=None).order_by().values("configuration").annotate(number=Count("pk"))
    return dict(counted.values_list("configuration", "number"))


def _judged(
    directory: Directory, run: RefreshRun | None, last: RefreshRun | None, read_at: datetime.datetime | None
) -> tuple[Level, str, str]:
    status = status_of(directory.configuration)
    if not _connected(directory.configuration):
        return status.level, f"Not refreshed: {status.label.lower()}", status.detail
    if run is not None:
        return "ok", "Refreshing now", run.waiting_for and f"Waiting. {run.waiting_for}"
    if not directory.enabled:
        return (
            "off",
            "Not refreshed in the background",
            "Course lists are read when somebody looks an instructor up.",
        )
    if last is None:
        return "warning", "Not read yet", "The first refresh begins within a minute, if a worker is running."
    if read_at is None or timezone.now() - read_at > directory.warn_after:
        return (
            "error",
            f"Older than {directory.warn_hours} hours",
            last.detail or "Check that a worker is running.",
        )
    if last.outcome == RefreshRun.Outcome.STOPPED:
        return "error", "The last refresh was stopped", last.detail
    if last.outcome == RefreshRun.Outcome.PARTIAL:
        return "warning", "The last refresh met errors", last.detail or _failed(last)
    return "ok", "Fresh", f"Read {naturaltime(read_at)}."


def _failed(run: RefreshRun) -> str:
    people = "1 instructor" if run.failed == 1 else f"{run.failed} instructors"
    return f"{people} could not be read; what was known of them is kept."


def _connected(configuration: ApiConfiguration) -> bool:
    authorization = configuration.authorization_or_none()
    return configuration.enabled and authorization is not None and authorization.lost_at is None
