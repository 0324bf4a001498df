"""The page of one media: its figures, who has and has not watched, and who may see it."""

from __future__ import annotations

import datetime

import pytest
from django.test import Client
from django.utils import timezone

from analytics.figures.media import media_figures
from analytics.models import SectionFigures
from tests.support import timetable, viewing
from tests.support.figures import page_of, rows_of, table_in, words_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def section(instructor):
    return timetable.section(instructor, code="ALG1")


@pytest.fixture
def lecture(section):
    """600 seconds, so 120 passages of five."""
    return viewing.media(section, "Sets")


@pytest.fixture
def people(section):
    return {name: viewing.student(section, name=name) for name in ("Ada", "Ben", "Cleo")}


@pytest.fixture
def as_instructor(client: Client, instructor) -> Client:
    client.force_login(instructor)
    return client


def figures(lecture, *, students_only=True):
    return media_figures(lecture, lecture.section, students_only=students_only)


def test_who_has_and_who_has_not(lecture, people, as_instructor):
    viewing.watched(lecture, people["Ada"], (0, 600))
    viewing.watched(lecture, people["Ben"], (0, 60), (0, 60))

    page = page_of(as_instructor, f"/analytics/media/{lecture.pk}/")

    watched = table_in(page, "viewers")
    assert [row[:6] for row in watched] == [
        ["Ada", "Student", "1", "10", "100 %", "Yes"],
        ["Ben", "Student", "1", "2", "10 %", "No"],
    ]
    assert table_in(page, "not-watched") == [["Cleo"]]
    assert "Viewers of enrolled 67 % 2 of 3" in words_of(page)


def test_passages_and_replays(lecture, people):
    viewing.watched(lecture, people["Ada"], (0, 20), (10, 20))
    viewing.watched(lecture, people["Ben"], (10, 15))

    found = [(one.passage, one.viewers, one.replays) for one in figures(lecture).passages[:6]]

    assert found == [
        ("0:00–0:05", 1, 0),
        ("0:05–0:10", 1, 0),
        ("0:10–0:15", 2, 1),
        ("0:15–0:20", 1, 1),
        ("0:20–0:25", 0, 0),
        ("0:25–0:30", 0, 0),
    ]


@pytest.mark.parametrize(("seconds", "count", "last"), [(1, 1, 1), (7, 2, 7), (600, 120, 600), (601, 61, 601)])
def test_at_most_120_passages_up_to_the_very_end(section, seconds, count, last):
    passages = figures(viewing.media(section, seconds=seconds)).passages
    assert (len(passages), passages[-1].last) == (count, last)


def test_how_far_they_got(lecture, people):
    viewing.watched(lecture, people["Ada"], (590, 596))
    viewing.watched(lecture, people["Ben"], (0, 300))
    viewing.watched(lecture, people["Cleo"], (0, 149))

    found = [(one.part, one.reached.number, one.reached.of) for one in figures(lecture).reached]

    assert found == [("A quarter", 2, 3), ("Half", 2, 3), ("Three quarters", 1, 3), ("The end", 1, 3)]


def test_others_are_counted_when_everyone_is(lecture, people, as_instructor):
    stranger = viewing.stranger("guest@example.org")
    viewing.watched(lecture, stranger, (0, 60))
    viewing.watched(lecture, None, (0, 60))

    page = page_of(as_instructor, f"/analytics/media/{lecture.pk}/")
    assert "guest@example.org" not in page
    assert "1 view of nobody in particular" in words_of(page)
    assert figures(lecture).passages[0].viewers == 0

    page = page_of(as_instructor, f"/analytics/media/{lecture.pk}/?who=everyone")
    assert table_in(page, "viewers")[0][:2] == ["guest@example.org", "Other"]
    assert len(table_in(page, "not-watched")) == 3


def test_complete_is_what_is_set_for_the_section(lecture, people):
    viewing.watched(lecture, people["Ada"], (0, 300))
    assert figures(lecture).viewers[0].completed == "No"
    SectionFigures.objects.create(section=lecture.section, completion_percent=50)
    assert figures(lecture).viewers[0].completed == "Yes"


