"""The Analytics tab: all media of all sections that somebody teaches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.roles import Role, role_required
from accounts.signed_in import signed_in
from analytics import charts, folding
from analytics.figures import definitions, tab
from analytics.figures.definitions import NOTHING, Part
from analytics.figures.selection import Asked, Range, Selected, Selection, sections_of, select, zone
from schedules.models import Section

from .cells import minutes, percent
from .parts import Card, Chart
from .tables import Links, Table, address, filter_of, table_of, url_of

MOST_DAYS = 365


@role_required(Role.INSTRUCTORS)
@never_cache
@require_safe
def analytics(request: HttpRequest) -> HttpResponse:
    """Nothing in the address can widen what it shows: the sections are those of the person, and then fewer."""
    sections = sections_of(signed_in(request))
    context: dict[str, Any] = {"missing": _what_is_missing(sections)}
    if sections:
        context |= _page(request.GET, sections)
    return render(request, "analytics/tab.html", context)


def _page(given: QueryDict, sections: Sequence[Section]) -> dict[str, Any]:
    asked = Asked.of(given)
    chosen = select(asked, sections)
    facts = tab.read(chosen.selection, sections)
    shown = [section for section in sections if section.pk in chosen.selection.sections]
    return {
        "filter": _filter(asked, chosen, sections),
        "chosen": chosen,
        "words": _in_words(chosen),
        "fresh_until": folding.fresh_until(),
        "days_by": "" if zone() == timezone.get_current_timezone() else zone().key,
        "shown_sections": shown,
        "has_sections": bool(chosen.selection.sections),
        "has_media": bool(facts.media),
        "has_students": bool(facts.students),
        "query": address(given),
        **(
            {} if facts.students else {"roster_needs": _what_is_missing(shown), "others": _others(asked, sections)}
        ),
        **(_figures(given, chosen, facts) if facts.media else {}),
    }


def _figures(given: QueryDict, chosen: Selected, facts: tab.Facts) -> dict[str, Any]:
    missing = missing_of(given)
    series = tab.views_by_day(chosen.selection)
    now = tab.sums(facts)
    return {
        "cards": _cards(now, tab.sums_before(facts), chosen.selection),
        "anonymous_views": now.anonymous_views,
        "chart": _chart(series, _file_of("days", given)),
        "tables": [*_tables(given, facts), _not_lately(given, facts, missing)],
        "not_lately": missing,
        "kept": [
            (name, value) for name in given for value in given.getlist(name) if name not in ("days", "percent")
        ],
        "general": definitions.GENERAL,
    }


# --- What is missing ------------------------------------------------------------------------------------
def _what_is_missing(sections: Sequence[Section]) -> str:
    """A word for the template; empty if everything is there."""
    if not sections:
        return "section"
    if not any(section.is_linked for section in sections):  # type: ignore[attr-defined]  # annotated
        return "link"
    if not any(section.is_connected for section in sections):  # type: ignore[attr-defined]  # annotated
        return "connection"
    return ""


def _others(asked: Asked, sections: Sequence[Section]) -> bool:
    """Whether “Everyone” shows something where “Students only” shows nothing."""
    return asked.students_only and not select(replace(asked, students_only=False), sections).empty


# --- Filter ---------------------------------------------------------------------------------------------
def _filter(asked: Asked, chosen: Selected, sections: Sequence[Section]) -> dict[str, Any]:
    terms = {section.term_id: section.term.name for section in sections}
    wanted = set(chosen.selection.sections)
    days_problem = _days_problem(asked)
    return {
        "sections": [(section, section.pk in wanted) for section in sections],
        "narrowed": len(wanted) < len(sections),
        "count": len(wanted),
        "terms": list(terms.items()) if len(terms) > 1 else [],
        "term": asked.term,
        # Own dates stay chosen while their days are missing.
        "ranges": [(one.value, one.label, one == (Range.OWN if days_problem else chosen.range)) for one in Range],
        "days_problem": days_problem,
        "unreadable": asked.unreadable,
        "first": chosen.selection.first if chosen.range == Range.OWN else None,
        "last": chosen.selection.last if chosen.range == Range.OWN else None,
        "students_only": asked.students_only,
    }


def _days_problem(asked: Asked) -> str:
    """What is wrong with the days of one's own, and what to do."""
    if asked.unreadable:
        which = " and the ".join(f"{name} day" for name in asked.unreadable)
        return f"The {which} cannot be read and is left out. Choose it anew, or write it as 2026-05-31."
    if asked.range is None and asked.named_range == Range.OWN:
        return "Fill in the first and the last day, or one of them, and press “Show”."
    return ""


def _in_words(chosen: Selected) -> str:
    """The days that are shown."""
    selection = chosen.selection
    last = date_format(selection.last, "DATE_FORMAT")
    if selection.first is None:
        return f"All time until {last}"
    first = date_format(selection.first, "DATE_FORMAT")
    return f"{first} – {last}" if selection.first != selection.last else first


def missing_of(given: QueryDict) -> tab.Missing:
    usual = tab.Missing()
    return tab.Missing(
        _number(given.get("days", ""), usual.days, most=MOST_DAYS),
        _number(given.get("percent", ""), usual.percent, most=100),
    )


def _number(text: str, usual: int, *, most: int) -> int:
    is_one = text.isascii() and text.isdigit() and len(text) < 7
    return min(max(int(text), 1), most) if is_one else usual


