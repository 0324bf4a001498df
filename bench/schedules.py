"""Saving and previewing a term of captures, and the lists, in a small and in a large institution.

The baseline of the growth is the same work on the small one, in the same run; that of a save is a plain insertion
of as many rows by one SQL statement into the same table, its constraint and indexes included.
"""

from __future__ import annotations

import datetime
import random
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from schedules.models import Building, Campus, Capture, CaptureSchedule, Publication, Room, Section
from schedules.preview import preview
from schedules.scheduling import create_schedule

ROOMS = 2_000
PER_SCHEDULE = 30
SMALL, LARGE = 10_000, 1_000_000
WEEKS, DAYS = 15, [1, 3, 5]  # 45 captures


def measurements(*, quick: bool) -> dict[str, float]:
    small, large, rounds = (2_000, 20_000, 12) if quick else (SMALL, LARGE, 300)
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SECURE_SSL_REDIRECT = False
    figures: dict[str, float] = {
        "rooms": ROOMS,
        "captures_small": small,
        "captures_large": large,
        "rounds": rounds,
    }
    before = _measured(small, rounds)
    after = _measured(large, rounds)
    plain = _milliseconds(_plain_insert, rounds)
    figures |= {
        "save_45_p50_ms": after["save"][0],
        "save_45_p99_ms": after["save"][1],
        "save_45_p50_ms_small": before["save"][0],
        "preview_p50_ms": after["preview"][0],
        "preview_p99_ms": after["preview"][1],
        "growth_10k_to_1m": round(after["save"][0] / before["save"][0], 3),
        "preview_free_p50_ms": after["preview_free"][0],
        "preview_growth_10k_to_1m": round(after["preview_free"][0] / before["preview_free"][0], 3),
        "plain_insert_45_p50_ms": plain[0],
        "save_ratio_to_plain_insert": round(after["save"][0] / plain[0], 2),
        "save_queries": _queries(_saved),
        "preview_queries": _queries(_previewed),
        "list_p50_ms": after["list"][0],
        "list_p99_ms": after["list"][1],
        "list_growth_10k_to_1m": round(after["list"][0] / before["list"][0], 3),
        "schedules_list_p99_ms": after["schedules_list"][1],
        "dayview_p50_ms": after["day"][0],
        "dayview_p99_ms": after["day"][1],
        "dayview_growth_10k_to_1m": round(after["day"][0] / before["day"][0], 3),
    }
    for name, value in figures.items():
        print(f"  {name}: {value:,}")
    return figures


def _measured(captures: int, rounds: int) -> dict[str, tuple[float, float]]:
    """(p50, p99) in milliseconds of each piece of work."""
    _fill(captures)
    client = Client()
    client.force_login(User.objects.get(email="bench@example.edu"), backend=settings.AUTHENTICATION_BACKENDS[1])
    return {
        "save": _milliseconds(_saved, rounds),
        "preview": _milliseconds(_previewed, rounds),
        "preview_free": _milliseconds(lambda: _previewed(21), rounds),
        "list": _milliseconds(_pages(client, "captures", _list_queries()), rounds),
        "schedules_list": _milliseconds(_pages(client, "schedules", [{}, {"q": "Lecture 7"}]), rounds),
        "day": _milliseconds(_pages(client, "day", _day_queries()), rounds),
    }


def _milliseconds(work: Callable[[], Callable[[], object]], rounds: int) -> tuple[float, float]:
    """`work` prepares one round and gives what is timed. The first rounds warm up and are not counted."""
    taken = []
    for number in range(rounds + 5):
        timed = work()
        started = time.perf_counter()
        timed()
        if number >= 5:
            taken.append((time.perf_counter() - started) * 1000)
        CaptureSchedule.objects.filter(title="Measured").delete()
    taken.sort()
    return round(statistics.median(taken), 2), round(taken[min(len(taken) - 1, int(len(taken) * 0.99))], 2)


# --- What is measured ----------------------------------------------------------------------------------
def _draft(hour: int) -> CaptureSchedule:
    monday = datetime.date.fromisoformat(f"{timezone.now():%G-W%V-1}") + datetime.timedelta(weeks=2)
    return CaptureSchedule(
        title="Measured",
        room=Room.objects.with_place().order_by("pk")[random.randrange(ROOMS)],
        presenter=User.objects.filter(email__startswith="person").order_by("pk")[random.randrange(500)],
        starts_on=monday,
        ends_on=monday + datetime.timedelta(weeks=WEEKS, days=-1),
        start_time=datetime.time(hour),
        duration_minutes=50,
        weekdays=DAYS,
    )


