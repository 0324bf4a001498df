"""What each person finds: one table for the navigation bar and the home page.

Some of it depends on more than roles, on things this app knows nothing of: whoever knows registers a condition.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from .roles import Role, roles_of

if TYPE_CHECKING:
    from .models import User

Condition: TypeAlias = "Callable[[User], bool]"


@dataclass(frozen=True)
class Destination:
    """`conditional`: shown only to whom the registered condition lets; to nobody while there is none. No `roles`:
    for people who have none, so that nobody else pays for the question.
    """

    label: str
    url_name: str
    roles: frozenset[Role]
    sentence: str
    arguments: tuple[str, ...] = ()
    conditional: bool = False


@dataclass(frozen=True)
class Item:
    label: str
    url: str
    sentence: str
    current: bool


DESTINATIONS = (
    Destination(
        "Link and schedule",
        "link_course",
        frozenset({Role.ADMINISTRATORS, Role.SCHEDULERS}),
        "Find an LMS course by its instructor, give it a section, and schedule a term of captures in one go.",
    ),
    Destination(
        "Schedules",
        "schedules",
        frozenset({Role.ADMINISTRATORS, Role.SCHEDULERS, Role.INSTRUCTORS}),
        "See what is scheduled and what will be recorded: as lists, by day and building, by section.",
    ),
    Destination(
        "Analytics",
        "analytics",
        frozenset({Role.INSTRUCTORS}),
        "See who watched what, where they stopped and what they answered, in all of your courses.",
        conditional=True,
    ),
    Destination(
        "Figures",
        "institution_figures",
        frozenset({Role.ADMINISTRATORS}),
        "See how much is watched and answered in every section of a term, as sums.",
    ),
    Destination(
        "My viewing",
        "my_viewing",
        frozenset(),
        "Watch the lectures of your courses, and see what is known of your watching and answering.",
        conditional=True,
    ),
    Destination(
        "LMS API configurations",
        "admin:configurations_apiconfiguration_changelist",
        frozenset({Role.ADMINISTRATORS}),
        "Connect Canvas: add a configuration, authorize it, and test it with an instructor's e-mail.",
    ),
    Destination(
        "LMS directory",
        "admin:directory_directory_changelist",
        frozenset({Role.ADMINISTRATORS}),
        "See which instructors and courses are known, how fresh that is, and refresh it.",
    ),
    Destination(
        "Places and terms",
        "admin:app_list",
        frozenset({Role.ADMINISTRATORS}),
        "Keep rooms, terms, courses and sections, and say what each scheduler may schedule.",
        ("schedules",),
    ),
    Destination(
        "Media",
        "admin:app_list",
        frozenset({Role.ADMINISTRATORS}),
        "Upload videos, ask questions in them, let other systems send what was watched, erase people.",
        ("analytics",),
    ),
    Destination(
        "People",
        "admin:accounts_user_changelist",
        frozenset({Role.ADMINISTRATORS}),
        "Add people, give them their roles, set their passwords.",
    ),
)


_conditions: dict[str, Condition] = {}


def register(url_name: str, condition: Condition) -> None:
    """For `AppConfig.ready`. It is asked on every page of everybody with the role: one small query at most."""
    _conditions[url_name] = condition


def items_for(request: HttpRequest) -> list[Item]:
    """Found out once for each request."""
    if not hasattr(request, "navigation_items"):
        request.navigation_items = _items(request)  # type: ignore[attr-defined]  # Django's own class
    found: list[Item] = request.navigation_items  # type: ignore[attr-defined]
    return found


def _items(request: HttpRequest) -> list[Item]:
    roles = roles_of(request.user)
    return [
        Item(entry.label, url, entry.sentence, current=request.path.startswith(url))
        for entry in DESTINATIONS
        if (not roles.isdisjoint(entry.roles) if entry.roles else not roles) and _lets(entry, request)
        for url in [reverse(entry.url_name, args=entry.arguments)]
    ]


def _lets(entry: Destination, request: HttpRequest) -> bool:
    if not entry.conditional:
        return True
    condition = _conditions.get(entry.url_name) if request.user.is_authenticated else None
    return condition is not None and condition(cast("User", request.user))


@cache
def version() -> str:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor of every page. Error pages may be drawn before anybody is known to be signed in."""
    if not hasattr(request, "user"):
        return {"version": version()}
    return {"version": version(), "navigation": items_for(request)}
