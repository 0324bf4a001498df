"""What Canvas sends, as frozen dataclasses. Tolerant on the way in: only an id is required, every other field may
be missing or of a wrong type and is then None (docs/canvas.md §3.4, §4.3, §5). Exact on the way out: ids are text.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .errors import UnexpectedAnswer

Json = Mapping[str, Any]
LONGEST_ID = 40


def identifier(value: object) -> str:
    """An id as text. A float cannot hold one: those of other shards are above 2^53 (docs/canvas.md §8)."""
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if 0 < len(text) <= LONGEST_ID and text.isascii() and text.isprintable():
        return text
    raise UnexpectedAnswer("an object without a usable id")


def _text(row: Json, name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) else None


def optional_identifier(row: Json, name: str) -> str | None:
    try:
        return identifier(row.get(name))
    except UnexpectedAnswer:
        return None


def _number(row: Json, name: str) -> int | None:
    value = row.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(row: Json, name: str) -> datetime.datetime | None:
    """An aware moment in UTC. A moment without offset is taken as UTC, which Canvas means by it."""
    try:
        moment = datetime.datetime.fromisoformat(str(row.get(name)))
        aware = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
        return aware.astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return None


def _objects(row: Json, name: str) -> list[Json]:
    value = row.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


@dataclass(frozen=True)
class User:
    id: str
    name: str | None
    email: str | None
    login_id: str | None
    # False: Canvas left the field out, by permission or because includes are stripped (docs/canvas.md §4.4).
    has_email_key: bool

    @classmethod
    def from_json(cls, row: Json) -> User:
        return cls(
            identifier(row.get("id")),
            _text(row, "name"),
            _text(row, "email"),
            _text(row, "login_id"),
            "email" in row,
        )


@dataclass(frozen=True)
class Term:
    id: str
    name: str | None
    starts_at: datetime.datetime | None
    ends_at: datetime.datetime | None

    @classmethod
    def from_json(cls, row: object) -> Term | None:
        if not isinstance(row, dict) or optional_identifier(row, "id") is None:
            return None
        return cls(identifier(row["id"]), _text(row, "name"), _moment(row, "start_at"), _moment(row, "end_at"))


@dataclass(frozen=True)
class CourseEnrollment:
    """The looked-up person's own enrolment, inside a course."""

    type: str | None
    role: str | None
    state: str | None

    @classmethod
    def from_json(cls, row: Json) -> CourseEnrollment:
        return cls(_text(row, "type"), _text(row, "role"), _text(row, "enrollment_state"))


@dataclass(frozen=True)
class Course:
    id: str
    name: str | None
    code: str | None
    term: Term | None
    workflow_state: str | None
    starts_at: datetime.datetime | None
    ends_at: datetime.datetime | None
    time_zone: str | None
    sis_id: str | None
    total_students: int | None
    enrollments: tuple[CourseEnrollment, ...]
    # A stub: Canvas withholds everything but the id until the course's dates allow it.
    restricted: bool

    @property
    def state(self) -> str:
        """As Canvas's own pages call it."""
        known = {"available": "Published", "unpublished": "Unpublished"}
        return known.get(self.workflow_state or "", (self.workflow_state or "").capitalize())

    @classmethod
    def from_json(cls, row: Json) -> Course:
        return cls(
            id=identifier(row.get("id")),
            # `name` may be the caller's own nickname for the course.
            name=_text(row, "original_name") or _text(row, "name"),
            code=_text(row, "course_code"),
            term=Term.from_json(row.get("term")),
            workflow_state=_text(row, "workflow_state"),
            starts_at=_moment(row, "start_at"),
            ends_at=_moment(row, "end_at"),
            time_zone=_text(row, "time_zone"),
            sis_id=_text(row, "sis_course_id"),
            total_students=_number(row, "total_students"),
            enrollments=tuple(CourseEnrollment.from_json(item) for item in _objects(row, "enrollments")),
            restricted=row.get("access_restricted_by_date") is True,
        )


@dataclass(frozen=True)
class Enrollment:
    """One person in one section of a course."""

    id: str
    user_id: str
    course_id: str | None
    type: str | None
    role: str | None
    state: str | None
    user_name: str | None
    login_id: str | None

    @classmethod
    def from_json(cls, row: Json) -> Enrollment:
        user = row.get("user")
        person: Json = user if isinstance(user, dict) else {}
        return cls(
            identifier(row.get("id")),
            identifier(row.get("user_id")),
            optional_identifier(row, "course_id"),
            _text(row, "type"),
            _text(row, "role"),
            _text(row, "enrollment_state"),
            _text(person, "name"),
            _text(person, "login_id"),
        )
