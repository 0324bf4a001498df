"""Storing statements: all of a request or nothing, each id once (docs/analytics.md, "Statements").

No objects of the ORM on this path: a request of a hundred statements is stored with a handful of queries. Every
table is written in the order of its keys, so that requests that say the same at the same time wait for one another
and never block each other for good.
"""

from __future__ import annotations

import contextlib
import datetime
import uuid
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from . import identities
from .models import Activity, EventSource, Statement, Verb
from .statements import Answer, Person, Read, View, read

# A client's clock is believed within these (docs/analytics.md, "Time").
OLDEST = datetime.timedelta(days=366)
NEWEST = datetime.timedelta(minutes=5)
VERSION = "1.0.3"
ANONYMOUS = "anonymous"
MOST_REMEMBERED = 50_000
TRIES = 5
# Sessions of statements that name none: one for each person, media, registration and day. A registration alone
# spans all attempts of a term.
_SESSIONS = uuid.UUID("0f0f7d0e-52a8-4d1a-a9d4-9f4a2f6b1c11")


class Contradiction(Exception):
    """An id that is known already came with something else."""


class _Erased(Exception):
    """Somebody was erased after they were looked up, and before anything was stored."""


class Place(NamedTuple):
    """Where a request is kept; `stored` is the database's clock."""

    batch: int
    stored: datetime.datetime


def store_statements(source: EventSource, statements: Sequence[dict[str, Any]]) -> list[uuid.UUID]:
    """For what this system says itself. Raises Malformed and Contradiction."""
    told, reads = read(msgspec.json.encode(statements))
    return store(source, told, reads, version=VERSION)


def store(
    source: EventSource, statements: Sequence[dict[str, Any]], reads: Sequence[Read], *, version: str
) -> list[uuid.UUID]:
    """Returns the ids, in order. A statement that is there already changes nothing. Raises Contradiction."""
    for _ in range(TRIES):
        ids = _resolve(reads)
        with contextlib.suppress(_Erased), transaction.atomic(), connection.cursor() as cursor:
            place = _next_place(cursor)
            repeated = _insert(cursor, place, source, statements, reads, ids, version)
            if repeated:
                _check_repeated(cursor, [one for one in reads if one.id in repeated])
                _leave_out(cursor, place, statements, reads, repeated)
            return [one.id for one in reads]
    raise RuntimeError("People of these statements were erased again and again while they were stored.")


# --- Verbs, activities, people --------------------------------------------------------------------------
@dataclass(frozen=True)
class _Ids:
    verbs: dict[str, int]
    activities: dict[str, int]
    people: dict[Person, int | None]


def _resolve(reads: Sequence[Read]) -> _Ids:
    names = {iri: _our_name(iri) for one in reads for iri in (*one.activities, *_parents(one))}
    ids = ACTIVITIES(set(names.values()))
    return _Ids(
        verbs=VERBS({one.verb for one in reads}),
        activities={iri: ids[name] for iri, name in names.items()},
        people=_known_people(reads),
    )


def _our_name(iri: str) -> str:
    """The address of a media here, as people copy it from their browser, is the media's name but for a slash."""
    return iri.rstrip("/") if iri.startswith(f"{settings.SITE_URL}/watch/") else iri


def _known_people(reads: Sequence[Read]) -> dict[Person, int | None]:
    """Nobody is met by a statement that is there already: its people may have been erased since."""
    people = {person for one in reads for person in one.people}
    nobody = {person for person in people if _is_nobody(person)}
    known = identities.known(people - nobody)
    if len(known) + len(nobody) < len(people):
        there = set(Statement.objects.filter(pk__in=[one.id for one in reads]).values_list("pk", flat=True))
        told = {person for one in reads if one.id not in there for person in one.people}
        new = told - nobody - known.keys()
        identities.meet(new)
        known |= identities.known(new)
    return {person: known.get(person) for person in people}


def _is_nobody(person: Person) -> bool:
    """Our own name for people of whom nothing is to be known."""
    return person.identifier == ANONYMOUS and person.home_page.rstrip("/") == settings.SITE_URL


def _parents(one: Read) -> Iterable[str]:
    return (one.answer.parent,) if one.answer and one.answer.parent else ()


