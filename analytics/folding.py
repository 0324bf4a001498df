"""Events into rollups (docs/analytics.md, "Folding"). The only writer of `models/rollups.py`.

What a batch touches is worked out anew from what it rests on: pairs from their sessions, and a session from its
events as soon as one arrives out of order. So no order, repetition or batching of statements changes the outcome.
"""

from __future__ import annotations

import datetime
import json
import logging
import re
import zlib
import zoneinfo
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import msgspec
import psycopg
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from .models import Activity, Media, Poll
from .playback import Event, Moment, Session, Stretch, claims, total

logger = logging.getLogger(__name__)

# Any number nobody else locks by.
LOCK = 7_305_410_022
BATCHES = 2_000
# What an event can be wrong by; a lost connection or a deadlock is none of it, and is tried again.
WRONG_DATA = (
    DataError,
    IntegrityError,
    ArithmeticError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
    zlib.error,
)
STATEMENTS = 10_000

Pair: TypeAlias = tuple[int, int | None]


class SessionKey(NamedTuple):
    media: int
    learner: int | None
    # A UUID as text, which is compared faster.
    session: str


class Where(NamedTuple):
    """What a media adds to its events."""

    section: int
    length: int


class Told(NamedTuple):
    """New events of a session in their order, and when the first of them was stored."""

    where: Where
    stored: Moment
    events: list[Event]
    claimed: list[Stretch]


@dataclass
class _Touched:
    """What has to be summed up anew."""

    days: set[tuple[int, int | None, datetime.date]] = field(default_factory=set)
    # Where a session has become empty or is gone: rows of these pairs may have to go too.
    emptied: set[Pair] = field(default_factory=set)
    answers: set[Pair] = field(default_factory=set)

    def gone(self, sessions: Iterable[tuple[int, int | None, datetime.date]]) -> None:
        for media, learner, day in sessions:
            self.days.add((media, learner, day))
            self.emptied.add((media, learner))


def fold(limit: int = STATEMENTS) -> int:
    """Folds the oldest batches, at least one, with about `limit` statements; returns how many statements they had.

    0: there is nothing to do, or another process is at it. A batch that cannot be folded is set aside with the
    reason, so that those behind it are counted.
    """
    try:
        return _fold(limit)
    except WRONG_DATA:
        return _fold_one_by_one(limit)


def _fold(limit: int) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if not cursor.fetchone()[0]:
            return 0
        batches, count = _waiting(cursor, limit)
        if batches:
            touched = _Touched()
            _fold_views(cursor, batches, touched)
            _fold_answers(cursor, batches, touched)
            _sum_up(cursor, touched)
            cursor.execute(
                "UPDATE analytics_statementbatch SET folded_at = %s WHERE id = ANY(%s) AND folded_at IS NULL",
                [timezone.now(), batches],
            )
        return count


def _fold_one_by_one(limit: int) -> int:
    folded = 0
    while folded < limit:
        with connection.cursor() as cursor:
            oldest, _ = _waiting(cursor, 1)
        try:
            count = _fold(1)
        except WRONG_DATA as error:
            logger.exception("A request of statements cannot be folded and is set aside", extra={"batch": oldest})
            count = _set_aside(oldest, f"{type(error).__name__}: {error}")
        if not count:
            break
        folded += count
    return folded


def _set_aside(batches: list[int], problem: str) -> int:
    """How many statements they have."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock(cursor)
        cursor.execute(
            "UPDATE analytics_statementbatch SET folded_at = %s, problem = %s"
            " WHERE id = ANY(%s) AND folded_at IS NULL RETURNING statements",
            [timezone.now(), _text(problem)[:1000], batches],
        )
        return sum(count for (count,) in cursor.fetchall())


def fold_all() -> int:
    """Until nothing waits."""
    folded = 0
    while count := fold():
        folded += count
    return folded


def fresh_until() -> datetime.datetime:
    """Everything stored before this moment is in the figures."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min(stored) FROM analytics_statementbatch WHERE folded_at IS NULL")
        waiting: datetime.datetime | None = cursor.fetchone()[0]
    return waiting or timezone.now()