def _section() -> Section:
    return Section.objects.with_names().order_by("pk")[random.randrange(60)]


def _saved() -> Callable[[], object]:
    """In the evening, when the rooms are free."""
    draft, section = _draft(21), _section()
    return lambda: create_schedule(draft, [Publication(section=section)], user=None)


def _previewed(hour: int = 8) -> Callable[[], object]:
    """In the morning, when many of them are taken in a large institution; or in the evening, when none is."""
    draft, section, user = _draft(hour), _section(), User.objects.get(email="bench@example.edu")
    assert draft.presenter is not None  # noqa: S101 - `_draft` gives one
    people = [draft.presenter]
    return lambda: preview(draft, [section.term], people, user=user).months


def _plain_insert() -> Callable[[], object]:
    """As many rows as a save makes, in one statement and one transaction."""
    draft = _draft(21)
    draft.save()
    first = datetime.datetime.combine(draft.starts_on, draft.start_time, tzinfo=datetime.UTC)
    statement = f"""
        INSERT INTO {Capture._meta.db_table}
            (external_id, schedule_id, rule_date, room_id, title, starts_at, ends_at, recording_starts_at,
             recording_ends_at, occupied, state, edited, note, sequence, changed_at)
        SELECT '', %s, at::date, %s, 'Measured', at, at + '50 min', at, at + '50 min',
               tstzrange(at, at + '50 min'), 'scheduled', false, '', 0, now()
        FROM (SELECT %s::timestamptz + (number / 3 * 7 + number %% 3 * 2) * interval '1 day' AS at
              FROM generate_series(0, {WEEKS * len(DAYS) - 1}) AS number) AS dates
    """  # noqa: S608 - the names come from the model

    def insert() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, [draft.pk, draft.room_id, first])

    return insert


def _queries(work: Callable[[], Callable[[], object]]) -> int:
    timed = work()
    with CaptureQueriesContext(connection) as captured:
        timed()
    CaptureSchedule.objects.filter(title="Measured").delete()
    return len(captured)


def _list_queries() -> list[dict[str, Any]]:
    """What people ask of the list of captures; one of them finds nothing."""
    room = Room.objects.order_by("pk")[ROOMS // 2]
    term = Section.objects.earliest("pk").term_id
    return [
        {},
        {"building": room.building_id, "room": room.pk},
        {"campus": room.building.campus_id},
        {"instructor": "person7@example.edu"},
        {"course": "C7"},
        {"q": "nothing of the kind"},
        {"q": "Lecture 77"},
        {"term": term},
        {"sort": "-when"},
        {"state": "recorded"},
    ]


def _day_queries() -> list[dict[str, Any]]:
    keys = Building.objects.order_by("pk").values_list("pk", flat=True)[:20]
    today = timezone.now().date()
    return [
        {"building": key, "date": (today + datetime.timedelta(days=step)).isoformat()}
        for step, key in enumerate(keys)
    ]


def _pages(client: Client, name: str, queries: list[dict[str, Any]]) -> Callable[[], Callable[[], object]]:
    turn: Iterator[dict[str, Any]] = cycle(queries)

    def work() -> Callable[[], object]:
        address = f"{reverse(name)}?{urlencode(next(turn))}"

        def get() -> None:
            answer = client.get(address)
            if answer.status_code != 200:
                raise RuntimeError(f"{address}: {answer.status_code}")

        return get

    return work


# --- The institution -----------------------------------------------------------------------------------
def _fill(captures: int) -> None:
    """2,000 rooms on ten campuses; each schedule weekly for thirty weeks, in terms around today."""
    schedules = captures // PER_SCHEDULE
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE schedules_campus, schedules_organization, schedules_term, schedules_course CASCADE"
        )
        cursor.execute("TRUNCATE schedules_change")
    User.objects.filter(email__endswith="@example.edu").delete()
    scheduler = User.objects.create_user("bench@example.edu")
    scheduler.groups.add(Group.objects.get(name="Schedulers"))
    campus = {f"Campus {number}": "Europe/London" for number in range(10)}
    Campus.objects.bulk_create([Campus(name=name, time_zone=zone) for name, zone in campus.items()])
    with connection.cursor() as cursor:
        for statement in STATEMENTS:
            cursor.execute(statement, {"schedules": schedules, "rooms": ROOMS, "per": PER_SCHEDULE})
        cursor.execute("ANALYZE")


