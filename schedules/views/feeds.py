"""Calendar feeds: the page on which addresses are made, the addresses themselves, the recorders' reports."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.roles import is_administrator, is_instructor

from .. import feeds
from ..captures import NotPossible
from ..captures import report as report_state
from ..models import Capture, Feed, Room, Section
from ..models.scopes import Scope

if TYPE_CHECKING:
    from accounts.models import User

Audience = Feed.Audience
REPORTED = (Capture.State.RECORDING, Capture.State.RECORDED, Capture.State.FAILED)
PER_PAGE = 50


# --- The page ------------------------------------------------------------------------------------------
@require_http_methods(["GET", "POST"])
def feeds_page(request: HttpRequest) -> HttpResponse:
    user = cast("User", request.user)
    if request.method == "POST":
        return _make(request, user)
    about = _asked_for(request.GET, user)
    shown = [_shown(one) for one in feeds.own(user)]
    others = feeds.live().exclude(pk__in=feeds.own(user).values("pk"))
    context = {
        "about": about,
        "may_schedule": Scope.of(user).schedules,
        "is_room": isinstance(about, Room),
        "offers": _offers(user, about),
        "own": shown,
        "nothing_to_do": not (shown or about or is_instructor(user)),
        "offer_own_calendar": is_instructor(user) and not feeds.existing(user, user, Audience.PEOPLE),
        "others": Paginator(others, PER_PAGE).get_page(request.GET.get("page"))
        if is_administrator(user)
        else None,
    }
    return render(request, "schedules/feeds.html", context)


def _shown(feed: Feed) -> dict[str, object]:
    name = feed.room.place if feed.room else str(feed.section or "My calendar")
    return {
        "feed": feed,
        "id": f"address-{feed.pk}",
        "name": name,
        "label": f"Address of {name}, {feed.get_audience_display().lower()}",
        "address": feeds.address_of(feed),
    }


def _asked_for(query: QueryDict, user: User) -> Room | Section | None:
    """The room or section of the address. What they may have no feed of does not exist for them."""
    if "room" in query:
        rooms = Room.objects.with_place().manageable_by(user)
        return get_object_or_404(rooms, pk=_key(query["room"]))
    if "section" in query:
        sections = Section.objects.with_names().visible_to(user)
        return get_object_or_404(sections, pk=_key(query["section"]))
    return None


def _key(text: object) -> int:
    if not (isinstance(text, str) and text.isascii() and text.isdecimal() and len(text) < 19):
        raise Http404
    return int(text)


def _offers(user: User, about: Room | Section | None) -> list[dict[str, str]]:
    """The addresses that they could have of it and have not yet."""
    if about is None:
        return []
    words = {
        Audience.PEOPLE: "Lectures by the clock of the campus, for a calendar program.",
        Audience.RECORDER: "Recording times, inputs and quality, for the recorder in this room.",
    }
    return [
        {"audience": audience.value, "label": audience.label, "sentence": sentence}
        for audience, sentence in words.items()
        if feeds.may_make(user, about, audience) and not feeds.existing(user, about, audience)
    ]


def _make(request: HttpRequest, user: User) -> HttpResponse:
    about: Room | Section | User = _asked_for(request.POST, user) or user
    audience = request.POST.get("audience", Audience.PEOPLE)
    if audience not in Audience.values or not feeds.may_make(user, about, audience):
        raise PermissionDenied
    feeds.make(about, audience, user=user)
    messages.success(request, "The address is made. Copy it into your calendar or your recorder.")
    return redirect("feeds")


@require_http_methods(["GET", "POST"])
def revoke(request: HttpRequest, key: int) -> HttpResponse:
    user = cast("User", request.user)
    feed = get_object_or_404(feeds.revocable_by(user), pk=key)
    if request.method == "POST":
        feeds.revoke(feed, user=user)
        messages.success(request, "The address is revoked. Whoever has it reads nothing any more.")
        return redirect("feeds")
    return render(request, "schedules/revoke_feed.html", {"feed": feed})


# --- The addresses -------------------------------------------------------------------------------------
@login_not_required
@require_safe
def feed(request: HttpRequest, token: str) -> HttpResponse:
    found = feeds.find(token)
    if found is None:
        raise Http404
    text, changed_at = feeds.text_of(found)
    feeds.mark_read(found)
    etag = f'"{hashlib.sha256(text).hexdigest()[:32]}"'
    answer = HttpResponse(text, content_type="text/calendar; charset=utf-8")
    answer["Content-Disposition"] = 'inline; filename="echo_lms.ics"'
    answer["ETag"] = etag
    answer["Last-Modified"] = http_date(changed_at.timestamp())
    patch_cache_control(answer, private=True, no_cache=True)
    # By the text alone: what falls out of a feed leaves no later date behind.
    return cast("HttpResponse", get_conditional_response(request, etag=etag, response=answer))


# --- What recorders report -----------------------------------------------------------------------------
class BadReport(Exception):
    """What is wrong with what was sent, as a sentence."""


@login_not_required
@csrf_exempt
@require_POST
def report(request: HttpRequest, token: str, key: int) -> JsonResponse:
    found = feeds.find(token)
    if found is None or found.audience != Audience.RECORDER:
        return _error(404, "There is no recorder with this address, or it was revoked.")
    capture = Capture.objects.filter(pk=key, room=found.room).first()
    if capture is None:
        return _error(404, "There is no such capture in this room.")
    feeds.mark_read(found)
    try:
        state, note = _reported(request)
        row = report_state(capture, state, note=note)
    except BadReport as wrong:
        return _error(400, str(wrong))
    except NotPossible as refused:
        return _error(409, str(refused), state=refused.state.value)
    return JsonResponse({"capture": row.pk, "state": row.state})


def _reported(request: HttpRequest) -> tuple[Capture.State, str]:
    """From a form or from JSON. Raises BadReport."""
    fields: object = request.POST
    if request.content_type == "application/json":
        try:
            fields = json.loads(request.body)
        except (ValueError, RecursionError):
            raise BadReport("This is not JSON.") from None
    if not isinstance(fields, dict):
        raise BadReport("Send an object with the field “state”.")
    state, note = fields.get("state"), fields.get("note", "")
    if state not in REPORTED:
        raise BadReport(f"“state” has to be one of: {', '.join(REPORTED)}.")
    limit = Capture._meta.get_field("note").max_length
    if not isinstance(note, str) or "\0" in note or len(note) > (limit or 0):
        raise BadReport(f"“note” has to be text of at most {limit} characters.")
    return Capture.State(state), note


def _error(status: int, message: str, **more: str) -> JsonResponse:
    return JsonResponse({"error": message, **more}, status=status)
