from __future__ import annotations

import re

import pytest
from django.conf import settings as project_settings
from django.http import HttpResponse
from django.urls import reverse

from accounts.models import User

pytestmark = pytest.mark.django_db
MODEL_BACKEND = project_settings.AUTHENTICATION_BACKENDS[1]


@pytest.fixture
def visit(client, request):
    """The named person's home page."""

    def open_page(who, path="/"):
        client.force_login(request.getfixturevalue(who), backend=MODEL_BACKEND)
        return client.get(path)

    return open_page


def headings(response: HttpResponse) -> list[str]:
    return re.findall(r"<h2>(?:<a [^>]*>)?([^<]+)", response.content.decode())


def navigation(response: HttpResponse) -> list[str]:
    nav = response.content.decode().partition('<nav class="site-nav"')[2].partition("</nav>")[0]
    return re.findall(r">([^<>]+)</a>", nav)


@pytest.mark.parametrize(
    ("who", "cards", "links"),
    [
        (
            "admin",
            [
                "Link and schedule",
                "Schedules",
                "Figures",
                "LMS API configurations",
                "LMS directory",
                "Places and terms",
                "Media",
                "People",
                "Profile",
            ],
            [
                "Home",
                "Link and schedule",
                "Schedules",
                "Figures",
                "LMS API configurations",
                "LMS directory",
                "Places and terms",
                "Media",
                "People",
            ],
        ),
        (
            "scheduler",
            ["Link and schedule", "Schedules", "Profile"],
            ["Home", "Link and schedule", "Schedules"],
        ),
        ("instructor", ["Schedules", "Analytics", "Profile"], ["Home", "Schedules"]),
        ("outsider", ["You have no role yet"], ["Home"]),
    ],
)
def test_each_person_sees_only_what_is_theirs(visit, who, cards, links):
    response = visit(who)
    assert headings(response) == cards
    assert navigation(response) == links


def test_home_sends_the_anonymous_to_sign_in(client):
    assert client.get("/")["Location"] == "/sign-in/?next=/"


def test_navigation_marks_where_one_is(visit):
    people = visit("admin", reverse("admin:accounts_user_changelist")).content.decode()
    assert re.findall(r'aria-current="page">([^<]+)</a></li>', people) == ["People"]


@pytest.mark.parametrize(
    ("roles", "queries"),
    [
        ([], 4),  # session, person, roles; whether they are students
        (["Administrators"], 3),
        (["Schedulers"], 3),
        (["Instructors"], 4),  # whether they have analytics
        (["Administrators", "Schedulers", "Instructors"], 4),
    ],
)
def test_home_costs_few_queries(client, person, roles, queries, django_assert_num_queries):
    client.force_login(person("ada@example.edu", *roles), backend=MODEL_BACKEND)
    with django_assert_num_queries(queries):
        client.get("/")


# --- Profile ----------------------------------------------------------------------------------------------
def test_profile_saves_name_and_time_zone_and_shows_times_in_it(client, scheduler):
    client.force_login(scheduler, backend=MODEL_BACKEND)
    data = {"full_name": "Ada Example", "time_zone": "Pacific/Auckland"}
    page = client.post("/profile/", data, follow=True).content.decode()
    scheduler.refresh_from_db()
    assert (scheduler.full_name, scheduler.time_zone) == ("Ada Example", "Pacific/Auckland")
    assert "Times are shown in" in page
    assert ">Pacific/Auckland</a>" in page


def test_profile_rejects_an_unknown_time_zone_and_keeps_the_old_one(client, scheduler):
    client.force_login(scheduler, backend=MODEL_BACKEND)
    page = client.post("/profile/", {"full_name": "Ada", "time_zone": "Mars/Olympus"})
    assert list(page.context["form"].errors) == ["time_zone"]
    scheduler.refresh_from_db()
    assert (scheduler.full_name, scheduler.time_zone) == ("Scheduler", "UTC")


@pytest.mark.parametrize("field", ["email", "is_superuser", "is_active", "groups", "password"])
def test_profile_ignores_what_is_not_the_persons_to_change(client, scheduler, field):
    client.force_login(scheduler, backend=MODEL_BACKEND)
    before = User.objects.filter(pk=scheduler.pk).values(field, "groups__name").get()
    client.post("/profile/", {"full_name": "Ada", "time_zone": "UTC", field: "1"})
    assert User.objects.filter(pk=scheduler.pk).values(field, "groups__name").get() == before


def test_page_survives_a_time_zone_the_machine_no_longer_knows(visit, scheduler):
    User.objects.filter(pk=scheduler.pk).update(time_zone="Europe/Atlantis")
    assert visit("scheduler").status_code == 200
