"""An authorized configuration of a sandbox whose university the tests change."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from directory import runs
from directory.models import LmsInstructor, RefreshRun
from directory.work import Work
from tests.support.consent import authorize

if TYPE_CHECKING:
    from configurations.models import ApiConfiguration
    from tests.support.sandbox import Sandbox

INSTRUCTOR = "instructor@demo.example"


@pytest.fixture
def canvas(configuration: ApiConfiguration, sandbox: Sandbox, admin: Any) -> ApiConfiguration:
    """The configuration, authorized."""
    authorize(configuration, sandbox, admin)
    sandbox.clear_log()
    return configuration


@pytest.fixture
def refreshed(canvas: ApiConfiguration) -> Callable[[], RefreshRun]:
    """Does a whole run over everybody, as a worker would, and returns it."""

    def refresh() -> RefreshRun:
        configuration = type(canvas).objects.get(pk=canvas.pk)
        Work(runs.start_run(configuration, everything=True), seconds=60).do()
        return RefreshRun.objects.latest("pk")

    return refresh


def courses_of_person(email: str = INSTRUCTOR) -> dict[str, str]:
    """By code: the roles of what this person is known to teach now."""
    person = LmsInstructor.objects.get(email=email, gone_at=None)
    return {one.course.code: one.role for one in person.teachings.filter(gone_at=None).select_related("course")}


class University:
    """The sandbox's university in the words of the tests."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def person(self, email: str) -> int:
        return int(next(one["id"] for one in self.sandbox.state()["people"] if one["email"] == email))

    def course(self, code: str) -> int:
        return int(next(one["id"] for one in self.sandbox.state()["courses"] if one["code"] == code))

    def enrollment(self, email: str, code: str) -> int:
        person, course = self.person(email), self.course(code)
        found = self.sandbox.state()["enrollments"]
        return int(next(one["id"] for one in found if (one["user_id"], one["course_id"]) == (person, course)))

    def add_course(self, code: str, email: str = INSTRUCTOR, **enrollment: str) -> None:
        self.sandbox.edit(course={"name": f"Course {code}", "code": code})
        self.enroll(email, code, **enrollment)

    def enroll(self, email: str, code: str, *, kind: str = "Teacher", state: str = "active") -> None:
        fields = {"user_id": self.person(email), "course_id": self.course(code), "state": state}
        name = f"{kind}Enrollment"
        self.sandbox.edit(enrollment=fields | {"type": name, "role": name})

    def remove(self, email: str, code: str) -> None:
        self.sandbox.edit(enrollment={"id": self.enrollment(email, code), "state": "deleted"})


@pytest.fixture
def university(sandbox: Sandbox) -> University:
    return University(sandbox)
