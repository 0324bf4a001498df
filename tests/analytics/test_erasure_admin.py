"""Erasing somebody in the admin and from a terminal; what is recorded cannot be changed."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from analytics.models import Erasure, Identity, Learner, StudentLook, ViewUser
from tests.support import timetable, viewing

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada():
    section = timetable.section()
    student = viewing.student(section, name="Ada", email="ada@example.edu")
    viewing.watched(viewing.media(section), student, (0, 60))
    return student


@pytest.fixture
def as_admin(client: Client, admin) -> Client:
    client.force_login(admin)
    return client


def test_it_says_what_goes_and_what_stays_and_then_does_it(ada, as_admin, admin, person):
    person("ada@example.edu")
    address = f"/admin/analytics/learner/{ada.pk}/erase/"
    page = as_admin.get(address).content.decode()
    assert "cannot be undone" in page
    assert "without a past" in page
    assert "Delete it there" in page
    assert ViewUser.objects.filter(learner_id=ada.pk).exists()

    answer = as_admin.post(address, follow=True)

    assert "The person is erased" in answer.content.decode()
    assert not Learner.objects.filter(pk=ada.pk).exists()
    assert not ViewUser.objects.filter(learner_id=ada.pk).exists()
    assert Erasure.objects.get().erased_by == admin
    assert as_admin.post(address).status_code == 404


def test_a_search_does_not_change_how_many_names_somebody_has(ada, as_admin):
    Identity.objects.create(key="account:https://canvas.example.edu/|7", learner=ada)
    names = ada.identities.count()
    for query in ({}, {"q": "ada@"}):
        page = as_admin.get("/admin/analytics/learner/", query).content.decode()
        assert f"{names} names" in page


def test_people_are_found_and_cannot_be_changed(ada, as_admin):
    listed = as_admin.get("/admin/analytics/learner/", {"q": "ada@"}).content.decode()
    assert "Ada" in listed
    page = as_admin.get(f"/admin/analytics/learner/{ada.pk}/change/").content.decode()
    assert "mailto:ada@example.edu" in page
    assert "Erase…" in page
    assert 'name="_save"' not in page


def test_looks_are_read_only(ada, as_admin, admin):
    look = StudentLook.objects.create(viewer=admin, learner=ada, what="ALG1 · 001")
    assert "ALG1 · 001" in as_admin.get("/admin/analytics/studentlook/").content.decode()
    assert as_admin.post(f"/admin/analytics/studentlook/{look.pk}/delete/", {"post": "yes"}).status_code == 403
    assert as_admin.get("/admin/analytics/studentlook/add/").status_code == 403


def test_from_a_terminal(ada, capsys, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("erase_learner", "ada@example.edu")
    with pytest.raises(CommandError, match="Nobody is known"):
        call_command("erase_learner", "nobody@example.edu", "--yes")
    call_command("erase_learner", "Ada@Example.edu", "--yes")
    assert "Erased" in capsys.readouterr().out
    assert not Learner.objects.filter(pk=ada.pk).exists()
