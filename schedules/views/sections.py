"""A section: who teaches it, its LMS courses, its schedules, what is recorded next; and its links."""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.roles import Role, role_required
from accounts.signed_in import signed_in

from .. import consent, linking
from ..consent import Standing
from ..forms.section import SectionForm
from ..models import Capture, CaptureSchedule, Change, LmsCourseLink, Section

NEXT = 10


@role_required(Role.SCHEDULERS, Role.INSTRUCTORS)
@require_safe
def section(request: HttpRequest, pk: int) -> HttpResponse:
    user = signed_in(request)
    sections = Section.objects.visible_to(user).with_names().select_related("course__department")
    found = get_object_or_404(sections.prefetch_related("teaching__user", "consents__recorded_by"), pk=pk)
    schedules = CaptureSchedule.objects.visible_to(user).filter(sections=found).with_names()
    captures = Capture.objects.visible_to(user).filter(schedule__sections=found).not_begun().with_names()
    context = {
        "section": found,
        "teaching": sorted(found.teaching.all(), key=lambda row: (not row.is_primary, row.user.email)),
        "links": found.links.select_related("lms_course__configuration", "linked_by"),
        "schedules": schedules,
        "captures": captures[:NEXT],
        "more_captures": captures.count() > NEXT,
        "changes": Change.objects.about(found)[:50],
        "may_change": Section.objects.manageable_by(user).filter(pk=pk).exists(),
        "standings": _standings(found, schedules),
    }
    return render(request, "schedules/section.html", context)


def _standings(section: Section, schedules: Iterable[CaptureSchedule]) -> list[Standing]:
    """Where consent is asked for: one for each policy of the campuses on which the section is recorded."""
    campuses = {one.room.building.campus for one in schedules}
    found = [consent.standing_of(section, campus) for campus in sorted(campuses, key=str)]
    return list({one.policy: one for one in found if one.asks}.values())


@role_required(Role.SCHEDULERS, Role.INSTRUCTORS)
@require_POST
def say_consent(request: HttpRequest, pk: int) -> HttpResponse:
    """An instructor for themselves; staff for any instructor, with a reason."""
    user = signed_in(request)
    found = get_object_or_404(Section.objects.visible_to(user).with_names(), pk=pk)
    given = request.POST.get("person", "")
    person = get_object_or_404(found.instructors, pk=given if given.isdigit() and len(given) < 19 else 0)
    if person != user and not Section.objects.manageable_by(user).filter(pk=pk).exists():
        raise PermissionDenied
    agreed = request.POST.get("agreed") == "yes"
    try:
        consent.say(found, person, agreed=agreed, by=user, reason=request.POST.get("reason", ""))
    except ValueError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Saved: {person} {'agrees' if agreed else 'objects'}.")
    return redirect(found)


@role_required(Role.SCHEDULERS)
@require_http_methods(["GET", "POST"])
def change_section(request: HttpRequest, pk: int) -> HttpResponse:
    user = signed_in(request)
    found = get_object_or_404(Section.objects.manageable_by(user).with_names(), pk=pk)
    form = SectionForm(request.POST or None, instance=found)
    if request.method == "POST" and form.is_valid():
        form.save_by(user)
        messages.success(request, "Saved.")
        return redirect(found)
    return render(request, "schedules/change_section.html", {"section": found, "form": form})


def _link(request: HttpRequest, pk: int) -> LmsCourseLink:
    """Of a section that the person may schedule for."""
    links = LmsCourseLink.objects.select_related("section__course", "section__term", "lms_course")
    found = get_object_or_404(links.filter(section__in=Section.objects.visible_to(signed_in(request))), pk=pk)
    if not Section.objects.manageable_by(signed_in(request)).filter(pk=found.section_id).exists():
        raise PermissionDenied
    return found


@role_required(Role.SCHEDULERS)
@require_http_methods(["GET", "POST"])
def unlink(request: HttpRequest, pk: int) -> HttpResponse:
    """What taking the link away means, then takes it away."""
    link = _link(request, pk)
    if request.method == "POST":
        linking.unlink(link, user=signed_in(request))
        messages.success(request, f"{link.lms_course} is unlinked. Linking it again brings everything together.")
        return redirect(link.section)
    upcoming = Capture.objects.filter(schedule__sections=link.section, state=Capture.State.SCHEDULED).not_begun()
    recorded = Capture.objects.filter(schedule__sections=link.section, state=Capture.State.RECORDED)
    context = {"link": link, "upcoming": upcoming.count(), "recorded": recorded.count()}
    return render(request, "schedules/unlink.html", context)


@role_required(Role.SCHEDULERS)
@require_http_methods(["GET", "POST"])
def relink(request: HttpRequest, pk: int) -> HttpResponse:
    """Leads the LMS course to another section."""
    link = _link(request, pk)
    user = signed_in(request)
    sections = Section.objects.manageable_by(user).with_names().exclude(pk=link.section_id)
    query = request.GET.get("q", "").strip()
    wanted = request.POST.get("section", "")
    if wanted.isdigit():
        chosen = get_object_or_404(sections, pk=wanted)
        linking.relink(link, chosen, user=user)
        messages.success(request, f"{link.lms_course} leads to {chosen} now.")
        return redirect(chosen)
    found = sections.matching(query)[:20] if query else sections.none()
    return render(request, "schedules/relink.html", {"link": link, "query": query, "found": found})