def read_media_anew(media: Collection[Media]) -> None:
    """All figures of these media from their events: after a change of length, polls or name, and of new ones."""
    keys = [one.pk for one in media]
    with transaction.atomic(), connection.cursor() as cursor:
        lock(cursor)
        touched = _Touched()
        _read_sessions_anew(cursor, touched, "media.id = ANY(%s)", "session.media_id = ANY(%s)", [keys])
        _make_polls(cursor, "media.id = ANY(%s)", [keys])
        cursor.execute(
            "DELETE FROM analytics_pollanswer answer USING analytics_poll poll"
            " WHERE poll.id = answer.poll_id AND poll.media_id = ANY(%s)",
            [keys],
        )
        cursor.execute(
            "SELECT poll.id, identity.learner_id FROM analytics_answerevent event"
            " JOIN analytics_poll poll ON poll.activity_id = event.activity_id"
            " LEFT JOIN analytics_identity identity ON identity.id = event.identity_id"
            " WHERE poll.media_id = ANY(%s) AND (event.identity_id IS NULL OR identity.id IS NOT NULL)",
            [keys],
        )
        touched.answers.update(cursor.fetchall())
        _sum_up(cursor, touched)


def rebuild() -> int:
    """Everything from the events, media by media; returns how many media."""
    count = 0
    for media in Media.objects.order_by("pk").iterator():
        read_media_anew([media])
        count += 1
    return count


def move(leaving: int, staying: int) -> None:
    """The sessions and answers of one learner become another's; their identities must have moved already."""
    with transaction.atomic(), connection.cursor() as cursor:
        lock(cursor)
        cursor.execute(
            "UPDATE analytics_viewsession session SET learner_id = %(staying)s WHERE learner_id = %(leaving)s"
            " AND NOT EXISTS (SELECT FROM analytics_viewsession other WHERE other.media_id = session.media_id"
            "   AND other.session_id = session.session_id AND other.learner_id = %(staying)s)"
            " RETURNING media_id, session_id::text, day",
            {"staying": staying, "leaving": leaving},
        )
        moved = cursor.fetchall()
        cursor.execute(
            "DELETE FROM analytics_viewsession WHERE learner_id = %s RETURNING media_id, session_id::text, day",
            [leaving],
        )
        shared = cursor.fetchall()
        cursor.execute("DELETE FROM analytics_pollanswer WHERE learner_id = %s RETURNING poll_id", [leaving])
        touched = _Touched(answers={(poll, staying) for (poll,) in cursor.fetchall()})
        touched.gone((media, leaving, day) for media, _, day in [*moved, *shared])
        touched.gone((media, staying, day) for media, _, day in moved)
        # The same session under both names: its events belong together.
        _read_keys_anew(cursor, [SessionKey(media, staying, session) for media, session, _ in shared], touched)
        _sum_up(cursor, touched)


def forget(cursor: CursorWrapper, learner: int) -> None:
    """The figures of one learner, who is about to go."""
    for table in ("viewsession", "viewuserday", "viewuser", "pollanswer"):
        cursor.execute(f"DELETE FROM analytics_{table} WHERE learner_id = %s", [learner])  # noqa: S608


