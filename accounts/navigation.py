"""What each person finds: one table for the navigation bar and the home page."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from .roles import Role, roles_of


@dataclass(frozen=True)
class Destination:
    label: str
    url_name: str
    roles: frozenset[Role]
    sentence: str
    arguments: tuple[str, ...] = ()


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
        "admin:analytics_media_changelist",
        frozenset({Role.ADMINISTRATORS}),
        "Upload videos and captions, say who can watch them when, and ask questions in them.",
    ),
    Destination(
        "People",
        "admin:accounts_user_changelist",
        frozenset({Role.ADMINISTRATORS}),
        "Add people, give them their roles, set their passwords.",
    ),
)


def items_for(request: HttpRequest) -> list[Item]:
    roles = roles_of(request.user)
    return [
        Item(entry.label, url, entry.sentence, current=request.path.startswith(url))
        for entry in DESTINATIONS
        if not roles.isdisjoint(entry.roles)
        for url in [reverse(entry.url_name, args=entry.arguments)]
    ]


@cache
def version() -> str:
    project = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context processor of every page. Error pages may be drawn before anybody is known to be signed in."""
    if not hasattr(request, "user"):
        return {"version": version()}
    return {"version": version(), "navigation": items_for(request)}
