"""Writing down what was read, in bulk. A field that Canvas leaves out keeps its value; nothing is ever deleted."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from canvas.errors import CanvasError
from canvas.shapes import Course, Enrollment, User
from configurations.models import ApiConfiguration

from .models import LmsCourse, LmsInstructor, RosterEntry, Teaching
from .reading import Reading, Roster

BATCH = 500
BY_LMS_ID = ("configuration", "lms_id")
M = TypeVar("M", bound=models.Model)
# An empty list that nothing confirms is believed after a day of saying the same.
BELIEVED_AFTER = datetime.timedelta(hours=24)


def fit(text: str | None, length: int) -> str | None:
    """Text from outside as a column takes it; None, for what Canvas left out, stays None."""
    if text is None:
        return None
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return text.strip()[:length]


def _differing(row: models.Model, values: dict[str, Any]) -> bool:
    """Takes over the values that are not None; whether any was new."""
    changed = False
    for name, value in values.items():
        if value is not None and getattr(row, name) != value:
            setattr(row, name, value)
            changed = True
    return changed


def _save(rows: Sequence[M], fields: Sequence[str], *, unique: Sequence[str] = ("pk",)) -> None:
    """Writes the fields of rows that are locked, or inserts them: one statement, many times faster than
    `bulk_update`, which builds an expression for each value.
    """
    if rows:
        type(rows[0])._default_manager.bulk_create(
            rows, update_conflicts=True, unique_fields=unique, update_fields=fields, batch_size=BATCH
        )


# --- Instructors ----------------------------------------------------------------------------------------
@transaction.atomic
def record_people(
    configuration: ApiConfiguration, people: Sequence[User], listed_at: datetime.datetime | None = None
) -> list[LmsInstructor]:
    """People, known by their LMS id whatever else has changed. `listed_at`: if the list of teachers named them."""
    known = LmsInstructor.objects.select_for_update().filter(
        configuration=configuration, lms_id__in=[user.id for user in people]
    )
    rows = {row.lms_id: row for row in known.order_by("lms_id")}
    for user in sorted(people, key=lambda one: one.id):
        row = rows.setdefault(user.id, LmsInstructor(configuration=configuration, lms_id=user.id))
        _differing(row, _person_values(user))
        row.seen_at, row.gone_at = listed_at or row.seen_at, None
    fields = ["name", "email", "login_id", "seen_at", "gone_at"]
    _save([row for row in rows.values() if row.pk], fields)
    _save([row for row in rows.values() if not row.pk], fields, unique=BY_LMS_ID)
    return [rows[user.id] for user in people]


def _person_values(user: User) -> dict[str, Any]:
    # With the key and without a value: Canvas says that there is no address any more.
    email = fit(user.email, 254) or "" if user.has_email_key else None
    return {"name": fit(user.name, 255), "email": email, "login_id": fit(user.login_id, 255)}


def record_failure(instructor: LmsInstructor, error: CanvasError) -> None:
    """What was known stays; why it is not newer is kept beside it."""
    LmsInstructor.objects.filter(pk=instructor.pk).update(
        attempted_at=timezone.now(),
        last_error=f"{error.headline} {error.advice}"[:500],
        failures=F("failures") + 1,
        leased_until=None,
    )


# --- Courses --------------------------------------------------------------------------------------------
@dataclass
class Recorded:
    """What a batch of readings changed."""

    instructors: int = 0
    doubted: int = 0
    courses_new: int = 0
    courses_gone: int = 0


@transaction.atomic
def record_readings(configuration: ApiConfiguration, readings: Iterable[Reading]) -> Recorded:
    """The courses of some people. A reading older than what is recorded already is passed over."""
    by_id = {reading.lms_id: reading for reading in readings}
    instructors = list(
        LmsInstructor.objects.select_for_update()
        .filter(configuration=configuration, lms_id__in=by_id)
        .order_by("pk")
    )
    newer = [
        row for row in instructors if row.refreshed_at is None or row.refreshed_at <= by_id[row.lms_id].read_at
    ]
    believed = [row for row in newer if _believed(row, by_id[row.lms_id])]
    known = list(Teaching.objects.filter(instructor__in=believed).order_by("pk"))
    taught_before = {row.course_id for row in known}
    courses, new = _record_courses(configuration, [by_id[row.lms_id] for row in believed], taught_before)
    gone = _mark_gone(_record_teachings(believed, by_id, courses, known))
    for row in newer:
        _record_outcome(row, by_id[row.lms_id])
    _save(newer, _OUTCOME_FIELDS)
    left = {row.pk for row in instructors} - {row.pk for row in newer}
    LmsInstructor.objects.filter(pk__in=left).update(leased_until=None)
    return Recorded(len(believed), len(newer) - len(believed), new, gone)


def _believed(row: LmsInstructor, reading: Reading) -> bool:
    if not reading.doubtful:
        return True
    return row.doubted_since is not None and reading.read_at - row.doubted_since >= BELIEVED_AFTER


_OUTCOME_FIELDS = [
    "refreshed_at",
    "attempted_at",
    "last_error",
    "failures",
    "invitations",
    "doubted_since",
    "gone_at",
    "leased_until",
]
DOUBT = (
    "Canvas shows no courses for this person any more and does not confirm it, so the courses known before are "
    "kept. Check that the Canvas user who authorized is still an administrator."
)


def _record_outcome(row: LmsInstructor, reading: Reading) -> None:
    row.attempted_at = timezone.now()
    row.leased_until = None
    if not _believed(row, reading):
        row.doubted_since = row.doubted_since or reading.read_at
        row.last_error = DOUBT
        row.failures += 1
        return
    row.refreshed_at = reading.read_at
    row.last_error = ""
    row.failures = 0
    row.doubted_since = None
    if reading.invitations is not None or reading.courses:
        row.invitations = reading.invitations
    row.gone_at = None if reading.known else row.gone_at or reading.read_at


def _record_courses(
    configuration: ApiConfiguration,
    readings: Iterable[Reading],
    taught_before: Collection[int],
) -> tuple[dict[str, LmsCourse], int]:
    """The courses of the readings by LMS id, and how many of them are new.

    Every course that this batch may change is locked, always in the same order, so that two batches with courses
    in common wait for each other and do not deadlock. All that were found are taught again, if they were gone.
    """
    found = {taught.course.id: taught.course for reading in readings for taught in reading.courses}
    rows = _locked(configuration, found, taught_before)
    now = timezone.now()
    changed: list[LmsCourse] = []
    new: list[LmsCourse] = []
    same: list[int] = []
    for lms_id, course in sorted(found.items()):
        row = rows.setdefault(lms_id, LmsCourse(configuration=configuration, lms_id=lms_id))
        differs = _differing(row, _course_values(course)) or row.gone_at is not None
        row.seen_at, row.gone_at = now, None
        if not row.pk:
            new.append(row)
        elif differs:
            changed.append(row)
        else:
            same.append(row.pk)
    _save(changed, _COURSE_FIELDS)
    _save(new, _COURSE_FIELDS, unique=BY_LMS_ID)
    LmsCourse.objects.filter(pk__in=same).update(seen_at=now)
    return rows, len(new)


def _locked(
    configuration: ApiConfiguration, lms_ids: Iterable[str], keys: Collection[int]
) -> dict[str, LmsCourse]:
    """By LMS id or by key. The keys are values and not a query: among many courses, a query in an OR would have
    all of them read.
    """
    which = Q(lms_id__in=list(lms_ids)) | Q(pk__in=keys)
    rows = LmsCourse.objects.select_for_update().filter(which, configuration=configuration).order_by("lms_id")
    return {row.lms_id: row for row in rows}


_COURSE_FIELDS = [
    "name",
    "code",
    "term_name",
    "starts_at",
    "ends_at",
    "workflow_state",
    "sis_id",
    "time_zone",
    "seen_at",
    "gone_at",
]


def _course_values(course: Course) -> dict[str, Any]:
    return {
        "name": fit(course.name, 500),
        "code": fit(course.code, 255),
        "term_name": fit(course.term.name, 255) if course.term else None,
        "starts_at": course.starts_at or (course.term.starts_at if course.term else None),
        "ends_at": course.ends_at or (course.term.ends_at if course.term else None),
        "workflow_state": fit(course.workflow_state, 30),
        "sis_id": fit(course.sis_id, 255),
        "time_zone": fit(course.time_zone, 64),
    }


def _record_teachings(
    instructors: Sequence[LmsInstructor],
    readings: dict[str, Reading],
    courses: dict[str, LmsCourse],
    known: Sequence[Teaching],
) -> set[int]:
    """Who teaches what, now and no longer; the courses that somebody has left."""
    now = timezone.now()
    wanted: dict[tuple[int, int], str] = {
        (row.pk, courses[taught.course.id].pk): Teaching.Role.ASSISTANT
        if taught.assists
        else Teaching.Role.TEACHER
        for row in instructors
        for taught in readings[row.lms_id].courses
    }
    pairs = {(row.instructor_id, row.course_id) for row in known}
    new = [
        Teaching(instructor_id=instructor, course_id=course, role=role, first_seen_at=now)
        for (instructor, course), role in wanted.items()
        if (instructor, course) not in pairs
    ]
    Teaching.objects.bulk_create(new, ignore_conflicts=True, batch_size=BATCH)
    changed = []
    left = set()
    for row in known:
        pair = (row.instructor_id, row.course_id)
        role, gone_at = wanted.get(pair, row.role), None if pair in wanted else row.gone_at or now
        if gone_at and not row.gone_at:
            left.add(row.course_id)
        if (row.role, row.gone_at) != (role, gone_at):
            row.role, row.gone_at = role, gone_at
            changed.append(row)
    _save(changed, ["role", "gone_at"])
    return left


def _mark_gone(left: set[int]) -> int:
    """A course is gone when nobody is known to teach it any more; how many have just gone."""
    taught = Exists(Teaching.objects.filter(course=OuterRef("pk"), gone_at=None))
    courses = LmsCourse.objects.filter(~taught, pk__in=left, gone_at=None)
    return courses.update(gone_at=timezone.now())


def mark_unlisted_gone(configuration: ApiConfiguration, listed_at: datetime.datetime) -> int:
    """People whom a whole list of teachers no longer names and who were read since, without any course: gone."""
    teaching = Exists(Teaching.objects.filter(instructor=OuterRef("pk"), gone_at=None))
    unlisted = Q(seen_at=None) | Q(seen_at__lt=listed_at)
    return (
        LmsInstructor.objects.present()
        .filter(unlisted, ~teaching, configuration=configuration, refreshed_at__gte=listed_at)
        .update(gone_at=timezone.now())
    )


# --- Rosters --------------------------------------------------------------------------------------------
@transaction.atomic
def record_roster(course: LmsCourse, roster: Roster) -> None:
    """Everybody in the course, each once. People who left stay, marked gone."""
    locked = LmsCourse.objects.select_for_update().get(pk=course.pk)
    if locked.roster_refreshed_at and locked.roster_refreshed_at > roster.read_at:
        return
    locked.roster_refreshed_at = locked.roster_attempted_at = roster.read_at
    locked.roster_error = "" if roster.known else "Canvas does not know this course any more."
    locked.save(update_fields=["roster_refreshed_at", "roster_attempted_at", "roster_error"])
    if roster.known:
        _record_entries(locked, roster.people)


def _record_entries(course: LmsCourse, people: dict[str, Enrollment]) -> None:
    known = {row.lms_user_id: row for row in course.roster.all()}
    new = [RosterEntry(course=course, lms_user_id=lms_id) for lms_id in people.keys() - known.keys()]
    for row in new:
        _differing(row, _entry_values(people[row.lms_user_id]))
    changed = []
    for row in known.values():
        if row.lms_user_id in people:
            differs = _differing(row, _entry_values(people[row.lms_user_id])) or row.gone_at is not None
            row.gone_at = None
        else:
            differs = row.gone_at is None
            row.gone_at = row.gone_at or timezone.now()
        changed += [row] if differs else []
    RosterEntry.objects.bulk_create(new, batch_size=BATCH)
    _save(changed, ["name", "login_id", "role", "state", "gone_at"])


def _entry_values(enrollment: Enrollment) -> dict[str, Any]:
    return {
        "name": fit(enrollment.user_name, 255),
        "login_id": fit(enrollment.login_id, 255),
        "role": fit(enrollment.type or enrollment.role, 40),
        "state": fit(enrollment.state, 30),
    }


def record_roster_failure(course: LmsCourse, error: CanvasError) -> None:
    LmsCourse.objects.filter(pk=course.pk).update(
        roster_attempted_at=timezone.now(), roster_error=f"{error.headline} {error.advice}"[:500]
    )
