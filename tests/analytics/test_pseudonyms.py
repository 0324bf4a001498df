"""The file for research: what is in it, and what is not."""

from __future__ import annotations

import csv
import datetime
import io
import re

import pytest
from django.test import Client

from analytics.figures import pseudonyms
from analytics.models import Learner, Poll
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


def rows_of(client: Client) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(client))))


def test_what_is_in_it(section, as_admin):
    rows = rows_of(as_admin)
    views = [row for row in rows if row["kind"] == "view"]
    answers = [row for row in rows if row["kind"] == "answer"]
    assert sorted((row["minutes"], row["watched"], row["day"]) for row in views) == [
        ("0", "10", "2026-05-06"),
        ("0", "20", "2026-05-06"),
        ("5", "30", "2026-05-06"),
    ]
    assert [(row["answer"], row["correct"]) for row in answers] == [("b", "yes")] * 3
    assert len({row["person"] for row in rows}) == 3
    assert {row["person"] for row in views} == {row["person"] for row in answers}


def test_nobody_and_nothing_is_named(section, as_admin):
    text = text_of(as_admin)
    for word in ("Ada", "ada0@", "Secret", "I am", "12:"):
        assert word not in text
    assert all(re.fullmatch("(media|poll) [0-9a-f]{8}", row["item"]) for row in rows_of(as_admin))
    assert all(re.fullmatch("[0-9a-f]{20}", row["person"]) for row in rows_of(as_admin))


def test_figures_are_in_steps(section, as_admin):
    """Exact ones would be a name of their own."""
    media = viewing.media(section, seconds=6000)
    for seconds, learner in zip((149, 150, 2400), Learner.objects.all(), strict=True):
        viewing.watched(media, learner, (0, seconds), at=viewing.NOON + datetime.timedelta(days=1))
    rows = [row for row in rows_of(as_admin) if row["day"] == "2026-05-07"]
    assert {(row["minutes"], row["watched"]) for row in rows} == {("0", "0"), ("5", "5"), ("40", "40")}


def test_rows_stand_by_person_and_are_read_as_they_are_written(section, as_admin, monkeypatch):
    monkeypatch.setattr(pseudonyms, "AT_ONCE", 2)
    rows = rows_of(as_admin)
    assert len(rows) == 6
    people = [row["person"] for row in rows]
    assert people == sorted(people)
    assert [row["kind"] for row in rows] == ["answer", "view"] * 3


def test_the_page_does_not_promise_too_much(section, as_admin):
    page = as_admin.get(ADDRESS).content.decode()
    assert "pseudonymised, not anonymous" in page
    assert "nobody can find out" not in page


def test_people_have_other_numbers_in_another_file(section, as_admin):
    people = [{row["person"] for row in rows_of(as_admin)} for _ in range(2)]
    assert not people[0] & people[1]


def test_what_the_institutions_figures_hide_is_left_out(section, as_admin):
    """Six are enrolled, one of them watched and answered."""
    small = timetable.section(code="BOT1", term=section.term)
    media = viewing.media(small)
    students = [viewing.student(small) for _ in range(6)]
    viewing.watched(media, students[0], (0, 60))
    viewing.answered(viewing.poll(media), students[0], "b")
    page = as_admin.get(ADDRESS).content.decode()
    assert "views of 1 section and answers of 1." in page
    assert "views of 1 section, answers of 1." in page
    assert "BOT1" not in text_of(as_admin)


def test_views_and_answers_are_left_out_apart(section, as_admin):
    """All three watched; one of them answered."""
    other = timetable.section(code="BOT1", term=section.term)
    media = viewing.media(other)
    students = [viewing.student(other) for _ in range(3)]
    for student in students:
        viewing.watched(media, student, (0, 60))
    viewing.answered(viewing.poll(media), students[0], "b")
    rows = [row for row in rows_of(as_admin) if row["course"].startswith("BOT1")]
    assert [row["kind"] for row in rows] == ["view"] * 3


def test_a_poll_that_few_answered_is_left_out(section, as_admin):
    few = viewing.poll(section.media.get())
    for learner in Learner.objects.all()[:2]:
        viewing.answered(few, learner, "a")
    assert "1 other poll with fewer than 3 people is left out" in as_admin.get(ADDRESS).content.decode()
    assert [row["answer"] for row in rows_of(as_admin) if row["kind"] == "answer"] == ["b"] * 3


def test_media_that_is_not_published_is_left_out(section, as_admin):
    hidden = viewing.media(section, published_at=None)
    viewing.watched(hidden, Learner.objects.all()[0], (0, 60))
    assert len([row for row in rows_of(as_admin) if row["kind"] == "view"]) == 3
