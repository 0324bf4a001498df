"""The figures of one poll."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.roles import Role, role_required
from accounts.signed_in import signed_in
from analytics import charts, folding
from analytics.figures import definitions, tab
from analytics.figures.definitions import Part
from analytics.figures.poll import Choice, PollFigures, poll_figures
from analytics.models import Media, Poll

from .cells import Cell, part
from .details import card_of, empty_of, parts_of, section_line, students_only, table_file
from .parts import Card
from .tables import address

EMPTY = {
    "answers": "{} has answered this yet. Answers are counted within a minute.",
    "anonymous-answers": "Nobody has answered this yet. Answers are counted within a minute.",
    "not-answered": "Nobody: every enrolled student has answered.",
}


@role_required(Role.INSTRUCTORS)
@never_cache
@require_safe
def poll_page(request: HttpRequest, key: int) -> HttpResponse:
    poll = _poll(request, key)
    figures = poll_figures(poll, students_only=students_only(request.GET))
    rows = _rows(poll, figures)
    captions = {
        "answers": "Who has answered",
        "anonymous-answers": "Answers",
        "not-answered": "Who has not",
    }
    shown = {name: caption for name, caption in captions.items() if name in rows}
    context = {
        "poll": poll,
        "media": poll.media,
        "lead": section_line(poll.media.section),
        "asked": "at any time" if poll.at_seconds is None else f"at {tab.clock(poll.at_seconds)}",
        "students_only": students_only(request.GET),
        "cards": _cards(poll, figures),
        "bars": _bars(figures) if figures.answers else [],
        "finding": _finding(figures),
        "choices_file": reverse("poll_file", args=[poll.pk, "choices"]) + address(request.GET),
        "meanings": definitions.CHOICES,
        "tables": parts_of(
            shown, rows, request.GET, file="poll_file", key=poll.pk, empty=empty_of(EMPTY, request.GET)
        ),
        "fresh_until": folding.fresh_until(),
        "query": address(request.GET),
    }
    return render(request, "analytics/poll.html", context)


@role_required(Role.INSTRUCTORS)
@never_cache
@require_safe
def poll_file(request: HttpRequest, key: int, table: str) -> HttpResponse:
    poll = _poll(request, key)
    figures = poll_figures(poll, students_only=students_only(request.GET))
    rows = _rows(poll, figures) | {"choices": figures.choices}
    return table_file(request, table, rows, name=f"poll-{poll.pk}")


def _poll(request: HttpRequest, key: int) -> Poll:
    """Whose section they do not teach does not exist for them."""
    allowed = Poll.objects.filter(media__in=Media.objects.visible_to(signed_in(request)))
    return get_object_or_404(allowed.select_related("media__section__course", "media__section__term"), pk=key)


def _rows(poll: Poll, figures: PollFigures) -> dict[str, Sequence[Any]]:
    if poll.anonymous:
        # One by one only what people wrote themselves: of choices the distribution says everything.
        return {"anonymous-answers": figures.given} if poll.kind == Poll.Kind.OPEN else {}
    return {"answers": figures.given, "not-answered": figures.missing}


def _cards(poll: Poll, figures: PollFigures) -> list[Card]:
    columns = {column.name: column for column in definitions.POLLS}
    cards = [card_of(columns["answers"], figures.answers)]
    if figures.answered is not None:
        cards.append(card_of(columns["answered"], figures.answered))
    for name, value in (("first_correct", figures.first_correct), ("correct", figures.correct)):
        if value is not None:
            cards.append(card_of(columns[name], value))
    if figures.correct is None:
        cards.append(
            Card("Correct", "Not graded", "", "", "", "The poll has no key: no answer is right or wrong.")
        )
    return cards


@dataclass(frozen=True)
class Bar:
    """A choice as it is shown, with how many gave it at last, drawn."""

    choice: Choice
    drawing: SafeString
    first: Cell
    latest: Cell


def _bars(figures: PollFigures) -> list[Bar]:
    return [
        Bar(one, charts.share(one.latest.share or 0), part(one.first), part(one.latest)) for one in figures.choices
    ]


def _finding(figures: PollFigures) -> str:
    most = max(figures.choices, key=lambda one: one.latest.number, default=None)
    if most is None or not most.latest.number:
        return ""
    finding = f"Most chosen: {most.answer} ({_of(most.latest)})."
    keys = [one for one in figures.choices if one.is_key]
    if len(keys) == 1:
        finding += " That is right." if most.is_key else f" Right: {keys[0].answer} ({_of(keys[0].latest)})."
    return finding


def _of(given: Part) -> str:
    return f"{given.number:,} of {given.of:,}"
