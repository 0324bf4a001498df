"""What counts in a section: when a media is complete, and whether there is an engagement score."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.roles import Role, is_administrator, role_required
from accounts.signed_in import signed_in
from schedules.models import Section

from ..forms.section import WEIGHTS, SectionFiguresForm
from ..models import SectionFigures


@role_required(Role.INSTRUCTORS)
@require_http_methods(["GET", "POST"])
def section_figures(request: HttpRequest, key: int) -> HttpResponse:
    section = _section(request, key)
    known = SectionFigures.objects.filter(section=section).first() or SectionFigures(section=section)
    form = SectionFiguresForm(request.POST or None, instance=known)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, f"Saved. The figures of {section} count this way from now on.")
        return redirect(f"{reverse('analytics')}?section={section.pk}")
    context = {"section": section, "form": form, "weights": [form[name] for name in WEIGHTS]}
    return render(request, "analytics/section_figures.html", context, status=422 if form.errors else 200)


def _section(request: HttpRequest, key: int) -> Section:
    """Instructors find those they teach, administrators all."""
    user = signed_in(request)
    sections = Section.objects.with_names()
    if not is_administrator(user):
        sections = sections.filter(teaching__user=user)
    return get_object_or_404(sections, pk=key)