def test_its_polls_and_no_others(lecture, people, section, as_instructor):
    mine = viewing.poll(lecture, question="Why sets?")
    viewing.poll(viewing.media(section), question="Why not?")
    viewing.answered(mine, people["Ada"], "b")

    page = page_of(as_instructor, f"/analytics/media/{lecture.pk}/")

    assert table_in(page, "polls")[0][0] == "Why sets?"
    assert f'href="/analytics/polls/{mine.pk}/"' in page
    assert "Why not?" not in page


def test_nothing_yet(lecture, as_instructor):
    page = page_of(as_instructor, f"/analytics/media/{lecture.pk}/")
    assert "No student has watched this yet" in page
    assert "No students are known" in page
    assert "<svg" not in page.partition("<main")[2]


def test_files(lecture, people, as_instructor):
    viewing.watched(lecture, people["Ada"], (0, 600))
    address = f"/analytics/media/{lecture.pk}"
    assert [row["name"] for row in rows_of(as_instructor, f"{address}/viewers.csv")] == ["Ada"]
    assert rows_of(as_instructor, f"{address}/viewers.csv")[0]["email"] == people["Ada"].email
    assert [row["name"] for row in rows_of(as_instructor, f"{address}/not-watched.csv")] == ["Ben", "Cleo"]
    assert len(rows_of(as_instructor, f"{address}/passages.csv")) == 120
    assert len(rows_of(as_instructor, f"{address}/reached.csv")) == 4
    assert as_instructor.get(f"{address}/students.csv").status_code == 404


def test_its_polls_are_a_file_sorted_as_the_page(lecture, section, as_instructor):
    address = f"/analytics/media/{lecture.pk}/polls.csv"
    assert rows_of(as_instructor, address) == []
    for question in ("B?", "=A?"):
        viewing.poll(lecture, question=question)
    viewing.poll(viewing.media(section), question="Of another media?")

    page = page_of(as_instructor, f"/analytics/media/{lecture.pk}/?polls_sort=question")

    assert f'<a href="{address}?polls_sort=question">CSV<span class="visually-hidden"> of its polls' in page
    assert [row["question"] for row in rows_of(as_instructor, address)] == ["B?", "'=A?"]
    response = as_instructor.get(f"{address}?polls_sort=question")
    assert b"".join(response.streaming_content).index(b"=A?") < 250


def test_a_name_cannot_be_a_formula(lecture, section, as_instructor):
    viewing.student(section, name="=1+1")
    assert rows_of(as_instructor, f"/analytics/media/{lecture.pk}/not-watched.csv")[0]["name"] == "'=1+1"


@pytest.mark.parametrize("who", ["other_instructor", "admin", "scheduler", "outsider"])
def test_a_foreign_media_does_not_exist(who, lecture, client, request):
    client.force_login(request.getfixturevalue(who))
    for address in ("", "viewers.csv", "not-watched.csv", "polls.csv"):
        assert client.get(f"/analytics/media/{lecture.pk}/{address}").status_code in (403, 404)


def test_more_students_cost_no_more_queries(lecture, section, as_instructor, django_assert_num_queries):
    counts = []
    for _ in range(2):
        for _ in range(5):
            viewing.watched(lecture, viewing.student(section), (0, 60), at=timezone.now())
        with django_assert_num_queries(27) as counted:
            page_of(as_instructor, f"/analytics/media/{lecture.pk}/")
        counts.append(len(counted))
    assert counts[0] == counts[1]


def test_a_media_that_is_published_later_has_its_page_already(client, instructor):
    later = timezone.now() + datetime.timedelta(days=7)
    media = viewing.media(timetable.section(instructor), published_at=later, recorded_at=timezone.now())
    client.force_login(instructor)

    assert media.title in page_of(client, f"/analytics/media/{media.pk}/")
    assert rows_of(client, f"/analytics/media/{media.pk}/viewers.csv") == []


def test_passages_and_quarters_are_files_as_well(client, instructor):
    media = viewing.media(timetable.section(instructor))
    viewing.watched(media, viewing.student(media.section), (0, 300))
    client.force_login(instructor)
    page = page_of(client, f"/analytics/media/{media.pk}/")

    for name in ("passages", "reached"):
        address = f"/analytics/media/{media.pk}/{name}.csv"
        assert address in page
        assert rows_of(client, address)
