"""Who may send statements: credentials of other systems, made and revoked by administrators."""

from __future__ import annotations

import base64
import datetime
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils import timezone

from .models import EventSource

if TYPE_CHECKING:
    from accounts.models import User

NOTED_EVERY = datetime.timedelta(minutes=1)
# By key, as this process saw them last. Whoever stores statements for one of these asks the database once more
# whether it still may (`ingest.store`); whoever reads asks anew.
_SEEN: dict[str, EventSource] = {}


class Unknown(Exception):
    """Why a request is nobody's that may send."""


def add(name: str, *, may_read: bool = False, by: User | None = None) -> tuple[EventSource, str]:
    """A new source with its secret, which is shown once and never stored. The name must be free."""
    source = EventSource(name=name, may_read=may_read, created_by=by)
    secret = source.new_secret()
    source.full_clean()
    source.save()
    return source, secret


def renew(source: EventSource) -> str:
    """Another secret; the one before is nobody's from now on. A revoked source may send again."""
    secret = source.new_secret()
    source.revoked_at = None
    source.save(update_fields=["secret_digest", "revoked_at"])
    return secret


def revoke(source: EventSource) -> None:
    """What it sent stays."""
    source.revoked_at = source.revoked_at or timezone.now()
    source.save(update_fields=["revoked_at"])


def of_basic(header: str, *, may_be_stale: bool = False) -> EventSource:
    """By `Authorization: Basic …`. Raises Unknown."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise Unknown("Send the key and the secret of an event source with Basic authentication.")
    try:
        key, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        raise Unknown("These credentials cannot be read: send base64 of key:secret.") from None
    return _with(key, secret if colon else "", may_be_stale=may_be_stale)


def of_bearer(header: str, *, may_be_stale: bool = False) -> EventSource:
    """By `Authorization: Bearer key:secret`, as senders of Caliper have one field for both. Raises Unknown."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unknown("Send key:secret of an event source as a Bearer token.")
    key, _, secret = token.strip().partition(":")
    return _with(key, secret, may_be_stale=may_be_stale)


def forget_all() -> None:
    _SEEN.clear()


def _with(key: str, secret: str, *, may_be_stale: bool) -> EventSource:
    source = _SEEN.get(key) if may_be_stale else None
    if source is None or not _may(source, secret):
        source = EventSource.objects.filter(key=key).first() if "\0" not in key else None
        if source is None or not _may(source, secret):
            raise Unknown(UNKNOWN)
        _SEEN[key] = source
    _note_use(source)
    return source


UNKNOWN = "There is no event source with this key and secret, or it was revoked."


def _may(source: EventSource, secret: str) -> bool:
    return source.is_active and source.has_secret(secret)


def _note_use(source: EventSource) -> None:
    """To the minute: a row that every request writes would be a queue."""
    now = timezone.now()
    if source.last_used_at is None or now - source.last_used_at > NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTED_EVERY)
        EventSource.objects.filter(stale, pk=source.pk).update(last_used_at=now)
        source.last_used_at = now
