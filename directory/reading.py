"""Reading the LMS, without touching the database: what Canvas says about a person, and whether to believe it."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.utils import timezone

from canvas import errors
from canvas.client import Client
from canvas.endpoints import EnrollmentType, account_users, course_enrollments, user_courses
from canvas.lookup import is_invited
from canvas.shapes import Course, Enrollment, User

MOST_PAGES = 5000
TEACHER_TYPES = ("teacher", "TeacherEnrollment")
ASSISTANT_TYPES = ("ta", "TaEnrollment")
EVERY_STATE = ("active", "invited", "creation_pending", "deleted", "rejected", "completed", "inactive")
# The one to keep where a person is in several sections of a course.
BEST_STATE_FIRST = ("active", "invited", "creation_pending", "inactive")


@dataclass(frozen=True)
class Taught:
    course: Course
    assists: bool


@dataclass(frozen=True)
class Reading:
    """What Canvas said about the courses of one person at one moment.

    `known`: False if Canvas does not know the person (any more). `doubtful`: no courses were shown where some were
    known, and nothing confirms that this is meant. `invitations`: None if not asked for.
    """

    lms_id: str
    read_at: datetime.datetime
    courses: tuple[Taught, ...] = ()
    invitations: int | None = None
    known: bool = True
    doubtful: bool = False


@dataclass(frozen=True)
class Subject:
    """Whom to read, and what is known of them. `thorough`: ask for invitations too, whatever is found."""

    lms_id: str
    known_courses: tuple[str, ...] = ()
    read_before: bool = False
    thorough: bool = False


def teachers(client: Client, account_id: str, *, assistants: bool) -> Iterator[User]:
    """Everybody who teaches, a hundred for each request, and then everybody who assists."""
    seen: set[str] = set()
    kinds: tuple[EnrollmentType, ...] = ("teacher", "ta") if assistants else ("teacher",)
    for kind in kinds:
        found = account_users(client, account_id=account_id, enrollment_type=kind, max_pages=MOST_PAGES)
        for user in found:
            if user.id not in seen:
                seen.add(user.id)
                yield user


def read_person(client: Client, subject: Subject, *, assistants: bool) -> Reading:
    """The active courses of one person: one request as a rule. Raises CanvasError.

    An empty list may be the truth, and may be what Canvas shows to somebody without permission. Where courses were
    known it is believed only if other answers bear it out: the person's enrolments are listed and none is active,
    twice; or every course confirms that it is over (docs/directory.md).
    """
    read_at = timezone.now()
    kind: EnrollmentType | None = None if assistants else "teacher"

    def active() -> tuple[Taught, ...]:
        found = user_courses(client, subject.lms_id, enrollment_type=kind, include=("term",))
        return tuple(_taught(found, assistants=assistants))

    try:
        courses = active()
        if (courses or (subject.read_before and not subject.known_courses)) and not subject.thorough:
            return Reading(subject.lms_id, read_at, courses)
        everything = user_courses(
            client, subject.lms_id, enrollment_state=None, enrollment_type=kind, include=("term",)
        )
        doubtful = False
        if not courses and subject.known_courses:
            courses = active() if everything else ()
            doubtful = not everything and not all(_over(client, subject, one) for one in subject.known_courses)
    except errors.NotFound:
        return Reading(subject.lms_id, read_at, known=False)
    found = {taught.course.id for taught in courses}
    invitations = sum(is_invited(course) and course.id not in found for course in everything)
    return Reading(subject.lms_id, read_at, courses, invitations, doubtful=doubtful)


def _taught(courses: list[Course], *, assistants: bool) -> Iterator[Taught]:
    for course in courses:
        kinds = {enrollment.type for enrollment in course.enrollments}
        if not kinds.isdisjoint(TEACHER_TYPES):
            yield Taught(course, assists=False)
        elif assistants and not kinds.isdisjoint(ASSISTANT_TYPES):
            yield Taught(course, assists=True)


def _over(client: Client, subject: Subject, course_id: str) -> bool:
    """Whether a course that the person taught is gone, or shows that they no longer teach it. Only what Canvas
    positively says counts: an empty list says nothing.
    """
    try:
        found = list(course_enrollments(client, course_id, user_id=subject.lms_id, states=EVERY_STATE))
    except errors.NotFound:
        return True
    except errors.NotPermitted:
        return False
    teaching = [one for one in found if one.type in TEACHER_TYPES + ASSISTANT_TYPES]
    return bool(found) and not any(one.state in ("active", "invited") for one in teaching)


@dataclass(frozen=True)
class Roster:
    course_id: str
    read_at: datetime.datetime
    people: dict[str, Enrollment] = field(default_factory=dict)
    # False: Canvas does not know the course (any more).
    known: bool = True


def read_roster(client: Client, course_id: str) -> Roster:
    """Everybody in a course, each once. Raises CanvasError; a course without anybody is not believed, because its
    instructor at least is in it.
    """
    read_at = timezone.now()
    people: dict[str, Enrollment] = {}
    try:
        for enrollment in course_enrollments(client, course_id):
            before = people.get(enrollment.user_id)
            if before is None or _rank(enrollment) < _rank(before):
                people[enrollment.user_id] = enrollment
    except errors.NotFound:
        return Roster(course_id, read_at, known=False)
    if not people:
        raise errors.UnexpectedAnswer("a course without anybody in it")
    return Roster(course_id, read_at, people)


def _rank(enrollment: Enrollment) -> int:
    state = enrollment.state or ""
    return BEST_STATE_FIRST.index(state) if state in BEST_STATE_FIRST else len(BEST_STATE_FIRST)
