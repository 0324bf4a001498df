"""A full refresh of a directory against the same work done otherwise, and what a look-up costs in a large one."""

from __future__ import annotations

import contextlib
import random
import statistics
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import requests
from canvasapi import Canvas
from canvasapi.account import Account
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bench.connect import authorized
from configurations.models import ApiConfiguration, Authorization
from directory import runs
from directory.lookup import courses_of
from directory.models import LmsCourse, LmsInstructor, RefreshRun, Teaching
from directory.work import Work
from tests.support.sandbox import Sandbox

THREADS = 12
LATENCY_MS = 50
LOOK_UPS = 3000


def measurements(*, quick: bool) -> dict[str, float]:
    instructors, rounds = (600, 1) if quick else (2000, 3)
    settings.LMS_PARALLEL_REQUESTS = THREADS
    with authorized(f"large:{instructors}") as (configuration, sandbox):
        figures = _refresh(configuration, sandbox, instructors=instructors, rounds=rounds, quick=quick)
        figures |= _look_up(configuration, *((2_000, 10_000) if quick else (100_000, 500_000)))
    _print(figures)
    return figures


# --- The refresh ------------------------------------------------------------------------------------------
def _refresh(
    configuration: ApiConfiguration, sandbox: Sandbox, *, instructors: int, rounds: int, quick: bool
) -> dict[str, float]:
    paths = _paths_of_a_refresh(configuration, sandbox)
    token = Authorization.objects.get(configuration=configuration).access_token
    sample = 40 if quick else 150
    sandbox.faults(latency=LATENCY_MS)
    ways: dict[str, Callable[[], float]] = {
        "ours": lambda: instructors / _ours(configuration),
        "floor": lambda: instructors / _timed(lambda: _floor(sandbox, token, paths)),
        "same": lambda: instructors / _timed(lambda: _canvasapi(sandbox, token, THREADS, instructors)),
        "one": lambda: sample / _timed(lambda: _canvasapi(sandbox, token, 1, sample)),
    }
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            measured[name].append(way())
    sandbox.clear_faults()
    speed = {name: statistics.median(values) for name, values in measured.items()}
    run = RefreshRun.objects.latest("pk")
    return {
        "instructors": instructors,
        "threads": THREADS,
        "latency_ms": LATENCY_MS,
        "rounds": rounds,
        "instructors_per_second": round(speed["ours"], 1),
        "http_floor_instructors_per_second": round(speed["floor"], 1),
        "canvasapi_one_thread_instructors_per_second": round(speed["one"], 1),
        "canvasapi_same_threads_instructors_per_second": round(speed["same"], 1),
        "requests_per_instructor": round(run.requests / instructors, 4),
        "refresh_ratio_to_http_floor": round(speed["ours"] / speed["floor"], 3),
        "refresh_ratio_to_canvasapi_one_thread": round(speed["ours"] / speed["one"], 2),
        "refresh_ratio_to_canvasapi_same_threads": round(speed["ours"] / speed["same"], 3),
    }


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _ours(configuration: ApiConfiguration) -> float:
    """From an empty directory: everything is inserted. Seconds of the refresh, without the emptying."""
    RefreshRun.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE directory_lmsinstructor, directory_lmscourse CASCADE")
    started = time.perf_counter()
    state = Work(runs.start_run(configuration, everything=True), seconds=600).do()
    seconds = time.perf_counter() - started
    if state != "finished":
        raise RuntimeError(f"The refresh ended as {state}.")
    return seconds


def _paths_of_a_refresh(configuration: ApiConfiguration, sandbox: Sandbox) -> tuple[list[str], list[str]]:
    """What a refresh asks for: the list of teachers, and each person's courses."""
    sandbox.clear_log()
    _ours(configuration)
    asked = [
        f"{line['path']}?{urlencode([tuple(pair) for pair in line['query']])}"
        for line in sandbox.log()
        if line["path"].startswith("/api/")
    ]
    return [one for one in asked if "/accounts/" in one], [one for one in asked if "/accounts/" not in one]


