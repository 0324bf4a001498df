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


def watched(code: str, viewers: int, others: int = 0, *, term=None):
    """A section with a lecture of ten minutes that so many have seen half of."""
    section = timetable.section(code=code, **({"term": term} if term else {}))
    media = viewing.media(section)
    for _ in range(viewers):
        viewing.store(viewing.events_of(media, (0, 300)), viewing.student(section))
    for _ in range(others):
        viewing.student(section)
    folding.fold_all()
    return section


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


def test_a_small_group_is_hidden_and_the_next_one_with_it():
    sections = [watched("ALG1", 3, 20), watched("BOT1", 11), watched("GEO1", 13)]
    rows, total = institution_figures(sections)
    assert [row.viewers for row in rows] == [None, None, 13]
    assert [row.minutes is None for row in rows] == [True, True, False]
    assert rows[0].hidden == "Hidden: fewer than 10 viewers"
    assert rows[1].hidden == "Hidden to protect a smaller one"
    assert total.viewers == 27


def test_where_nothing_can_hide_it_the_total_goes_too():
    rows, total = institution_figures([watched("ALG1", 3, 20), watched("BOT1", 0, 4)])
    assert (rows[0].viewers, total.viewers, total.minutes) == (None, None, None)


def test_the_threshold_is_the_institutions(settings):
    settings.ANALYTICS_SMALL_GROUP = 3
    rows, _ = institution_figures([watched("ALG1", 3)])
    assert rows[0].viewers == 3


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


def test_one_query_however_many(as_admin, django_assert_num_queries):
    sections = [watched("ALG1", 2), watched("BOT1", 1)]
    for some in (sections[:1], sections):
        with django_assert_num_queries(4):
            institution_figures(some)
