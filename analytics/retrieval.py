"""Statements given back: one by its id, or those that meet some conditions (docs/analytics.md, "Statements")."""

from __future__ import annotations

import base64
import binascii
import datetime
import itertools
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.db.models import Exists, F, Func, OuterRef, Q, QuerySet
from django.db.models.functions import Length

from . import attachments, identities
from .attachments import File
from .models import (
    Activity,
    AttachedFile,
    EventSource,
    Identity,
    Poll,
    Statement,
    StatementBatch,
    StatementVoid,
    Verb,
)
from .models.media import name_of
from .statements import VOIDED, Malformed, Person, moment, person_of

# In a page, unless less is asked for.
MOST = 500
# A page ends early rather than opening more of what requests brought (bytes), one request at a time.
MOST_OPENED = 32 * 1024 * 1024
NOTHING = Q(pk__in=[])
# From a statement to the one it is about.
HOPS = 3
# The first of the agents: actor and object, and members of either.
ABOUT = Func(
    F("agents"),
    F("about"),
    template="%(expressions)s]",
    arg_joiner="[1:",
    output_field=ArrayField(models.IntegerField()),
)
CONSISTENCY_SECONDS = 2
FILTERS = ("agent", "verb", "activity", "registration", "related_activities", "related_agents", "since", "until")
OTHERS = ("limit", "ascending", "cursor")
WITH_AN_ID = ("statementId", "voidedStatementId", "attachments", "format")
FORMATS = ("exact", "ids", "canonical")


class NotThere(Exception):
    """No statement has this id, or it is not to be seen."""


@dataclass(frozen=True)
class Shape:
    """How statements are given: `language` is what `canonical` chooses by, best first."""

    format: str = "exact"
    languages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Page:
    """`more`: the rest of the query for the next page; empty at the end."""

    statements: list[dict[str, Any]]
    files: list[File]
    more: str = ""


# --- One ------------------------------------------------------------------------------------------------
def asks_for_one(given: Mapping[str, str]) -> bool:
    """Raises Malformed for parameters that are none, or do not go together (part 3 §2.1.3)."""
    unknown = set(given) - {*FILTERS, *OTHERS, *WITH_AN_ID}
    if unknown:
        raise Malformed(f"There is no parameter {', '.join(sorted(unknown))}.")
    if any("\0" in value for value in given.values()):
        raise Malformed("There is a NUL character in a parameter.")
    if given.get("format", "exact") not in FORMATS:
        raise Malformed(f"format is one of {', '.join(FORMATS)}.")
    if given.get("attachments", "false") not in ("true", "false"):
        raise Malformed("attachments is true or false.")
    wanted = [name for name in ("statementId", "voidedStatementId") if name in given]
    if wanted and set(given) - {wanted[0], "attachments", "format"}:
        raise Malformed(f"Beside {wanted[0]} only attachments and format can be given.")
    return bool(wanted)


@dataclass(frozen=True)
class One:
    statement: dict[str, Any]
    files: list[File]
    stored: datetime.datetime


def one(given: Mapping[str, str], shape: Shape) -> One:
    """Raises Malformed and NotThere."""
    voided = "voidedStatementId" in given
    key = uuid_of(given["voidedStatementId" if voided else "statementId"], "The id of a statement")
    for told in _told(_kept(voided=voided).filter(pk=key)):
        if told.statement is not None:
            files = _files_of([told]) if _yes(given, "attachments") else []
            return One(_complete(told, told.statement, shape), files, told.row.stored)
    raise NotThere


# --- Several --------------------------------------------------------------------------------------------
def some(given: Mapping[str, str], shape: Shape) -> Page:
    """Those that are not voided, newest first. Raises Malformed."""
    ascending = _yes(given, "ascending")
    limit = _limit(given.get("limit", "0"))
    rows = _filtered(_kept(voided=False), given)
    if "cursor" in given:
        batch, position = _cursor(given["cursor"])
        way = "gt" if ascending else "lt"
        later = Q(**{f"batch_id__{way}": batch}) | Q(batch_id=batch, **{f"position__{way}": position})
        rows = rows.filter(later)
    order = ("batch_id", "position") if ascending else ("-batch_id", "-position")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL jit = off")  # which takes longer to prepare than the rest
        candidates = list(rows.order_by(*order)[: limit + 1])
    wanted = _yes(given, "attachments")
    told = list(_told(candidates[:limit]))
    if wanted:
        told = _as_many_as_fit(told)
    found = [(one, one.statement) for one in told if one.statement is not None]
    page = Page([_complete(one, statement, shape) for one, statement in found], _files_of(told) if wanted else [])
    if len(told) < len(candidates):
        return replace(page, more=urlencode({**given, "cursor": _cursor_of(candidates[len(told) - 1])}))
    return page


def _as_many_as_fit(told: list[_Told]) -> list[_Told]:
    """With their files; at least one."""
    batches = {one.row.batch_id for one in told}
    lengths = AttachedFile.objects.filter(batch_id__in=batches).annotate(length=Length("content"))
    left = {(batch, sha2): length for batch, sha2, length in lengths.values_list("batch_id", "sha2", "length")}
    size = 0
    for number, one in enumerate(told):
        size += sum(left.pop(key, 0) for key in _files(one))
        if size > MOST_OPENED and number:
            return told[:number]
    return told


