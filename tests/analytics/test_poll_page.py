"""The page of one poll: what was answered, by whom, and who may see it."""

from __future__ import annotations

import pytest
from django.test import Client

from analytics.figures.poll import poll_figures
from analytics.models import Poll
from tests.support import timetable, viewing
from tests.support.figures import page_of, rows_of, table_in, words_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def section(instructor):
    return timetable.section(instructor, code="ALG1")


@pytest.fixture
def lecture(section):
    return viewing.media(section, "Sets")


@pytest.fixture
def people(section):
    return [viewing.student(section, name=name) for name in ("Ada", "Ben", "Cleo")]


@pytest.fixture
def as_instructor(client: Client, instructor) -> Client:
    client.force_login(instructor)
    return client


def figures(poll: Poll, *, students_only: bool = True):
    return poll_figures(poll, students_only=students_only)


def shares(poll: Poll) -> list[tuple[str, str, int, int]]:
    return [(one.answer, one.is_key, one.first.number, one.latest.number) for one in figures(poll).choices]


def at(minute: int):
    return viewing.NOON.replace(minute=minute)


def test_distribution_first_and_latest_with_the_key(lecture, people, as_instructor):
    poll = viewing.poll(lecture, question="Why?", at_seconds=61)
    viewing.answered(poll, people[0], "a", at=at(1))
    viewing.answered(poll, people[0], "b", at=at(2))
    viewing.answered(poll, people[1], "a", at=at(3))

    assert shares(poll) == [("Choice a", "", 2, 1), ("Choice b", "Yes", 0, 1), ("Choice c", "", 0, 0)]
    page = page_of(as_instructor, f"/analytics/polls/{poll.pk}/")
    assert table_in(page, "choices")[1][0] == "Choice b ✓ right"
    assert [row[:5] for row in table_in(page, "answers")] == [
        ["Ada", "Choice a", "Choice b", "Yes", "2"],
        ["Ben", "Choice a", "Choice a", "No", "1"],
    ]
    assert table_in(page, "not-answered") == [["Cleo"]]
    words = words_of(page)
    assert "Asked at 1:01 of Sets" in words
    assert "Answered of enrolled 67 % 2 of 3" in words
    assert "Correct at first try 0 % 0 of 2" in words
    assert "Correct at last 50 % 1 of 2" in words


def test_without_a_key_it_is_not_graded(lecture, people, as_instructor):
    poll = viewing.poll(lecture, correct=[])
    viewing.answered(poll, people[0], "a")
    assert (figures(poll).first_correct, figures(poll).correct) == (None, None)
    words = words_of(page_of(as_instructor, f"/analytics/polls/{poll.pk}/"))
    assert "Not graded" in words
    assert "✓ right" not in words


def test_of_several_choices_each_is_counted(lecture, people):
    poll = viewing.poll(lecture, Poll.Kind.SEVERAL, correct=["a[,]c"])
    viewing.answered(poll, people[0], "a[,]c")
    viewing.answered(poll, people[1], "c")
    assert shares(poll) == [("Choice a", "Yes", 1, 1), ("Choice b", "", 0, 0), ("Choice c", "Yes", 2, 2)]


def test_written_answers_are_counted_the_commonest_first(lecture, people):
    poll = viewing.poll(lecture, Poll.Kind.SHORT, correct=["Cantor"])
    for person, said in zip(people, ("Gauss", "cantor", " Cantor "), strict=True):
        viewing.answered(poll, person, said)
    assert shares(poll) == [("cantor", "Yes", 2, 2), ("gauss", "", 1, 1)]


def test_open_answers_are_read_in_full(lecture, people, as_instructor):
    poll = viewing.poll(lecture, Poll.Kind.OPEN, correct=[])
    viewing.answered(poll, people[0], "<b>Because</b> of it")
    page = page_of(as_instructor, f"/analytics/polls/{poll.pk}/")
    assert "&lt;b&gt;Because&lt;/b&gt; of it" in page
    assert '<section id="choices"' not in page


def test_of_an_anonymous_poll_nobody_is_named(lecture, people, as_instructor):
    poll = viewing.poll(lecture, anonymous=True)
    viewing.answered(poll, None, "b")
    viewing.answered(poll, people[0], "a")
    page = page_of(as_instructor, f"/analytics/polls/{poll.pk}/")
    assert "Ada" not in page
    assert "Ben" not in page
    assert [row[3] for row in shares(poll)] == [1, 1, 0]
    assert figures(poll).answered is None
    for table in ("answers", "not-answered"):
        assert as_instructor.get(f"/analytics/polls/{poll.pk}/{table}.csv").status_code == 404


def test_anonymous_open_answers_have_no_names_and_no_times(lecture, people, as_instructor):
    poll = viewing.poll(lecture, Poll.Kind.OPEN, correct=[], anonymous=True)
    viewing.answered(poll, None, "Too fast")
    viewing.answered(poll, people[0], "Too slow")
    rows = rows_of(as_instructor, f"/analytics/polls/{poll.pk}/anonymous-answers.csv")
    assert sorted(row["latest"] for row in rows) == ["Too fast", "Too slow"]
    assert set(rows[0]) == {"latest", "correct"}


def test_an_answer_of_nobody_counts_in_anonymous_polls_only(lecture, people):
    poll = viewing.poll(lecture)
    viewing.answered(poll, None, "a")
    assert figures(poll).answers == 0


def test_others_are_counted_when_everyone_is(lecture, people):
    poll = viewing.poll(lecture)
    viewing.answered(poll, viewing.stranger(), "a")
    assert [figures(poll, students_only=only).answers for only in (True, False)] == [0, 1]


def test_files(lecture, people, as_instructor):
    poll = viewing.poll(lecture)
    viewing.answered(poll, people[0], "b")
    address = f"/analytics/polls/{poll.pk}"
    assert [row["latest"] for row in rows_of(as_instructor, f"{address}/choices.csv")] == ["0", "1", "0"]
    assert rows_of(as_instructor, f"{address}/answers.csv")[0]["name"] == "Ada"
    assert [row["name"] for row in rows_of(as_instructor, f"{address}/not-answered.csv")] == ["Ben", "Cleo"]


def test_nothing_yet(lecture, as_instructor):
    poll = viewing.poll(lecture)
    assert "No student has answered this yet" in page_of(as_instructor, f"/analytics/polls/{poll.pk}/")


@pytest.mark.parametrize("who", ["other_instructor", "admin", "scheduler", "outsider"])
def test_a_foreign_poll_does_not_exist(who, lecture, client, request):
    poll = viewing.poll(lecture)
    client.force_login(request.getfixturevalue(who))
    for address in ("", "choices.csv", "answers.csv"):
        assert client.get(f"/analytics/polls/{poll.pk}/{address}").status_code in (403, 404)


def test_an_answer_of_very_many_digits_is_sorted_all_the_same(client, instructor):
    section = timetable.section(instructor)
    poll = viewing.poll(viewing.media(section), "open", correct=[])
    viewing.answered(poll, viewing.student(section), "1" * 5000)
    client.force_login(instructor)

    assert client.get(f"/analytics/polls/{poll.pk}/?answers_sort=latest").status_code == 200
