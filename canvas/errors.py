"""One class for each kind of thing that can go wrong with Canvas. Each says whether trying again may help, who has
to act, what happened, and what to do next. None ever carries a token, a secret or a code.
"""

from __future__ import annotations

import math
import re
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from .scopes import REQUIRED_SCOPES

Actor = Literal["echo_lms admin", "Canvas admin", "nobody"]

LONGEST_DETAIL = 300
_SCOPE = re.compile(r"url:[A-Z]+\|/[A-Za-z0-9_/:.*-]+")


def plain(text: object) -> str:
    """Untrusted text made fit for a page or a log: one line, nothing invisible in it, clipped."""
    visible = "".join(letter if letter.isprintable() else " " for letter in str(text)[: 10 * LONGEST_DETAIL])
    return " ".join(visible.split())[:LONGEST_DETAIL].strip()


def _host_of(location: str) -> str:
    try:
        return urlsplit(location).hostname or ""
    except ValueError:
        return ""


class CanvasError(Exception):
    """`detail` may be shown to administrators and logged; keep secrets out of it."""

    code: ClassVar[str] = "canvas_error"
    transient: ClassVar[bool] = False
    actor: ClassVar[Actor] = "echo_lms admin"
    headline: str = "Canvas gave an answer that echo_lms does not understand."
    advice: str = "Try again; if it happens again, look at the connection's history."
    # True if Canvas itself answered, so that everything up to the answer works.
    from_canvas: ClassVar[bool] = True

    def __init__(self, detail: str = "") -> None:
        self.detail = plain(detail)
        super().__init__(self.detail)

    def __str__(self) -> str:
        return f"{self.code}: {self.headline} {self.detail}".strip()


# --- Before Canvas answers ----------------------------------------------------------------------------
class TransportError(CanvasError):
    from_canvas = False


class DestinationRefused(TransportError):
    code = "destination_refused"
    headline = "This address is not on the public internet, so echo_lms does not connect to it."
    advice = (
        "Check the Canvas Domain. For a Canvas on this machine, name it in the setting LMS_ALLOWED_INSECURE_HOSTS."
    )


class DomainNotFound(TransportError):
    code = "domain_not_found"
    headline = "There is no server with this name."
    advice = "Check the spelling of the Canvas Domain."


class ConnectionFailed(TransportError):
    code = "connection_failed"
    transient = True
    actor = "nobody"
    headline = "Canvas could not be reached."
    advice = "Try again in a few minutes. If it stays so, check the Canvas Domain and this server's network."


class CertificateInvalid(TransportError):
    code = "certificate_invalid"
    actor = "Canvas admin"
    headline = "The server's TLS certificate is not valid for this domain."
    advice = "Check the Canvas Domain. A private authority's certificates are named in the setting LMS_CA_BUNDLE."


class TimedOut(TransportError):
    code = "timed_out"
    transient = True
    actor = "nobody"
    headline = "Canvas took too long to answer."
    advice = "Canvas may be busy. Try again in a few minutes."


# --- Answers that are no proper answers ---------------------------------------------------------------
class AnswerTooLarge(TransportError):
    code = "answer_too_large"
    headline = "The answer was larger than echo_lms accepts."
    advice = "Check that the Canvas Domain leads to Canvas."


class AnswerTruncated(TransportError):
    code = "answer_truncated"
    transient = True
    actor = "nobody"
    headline = "Canvas's answer broke off in the middle."
    advice = "Try again. If it stays so, look at the proxies between this server and Canvas."


class NotJson(TransportError):
    code = "not_json"
    headline = "The server answered with a web page instead of data."
    advice = "Check the Canvas Domain: it may lead to a sign-in page, a proxy or another website."


class UnexpectedRedirect(TransportError):
    code = "unexpected_redirect"
    headline = "The server sent echo_lms on to another address."
    advice = "Enter the address that Canvas has in the browser after you have signed in."

    def __init__(self, location: str = "") -> None:
        """Of the location, only the host is told to anybody; it may hold what nobody should read."""
        super().__init__(_host_of(location))
        self.location = location


class UnexpectedAnswer(CanvasError):
    code = "unexpected_answer"
    headline = "Canvas sent data of an unexpected form."
    advice = "Try again. If it stays so, report it with the connection's history."


class PagingBroken(CanvasError):
    code = "paging_broken"
    headline = "Canvas's list of pages does not make sense, so echo_lms stopped reading."
    advice = "Try again. If it stays so, look at the proxies between this server and Canvas."


# --- API answers (docs/canvas.md §2.1) ------------------------------------------------------------------
class TokenRejected(CanvasError):
    code = "token_rejected"
    headline = "Canvas no longer accepts the authorization."
    advice = (
        "In Canvas, check that the developer key is On and that the user who authorized still exists. "
        "Then choose Re-authorize."
    )


class ScopesInsufficient(CanvasError):
    code = "scopes_insufficient"
    headline = "The authorization lacks a scope that Canvas now enforces."
    advice = "In Canvas, give the developer key all three scopes. Then choose Re-authorize."


class NotPermitted(CanvasError):
    code = "not_permitted"
    actor = "Canvas admin"
    headline = "The Canvas user who authorized is not permitted to do this."
    advice = (
        "Give that user the permissions to view the list of users and e-mail addresses in Canvas's "
        "root account, or choose Re-authorize and sign in as an administrator."
    )


