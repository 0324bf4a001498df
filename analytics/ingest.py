"""Storing statements: all of a request or nothing, each id once (docs/analytics.md, "Statements").

One trip to the database for a request whose verbs, activities and people this process knows. Every table is
written in the order of its keys: requests that say the same at the same time wait for one another and never block
each other for good (docs/decisions/0016-one-trip.md).
"""

from __future__ import annotations

import datetime
import itertools
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec
import psycopg
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from . import identities, sources
from .attachments import File
from .models import Activity, AttachedFile, EventSource, Statement, StatementBatch, Verb
from .models.media import name_of
from .statements import Answer, Person, Read, View, meaning, read

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


class Outcome(StrEnum):
    """What `analytics_store` answers (migration 0003); nothing is stored but with the first."""

    STORED = "stored"
    # Somebody was erased after they were looked up.
    ERASED = "erased"
    # One of these statements is there already.
    KNOWN = "known"
    REFUSED = "refused"


def store_statements(source: EventSource, statements: Sequence[dict[str, Any]]) -> list[uuid.UUID]:
    """For what this system says itself. Raises Malformed and Contradiction."""
    told, reads = read(msgspec.json.encode(statements))
    return store(source, told, reads, version=VERSION)


def store(
    source: EventSource,
    statements: Sequence[dict[str, Any]],
    reads: Sequence[Read],
    *,
    version: str,
    files: Mapping[str, File] | None = None,
) -> list[uuid.UUID]:
    """Returns the ids, in order. A statement that is there already changes nothing. `files`: by hash.

    Raises Contradiction, and `sources.Unknown` if the source was revoked or got another secret meanwhile.
    """
    keys = [one.id for one in reads]
    for _ in range(TRIES):
        ids = _resolve(reads)
        outcome = _store(source, statements, reads, ids, version, files or {})
        if outcome == Outcome.REFUSED:
            raise sources.Unknown(sources.UNKNOWN)
        if outcome == Outcome.ERASED:
            PEOPLE.forget()
        if outcome == Outcome.KNOWN:
            statements, reads = _not_known(statements, reads)
        if outcome == Outcome.STORED or not reads:
            return keys
    raise RuntimeError("What these statements say changed again and again while they were stored.")


def _store(
    source: EventSource,
    statements: Sequence[dict[str, Any]],
    reads: Sequence[Read],
    ids: _Ids,
    version: str,
    files: Mapping[str, File],
) -> Outcome:
    now = timezone.now()
    parameters = [
        source.pk,
        bytes(source.secret_digest),
        version,
        len(reads),
        StatementBatch.packed(statements),
        [key for key in ids.people.values() if key is not None],
        # One parameter: some twenty arrays of a hundred values would take longer to write than to store.
        msgspec.json.encode([_row(position, one, now, ids) for position, one in enumerate(reads)]).decode(),
    ]
    spoken_of = {one.sha2 for read in reads for one in read.attached}
    wanted = [files[sha2] for sha2 in sorted(spoken_of) if sha2 in files]
    if not wanted:
        return _ask(parameters)
    with transaction.atomic():
        outcome = _ask(parameters)
        if outcome == Outcome.STORED:
            batch = Statement.objects.values_list("batch_id", flat=True).get(pk=reads[0].id)
            AttachedFile.objects.bulk_create(AttachedFile(batch_id=batch, **one._asdict()) for one in wanted)
    return outcome


_STORE = "SELECT analytics_store(%s, %b, %s, %s, %b, %s::int[], %s)"


def _ask(parameters: Sequence[Any]) -> Outcome:
    """Once more if the connection was lost since it was used last, as by a restart of PostgreSQL: what was stored
    nevertheless is known then.
    """
    connection.ensure_connection()
    try:
        return _asked(parameters)
    except OperationalError:
        if connection.in_atomic_block or not connection.connection.closed:
            raise
    connection.close()
    connection.ensure_connection()
    return _asked(parameters)


def _asked(parameters: Sequence[Any]) -> Outcome:
    """By psycopg's own cursor: Django's would write the parameters, a body among them, into the query."""
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(_STORE, parameters)
        (outcome,) = cursor.fetchone() or ("",)
    return Outcome(outcome)


def _not_known(
    statements: Sequence[dict[str, Any]], reads: Sequence[Read]
) -> tuple[Sequence[dict[str, Any]], Sequence[Read]]:
    """Those that are to be stored still. Raises Contradiction."""
    known = _kept_meanings([one.id for one in reads])
    rest = []
    for told, one in zip(statements, reads, strict=True):
        if one.id not in known:
            rest.append((told, one))
        elif known[one.id] not in (None, meaning(told)):
            raise Contradiction(f"There is another statement with the id {one.id}.")
    return [told for told, _ in rest], [one for _, one in rest]


def _kept_meanings(keys: list[uuid.UUID]) -> dict[uuid.UUID, bytes | None]:
    """Of those that are there. None: it was erased or its month dropped; nobody can tell any more what it said."""
    found: dict[uuid.UUID, bytes | None] = {}
    rows = Statement.objects.filter(pk__in=keys).order_by("batch_id", "position")
    # One request is open at a time: a few statements of each may be all of a database.
    for (batch_id, stored), together in itertools.groupby(rows, key=lambda row: (row.batch_id, row.stored)):
        batch = StatementBatch.objects.filter(id=batch_id, stored=stored).first()
        told = batch.opened() if batch else []
        for row in together:
            statement = msgspec.json.decode(told[row.position]) if told else None
            found[row.id] = meaning(statement) if statement else None
    return found


