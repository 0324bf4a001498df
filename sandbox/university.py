"""The named starting states. Everybody in them is made up; all addresses end in .example."""

from __future__ import annotations

import datetime
from collections.abc import Callable

from .state import ADMIN_RIGHTS, Course, Enrollment, Person, Term, University

SHARD = 10_000_000_000_000  # ids of another shard are above 2^53 (§8)
SUBJECTS = ("Algebra", "Botany", "Chemistry", "Drama", "Ecology", "French", "Geology", "History", "Logic", "Music")
GIVEN = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gia", "Hugo", "Ivy", "Jon", "Kim", "Lea", "Max", "Nia")
KINDS_OF_COURSE = (
    "Introduction to {}",
    "{} in Practice",
    "Methods of {}",
    "Advanced {}",
    "Readings in {}",
    "Seminar: {}",
    "{} Laboratory",
)
FAMILY = ("Ash", "Birch", "Cedar", "Elm", "Fir", "Hazel", "Larch", "Maple", "Oak", "Pine", "Rowan", "Willow")


def _moment(date: datetime.date) -> float:
    return datetime.datetime(date.year, date.month, date.day, tzinfo=datetime.UTC).timestamp()


class _Builder:
    def __init__(self) -> None:
        self.made = University()
        today = datetime.datetime.now(datetime.UTC).date()
        self.past = self._term(
            f"Term {today.year - 1}/3", today - datetime.timedelta(240), today - datetime.timedelta(120)
        )
        self.now = self._term(
            f"Term {today.year}/1", today - datetime.timedelta(60), today + datetime.timedelta(75)
        )
        self.next = self._term(
            f"Term {today.year}/2", today + datetime.timedelta(90), today + datetime.timedelta(210)
        )

    def _term(self, name: str, first: datetime.date, last: datetime.date) -> Term:
        term = Term(self.made.new_id(), name, _moment(first), _moment(last))
        self.made.terms[term.id] = term
        return term

    def person(self, name: str, email: str | None, login: str = "", **fields: object) -> Person:
        fields.setdefault("id", self.made.new_id())
        person = Person(name=name, email=email, login=login or email or name, **fields)  # type: ignore[arg-type]  # by keyword
        self.made.people[person.id] = person
        return person

    def course(self, name: str, code: str, term: Term | None = None, **fields: object) -> Course:
        fields.setdefault("id", self.made.new_id())
        course = Course(name=name, code=code, term_id=(term or self.now).id, **fields)  # type: ignore[arg-type]  # by keyword
        self.made.courses[course.id] = course
        return course

    def enroll(
        self, person: Person, course: Course, kind: str = "Teacher", state: str = "active", section: int = 1
    ) -> None:
        number = self.made.new_id()
        name = f"{kind}Enrollment"
        self.made.enrollments[number] = Enrollment(
            number, person.id, course.id, course.id * 10 + section, name, name, state
        )


def tiny() -> University:
    build = _Builder()
    build.person("Cass Canvas", "canvas-admin@demo.example", account="root", rights=list(ADMIN_RIGHTS))
    instructor = build.person("Ira Instructor", "instructor@demo.example")
    for number, subject in enumerate(SUBJECTS[:2], start=1):
        build.enroll(instructor, build.course(f"{subject} I", f"{subject[:3].upper()}10{number}"))
    return build.made


def demo() -> University:
    build = _Builder()
    build.person("Cass Canvas", "canvas-admin@demo.example", account="root", rights=list(ADMIN_RIGHTS))
    build.person("Sam Subaccount", "sub-admin@demo.example", account="sub", rights=list(ADMIN_RIGHTS))
    build.person(
        "Nell Noemail", "blind-admin@demo.example", account="root", rights=["read_roster", "view_user_logins"]
    )
    _instructor(build)
    _traps(build)
    students = [
        build.person(f"{GIVEN[n % 14]} {FAMILY[n % 12]} {n:03}", f"student{n:03}@demo.example")
        for n in range(1, 301)
    ]
    for number in range(1, 31):
        _colleague(build, number)
    for number, course in enumerate(build.made.courses.values()):
        for step in range(12 + number % 20):
            build.enroll(students[(number * 37 + step) % 300], course, "Student")
    _lectures(build, students)
    return build.made


