"""One capture: what it is, and changing, leaving out or restoring it alone."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.roles import Role, role_required
from accounts.signed_in import signed_in

from .. import captures, consent
from ..forms.capture import CaptureForm
from ..models import Capture, Change
from ..scheduling import RoomTaken, TooLate


def _visible(request: HttpRequest, pk: int) -> Capture:
    return get_object_or_404(Capture.objects.visible_to(signed_in(request)).with_names(), pk=pk)


@role_required(Role.SCHEDULERS, Role.INSTRUCTORS)
@require_safe
def capture(request: HttpRequest, pk: int) -> HttpResponse:
    return _shown(request, _visible(request, pk))


def _shown(request: HttpRequest, found: Capture, *, refused: str = "") -> HttpResponse:
    user = signed_in(request)
    context = {
        "capture": found,
        "publications": found.schedule.publications.all(),
        "changes": Change.objects.about(found)[:50],
        "may_change": Capture.objects.manageable_by(user).filter(pk=found.pk).exists() and not found.has_begun,
        "may_leave_out": captures.may_leave_out(found, user),
        "may_restore": captures.may_restore(found, user),
        "refused": refused,
        "held_back": consent.held_back([found.schedule]).get(found.schedule_id, ""),
    }
    return render(request, "schedules/capture.html", context, status=409 if refused else 200)


@role_required(Role.SCHEDULERS, Role.INSTRUCTORS)
@require_POST
def cancel_capture(request: HttpRequest, pk: int) -> HttpResponse:
    """Staff cancel any capture; instructors leave out one of their own sections."""
    found, user = _visible(request, pk), signed_in(request)
    if not captures.may_leave_out(found, user):
        raise PermissionDenied
    try:
        captures.cancel_capture(found, user=user, note=request.POST.get("note", "").strip()[:255])
    except TooLate as error:
        return _shown(request, found, refused=str(error))
    messages.success(request, "Cancelled. You can restore it until it would begin.")
    return redirect(found)


@role_required(Role.SCHEDULERS, Role.INSTRUCTORS)
@require_POST
def restore_capture(request: HttpRequest, pk: int) -> HttpResponse:
    found, user = _visible(request, pk), signed_in(request)
    if not captures.may_restore(found, user):
        raise PermissionDenied
    try:
        captures.restore_capture(found, user=user)
    except (TooLate, RoomTaken) as error:
        return _shown(request, found, refused=_reason(error))
    messages.success(request, "Restored.")
    return redirect(found)


def _reason(error: TooLate | RoomTaken) -> str:
    if isinstance(error, RoomTaken) and error.clashes:
        taken = "; ".join(str(clash) for clashes in error.clashes.values() for clash in clashes)
        return f"The room is taken: {taken}. Choose another time or room."
    return str(error)


@role_required(Role.SCHEDULERS)
@never_cache
@require_http_methods(["GET", "POST"])
def change_capture(request: HttpRequest, pk: int) -> HttpResponse:
    user = signed_in(request)
    found = get_object_or_404(Capture.objects.manageable_by(user).with_names(), pk=pk)
    form = CaptureForm(request.POST or None, capture=found, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            changed = captures.change_capture(found, **form.wanted(), user=user)
        except (TooLate, RoomTaken) as error:
            form.add_error(None, _reason(error))
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            messages.success(request, "Saved.")
            return redirect(changed)
    return render(request, "schedules/change_capture.html", {"capture": found, "form": form})
