"""The popup: out to Canvas, back from it, and what the page that opened it asks meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required, permission_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.signed_in import signed_in
from canvas.errors import CanvasError

from . import authorization, connection
from .models import ApiConfiguration, AuthorizationAttempt, ConnectionEvent

RESULT = "authorization_result"
Kind = ConnectionEvent.Kind
administrators_only: Callable[..., Any] = permission_required(
    "configurations.change_apiconfiguration", raise_exception=True
)


def list_url() -> str:
    return reverse("admin:configurations_apiconfiguration_changelist")


@login_not_required
@require_safe
@never_cache
def authorize(request: HttpRequest, pk: int) -> HttpResponse:
    """To Canvas's consent page. A plain link, so that it works without script; another site cannot press it.

    Whoever is not signed in comes back to the configuration and not here: a browser does not let the sign-in form
    end at another site (`form-action` in the content security policy).
    """
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("admin:configurations_apiconfiguration_change", args=[pk]))
    if not request.user.has_perm("configurations.change_apiconfiguration"):
        raise PermissionDenied
    return _to_consent(request, pk)


def _to_consent(request: HttpRequest, pk: int) -> HttpResponse:
    configuration = get_object_or_404(ApiConfiguration, pk=pk)
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        return _outcome(request, "Authorize was not chosen here.", "Open the configuration and choose Authorize.")
    if request.get_host() != urlsplit(settings.SITE_URL).netloc:
        return _outcome(
            request,
            f"You are using echo_lms at {request.get_host()}, but its address is {settings.SITE_URL}.",
            "Canvas sends you back to that address, where you would not be signed in. "
            "Open echo_lms there, sign in, and choose Authorize again.",
        )
    if request.session.session_key is None:
        request.session.create()
    try:
        consent = authorization.start_authorization(
            configuration, user=signed_in(request), session_key=str(request.session.session_key)
        )
    except CanvasError as error:
        return _outcome(request, error.headline, error.advice)
    return redirect(consent)


@login_not_required
@require_safe
@never_cache
def complete(request: HttpRequest) -> HttpResponse:
    """Where Canvas sends the browser back. Not behind the sign-in redirect, which would carry the code along."""
    if not request.user.is_authenticated:
        headline = "You are not signed in to echo_lms in this window."
        return _outcome(request, headline, "Sign in, open the configuration and choose Authorize again.")
    if not request.user.has_perm("configurations.change_apiconfiguration"):
        return _outcome(request, "You may not authorize configurations.", "Ask an administrator.", status=403)
    completion = authorization.complete_authorization(
        {
            name: request.GET[name]
            for name in ("code", "state", "error", "error_description")
            if name in request.GET
        },
        user=signed_in(request),
        session_key=request.session.session_key or "",
    )
    limitation = ""
    if completion.ok and completion.configuration and completion.authorization:
        limitation = connection.examine_authorizer(completion.configuration, completion.authorization)
    request.session[RESULT] = _as_session_value(completion, limitation)
    # On to an address without the code in it: nothing to leak by history, bookmark or Referer.
    return _popup(redirect("oauth2_result"))


def _as_session_value(completion: authorization.Completion, limitation: str) -> dict[str, Any]:
    return {
        "ok": completion.ok,
        "configuration": completion.configuration.name if completion.configuration else "",
        "canvas_user": completion.authorization.lms_user_name if completion.authorization else "",
        "headline": completion.headline,
        "advice": completion.advice,
        "code": completion.code,
        "limitation": limitation,
    }


@require_safe
@never_cache
@administrators_only
def result(request: HttpRequest) -> HttpResponse:
    outcome = request.session.get(RESULT)
    if outcome is None:
        return redirect(list_url())
    page = "configurations/authorized.html" if outcome["ok"] else "configurations/not_authorized.html"
    return _popup(render(request, page, {"outcome": outcome, "list_url": list_url()}))


def _outcome(request: HttpRequest, headline: str, advice: str, *, status: int = 400) -> HttpResponse:
    outcome = {"headline": headline, "advice": advice, "configuration": ""}
    context = {"outcome": outcome, "list_url": list_url()}
    return _popup(render(request, "configurations/not_authorized.html", context, status=status))


def _popup(response: HttpResponse) -> HttpResponse:
    """The popup has been on another site; isolation here would keep it from closing itself (docs/canvas.md §8)."""
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_safe
@never_cache
@administrators_only
def progress(request: HttpRequest, pk: int) -> JsonResponse:
    """What became of the popup since event `after`: the opener asks us, because it may not reach its popup.

    `{"state": "waiting"}`, or `authorized` / `refused` with a `text` to show and the `event` to go on from.
    """
    configuration = get_object_or_404(ApiConfiguration, pk=pk)
    after = request.GET.get("after", "0")
    user = signed_in(request)
    attempt = AuthorizationAttempt.objects.filter(configuration=configuration, user=user).order_by("-pk").first()
    events = configuration.events.filter(kind__in=[Kind.AUTHORIZED, Kind.REFUSED], actor=user)
    if attempt is not None:
        events = events.filter(at__gte=attempt.created_at)
    event = events.filter(pk__gt=int(after) if after.isdecimal() else 0).order_by("-pk").first()
    if event is None:
        return JsonResponse({"state": "waiting"})
    said, _, _ = event.detail.partition("\n")
    return JsonResponse({"state": event.kind, "text": said, "event": event.pk})
