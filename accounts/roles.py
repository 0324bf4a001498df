"""Who may do what kind of thing: a role is membership in the group of its name (docs/permissions.md)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias

from django.apps import AppConfig
from django.apps import apps as installed_apps
from django.apps.registry import Apps
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

if TYPE_CHECKING:  # models import this module
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser

P = ParamSpec("P")
View: TypeAlias = Callable[Concatenate[HttpRequest, P], HttpResponse]


class Role(StrEnum):
    """The value is the group's name."""

    ADMINISTRATORS = "Administrators"
    SCHEDULERS = "Schedulers"
    INSTRUCTORS = "Instructors"


# Each role gets every permission on the models of these apps.
PERMITTED_APPS: dict[Role, tuple[str, ...]] = {
    Role.ADMINISTRATORS: ("accounts", "configurations", "directory", "schedules", "analytics"),
    Role.SCHEDULERS: (),
    Role.INSTRUCTORS: (),
}
# Given to single people, never with a role: the figures of one student (docs/permissions.md).
GIVEN_APART = ("view_learner_figures",)


def roles_of(user: AbstractBaseUser | AnonymousUser) -> frozenset[Role]:
    """Empty for anonymous and inactive people; a superuser is an administrator too."""
    return user.roles if user.is_active and hasattr(user, "roles") else frozenset()


def is_administrator(user: AbstractBaseUser | AnonymousUser) -> bool:
    return Role.ADMINISTRATORS in roles_of(user)


def is_scheduler(user: AbstractBaseUser | AnonymousUser) -> bool:
    return Role.SCHEDULERS in roles_of(user)


def is_instructor(user: AbstractBaseUser | AnonymousUser) -> bool:
    return Role.INSTRUCTORS in roles_of(user)


def role_required(*roles: Role) -> Callable[[View[P]], View[P]]:
    """Lets in people with one of the roles, and administrators. Others get 403, or the sign-in page."""
    admitted = {Role.ADMINISTRATORS, *roles}

    def decorator(view: View[P]) -> View[P]:
        @login_required
        @functools.wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if admitted.isdisjoint(roles_of(request.user)):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorator


def grant_role_permissions(app_config: AppConfig, using: str, apps: Apps = installed_apps, **_kwargs: Any) -> None:
    """After every migrate: the groups exist, with the permissions of this app that the table gives them."""
    try:
        apps.get_model("accounts", "User")
        groups = apps.get_model("auth", "Group")._default_manager.using(using)
        permissions = apps.get_model("auth", "Permission")._default_manager.using(using)
    except LookupError:  # these apps were just unmigrated
        return
    for role, permitted in PERMITTED_APPS.items():
        group, _ = groups.get_or_create(name=role.value)
        if app_config.label in permitted:
            of_app = permissions.filter(content_type__app_label=app_config.label)
            group.permissions.add(*of_app.exclude(codename__in=GIVEN_APART))
