"""The demo's rooms, terms and first schedules. Made once; whatever a person changes afterwards is kept.

Run as `python -m demo.timetable` in the demo's environment.
"""

from __future__ import annotations

import datetime
import os
from typing import TYPE_CHECKING

import django

if TYPE_CHECKING:  # models can only be imported after django.setup()
    from schedules.models import Term

ROOMS: dict[tuple[str, str], dict[str, tuple[str, ...]]] = {
    ("Main Campus", "Europe/London"): {
        "Science Hall": ("Theatre A", "Theatre B", "Room 101", "Room 102"),
        "Library": ("Auditorium", "Seminar Room 1"),
    },
    ("Harbour Campus", "America/New_York"): {"Pier Building": ("Studio", "Lecture Room 2")},
}
COURSES = (
    ("PHY110", "Physics for Everyone", "Theatre A", "09:00", 60, [1, 3]),
    ("HIS201", "A History of Maps", "Theatre A", "11:00", 90, [2]),
    ("MED300", "Anatomy", "Auditorium", "10:00", 50, [1, 2, 4]),
)


def make_timetable() -> int:
    """Creates everything if there is no campus yet; returns how many captures it scheduled."""
    from django.db import transaction  # noqa: PLC0415 - needs django.setup() first

    from schedules.models import Campus  # noqa: PLC0415

    if Campus.objects.exists():
        return 0
    with transaction.atomic():
        _places()
        return _schedules(_term())


def _places() -> None:
    from schedules.models import Building, Campus, Room  # noqa: PLC0415

    for (campus_name, zone), buildings in ROOMS.items():
        campus = Campus.objects.create(name=campus_name, time_zone=zone)
        for building_name, rooms in buildings.items():
            building = Building.objects.create(campus=campus, name=building_name)
            for name in rooms:
                agent = f"{building_name} {name}".lower().replace(" ", "-")
                Room.objects.create(building=building, name=name, capture_agent=agent, turnaround_minutes=5)


def _term() -> Term:
    """Under the name and with the dates of the sandbox's present term; with a week without teaching."""
    from schedules.models import NonTeachingDay, Term  # noqa: PLC0415

    today = datetime.datetime.now(datetime.UTC).date()
    first, last = today - datetime.timedelta(days=60), today + datetime.timedelta(days=75)
    term = Term.objects.create(name=f"Term {today.year}/1", starts_on=first, ends_on=last)
    monday = today + datetime.timedelta(days=28 - today.weekday())
    NonTeachingDay.objects.create(
        name="Reading week", first=monday, last=monday + datetime.timedelta(days=6), term=term
    )
    return term


def _schedules(term: Term) -> int:
    from accounts.models import User  # noqa: PLC0415
    from schedules.models import (  # noqa: PLC0415
        CaptureSchedule,
        Course,
        Department,
        Organization,
        Publication,
        Room,
        Section,
        SectionInstructor,
    )
    from schedules.scheduling import create_schedule  # noqa: PLC0415

    department = Department.objects.create(
        organization=Organization.objects.create(name="Demo University"), name="Sciences"
    )
    instructor = User.objects.get(email="instructor@demo.example")
    made = 0
    for code, name, room_name, start, minutes, weekdays in COURSES:
        course = Course.objects.create(code=code, name=name, department=department)
        section = Section.objects.create(course=course, term=term, number="001")
        SectionInstructor.objects.create(section=section, user=instructor, is_primary=True)
        tomorrow = datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=2)
        schedule = CaptureSchedule(
            title=f"{code} {name}",
            room=Room.objects.with_place().get(name=room_name),
            presenter=instructor,
            starts_on=tomorrow,
            ends_on=term.ends_on,
            start_time=datetime.time.fromisoformat(start),
            duration_minutes=minutes,
            weekdays=weekdays,
        )
        create_schedule(schedule, [Publication(section=section)], user=None)
        made += schedule.captures.count()
    return made


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "echo_lms.settings")
    django.setup()
    print(make_timetable())