def lock(cursor: CursorWrapper) -> None:
    """Nobody else writes figures until the transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _waiting(cursor: CursorWrapper, limit: int) -> tuple[list[int], int]:
    cursor.execute(
        "SELECT id, statements FROM analytics_statementbatch WHERE folded_at IS NULL ORDER BY id LIMIT %s",
        [BATCHES],
    )
    batches: list[int] = []
    count = 0
    for key, statements in cursor.fetchall():
        if batches and count + statements > limit:
            break
        batches.append(key)
        count += statements
    return batches, count


# --- Sessions -------------------------------------------------------------------------------------------
# A row for each session: PostgreSQL puts its events together in a third of the time that as many rows would take.
# Seconds are whole from here on (`playback.whole`), and -1 where none was told.
_VIEW_EVENTS = """
SELECT media_id, learner_id, session_id, section_id, duration_seconds, min(stored), array_agg(occurred),
       array_agg(kind), array_agg("at"), array_agg("to"),
       array_agg(segments) FILTER (WHERE segments IS NOT NULL)
FROM (
    SELECT media.id AS media_id, identity.learner_id, event.session_id::text, media.section_id,
           media.duration_seconds, (date_part('epoch', event.stored) * 1000000)::bigint AS stored,
           (date_part('epoch', event.occurred) * 1000000)::bigint AS occurred, event.kind,
           CASE WHEN event."at" IS NULL THEN -1
                ELSE least(greatest(floor(event."at" + 0.5), 0), 2000000000)::int END AS "at",
           CASE WHEN event."to" IS NULL THEN -1
                ELSE least(greatest(floor(event."to" + 0.5), 0), 2000000000)::int END AS "to",
           event.segments::text
    FROM analytics_viewevent event
    JOIN analytics_media media ON media.activity_id = event.activity_id
    LEFT JOIN analytics_identity identity ON identity.id = event.identity_id
    WHERE {where}
      -- Whose identity is gone was erased.
      AND (event.identity_id IS NULL OR identity.id IS NOT NULL)
      AND NOT EXISTS (SELECT FROM analytics_statementvoid void WHERE void.target = event.statement_id)
) event
GROUP BY media_id, learner_id, session_id, section_id, duration_seconds
"""
Events: TypeAlias = dict[SessionKey, Told]
Sessions: TypeAlias = dict[SessionKey, Session]


def _view_events(cursor: CursorWrapper, where: str, parameters: Sequence[Any]) -> Events:
    cursor.execute(_VIEW_EVENTS.format(where=where), parameters)
    told = {}
    for media, learner, session, section, length, stored, *columns, segments in cursor.fetchall():
        events = sorted(zip(*columns, strict=True))
        claimed = [one for text in segments or () for one in claims([float(n) for n in text[1:-1].split(",")])]
        told[SessionKey(media, learner, session)] = Told(Where(section, length), stored, events, claimed)
    return told


def _fold_views(cursor: CursorWrapper, batches: list[int], touched: _Touched) -> None:
    told = _view_events(cursor, "event.batch_id = ANY(%s)", [batches])
    known = _known_sessions(cursor, told)
    anew = {*_voided_sessions(cursor, batches), *(key for key, session in known.items() if session is None)}
    sessions: Sessions = {}
    zone = zoneinfo.ZoneInfo(settings.INSTITUTION_TIME_ZONE)
    for key, new in told.items():
        if key in anew:
            continue
        session = sessions[key] = known.get(key) or Session.beginning(new.stored, new.events)
        before = session.started
        if not session.add(new.events, new.where.length):
            anew.add(key)
            continue
        if new.claimed:
            session.claim(new.claimed, new.where.length)
        session.stored = min(session.stored, new.stored)
        if session.started != before:
            touched.gone([(key.media, key.learner, _day(before, zone))])
    _save_sessions({key: session for key, session in sessions.items() if key not in anew}, told, touched)
    _read_keys_anew(cursor, anew, touched)


def _known_sessions(cursor: CursorWrapper, keys: Collection[SessionKey]) -> dict[SessionKey, Session | None]:
    """None: it was kept in another way than today, and has to be read anew."""
    # OFFSET 0: each by its index. PostgreSQL's guess would at times be to read the whole table instead.
    cursor.execute(
        "SELECT session.media_id, session.learner_id, session.session_id::text, session.state"
        " FROM unnest(%s::int[], %s::uuid[]) AS wanted(media_id, session_id)"
        " CROSS JOIN LATERAL (SELECT * FROM analytics_viewsession session"
        "   WHERE session.media_id = wanted.media_id AND session.session_id = wanted.session_id OFFSET 0) session",
        [_array(key.media for key in keys), _array(key.session for key in keys)],
    )
    return {SessionKey(*key): _remembered(state) for *key, state in cursor.fetchall()}


_STATE = msgspec.msgpack.Decoder(Session)


def _remembered(state: bytes) -> Session | None:
    try:
        return _STATE.decode(state)
    except msgspec.DecodeError:
        return None


def _voided_sessions(cursor: CursorWrapper, batches: list[int]) -> Iterator[SessionKey]:
    """Those that something in these batches takes a statement from."""
    cursor.execute(
        "SELECT media.id, identity.learner_id, event.session_id::text"
        " FROM analytics_statementvoid void JOIN analytics_statement target ON target.id = void.target"
        " JOIN analytics_viewevent event"
        "   ON event.batch_id = target.batch_id AND event.position = target.position"
        " JOIN analytics_media media ON media.activity_id = event.activity_id"
        " LEFT JOIN analytics_identity identity ON identity.id = event.identity_id"
        " WHERE void.batch_id = ANY(%s)",
        [batches],
    )
    return (SessionKey(*row) for row in cursor.fetchall())


def _read_keys_anew(cursor: CursorWrapper, keys: Collection[SessionKey], touched: _Touched) -> None:
    if not keys:
        return
    touched.emptied.update((key.media, key.learner) for key in keys)
    wanted = "(SELECT * FROM unnest(%s::int[], %s::uuid[]))"
    _read_sessions_anew(
        cursor,
        touched,
        f"(media.id, event.session_id) IN {wanted}",
        f"(session.media_id, session.session_id) IN {wanted}",
        [_array(key.media for key in keys), _array(key.session for key in keys)],
    )


def _read_sessions_anew(
    cursor: CursorWrapper, touched: _Touched, events_where: str, sessions_where: str, parameters: Sequence[Any]
) -> None:
    """Sessions that meet a condition, from all their events. Those whose events were dropped stay as they are."""
    cursor.execute("SELECT max(until) FROM analytics_rawdrop")
    dropped: datetime.date | None = cursor.fetchone()[0]
    complete_from = dropped or datetime.date.min
    cursor.execute(
        f"DELETE FROM analytics_viewsession session WHERE {sessions_where} AND session.first_stored >= %s"  # noqa: S608
        " RETURNING session.media_id, session.learner_id, session.day",
        [*parameters, datetime.datetime.combine(complete_from, datetime.time(), tzinfo=datetime.UTC)],
    )
    touched.gone(cursor.fetchall())
    told = _view_events(cursor, events_where, parameters)
    kept = _known_sessions(cursor, told) if dropped else {}
    sessions = {}
    for key, all_of_it in told.items():
        if key not in kept:
            sessions[key] = session = Session.beginning(all_of_it.stored, all_of_it.events)
            session.add(all_of_it.events, all_of_it.where.length)
            session.claim(all_of_it.claimed, all_of_it.where.length)
    _save_sessions(sessions, told, touched)


def _save_sessions(sessions: Sessions, told: Events, touched: _Touched) -> None:
    if not sessions:
        return
    rows = []
    zone = zoneinfo.ZoneInfo(settings.INSTITUTION_TIME_ZONE)
    for key, session in sessions.items():
        where = told[key].where
        plays, watched = session.plays(where.length), session.watched(where.length)
        day = _day(session.started, zone)
        rows.append(
            (
                where.section,
                *key,
                session.started,
                session.stored,
                day,
                session.now.last[0] if session.now.last else session.started,
                _quoted(second for stretch in plays for second in stretch),
                total(plays),
                _quoted(f"[{low},{high})" for low, high in watched),
                total(watched),
            )
        )
        touched.days.add((key.media, key.learner, day))
        if not plays:
            touched.emptied.add((key.media, key.learner))
    states = [msgspec.msgpack.encode(session) for session in sessions.values()]
    # By psycopg's own cursor, which sends states as they are: as text they take longer to read than all the rest.
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as plain:
        plain.execute(_SAVE_SESSIONS, [*map(_array, zip(*rows, strict=True)), states])


_SAVE_SESSIONS = """
INSERT INTO analytics_viewsession
    (section_id, media_id, learner_id, session_id, started, first_stored, day, last_at, plays, seconds, watched,
     watched_seconds, state)
