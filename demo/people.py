"""The demo accounts. Made once; whatever a person changes afterwards is kept.

Run as `python -m demo.people` in the demo's environment.
"""

from __future__ import annotations

import os

import django

PASSWORD = "demo-pass"  # noqa: S105 - printed on the terminal, for a system that listens on loopback only
PEOPLE = (
    ("admin@demo.example", "Demo Administrator", "Administrators"),
    ("scheduler@demo.example", "Demo Scheduler", "Schedulers"),
    ("instructor@demo.example", "Demo Instructor", "Instructors"),
    # Students need no role: their rosters say what they may watch.
    ("student@demo.example", "Sasha Student", ""),
)


def make_people() -> int:
    """Creates the accounts that do not exist yet; returns how many."""
    from django.contrib.auth import get_user_model  # noqa: PLC0415 - needs django.setup() first
    from django.contrib.auth.models import Group  # noqa: PLC0415
    from django.db import transaction  # noqa: PLC0415

    made = 0
    with transaction.atomic():
        for email, full_name, group in PEOPLE:
            users = get_user_model().objects
            if users.filter(email=email).exists():
                continue
            person = users.create_user(email=email, password=PASSWORD, full_name=full_name)
            if group:
                person.groups.add(Group.objects.get(name=group))
            made += 1
    return made


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "echo_lms.settings")
    django.setup()
    print(make_people())
