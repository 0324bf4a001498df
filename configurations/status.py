"""The state of a connection in words, the same wherever a configuration is shown or used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from canvas.errors import ScopesInsufficient

from .encryption import Unreadable
from .models import ApiConfiguration, Authorization
from .situations import SecretUnreadable

Level = Literal["ok", "warning", "error", "off"]


@dataclass(frozen=True)
class Status:
    level: Level
    label: str
    detail: str = ""


def status_of(configuration: ApiConfiguration) -> Status:
    """Expects `authorization` to be joined (select_related) where many are shown."""
    authorization = configuration.authorization_or_none()
    if not configuration.enabled:
        return Status("off", "Disabled", "Nothing is sent to this Canvas until it is enabled.")
    if isinstance(configuration.client_secret, Unreadable):
        return Status("error", "Secret unreadable", f"{SecretUnreadable.headline} {SecretUnreadable.advice}")
    if authorization is None:
        return Status("warning", "Not authorized", "Choose Authorize and sign in to Canvas as an administrator.")
    if authorization.status == Authorization.Status.LOST:
        return _lost(authorization)
    if authorization.missing_scopes:
        missing = ", ".join(authorization.missing_scopes)
        return Status("warning", "Scopes too narrow", f"Choose Re-authorize to gain: {missing}.")
    who = f"By Canvas user {authorization.lms_user_name or authorization.lms_user_id}"
    if authorization.limitation:
        return Status("warning", "Authorized, not as an administrator", authorization.limitation)
    return Status("ok", "Authorized", who)


def _lost(authorization: Authorization) -> Status:
    if authorization.lost_code == ScopesInsufficient.code:
        return Status("error", "Scopes too narrow", authorization.lost_reason)
    return Status("error", "Authorization lost", authorization.lost_reason)