SELECT section_id, media_id, learner_id, session_id, timestamptz 'epoch' + started * interval '1 microsecond',
       timestamptz 'epoch' + first_stored * interval '1 microsecond', day,
       timestamptz 'epoch' + last_at * interval '1 microsecond', plays::int[], seconds, watched, watched_seconds,
       state
FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::uuid[], %s::bigint[], %s::bigint[], %s::date[], %s::bigint[],
            %s::text[], %s::int[], %s::int4multirange[], %s::int[], %b::bytea[]) AS row(
    section_id, media_id, learner_id, session_id, started, first_stored, day, last_at, plays, seconds, watched,
    watched_seconds, state)
ON CONFLICT (media_id, session_id, learner_id) DO UPDATE SET
    section_id = excluded.section_id, started = excluded.started, first_stored = excluded.first_stored,
    day = excluded.day, last_at = excluded.last_at, plays = excluded.plays, seconds = excluded.seconds,
    watched = excluded.watched, watched_seconds = excluded.watched_seconds, state = excluded.state
"""


def _day(started: Moment, zone: datetime.tzinfo) -> datetime.date:
    """By the institution's clock; a session over midnight belongs to the day on which it began."""
    return datetime.datetime.fromtimestamp(started // 1_000_000, zone).date()


def _array(values: Iterable[object]) -> str:
    """Of numbers, keys, dates or arrays, as PostgreSQL writes it: lists take psycopg ten times as long."""
    return "{" + ",".join(map(str, values)).replace("None", "NULL") + "}"


def _quoted(values: Iterable[object]) -> str:
    """An array, or a multirange, within an array."""
    return f'"{_array(values)}"'


# --- Answers --------------------------------------------------------------------------------------------
def _fold_answers(cursor: CursorWrapper, batches: list[int], touched: _Touched) -> None:
    _make_polls(cursor, "event.batch_id = ANY(%s)", [batches])
    cursor.execute(
        "SELECT poll.id, identity.learner_id FROM analytics_answerevent event"
        " JOIN analytics_poll poll ON poll.activity_id = event.activity_id"
        " LEFT JOIN analytics_identity identity ON identity.id = event.identity_id"
        " WHERE event.batch_id = ANY(%(batches)s)"
        "   AND (event.identity_id IS NULL OR identity.id IS NOT NULL)"
        " UNION SELECT poll.id, identity.learner_id"
        " FROM analytics_statementvoid void JOIN analytics_statement target ON target.id = void.target"
        " JOIN analytics_answerevent event"
        "   ON event.batch_id = target.batch_id AND event.position = target.position"
        " JOIN analytics_poll poll ON poll.activity_id = event.activity_id"
        " LEFT JOIN analytics_identity identity ON identity.id = event.identity_id"
        " WHERE void.batch_id = ANY(%(batches)s)",
        {"batches": batches},
    )
    touched.answers.update(cursor.fetchall())


_KINDS = {
    "choice": Poll.Kind.ONE,
    "true-false": Poll.Kind.TRUE_FALSE,
    "numeric": Poll.Kind.NUMERIC,
    "fill-in": Poll.Kind.SHORT,
    "long-fill-in": Poll.Kind.OPEN,
    "likert": Poll.Kind.ONE,
}


_QUESTIONS = """
SELECT DISTINCT ON (event.activity_id) event.activity_id, media.id, event.batch_id, event.position
FROM analytics_answerevent event
JOIN analytics_media media ON media.activity_id = event.parent_id
WHERE {where}
  AND NOT EXISTS (SELECT FROM analytics_poll poll WHERE poll.activity_id = event.activity_id)
ORDER BY event.activity_id, event.occurred, event.statement_id
"""


def _make_polls(cursor: CursorWrapper, where: str, parameters: Sequence[Any]) -> None:
    """Questions that other systems ask in a media known here become polls, as the first answer describes them."""
    cursor.execute(_QUESTIONS.format(where=where), parameters)
    for activity, media, batch, position in cursor.fetchall():
        definition = _statement(cursor, batch, position).get("object", {}).get("definition", {})
        poll = _described(definition)
        poll.activity, poll.media_id = Activity.objects.get(pk=activity), media
        poll.save()


def _statement(cursor: CursorWrapper, batch: int, position: int) -> dict[str, Any]:
    """Empty if its month was dropped."""
    cursor.execute("SELECT body FROM analytics_statementbatch WHERE id = %s", [batch])
    row = cursor.fetchone()
    statements = json.loads(zlib.decompress(bytes(row[0]))) if row else []
    found: dict[str, Any] = (statements[position] if statements else None) or {}
    return found


def _described(definition: dict[str, Any]) -> Poll:
    """A poll as an interaction's definition tells it (xAPI 1.0.3, part 2 §2.4.4.1)."""
    kind = _KINDS.get(definition.get("interactionType", ""), Poll.Kind.OPEN)
    correct = [_text(one) for one in definition.get("correctResponsesPattern") or []]
    if kind == Poll.Kind.ONE and any("[,]" in one for one in correct):
        kind = Poll.Kind.SEVERAL
    options = definition.get("choices") or definition.get("scale") or []
    return Poll(
        kind=kind,
        question=_words(definition.get("description")) or _words(definition.get("name")) or "Question",
        choices=[
            {"id": _text(one["id"]), "text": _words(one.get("description")) or _text(one["id"])} for one in options
        ],
        correct=correct,
        attempts=0,
    )


def _words(languages: dict[str, str] | None) -> str:
    """English if there is some, else whatever comes first; tags of other systems' editors left out."""
    found = sorted((languages or {}).items(), key=lambda one: (not one[0].startswith("en"), one[0]))
    return re.sub(r"<[^>]*>", "", _text(found[0][1])).strip()[:1000] if found else ""


def _text(value: object) -> str:
    """Without what PostgreSQL cannot keep."""
    return str(value).replace("\0", "")


# --- Sums -----------------------------------------------------------------------------------------------
def _sum_up(cursor: CursorWrapper, touched: _Touched) -> None:
    for anonymous in (False, True):
        days = [row for row in touched.days if (row[1] is None) is anonymous]
        emptied = [row for row in touched.emptied if (row[1] is None) is anonymous]
        same = "IS NULL" if anonymous else "= touched.learner_id"
        if emptied:
            parameters = [_array(column) for column in zip(*emptied, strict=True)]
            cursor.execute(_DAYS_GONE.format(same=same), parameters)
            cursor.execute(_USERS_GONE.format(same=same), parameters)
        if days:
            cursor.execute(_SUMS.format(same=same), [_array(column) for column in zip(*days, strict=True)])
    _sum_up_answers(cursor, touched.answers)


# A view of at least five per cent of the media counts apart. Of a single session it is known how much was watched.
# OFFSET 0: each pair by its index, and not by its media alone.
_SUMS = """
WITH touched AS (
    SELECT * FROM unnest(%s::int[], %s::int[], %s::date[]) AS row(media_id, learner_id, day)
), one AS MATERIALIZED (
    SELECT session.section_id, session.media_id, session.learner_id, session.day, session.started, session.last_at,
           session.seconds, session.watched, session.watched_seconds,
           session.watched_seconds * 20 >= media.duration_seconds AS of_5
    FROM (SELECT DISTINCT media_id, learner_id FROM touched) AS touched
    CROSS JOIN LATERAL (
        SELECT * FROM analytics_viewsession session
        WHERE session.media_id = touched.media_id AND session.learner_id {same} AND session.seconds > 0 OFFSET 0
    ) session
    JOIN analytics_media media ON media.id = session.media_id
), summed_days AS (
    INSERT INTO analytics_viewuserday
        (section_id, day, media_id, learner_id, views, views_5, seconds, watched_seconds, last_at, watched)
    SELECT section_id, day, media_id, learner_id, views, views_5, seconds,
           CASE views WHEN 1 THEN watched_seconds ELSE analytics_covered(watched) END, last_at, watched
    FROM (
        SELECT one.section_id, one.day, one.media_id, one.learner_id, count(*) AS views,
               count(*) FILTER (WHERE one.of_5) AS views_5, sum(one.seconds) AS seconds,
               max(one.watched_seconds) AS watched_seconds, max(one.last_at) AS last_at,
               range_agg(one.watched) AS watched
        FROM touched
        JOIN one ON one.media_id = touched.media_id AND one.learner_id {same} AND one.day = touched.day
        GROUP BY one.section_id, one.day, one.media_id, one.learner_id
    ) AS summed
    ON CONFLICT (section_id, day, media_id, learner_id) DO UPDATE SET
        views = excluded.views, views_5 = excluded.views_5, seconds = excluded.seconds,
        watched_seconds = excluded.watched_seconds, last_at = excluded.last_at, watched = excluded.watched
)
INSERT INTO analytics_viewuser
    (section_id, media_id, learner_id, views, views_5, seconds, watched_seconds, first_at, last_at, watched)
SELECT section_id, media_id, learner_id, views, views_5, seconds,
       CASE views WHEN 1 THEN watched_seconds ELSE analytics_covered(watched) END, first_at, last_at, watched
FROM (
    SELECT section_id, media_id, learner_id, count(*) AS views, count(*) FILTER (WHERE of_5) AS views_5,
           sum(seconds) AS seconds, max(watched_seconds) AS watched_seconds, min(started) AS first_at,
           max(last_at) AS last_at, range_agg(watched) AS watched
    FROM one
    GROUP BY section_id, media_id, learner_id
) AS summed
ON CONFLICT (section_id, media_id, learner_id) DO UPDATE SET
    views = excluded.views, views_5 = excluded.views_5, seconds = excluded.seconds,
    watched_seconds = excluded.watched_seconds, first_at = excluded.first_at, last_at = excluded.last_at,
    watched = excluded.watched
"""
_DAYS_GONE = """
DELETE FROM analytics_viewuserday row USING unnest(%s::int[], %s::int[]) AS touched(media_id, learner_id)
WHERE row.media_id = touched.media_id AND row.learner_id {same} AND NOT EXISTS (
    SELECT FROM analytics_viewsession session
    WHERE session.media_id = row.media_id AND session.learner_id IS NOT DISTINCT FROM row.learner_id
      AND session.day = row.day AND session.section_id = row.section_id AND session.seconds > 0)
"""
_USERS_GONE = """
DELETE FROM analytics_viewuser row USING unnest(%s::int[], %s::int[]) AS touched(media_id, learner_id)
WHERE row.media_id = touched.media_id AND row.learner_id {same} AND NOT EXISTS (
    SELECT FROM analytics_viewsession session
    WHERE session.media_id = row.media_id AND session.learner_id IS NOT DISTINCT FROM row.learner_id
      AND session.section_id = row.section_id AND session.seconds > 0)
"""


def _sum_up_answers(cursor: CursorWrapper, touched: Collection[Pair]) -> None:
    known = [pair for pair in touched if pair[1] is not None]
    anonymous = sorted({poll for poll, learner in touched if learner is None})
    polls = Poll.objects.select_related("media", "activity").in_bulk({poll for poll, _ in touched})
    rows: list[tuple[Any, ...]] = []
    if known:
        parameters = [list(column) for column in zip(*known, strict=True)]
        cursor.execute(_ANSWERS_OF_PEOPLE, parameters)
        given: dict[Pair, list[tuple[Any, ...]]] = defaultdict(list)
        for poll, learner, *answer in cursor.fetchall():
            given[poll, learner].append(tuple(answer))
        cursor.execute(_FORGET_ANSWERS.format(same="= touched.learner_id"), parameters)
        rows += [_answer_row(polls[poll], learner, sorted(answers)) for (poll, learner), answers in given.items()]
    if anonymous:
        cursor.execute(_ANONYMOUS_ANSWERS, [anonymous])
        answers = cursor.fetchall()
        cursor.execute(_FORGET_ANSWERS.format(same="IS NULL"), [anonymous, [None] * len(anonymous)])
        rows += [_answer_row(polls[poll], None, [tuple(answer)]) for poll, *answer in answers]
    if rows:
        cursor.execute(_SAVE_ANSWERS, [list(column) for column in zip(*rows, strict=True)])


def _answer_row(poll: Poll, learner: int | None, answers: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    """From (occurred, statement, response, success), in order."""
    (first_at, statement, first, first_success), (latest_at, _, latest, latest_success) = answers[0], answers[-1]
    return (
        poll.media.section_id,
        poll.pk,
        learner,
        len(answers),
        statement,
        first,
        _correct(poll, first, first_success),
        first_at,
        latest,
        _correct(poll, latest, latest_success),
        latest_at,
    )


def _correct(poll: Poll, response: str, success: bool | None) -> bool | None:
    """By our own key, where there is one. Of other systems' questions the sender's word comes first, as they may
    be lenient in ways that a pattern does not tell.
    """
    if success is not None and not (poll.is_ours and poll.is_graded):
        return success
    return poll.grade(response)


_ANSWERS = """
SELECT poll.id, {learner} event.occurred, event.statement_id, event.response, event.success
FROM {touched}
JOIN analytics_poll poll ON poll.id = touched.poll_id
{identity}
WHERE NOT EXISTS (SELECT FROM analytics_statementvoid void WHERE void.target = event.statement_id)
"""
_ANSWERS_OF_PEOPLE = _ANSWERS.format(
    learner="identity.learner_id,",
    touched="unnest(%s::int[], %s::int[]) AS touched(poll_id, learner_id)",
    identity="JOIN analytics_identity identity ON identity.learner_id = touched.learner_id"
    " JOIN analytics_answerevent event"
    "   ON event.activity_id = poll.activity_id AND event.identity_id = identity.id",
)
_ANONYMOUS_ANSWERS = _ANSWERS.format(
    learner="",
    touched="unnest(%s::int[]) AS touched(poll_id)",
    identity="JOIN analytics_answerevent event"
    "   ON event.activity_id = poll.activity_id AND event.identity_id IS NULL",
)
_FORGET_ANSWERS = """
DELETE FROM analytics_pollanswer row USING unnest(%s::int[], %s::int[]) AS touched(poll_id, learner_id)
WHERE row.poll_id = touched.poll_id AND row.learner_id {same}
"""
_SAVE_ANSWERS = """
INSERT INTO analytics_pollanswer
    (section_id, poll_id, learner_id, attempts, first_statement, first_response, first_correct, first_at,
     latest_response, latest_correct, latest_at)
SELECT * FROM unnest(%s::bigint[], %s::int[], %s::int[], %s::int[], %s::uuid[], %s::text[], %s::bool[],
                     %s::timestamptz[], %s::text[], %s::bool[], %s::timestamptz[])
"""