# A schedule's number decides its room, its term (forty weeks each) and its slot in the week (one of thirty).
STATEMENTS = (
    """INSERT INTO schedules_building (external_id, campus_id, name)
       SELECT '', c.id, 'Building ' || n FROM schedules_campus c, generate_series(1, 20) n""",
    """INSERT INTO schedules_room
           (external_id, building_id, name, capture_agent, inputs, turnaround_minutes, notes)
       SELECT '', b.id, 'Room ' || n, '', '{display,camera}', 5, ''
       FROM schedules_building b, generate_series(1, %(rooms)s / 200) n""",
    """INSERT INTO accounts_user
           (password, is_superuser, email, full_name, time_zone, is_active, date_joined, external_id)
       SELECT '!', false, 'person' || n || '@example.edu', 'Person ' || n, 'UTC', true, now(), ''
       FROM generate_series(1, greatest(500, %(schedules)s / 10)) n""",
    """INSERT INTO schedules_term (external_id, name, starts_on, ends_on)
       SELECT '', 'Term ' || n, date_trunc('week', now())::date + (n - 2) * 280,
              date_trunc('week', now())::date + (n - 1) * 280 - 1
       FROM generate_series(0, 3) n""",
    """INSERT INTO schedules_course (external_id, code, name)
       SELECT '', 'C' || n, 'Course ' || n FROM generate_series(1, %(schedules)s) n""",
    """INSERT INTO schedules_section (external_id, course_id, term_id, number)
       SELECT '', c.id, t.id, '001' FROM schedules_course c
       JOIN schedules_term t ON t.name = 'Term ' || (substr(c.code, 2)::int %% 4)""",
    """WITH people AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM accounts_user
                       WHERE email LIKE 'person%%')
       INSERT INTO schedules_sectioninstructor (section_id, user_id, is_primary)
       SELECT s.id, p.id, true FROM schedules_section s
       JOIN people p ON p.number = s.id %% (SELECT count(*) FROM people)""",
    """WITH rooms AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM schedules_room),
            people AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS number FROM accounts_user
                       WHERE email LIKE 'person%%'),
            wanted AS (SELECT n, n %% %(rooms)s AS room, n / %(rooms)s AS k
                       FROM generate_series(0, %(schedules)s - 1) n)
       INSERT INTO schedules_captureschedule
           (external_id, title, room_id, presenter_id, guest_presenter, starts_on, ends_on, start_time,
            duration_minutes, repeats, interval_weeks, weekdays, left_out, put_back, input_1, input_2, quality,
            live, captions, created_at, sequence)
       SELECT '', 'Lecture ' || n, rooms.id, people.id, '',
              date_trunc('week', now())::date + (k %% 3 - 1) * 280 - 140 + (k / 3 %% 5)::int,
              date_trunc('week', now())::date + (k %% 3 - 1) * 280 - 140 + (k / 3 %% 5)::int + 7 * (%(per)s - 1),
              make_time(8 + 2 * (k / 15)::int, 0, 0), 50, 'weekly', 1, array[(k / 3 %% 5 + 1)::int],
              '{}', '{}', 'display', 'camera', 'standard', false, false, now(), 0
       FROM wanted JOIN rooms ON rooms.number = wanted.room
       JOIN people ON people.number = wanted.n %% (SELECT count(*) FROM people)""",
    """INSERT INTO schedules_publication (schedule_id, section_id, available, until)
       SELECT s.id, x.id, 'now', 'always' FROM schedules_captureschedule s
       JOIN schedules_course c ON c.code = 'C' || (substr(s.title, 9)::int + 1)
       JOIN schedules_section x ON x.course_id = c.id""",
    """INSERT INTO schedules_capture
           (external_id, schedule_id, rule_date, room_id, title, starts_at, ends_at, recording_starts_at,
            recording_ends_at, occupied, state, edited, note, sequence, changed_at)
       SELECT '', id, on_date, room_id, title, at, at + '50 min', at, at + '50 min',
              tstzrange(at, at + '55 min'),
              CASE WHEN at < now() THEN 'recorded' ELSE 'scheduled' END, false, '', 0, now()
       FROM (SELECT s.id, s.room_id, s.title, s.starts_on + 7 * n AS on_date,
                    (s.starts_on + 7 * n + s.start_time) AT TIME ZONE 'Europe/London' AS at
             FROM schedules_captureschedule s, generate_series(0, %(per)s - 1) n) AS dates""",
)