def _files(told: _Told) -> set[tuple[int, str]]:
    spoken_of = attachments.spoken_of(told.statement) if told.statement else ()
    return {(told.row.batch_id, sha2) for sha2 in spoken_of}


def _files_of(told: Iterable[_Told]) -> list[File]:
    """Each once."""
    wanted = set[tuple[int, str]]().union(*(_files(one) for one in told))
    kept = AttachedFile.objects.filter(
        batch_id__in={batch for batch, _ in wanted}, sha2__in={sha2 for _, sha2 in wanted}
    )
    by_hash = {
        one.sha2: File(one.content_type, one.sha2, bytes(one.content))
        for one in kept
        if (one.batch_id, one.sha2) in wanted
    }
    return list(by_hash.values())


def _kept(*, voided: bool) -> QuerySet[Statement]:
    """A voiding statement cannot be voided (part 2 §2.3.2). Of an erased one nothing is left but its id."""
    voiding = Verb.objects.filter(iri=VOIDED).values_list("pk", flat=True).first() or 0
    is_voided = Q(Exists(StatementVoid.objects.filter(target=OuterRef("pk")))) & ~Q(verb_id=voiding)
    # Beside the moments of other statements these would say whose they are (docs/watching.md, "Questions").
    anonymous = Exists(Poll.objects.filter(anonymous=True, activity_id=OuterRef("object_id")))
    kept = Statement.objects.filter(erased=False).exclude(anonymous)
    return kept.filter(is_voided if voided else ~is_voided)


def _filtered(rows: QuerySet[Statement], given: Mapping[str, str]) -> QuerySet[Statement]:
    """Those that meet the conditions, and those whose object is a statement that does. Raises Malformed."""
    condition = _condition(given)
    if condition == NOTHING:
        rows = rows.none()
    elif condition is not None:
        rows = rows.alias(about_whom=ABOUT).filter(_or_refers_to(condition, HOPS))
    if "since" in given:
        rows = rows.filter(stored__gt=moment_of(given, "since"))
    if "until" in given:
        rows = rows.filter(stored__lte=moment_of(given, "until"))
    return rows


def _condition(given: Mapping[str, str]) -> Q | None:
    """What is named and was never heard of is in no statement: nothing is searched for it. Raises Malformed."""
    parts, named = [], []
    if "verb" in given:
        named.append(verb := _key(Verb.objects.filter(iri=given["verb"])))
        parts.append(Q(verb_id=verb))
    if "activity" in given:
        named.append(activity := _key(Activity.objects.filter(iri=name_of(given["activity"]))))
        related = _yes(given, "related_activities")
        parts.append(Q(activities__contains=[activity]) if related else Q(object_id=activity))
    if "agent" in given:
        named.append(agent := _key(Identity.objects.filter(key=identities.key_of(agent_of(given["agent"])))))
        related = _yes(given, "related_agents")
        parts.append(Q(agents__contains=[agent]) if related else Q(about_whom__contains=[agent]))
    if not all(named):
        return NOTHING
    if "registration" in given:
        parts.append(Q(registration=uuid_of(given["registration"], "A registration")))
    return reduce(and_, parts) if parts else None


def _or_refers_to(condition: Q, hops: int) -> Q:
    """Of a statement about a statement about a statement the last one counts (part 3 §2.1.3)."""
    if not hops:
        return condition
    targets = Statement.objects.alias(about_whom=ABOUT).filter(pk=OuterRef("refers"))
    return condition | Q(refers__isnull=False) & Q(Exists(targets.filter(_or_refers_to(condition, hops - 1))))


def _key(rows: QuerySet[Any]) -> int:
    """0 is nobody's and nothing's."""
    found: int | None = rows.values_list("pk", flat=True).first()
    return found or 0


def agent_of(text: str) -> Person:
    """Of a parameter. Raises Malformed."""
    try:
        return person_of(msgspec.json.decode(text))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Malformed(f"agent: {error}.") from None


def _yes(given: Mapping[str, str], name: str) -> bool:
    if given.get(name, "false") not in ("true", "false"):
        raise Malformed(f"{name} is true or false.")
    return given.get(name) == "true"


