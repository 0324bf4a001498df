"""The figures of one media."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.roles import Role, role_required
from accounts.signed_in import signed_in
from analytics import charts, folding
from analytics.figures import definitions, tab
from analytics.figures.media import MediaFigures, Passage, media_figures
from analytics.models import Media

from .details import cards_of, chart_of, empty_of, parts_of, section_line, students_only, table_file
from .parts import Chart
from .tables import Table, address, table_of, url_of

CARDS = ("views", "enrolled_viewers", "minutes", "average_watched", "completed", "answered")
CAPTIONS = {"viewers": "Who has watched", "not-watched": "Who has not"}
EMPTY = {
    "viewers": "{} has watched this yet. What is watched is counted within a minute.",
    "not-watched": "Nobody: every enrolled student has a view.",
}


@role_required(Role.INSTRUCTORS)
@never_cache
@require_safe
def media_page(request: HttpRequest, key: int) -> HttpResponse:
    media = _media(request, key)
    figures = media_figures(media, media.section, students_only=students_only(request.GET))
    rows = _rows(figures)
    context = {
        "media": media,
        "lead": _lead(media),
        "students_only": students_only(request.GET),
        "cards": cards_of(definitions.MEDIA, figures.row, CARDS),
        "anonymous_views": figures.row.anonymous_views,
        "charts": _charts(figures, _file_of(media, "passages", request.GET)) if figures.viewers else [],
        "reached": _reached(figures, _file_of(media, "reached", request.GET)) if figures.viewers else None,
        "polls": _polls(figures, request.GET, _file_of(media, "polls", request.GET)) if figures.polls else None,
        "tables": parts_of(
            CAPTIONS, rows, request.GET, file="media_file", key=media.pk, empty=empty_of(EMPTY, request.GET)
        ),
        "has_students": bool(figures.facts.students),
        "fresh_until": folding.fresh_until(),
        "query": address(request.GET),
        "general": definitions.GENERAL,
    }
    return render(request, "analytics/media.html", context)


@role_required(Role.INSTRUCTORS)
@never_cache
@require_safe
def media_file(request: HttpRequest, key: int, table: str) -> HttpResponse:
    media = _media(request, key)
    figures = media_figures(media, media.section, students_only=students_only(request.GET))
    rows = _rows(figures) | {"passages": figures.passages, "reached": figures.reached, "polls": figures.polls}
    return table_file(request, table, rows, name=f"media-{media.pk}")


def _media(request: HttpRequest, key: int) -> Media:
    """Whose section they do not teach does not exist for them."""
    allowed = Media.objects.visible_to(signed_in(request)).select_related("section__course", "section__term")
    return get_object_or_404(allowed, pk=key)


def _lead(media: Media) -> str:
    recorded = date_format(timezone.localtime(media.recorded_at), "DATE_FORMAT")
    return f"{section_line(media.section)} · {recorded} · {tab.clock(media.duration_seconds)}"


def _rows(figures: MediaFigures) -> dict[str, Sequence[Any]]:
    return {"viewers": figures.viewers, "not-watched": figures.missing}


def _polls(figures: MediaFigures, given: QueryDict, csv: str) -> Table:
    links = {"question": lambda row: url_of("poll_figures", row.poll.pk)}
    return table_of("polls", "Its polls", figures.polls, given, links=links, csv=csv)


def _reached(figures: MediaFigures, csv: str) -> Table:
    return table_of("reached", "How far they got", figures.reached, QueryDict(), csv=csv)


def _file_of(media: Media, table: str, given: QueryDict) -> str:
    return reverse("media_file", args=[media.pk, table]) + address(given)


# --- Charts ---------------------------------------------------------------------------------------------
def _charts(figures: MediaFigures, csv: str) -> list[Chart]:
    """Viewers above, replays below, over the same passages; one table has both."""
    passages = figures.passages
    table = table_of("passages", "Passages", passages, QueryDict(), whole=True, csv=csv)
    last = passages[-1].last
    marks = [tab.clock(second) for second in (0, last // 2, last)]
    found = [
        chart_of("viewers-chart", "Viewers by passage", _most_viewed(figures), _bars(passages, "viewer"), marks)
    ]
    replays = chart_of(
        "replays-chart", "Replays by passage", _most_replayed(passages), _bars(passages, "replay"), marks, table
    )
    return [*found, replays]


def _bars(passages: Sequence[Passage], word: str) -> list[charts.Bar]:
    value: Callable[[Passage], int] = lambda one: one.viewers if word == "viewer" else one.replays  # noqa: E731
    return [charts.Bar(value(one), f"{one.passage}: {_count(value(one), word)}") for one in passages]


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' if number != 1 else ''}"


def _most_viewed(figures: MediaFigures) -> str:
    most = max(figures.passages, key=lambda one: one.viewers)
    least = min(figures.passages, key=lambda one: one.viewers)
    everybody = _count(len(figures.viewers), "viewer")
    return (
        f"Of {everybody}, most saw {most.passage} ({most.viewers:,}), fewest {least.passage} ({least.viewers:,})."
    )


def _most_replayed(passages: Sequence[Passage]) -> str:
    most = max(passages, key=lambda one: one.replays)
    if not most.replays:
        return "Nothing was played twice."
    return f"Most replayed: {most.passage}, {most.replays:,} time{'s' if most.replays != 1 else ''}."
