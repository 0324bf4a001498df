"""Rooms, sections and schedules for tests: each call makes what is not given, with parents of its own."""

from __future__ import annotations

import datetime
import itertools
from typing import TYPE_CHECKING, Any

from schedules.models import (
    Building,
    Campus,
    Capture,
    CaptureSchedule,
    Course,
    LmsCourseLink,
    Publication,
    Room,
    Section,
    SectionInstructor,
    Term,
)
from schedules.scheduling import create_schedule

if TYPE_CHECKING:
    from accounts.models import User

_numbers = itertools.count(1)
# Far ahead, so that no test depends on the day it runs: a Monday.
MONDAY = datetime.date(2045, 10, 2)


def campus(name: str = "", **fields: Any) -> Campus:
    fields.setdefault("time_zone", "Europe/London")
    return Campus.objects.create(name=name or f"Campus {next(_numbers)}", **fields)


def room(name: str = "", *, on: Campus | None = None, **fields: Any) -> Room:
    if "building" not in fields:
        fields["building"] = Building.objects.create(campus=on or campus(), name=f"Building {next(_numbers)}")
    return Room.objects.create(name=name or f"Room {next(_numbers)}", **fields)


def term(name: str = "", **fields: Any) -> Term:
    fields.setdefault("starts_on", MONDAY)
    fields.setdefault("ends_on", MONDAY + datetime.timedelta(weeks=12, days=-1))
    return Term.objects.create(name=name or f"Term {next(_numbers)}", **fields)


def section(*instructors: User, code: str = "", number: str = "001", **fields: Any) -> Section:
    """The first instructor is the primary one."""
    if "course" not in fields:
        code = code or f"COURSE{next(_numbers)}"
        fields["course"] = Course.objects.create(
            code=code, name=f"Course {code}", department=fields.pop("department", None)
        )
    made = Section.objects.create(number=number, term=fields.pop("term", None) or term(), **fields)
    for person in instructors:
        SectionInstructor.objects.create(section=made, user=person, is_primary=person == instructors[0])
    return made


def link(to: Section, lms_course: Any) -> LmsCourseLink:
    return LmsCourseLink.objects.create(section=to, lms_course=lms_course)


def draft(in_room: Room | None = None, **fields: Any) -> CaptureSchedule:
    """An unsaved schedule: Mondays 09:00–10:00 for four weeks from MONDAY."""
    defaults: dict[str, Any] = {
        "title": "Lecture",
        "room": in_room or room(),
        "starts_on": MONDAY,
        "ends_on": MONDAY + datetime.timedelta(weeks=4, days=-1),
        "start_time": datetime.time(9),
        "duration_minutes": 60,
        "weekdays": [1],
    }
    return CaptureSchedule(**(defaults | fields))


def schedule(
    *sections: Section, user: User | None = None, in_room: Room | None = None, **fields: Any
) -> CaptureSchedule:
    """A saved schedule with its captures, published at once to the sections."""
    return create_schedule(draft(in_room, **fields), [Publication(section=one) for one in sections], user=user)


def starts(of: CaptureSchedule) -> list[str]:
    """By the clock of the room, of what will be recorded."""
    return [f"{one.local_start:%Y-%m-%d %H:%M}" for one in of.captures.filter(state=Capture.State.SCHEDULED)]
