"""What the filter of the tab says, and that it is still there on the way back."""

from __future__ import annotations

import datetime
import re

import pytest
from django.utils import timezone

from configurations.models import Authorization
from tests.support import timetable, viewing
from tests.support.figures import page_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def lecture(client, instructor):
    client.force_login(instructor)
    yesterday = timezone.now() - datetime.timedelta(days=1)
    made = viewing.media(timetable.section(instructor), recorded_at=yesterday, published_at=yesterday)
    viewing.watched(made, viewing.student(made.section), (0, 300), at=yesterday)
    viewing.poll(made)
    return made


def test_the_way_back_leads_to_the_same_figures(client, lecture):
    chosen = f"section={lecture.section_id}&range=60"
    tab = page_of(client, f"/analytics/?{chosen}&media_page=1")

    for name in ("media", "polls", "students"):
        assert f"/analytics/{name}/" in tab
    address = f"/analytics/media/{lecture.pk}/?section={lecture.section_id}&amp;range=60"
    assert address in tab
    media = page_of(client, address.replace("&amp;", "&"))
    assert f'<a href="/analytics/?section={lecture.section_id}&amp;range=60">Analytics</a>' in media
    assert f"section={lecture.section_id}&amp;range=60&amp;who=everyone" in media


OWN = '<option value="own" selected>'


def test_own_dates_without_a_date_are_asked_for_and_stay_chosen(client, lecture):
    page = page_of(client, "/analytics/?range=own&first=&last=")
    assert "Fill in the first and the last day" in page
    assert OWN in page
    for query in ("", "?range=60", "?range=own&first=2026-01-01", "?range=nonsense"):
        page = page_of(client, f"/analytics/{query}")
        assert "Fill in the first" not in page
        assert (OWN in page) is ("own" in query)


@pytest.mark.parametrize(
    ("query", "said", "shown"),
    [
        (
            "range=own&first=abc&last=2026-05-02",
            "The first day cannot be read",
            "All time until 2 May",
        ),
        (
            "range=own&first=2026-05-01&last=2026-02-30",
            "The last day cannot be read",
            "1 May 2026 –",
        ),
        ("range=own&first=x&last=y", "The first day and the last day cannot be read", "–"),
        ("last=1.5.2026", "The last day cannot be read", "–"),
    ],
)
def test_a_day_that_cannot_be_read_is_told(client, lecture, query, said, shown):
    page = page_of(client, f"/analytics/?{query}")
    assert said in page
    assert "or write it as 2026-05-31." in page
    assert OWN in page
    assert shown in page.partition('class="shown"')[2].partition("</strong>")[0]


def test_days_that_do_not_count_are_not_complained_of(client, lecture):
    for query in ("range=60&first=abc", "range=own&first=2026-01-01&last=", "section=x&term=y&range=z"):
        assert "cannot be read" not in page_of(client, f"/analytics/?{query}")


def test_viewers_are_told_as_a_number_and_as_a_share(client, lecture):
    assert "of 1, 100 %" in page_of(client, "/analytics/")


def test_anonymous_views_have_a_column_where_there_are_any(client, lecture):
    assert "Anonymous</a>" not in page_of(client, "/analytics/")

    viewing.watched(lecture, None, (0, 30), at=timezone.now())

    assert "Anonymous</a>" in page_of(client, "/analytics/")


def test_where_there_was_nothing_before_no_points_are_won(client, lecture):
    page = page_of(client, "/analytics/?range=30")

    assert "none in the 30 days before" in page
    assert "points from" not in page


# --- Where nobody is known to be a student ----------------------------------------------------------------
def notices_of(page):
    return re.findall(r'<div class="notice[^>]*>(.*?)</div>', page, re.DOTALL)


@pytest.fixture
def unlinked(client, instructor):
    """A lecture of a section that no LMS course leads to, watched by somebody."""
    client.force_login(instructor)
    yesterday = timezone.now() - datetime.timedelta(days=1)
    made = viewing.media(timetable.section(instructor), recorded_at=yesterday, published_at=yesterday)
    viewing.watched(made, viewing.stranger(), (0, 300), at=yesterday)
    return made


def test_without_a_link_one_notice_says_why_and_what_to_do(client, unlinked):
    (notice,) = notices_of(page_of(client, "/analytics/"))
    assert "No students are known of these courses" in notice
    assert "not linked to an LMS course" in notice
    assert "ask whoever schedules your lectures to link them" in notice
    assert '<a href="?who=everyone">count everyone</a>' in notice

    (notice,) = notices_of(page_of(client, "/analytics/?who=everyone"))
    assert "not linked" in notice
    assert "count everyone" not in notice
    assert "Nobody has watched" not in notice


def test_without_a_roster_the_reason_is_that_of_the_courses_shown(client, unlinked, lecture):
    # The other course is linked, to an LMS that does not let us read.
    assert "not linked" in str(notices_of(page_of(client, f"/analytics/?section={unlinked.section_id}")))

    lms = viewing.lms_course(unlinked.section)
    assert "does not let echo_lms read" in str(
        notices_of(page_of(client, f"/analytics/?section={unlinked.section_id}"))
    )

    Authorization.objects.create(configuration=lms.configuration, authorized_at=timezone.now())

    (notice,) = notices_of(page_of(client, f"/analytics/?section={unlinked.section_id}"))
    assert "have not been read yet or name no students" in notice
    assert f'<a href="?section={unlinked.section_id}&amp;who=everyone">' in notice


def test_where_nobody_at_all_has_watched_nobody_is_promised(client, instructor):
    client.force_login(instructor)
    viewing.media(timetable.section(instructor))
    (notice,) = notices_of(page_of(client, "/analytics/"))
    assert "Nobody has watched or answered anything in these days." in notice
    assert "count everyone" not in notice


def test_students_who_did_nothing_are_not_everybody(client, lecture):
    viewing.watched(lecture, viewing.stranger(), (0, 60), at=timezone.now())
    (notice,) = [
        one
        for one in notices_of(page_of(client, "/analytics/?range=own&first=2020-01-01&last=2020-01-02"))
        if "watched" in one
    ]
    assert "No student has watched or answered anything here in these days." in notice


def test_who_has_not_lately_says_that_the_days_do_not_matter(client, lecture):
    heading = re.search(r"<h2>Not lately(.*?)</h2>", page_of(client, "/analytics/?range=7"))
    assert heading is not None
    assert "over all time, whatever the range above" in heading[1]


def test_the_chart_of_the_days_is_a_file_of_these_days(client, lecture):
    assert 'href="/analytics/days.csv?range=7">CSV' in page_of(client, "/analytics/?range=7")
