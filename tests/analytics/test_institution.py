"""What administrators see of everybody: sums, and nothing of small groups."""

from __future__ import annotations

import pytest
from django.test import Client

from analytics import folding
from analytics.figures.institution import institution_figures
from analytics.models import ViewUser
from tests.support import timetable, viewing
from tests.support.figures import page_of, rows_of, table_in

pytestmark = pytest.mark.django_db


def watched(code: str, viewers: int, others: int = 0, *, answerers: int = 0, term=None):
    """A section with a lecture of ten minutes that so many have seen half of, and a poll that some answered."""
    section = timetable.section(code=code, **({"term": term} if term else {}))
    media = viewing.media(section)
    poll = viewing.poll(media)
    students = [viewing.student(section) for _ in range(viewers + others)]
    for student in students[:viewers]:
        viewing.store(viewing.events_of(media, (0, 300)), student)
    for student in students[:answerers]:
        viewing.store([{"activity_id": poll.activity_id, "response": "b", "occurred": viewing.NOON}], student)
    folding.fold_all()
    return section


@pytest.fixture(autouse=True)
def three_are_enough(settings):
    settings.ANALYTICS_SMALL_GROUP = 3


@pytest.fixture
def as_admin(client: Client, admin) -> Client:
    client.force_login(admin)
    return client


def test_sums_of_each_section_and_of_all():
    sections = [watched("ALG1", 12, 8), watched("BOT1", 10), watched("GEO1", 0, 5)]
    rows, total = institution_figures(sections)
    assert [(row.course, row.students, row.viewers, row.minutes) for row in rows] == [
        ("ALG1 · 001", 20, 12, 60),
        ("BOT1 · 001", 10, 10, 50),
        ("GEO1 · 001", 5, 0, 0),
    ]
    assert rows[0].average_of_enrolled == pytest.approx(0.3)
    assert (total.students, total.viewers, total.minutes, total.hidden) == (35, 22, 110, "")


def test_a_small_group_is_hidden_with_another_and_nothing_says_which_is_small():
    sections = [watched("ALG1", 1, 9), watched("BOT1", 6, 6), watched("GEO1", 10, 10)]
    rows, total = institution_figures(sections)
    assert [row.viewers for row in rows] == [None, None, 10]
    assert [row.minutes is None for row in rows] == [True, True, False]
    assert [row.average_of_enrolled is None for row in rows] == [True, True, False]
    assert rows[0].hidden == rows[1].hidden == "Hidden: small groups, and what would give them away"
    assert rows[2].hidden == ""
    assert (total.viewers, total.hidden) == (17, "")


def test_the_few_who_did_not_watch_are_hidden_too():
    rows, _ = institution_figures([watched("ALG1", 9, 1), watched("BOT1", 6, 6), watched("GEO1", 10, 10)])
    assert [row.viewers for row in rows] == [None, None, 10]


def test_answers_are_hidden_by_the_number_of_those_who_answered():
    sections = [
        watched("ALG1", 6, 6, answerers=1),
        watched("BOT1", 6, 6, answerers=6),
        watched("GEO1", 10, 10, answerers=10),
    ]
    rows, total = institution_figures(sections)
    assert [row.viewers for row in rows] == [6, 6, 10]
    assert [row.answered for row in rows] == [None, None, 0.5]
    assert [bool(row.hidden) for row in rows] == [True, True, False]
    assert total.answered == pytest.approx(17 / 44)


def test_answers_are_shown_where_the_views_are_hidden():
    rows, total = institution_figures([watched("ALG1", 1, 11, answerers=6)])
    assert (rows[0].viewers, rows[0].answered, total.viewers, total.answered) == (None, 0.5, None, 0.5)


def test_where_nothing_can_hide_it_the_total_goes_too():
    rows, total = institution_figures([watched("ALG1", 2, 20), watched("BOT1", 0, 4)])
    assert (rows[0].viewers, rows[1].viewers, total.viewers, total.minutes) == (None, 0, None, None)


def test_a_small_section_without_anything_to_watch_hides_nothing():
    section = timetable.section(code="ALG1")
    viewing.student(section)
    rows, total = institution_figures([section])
    assert (rows[0].viewers, rows[0].hidden, total.hidden) == (0, "", "")


def test_the_threshold_is_the_institutions(settings):
    section = watched("ALG1", 3)
    rows, _ = institution_figures([section])
    assert rows[0].viewers == 3
    settings.ANALYTICS_SMALL_GROUP = 4
    rows, _ = institution_figures([section])
    assert rows[0].viewers is None


def test_shares_are_cut():
    section = watched("ALG1", 10)
    ViewUser.objects.update(watched_seconds=600)
    rows, _ = institution_figures([section])
    assert rows[0].average_of_enrolled == 0.95


def test_the_page_and_its_file_name_nobody(as_admin):
    section = watched("ALG1", 11)
    page = page_of(as_admin, "/analytics/institution/")
    assert table_in(page, "institution")[0][:4] == ["ALG1 · 001", "11", "1", "11"]
    assert "Student 0" not in page
    rows = rows_of(as_admin, "/analytics/institution.csv")
    assert [row["course"] for row in rows] == ["ALG1 · 001", "All sections"]
    other = watched("OLD1", 0, term=timetable.term("Other"))
    page = page_of(as_admin, f"/analytics/institution/?term={other.term_id}")
    assert "OLD1" in page
    assert section.course.code not in page


def test_where_figures_are_hidden_the_course_says_so_and_the_page_says_why(as_admin):
    term = watched("ALG1", 1, 9).term
    watched("BOT1", 6, 6, term=term)
    watched("GEO1", 10, 10, term=term)
    page = page_of(as_admin, "/analytics/institution/")
    assert [row[0] for row in table_in(page, "institution")][:3] == [
        "ALG1 · 001 some figures hidden",
        "BOT1 · 001 some figures hidden",
        "GEO1 · 001",
    ]
    assert "other sections are hidden with them" in page
    assert rows_of(as_admin, "/analytics/institution.csv")[0]["hidden"].startswith("Hidden: small groups")


def test_one_query_however_many(as_admin, django_assert_num_queries):
    sections = [watched("ALG1", 2), watched("BOT1", 1)]
    for some in (sections[:1], sections):
        with django_assert_num_queries(4):
            institution_figures(some)
