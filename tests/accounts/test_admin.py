from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.contrib import admin as django_admin
from django.contrib.auth.models import Group
from django.http import HttpResponse
from django.urls import reverse

from accounts.models import User

pytestmark = pytest.mark.django_db
MODEL_BACKEND = project_settings.AUTHENTICATION_BACKENDS[1]
LIST = "/admin/accounts/user/"
ADD = "/admin/accounts/user/add/"


@pytest.fixture
def as_admin(client, admin):
    client.force_login(admin, backend=MODEL_BACKEND)
    return client


def change_page(person: User) -> str:
    return reverse("admin:accounts_user_change", args=[person.pk])


def role(name: str) -> int:
    return Group.objects.get(name=name).pk


# --- Who gets in ------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("who", "status"), [("admin", 200), ("scheduler", 403), ("instructor", 403), ("outsider", 403)]
)
def test_admin_is_for_administrators_only(client, request, who, status):
    client.force_login(request.getfixturevalue(who), backend=MODEL_BACKEND)
    for path in ["/admin/", LIST]:
        assert client.get(path, follow=True).status_code == status


def test_leaving_the_administrators_closes_the_admin_at_once(as_admin, admin):
    admin.groups.clear()
    assert as_admin.get(LIST, follow=True).status_code == 403


def test_admin_uses_our_sign_in_page_and_comes_back(client):
    response = client.get(LIST, follow=True)
    assert response.redirect_chain[-1][0].startswith("/sign-in/?next=/admin/")
    assert response.templates[0].name == "accounts/sign_in.html"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example"])
def test_admin_sign_in_refuses_to_lead_to_another_site(as_admin, client, target):
    assert as_admin.get("/admin/login/", {"next": target})["Location"] == "/admin/"


def test_admin_shows_only_what_administrators_work_with(as_admin):
    names = {model._meta.label for model in django_admin.site._registry}
    events = {"Activity", "Erasure", "EventSource", "Learner", "Media", "RawDrop", "StudentLook"}
    directory = {"Directory", "LmsInstructor", "LmsCourse", "RefreshRun"}
    places = {"Campus", "Building", "Room", "Term", "NonTeachingDay"}
    courses = {"Organization", "Department", "Course", "Section", "SchedulerScope"}
    assert names == {
        "accounts.User",
        *(f"analytics.{name}" for name in events),
        "configurations.ApiConfiguration",
        "configurations.ConnectionEvent",
        *(f"directory.{name}" for name in directory),
        *(f"schedules.{name}" for name in places | courses),
    }


# --- People -----------------------------------------------------------------------------------------------
def person_row(person: User, *, email: str = "", groups: Sequence[int] = (), active: str = "on") -> dict[str, Any]:
    data = {"email": email or person.email, "full_name": person.full_name, "time_zone": "UTC"}
    data |= {"scheduler_scopes-TOTAL_FORMS": "0", "scheduler_scopes-INITIAL_FORMS": "0"}  # schedules/admin.py
    return data | {"groups": list(groups)} | ({"is_active": active} if active else {})


def test_adding_a_person_with_role_and_password(as_admin, client):
    password = {"usable_password": "true", "password1": "correct-horse-1", "password2": "correct-horse-1"}
    data = {"email": "New@Example.edu", "full_name": "New Person", "time_zone": "Europe/Paris"}
    as_admin.post(ADD, data | {"groups": [role("Schedulers")]} | password)
    made = User.objects.get(email="new@example.edu")
    assert [made.full_name, made.time_zone, sorted(made.roles)] == ["New Person", "Europe/Paris", ["Schedulers"]]
    assert made.check_password("correct-horse-1")
    assert not made.is_staff


def test_adding_a_person_without_a_password(as_admin):
    as_admin.post(ADD, {"email": "new@example.edu", "time_zone": "UTC", "usable_password": "false"})
    assert not User.objects.get(email="new@example.edu").has_usable_password()


