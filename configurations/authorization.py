"""Authorize, renew, lose, disconnect. Nothing else writes an `Authorization` (docs/canvas.md §1)."""

from __future__ import annotations

import datetime
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models, transaction
from django.urls import reverse
from django.utils import timezone

import canvas
from canvas import errors, oauth
from canvas.errors import CanvasError

from .encryption import Unreadable
from .models import ApiConfiguration, Authorization, AuthorizationAttempt, ConnectionEvent, digest
from .situations import (
    AuthorizationLost,
    ConfigurationChanged,
    ConfigurationDisabled,
    NotAuthorized,
    RenewalJustFailed,
    SecretUnreadable,
)
from .transports import key_of, transport_for

if TYPE_CHECKING:
    from accounts.models import User

Kind = ConnectionEvent.Kind
Outcome = ConnectionEvent.Outcome

# After these answers the stored refresh token is of no use, or only a person can make it useful again.
FATAL_TO_AUTHORIZATION = (
    errors.RefreshTokenGone,
    errors.WrongClient,
    errors.UnknownClient,
    errors.WrongSecret,
)
# After these the very tokens are dead; after the others a corrected secret brings them back to life.
FATAL_TO_TOKENS = (errors.RefreshTokenGone, errors.WrongClient)
RENEWAL_PAUSE = datetime.timedelta(seconds=5)
HELD_SECONDS = 5.0


def redirect_uri() -> str:
    """The address to register with the developer key, character by character (docs/canvas.md §1.3)."""
    return settings.SITE_URL + reverse("oauth2_complete")


def start_authorization(configuration: ApiConfiguration, *, user: User, session_key: str) -> str:
    """Notes an attempt and returns the address of Canvas's consent page. Raises ConfigurationDisabled, and
    DestinationRefused if the settings no longer allow the domain.
    """
    if not configuration.enabled:
        raise ConfigurationDisabled()
    state = secrets.token_urlsafe(32)
    attempt = AuthorizationAttempt.objects.create(
        configuration=configuration,
        user=user,
        state_digest=digest(state),
        session_digest=digest(session_key),
        redirect_uri=redirect_uri(),
    )
    return oauth.authorize_url(key_of(configuration, attempt.redirect_uri), state=state)


@dataclass(frozen=True)
class Completion:
    """How a popup ended. `configuration` is None when it cannot be known which one it was for."""

    configuration: ApiConfiguration | None
    authorization: Authorization | None = None
    headline: str = ""
    advice: str = ""
    code: str = ""

    @property
    def ok(self) -> bool:
        return self.authorization is not None


def complete_authorization(parameters: Mapping[str, str], *, user: User, session_key: str) -> Completion:
    """Judges what Canvas sent to the callback, exchanges the code, stores the tokens.

    An error is looked at before the state, because `invalid_scope` comes without one (docs/canvas.md §1.4); such
    an answer uses nothing up and is believed in nothing but its wording.
    """
    attempt = _attempt_of(parameters.get("state", ""), user=user, session_key=session_key)
    if parameters.get("error"):
        return _refused_by_canvas(attempt, parameters, user=user, session_key=session_key)
    if attempt is None or attempt.used_at is not None or attempt.too_old or not attempt.claim():
        return _unknown_state(attempt)
    if not attempt.configuration.enabled:
        return _failed(attempt.configuration, ConfigurationDisabled(), user)
    if not parameters.get("code"):
        return _failed(attempt.configuration, errors.UnexpectedAnswer("callback without a code"), user)
    return _exchange(attempt, parameters["code"], user=user)


def _attempt_of(state: str, *, user: User, session_key: str) -> AuthorizationAttempt | None:
    """The attempt that this state was made for, if it was made by this person in this very session."""
    attempt = (
        AuthorizationAttempt.objects.select_related("configuration")
        .filter(state_digest=digest(state), user=user)
        .first()
    )
    if attempt and hmac.compare_digest(attempt.session_digest, digest(session_key)):
        return attempt
    return None


def _refused_by_canvas(
    attempt: AuthorizationAttempt | None, parameters: Mapping[str, str], *, user: User, session_key: str
) -> Completion:
    error = errors.class_of_authorize_error(parameters["error"], parameters.get("error_description", ""))
    if attempt is not None:
        return _failed(attempt.configuration, error, user) if attempt.claim() else _unknown_state(attempt)
    # Only these come without a state (docs/canvas.md §1.4); anything else may be somebody's invention, as may be
    # the description, so neither enters the history.
    if not isinstance(error, errors.InvalidScope | errors.AccessDenied):
        return Completion(None, headline=error.headline, advice=error.advice, code=error.code)
    error.detail = ""
    newest = (
        AuthorizationAttempt.objects.select_related("configuration")
        .filter(user=user, session_digest=digest(session_key), used_at=None)
        .order_by("-created_at")
        .first()
    )
    if newest is None or newest.too_old:
        return Completion(None, headline=error.headline, advice=error.advice, code=error.code)
    return _failed(newest.configuration, error, user)