class _Remembered:
    """The ids of a table of IRIs, which never change: each process keeps those it has seen."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.ids: dict[str, int] = {}

    def __call__(self, iris: Collection[str]) -> dict[str, int]:
        unknown = sorted(iri for iri in iris if iri not in self.ids)
        found = {iri: self.ids[iri] for iri in iris if iri in self.ids}
        if unknown:
            read = self._read(unknown)
            missing = [iri for iri in unknown if iri not in read]
            if missing:
                self._add(missing)
                read = self._read(unknown)
            found |= read
            # Before the transaction is through, an id is nobody else's.
            transaction.on_commit(lambda: self._remember(read))
        return found

    def _read(self, iris: list[str]) -> dict[str, int]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT iri, id FROM {self.table} WHERE iri = ANY(%s)", [iris])  # noqa: S608
            return dict(cursor.fetchall())

    def _add(self, iris: list[str]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {self.table} (iri) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING",
                [iris],
            )

    def _remember(self, read: dict[str, int]) -> None:
        if len(self.ids) > MOST_REMEMBERED:
            self.ids = {}
        self.ids |= read


VERBS = _Remembered(Verb._meta.db_table)
ACTIVITIES = _Remembered(Activity._meta.db_table)


# --- Rows -----------------------------------------------------------------------------------------------
# One query for all tables: going to the database and back costs as much as storing some twenty rows. What hangs on
# a statement waits for it (`id IN new`), so that everybody writes the tables in the same order.
_INSERT = """
    WITH told AS (
        SELECT * FROM json_to_recordset(%(rows)s) AS row(
            id uuid, position smallint, digest text, verb int, actor int, object int, registration uuid,
            activities int[], agents int[], voids uuid, occurred timestamptz, session uuid, kind smallint,
            "at" float8, "to" float8, segments float8[], parent int, response text, success bool)
    ), new AS (
        INSERT INTO analytics_statement (id, stored, batch_id, position, digest, verb_id, actor_id, object_id,
                                         registration, activities, agents)
        SELECT id, %(stored)s, %(batch)s, position, decode(digest, 'hex'), verb, actor, object, registration,
               activities, agents
        FROM told ORDER BY id
        ON CONFLICT (id) DO NOTHING RETURNING id
    ), batch AS (
        INSERT INTO analytics_statementbatch (id, stored, source_id, statements, version, body)
        VALUES (%(batch)s, %(stored)s, %(source)s, %(count)s, %(version)s, %(body)s)
    ), views AS (
        INSERT INTO analytics_viewevent (batch_id, stored, position, statement_id, occurred, activity_id,
                                         identity_id, session_id, kind, "at", "to", segments)
        SELECT %(batch)s, %(stored)s, position, id, occurred, object, actor, session, kind, "at", "to", segments
        FROM told WHERE kind IS NOT NULL AND id IN (SELECT id FROM new)
    ), answers AS (
        INSERT INTO analytics_answerevent (batch_id, stored, position, statement_id, occurred, activity_id,
                                           parent_id, identity_id, response, success)
        SELECT %(batch)s, %(stored)s, position, id, occurred, object, parent, actor, response, success
        FROM told WHERE response IS NOT NULL AND id IN (SELECT id FROM new)
    ), voids AS (
        INSERT INTO analytics_statementvoid (target, voided_by)
        SELECT voids, id FROM told WHERE voids IS NOT NULL AND id IN (SELECT id FROM new) ORDER BY voids
        ON CONFLICT (target) DO NOTHING
    )
    SELECT id FROM told WHERE id NOT IN (SELECT id FROM new)
    UNION ALL
    SELECT NULL FROM unnest(%(people)s::int[]) AS person(id)
    WHERE NOT EXISTS (SELECT FROM analytics_identity identity WHERE identity.id = person.id)