def uuid_of(text: str, what: str) -> uuid.UUID:
    """Of a parameter. Raises Malformed."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Malformed(f"{what} is a UUID.") from None


def moment_of(given: Mapping[str, str], name: str) -> datetime.datetime:
    """Of this parameter. Raises Malformed."""
    try:
        return moment(given[name].replace(" ", "+"), name)
    except ValueError as error:
        raise Malformed(f"{error}.") from None


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Malformed("limit is a number; 0 stands for the most there can be.")
    return min(int(text) or MOST, MOST)


def _cursor_of(row: Statement) -> str:
    return base64.urlsafe_b64encode(f"{row.batch_id}.{row.position}".encode()).decode()


def _cursor(text: str) -> tuple[int, int]:
    try:
        batch, _, position = base64.urlsafe_b64decode(text.encode()).decode().partition(".")
        return int(batch), int(position)
    except (binascii.Error, ValueError):
        raise Malformed("This is no link to a next page.") from None


def consistent_through() -> datetime.datetime:
    """Until when every statement stored can be found: what is being stored began after it."""
    with connection.cursor() as cursor:
        cursor.execute(
            # The moment before it was looked who writes: whoever begins after it is no earlier.
            "SELECT least(min(xact_start), statement_timestamp()) FROM pg_stat_activity"
            " WHERE datname = current_database() AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
        )
        found: datetime.datetime = cursor.fetchone()[0]
    return found


_lately: tuple[float, datetime.datetime] | None = None


def lately_consistent_through() -> datetime.datetime:
    """As it was not long ago, which is true for good: for answers that are about something else."""
    global _lately
    now = time.monotonic()
    if _lately is None or now - _lately[0] > CONSISTENCY_SECONDS:
        _lately = now, consistent_through()
    return _lately[1]


# --- As they are given ----------------------------------------------------------------------------------
@dataclass(frozen=True)
class _Told:
    """`statement` is None if it is not kept any more. `source` and `version`: of its request."""

    row: Statement
    statement: dict[str, Any] | None = None
    source: str = ""
    version: str = ""


def _told(rows: Iterable[Statement]) -> Iterator[_Told]:
    """What each one says. Those of a request stand together; one request is open at a time.

    Ends early rather than opening another when MOST_OPENED was reached.
    """
    opened = 0
    sources = dict(EventSource.objects.values_list("pk", "key"))
    for (batch, stored), together in itertools.groupby(rows, key=lambda row: (row.batch_id, row.stored)):
        kept = StatementBatch.objects.filter(id=batch, stored=stored).first()
        if kept is None:
            # Its month was dropped.
            yield from (_Told(row) for row in together)
            continue
        if opened > MOST_OPENED:
            return
        raw = kept.opened()
        opened += sum(len(memoryview(one)) for one in raw)
        for row in together:
            statement = msgspec.json.decode(raw[row.position])
            yield _Told(row, statement, sources.get(kept.source_id, "unknown"), kept.version)


def _complete(told: _Told, statement: dict[str, Any], shape: Shape) -> dict[str, Any]:
    """With what the server says of it."""
    stored = told.row.stored.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    added = {
        "timestamp": statement.get("timestamp", stored),
        "stored": stored,
        "authority": {"objectType": "Agent", "account": {"homePage": settings.SITE_URL, "name": told.source}},
        "version": statement.get("version", "2.0.0" if told.version.startswith("2") else "1.0.0"),
    }
    return _shaped(statement | added, shape)


def _shaped(statement: dict[str, Any], shape: Shape) -> dict[str, Any]:
    statement = _with_lists(statement)
    if statement["object"].get("objectType") == "SubStatement":
        statement = statement | {"object": _with_lists(statement["object"])}
    if shape.format == "exact":
        return statement
    shaped = _bare(statement) if shape.format == "ids" else _in_one_language(statement, shape.languages)
    kept: dict[str, Any] = shaped
    return kept


def _with_lists(statement: dict[str, Any]) -> dict[str, Any]:
    """Of activities in the context, also where there is only one (part 2 §2.4.6.2)."""
    context = statement.get("context")
    if not context or "contextActivities" not in context:
        return statement
    lists = {
        name: some if isinstance(some, list) else [some] for name, some in context["contextActivities"].items()
    }
    return statement | {"context": context | {"contextActivities": lists}}


_NAMES = ("mbox", "mbox_sha1sum", "openid", "account")
_OPAQUE = ("extensions", "result", "attachments")


def _bare(value: Any) -> Any:
    """Only what says which verb, activity and person is meant."""
    if isinstance(value, list):
        return [_bare(one) for one in value]
    if not isinstance(value, dict):
        return value
    kept = {name: one if name in _OPAQUE else _bare(one) for name, one in value.items()}
    for name in ("display", "definition"):
        kept.pop(name, None)
    if kept.get("objectType") == "Activity":
        del kept["objectType"]  # as it is what an object is unless it says otherwise
    if any(name in kept for name in _NAMES):
        kept = {name: one for name, one in kept.items() if name in (*_NAMES, "objectType")}
    elif "member" in kept:
        kept.pop("name", None)
    return kept


def _in_one_language(value: Any, languages: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_in_one_language(one, languages) for one in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _best(one, languages)
        if name in ("display", "description", "name") and isinstance(one, dict)
        else (one if name in _OPAQUE else _in_one_language(one, languages))
        for name, one in value.items()
    }


def _best(words: Mapping[str, str], languages: Sequence[str]) -> dict[str, str]:
    for language in languages:
        for tag, text in words.items():
            if tag.lower() == language.lower() or tag.lower().startswith(f"{language.lower()}-"):
                return {tag: text}
    return dict([next(iter(words.items()))]) if words else {}
