"""The figures of one student: for those who teach them, and for themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.formats import date_format
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.roles import Role, is_administrator, role_required
from accounts.signed_in import signed_in
from analytics import access, charts, enrolment, folding
from analytics.figures import definitions, tab
from analytics.figures.student import ActiveDay, SeenMedia, StudentFigures, charted, student_figures
from analytics.models import Learner, StudentLook
from schedules.models import Section

from .cells import Cell, percent
from .details import card_of, chart_of, table_file
from .parts import Card, Chart
from .tables import Table, address, table_of, url_of

CARDS = ("media_watched", "minutes", "average_watched", "answered", "correct", "last_activity")
LOOK = "analytics.view_learner_figures"


# --- For those who teach them -----------------------------------------------------------------------------
@role_required(Role.INSTRUCTORS)
@never_cache
@require_safe
def student_page(request: HttpRequest, key: int) -> HttpResponse:
    learner, sections = _student(request, key)
    _note(request, learner, sections)
    csv = _files(request.GET, "student_file", key)
    context = _page(request.GET, learner, sections, student_figures(learner, sections), csv, own=False)
    return render(request, "analytics/student.html", context)


@role_required(Role.INSTRUCTORS)
@never_cache
@require_safe
def student_file(request: HttpRequest, key: int, table: str) -> HttpResponse:
    learner, sections = _student(request, key)
    rows = _rows(student_figures(learner, sections))
    answer = table_file(request, table, rows, name=f"student-{learner.pk}")
    _note(request, learner, sections)
    return answer


def _student(request: HttpRequest, key: int) -> tuple[Learner, list[Section]]:
    """With the sections in which this person may look at them; where there is none, there is no such student."""
    learner = get_object_or_404(Learner, pk=key)
    user = signed_in(request)
    sections = Section.objects.filter(pk__in=enrolment.sections_of_student(learner.pk)).with_names()
    if not (is_administrator(user) and user.has_perm(LOOK)):
        sections = sections.filter(teaching__user=user)
    found = list(sections)
    if not found:
        raise Http404
    return learner, found


def _note(request: HttpRequest, learner: Learner, sections: Sequence[Section]) -> None:
    what = ", ".join(tab.course_of(section) for section in sections)
    StudentLook.objects.create(viewer=signed_in(request), learner=learner, what=what[:200])


# --- For themselves ---------------------------------------------------------------------------------------
@never_cache
@require_safe
def my_viewing(request: HttpRequest) -> HttpResponse:
    """Everybody's own; of media that students can watch."""
    learner, sections = _myself(signed_in(request))
    if learner is None or not sections:
        return render(request, "analytics/my_viewing.html", {"sections": []})
    figures = student_figures(learner, sections, as_student=True)
    context = _page(request.GET, learner, sections, figures, _files(request.GET, "my_viewing_file"), own=True)
    looks = StudentLook.objects.filter(learner=learner)
    return render(
        request,
        "analytics/my_viewing.html",
        context | {"looks": looks.count(), "last_look": looks.first()},
    )


@never_cache
@require_safe
def my_viewing_file(request: HttpRequest, table: str) -> HttpResponse:
    """What is on their own page and nothing else."""
    learner, sections = _myself(signed_in(request))
    if learner is None or not sections:
        raise Http404
    rows = _rows(student_figures(learner, sections, as_student=True))
    return table_file(request, table, rows, name="my-viewing")


def _myself(user: User) -> tuple[Learner | None, list[Section]]:
    key = access.known_learner(user)
    learner = Learner.objects.filter(pk=key).first() if key else None
    if learner is None:
        return None, []
    return learner, list(Section.objects.filter(pk__in=enrolment.sections_of_student(learner.pk)).with_names())


# --- Both -------------------------------------------------------------------------------------------------
# By table, where it is as a file.
Files = Callable[[str], str]


def _files(given: QueryDict, name: str, *arguments: Any) -> Files:
    return lambda table: reverse(name, args=[*arguments, table]) + address(given)


def _page(
    given: QueryDict,
    learner: Learner,
    sections: Sequence[Section],
    figures: StudentFigures,
    csv: Files,
    *,
    own: bool,
) -> dict[str, Any]:
    return {
        "learner": learner,
        "name": learner.name or learner.email or f"Person {learner.pk}",
        "sections": sections,
        "cards": _cards(figures),
        "seen": _seen(figures, given, csv, own=own),
        "answers": _answers(figures, given, csv, own=own),
        "chart": _chart(figures.days, csv),
        "fresh_until": folding.fresh_until(),
    }


def _rows(figures: StudentFigures) -> dict[str, Sequence[Any]]:
    return {"seen": figures.media, "own-answers": figures.answers, "active-days": figures.days}


def _cards(figures: StudentFigures) -> list[Card]:
    columns = {column.name: column for column in definitions.STUDENTS}
    cards = [card_of(columns[name], getattr(figures, name)) for name in CARDS]
    for section, value in figures.scores:
        score = definitions.SCORE
        cards.append(Card(score.label, percent(value), tab.course_of(section), "", "", score.meaning))
    return cards


def _seen(figures: StudentFigures, given: QueryDict, csv: Files, *, own: bool) -> Table:
    return table_of(
        "seen",
        "Media",
        figures.media,
        given,
        cells={"title": lambda row: _title(row, own=own), "seen": _strip},
        whole=True,
        without=("length", "minutes"),
        csv=csv("seen"),
        empty="No media yet.",
    )


def _title(one: SeenMedia, *, own: bool) -> Cell:
    if not own:
        note = "" if one.is_published else "not published"
        return Cell(one.title, note, url_of("media_figures", one.media.pk))
    return Cell(
        one.title,
        "" if one.media.video else "no video yet",
        one.media.watch_path if one.can_be_watched else "",
    )


def _strip(one: SeenMedia) -> Cell:
    finding = f"Watched {one.seen}: {percent(one.watched)}" if one.ranges else "Not watched"
    drawing = charts.strip(f"strip-{one.media.pk}", one.ranges, one.length, finding=finding)
    return Cell("", one.seen or "nothing", drawing=drawing)


def _answers(figures: StudentFigures, given: QueryDict, csv: Files, *, own: bool) -> Table | None:
    links = {} if own else {"question": lambda row: url_of("poll_figures", row.poll.pk)}
    if not figures.answers:
        return None
    return table_of("own-answers", "Polls", figures.answers, given, links=links, csv=csv("own-answers"))


def _chart(days: Sequence[ActiveDay], csv: Files) -> Chart | None:
    if not days:
        return None
    most = max(days, key=lambda day: day.views)
    finding = (
        f"Active on {len(days)} day{'s' if len(days) != 1 else ''}; most on {date_format(most.day, 'D j M')}."
    )
    step, shown = charted(days)
    names = [_named(one, step) for one in shown]
    drawn = [charts.Bar(one.views, f"{name}: {one.views} views") for one, name in zip(shown, names, strict=True)]
    marks = [names[place] for place in sorted({0, len(names) // 2, len(names) - 1})]
    table = table_of("active-days", "Days of activity", days, QueryDict(), whole=True, csv=csv("active-days"))
    return chart_of("active-chart", f"Views by {step}", finding, drawn, marks, table)


def _named(one: ActiveDay, step: str) -> str:
    if step == "month":
        return date_format(one.day, "M Y")
    return date_format(one.day, "D j M") if step == "day" else f"week of {date_format(one.day, 'j M')}"