def _unknown_state(attempt: AuthorizationAttempt | None) -> Completion:
    if attempt is None:
        headline = "This answer from Canvas does not belong to your session."
        advice = (
            "You may have signed in again meanwhile, or opened Authorize in another browser. "
            "Go back to the configurations and choose Authorize once more."
        )
        return Completion(None, headline=headline, advice=advice, code="state_unknown")
    if attempt.used_at is not None:
        headline = "This authorization page was already used."
        advice = "Look at the configuration's status; if it is not authorized, choose Authorize once more."
        return Completion(attempt.configuration, headline=headline, advice=advice, code="state_used")
    headline = "This authorization took too long and has expired."
    advice = "Choose Authorize once more and finish within half an hour."
    return Completion(attempt.configuration, headline=headline, advice=advice, code="state_expired")


def _failed(configuration: ApiConfiguration, error: CanvasError, user: User) -> Completion:
    said = f"Canvas said: {error.detail}" if error.detail else ""
    detail = "\n".join(filter(None, [f"{error.headline} {error.advice}", said]))
    ConnectionEvent.record(configuration, Kind.REFUSED, actor=user, outcome=Outcome.FAILED, detail=detail)
    return Completion(configuration, headline=error.headline, advice=error.advice, code=error.code)


def _exchange(attempt: AuthorizationAttempt, code: str, *, user: User) -> Completion:
    configuration = attempt.configuration
    try:
        key = key_of(configuration, attempt.redirect_uri)
        grant = oauth.exchange_code(transport_for(configuration), key, code, replace_tokens=True)
    except CanvasError as error:
        return _failed(configuration, error, user)
    if grant.real_user_name is not None:
        _revoke(configuration, grant.access_token, "")
        refused = errors.ActingAsUser(grant.real_user_name, grant.user_name)
        _lose_replaced(configuration, grant, refused)
        return _failed(configuration, refused, user)
    try:
        return Completion(configuration, authorization=_store(configuration, grant, user=user))
    except ConfigurationChanged as error:
        _revoke(configuration, grant.access_token, "")
        return _failed(configuration, error, user)


def _lose_replaced(configuration: ApiConfiguration, grant: oauth.Grant, error: CanvasError) -> None:
    """Canvas has deleted the older tokens of that user with this exchange; it is better to say so at once."""
    replaced = Authorization.objects.filter(configuration=configuration, lms_user_id=grant.user_id or "").first()
    if replaced is not None:
        mark_lost(replaced, error)


@transaction.atomic
def _store(configuration: ApiConfiguration, grant: oauth.Grant, *, user: User) -> Authorization:
    """Raises ConfigurationChanged if the tokens are of another Canvas or key than the configuration has by now."""
    now = timezone.now()
    present = ApiConfiguration.objects.select_for_update().filter(pk=configuration.pk).first()
    if present is None or not _same_key(present, configuration):
        raise ConfigurationChanged()
    previous = Authorization.objects.select_for_update().filter(configuration=configuration).first()
    if previous is not None and previous.lms_user_id != grant.user_id:
        _revoke_after_commit(configuration, previous)  # Canvas replaces the tokens of the same user only
    authorization, _ = Authorization.objects.update_or_create(
        configuration=configuration,
        defaults={
            "access_token": grant.access_token,
            "refresh_token": grant.refresh_token or "",
            "expires_at": _expiry(grant, now),
            "scopes": [scope.name for scope in canvas.REQUIRED_SCOPES],
            "lms_user_id": grant.user_id or "",
            "lms_user_name": grant.user_name or "",
            "authorized_by": user,
            "authorized_at": now,
            "generation": previous.generation + 1 if previous else 1,
            "status": Authorization.Status.ACTIVE,
            "lost_code": "",
            "lost_reason": "",
            "lost_at": None,
            "limitation": "",
            "renewal_failed_at": None,
        },
    )
    detail = f"Canvas user {grant.user_name} ({grant.user_id})."
    ConnectionEvent.record(configuration, Kind.AUTHORIZED, actor=user, detail=detail)
    return authorization


def _expiry(grant: oauth.Grant, now: datetime.datetime) -> datetime.datetime | None:
    return None if grant.expires_in is None else now + datetime.timedelta(seconds=grant.expires_in)


