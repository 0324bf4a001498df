"""A university that changes while Canvas misbehaves, at random and the same on every run: the directory is always
something that Canvas really had, and nothing is ever deleted from it.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from configurations.authorization import redirect_uri
from configurations.models import ApiConfiguration, Authorization
from directory import runs
from directory.models import LmsCourse, LmsInstructor, Teaching
from directory.work import Work
from tests.conftest import forget_budgets
from tests.support.consent import authorize

pytestmark = pytest.mark.django_db(transaction=True)
TEACHERS = 5
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


@pytest.fixture
def university(sandbox, admin) -> ApiConfiguration:
    """Five teachers with five courses each; authorized."""
    sandbox.reset(f"large:{TEACHERS}")
    key = sandbox.create_key(redirect_uris=[redirect_uri()], on=True)
    configuration = ApiConfiguration.objects.create(
        name="Sandbox", base_url=sandbox.url, client_id=key["id"], client_secret=key["secret"]
    )
    authorize(configuration, sandbox, admin)
    return configuration


def truth(sandbox: Any) -> dict[str, frozenset[str]]:
    """By LMS id of the person: the LMS ids of the courses that they actively teach."""
    state = sandbox.state()
    live = {one["id"] for one in state["courses"] if one["workflow_state"] in ("available", "unpublished")}
    taught = defaultdict(set)
    for one in state["enrollments"]:
        if one["state"] == "active" and one["course_id"] in live:
            taught[str(one["user_id"])].add(str(one["course_id"]))
    gone = {str(one["id"]) for one in state["people"] if one["deleted"]}
    return {
        str(one["id"]): frozenset() if str(one["id"]) in gone else frozenset(taught[str(one["id"])])
        for one in state["people"]
    }


def known() -> dict[str, frozenset[str]]:
    """The same, as the directory has it, for those who were ever read."""
    return {
        person.lms_id: frozenset(person.teachings.filter(gone_at=None).values_list("course__lms_id", flat=True))
        for person in LmsInstructor.objects.exclude(refreshed_at=None)
    }


def change_something(chance: random.Random, sandbox: Any) -> None:
    state = sandbox.state()
    people = [one["id"] for one in state["people"] if one["email"].startswith("teacher")]
    course = chance.choice(state["courses"])
    enrollment = chance.choice(state["enrollments"])
    changes: list[Callable[[], object]] = [
        lambda: sandbox.edit(enrollment={"id": enrollment["id"], "state": "deleted"}),
        lambda: sandbox.edit(enrollment={"id": enrollment["id"], "state": "completed"}),
        lambda: sandbox.edit(enrollment={"id": enrollment["id"], "state": "active"}),
        lambda: sandbox.edit(enrollment={"user_id": chance.choice(people), "course_id": course["id"]}),
        lambda: sandbox.edit(course={"id": course["id"], "workflow_state": "deleted"}),
        lambda: sandbox.edit(course={"id": course["id"], "workflow_state": "available", "name": "Back again"}),
        lambda: sandbox.edit(course={"id": course["id"], "name": f"Course {chance.random()}"}),
        lambda: sandbox.edit(person={"id": chance.choice(people), "name": f"Teacher {chance.random()}"}),
        lambda: [
            sandbox.edit(enrollment={"id": one["id"], "state": "deleted"})
            for one in state["enrollments"]
            if one["user_id"] == people[0]
        ],
    ]
    chance.choice(changes)()


def misbehave(chance: random.Random, sandbox: Any) -> list[dict[str, Any]]:
    chosen = []
    for _ in range(chance.choice((0, 1, 1, 2))):
        fault: dict[str, Any] = dict(chance.choice(FAULTS))
        fault["path"] = chance.choice(PATHS)
        if (times := chance.choice((None, 1, 2, 5))) is not None:
            fault["times"] = times
        sandbox.faults(**fault)
        chosen.append(fault)
    return chosen


def refresh() -> None:
    configuration = ApiConfiguration.objects.get()
    Work(runs.start_run(configuration, everything=True), seconds=60).do()


def time_passes(sandbox: Any) -> None:
    """Back-offs and the pause after a renewal that failed are over, and Canvas's buckets are empty again."""
    forget_budgets()
    sandbox.clear_log()
    Authorization.objects.update(renewal_failed_at=None)


@pytest.mark.parametrize("seed", range(4))
def test_the_directory_is_always_something_that_canvas_really_had(seed, university, sandbox):
    chance = random.Random(seed)
    history: dict[str, set[frozenset[str]]] = defaultdict(set)
    rows = 0
    for number in range(ROUNDS):
        for person, courses in truth(sandbox).items():
            history[person].add(courses)
        faults = misbehave(chance, sandbox)
        refresh()
        for person, courses in known().items():
            assert courses in history[person], f"round {number} after {faults}: {person}"
        now = Teaching.objects.count() + LmsCourse.objects.count() + LmsInstructor.objects.count()
        assert now >= rows
        rows = now
        sandbox.clear_faults()
        time_passes(sandbox)
        change_something(chance, sandbox)

    for _ in range(2):  # the first may end a run that was waiting
        refresh()
    assert {person: courses for person, courses in truth(sandbox).items() if person in known()} == known()


def test_nothing_is_sent_while_canvas_wants_quiet(university, sandbox):
    """The sandbox's own log: between the refused request and the end of its Retry-After there is none."""
    refresh()
    sandbox.clear_log()
    sandbox.faults(throttle=429, retry_after=2, path="/api/v1/users", times=1)

    refresh()

    log = sandbox.log()
    refused = next(line["at"] for line in log if line["status"] == 429)
    # Requests that had begun before the refusal was heard of do not count.
    quiet = [line for line in log if refused + 0.5 < line["at"] < refused + 1.9]
    assert quiet == []
    assert any(line["at"] >= refused + 1.9 for line in log)
