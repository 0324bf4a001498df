"""A university that changes while Canvas misbehaves, at random and the same on every run: the directory is always
something that Canvas really had, and nothing is ever deleted from it.
"""

from __future__ import annotations

import random
import socket
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings
from django.db.models import Exists, OuterRef

from configurations.authorization import redirect_uri
from configurations.models import ApiConfiguration, Authorization
from directory import runs
from directory.models import LmsCourse, LmsInstructor, RefreshRun, RosterEntry, Teaching
from directory.work import Work
from tests.conftest import forget_budgets
from tests.support.consent import authorize
from tests.support.quiet import kept_quiet
from tests.support.sandbox import Sandbox

pytestmark = pytest.mark.django_db(transaction=True)
TEACHERS = 4
BUSY_COURSES = 101  # more than a page
ROUNDS = 30
PATHS = ("", "/api/v1/accounts", "/api/v1/users", "/api/v1/courses", "/login/oauth2/token")
FAULTS = (
    {"error": 500},
    {"error": 503},
    {"html": 1},
    {"cut": 1},
    {"truncate": 1},
    {"empty": 1},
    {"no_link": 1},
    {"foreign_next": 1},
    {"repeat_next": 1},
    {"close": 1},
    {"redirect": 1},
    {"throttle": 403},
    {"throttle": 429},
    {"latency": 20},
    {"expire_tokens": 1},
    {"null_token": 1},
)
NOBODY: frozenset[str] = frozenset()
Sets = dict[str, frozenset[str]]


def connect(sandbox: Sandbox, admin: Any, scenario: str) -> ApiConfiguration:
    """An authorized configuration for a university of this kind."""
    sandbox.reset(scenario)
    key = sandbox.create_key(redirect_uris=[redirect_uri()], on=True)
    configuration = ApiConfiguration.objects.create(
        name="Sandbox", base_url=sandbox.url, client_id=key["id"], client_secret=key["secret"]
    )
    authorize(configuration, sandbox, admin)
    return configuration


@pytest.fixture
def busy_university(sandbox, admin) -> ApiConfiguration:
    """Four teachers with five courses each, the first of them with more than a page of courses."""
    configuration = connect(sandbox, admin, f"large:{TEACHERS}")
    busy = sandbox.state()["people"][1]["id"]
    for number in range(BUSY_COURSES):
        course = sandbox.edit(course={"name": f"More {number}", "code": f"M{number}"})["course"]
        sandbox.edit(enrollment={"user_id": busy, "course_id": course["id"]})
    return configuration


@pytest.fixture
def names_looked_up(monkeypatch) -> set[str]:
    """Every host that this process wants to connect to."""
    names: set[str] = set()
    real = socket.getaddrinfo

    def look_up(host: Any, *arguments: Any, **options: Any) -> Any:
        names.add(str(host))
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return names


@dataclass(frozen=True)
class View:
    """What there is at one moment, in ids of the LMS: each person's courses, and the people of some courses."""

    taught: Sets
    rosters: Sets


def truth(sandbox: Sandbox) -> View:
    """As the sandbox has it."""
    state = sandbox.state()
    live = {one["id"] for one in state["courses"] if one["workflow_state"] in ("available", "unpublished")}
    deleted = {one["id"] for one in state["people"] if one["deleted"]}
    taught, rosters = defaultdict(set), defaultdict(set)
    for one in state["enrollments"]:
        person, course = one["user_id"], one["course_id"]
        teaches = one["type"] in ("TeacherEnrollment", "TaEnrollment") and one["state"] == "active"
        if teaches and course in live and person not in deleted:
            taught[str(person)].add(str(course))
        if one["state"] in ("active", "invited"):
            rosters[str(course)].add(str(person))
    return View(
        {person: frozenset(courses) for person, courses in taught.items()},
        {course: frozenset(people) for course, people in rosters.items()},
    )


def known() -> View:
    """As the directory has it."""
    people, wanted = LmsInstructor.objects.present(), LmsCourse.objects.filter(roster_wanted=True)
    taught = {
        one.lms_id: frozenset(one.teachings.filter(gone_at=None).values_list("course__lms_id", flat=True))
        for one in people.exclude(refreshed_at=None)
    }
    rosters = {
        one.lms_id: frozenset(one.roster.filter(gone_at=None).values_list("lms_user_id", flat=True))
        for one in wanted
    }
    return View(taught, rosters)


def assert_real(now: View, earlier: View, *moments: View) -> None:
    """Everything is as it was known before or as it was at a moment of the refresh; nothing is a mixture."""
    for kind in ("taught", "rosters"):
        for key, shown in getattr(now, kind).items():
            had = [getattr(view, kind).get(key, NOBODY) for view in (earlier, *moments)]
            assert shown in had, (kind, key)
    taught = Exists(Teaching.objects.filter(course=OuterRef("pk"), gone_at=None))
    assert not LmsCourse.objects.filter(taught, gone_at__isnull=False).exists()
    assert not LmsCourse.objects.filter(~taught, gone_at=None).exists()


def rows() -> set[tuple[str, int]]:
    """Everything that was ever written down."""
    tables = (LmsInstructor, LmsCourse, Teaching, RosterEntry, RefreshRun)
    return {(one.__name__, key) for one in tables for key in one._default_manager.values_list("pk", flat=True)}


