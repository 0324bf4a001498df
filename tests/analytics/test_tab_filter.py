"""What the filter of the tab says, and that it is still there on the way back."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

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


def test_own_dates_without_a_date_are_asked_for(client, lecture):
    assert "fill in the first day" in page_of(client, "/analytics/?range=own&first=&last=")
    for query in ("", "?range=60", "?range=own&first=2026-01-01", "?range=nonsense"):
        assert "fill in the first day" not in page_of(client, f"/analytics/{query}")


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
