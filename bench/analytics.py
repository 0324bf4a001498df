"""Taking statements in, folding them into figures, and showing the Analytics tab over ten million of them.

Baselines in the same run: for what is taken in, `COPY` of the same rows and an empty view of the same server; for
the tab, the same figures asked of the events themselves; for its growth, the same tab among ten times fewer
other sections.
"""

from __future__ import annotations

import statistics
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import User
from analytics import folding, sources
from bench import lectures, web
from bench.measure import compare
from tests.support import xapi

OTHERS_FEW, OTHERS_MANY = 50, 500


def measurements(*, quick: bool) -> dict[str, float]:
    settings.ALLOWED_HOSTS = ["testserver"]
    settings.SECURE_SSL_REDIRECT = False
    size = lectures.QUICK if quick else lectures.FULL
    figures = _ingest(quick=quick)
    made = lectures.make(size)
    figures |= {"events": made} | _fold(quick=quick) | _tab(size, quick=quick)
    for name, value in figures.items():
        print(f"  {name}: {value:,}")
    return figures


# --- Taking in --------------------------------------------------------------------------------------------
def _ingest(*, quick: bool) -> dict[str, float]:
    source, secret = sources.add(f"Bench {uuid.uuid4()}")
    headers = {"Authorization": xapi.basic(source.key, secret), "X-Experience-API-Version": "1.0.3"}
    rounds, scale = (1, 20) if quick else (5, 1)
    ways = {"array_1": (100, 1, 100), "array_8": (100, 8, 200), "single_1": (1, 1, 600), "single_8": (1, 8, 1600)}
    rates: dict[str, list[float]] = {name: [] for name in (*ways, "copy", "empty")}
    errors = 0
    with web.server() as port:
        for turn in range(rounds + 1):
            for name, (each, clients, requests) in ways.items():
                requests = max(requests // scale, clients)
                statements = [_statement(number) for number in range(requests * each)]
                told = web.bodies(statements, each=each)
                sent = web.send(port, xapi.ADDRESS, headers, told, clients=clients)
                errors += sent.errors
                if turn:  # the first one warms up
                    rates[name].append(len(statements) / sent.seconds)
                if name == "array_8":
                    floor = web.send(port, web.EMPTY, headers, told, clients=clients)
                    copied = _copied(len(statements))
                    if turn:
                        rates["empty"].append(len(statements) / floor.seconds)
                        rates["copy"].append(copied)
    median = {name: statistics.median(found) for name, found in rates.items()}
    return {
        **{f"ingest_{name}_per_s": round(median[name]) for name in ways},
        "ingest_errors": errors,
        "ingest_copy_per_s": round(median["copy"]),
        "ingest_array_8_ratio_to_copy": _ratio(rates["array_8"], rates["copy"]),
        "ingest_array_8_ratio_to_empty_view": _ratio(rates["array_8"], rates["empty"]),
    }


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Of the turns, one by one."""
    return round(statistics.median(one / other for one, other in zip(ours, theirs, strict=True)), 3)


def _statement(number: int) -> dict[str, Any]:
    """As long as a player's are, about 900 bytes."""
    told = xapi.viewing(
        "paused",
        f"https://media.example.edu/media/{number % 300}",
        timezone.now(),
        str(uuid.UUID(int=number // 20)),
        time=round(number % 3000 + 0.123, 3),
        progress=0.417,
        played_segments="0[.]312.5[,]340.123[.]612.75[,]1200[.]1250.5",
    )
    told["actor"] = {"name": f"Student {number % 200:03}", **xapi.account(f"u-{number % 200}")}
    told["verb"]["display"] = {"en-US": "paused"}
    told["object"]["definition"] = {
        "name": {"en-US": "Lecture"},
        "type": "https://w3id.org/xapi/video/activity-type/video",
    }
    return told


def _copied(count: int) -> float:
    """Rows per second of COPY, of the rows of the last `count` statements into tables with the same indexes."""
    tables = ("analytics_statement", "analytics_viewevent", "analytics_statementbatch")
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(batch_id) FROM analytics_statement")
        first = cursor.fetchone()[0] - count // 100
        rows = {}
        for table in tables:
            key = "id" if table.endswith("batch") else "batch_id"
            with cursor.cursor.copy(f"COPY (SELECT * FROM {table} WHERE {key} > {first}) TO STDOUT") as out:  # noqa: S608
                rows[table] = b"".join(bytes(part) for part in out)
            cursor.execute(f"CREATE TABLE bench_{table} (LIKE {table} INCLUDING ALL)")
        started = time.perf_counter()
        cursor.execute("BEGIN")
        for table in tables:
            with cursor.cursor.copy(f"COPY bench_{table} FROM STDIN") as into:
                into.write(rows[table])
        cursor.execute("COMMIT")
        seconds = time.perf_counter() - started
        for table in tables:
            cursor.execute(f"DROP TABLE bench_{table}")
    return count / seconds


# --- Folding ----------------------------------------------------------------------------------------------
def _fold(*, quick: bool) -> dict[str, float]:
    """All events as they came in; then more of sessions all over; then some that come late."""
    started = time.perf_counter()
    folded = folding.fold_all()
    seconds = time.perf_counter() - started
    # So many that of 10,000 events in any order about 6,700 are the first of their session.
    sessions = 500 if quick else 12_500
    return {
        "fold_us_per_event": round(seconds / folded * 1e6, 1),
        "fold_mixed_us_per_event": _more(sessions, lectures.IN_ORDER),
        "fold_worst_us_per_event": _more(sessions, lectures.SHUFFLED),
        "fold_late_us_per_event": _more(sessions, lectures.LATE),
        "fold_too_late_us_per_event": _more(sessions, lectures.TOO_LATE),
    }


def _more(sessions: int, late: lectures.Late) -> float:
    """Microseconds per event."""
    count = lectures.more(sessions, late)
    started = time.perf_counter()
    folding.fold_all()
    return round((time.perf_counter() - started) / count * 1e6, 1)


# --- The tab ----------------------------------------------------------------------------------------------
def _tab(size: lectures.Size, *, quick: bool) -> dict[str, float]:
    user, _ = User.objects.get_or_create(email="bench-instructor@example.edu")
    user.groups.add(Group.objects.get(name="Instructors"))
    lectures.taught_by(user)
    client = Client()
    client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[1])
    rounds = 3 if quick else 15

    def page() -> None:
        answer = client.get("/analytics/", {"range": "30"})
        assert answer.status_code == 200  # noqa: S101

    def first_page() -> None:
        cache.clear()
        page()

    lectures.others(size, OTHERS_FEW // (10 if quick else 1))
    few = _queries_ms(page, rounds)
    lectures.others(size, OTHERS_MANY // (10 if quick else 1))
    many, first = _queries_ms(page, rounds), _queries_ms(first_page, rounds)
    raw = compare("the tab", page, "from events", lectures.media_table_from_events, rounds=2 if quick else 3)
    media = compare(
        "the media table",
        lectures.media_table,
        "from events",
        lectures.media_table_from_events,
        rounds=2 if quick else 3,
    )
    return {
        "tab_queries_ms": many[0],
        "tab_page_ms": many[1],
        "tab_first_queries_ms": first[0],
        "tab_first_page_ms": first[1],
        "tab_growth_10x": round(many[0] / few[0], 3),
        "tab_raw_ms": round(raw.baseline_ms, 1),
        "tab_ratio_raw_to_rollup": round(1 / media.ratio, 1),
    }


def _queries_ms(page: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Medians: in the database alone, and of the whole page."""
    inside: list[float] = []
    whole: list[float] = []
    for _ in range(rounds + 1):
        spent = 0.0

        def timed(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
            nonlocal spent
            started = time.perf_counter()
            try:
                return execute(sql, params, many, context)
            finally:
                spent += time.perf_counter() - started

        started = time.perf_counter()
        with connection.execute_wrapper(timed):
            page()
        whole.append((time.perf_counter() - started) * 1000)
        inside.append(spent * 1000)
    return round(statistics.median(inside[1:]), 1), round(statistics.median(whole[1:]), 1)
