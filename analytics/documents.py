"""Documents that other systems keep here: states and profiles (xAPI 1.0.3, part 3 §2.2 and §3.1)."""

from __future__ import annotations

import contextlib
import datetime
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from . import identities, ingest
from .attachments import is_content_type
from .models import Document
from .retrieval import NotThere
from .statements import Malformed, Person

JSON = "application/json"
TRIES = 5


class Changed(Exception):
    """The document is another than whoever writes it expects."""


class Unconditional(Exception):
    """A document would be replaced by somebody who may not know that it is there."""


class TooLarge(Exception):
    """What was sent and what is there are together more than a document may be."""


@dataclass(frozen=True)
class Place:
    """What documents are about: an activity and a person have states, each of them alone profiles."""

    activity: str = ""
    agent: Person | None = None
    registration: uuid.UUID | None = None


@dataclass(frozen=True)
class Sent:
    content: bytes
    content_type: str


class Needed(Enum):
    """When whoever writes a document has to say which one they expect to be there."""

    NEVER = "never"
    TO_REPLACE = "to replace"
    ALWAYS = "always"


@dataclass(frozen=True)
class Conditions:
    """Of If-Match and If-None-Match: tags in quotes, or "*" for any document. None: not said."""

    match: Collection[str] | None = None
    none_match: Collection[str] | None = None
    needed: Needed = Needed.NEVER

    def check(self, document: Document | None) -> None:
        """Raises Changed, Unconditional and Malformed."""
        if self.match is not None and not _fits(self.match, document):
            raise Changed("The document is not there as you know it: get it, and send its ETag in If-Match.")
        if self.none_match is not None and _fits(self.none_match, document):
            raise Changed("There is such a document: get it, and send its ETag in If-Match to replace it.")
        if self.needed == Needed.NEVER or self.match is not None or self.none_match is not None:
            return
        if document is not None:
            raise Unconditional("There is such a document: get it, and send its ETag in If-Match to replace it.")
        if self.needed == Needed.ALWAYS:
            raise Malformed("Send If-Match with the ETag that you know, or If-None-Match: * for a new document.")


def _fits(tags: Collection[str], document: Document | None) -> bool:
    # A proxy that compresses makes tags weak; what they stand for is still the same.
    return document is not None and ("*" in tags or document.etag in {tag.removeprefix("W/") for tag in tags})


# --- Out ------------------------------------------------------------------------------------------------
def one(place: Place, key: str) -> Document:
    """Raises NotThere."""
    found = _at(place).filter(key=key).first()
    if found is None:
        raise NotThere("There is no such document.")
    return found


def keys(place: Place, since: datetime.datetime | None = None) -> dict[str, datetime.datetime]:
    """Of all documents, or those that changed after `since`; and when each was last changed."""
    rows = _at(place).filter(updated_at__gt=since) if since else _at(place)
    return dict(rows.order_by("key").values_list("key", "updated_at"))


def _at(place: Place) -> QuerySet[Document]:
    """Without a registration only those without one: they are other documents."""
    rows = Document.objects.filter(registration=place.registration)
    rows = rows.filter(activity__iri=place.activity) if place.activity else rows.filter(activity=None)
    if place.agent is None:
        return rows.filter(identity=None)
    return rows.filter(identity__key=identities.key_of(place.agent))


# --- In -------------------------------------------------------------------------------------------------
def put(place: Place, key: str, sent: Sent, conditions: Conditions) -> None:
    """In place of the one that is there. Raises Malformed, Changed and Unconditional."""
    _write(place, key, sent, conditions, merging=False)


def post(place: Place, key: str, sent: Sent, conditions: Conditions) -> None:
    """Into the one that is there, property by property. Raises Malformed, Changed and TooLarge."""
    _write(place, key, sent, conditions, merging=True)


def delete(place: Place, key: str, conditions: Conditions) -> None:
    """Also if there is none. Raises Changed."""
    with transaction.atomic():
        document = _at(place).select_for_update(of=["self"]).filter(key=key).first()
        conditions.check(document)
        if document:
            document.delete()


def delete_all(place: Place) -> None:
    _at(place).delete()


def _write(place: Place, key: str, sent: Sent, conditions: Conditions, *, merging: bool) -> None:
    """One after another: whoever comes second meets what the first has made of it."""
    _check(sent)
    for _ in range(TRIES):
        belongs_to = _owners(place)
        # Somebody was erased or deleted this in the same moment: once more.
        with contextlib.suppress(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            identities.nobody_is_erased(cursor)
            document, is_new = Document.objects.select_for_update().get_or_create(
                **belongs_to, key=key, defaults=_fields(sent)
            )
            conditions.check(None if is_new else document)
            if not is_new:
                content = _merged(document, sent) if merging else sent
                Document.objects.filter(pk=document.pk).update(**_fields(content))
            return
    raise RuntimeError("This document changed again and again while it was stored.")


def _owners(place: Place) -> dict[str, Any]:
    """Who is new is met, as by a statement."""
    if place.agent and ingest.is_nobody(place.agent):
        raise Malformed("This account is nobody in particular, of whom nothing is kept.")
    return {
        "activity_id": ingest.ACTIVITIES([place.activity])[place.activity] if place.activity else None,
        "identity_id": identities.identity_of(place.agent) if place.agent else None,
        "registration": place.registration,
    }


def _fields(sent: Sent) -> dict[str, Any]:
    return {"content": sent.content, "content_type": sent.content_type, "updated_at": timezone.now()}


def _check(sent: Sent) -> None:
    """What is sent as JSON is JSON; its kind can be given back in a header. Raises Malformed."""
    if not is_content_type(sent.content_type):
        raise Malformed("This is no Content-Type, or a very long one.")
    if is_json(sent.content_type):
        _read(sent.content, msgspec.Raw)


def is_json(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == JSON


def _merged(document: Document, sent: Sent) -> Sent:
    """Top-level properties alone, each as it was written (part 3 §2.2). Raises Malformed and TooLarge."""
    if not (is_json(document.content_type) and is_json(sent.content_type)):
        raise Malformed(f"Only {JSON} can be merged with what is there, and only into {JSON}.")
    properties = dict[str, msgspec.Raw]
    merged = _read(bytes(document.content), properties) | _read(sent.content, properties)
    content = msgspec.json.encode(merged)
    if len(content) > settings.EVENTS_MAX_BYTES:
        raise TooLarge(f"Merged, this document has more than {settings.EVENTS_MAX_BYTES:,} bytes.")
    return Sent(content, JSON)


def _read(content: bytes, kind: Any) -> Any:
    """Raises Malformed."""
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError:
        raise Malformed("Only JSON objects can be merged.") from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise Malformed(f"This is not JSON: {error}.") from None
