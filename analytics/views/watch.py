"""The watch page, its files, and what it sends: what was played, and answers to polls."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.signed_in import signed_in

from .. import access, answering, player
from ..answering import Refused
from ..files import content_type, served
from ..ingest import Contradiction
from ..models import Media, Poll
from ..player import Given, NotTaken
from ..polls import ShownPoll, shown
from ..statements import Malformed

if TYPE_CHECKING:
    from django.db.models.fields.files import FieldFile

    from accounts.models import User

REMEMBERED_FOR = 366 * 24 * 3600


def _watched(request: HttpRequest, key: uuid.UUID) -> Media:
    """What they may not watch does not exist for them."""
    names = ("activity", "section__course", "section__term")
    media = get_object_or_404(Media.objects.select_related(*names), uuid=key)
    if not access.may_watch(signed_in(request), media):
        raise Http404
    return media


# --- The page -------------------------------------------------------------------------------------------
@never_cache
@require_safe
def watch(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    media = _watched(request, key)
    return _page(request, media, _shown(request, media))


def _page(request: HttpRequest, media: Media, polls: list[ShownPoll], status: int = 200) -> HttpResponse:
    start = request.GET.get("t", "")
    has_video = _exists(media.video)
    context = {
        "media": media,
        "polls": polls,
        "is_published": access.is_published(media),
        "has_video": has_video,
        "video_type": content_type(str(media.video.name)) if has_video else "",
        "has_captions": has_video and _exists(media.captions),
        # A media fragment: the browser begins there, with or without script.
        "start": int(start) if start.isascii() and start.isdecimal() and len(start) < 7 else 0,
    }
    return render(request, "analytics/watch.html", context, status=status)


def _exists(file: FieldFile) -> bool:
    return bool(file) and file.storage.exists(str(file.name))


# --- Its files ------------------------------------------------------------------------------------------
@require_safe
def video(request: HttpRequest, key: uuid.UUID) -> HttpResponseBase:
    return _file(request, _watched(request, key).video)


@require_safe
def captions(request: HttpRequest, key: uuid.UUID) -> HttpResponseBase:
    return _file(request, _watched(request, key).captions)


def _file(request: HttpRequest, file: FieldFile) -> HttpResponseBase:
    if not file:
        raise Http404
    try:
        return served(request, file)
    except FileNotFoundError:
        raise Http404 from None


# --- What was played ------------------------------------------------------------------------------------
@require_POST
def statements(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """All that was played, or nothing of it. Answers that come too late are told by statement and do not keep
    back the rest, or one of them would be sent for ever.
    """
    media, user = _watched(request, key), signed_in(request)
    if request.POST.get("viewer") != str(user.pk):
        return _not_taken("Somebody else is signed in by now.", 403)
    polls = answering.polls_of(media)
    try:
        sent = player.parsed(request.POST.get("statements", ""))
        played, given = player.sorted_out(sent, media, polls)
        player.store_played(user, media, played)
    except NotTaken as error:
        return _not_taken(str(error), error.status)
    except Malformed as error:
        return _not_taken(str(error), 400)
    except Contradiction as error:
        return _not_taken(str(error), 409)
    outcomes: dict[int, _Outcome] = {}
    remembered = _remembered(request, polls)
    for one in given:
        before = outcomes.get(one.poll.pk)
        used = before.used if before else remembered.get(one.poll.pk, 0)
        outcomes[one.poll.pk] = _give(user, one, used)
    return _answered(request, media, outcomes)


def _not_taken(reason: str, status: int) -> JsonResponse:
    return JsonResponse({"error": reason}, status=status)


@dataclass(frozen=True)
class _Outcome:
    """What became of one answer. `used`: how many there are now, as far as the browser remembers."""

    poll: Poll
    error: str
    given: Sequence[str]
    used: int


def _give(user: User, one: Given, used: int) -> _Outcome:
    try:
        is_new = answering.answer(one.poll, user, one.parts, key=one.key, used=used, occurred=one.occurred)
    except (Refused, Malformed, Contradiction) as error:
        return _Outcome(one.poll, str(error), one.parts, used)
    return _Outcome(one.poll, "", (), max(used + is_new, 1))


def _answered(request: HttpRequest, media: Media, outcomes: Mapping[int, _Outcome]) -> HttpResponse:
    """The polls as they are shown from now on."""
    user = signed_in(request)
    html = {}
    polls = [outcome.poll for outcome in outcomes.values()]
    for one in shown(polls, user, {pk: outcome.used for pk, outcome in outcomes.items()}):
        outcome = outcomes[one.poll.pk]
        one.error, one.given = outcome.error, outcome.given
        context = {"one": one, "media": media}
        html[str(one.poll.uuid)] = render_to_string("analytics/_poll.html", context, request)
    answer = JsonResponse({"polls": html})
    for outcome in outcomes.values():
        _remember(answer, user, outcome)
    return answer


# --- Answers --------------------------------------------------------------------------------------------
@require_POST
def answer(request: HttpRequest, key: uuid.UUID, poll_key: uuid.UUID) -> HttpResponse:
    """From the form, without script."""
    media = _watched(request, key)
    polls = answering.polls_of(media)
    poll = next((one for one in polls if one.uuid == poll_key), None)
    if poll is None:
        raise Http404
    try:
        statement = uuid.UUID(request.POST.get("statement", ""))
    except ValueError:
        statement = uuid.uuid4()
    used = _remembered(request, [poll]).get(poll.pk, 0)
    given = Given(poll, statement, request.POST.getlist("response"), occurred=None)
    outcome = _give(signed_in(request), given, used)
    if outcome.error:
        rows = _shown(request, media)
        for one in rows:
            if one.poll.pk == poll.pk:
                one.error, one.given = outcome.error, outcome.given
        return _page(request, media, rows, status=422)
    messages.success(request, "Your answer is counted.")
    # Without script the page is a new one: the video goes on where the question was asked.
    start = f"?t={poll.at_seconds}" if poll.at_seconds else ""
    response = redirect(f"{reverse('watch', args=[key])}{start}#poll-{poll.uuid}")
    _remember(response, signed_in(request), outcome)
    return response


def _shown(request: HttpRequest, media: Media) -> list[ShownPoll]:
    polls = answering.polls_of(media)
    return shown(polls, signed_in(request), _remembered(request, polls))


# --- How many answers to anonymous polls this browser remembers -------------------------------------------
# Nothing of it is on the server. Whoever empties the browser's memory, or takes another one, can answer again.
def _cookie(poll: Poll) -> str:
    return f"echo_lms_poll_{poll.uuid.hex}"


def _salt(user: User) -> str:
    return f"anonymous answers of {user.pk}"


def _remembered(request: HttpRequest, polls: list[Poll]) -> Mapping[int, int]:
    found = {}
    for poll in polls:
        if poll.anonymous and _cookie(poll) in request.COOKIES:
            try:
                found[poll.pk] = int(
                    request.get_signed_cookie(_cookie(poll), "", salt=_salt(signed_in(request))) or 0
                )
            except (signing.BadSignature, ValueError):  # somebody else's, in the same browser
                continue
    return found


def _remember(response: HttpResponse, user: User, outcome: _Outcome) -> None:
    if outcome.poll.anonymous and not outcome.error:
        response.set_signed_cookie(
            _cookie(outcome.poll),
            str(outcome.used),
            salt=_salt(user),
            max_age=REMEMBERED_FOR,
            path=outcome.poll.media.watch_path,
            httponly=True,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
