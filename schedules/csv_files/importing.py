"""Checking and saving a file: the same work, rolled back or kept, so that the check cannot be wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone
from psycopg import errors

from schedules.models import ImportJob
from schedules.models.changes import Difference
from schedules.scheduling import RoomTaken

from . import outcome, reading
from .base import Cells, FileKind, refused
from .outcome import Outcome, Problem, Refusal
from .registry import kind_of

if TYPE_CHECKING:
    from accounts.models import User


NAMING = {"Building", "Name", "Course", "Term", "Section number", "Email"}


class NotAsChecked(Exception):
    """Between check and saving something changed, so that other things would be saved than were shown."""


class SavedAlready(Exception):
    """This file was saved before: a reload, or a second press."""


def upload(kind: type[FileKind], file_name: str, content: bytes, *, user: User) -> ImportJob:
    """Checks a file and keeps it for saving. Raises Unreadable; files of the day before are forgotten."""
    report = check(kind, content, user=user)
    ImportJob.objects.expired().delete()
    return ImportJob.objects.create(
        user=user,
        kind=kind.name,
        file_name=file_name[:255],
        content=content,
        report=[one.as_json() for one in report],
    )


def check(kind: type[FileKind], content: bytes, *, user: User) -> list[Outcome]:
    """What saving would do to each row. Nothing is saved. Raises Unreadable."""
    with transaction.atomic():
        found = carry_out(kind, content, user=user)
        connection.check_constraints()
        transaction.set_rollback(True)
    return found


def save(job: ImportJob, *, user: User, good_only: bool) -> ImportJob:
    """Saves a checked file: all of it, or with `good_only` what is not refused.

    Raises SavedAlready or NotAsChecked; nothing is saved then.
    """
    with transaction.atomic():
        job = ImportJob.objects.select_for_update().get(pk=job.pk, user=user)
        if job.saved_at is not None:
            raise SavedAlready
        with transaction.atomic():
            found = carry_out(kind_of(job.kind), bytes(job.content), user=user)
            report = [one.as_json() for one in found]
            as_shown = report == job.report
            good = good_only or all(one.kind != outcome.Kind.REFUSED for one in found)
            if not (as_shown and good):
                transaction.set_rollback(True)
        if as_shown and good:
            job.saved_at, job.content = timezone.now(), b""
        job.report, job.checked_at = report, timezone.now()
        job.save()
    if job.saved_at is None:
        raise NotAsChecked
    return job


def carry_out(kind: type[FileKind], content: bytes, *, user: User) -> list[Outcome]:
    """Saves every row that can be saved. Needs a transaction around it."""
    table = reading.read(content)
    kind = kind.fitting(table)
    names = kind.accept_header(table.header)
    run = kind(user, table)
    run.prepare()
    return [_one(run, run.cells_of(row, names), row.fault) for row in table.rows]


def _one(run: FileKind, cells: Cells, fault: str) -> Outcome:
    passed = False
    try:
        if fault:
            raise Refusal(Problem("", fault))
        run.note_key(cells)
        with transaction.atomic():
            kind, row, what, differences = run.carry_out(cells)
        run.lines[row.pk] = cells.line
        run.saved += kind != outcome.Kind.UNCHANGED
        passed = True
        return Outcome(cells.line, kind, what, _told(kind, what, differences))
    except Refusal as error:
        problems: Sequence[Problem] = error.problems
    except ValidationError as error:
        problems = run.refusal(error).problems
    except RoomTaken as error:
        problems = run.taken(error)
    except IntegrityError as error:
        problems = [_broken_rule(error)]
    except DataError:
        problems = [Problem("", "A value is too long or too large to be kept.")]
    finally:
        run.settle(passed=passed)
    return refused(cells.line, run.describe(cells), problems)


def _told(kind: outcome.Kind, what: str, differences: list[Difference]) -> tuple[Difference, ...]:
    """Of something new, what its name does not say already."""
    if kind != outcome.Kind.CREATED:
        return tuple(differences)
    return tuple(entry for entry in differences if entry[0] not in NAMING or entry[2] not in what)


def _broken_rule(error: IntegrityError) -> Problem:
    """The sentence of the constraint that the database found broken."""
    cause = error.__cause__
    name = cause.diag.constraint_name if isinstance(cause, errors.Error) else None
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if name and constraint.name == name:
                column = "external_id" if name.endswith("_per_external_id") else ""
                return Problem(column, str(constraint.violation_error_message))
    if name and "email" in name:
        return Problem("email", "Somebody with this e-mail exists already.")
    raise error