def note_limitation(authorization: Authorization, text: str) -> None:
    """What the authorizing Canvas user turned out not to be allowed; empty text: nothing."""
    if text:
        ConnectionEvent.record(authorization.configuration, Kind.AUTHORIZED, outcome=Outcome.WARNING, detail=text)
    Authorization.objects.filter(pk=authorization.pk, generation=authorization.generation).update(limitation=text)


def _same_key(one: ApiConfiguration, other: ApiConfiguration) -> bool:
    return (one.base_url, one.client_id) == (other.base_url, other.client_id)


class StoredTokens:
    """The tokens of a configuration for the Canvas client (its `TokenSource`): of that very Canvas and key, even
    if somebody gives the configuration another domain while the client is in use.
    """

    def __init__(self, configuration: ApiConfiguration) -> None:
        self.configuration = configuration
        self._used: tuple[int, int] | None = None

    def current(self) -> str:
        """A usable access token, renewed first if it has expired.

        Raises ConfigurationDisabled, ConfigurationChanged, NotAuthorized, AuthorizationLost, SecretUnreadable, or
        the CanvasError of a failed renewal.
        """
        authorization = self._usable(
            Authorization.objects.select_related("configuration").filter(configuration=self.configuration)
        )
        if authorization.expired:
            return self.renew(authorization.access_token)
        return authorization.access_token

    def renew(self, rejected: str) -> str:
        """Another token than the rejected one. Any number of processes may ask at once: one of them asks
        Canvas, because every renewal kills the token made by the one before (docs/canvas.md §1.6).
        """
        with transaction.atomic(durable=True):
            authorization = self._usable(
                Authorization.objects.select_for_update(of=["self"])
                .select_related("configuration")
                .filter(configuration=self.configuration)
            )
            if authorization.access_token != rejected and not authorization.expired:
                return authorization.access_token
            if _failed_just_now(authorization):
                raise RenewalJustFailed()
            outcome = _renew_locked(authorization)
        if isinstance(outcome, CanvasError):
            raise outcome
        return outcome

    def lose(self, error: CanvasError) -> None:
        """Canvas refuses even a fresh token, or its scopes: only a new authorization can help."""
        if self._used is not None:
            pk, generation = self._used
            authorization = Authorization.objects.filter(pk=pk, generation=generation).first()
            if authorization is not None:
                mark_lost(authorization, error)

    def _usable(self, rows: models.QuerySet[Authorization]) -> Authorization:
        authorization = rows.first()
        if authorization is None:
            raise NotAuthorized()
        if not authorization.configuration.enabled:
            raise ConfigurationDisabled()
        if not _same_key(authorization.configuration, self.configuration):
            raise ConfigurationChanged()
        if authorization.status == Authorization.Status.LOST:
            raise AuthorizationLost(authorization.lost_reason)
        if isinstance(authorization.access_token, Unreadable):
            raise SecretUnreadable()
        self._used = (authorization.pk, authorization.generation)
        return authorization


class HeldTokens:
    """For many requests in a row, in several threads: the stored token is read again every few seconds only.
    An authorization that is lost, disabled or replaced meanwhile is noticed then, or with the first refusal.
    """

    def __init__(self, configuration: ApiConfiguration) -> None:
        self._stored = StoredTokens(configuration)
        self._lock = threading.Lock()
        self._held = ""
        self._until = 0.0

    def current(self) -> str:
        with self._lock:
            if time.monotonic() >= self._until:
                self._hold(self._stored.current())
            return self._held

    def renew(self, rejected: str) -> str:
        with self._lock:
            if self._held == rejected:
                self._hold(self._stored.renew(rejected))
            return self._held

    def lose(self, error: CanvasError) -> None:
        self._stored.lose(error)

    def _hold(self, token: str) -> None:
        self._held, self._until = token, time.monotonic() + HELD_SECONDS


def _failed_just_now(authorization: Authorization) -> bool:
    failed_at = authorization.renewal_failed_at
    return failed_at is not None and timezone.now() - failed_at < RENEWAL_PAUSE


def _renew_locked(authorization: Authorization) -> str | CanvasError:
    """The new token, or the error: returned and not raised, so that what it changed is committed."""
    configuration = authorization.configuration
    if not authorization.refresh_token:
        error: CanvasError = errors.RefreshTokenGone("Canvas gave no refresh token")
        mark_lost(authorization, error)
        return error
    try:
        grant = oauth.refresh(
            transport_for(configuration), key_of(configuration, redirect_uri()), authorization.refresh_token
        )
    except CanvasError as error:
        return _renewal_failed(authorization, error)
    authorization.access_token = grant.access_token
    authorization.refresh_token = grant.refresh_token or authorization.refresh_token
    authorization.expires_at = _expiry(grant, timezone.now())
    authorization.renewal_failed_at = None
    authorization.save(update_fields=["access_token", "refresh_token", "expires_at", "renewal_failed_at"])
    ConnectionEvent.record(configuration, Kind.REFRESHED)
    return grant.access_token