def _lectures(build: _Builder, students: list[Person]) -> None:
    """What is recorded: a large course of the instructor and two small ones, with a student of all three, and a
    colleague's.
    """
    people = {one.email: one for one in build.made.people.values()}
    sasha = build.person("Sasha Student", "student@demo.example")
    ira, colleague = people["instructor@demo.example"], people["teacher01@demo.example"]
    for teacher, name, code, others in (
        (ira, "Calculus", "MAT110", [sasha, *students[6:146]]),
        (ira, "Introduction to Logic", "PHI105", [sasha, *students[6:30]]),
        (ira, "Microscopy", "BIO240", [sasha, *students[6:15]]),
        (colleague, "Organic Chemistry", "CHE220", students[150:250]),
    ):
        course = build.course(name, code)
        build.enroll(teacher, course)
        for student in others:
            build.enroll(student, course, "Student")


def _instructor(build: _Builder) -> None:
    """The one to look up first: a course of every kind that a look-up has to tell apart (§4.2)."""
    ira = build.person("Ira Instructor", "instructor@demo.example", id=SHARD * 184 + 12345)
    build.enroll(ira, build.course("Algebra I", "ALG101"))
    build.enroll(ira, build.course("Algebra II", "ALG102", workflow_state="unpublished"))
    twice = build.course("Botany for Beginners", "BOT100")
    build.enroll(ira, twice)
    build.enroll(ira, twice, section=2)
    build.enroll(ira, build.course("Chemistry Lab", "CHE210"), "Ta")
    build.enroll(ira, build.course("Drama Workshop", "DRA150"), state="invited")
    build.enroll(ira, build.course("Ecology of Last Year", "ECO300", build.past))
    build.enroll(ira, build.course("French for Travellers", "FRE110", workflow_state="completed"))
    nicknamed = build.course("Geology: Rocks and Minerals", "GEO120")
    build.enroll(ira, nicknamed)
    next(iter(build.made.people.values())).nicknames[str(nicknamed.id)] = "stones"
    future = build.course(
        "History Seminar", "HIS400", build.next, start_at=build.next.start_at, restricted_to_dates=True
    )
    build.enroll(ira, future)


def _traps(build: _Builder) -> None:
    """People whom a careless search would take for each other (§3.5)."""
    ann = build.person("Ann Ash", "ann@demo.example", sis_id="S-100")
    build.enroll(ann, build.course("Logic", "LOG101"))
    build.person("Joann Ash", "joann@demo.example", sis_id="S-101")
    build.person("ann@demo.example helpdesk", "helpdesk@demo.example", other_emails=["ann@demo.example"])
    build.person("Pat Shared", "shared@demo.example", "pat")
    build.person("Pat Shared (old account)", "shared@demo.example", "pat-old")
    plus = build.person("Lou Plus", "lou+music@demo.example")
    build.enroll(plus, build.course("Music Theory", "MUS101"))
    by_login = build.person("Kit Login", None, "kit@demo.example")
    build.enroll(by_login, build.course("Music Practice", "MUS102"))
    invited = build.person("Val Invited", "invited@demo.example")
    build.enroll(invited, build.course("Drama History", "DRA210"), state="invited")
    build.person("Noa Nocourse", "nocourse@demo.example")


def _colleague(build: _Builder, number: int) -> None:
    person = build.person(f"{GIVEN[number % 14]} {FAMILY[(number * 5) % 12]}", f"teacher{number:02}@demo.example")
    for step in range(1 + number % 5):
        subject = SUBJECTS[(number + step) % 10]
        name = KINDS_OF_COURSE[(number // 3 + step) % 7].format(subject)
        build.enroll(person, build.course(name, f"{subject[:3].upper()}{200 + number}{step}"))


def large(instructors: int) -> University:
    build = _Builder()
    build.person("Cass Canvas", "canvas-admin@demo.example", account="root", rights=list(ADMIN_RIGHTS))
    for number in range(1, instructors + 1):
        person = build.person(f"Teacher {number:05}", f"teacher{number:05}@demo.example")
        for step in range(5):
            build.enroll(person, build.course(f"Course {number:05}.{step + 1}", f"C{number:05}{step}"))
    return build.made


SCENARIOS: dict[str, Callable[[], University]] = {"demo": demo, "tiny": tiny}


def scenario(name: str) -> University:
    """`demo`, `tiny` or `large:N`; without a developer key, which is for a person to make."""
    if name.startswith("large:") and name[6:].isdecimal():
        return large(int(name[6:]))
    if name not in SCENARIOS:
        raise ValueError(f"There is no scenario {name!r}. Choose demo, tiny or large:N.")
    return SCENARIOS[name]()