"""


def _next_place(cursor: CursorWrapper) -> Place:
    """From here on nobody is erased until the transaction ends, and readers know that something is to come."""
    cursor.execute(
        "SELECT pg_advisory_xact_lock_shared(%s), pg_current_xact_id(), nextval('analytics_batch_id'),"
        " clock_timestamp()",
        [identities.ERASING],
    )
    return Place(*cursor.fetchone()[2:])


def _insert(
    cursor: CursorWrapper,
    place: Place,
    source: EventSource,
    statements: Sequence[dict[str, Any]],
    reads: Sequence[Read],
    ids: _Ids,
    version: str,
) -> set[uuid.UUID]:
    """Returns the ids that were there already: nothing of theirs is stored but in the batch's body.

    Raises _Erased if somebody has gone since they were looked up.
    """
    rows = [_row(position, one, place, ids) for position, one in enumerate(reads)]
    cursor.execute(
        _INSERT,
        {
            # One parameter: some twenty arrays of a hundred values would take longer to write than to store.
            "rows": msgspec.json.encode(rows).decode(),
            "batch": place.batch,
            "stored": place.stored,
            "source": source.pk,
            "count": len(reads),
            "version": version,
            "body": _body(statements),
            "people": [key for key in ids.people.values() if key is not None],
        },
    )
    repeated = {key for (key,) in cursor.fetchall()}
    if None in repeated:
        raise _Erased
    return repeated


def _row(position: int, one: Read, place: Place, ids: _Ids) -> dict[str, Any]:
    people, activities = ids.people, ids.activities
    row = {
        "id": one.id,
        "position": position,
        "digest": one.digest.hex(),
        "verb": ids.verbs[one.verb],
        "actor": people.get(one.actor) if one.actor else None,
        "object": activities[one.target] if one.target else None,
        "registration": one.registration,
        "activities": [activities[iri] for iri in one.activities],
        "agents": [key for person in one.people if (key := people.get(person)) is not None],
        "voids": one.voids,
    }
    if one.view:
        occurred = occurred_at(one.timestamp, place.stored)
        row |= _view_of(one.view, occurred, one.view.session or _session_of_the_day(one, occurred))
    if one.answer:
        row |= _answer_of(one.answer, occurred_at(one.timestamp, place.stored), activities)
    return row


def _view_of(view: View, occurred: datetime.datetime, session: uuid.UUID) -> dict[str, Any]:
    return {
        "occurred": occurred,
        "session": session,
        "kind": int(view.kind),
        "at": view.at,
        "to": view.to,
        "segments": view.segments,
    }


def _answer_of(answer: Answer, occurred: datetime.datetime, activities: Mapping[str, int]) -> dict[str, Any]:
    return {
        "occurred": occurred,
        "parent": activities[answer.parent] if answer.parent else None,
        "response": answer.response,
        "success": answer.success,
    }


def _body(statements: Sequence[dict[str, Any] | None]) -> bytes:
    return zlib.compress(msgspec.json.encode(statements), 1)


def _check_repeated(cursor: CursorWrapper, repeated: Sequence[Read]) -> None:
    """An empty digest is an erased statement's: nobody can tell any more what it said."""
    cursor.execute("SELECT id, digest FROM analytics_statement WHERE id = ANY(%s)", [[one.id for one in repeated]])
    known = {key: bytes(digest) for key, digest in cursor.fetchall()}
    for one in repeated:
        if known[one.id] not in (one.digest, b""):
            raise Contradiction(f"There is another statement with the id {one.id}.")


def _leave_out(
    cursor: CursorWrapper,
    place: Place,
    statements: Sequence[dict[str, Any]],
    reads: Sequence[Read],
    repeated: set[uuid.UUID],
) -> None:
    """Each statement is kept in one body alone, so that whoever is erased is erased from there."""
    kept = [None if one.id in repeated else told for told, one in zip(statements, reads, strict=True)]
    if len(repeated) == len(reads):
        cursor.execute("DELETE FROM analytics_statementbatch WHERE id = %s AND stored = %s", place)
    else:
        cursor.execute(
            "UPDATE analytics_statementbatch SET body = %s, statements = %s WHERE id = %s AND stored = %s",
            [_body(kept), len(reads) - len(repeated), *place],
        )


def occurred_at(timestamp: datetime.datetime | None, stored: datetime.datetime) -> datetime.datetime:
    """When it happened, as far as the sender's clock can be believed."""
    if timestamp is not None and stored - OLDEST <= timestamp <= stored + NEWEST:
        return timestamp
    return stored


def _session_of_the_day(one: Read, occurred: datetime.datetime) -> uuid.UUID:
    who = identities.key_of(one.actor) if one.actor else ""
    day = occurred.astimezone(datetime.UTC).date()
    return uuid.uuid5(_SESSIONS, f"{who} {one.target} {one.registration or ''} {day}")