def _renewal_failed(authorization: Authorization, error: CanvasError) -> CanvasError:
    if isinstance(error, errors.WrongSecret) and _secret_was_replaced(authorization.configuration):
        return RenewalJustFailed()
    if isinstance(error, FATAL_TO_AUTHORIZATION):
        mark_lost(authorization, error)
        return AuthorizationLost(f"{error.headline} {error.advice}")
    authorization.renewal_failed_at = timezone.now()
    authorization.save(update_fields=["renewal_failed_at"])
    detail = " ".join(filter(None, [error.headline, error.detail]))
    ConnectionEvent.record(
        authorization.configuration, Kind.REFRESH_FAILED, outcome=Outcome.WARNING, detail=detail
    )
    return error


def _secret_was_replaced(used: ApiConfiguration) -> bool:
    """Somebody has saved another secret since this one was read."""
    present = ApiConfiguration.objects.filter(pk=used.pk).first()
    return present is not None and present.client_secret != used.client_secret


def mark_lost(authorization: Authorization, error: CanvasError) -> bool:
    """Once per authorization, whoever is first; False if it was lost already or authorized anew meanwhile."""
    forgotten = {"access_token": "", "refresh_token": ""} if isinstance(error, FATAL_TO_TOKENS) else {}
    lost = Authorization.objects.filter(
        pk=authorization.pk, generation=authorization.generation, status=Authorization.Status.ACTIVE
    ).update(
        status=Authorization.Status.LOST,
        lost_code=error.code,
        lost_reason=f"{error.headline} {error.advice}",
        lost_at=timezone.now(),
        **forgotten,
    )
    if lost:
        ConnectionEvent.record(
            authorization.configuration, Kind.LOST, outcome=Outcome.FAILED, detail=error.headline
        )
    return bool(lost)


def revive(configuration: ApiConfiguration) -> None:
    """After a corrected client secret: tokens that were only out of use are tried again."""
    Authorization.objects.filter(
        configuration=configuration, status=Authorization.Status.LOST, lost_code=errors.WrongSecret.code
    ).update(status=Authorization.Status.ACTIVE, lost_code="", lost_reason="", lost_at=None)


@dataclass
class Revocation:
    """`confirmed` once the transaction has ended: Canvas revoked the tokens, or there was nothing to revoke."""

    confirmed: bool = True


def disconnect(
    configuration: ApiConfiguration,
    *,
    user: User | None,
    reason: str = "",
    unconfirmed: Callable[[], object] = lambda: None,
) -> Revocation:
    """Forgets the tokens here and then revokes them at Canvas: after the transaction, so that a Canvas that is
    away changes nothing about the first, and a transaction that fails revokes nothing. Calls `unconfirmed` if
    Canvas does not confirm.
    """
    revocation = Revocation()
    with transaction.atomic():
        authorization = Authorization.objects.select_for_update().filter(configuration=configuration).first()
        if authorization is None:
            return revocation
        event = ConnectionEvent.record(configuration, Kind.DISCONNECTED, actor=user, detail=reason)

        def tell() -> None:
            revocation.confirmed = False
            detail = f"{reason} Canvas did not confirm; the tokens are forgotten here.".strip()
            ConnectionEvent.objects.filter(pk=event.pk).update(outcome=Outcome.WARNING, detail=detail)
            unconfirmed()

        _revoke_after_commit(configuration, authorization, tell)
        authorization.delete()
    return revocation


def _revoke_after_commit(
    configuration: ApiConfiguration, authorization: Authorization, unconfirmed: Callable[[], object] = lambda: None
) -> None:
    access_token, refresh_token = authorization.access_token, authorization.refresh_token
    needed = refresh_token if authorization.expired else ""

    def revoke() -> None:
        if not _revoke(configuration, access_token, needed):
            unconfirmed()

    transaction.on_commit(revoke)


def _revoke(configuration: ApiConfiguration, access_token: str, refresh_token: str) -> bool:
    """An expired token is renewed first: only a live one may revoke itself (docs/canvas.md §1.7)."""
    try:
        transport = transport_for(configuration)
        if refresh_token:
            key = key_of(configuration, redirect_uri())
            access_token = oauth.refresh(transport, key, refresh_token).access_token
        if access_token:
            oauth.revoke(transport, access_token)
    except errors.RefreshTokenGone:
        return True
    except CanvasError:
        return False
    return True