@pytest.mark.parametrize(
    ("email", "error"),
    [
        ("SCHEDULER@example.edu", "Somebody with this e-mail exists already."),
        ("not an address", "Enter a valid email address."),
        ("", "This field is required."),
    ],
)
def test_adding_a_person_rejects(as_admin, scheduler, email, error):
    page = as_admin.post(ADD, {"email": email, "time_zone": "UTC", "usable_password": "false"})
    assert page.context["adminform"].form.errors["email"] == [error]
    assert User.objects.count() == 2


def test_somebody_without_a_password_gets_one(as_admin, person):
    known = person("imported@example.edu")
    known.set_unusable_password()
    known.save()
    address = reverse("admin:auth_user_password_change", args=[known.pk])
    assert "usable_password" not in as_admin.get(address).context["form"].fields

    as_admin.post(address, {"password1": "correct-horse-1", "password2": "correct-horse-1"})

    assert User.objects.get(pk=known.pk).check_password("correct-horse-1")


def test_making_somebody_an_administrator_opens_the_admin_to_them(as_admin, client, scheduler):
    as_admin.post(change_page(scheduler), person_row(scheduler, groups=[role("Administrators")]))
    client.force_login(scheduler, backend=MODEL_BACKEND)
    assert client.get("/admin/").status_code == 200


def test_administrators_cannot_shut_themselves_out(as_admin, admin):
    as_admin.post(change_page(admin), person_row(admin, groups=[], active=""))
    delete = reverse("admin:accounts_user_delete", args=[admin.pk])
    assert as_admin.post(delete, {"post": "yes"}).status_code == 403
    admin = User.objects.get(pk=admin.pk)
    assert [admin.is_active, sorted(admin.roles)] == [True, ["Administrators"]]


def test_administrators_cannot_take_over_a_superuser(as_admin):
    superuser = User.objects.create_superuser("root@example.edu", "correct-horse-battery")
    as_admin.post(change_page(superuser), person_row(superuser, email="mine@example.edu"))
    new = {"password1": "taken-over-now", "password2": "taken-over-now", "usable_password": "true"}
    address = reverse("admin:auth_user_password_change", args=[superuser.pk])
    assert as_admin.post(address, new).status_code == 403
    superuser.refresh_from_db()
    assert superuser.email == "root@example.edu"
    assert superuser.check_password("correct-horse-battery")


def test_administrators_cannot_make_a_superuser(as_admin, scheduler):
    data = person_row(scheduler, groups=[role("Schedulers")]) | {"is_superuser": "on"}
    as_admin.post(change_page(scheduler), data)
    assert not User.objects.get(pk=scheduler.pk).is_superuser


def cells(response: HttpResponse) -> list[str]:
    row = response.content.decode().partition("<tbody>")[2].partition("</tbody>")[0]
    return re.findall(r'<t[dh] class="field-(?:email|role_names|last_signed_in)[^"]*">(?:<a [^>]*>)?([^<]*)', row)


def test_list_shows_who_may_do_what_in_the_readers_time_zone(as_admin, admin, person):
    User.objects.update(time_zone="Asia/Tokyo", last_login=datetime.datetime(2026, 1, 5, 22, tzinfo=datetime.UTC))
    person("both@example.edu", "Schedulers", "Instructors")
    assert cells(as_admin.get(LIST)) == [
        *["admin@example.edu", "Administrators", "6 Jan 2026, 07:00"],
        *["both@example.edu", "Instructors, Schedulers", "Never"],
    ]


@pytest.mark.parametrize("rows", [1, 3])
def test_list_costs_the_same_queries_for_one_person_and_for_three(
    as_admin, person, rows, django_assert_num_queries
):
    for number in range(rows - 1):
        person(f"person{number}@example.edu", "Schedulers", "Instructors")
    as_admin.get(LIST)
    with django_assert_num_queries(10):
        as_admin.get(LIST)
