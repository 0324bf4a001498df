"""Statements given back: one by its id, or those that meet some conditions (docs/analytics.md, "Statements")."""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime
import itertools
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, Q, QuerySet

from . import identities
from .models import Activity, EventSource, Identity, Poll, Statement, StatementBatch, StatementVoid, Verb
from .statements import VOIDED, Malformed, Person, moment, person_of

# In a page, unless less is asked for.
MOST = 500
# A page ends early rather than opening more of what requests brought (bytes), one request at a time.
MOST_OPENED = 32 * 1024 * 1024
# A page ends early rather than looking at more statements that turn out to be about somebody else.
MOST_LOOKED_AT = 2_000
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
    more: str


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


def one(given: Mapping[str, str], shape: Shape) -> tuple[dict[str, Any], datetime.datetime]:
    """The statement, and when it was stored. Raises Malformed and NotThere."""
    voided = "voidedStatementId" in given
    key = _uuid(given["voidedStatementId" if voided else "statementId"], "The id of a statement")
    for told in _told(_kept(voided=voided).filter(pk=key)):
        if told.statement is not None:
            return _complete(told, told.statement, shape), told.row.stored
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
    about = ""
    if "agent" in given and not _yes(given, "related_agents"):
        about = identities.key_of(_agent(given["agent"]))
    most = MOST_LOOKED_AT if about else limit
    candidates = list(rows.order_by(*order)[: most + 1])
    found, looked_at = _chosen(candidates[:most], limit, about, shape)
    if looked_at == len(candidates):
        return Page(found, "")
    return Page(found, urlencode({**given, "cursor": _cursor_of(candidates[looked_at - 1])}))


def _chosen(
    candidates: Sequence[Statement], limit: int, about: str, shape: Shape
) -> tuple[list[dict[str, Any]], int]:
    """The first of these, only those `about` a person if one is given; and at how many it looked for them."""
    found: list[dict[str, Any]] = []
    looked_at = 0
    for told in _told(candidates):
        looked_at += 1
        if told.statement is not None and (not about or _is_about(told.statement, about)):
            found.append(_complete(told, told.statement, shape))
        if len(found) == limit:
            break
    return found, looked_at


def _kept(*, voided: bool) -> QuerySet[Statement]:
    """A voiding statement cannot be voided (part 2 §2.3.2). Of an erased one nothing is left but its id."""
    voiding = Verb.objects.filter(iri=VOIDED).values_list("pk", flat=True).first() or 0
    is_voided = Q(Exists(StatementVoid.objects.filter(target=OuterRef("pk")))) & ~Q(verb_id=voiding)
    # Beside the moments of other statements these would say whose they are (docs/watching.md, "Questions").
    anonymous = Exists(Poll.objects.filter(anonymous=True, activity_id=OuterRef("object_id")))
    kept = Statement.objects.filter(erased=False).exclude(anonymous)
    return kept.filter(is_voided if voided else ~is_voided)


def _filtered(rows: QuerySet[Statement], given: Mapping[str, str]) -> QuerySet[Statement]:
    """What is named and was never heard of is in no statement: nothing is searched for it. Raises Malformed."""
    named = []
    if "verb" in given:
        verb = _key(Verb.objects.filter(iri=given["verb"]))
        named.append(verb)
        rows = rows.filter(verb_id=verb)
    if "activity" in given:
        activity = _key(Activity.objects.filter(iri=given["activity"]))
        named.append(activity)
        related = _yes(given, "related_activities")
        rows = rows.filter(activities__contains=[activity]) if related else rows.filter(object_id=activity)
    if "agent" in given:
        agent = _key(Identity.objects.filter(key=identities.key_of(_agent(given["agent"]))))
        named.append(agent)
        rows = rows.filter(agents__contains=[agent])
        if not _yes(given, "related_agents"):
            rows = rows.filter(_can_be_about(agent))
    if "registration" in given:
        rows = rows.filter(registration=_uuid(given["registration"], "A registration"))
    if "since" in given:
        rows = rows.filter(stored__gt=_moment(given, "since"))
    if "until" in given:
        rows = rows.filter(stored__lte=_moment(given, "until"))
    return rows if all(named) else rows.none()


def _key(rows: QuerySet[Any]) -> int:
    """0 is nobody's and nothing's."""
    found: int | None = rows.values_list("pk", flat=True).first()
    return found or 0


def _agent(text: str) -> Person:
    try:
        return person_of(msgspec.json.decode(text))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Malformed(f"agent: {error}.") from None


def _can_be_about(agent: int) -> Q:
    """As far as the rows tell: as actor, or as a member of a group that is the actor, or where the object is no
    activity. What the statements say decides (`_is_about`).
    """
    is_group = Q(Exists(Identity.objects.filter(pk=OuterRef("actor_id"), key__startswith="group:")))
    return Q(actor_id=agent) | Q(actor_id=None) | is_group | Q(object_id=None)


def _is_about(statement: Mapping[str, Any], key: str) -> bool:
    """Whether this person, or a group of which they are a member, is the actor or the object."""
    actor, target = statement["actor"], statement["object"]
    # Neither needs to say what it is: then the actor is an agent, and the object is an activity.
    return key in _keys(actor) or (target.get("objectType") in ("Agent", "Group") and key in _keys(target))


def _keys(told: Mapping[str, Any]) -> set[str]:
    """Of an agent; of a group, if it has a name, and its members."""
    found = set()
    for one in (told, *told.get("member", ())):
        # A group without a name is nobody in particular.
        with contextlib.suppress(ValueError):
            found.add(identities.key_of(person_of(one)))
    return found


def _yes(given: Mapping[str, str], name: str) -> bool:
    if given.get(name, "false") not in ("true", "false"):
        raise Malformed(f"{name} is true or false.")
    return given.get(name) == "true"


def _uuid(text: str, what: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Malformed(f"{what} is a UUID.") from None


def _moment(given: Mapping[str, str], name: str) -> datetime.datetime:
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
            "SELECT coalesce(min(xact_start), clock_timestamp()) FROM pg_stat_activity"
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
    context = statement.get("context")
    if context and "contextActivities" in context:
        lists = {
            name: some if isinstance(some, list) else [some] for name, some in context["contextActivities"].items()
        }
        statement = statement | {"context": context | {"contextActivities": lists}}
    if shape.format == "exact":
        return statement
    shaped = _bare(statement) if shape.format == "ids" else _in_one_language(statement, shape.languages)
    kept: dict[str, Any] = shaped
    return kept


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
