"""From an e-mail address to exactly one person, and to that person's courses (docs/canvas.md §3.5, §4.2)."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from typing import Literal

from .client import Client
from .endpoints import account_users, user_courses
from .shapes import Course, User

_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
TEACHING = ("teacher", "ta", "TeacherEnrollment", "TaEnrollment")
INVITED = "invited"


@dataclass(frozen=True)
class Match:
    """`candidates`: how many people Canvas's own search gave, which matches parts of many fields."""

    kind: Literal["found", "found_by_login", "several", "not_found", "uncertain"]
    users: tuple[User, ...]
    candidates: int
    includes_stripped: bool


def find_instructor(client: Client, email: str, *, account_id: str = "self") -> Match:
    """The person with exactly this address; never merely the first that Canvas finds.

    Letter case is ignored, nothing else is: no folding of accents, dots or plus signs. If no result shows an
    e-mail field at all, a lone result whose sign-in name differs is "uncertain". Raises ValueError if this is
    no e-mail address, and CanvasError.
    """
    email = email.strip()
    if not _ADDRESS.fullmatch(email):
        raise ValueError("Enter an e-mail address such as name@school.edu.")
    found = tuple(account_users(client, account_id=account_id, search_term=email))
    stripped = bool(found) and not any(user.has_email_key for user in found)
    by_email = tuple(user for user in found if _same(user.email, email))
    by_login = tuple(user for user in found if _same(user.login_id, email))
    matching = by_email or by_login
    if len(matching) > 1:
        return Match("several", matching, len(found), stripped)
    if matching:
        return Match("found" if by_email else "found_by_login", matching, len(found), stripped)
    return Match("uncertain" if stripped else "not_found", (), len(found), stripped)


def _same(one: str | None, other: str) -> bool:
    """Both ways, because some look-alikes have a plain letter on one side only: the Kelvin sign lowers to k."""
    return one is not None and one.lower() == other.lower() and one.upper() == other.upper()


@dataclass(frozen=True)
class InstructorCourses:
    courses: tuple[Course, ...]
    # Courses whose invitation the person has not accepted yet.
    invited: int


def courses_of(client: Client, user: User) -> InstructorCourses:
    """The active courses in which the person teaches or assists, and how many invitations wait."""
    active = user_courses(client, user.id, enrollment_type=None)
    teaching = tuple(course for course in active if teaches(course))
    everything = user_courses(client, user.id, enrollment_state=None, enrollment_type=None, include=("term",))
    known = {course.id for course in teaching}
    invited = [course for course in everything if course.id not in known and is_invited(course)]
    return InstructorCourses(teaching, len(invited))


def teaches(course: Course) -> bool:
    """Whether the looked-up person teaches or assists in it."""
    return any(enrollment.type in TEACHING for enrollment in course.enrollments)


def is_invited(course: Course) -> bool:
    """Whether the looked-up person was asked to teach in it, has not accepted yet, and it is not over: without a
    state, Canvas lists courses of ended terms too (docs/canvas.md §4.2).
    """
    ends_at = course.ends_at or (course.term.ends_at if course.term else None)
    over = ends_at is not None and ends_at < datetime.datetime.now(datetime.UTC)
    asked = any(enrollment.type in TEACHING and enrollment.state == INVITED for enrollment in course.enrollments)
    return asked and not over