def change_something(chance: random.Random, sandbox: Sandbox) -> None:
    state = sandbox.state()
    person = chance.choice([one["id"] for one in state["people"] if (one["email"] or "").startswith("teacher")])
    course = chance.choice(state["courses"])["id"]
    own = [one["id"] for one in state["enrollments"] if one["user_id"] == person]
    kind = chance.choice(("TeacherEnrollment", "TeacherEnrollment", "TaEnrollment", "StudentEnrollment"))
    new = {"user_id": person, "course_id": course, "type": kind, "role": kind}

    def everything_of_one(**changes: str) -> None:
        for number in own:
            sandbox.edit(enrollment={"id": number} | changes)

    changes: list[Callable[[], object]] = [
        lambda: sandbox.edit(enrollment={"id": chance.choice(own), "state": "deleted"}),
        lambda: sandbox.edit(enrollment={"id": chance.choice(own), "state": "completed"}),
        lambda: sandbox.edit(enrollment={"id": chance.choice(own), "state": "invited"}),
        lambda: sandbox.edit(enrollment={"id": chance.choice(own), "state": "active"}),
        lambda: sandbox.edit(enrollment=new),
        lambda: sandbox.edit(enrollment=new | {"state": "invited"}),
        lambda: sandbox.edit(course={"id": course, "workflow_state": "deleted"}),
        lambda: sandbox.edit(course={"id": course, "workflow_state": "available", "name": "Back again"}),
        lambda: sandbox.edit(course={"id": course, "name": f"Course {chance.random()}"}),
        lambda: sandbox.edit(person={"id": person, "name": f"Teacher {chance.random()}"}),
        lambda: sandbox.edit(person={"id": person, "deleted": chance.random() < 0.5}),
        lambda: everything_of_one(state="deleted"),
        lambda: everything_of_one(state="active"),
    ]
    chance.choice(changes)()


def misbehave(chance: random.Random, sandbox: Sandbox) -> list[dict[str, Any]]:
    chosen = []
    for _ in range(chance.choice((0, 1, 1, 2))):
        fault: dict[str, Any] = dict(chance.choice(FAULTS))
        fault |= {"path": chance.choice(PATHS), "after": chance.choice((0, 0, 1, 2, 4))}
        if (times := chance.choice((None, 1, 2, 5))) is not None:
            fault["times"] = times
        sandbox.faults(**fault)
        chosen.append(fault)
    return chosen


def refresh(in_the_middle: Callable[[], object] = lambda: None) -> None:
    """A whole run, as a worker would do it; something else may happen once the teachers are listed."""
    configuration = ApiConfiguration.objects.get()
    events = iter((in_the_middle,))
    run = runs.start_run(configuration, everything=True)
    Work(run, seconds=60, on_progress=lambda _run: next(events, lambda: None)()).do()


def time_passes(sandbox: Sandbox) -> None:
    """Back-offs and the pause after a renewal that failed are over, and Canvas's buckets are empty again."""
    forget_budgets()
    sandbox.clear_log()
    Authorization.objects.update(renewal_failed_at=None)


@pytest.mark.parametrize("seed", range(4))
def test_the_directory_is_always_something_that_canvas_really_had(seed, busy_university, sandbox, names_looked_up):
    """But for a first reading: an empty answer to it is taken as it is. So it begins with a good refresh."""
    chance = random.Random(seed)
    refresh()
    time_passes(sandbox)
    assert known().taught == truth(sandbox).taught
    LmsCourse.objects.filter(code__in=("C000010", "C000021")).update(roster_wanted=True)
    earlier, written = known(), rows()
    for number in range(ROUNDS):
        change_something(chance, sandbox)
        at_first = truth(sandbox)
        faults = misbehave(chance, sandbox)
        disturbed = chance.random() < 0.3
        refresh(lambda: change_something(chance, sandbox) if disturbed else None)  # noqa: B023 - called at once

        now = known()
        try:
            assert_real(now, earlier, at_first, truth(sandbox))
        except AssertionError as error:
            error.add_note(f"round {number}, disturbed: {disturbed}, faults: {faults}")
            raise
        assert written <= rows()
        earlier, written = now, rows()
        sandbox.clear_faults()
        time_passes(sandbox)

    for _ in range(2):  # the first may end a run that was waiting
        refresh()
    assert_is_the_truth(sandbox)
    assert names_looked_up <= {"127.0.0.1"}, "A fault led the client to another site."


def assert_is_the_truth(sandbox: Sandbox) -> None:
    now, real = known(), truth(sandbox)
    assert {person: courses for person, courses in now.taught.items() if courses} == real.taught
    names = {str(one["id"]): one["name"] for one in sandbox.state()["courses"]}
    for course in LmsCourse.objects.filter(gone_at=None):
        assert course.name == names[course.lms_id]
        if course.roster_wanted:
            assert now.rosters[course.lms_id] == real.rosters[course.lms_id]


def test_nothing_is_sent_while_canvas_wants_quiet(sandbox, admin):
    """All threads of a process keep the quiet that one of them was asked for (docs/canvas.md §7)."""
    connect(sandbox, admin, "large:40")
    sandbox.clear_log()
    sandbox.faults(throttle=429, retry_after=2, path="/api/v1/users", after=5, times=1)

    refresh()

    assert RefreshRun.objects.get().outcome == "complete"
    kept_quiet(sandbox.log(), seconds=2, parallel=settings.LMS_PARALLEL_REQUESTS)
