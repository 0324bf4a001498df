"""Several captures at once: what to do, what that means for each, and what was done.

The captures are chosen in their list, which sends their keys here. The form sends itself back here, with or
without script.
"""

from __future__ import annotations

import re
import uuid
from functools import cached_property

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse, reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.roles import Role, is_administrator, role_required
from accounts.signed_in import signed_in

from .. import moving
from ..forms.moving import MovingForm
from ..models import BulkChange, Capture
from ..scheduling import RoomTaken, TooLate

KEY = re.compile(r"[0-9]{1,19}")
LARGEST_KEY = 2**63 - 1


class MovingPage:
    """`problem`: why nothing was saved, or cannot be."""

    list_address = reverse_lazy("captures")

    def __init__(self, request: HttpRequest) -> None:
        self.data = request.POST
        self.user = signed_in(request)
        self.problem = ""
        self.key = _uuid(request.POST.get("key", "")) or uuid.uuid4()
        sent = {int(one) for one in request.POST.getlist("capture") if KEY.fullmatch(one)}
        keys = [one for one in sent if one <= LARGEST_KEY]
        self.captures: list[Capture] = []
        if len(keys) > moving.MOST:
            self.problem = f"These are {len(keys)} captures. Choose at most {moving.MOST} at once."
        else:
            found = Capture.objects.manageable_by(self.user).filter(pk__in=keys)
            self.captures = list(found.with_names().order_by("starts_at", "pk"))
            if not self.captures:
                self.problem = "Choose at least one capture in the list."

    def renew_key(self) -> None:
        """Who comes back to change something else does not press the same button a second time."""
        if BulkChange.objects.filter(pk=self.key).exists():
            self.key = uuid.uuid4()

    @cached_property
    def form(self) -> MovingForm:
        chosen = self.data if "what" in self.data or "action" in self.data else None
        return MovingForm(chosen, captures=self.captures, user=self.user)

    @cached_property
    def plan(self) -> moving.Plan | None:
        """What the choice means; None as long as there is none."""
        if not self.captures or not self.form.is_bound or not self.form.is_valid():
            return None
        return moving.plan(self.captures, self.form.action(), self.user)

    def save(self) -> BulkChange | None:
        """None if nothing was saved; then `problem` or the form says why."""
        if not self.captures or not self.form.is_valid():
            return None
        keys = [one.pk for one in self.captures]
        try:
            return moving.carry_out(
                keys, self.form.action(), self.user, key=self.key, seen=self.data.get("seen", "")
            )
        except moving.NotSeen:
            self.problem = "Look at what changes below, then save."
        except (RoomTaken, TooLate) as error:
            self.problem = str(error)
        except ValidationError as error:
            self.problem = error.messages[0]
        return None


def _uuid(given: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(given)
    except ValueError:
        return None


@role_required(Role.SCHEDULERS)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def move_captures(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        return redirect("captures")
    page = MovingPage(request)
    saving = request.POST.get("action") == "save"
    bulk = page.save() if saving else None
    if bulk is not None:
        return redirect("moved_captures", bulk.pk)
    page.renew_key()
    context = {"page": page, "form": page.form, "plan": page.plan}
    return render(request, "schedules/moving.html", context, status=409 if saving and page.problem else 200)


@role_required(Role.SCHEDULERS)
@never_cache
@require_safe
def moved_captures(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    """What one Save has done."""
    return _shown(request, _bulk(request, key))


@role_required(Role.SCHEDULERS)
@require_POST
def undo_move(request: HttpRequest, key: uuid.UUID) -> HttpResponse:
    bulk = _bulk(request, key)
    try:
        moving.undo(bulk, signed_in(request))
    except RoomTaken as error:
        taken = [str(clash) for clashes in error.clashes.values() for clash in clashes]
        return _shown(request, bulk, refused=str(error), taken=taken)
    except TooLate as error:
        return _shown(request, bulk, refused=str(error))
    return redirect("moved_captures", key)


def _shown(
    request: HttpRequest, bulk: BulkChange, *, refused: str = "", taken: list[str] | None = None
) -> HttpResponse:
    moves, gone = moving.done(bulk)
    context = {
        "bulk": bulk,
        "moves": moves,
        "gone": gone,
        "why_not": moving.why_not_undone(bulk, moving.rows_of(bulk, signed_in(request))),
        "refused": refused,
        "taken": taken,
        "list_address": reverse("captures"),
    }
    return render(request, "schedules/moved.html", context, status=409 if refused else 200)


def _bulk(request: HttpRequest, key: uuid.UUID) -> BulkChange:
    """One's own; administrators see everybody's."""
    found = BulkChange.objects.all()
    if not is_administrator(request.user):
        found = found.filter(created_by=signed_in(request))
    return get_object_or_404(found, pk=key)
