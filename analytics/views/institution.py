"""Figures of the whole institution, for administrators."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.roles import role_required
from analytics import folding
from analytics.figures import definitions, pseudonyms
from analytics.figures.institution import institution_figures
from schedules.models import Section, Term

from .cells import Cell, csv_cells, csv_header
from .files import file_of
from .tables import address, ordered_by, table_of

EMPTY = "This term has no sections."


@role_required()
@never_cache
@require_safe
def institution(request: HttpRequest) -> HttpResponse:
    term, sections = _asked(request)
    rows, total = institution_figures(sections)
    table = table_of(
        "institution",
        "Sections",
        rows,
        request.GET,
        cells={"course": lambda row: Cell(row.course, "some figures hidden" if row.hidden else "")},
        totals=total,
        csv=reverse("institution_file") + address(request.GET),
        empty=EMPTY,
    )
    context = {
        "term": term,
        "terms": Term.objects.order_by("-starts_on"),
        "table": table,
        "fresh_until": folding.fresh_until(),
    }
    return render(request, "analytics/institution.html", context)


@role_required()
@never_cache
@require_safe
def institution_file(request: HttpRequest) -> HttpResponse:
    rows, total = institution_figures(_asked(request)[1])
    columns = definitions.INSTITUTION
    ordered = ordered_by(columns, rows, request.GET.get("institution_sort", ""))[1]
    return file_of(
        request, "institution", csv_header(columns), (csv_cells(columns, row) for row in [*ordered, total])
    )


@role_required()
@never_cache
@require_http_methods(["GET", "POST"])
def pseudonymised(request: HttpRequest) -> HttpResponse:
    """The page says what is in it; the file is made by a POST, so that no link starts it."""
    term, sections = _asked(request)
    contents = pseudonyms.contents_of(sections)
    if request.method == "POST":
        return file_of(request, "pseudonymised", pseudonyms.HEADER, pseudonyms.rows(contents))
    context = {"term": term, "contents": contents, "fewest": settings.ANALYTICS_SMALL_GROUP}
    return render(request, "analytics/pseudonymised.html", context)


def _asked(request: HttpRequest) -> tuple[Term | None, list[Section]]:
    """The term of the address, else the latest that has begun."""
    key = request.GET.get("term", "")
    wanted = Term.objects.filter(pk=int(key)) if key.isascii() and key.isdigit() and len(key) < 19 else None
    term = (wanted.first() if wanted is not None else None) or Term.objects.order_by("-starts_on").first()
    return term, list(Section.objects.filter(term=term).with_names()) if term else []
