"""A schedule: what it says, its captures, and what was changed; changing, ending and deleting it."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.roles import Role, role_required
from accounts.signed_in import signed_in

from .. import consent, linking, planning, scheduling
from ..forms.publication import FurtherSections
from ..forms.schedule import ScheduleForm, initial_of
from ..models import Capture, CaptureSchedule, Change, Section, Term
from ..preview import Preview, Strip, day_of, preview
from ..scheduling import Effect, RoomTaken, TooLate

MATCHES = 10


@role_required(Role.SCHEDULERS, Role.INSTRUCTORS)
@require_safe
def schedule(request: HttpRequest, pk: int) -> HttpResponse:
    user = signed_in(request)
    found = get_object_or_404(CaptureSchedule.objects.visible_to(user).with_names(), pk=pk)
    captures = list(found.captures.with_names())
    context = {
        "schedule": found,
        "publications": found.publications.all(),
        "upcoming": [one for one in captures if not one.has_begun],
        "past": [one for one in captures if one.has_begun],
        "changes": Change.objects.about(found)[:50],
        "may_change": CaptureSchedule.objects.manageable_by(user).filter(pk=pk).exists(),
        "may_delete": scheduling.undoable(found),
        "held_back": consent.held_back([found]).get(found.pk, ""),
    }
    return render(request, "schedules/schedule.html", context)


def _manageable(request: HttpRequest, pk: int) -> CaptureSchedule:
    return get_object_or_404(CaptureSchedule.objects.manageable_by(signed_in(request)).with_names(), pk=pk)


@role_required(Role.SCHEDULERS)
@never_cache
@require_http_methods(["GET", "POST"])
def change_schedule(request: HttpRequest, pk: int) -> HttpResponse:
    page = ChangePage(request, _manageable(request, pk))
    if page.action == "save" and page.save():
        messages.success(request, "Saved.")
        return redirect(page.saved)
    page.settle()
    return render(request, "schedules/change_schedule.html", {"page": page})


class ChangePage:
    """A schedule in its form, with what saving would change. Saving does what was shown, or shows it again."""

    def __init__(self, request: HttpRequest, saved: CaptureSchedule) -> None:
        self.user = signed_in(request)
        self.saved = saved
        self.sent = request.method == "POST"
        self.data: QueryDict | None = request.POST.copy() if self.sent else None
        self.action = self.data.get("action", "") if self.data is not None else ""
        self.problems: list[str] = []
        self.from_date = planning.date_in((self.data or request.GET).get("from_date", ""))
        self.by_hand_too = bool(self.data and self.data.get("by_hand_too"))
        # The form changes the instance it is given.
        self.draft = CaptureSchedule.objects.with_names().get(pk=saved.pk)
        self.further = FurtherSections(self.data, user=self.user, saved=list(saved.publications.all()))
        self.form = self._form()
        if self.action.startswith("toggle:"):
            self._toggle(self.action.removeprefix("toggle:"))

    def _form(self) -> ScheduleForm:
        initial = initial_of(self.draft)
        if self.data is None:
            return ScheduleForm(instance=self.draft, initial=initial, user=self.user)
        return ScheduleForm(self.data, instance=self.draft, initial=initial, user=self.user)

    @property
    def further_query(self) -> str:
        return self.data.get("further_query", "") if self.data else ""

    @cached_property
    def found_further(self) -> list[Section]:
        text = self.further_query.strip()
        found = Section.objects.manageable_by(self.user).with_names().matching(text)[:MATCHES] if text else []
        return [one for one in found if one not in self.further.sections]

    @cached_property
    def terms(self) -> list[Term]:
        return list({one.term_id: one.term for one in self.further.sections}.values())

    @cached_property
    def preview(self) -> Preview | None:
        self.preview_problem = ""
        if self.data is not None and not self.form.is_valid():
            return None
        people = [self.draft.presenter] if self.draft.presenter else []
        try:
            return preview(self.draft, self.terms, people, user=self.user)
        except ValidationError as error:
            self.preview_problem = " ".join(error.messages)
            if self.data is not None:
                self.form.add_plan_error(error)
            return None

    @cached_property
    def effect(self) -> Effect | None:
        if self.preview is None:
            return None
        plan = planning.Plan(tuple(row.planned for row in self.preview.rows))
        return scheduling.effect_of(self.draft, plan, from_date=self.from_date, by_hand_too=self.by_hand_too)

    @property
    def effect_key(self) -> str:
        """Names what is shown: if it is not what would be done any more, it is shown again first."""
        effect = self.effect
        if effect is None:
            return ""
        said = [
            *(f"+{one.on}{one.times.occupied}" for one in effect.added),
            *(f"~{capture.pk}{one.times.occupied}" for capture, one in effect.moved),
            *(f"-{capture.pk}" for capture in effect.removed),
        ]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]

    @cached_property
    def strip(self) -> Strip | None:
        room = self.form.chosen_room
        first = self.preview.first.planned if self.preview and self.preview.first else None
        if room is None or first is None:
            return None
        return day_of(room, first.on, user=self.user, wanted=first, without=self.saved)

    def _toggle(self, iso: str) -> None:
        on, shown = planning.date_in(iso), self.preview
        if on is None or shown is None or self.data is None:
            return
        planning.toggled(shown.schedule, on, [row.planned for row in shown.rows])
        for name in ("left_out", "put_back"):
            self.data[name] = ",".join(date.isoformat() for date in getattr(shown.schedule, name))
        del self.preview
        self.form = self._form()

    def save(self) -> bool:
        valid = [self.form.is_valid(), self.further.is_valid()]
        if not all(valid) or self.preview is None or self.data is None:
            return False
        if self.effect is not None and self.effect.changes_anything and self.data.get("seen") != self.effect_key:
            self.problems.append("Look at what changes below, then save.")
            return False
        email = self.form.cleaned_data.get("presenter_email")
        try:
            if email != (self.saved.presenter.email if self.saved.presenter else ""):
                self.draft.presenter = linking.instructor_account(linking.Person(email))[0] if email else None
            scheduling.change_schedule(
                self.draft,
                self.further.publications(),
                user=self.user,
                from_date=self.from_date,
                by_hand_too=self.by_hand_too,
            )
        except RoomTaken as error:
            self.problems.append(error.headline)
        except ValidationError as error:
            self.form.add_plan_error(error)
        return not self.problems and not self.form.errors

    def settle(self) -> None:
        _ = self.effect
        if self.action in ("save", "preview"):
            self.problems += map(str, self.form.non_field_errors())
            if not self.problems and self.form.errors:
                self.problems.append("Not saved. Correct what is marked below.")
        elif self.data is not None:
            for form in (self.form, *(form for _, form in self.further.rows if form.is_bound)):
                form.hush()


@role_required(Role.SCHEDULERS)
@require_http_methods(["GET", "POST"])
def end_schedule(request: HttpRequest, pk: int) -> HttpResponse:
    """Cuts a schedule short: first says which captures fall away."""
    found = _manageable(request, pk)
    last = planning.date_in((request.POST if request.method == "POST" else request.GET).get("last", ""))
    context: dict[str, Any] = {"schedule": found, "last": last}
    if last is not None:
        if request.method == "POST":
            effect = scheduling.cut_short(found, last, user=signed_in(request))
            count = len(effect.removed)
            messages.success(
                request, f"Ended. {count} {'capture is' if count == 1 else 'captures are'} cancelled."
            )
            return redirect(found)
        falling = found.captures.not_begun().filter(rule_date__gt=last, state=Capture.State.SCHEDULED)
        context["falling"] = falling.with_names()
    return render(request, "schedules/end_schedule.html", context)


@role_required(Role.SCHEDULERS)
@require_http_methods(["GET", "POST"])
def delete_schedule(request: HttpRequest, pk: int) -> HttpResponse:
    found = _manageable(request, pk)
    refused = ""
    if request.method == "POST":
        try:
            scheduling.delete_schedule(found, user=signed_in(request))
        except TooLate as error:
            refused = str(error)
        else:
            messages.success(request, f"“{found}” and its captures are deleted.")
            return redirect("schedules")
    context = {
        "schedule": found,
        "refused": refused,
        "may_delete": scheduling.undoable(found),
        "captures": found.captures.filter(state=Capture.State.SCHEDULED).count(),
    }
    return render(request, "schedules/delete_schedule.html", context, status=409 if refused else 200)
