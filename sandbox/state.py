"""The university and its developer keys, in memory behind one lock, kept in a file between starts if one is named."""

from __future__ import annotations

import json
import os
import secrets
import string
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ALPHABET = string.ascii_letters + string.digits
# Of an enrollment, the one that gives most first.
ENROLLMENT_STATES = ("active", "invited", "creation_pending", "inactive", "completed", "rejected", "deleted")
ADMIN_RIGHTS = ["read_roster", "read_email_addresses", "view_user_logins", "sis"]


def random_text(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


@dataclass
class Person:
    id: int
    name: str
    email: str | None
    login: str
    password: str = "canvas"
    # Where this person is an administrator: "root", "sub", or nowhere.
    account: str | None = None
    rights: list[str] = field(default_factory=list)
    other_emails: list[str] = field(default_factory=list)
    sis_id: str | None = None
    nicknames: dict[str, str] = field(default_factory=dict)
    deleted: bool = False


@dataclass
class Term:
    id: int
    name: str
    start_at: float | None
    end_at: float | None


@dataclass
class Course:
    id: int
    name: str
    code: str
    term_id: int
    workflow_state: str = "available"  # or unpublished, completed, deleted
    start_at: float | None = None
    end_at: float | None = None
    restricted_to_dates: bool = False


@dataclass
class Enrollment:
    id: int
    user_id: int
    course_id: int
    section_id: int
    type: str = "TeacherEnrollment"
    role: str = "TeacherEnrollment"
    state: str = "active"


@dataclass
class Key:
    id: int
    name: str
    secret: str
    owner_email: str = ""
    redirect_uris: list[str] = field(default_factory=list)
    legacy_redirect_uri: str = ""
    notes: str = ""
    enforce_scopes: bool = False
    scopes: list[str] = field(default_factory=list)
    allow_includes: bool = False
    on: bool = False
    active: bool = True


@dataclass
class Token:
    id: int
    token: str
    refresh_token: str
    key_id: int
    user_id: int
    scopes: list[str]
    expires_at: float
    purpose: str = ""


@dataclass
class Flow:
    """What one web session is about to consent to: one slot, overwritten by the next request (§1.2)."""

    key_id: int
    redirect_uri: str
    state: str
    scopes: list[str]
    purpose: str


@dataclass
class Code:
    key_id: int
    user_id: int
    scopes: list[str]
    purpose: str
    expires_at: float
    real_user_id: int | None = None


@dataclass
class Session:
    user_id: int | None = None
    acting_as: int | None = None
    flow: Flow | None = None
    csrf: str = field(default_factory=lambda: random_text(32))
    # What the last form did, or why it did nothing: said once, on the next page.
    notice: str = ""
    problem: str = ""


@dataclass
class University:
    people: dict[int, Person] = field(default_factory=dict)
    terms: dict[int, Term] = field(default_factory=dict)
    courses: dict[int, Course] = field(default_factory=dict)
    enrollments: dict[int, Enrollment] = field(default_factory=dict)
    keys: dict[int, Key] = field(default_factory=dict)
    tokens: dict[int, Token] = field(default_factory=dict)
    next_id: int = 1000
    _indexed: int = field(default=-1, repr=False)
    _of_user: dict[int, list[Enrollment]] = field(default_factory=dict, repr=False)
    _in_course: dict[int, list[Enrollment]] = field(default_factory=dict, repr=False)

    def enrollments_of(self, user_id: int) -> list[Enrollment]:
        self._index()
        return self._of_user.get(user_id, [])

    def enrollments_in(self, course_id: int) -> list[Enrollment]:
        self._index()
        return self._in_course.get(course_id, [])

    def _index(self) -> None:
        """Enrollments are added and change their state. Whoever moves one calls `enrollments_moved`."""
        if self._indexed == len(self.enrollments):
            return
        self._of_user, self._in_course = {}, {}
        for one in self.enrollments.values():
            self._of_user.setdefault(one.user_id, []).append(one)
            self._in_course.setdefault(one.course_id, []).append(one)
        self._indexed = len(self.enrollments)

    def enrollments_moved(self) -> None:
        self._indexed = -1

    def end_course(self, course: Course, workflow_state: str) -> None:
        """Concluded or deleted: the enrollments end with the course, as in Canvas."""
        course.workflow_state = workflow_state
        for one in self.enrollments_in(course.id):
            if workflow_state == "deleted" or one.state in ("active", "invited"):
                one.state = workflow_state

    def delete_person(self, person: Person) -> None:
        person.deleted = True
        for one in self.enrollments_of(person.id):
            one.state = "deleted"

    def merge(self, leaving: Person, staying: Person) -> None:
        """One person's enrollments and addresses become another's. Where both have the same role in a section, one
        enrollment remains, in the better of the two states.
        """
        own = {(one.section_id, one.role): one for one in self.enrollments_of(staying.id)}
        for one in self.enrollments_of(leaving.id):
            twin = own.get((one.section_id, one.role))
            if twin is None:
                one.user_id = staying.id
            else:
                twin.state = min(twin.state, one.state, key=ENROLLMENT_STATES.index)
        self.enrollments_moved()
        addresses = [leaving.email, *leaving.other_emails]
        staying.other_emails += [one for one in addresses if one and one != staying.email]
        self.delete_person(leaving)

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    def token_by_text(self, text: str) -> Token | None:
        return next((token for token in self.tokens.values() if token.token == text), None)

    def drop_tokens(self, key_id: int, user_id: int | None = None) -> None:
        for token in list(self.tokens.values()):
            if token.key_id == key_id and user_id in (None, token.user_id):
                del self.tokens[token.id]


_KINDS: dict[str, type[Any]] = {
    "people": Person,
    "terms": Term,
    "courses": Course,
    "enrollments": Enrollment,
    "keys": Key,
    "tokens": Token,
}


class State:
    """Everything that a running sandbox knows. Take `changing()` to change what lasts."""

    def __init__(self, university: University, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.university = university
        self.path = path
        self.sessions: dict[str, Session] = {}
        self.codes: dict[str, Code] = {}
        self.version = "newer"
        self.clock_offset = 0.0

    def now(self) -> float:
        return time.time() + self.clock_offset

    @contextmanager
    def changing(self) -> Iterator[University]:
        with self.lock:
            yield self.university
            self.save()

    def save(self) -> None:
        if self.path is None:
            return
        university = self.university
        document: dict[str, Any] = {
            name: [asdict(row) for row in getattr(university, name).values()] for name in _KINDS
        }
        document["next_id"] = university.next_id
        scratch = self.path.with_suffix(".new")
        with open(scratch, "w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(self.path)


def load(path: Path) -> University:
    document = json.loads(path.read_text())
    university = University(next_id=document["next_id"])
    for name, kind in _KINDS.items():
        rows = [kind(**row) for row in document[name]]
        setattr(university, name, {row.id: row for row in rows})
    return university