# --- Verbs, activities, people --------------------------------------------------------------------------
@dataclass(frozen=True)
class _Ids:
    verbs: dict[str, int]
    activities: dict[str, int]
    people: dict[Person, int | None]


def _resolve(reads: Sequence[Read]) -> _Ids:
    names = {iri: name_of(iri) for one in reads for iri in (*one.activities, *_parents(one))}
    ids = ACTIVITIES(set(names.values()))
    return _Ids(
        verbs=VERBS({one.verb for one in reads}),
        activities={iri: ids[name] for iri, name in names.items()},
        people=_known_people(reads),
    )


def _known_people(reads: Sequence[Read]) -> dict[Person, int | None]:
    """Nobody is met by a statement that is there already: its people may have been erased since."""
    people = {person: identities.key_of(person) for one in reads for person in one.people if not is_nobody(person)}
    known = PEOPLE(people.values())
    if len(known) < len(set(people.values())):
        there = set(Statement.objects.filter(pk__in=[one.id for one in reads]).values_list("pk", flat=True))
        told = {person for one in reads if one.id not in there for person in one.people}
        new = {person for person in told if person in people and people[person] not in known}
        identities.meet(new)
        known |= PEOPLE({people[person] for person in new})
    return {person: known.get(key) for person, key in people.items()}


def is_nobody(person: Person) -> bool:
    """Our own name for people of whom nothing is to be known."""
    return person.identifier == ANONYMOUS and person.home_page.rstrip("/") == settings.SITE_URL


def _parents(one: Read) -> Iterable[str]:
    return (one.answer.parent,) if one.answer and one.answer.parent else ()


class _Remembered:
    """The ids of a table of names, which never change: each process keeps those it has seen."""

    def __init__(self, read: Callable[[list[str]], dict[str, int]]) -> None:
        self.read = read
        self.ids: dict[str, int] = {}

    def __call__(self, names: Collection[str]) -> dict[str, int]:
        """Of those that are there."""
        # Another thread may forget them meanwhile.
        ids = self.ids
        found = {name: ids[name] for name in names if name in ids}
        unknown = sorted({name for name in names if name not in found})
        if unknown:
            read = self.read(unknown)
            found |= read
            # Before the transaction is through, an id is nobody else's.
            transaction.on_commit(lambda: self._remember(read))
        return found

    def forget(self) -> None:
        self.ids = {}

    def _remember(self, read: dict[str, int]) -> None:
        if len(self.ids) > MOST_REMEMBERED:
            self.forget()
        self.ids.update(read)


def _met(table: str) -> Callable[[list[str]], dict[str, int]]:
    """Ids of IRIs; those that were never heard of get one."""

    def read(iris: list[str]) -> dict[str, int]:
        found = look(iris)
        missing = [iri for iri in iris if iri not in found]
        if missing:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"INSERT INTO {table} (iri) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", [missing]
                )
            found |= look(missing)
        return found

    def look(iris: list[str]) -> dict[str, int]:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT iri, id FROM {table} WHERE iri = ANY(%s)", [iris])  # noqa: S608
            return dict(cursor.fetchall())

    return read


VERBS = _Remembered(_met(Verb._meta.db_table))
ACTIVITIES = _Remembered(_met(Activity._meta.db_table))
# Whoever was erased since is noticed when their statement is stored.
PEOPLE = _Remembered(identities.known)


# --- Rows -----------------------------------------------------------------------------------------------
def _row(position: int, one: Read, now: datetime.datetime, ids: _Ids) -> dict[str, Any]:
    """As `analytics_store` takes it apart. What is left out is null there."""
    people, activities = ids.people, ids.activities
    about = [key for person in one.people[: one.about] if (key := people.get(person)) is not None]
    others = [key for person in one.people[one.about :] if (key := people.get(person)) is not None]
    row: dict[str, Any] = {
        "id": one.id,
        "position": position,
        "verb": ids.verbs[one.verb],
        "activities": [activities[iri] for iri in one.activities],
        "agents": about + others,
        "about": len(about),
    }
    if one.actor:
        row["actor"] = people.get(one.actor)
    if one.target:
        row["object"] = activities[one.target]
    if one.registration:
        row["registration"] = one.registration
    if one.refers:
        row |= {"refers": one.refers, "voids": one.voids}
    if one.view or one.answer:
        # Else the moment in which it is stored, by the database's clock.
        row["occurred"] = one.timestamp if is_believed(one.timestamp, now) else None
    if one.view:
        row |= _view_of(one.view, one.view.session or _session_of_the_day(one, row["occurred"] or now))
    if one.answer:
        row |= _answer_of(one.answer, activities)
    return row


def _view_of(view: View, session: uuid.UUID) -> dict[str, Any]:
    return {"session": session, "kind": int(view.kind), "at": view.at, "to": view.to, "segments": view.segments}


def _answer_of(answer: Answer, activities: Mapping[str, int]) -> dict[str, Any]:
    return {
        "parent": activities[answer.parent] if answer.parent else None,
        "response": answer.response,
        "success": answer.success,
    }


def is_believed(timestamp: datetime.datetime | None, now: datetime.datetime) -> bool:
    """Whether a sender's clock can have said this now (docs/analytics.md, "Time")."""
    return timestamp is not None and now - OLDEST <= timestamp <= now + NEWEST


def _session_of_the_day(one: Read, occurred: datetime.datetime) -> uuid.UUID:
    who = identities.key_of(one.actor) if one.actor else ""
    day = occurred.astimezone(datetime.UTC).date()
    return uuid.uuid5(_SESSIONS, f"{who} {one.target} {one.registration or ''} {day}")
