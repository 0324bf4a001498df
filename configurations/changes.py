"""Adding, changing, enabling and deleting configurations, with what each means for the tokens and the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import authorization
from .models import ApiConfiguration, ConnectionEvent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from accounts.models import User

Kind = ConnectionEvent.Kind
SHOWN = {
    "name": "Name",
    "base_url": "Canvas Domain",
    "client_id": "LMS API Client ID",
    "account_id": "Canvas account",
    "enabled": "Enabled",
}


def save_configuration(configuration: ApiConfiguration, *, user: User | None) -> bool:
    """Saves and records. Tokens belong to one Canvas and one key: with another domain or client ID they are
    revoked and forgotten before anything could send them elsewhere. Returns whether that happened.
    """
    before = ApiConfiguration.objects.filter(pk=configuration.pk).first()
    if before is None:
        configuration.created_by = user
        configuration.save()
        ConnectionEvent.record(configuration, Kind.ADDED, actor=user, detail=configuration.base_url)
        return False
    moved = (before.base_url, before.client_id) != (configuration.base_url, configuration.client_id)
    forgotten = moved and before.authorization_or_none() is not None
    if forgotten:
        authorization.disconnect(before, user=user, reason="The domain or the client ID was changed.")
    configuration.save()
    if before.client_secret != configuration.client_secret:
        authorization.revive(configuration)
    detail = _difference(before, configuration)
    if detail:
        ConnectionEvent.record(configuration, Kind.CHANGED, actor=user, detail=detail)
    return forgotten


def _difference(before: ApiConfiguration, after: ApiConfiguration) -> str:
    lines = [
        f"{label}: {getattr(before, name)} → {getattr(after, name)}"
        for name, label in SHOWN.items()
        if getattr(before, name) != getattr(after, name)
    ]
    if before.client_secret != after.client_secret:
        lines.append("LMS API Client Secret: replaced")
    return "\n".join(lines)


def set_enabled(configurations: Sequence[ApiConfiguration], enabled: bool, *, user: User | None) -> int:
    """Returns how many were changed."""
    count = 0
    for configuration in configurations:
        if configuration.enabled != enabled:
            configuration.enabled = enabled
            save_configuration(configuration, user=user)
            count += 1
    return count


def delete_configuration(configuration: ApiConfiguration, *, user: User | None) -> None:
    """Revokes and forgets the tokens, then deletes; the history stays, under the configuration's name."""
    authorization.disconnect(configuration, user=user, reason="The configuration is deleted.")
    ConnectionEvent.record(configuration, Kind.DELETED, actor=user, detail=configuration.base_url)
    configuration.delete()
