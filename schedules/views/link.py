"""The schedule linking page: who teaches, which LMS course, which section, when and where, what, for whom.

The whole state of the page travels in its form. Every button sends the form here and gets the whole page back, so
that it works without script; with script, htmx puts the parts that changed in place.
"""

from __future__ import annotations

import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.roles import Role, is_administrator, role_required
from accounts.signed_in import signed_in
from directory.models import LmsInstructor

from .. import consent, linking
from ..models import Submission
from ..scheduling import TooLate, undoable
from .linking_page import LinkingPage

SUGGESTIONS = 8


@role_required(Role.SCHEDULERS)
@never_cache
@require_http_methods(["GET", "POST"])
def link_course(request: HttpRequest) -> HttpResponse:
    page = LinkingPage(request)
    submission = page.save() if page.action == "save" else None
    if submission is not None:
        return redirect("linked", submission.pk)
    page.settle()
    return render(request, "schedules/link.html", {"page": page, "wide": True})


@role_required(Role.SCHEDULERS)
@require_safe
def suggest_instructors(request: HttpRequest) -> HttpResponse:
    """Known instructors whose address or name begins as typed, as options of the e-mail field."""
    typed = request.GET.get("email", "").strip()
    people = LmsInstructor.objects.present().exclude(email="")
    found = people.beginning_with(typed).order_by("email")[:SUGGESTIONS] if len(typed) > 1 else people.none()
    return render(request, "schedules/_people.html", {"people": found})


@role_required(Role.SCHEDULERS)
@require_safe
def linked(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """What one Save has made."""
    submission = _submission(request, key)
    schedule = submission.schedule
    context = {
        "submission": submission,
        "captures": schedule.captures.with_names() if schedule else [],
        "held_back": consent.held_back([schedule]).get(schedule.pk, "") if schedule else "",
        "new_people": User.objects.filter(pk__in=_people_made(submission)),
        "may_undo": submission.undone_at is None and (schedule is None or undoable(schedule)),
    }
    return render(request, "schedules/linked.html", context)


@role_required(Role.SCHEDULERS)
@require_POST
def undo(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    submission = _submission(request, key)
    try:
        linking.undo(submission, user=signed_in(request))
    except TooLate as error:
        context = {"submission": submission, "refused": str(error)}
        return render(request, "schedules/linked.html", context, status=409)
    return redirect("linked", key)


def _submission(request: HttpRequest, key: uuid.UUID) -> Submission:
    """One's own; administrators see everybody's."""
    names = ("section__course", "section__term", "link__lms_course", "schedule__room__building__campus")
    found = Submission.objects.select_related(*names)
    if not is_administrator(request.user):
        found = found.filter(created_by=signed_in(request))
    return get_object_or_404(found, pk=key)


def _people_made(submission: Submission) -> list[int]:
    return [int(one.removeprefix("person:")) for one in submission.made if one.startswith("person:")]
