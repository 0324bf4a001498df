"""What our own page says was played. It speaks for the person who is signed in, about one media."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from django.conf import settings
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from .answering import ANSWERED, actor_of
from .ingest import store_statements
from .models import EventSource, Media, Poll

if TYPE_CHECKING:
    from accounts.models import User

MAX_BYTES = 256 * 1024
MAX_STATEMENTS = 200
KEPT_BY_BROWSERS = datetime.timedelta(days=7)
PROFILE = "https://w3id.org/xapi/video"
ADL, VIDEO = "http://adlnet.gov/expapi/verbs", f"{PROFILE}/verbs"
VERBS = {
    f"{ADL}/initialized",
    f"{VIDEO}/played",
    f"{VIDEO}/paused",
    f"{VIDEO}/seeked",
    f"{ADL}/interacted",
    f"{ADL}/completed",
    f"{ADL}/terminated",
}


class NotTaken(Exception):
    """Nothing of what was sent is stored; why, and the status to answer with."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Given:
    """An answer of the page to a poll, not looked at yet."""

    poll: Poll
    key: uuid.UUID
    parts: list[str]
    occurred: datetime.datetime | None


def parsed(text: str) -> list[dict[str, Any]]:
    """Raises NotTaken."""
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise NotTaken(f"At most {MAX_BYTES // 1024} KiB at a time.", status=413)
    try:
        found = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        raise NotTaken("This is not JSON.") from None
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise NotTaken("Send a list of statements.")
    if len(found) > MAX_STATEMENTS:
        raise NotTaken(f"At most {MAX_STATEMENTS} statements at a time.", status=413)
    return found


def sorted_out(
    statements: list[dict[str, Any]], media: Media, polls: list[Poll]
) -> tuple[list[dict[str, Any]], list[Given]]:
    """What was played, and answers. Raises NotTaken if anything is about something else."""
    by_activity = {poll.activity.iri: poll for poll in polls}
    played, given = [], []
    for one in statements:
        _key(one)
        verb, target = _id(one, "verb"), _id(one, "object")
        if target == media.activity.iri and verb in VERBS:
            played.append(one)
        elif target in by_activity and verb == ANSWERED:
            given.append(_given(by_activity[target], one))
        else:
            raise NotTaken("This page cannot say that.")
    return played, given


def _id(statement: dict[str, Any], part: str) -> str:
    value = statement.get(part)
    found = value.get("id") if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""


def _key(statement: dict[str, Any]) -> uuid.UUID:
    """Without one, a repeated statement would count twice."""
    try:
        return uuid.UUID(str(statement.get("id")))
    except ValueError:
        raise NotTaken("A statement has an id, a UUID.") from None


def _given(poll: Poll, statement: dict[str, Any]) -> Given:
    result = statement.get("result")
    response = result.get("response") if isinstance(result, dict) else None
    if not isinstance(response, str):
        raise NotTaken("An answer has a response.")
    parts = response.split("[,]") if poll.kind == Poll.Kind.SEVERAL else [response]
    return Given(poll, _key(statement), parts, _occurred(statement))


def _occurred(statement: dict[str, Any]) -> datetime.datetime | None:
    try:
        found = parse_datetime(str(statement.get("timestamp", "")))
    except ValueError:
        return None
    return found if found is not None and found.tzinfo is not None else None


def _is_believed(statement: dict[str, Any]) -> bool:
    """What a browser says about a moment long ago, only its owner's wish can be behind: it was kept for a few days
    at the most, without a connection.
    """
    occurred = _occurred(statement)
    return occurred is not None and occurred >= timezone.now() - KEPT_BY_BROWSERS


def store_played(user: User, media: Media, played: list[dict[str, Any]]) -> None:
    """Raises what `store_statements` raises."""
    if played:
        store_statements(EventSource.of_the_player(), [_ours(one, user, media) for one in played])


def _ours(statement: dict[str, Any], user: User, media: Media) -> dict[str, Any]:
    """Of the page's words stay where, when and how far. Who and what it is about are ours to say: a context may
    name other people and other activities.
    """
    kept: dict[str, Any] = {name: statement[name] for name in ("id", "verb", "result") if name in statement}
    if _is_believed(statement):
        kept["timestamp"] = statement["timestamp"]
    context = statement.get("context")
    extensions = context.get("extensions", {}) if isinstance(context, dict) else {}
    return kept | {
        "verb": {"id": _id(statement, "verb")},
        "actor": actor_of(user),
        "object": {
            "objectType": "Activity",
            "id": media.activity.iri,
            "definition": {"type": f"{PROFILE}/activity-type/video", "name": {"en": media.title}},
        },
        "context": {
            "contextActivities": {
                "category": [{"id": PROFILE}],
                "grouping": [{"id": f"{settings.SITE_URL}{media.section.get_absolute_url()}"}],
            },
            "extensions": extensions,
        },
    }
