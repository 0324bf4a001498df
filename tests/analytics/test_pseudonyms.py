"""The file for research: what is in it, and that nobody can be found in it."""

from __future__ import annotations

import csv
import io

import pytest
from django.test import Client

from analytics.models import Poll
from tests.support import timetable, viewing

pytestmark = pytest.mark.django_db
ADDRESS = "/analytics/institution/pseudonymised/"


@pytest.fixture
def section(settings):
    settings.ANALYTICS_SMALL_GROUP = 3
    section = timetable.section(code="ALG1")
    media = viewing.media(section, "Secret title")
    choice = viewing.poll(media, question="Secret question?")
    written = viewing.poll(media, Poll.Kind.OPEN, correct=[])
    hidden = viewing.poll(media, anonymous=True)
    for number in range(3):
        student = viewing.student(section, name=f"Ada {number}", email=f"ada{number}@example.edu")
        viewing.watched(media, student, (0, 60 * (number + 1)))
        viewing.answered(choice, student, "b")
        viewing.answered(written, student, "I am Ada")
        viewing.answered(hidden, student, "c")
    return section


@pytest.fixture
def as_admin(client: Client, admin) -> Client:
    client.force_login(admin)
    return client


def text_of(client: Client) -> str:
    return b"".join(client.post(ADDRESS).streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]


def test_what_is_in_it(section, as_admin):
    rows = list(csv.DictReader(io.StringIO(text_of(as_admin))))
    views = [row for row in rows if row["kind"] == "view"]
    answers = [row for row in rows if row["kind"] == "answer"]
    assert sorted((row["minutes"], row["watched"], row["day"]) for row in views) == [
        ("1.0", "10.0", "2026-05-06"),
        ("2.0", "20.0", "2026-05-06"),
        ("3.0", "30.0", "2026-05-06"),
    ]
    assert [(row["answer"], row["correct"]) for row in answers] == [("b", "yes")] * 3
    assert len({row["person"] for row in rows}) == 3
    assert {row["person"] for row in views} == {row["person"] for row in answers}


def test_nobody_and_nothing_is_named(section, as_admin):
    text = text_of(as_admin)
    for word in ("Ada", "ada0@", "Secret", "I am", "12:", str(section.pk) + ","):
        assert word not in text.replace("ALG1 · 001", "")


def test_two_files_cannot_be_put_together(section, as_admin):
    people = [{row["person"] for row in csv.DictReader(io.StringIO(text_of(as_admin)))} for _ in range(2)]
    assert not people[0] & people[1]


def test_small_sections_are_left_out(section, as_admin):
    small = timetable.section(code="BOT1", term=section.term)
    viewing.watched(viewing.media(small), viewing.student(small), (0, 60))
    assert "1 with fewer than 3 students is left out" in as_admin.get(ADDRESS).content.decode()
    assert "BOT1" not in text_of(as_admin)
