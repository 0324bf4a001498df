from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as project_settings
from django.test import Client
from django.urls import reverse

from tests.conftest import PASSWORD

WRONG = "That e-mail and password do not go together. Check both and try again."
pytestmark = pytest.mark.django_db


def try_to_sign_in(client: Client, email: str, password: str = PASSWORD, **extra: Any) -> Any:
    return client.post("/sign-in/", {"username": email, "password": password}, **extra)


def signed_in(client: Client) -> bool:
    return client.get("/").status_code == 200


@pytest.mark.parametrize("typed", ["admin@example.edu", "ADMIN@Example.EDU", "  Admin@example.edu "])
def test_sign_in_ignores_case_and_spaces_of_the_email(client, admin, typed):
    response = try_to_sign_in(client, typed)
    assert response.status_code == 302
    assert response["Location"] == "/"
    assert signed_in(client)


def test_sign_in_goes_on_to_the_page_that_was_asked_for(client, admin):
    response = client.post("/sign-in/?next=/profile/", {"username": admin.email, "password": PASSWORD})
    assert response["Location"] == "/profile/"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_sign_in_refuses_to_lead_to_another_site(client, admin, target):
    data = {"username": admin.email, "password": PASSWORD, "next": target}
    assert client.post("/sign-in/", data)["Location"] == "/"


def test_wrong_password_and_unknown_email_are_told_the_same(client, admin):
    answers = [
        try_to_sign_in(client, admin.email, "not the password"),
        try_to_sign_in(client, "nobody@example.edu"),
    ]
    assert [answer.context["form"].non_field_errors() for answer in answers] == [[WRONG], [WRONG]]
    assert [answer.status_code for answer in answers] == [200, 200]


def test_inactive_person_is_told_the_same_and_stays_out(client, person):
    inactive = person("gone@example.edu", "Administrators", is_active=False)
    response = try_to_sign_in(client, inactive.email)
    assert response.context["form"].non_field_errors() == [WRONG]
    assert not signed_in(client)


def test_person_without_a_password_cannot_sign_in(client, django_user_model):
    django_user_model.objects.create_user("instructor@example.edu")
    for password in ["", "None", "!"]:
        try_to_sign_in(client, "instructor@example.edu", password)
    assert not signed_in(client)


def test_person_made_inactive_is_signed_out_at_once(client, admin):
    client.force_login(admin, backend=project_settings.AUTHENTICATION_BACKENDS[1])
    assert signed_in(client)
    admin.is_active = False
    admin.save()
    assert not signed_in(client)


# --- The lock ---------------------------------------------------------------------------------------------
def fail(client: Client, email: str, times: int, **extra: Any) -> list[int]:
    return [try_to_sign_in(client, email, "not the password", **extra).status_code for _ in range(times)]


def test_the_fifth_wrong_password_locks_sign_in_for_fifteen_minutes(client, admin):
    assert fail(client, admin.email, 5) == [200, 200, 200, 200, 429]
    locked = try_to_sign_in(client, admin.email)
    assert locked.status_code == 429
    assert locked["Retry-After"] == "900"
    assert "<strong>15 minutes</strong>" in locked.content.decode()
    assert not signed_in(client)


def test_another_spelling_of_the_email_does_not_get_five_more_tries(client, admin):
    fail(client, admin.email, 4)
    assert fail(client, admin.email.upper(), 1) == [429]


def test_lock_from_one_address_leaves_others_alone(admin):
    fail(Client(), admin.email, 5, REMOTE_ADDR="192.0.2.1")
    assert try_to_sign_in(Client(), admin.email, REMOTE_ADDR="192.0.2.1").status_code == 429
    assert try_to_sign_in(Client(), admin.email, REMOTE_ADDR="192.0.2.2").status_code == 302


def test_a_made_up_forwarded_address_does_not_escape_the_lock(client, admin, settings):
    settings.TRUSTED_PROXIES = 0
    codes = [fail(client, admin.email, 1, HTTP_X_FORWARDED_FOR=f"203.0.113.{number}")[0] for number in range(5)]
    assert codes[-1] == 429


def test_signing_in_forgets_earlier_failures(client, admin):
    fail(client, admin.email, 4)
    try_to_sign_in(client, admin.email)
    client.post("/sign-out/")
    assert fail(client, admin.email, 4) == [200, 200, 200, 200]


# --- Out, and the password --------------------------------------------------------------------------------
def test_sign_out_ends_the_session_and_says_so(client, admin):
    client.force_login(admin, backend=project_settings.AUTHENTICATION_BACKENDS[1])
    page = client.post("/sign-out/", follow=True)
    assert [str(message) for message in page.context["messages"]] == ["You are signed out."]
    assert not signed_in(client)


@pytest.mark.parametrize("url_name", ["sign_out", "admin:logout"])
def test_sign_out_requires_post(client, admin, url_name):
    client.force_login(admin, backend=project_settings.AUTHENTICATION_BACKENDS[1])
    assert client.get(reverse(url_name)).status_code == 405
    assert signed_in(client)


def change_password(client: Client, old: str, new: str) -> Any:
    data = {"old_password": old, "new_password1": new, "new_password2": new}
    return client.post("/profile/password/", data, follow=True)


def test_password_change_keeps_this_session_and_ends_the_others(client, admin):
    other = Client()
    for device in (client, other):
        try_to_sign_in(device, admin.email)
    page = change_password(client, PASSWORD, "battery-horse-staple")
    assert page.redirect_chain == [("/profile/", 302)]
    assert [signed_in(client), signed_in(other)] == [True, False]
    assert try_to_sign_in(Client(), admin.email, "battery-horse-staple").status_code == 302


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("not the old one", "battery-horse-staple", "old_password"),
        (PASSWORD, "short", "new_password2"),
        (PASSWORD, "1029384756019", "new_password2"),
        (PASSWORD, "admin@example.edu", "new_password2"),
    ],
)
def test_password_change_rejects(client, admin, old, new, field):
    try_to_sign_in(client, admin.email)
    page = change_password(client, old, new)
    assert list(page.context["form"].errors) == [field]
    admin.refresh_from_db()
    assert admin.check_password(PASSWORD)


def test_clearing_expired_sessions_leaves_the_living_ones(client, admin):
    from accounts.tasks import clear_expired_sessions  # noqa: PLC0415 - reads settings

    try_to_sign_in(client, admin.email)
    clear_expired_sessions()
    assert signed_in(client)