# --- Cards ----------------------------------------------------------------------------------------------
def _cards(now: tab.Sums, before: tab.Sums | None, selection: Selection) -> list[Card]:
    days = "" if selection.days is None else "the day" if selection.days == 1 else f"the {selection.days} days"
    cards = []
    for definition in definitions.CARDS:
        value = getattr(now, definition.name)
        text, note = _value(definition.name, value)
        change, sign = "", ""
        if before is not None:
            change, sign = _change(definition.name, value, getattr(before, definition.name), f"{days} before")
        cards.append(Card(definition.label, text, note, change, sign, definition.meaning))
    return cards


def _value(name: str, value: Any) -> tuple[str, str]:
    if isinstance(value, Part):
        number, share = f"{value.number:,} of {value.of:,}", value.share
        if share is None:
            return NOTHING, ""
        if name == "viewers":
            return f"{value.number:,}", f"of {value.of:,}, {percent(share)}"
        return percent(share), number
    if name == "average_watched":
        return (NOTHING if value is None else percent(value)), ""
    return (minutes(value) if name == "minutes" else f"{value:,}"), ""


def _change(name: str, value: Any, before: Any, days: str) -> tuple[str, str]:
    """Of counts in per cent of what was, of shares in points."""
    if isinstance(value, Part) or name == "average_watched":
        now, then = (one.share if isinstance(one, Part) else one for one in (value, before))
        if now is None or then is None:
            return ("", "") if then is None else (f"{percent(then)} in {days}", "")
        if not then:
            return (f"none in {days}", "") if now else ("", "")
        points = round(now * 100) - round(then * 100)
        amount = f"{abs(points)} point{'s' if abs(points) != 1 else ''}"
        return _since(points, amount, f"{percent(then)} in {days}")
    if not before:
        return (f"none in {days}", "") if value else ("", "")
    shown = minutes(before) if name == "minutes" else f"{before:,}"
    change = round((value - before) / before * 100)
    return _since(change, f"{abs(change):,}\u00a0%", f"{shown} in {days}")


def _since(change: int, amount: str, before: str) -> tuple[str, str]:
    if not change:
        return f"unchanged from {before}", "same"
    return f"{amount} from {before}", "up" if change > 0 else "down"


# --- Chart ----------------------------------------------------------------------------------------------
def _chart(series: tab.Series, csv: str) -> Chart | None:
    """None where there is nothing to draw."""
    rows = series.rows
    most = max(rows, key=lambda row: row.views, default=None)
    if most is None or not most.views:
        return None
    title = f"Views by {series.step}"
    total = sum(row.views for row in rows)
    without = sum(not row.views for row in rows)
    finding = f"{_views(total)}; most on {_named(most, series.step)}: {_views(most.views)}."
    if without:
        finding += f" None on {without} of {len(rows)} {series.step}s."
    drawn = [charts.Bar(row.views, f"{_named(row, series.step)}: {_views(row.views)}") for row in rows]
    top = charts.scale_of(most.views)
    return Chart(
        title,
        finding,
        charts.bars("views", drawn, title=title, finding=finding),
        [f"{value:,}" for value in (top, top // 2, 0)],
        [_named(rows[position], series.step) for position in sorted({0, len(rows) // 2, len(rows) - 1})],
        table_of("days", title, rows, QueryDict(), whole=True, csv=csv),
    )


def _views(number: int) -> str:
    return f"{number:,} view{'s' if number != 1 else ''}"


def _named(row: tab.DayRow, step: str) -> str:
    if step == "month":
        return date_format(row.first, "M Y")
    day = date_format(row.first, "D j M" if step == "day" else "j M")
    return f"week of {day}" if step == "week" else day


# --- Tables ---------------------------------------------------------------------------------------------
def _tables(given: QueryDict, facts: tab.Facts) -> list[Table]:
    chosen = filter_of(given)
    media = tab.media_table(facts)
    return [
        table_of(
            "media",
            "Media",
            media,
            given,
            links={"title": lambda row: url_of("media_figures", row.media.pk) + chosen},
            totals=tab.media_totals(facts),
            usual="-recorded",
            csv=_file_of("media", given),
            without=() if any(row.anonymous_views for row in media) else ("anonymous_views",),
            empty="No media up to the last of these days.",
        ),
        table_of(
            "polls",
            "Polls",
            tab.polls_table(facts),
            given,
            links={
                "question": lambda row: url_of("poll_figures", row.poll.pk) + chosen,
                "media": lambda row: url_of("media_figures", row.poll.media_id) + chosen,
            },
            csv=_file_of("polls", given),
            empty="No polls were asked in these days.",
        ),
        table_of(
            "students",
            "Students",
            tab.students_table(facts),
            given,
            links=_student_links(chosen),
            csv=_file_of("students", given),
            without=() if facts.scores is not None else ("score",),
            empty="No students are known of these courses.",
        ),
    ]


def _not_lately(given: QueryDict, facts: tab.Facts, missing: tab.Missing) -> Table:
    return table_of(
        "not-lately",
        "Not lately",
        tab.not_lately(facts, missing),
        given,
        links=_student_links(filter_of(given)),
        note="over all time, whatever the range above",
        csv=_file_of("not-lately", given),
        empty="Nobody: all students have opened something lately, and enough of what is published.",
    )


def _file_of(table: str, given: QueryDict) -> str:
    return reverse("analytics_file", args=[table]) + address(given)


def _student_links(chosen: str) -> Links:
    return {"name": lambda row: url_of("student_figures", row.student.learner_id) + chosen}