def _floor(sandbox: Sandbox, token: str, paths: tuple[list[str], list[str]]) -> None:
    """The same requests with plain sessions, in as many threads, and nothing done with the answers."""
    listed, people = paths
    with ThreadPoolExecutor(THREADS) as pool, contextlib.ExitStack() as stack:
        sessions = [stack.enter_context(requests.Session()) for _ in range(THREADS)]
        for session in sessions:
            session.headers["Authorization"] = f"Bearer {token}"
            session.trust_env = False
        for path in listed:  # a page names the next one
            sessions[0].get(sandbox.url + path, timeout=30).content  # noqa: B018 - read, as anybody must
        shares = [people[start::THREADS] for start in range(THREADS)]
        list(pool.map(_get_all, sessions, shares, [sandbox.url] * THREADS))


def _get_all(session: requests.Session, paths: list[str], address: str) -> None:
    for path in paths:
        session.get(address + path, timeout=30).raise_for_status()


def _canvasapi(sandbox: Sandbox, token: str, threads: int, sample: int) -> None:
    """The same lists through the widely used library, nothing stored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of plain http
        canvas = Canvas(sandbox.url, token)
    account = Account(canvas._Canvas__requester, {"id": "self"})
    listed = account.get_users(enrollment_type="teacher", include=["email"], per_page=100)
    # Counted out, because the library would read the empty pages after the last one for ever.
    people = list(listed[:sample])

    def courses(person: object) -> int:
        found = person.get_courses(enrollment_state="active", include=["term"], per_page=100)  # type: ignore[attr-defined]
        return len(list(found))

    with ThreadPoolExecutor(threads) as pool:
        if not all(pool.map(courses, people)):
            raise RuntimeError("The library found somebody without courses.")


# --- The look-up --------------------------------------------------------------------------------------------
def _look_up(configuration: ApiConfiguration, instructors: int, courses: int) -> dict[str, float]:
    _fill(configuration, instructors, courses)
    chance = random.Random(1)
    times = []
    for _ in range(LOOK_UPS):
        email = f"person{chance.randrange(instructors)}@bench.example"
        fresh = ApiConfiguration.objects.get(pk=configuration.pk)
        started = time.perf_counter()
        answer = courses_of(fresh, email)
        found = len(answer.teachings)
        times.append((time.perf_counter() - started) * 1000)
        if not found or answer.live or answer.refreshing:
            raise RuntimeError(f"{email} was not answered from the directory.")
    fresh = ApiConfiguration.objects.get(pk=configuration.pk)
    with CaptureQueriesContext(connection) as captured:
        len(courses_of(fresh, email).teachings)
    times.sort()
    return {
        "cached_instructors": instructors,
        "cached_courses": courses,
        "cached_lookup_queries": len(captured),
        "cached_lookup_p50_ms": round(times[len(times) // 2], 3),
        "cached_lookup_p99_ms": round(times[len(times) * 99 // 100], 3),
    }


def _fill(configuration: ApiConfiguration, instructors: int, courses: int) -> None:
    """Made by the database itself; five courses each."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE directory_lmsinstructor, directory_lmscourse CASCADE")
        cursor.execute(
            "INSERT INTO directory_lmsinstructor (configuration_id, lms_id, name, email, login_id, first_seen_at,"
            " refreshed_at, last_error, failures, priority)"
            " SELECT %s, n, 'Person ' || n, 'Person' || n || '@Bench.example', 'login' || n, now(),"
            " now(), '', 0, 0 FROM generate_series(0, %s - 1) n",
            [configuration.pk, instructors],
        )
        cursor.execute(
            "INSERT INTO directory_lmscourse (configuration_id, lms_id, name, code, term_name, workflow_state,"
            " sis_id, time_zone, first_seen_at, seen_at, roster_wanted, roster_error)"
            " SELECT %s, n, 'Course ' || n, 'C' || n, 'Term', 'available', '', 'UTC', now(), now(), false, ''"
            " FROM generate_series(0, %s - 1) n",
            [configuration.pk, courses],
        )
        cursor.execute(
            "INSERT INTO directory_teaching (instructor_id, course_id, role, first_seen_at)"
            " SELECT i.id, c.id, 'teacher', now() FROM directory_lmscourse c"
            " JOIN directory_lmsinstructor i ON i.lms_id = (c.lms_id::int %% %s)::text",
            [instructors],
        )
        for model in (LmsInstructor, LmsCourse, Teaching):
            cursor.execute(f"ANALYZE {model._meta.db_table}")


def _print(figures: dict[str, float]) -> None:
    width = max(map(len, figures))
    for name, value in figures.items():
        print(f"{name:<{width}}  {value:>12,}")
