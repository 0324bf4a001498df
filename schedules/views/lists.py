"""Captures and schedules as lists, and the search over everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.models import User
from accounts.roles import Role, role_required
from accounts.signed_in import signed_in

from .. import lists
from ..models import Capture, CaptureSchedule, ListPreference, Room, Section
from ..models.scopes import Scope

CAPTURE_COLUMNS = {
    "title": "Title",
    "room": "Room",
    "campus": "Campus",
    "presenter": "Presenter",
    "sections": "Sections",
    "state": "State",
    "recorder": "Recorder",
    "schedule": "Schedule",
}
USUAL_COLUMNS = ["title", "room", "presenter", "sections", "state"]
SORTS = {"title": "title", "room": "room__name", "state": "state", "presenter": "schedule__presenter__email"}
SHOWN_OF_EACH = 5


@role_required(Role.SCHEDULERS, Role.INSTRUCTORS)
@require_safe
def captures(request: HttpRequest) -> HttpResponse:
    """From today on unless the address says otherwise; filters and page are in the address."""
    user = signed_in(request)
    given = request.GET.copy()
    if not _filtered(given):
        given["first"] = timezone.localdate().isoformat()
    rows = Capture.objects.visible_to(user)
    chosen = lists.CaptureFilter(given, queryset=rows, user=user)
    found = chosen.qs if chosen.is_valid() else rows.none()
    sort, descending = _sort(given)
    page, sorting_refused = _page(found, given, sort, descending=descending)
    preference = _preference(user, "captures")
    _remember(preference, request)
    context = {
        "filter": chosen,
        "listing": page,
        "rows": page.rows,
        "columns": [(name, CAPTURE_COLUMNS[name]) for name in _columns(preference)],
        "all_columns": CAPTURE_COLUMNS,
        "sort": sort,
        "descending": descending,
        "sorts": {
            name: _address(given, sort=name if sort != name or descending else f"-{name}")
            for name in ["when", *SORTS]
        },
        "sorting_refused": sorting_refused,
        "zones": lists.zones_of(page.rows),
        "move_address": reverse("move_captures"),
        "may_schedule": Scope.of(user).schedules,
        "filtered": _filtered(request.GET),
        "last_filters": preference.query if preference.query and not _filtered(request.GET) else "",
        **_turns(given, page),
    }
    return render(request, "schedules/captures.html", context)


@role_required(Role.SCHEDULERS, Role.INSTRUCTORS)
@require_safe
def schedules(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    given = request.GET.copy()
    if not _filtered(given):
        given["when"] = "now"
    rows = CaptureSchedule.objects.visible_to(user)
    chosen = lists.ScheduleFilter(given, queryset=rows, user=user)
    found = chosen.qs if chosen.is_valid() else rows.none()
    page = lists.listing(
        found.with_names(),
        by="starts_on",
        descending=True,
        after=given.get("after", ""),
        before=given.get("before", ""),
    )
    preference = _preference(user, "schedules")
    _remember(preference, request)
    context = {
        "filter": chosen,
        "listing": page,
        "rows": page.rows,
        "may_schedule": Scope.of(user).schedules,
        "filtered": _filtered(request.GET),
        "last_filters": preference.query if preference.query and not _filtered(request.GET) else "",
        **_turns(given, page),
    }
    return render(request, "schedules/schedules.html", context)


def _page(found: Any, given: QueryDict, sort: str, *, descending: bool) -> tuple[lists.Listing[Capture], bool]:
    """And whether sorting by another column was refused because there is too much to sort."""
    rows = found.with_names()
    if sort in SORTS:
        ordered = lists.sorted_rows(rows, f"-{SORTS[sort]}" if descending else SORTS[sort])
        if ordered is not None:
            everything = list(ordered)
            return lists.Listing(everything, len(everything)), False
    listed = lists.listing(
        rows,
        by="starts_at",
        descending=descending and sort == "when",
        after=given.get("after", ""),
        before=given.get("before", ""),
    )
    return listed, sort in SORTS


def _sort(given: QueryDict) -> tuple[str, bool]:
    wanted = given.get("sort", "when")
    name = wanted.removeprefix("-")
    return (name, wanted.startswith("-")) if name in SORTS or name == "when" else ("when", False)


NO_FILTERS = ("after", "before", "sort")


def _filtered(given: QueryDict) -> bool:
    return any(name not in NO_FILTERS for name in given)


def _address(given: QueryDict, **changed: str) -> str:
    """This page with other parameters; what is empty is left out."""
    kept = [
        (name, value)
        for name in given
        for value in given.getlist(name)
        if value and name not in (*changed, "after", "before")
    ]
    return "?" + urlencode([*kept, *changed.items()])


def _turns(given: QueryDict, page: lists.Listing[Any]) -> dict[str, str]:
    return {
        "next_page": _address(given, after=page.after) if page.after else "",
        "previous_page": _address(given, before=page.before) if page.before else "",
    }


# --- What a person has chosen ---------------------------------------------------------------------------
def _preference(user: User, page: str) -> ListPreference:
    known = ListPreference.objects.filter(user=user, page=page).first()
    return known or ListPreference(user=user, page=page)


def _columns(preference: ListPreference) -> list[str]:
    return [name for name in preference.columns if name in CAPTURE_COLUMNS] or USUAL_COLUMNS


def _remember(preference: ListPreference, request: HttpRequest) -> None:
    """The filters of this visit, for the next one."""
    query = urlencode([(name, value) for name, value in request.GET.items() if value and name not in NO_FILTERS])
    if query and query != preference.query and len(query) <= 1000:
        ListPreference.objects.update_or_create(
            user=preference.user, page=preference.page, defaults={"query": query}
        )


@role_required(Role.SCHEDULERS, Role.INSTRUCTORS)
@require_POST
def choose_columns(request: HttpRequest) -> HttpResponse:
    columns = [name for name in CAPTURE_COLUMNS if name in request.POST.getlist("column")]
    ListPreference.objects.update_or_create(
        user=signed_in(request), page="captures", defaults={"columns": columns}
    )
    query = request.POST.get("query", "")
    return redirect(reverse("captures") + (f"?{query}" if query else ""))


# --- Search --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Group:
    title: str
    hits: list[tuple[str, str, str]]
    more: str = ""


@role_required(Role.SCHEDULERS, Role.INSTRUCTORS)
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Everything the person may see, from one box: a few of each kind, and where there are more."""
    user = signed_in(request)
    text = request.GET.get("q", "").strip()[:200]
    groups = _groups(text, user) if text else []
    return render(request, "schedules/search.html", {"q": text, "groups": [one for one in groups if one.hits]})