class NotFound(CanvasError):
    code = "not_found"
    headline = "Canvas does not know what was asked for."
    advice = "It may have been deleted in Canvas. Check the Canvas account in the configuration."


class BadRequest(CanvasError):
    code = "bad_request"
    headline = "Canvas refused the request as malformed."
    advice = "Report this with the connection's history."


class Throttled(CanvasError):
    code = "throttled"
    transient = True
    actor = "nobody"
    headline = "Canvas is limiting the number of requests just now."
    advice = "Wait a minute and try again. Nothing is wrong with the configuration."

    def __init__(self, detail: str = "", retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class BackingOff(Throttled):
    """Nothing was sent: Canvas asked to slow down a moment ago."""

    code = "backing_off"
    from_canvas = False
    headline = "Canvas asked echo_lms to slow down, so nothing is sent to it just now."

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(retry_after=seconds)
        self.advice = f"Try again in {math.ceil(seconds)} seconds. Nothing is wrong with the configuration."


class UserAgentRefused(CanvasError):
    code = "user_agent_refused"
    headline = "Canvas refused the request because of its User-Agent."
    advice = "Check that no proxy removes the User-Agent header, and that LMS_CONTACT is set."


class ServerFault(CanvasError):
    code = "server_fault"
    transient = True
    actor = "nobody"
    headline = "Canvas reported an error of its own."
    advice = "Try again in a few minutes."


class Unavailable(CanvasError):
    code = "unavailable"
    transient = True
    actor = "nobody"
    headline = "Canvas is not available just now."
    advice = "It may be under maintenance. Try again in a few minutes."


# --- OAuth2 (docs/canvas.md §1.4, §1.6) -------------------------------------------------------------------
class OAuthError(CanvasError):
    code = "oauth_error"


class UnknownClient(OAuthError):
    code = "unknown_client"
    headline = "Canvas does not know this client ID."
    advice = (
        "Check the LMS API Client ID against the Details column in Canvas, and that the developer key was not "
        "deleted. Then choose Authorize again."
    )


class WrongSecret(OAuthError):
    code = "wrong_secret"
    headline = "Canvas refuses the client secret."
    advice = "Copy the secret again from Show Key in Canvas, save it in this configuration, and try again."


class CodeExpired(OAuthError):
    code = "code_expired"
    headline = "The authorization code had expired or was used already."
    advice = "Choose Authorize again and finish within ten minutes."


class RefreshTokenGone(OAuthError):
    code = "refresh_token_gone"
    headline = "The authorization was removed in Canvas."
    advice = (
        "Somebody removed it from the user's Approved Integrations, or took a scope off the developer key. "
        "Choose Re-authorize."
    )


class WrongClient(OAuthError):
    code = "wrong_client"
    headline = "The authorization belongs to another developer key."
    advice = "Check the LMS API Client ID, then choose Re-authorize."


class InvalidScope(OAuthError):
    code = "invalid_scope"
    advice = (
        "In Canvas, edit the developer key: turn on all three scopes under Enforce Scopes, or turn Enforce "
        "Scopes off. Then choose Authorize again."
    )

    def __init__(self, detail: str = "", missing: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.missing = missing
        named = f": {', '.join(missing)}" if missing else ""
        self.headline = f"The developer key does not allow the scopes that echo_lms needs{named}."


class AccessDenied(OAuthError):
    code = "access_denied"
    headline = "The request was cancelled in Canvas."
    advice = "To connect, choose Authorize again and then Authorize on Canvas's page."


class KeyOff(OAuthError):
    code = "key_off"
    actor = "Canvas admin"
    headline = "The developer key is switched off."
    advice = "In Canvas, under Developer Keys, turn the key's State to On. Then choose Authorize again."


class UnsupportedResponse(OAuthError):
    code = "unsupported_response"
    headline = "Canvas does not support this way of authorizing."
    advice = "Check that the developer key is an API key and not an LTI key."


class OAuthRefused(OAuthError):
    code = "oauth_refused"
    headline = "Canvas refused to authorize."
    advice = (
        "Check the client ID and the client secret, look at the connection's history, and choose Authorize again."
    )


class TokenMissing(OAuthError):
    code = "token_missing"
    transient = True
    headline = "Canvas answered without a token."
    advice = "Try again in a few seconds."


class ActingAsUser(OAuthError):
    code = "acting_as_user"
    advice = "In Canvas, choose Stop acting as user, then choose Authorize again as an application user."

    def __init__(self, real_user: str, acted_as: str | None = None) -> None:
        super().__init__()
        self.headline = (
            f"Canvas was used by {plain(real_user)} acting as {plain(acted_as or 'another user')}; "
            "such an authorization is not accepted."
        )


_AUTHORIZE_ERRORS: dict[str, type[OAuthError]] = {
    "access_denied": AccessDenied,
    "unauthorized_client": KeyOff,
    "unsupported_response_type": UnsupportedResponse,
    "invalid_client": UnknownClient,
}


def class_of_authorize_error(error: str, description: str) -> OAuthError:
    """What `?error=` at the callback means. Both texts come from outside and are cleaned before use."""
    if error == "invalid_scope":
        named = {scope.rstrip(".") for scope in _SCOPE.findall(description)}
        return InvalidScope("invalid_scope", tuple(s.name for s in REQUIRED_SCOPES if s.name in named))
    kind = _AUTHORIZE_ERRORS.get(error, OAuthRefused)
    return kind(f"{plain(error)[:60]}: {plain(description)}".rstrip(": "))
