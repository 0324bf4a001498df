"""Adding, changing, enabling and deleting configurations, with what each means for the tokens and the history."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from django.db import transaction

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


def add_configuration(configuration: ApiConfiguration, *, user: User | None) -> None:
    configuration.created_by = user
    configuration.save()
    ConnectionEvent.record(configuration, Kind.ADDED, actor=user, detail=configuration.base_url)


@transaction.atomic
def save_configuration(
    configuration: ApiConfiguration,
    *,
    changed: Collection[str],
    user: User | None,
    unconfirmed: Callable[[], object] = lambda: None,
) -> bool:
    """Saves the `changed` fields and no other, so that two people who change different things both succeed.

    Tokens belong to one Canvas and one key: with another domain or client ID they are revoked and forgotten before
    anything could send them elsewhere. Returns whether that happened; `unconfirmed` is called if Canvas does not
    confirm. A client secret that is entered, the same one too, revives what was lost for a wrong one.
    """
    before = ApiConfiguration.objects.select_for_update().get(pk=configuration.pk)
    if not changed:
        return False
    now = ApiConfiguration.objects.get(pk=configuration.pk)
    for name in changed:
        setattr(now, name, getattr(configuration, name))
    moved = (before.base_url, before.client_id) != (now.base_url, now.client_id)
    forgotten = moved and before.authorization_or_none() is not None
    if forgotten:
        reason = "The domain or the client ID was changed."
        authorization.disconnect(before, user=user, reason=reason, unconfirmed=unconfirmed)
    now.save(update_fields=list(changed))
    if "client_secret" in changed:
        authorization.revive(now)
    detail = _difference(before, now)
    if detail:
        ConnectionEvent.record(now, Kind.CHANGED, actor=user, detail=detail)
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
            save_configuration(configuration, changed=["enabled"], user=user)
            count += 1
    return count


@transaction.atomic
def delete_configuration(
    configuration: ApiConfiguration, *, user: User | None, unconfirmed: Callable[[], object] = lambda: None
) -> None:
    """Revokes and forgets the tokens, then deletes; the history stays, under the configuration's name."""
    reason = "The configuration is deleted."
    authorization.disconnect(configuration, user=user, reason=reason, unconfirmed=unconfirmed)
    ConnectionEvent.record(configuration, Kind.DELETED, actor=user, detail=configuration.base_url)
    ApiConfiguration.objects.filter(pk=configuration.pk).delete()
