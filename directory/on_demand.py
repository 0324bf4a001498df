"""What people ask of the refresh: everything now, or some instructors now. A worker does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kombu.exceptions import OperationalError

from accounts.models import User
from configurations.models import ApiConfiguration
from configurations.status import status_of

from . import runs, tasks
from .models import LmsInstructor

CHUNK = 25


@dataclass(frozen=True)
class Outcome:
    begun: bool
    text: str


def refresh_everything(configuration: ApiConfiguration, *, user: User) -> Outcome:
    """Begins a run over everybody, or widens the one that is under way."""
    if not runs.refreshable().filter(pk=configuration.pk).exists():
        status = status_of(configuration)
        return Outcome(False, f"{configuration}: {status.label}. {status.detail}")
    run = runs.start_run(configuration, everything=True, trigger=runs.Trigger.PERSON, requested_by=user)
    try:
        tasks.work_on.apply_async((run.configuration_id,), expires=60, retry=False)
    except OperationalError:
        return Outcome(True, f"{configuration}: the refresh begins as soon as Redis and a worker are back.")
    return Outcome(True, f"{configuration}: everybody's courses are being read again.")


def refresh_instructors(instructors: Sequence[LmsInstructor]) -> Outcome:
    keys = [one.pk for one in instructors]
    try:
        for start in range(0, len(keys), CHUNK):
            arguments = (keys[start : start + CHUNK],)
            tasks.refresh_instructors.apply_async(arguments, {"whatever_age": True}, expires=600, retry=False)
    except OperationalError:
        return Outcome(False, "Nothing was begun, because Redis is away. Try again when it is back.")
    return Outcome(True, f"{len(keys)} instructors are being refreshed. Reload this page in a moment.")
