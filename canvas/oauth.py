"""OAuth2 with Canvas (docs/canvas.md §1). oauthlib builds what is sent, our transport sends it, and the answers
are judged here, because they differ between versions of Canvas.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeGuard
from urllib.parse import parse_qsl, urlsplit

from oauthlib.oauth2 import WebApplicationClient

from . import errors
from .destinations import Origin
from .scopes import REQUIRED_SCOPES
from .shapes import optional_identifier
from .transport import Answer, Transport

AUTHORIZE_PATH = "/login/oauth2/auth"
TOKEN_PATH = "/login/oauth2/token"  # noqa: S105 - a path
PURPOSE = "echo_lms"
LONGEST_LIFE = 10 * 365 * 24 * 3600
_ERROR_CODE = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True)
class Key:
    """A developer key, as far as we know it."""

    origin: Origin
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True)
class Grant:
    access_token: str = field(repr=False)
    # None: keep the one you have. Canvas sends it with a code only, and it can be used many times.
    refresh_token: str | None = field(repr=False)
    # None: the token does not expire.
    expires_in: int | None
    user_id: str | None
    user_name: str | None
    # Set if the Canvas user was acting as somebody else.
    real_user_name: str | None


def authorize_url(key: Key, *, state: str) -> str:
    """Where to send the browser. The scopes are always named, in their order (docs/canvas.md §1.9)."""
    client = WebApplicationClient(key.client_id)
    # oauthlib insists on https; whether http may be used is decided by `destinations`, for a few hosts.
    address: str = client.prepare_request_uri(
        f"https://{key.origin.netloc}{AUTHORIZE_PATH}",
        redirect_uri=key.redirect_uri,
        scope=[scope.name for scope in REQUIRED_SCOPES],
        state=state,
        purpose=PURPOSE,
    )
    return address.replace("https", key.origin.scheme, 1)


def exchange_code(transport: Transport, key: Key, code: str, *, replace_tokens: bool = True) -> Grant:
    """The tokens for a code. `replace_tokens` makes Canvas delete the user's older tokens of this key."""
    body = WebApplicationClient(key.client_id).prepare_request_body(
        code=code,
        redirect_uri=key.redirect_uri,
        client_secret=key.client_secret,
        **({"replace_tokens": "1"} if replace_tokens else {}),
    )
    return _grant(_token_request(transport, key, body))


def refresh(transport: Transport, key: Key, refresh_token: str) -> Grant:
    """A new access token. The one before dies at once, so this must not be called in parallel (§1.6)."""
    body = WebApplicationClient(key.client_id).prepare_refresh_body(
        refresh_token=refresh_token, client_id=key.client_id, client_secret=key.client_secret
    )
    try:
        return _grant(_token_request(transport, key, body))
    except errors.CodeExpired as error:
        raise errors.RefreshTokenGone(error.detail) from None  # the same words for both


def revoke(transport: Transport, access_token: str) -> None:
    """Deletes the authorization at Canvas. An unknown or expired token counts as gone already (§1.7)."""
    answer = transport.send("DELETE", TOKEN_PATH, headers={"Authorization": f"Bearer {access_token}"})
    if answer.status not in (200, 401) or not answer.is_json:
        raise _token_error(answer)


def _token_request(transport: Transport, key: Key, body: str) -> dict[str, Any]:
    try:
        answer = transport.send("POST", TOKEN_PATH, form=body, headers={"Accept": "application/json"})
    except errors.UnexpectedRedirect as error:
        if not error.location.startswith(key.redirect_uri):
            raise
        # An older Canvas tells its error to the redirect URI, that is to us; it is read and never followed (§1.6).
        said = dict(parse_qsl(urlsplit(error.location).query))
        raise _meaning(said.get("error", ""), said.get("error_description", ""), 302) from None
    if answer.status != 200:
        raise _token_error(answer)
    if not answer.is_json:
        raise errors.NotJson("at the token endpoint")
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise errors.AnswerTruncated("at the token endpoint") from None
    if not isinstance(found, dict):
        raise errors.UnexpectedAnswer("at the token endpoint")
    return found


def _grant(answer: dict[str, Any]) -> Grant:
    token = answer.get("access_token")
    if not isinstance(token, str) or not token:
        raise errors.TokenMissing()
    refresh_token, expires_in = answer.get("refresh_token"), answer.get("expires_in")
    user, real_user = _person(answer.get("user")), answer.get("real_user")
    return Grant(
        access_token=token,
        refresh_token=refresh_token if isinstance(refresh_token, str) and refresh_token else None,
        expires_in=expires_in if _is_duration(expires_in) else None,
        user_id=user[0],
        user_name=user[1],
        real_user_name=(_person(real_user)[1] or "somebody") if isinstance(real_user, dict) else None,
    )


def _is_duration(value: object) -> TypeGuard[int]:
    """A number of seconds that a clock can be set by."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= LONGEST_LIFE


def _person(row: object) -> tuple[str | None, str | None]:
    """Id and name. The global id is preferred: it means the same on every shard (docs/canvas.md §8)."""
    if not isinstance(row, dict):
        return None, None
    identity = optional_identifier(row, "global_id") or optional_identifier(row, "id")
    name = row.get("name")
    return identity, errors.plain(name) if isinstance(name, str) else None


def _token_error(answer: Answer) -> errors.CanvasError:
    """The error of a token request (docs/canvas.md §1.6). Only its two known fields are looked at."""
    if answer.status == 429 or "Rate Limit Exceeded" in answer.text[:200]:
        return errors.Throttled(f"HTTP {answer.status} at the token endpoint")
    if not answer.is_json:
        html = errors.Unavailable if answer.status in (502, 503, 504) else errors.NotJson
        return html(f"HTTP {answer.status} at the token endpoint")
    error, description = _error_fields(answer)
    return _meaning(error, description, answer.status)


def _meaning(error: str, description: str, status: int) -> errors.CanvasError:
    said = f"HTTP {status}: {error if _ERROR_CODE.fullmatch(error) else ''}".rstrip(": ")
    if status >= 500:
        return errors.ServerFault(said)
    if error == "invalid_client":
        return errors.UnknownClient(said) if "unknown" in description else errors.WrongSecret(said)
    if "refresh_token not found" in description:
        return errors.RefreshTokenGone(said)
    if "authorization_code not found" in description:
        return errors.CodeExpired(said)
    if "incorrect client" in description:
        return errors.WrongClient(said)
    if error == "invalid_grant":
        return errors.CodeExpired(said)
    if error == "invalid_scope":
        return errors.InvalidScope(said)
    return errors.OAuthRefused(said)


def _error_fields(answer: Answer) -> tuple[str, str]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return "", ""
    if not isinstance(found, dict):
        return "", ""
    return str(found.get("error", "")), str(found.get("error_description", ""))
