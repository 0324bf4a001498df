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


def of_basic(header: str) -> EventSource:
    """By `Authorization: Basic …`. Raises Unknown."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise Unknown("Send the key and the secret of an event source with Basic authentication.")
    try:
        key, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        raise Unknown("These credentials cannot be read: send base64 of key:secret.") from None
    return _with(key, secret if colon else "")


def of_bearer(header: str) -> EventSource:
    """By `Authorization: Bearer key:secret`, as senders of Caliper have one field for both. Raises Unknown."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unknown("Send key:secret of an event source as a Bearer token.")
    key, _, secret = token.strip().partition(":")
    return _with(key, secret)


def _with(key: str, secret: str) -> EventSource:
    source = None if "\0" in key else _by(key)
    if source is None or not source.is_active or not source.has_secret(secret):
        raise Unknown("There is no event source with this key and secret, or it was revoked.")
    _note_use(source)
    return source


def _by(key: str) -> EventSource | None:
    """As SQL, for every request asks it: writing it anew would take as long as the answer."""
    found = EventSource.objects.raw("SELECT * FROM analytics_eventsource WHERE key = %s", [key])
    return next(iter(found), None)


def _note_use(source: EventSource) -> None:
    """To the minute: a row that every request writes would be a queue."""
    now = timezone.now()
    if source.last_used_at is None or now - source.last_used_at > NOTED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTED_EVERY)
        EventSource.objects.filter(stale, pk=source.pk).update(last_used_at=now)