def _groups(text: str, user: User) -> list[Group]:
    query = urlencode({"q": text})
    sections = list(Section.objects.visible_to(user).with_names().matching(text)[: SHOWN_OF_EACH + 1])
    schedules = CaptureSchedule.objects.visible_to(user).filter(pk__in=lists.schedules_about(text).values("pk"))
    found = list(schedules.with_names().order_by("-starts_on", "pk")[: SHOWN_OF_EACH + 1])
    upcoming = Capture.objects.visible_to(user).filter(
        schedule__in=lists.schedules_about(text).values("pk"), starts_at__gte=timezone.now()
    )
    captures = list(upcoming.with_names().order_by("starts_at", "pk")[: SHOWN_OF_EACH + 1])
    return [
        Group(
            "Sections", [(str(one), one.course.name, one.get_absolute_url()) for one in sections[:SHOWN_OF_EACH]]
        ),
        Group("Rooms", _rooms(text, user)),
        Group("People", _people(text, user)),
        Group(
            "Schedules",
            [
                (str(one), f"{one.rule_in_words}, {one.room.place}", one.get_absolute_url())
                for one in found[:SHOWN_OF_EACH]
            ],
            f"{reverse('schedules')}?{query}" if len(found) > SHOWN_OF_EACH else "",
        ),
        Group(
            "Captures to come",
            [
                (one.title, f"{one.when.in_full}, {one.room}", one.get_absolute_url())
                for one in captures[:SHOWN_OF_EACH]
            ],
            f"{reverse('captures')}?{query}" if len(captures) > SHOWN_OF_EACH else "",
        ),
    ]


def _rooms(text: str, user: User) -> list[tuple[str, str, str]]:
    rooms = Room.objects.manageable_by(user).with_place()
    for word in text.split():
        rooms = rooms.filter(pk__in=lists.rooms_about(word).values("pk"))
    return [
        (one.place, one.capture_agent, f"{reverse('captures')}?building={one.building_id}&room={one.pk}")
        for one in rooms[:SHOWN_OF_EACH]
    ]


def _people(text: str, user: User) -> list[tuple[str, str, str]]:
    """Instructors, for those who schedule."""
    if not Scope.of(user).schedules:
        return []
    taught = Section.objects.manageable_by(user).values("teaching__user")
    people = User.objects.filter(Q(email__icontains=text) | Q(full_name__icontains=text), pk__in=taught)
    return [
        (str(one), one.email, f"{reverse('captures')}?{urlencode({'instructor': one.email})}")
        for one in people.order_by("email")[:SHOWN_OF_EACH]
    ]
