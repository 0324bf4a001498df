from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, Group, Permission
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse

from accounts.models import User
from accounts.roles import (
    Role,
    grant_role_permissions,
    is_administrator,
    is_instructor,
    is_scheduler,
    role_required,
    roles_of,
)

pytestmark = pytest.mark.django_db
OURS = ("accounts", "configurations", "directory", "schedules", "analytics")


def test_the_three_groups_are_there_with_their_permissions():
    held = {group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()}
    everything = set(
        Permission.objects.filter(content_type__app_label__in=OURS).values_list("codename", flat=True)
    )
    assert "change_apiconfiguration" in everything
    alone = {"view_learner_figures"}
    assert alone < everything
    assert held == {"Administrators": everything - alone, "Schedulers": set(), "Instructors": set()}


def test_granting_again_changes_nothing_and_mends_what_was_taken():
    administrators = Group.objects.get(name="Administrators")
    before = set(administrators.permissions.all())
    administrators.permissions.clear()
    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)
    assert set(administrators.permissions.all()) == before
    assert Group.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_role_migration_goes_back_and_forth():
    MigrationExecutor(connection).migrate([("accounts", "0001_initial")])
    assert Group.objects.count() == 0
    MigrationExecutor(connection).migrate([("accounts", "0002_roles")])
    assert sorted(Group.objects.values_list("name", flat=True)) == sorted(role.value for role in Role)
    call_command("migrate", verbosity=0)  # what comes after, for the tests after this one


def test_granting_survives_apps_that_were_unmigrated(apps_without_people):
    grant_role_permissions(apps.get_app_config("accounts"), "default", apps=apps_without_people)


@pytest.fixture
def apps_without_people():
    return MigrationExecutor(connection).loader.project_state([("auth", "0001_initial")]).apps


def test_roles_are_membership(person):
    both = person("both@example.edu", "Schedulers", "Instructors")
    assert roles_of(both) == {Role.SCHEDULERS, Role.INSTRUCTORS}
    assert [is_administrator(both), is_scheduler(both), is_instructor(both)] == [False, True, True]


def test_superuser_is_an_administrator():
    superuser = User.objects.create_superuser("root@example.edu", "correct-horse-battery")
    assert roles_of(superuser) == {Role.ADMINISTRATORS}
    assert superuser.is_staff


def test_inactive_and_anonymous_people_have_no_role(person):
    gone = person("gone@example.edu", "Administrators", is_active=False)
    assert roles_of(gone) == frozenset()
    assert not gone.is_staff
    assert roles_of(AnonymousUser()) == frozenset()


def test_people_cannot_make_a_role_by_naming_a_group(person):
    Group.objects.create(name="administrators")
    assert roles_of(person("sly@example.edu", "administrators")) == frozenset()


# --- The decorator ----------------------------------------------------------------------------------------
@role_required(Role.SCHEDULERS)
def schedulers_page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("schedules")


@pytest.mark.parametrize(("who", "admitted"), [("scheduler", True), ("admin", True), ("instructor", False)])
def test_role_required_admits_the_role_and_administrators(rf, request, who, admitted):
    asked = rf.get("/schedules/")
    asked.user = request.getfixturevalue(who)
    if admitted:
        assert schedulers_page(asked).content == b"schedules"
    else:
        with pytest.raises(PermissionDenied):
            schedulers_page(asked)


def test_role_required_sends_the_anonymous_to_sign_in(rf):
    asked = rf.get("/schedules/?week=3")
    asked.user = AnonymousUser()
    assert schedulers_page(asked)["Location"] == "/sign-in/?next=/schedules/%3Fweek%3D3"
