"""The Analytics tab in a browser: axe, narrow and dark, by keyboard, without script, printed."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from configurations.models import ApiConfiguration, Authorization
from tests.support import timetable, viewing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def term(instructor):
    """Two courses of which one was watched, and an LMS that lets us read."""
    at = timezone.now() - datetime.timedelta(days=2)
    sections = [timetable.section(instructor, code=code) for code in ("ALG1", "BOT1")]
    for section in sections:
        students = [viewing.student(section, name=f"Student {number}") for number in range(1, 4)]
        for number in (1, 2, 10):
            media = viewing.media(section, f"Week {number}", recorded_at=at, published_at=at)
            poll = viewing.poll(media)
            if section == sections[0]:
                viewing.watched(media, students[0], (0, 60 * number), at=at)
                viewing.answered(poll, students[0], "c", at=at)
    Authorization.objects.create(configuration=ApiConfiguration.objects.get(), authorized_at=timezone.now())
    return sections


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (320, "light"), (320, "dark")])
def test_nothing_is_found_by_axe_and_nothing_overflows(width, scheme, page, site, instructor, term, sign_in, axe):
    sign_in(page, instructor)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    for query in ("", "?range=own&first=2026-01-01&last=2026-01-02", f"?section={term[1].pk}", "?section=0"):
        page.goto(f"{site}/analytics/{query}")
        for summary in page.locator("main summary").all():
            if summary.locator("xpath=..").get_attribute("open") is None:
                summary.click()
        assert axe(page) == [], query
        assert page.evaluate("document.documentElement.scrollWidth") == width, query


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_shows_that_there_is_more_until_its_end(scheme, page, site, instructor, term, sign_in):
    sign_in(page, instructor)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(f"{site}/analytics/?range=all")
    media = page.get_by_role("region", name="Media")
    media.evaluate("one => scrollTo(0, one.getBoundingClientRect().top + scrollY - 100)")
    box = media.bounding_box()
    assert box is not None

    def pixel(x: float) -> bytes:
        """Above the text of the heads."""
        shot: bytes = page.screenshot(clip={"x": x, "y": box["y"] + 14, "width": 1, "height": 1})
        return shot

    edge, ground = box["x"] + box["width"] - 3, pixel(box["x"] + 30)
    assert pixel(edge) != ground
    media.evaluate("one => { one.scrollLeft = one.scrollWidth }")
    assert pixel(edge) == ground


def test_why_figures_of_the_institution_are_hidden_is_in_sight(page, site, admin, sign_in):
    section = timetable.section(code="ALG1")
    viewing.watched(viewing.media(section), viewing.student(section), (0, 60))
    for _ in range(11):
        viewing.student(section)
    sign_in(page, admin)
    page.set_viewport_size({"width": 320, "height": 800})
    page.goto(f"{site}/analytics/institution/")
    row = page.get_by_role("region", name="Sections").get_by_role("row").filter(has_text="ALG1")
    row.scroll_into_view_if_needed()

    expect(row.get_by_text("some figures hidden")).to_be_in_viewport(ratio=1)
    box = row.bounding_box()
    assert box is not None
    assert box["height"] < 90


@pytest.mark.parametrize("width", [1280, 320])
def test_what_is_missing_is_said_without_faults(width, page, site, instructor, sign_in, axe):
    sign_in(page, instructor)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{site}/analytics/")
    expect(page.get_by_role("heading", name="You teach no section here yet")).to_be_visible()
    assert axe(page) == []

    viewing.lms_course(timetable.section(instructor))
    page.reload()

    expect(page.get_by_role("heading", name="The LMS is not connected")).to_be_visible()
    assert axe(page) == []


def test_by_keyboard_from_the_navigation_to_a_sorted_table(page, site, instructor, term, sign_in):
    sign_in(page, instructor)
    page.get_by_role("link", name="Analytics", exact=True).first.focus()
    page.keyboard.press("Enter")
    media = page.get_by_role("region", name="Media")
    page.get_by_role("navigation", name="On this page").get_by_role("link", name="Media").press("Enter")
    media.get_by_role("link", name="Views", exact=True).press("Enter")

    expect(media.get_by_role("columnheader", name="Views", exact=True)).to_have_attribute(
        "aria-sort", "descending"
    )
    expect(media.get_by_role("row")).to_have_count(8)
    expect(page).to_have_url(f"{site}/analytics/?media_sort=-views#media")
    media.focus()
    expect(media).to_be_focused()


def test_the_filter_keeps_its_choice_in_the_address(page, site, instructor, term, sign_in):
    sign_in(page, instructor)
    page.goto(f"{site}/analytics/")
    expect(page.get_by_label("First day")).to_be_hidden()
    page.get_by_label("Range").select_option("Own dates")
    page.get_by_label("First day").fill("2026-01-01")
    page.get_by_label("Who counts").select_option("Everyone")
    page.get_by_text("Courses: all 2").click()
    page.get_by_label("BOT1").check()
    page.get_by_role("button", name="Show").click()

    expect(page.get_by_text("1 of 2 courses, everyone")).to_be_visible()
    expect(page.get_by_label("BOT1")).to_be_checked()
    assert f"section={term[1].pk}" in page.url
    page.get_by_label("Days without anything").fill("3")
    page.get_by_role("button", name="List").click()
    expect(page.get_by_label("Days without anything")).to_have_value("3")
    expect(page.get_by_text("1 of 2 courses, everyone")).to_be_visible()


def test_the_chart_says_in_words_and_as_a_table_what_it_shows(page, site, instructor, term, sign_in):
    sign_in(page, instructor)
    page.goto(f"{site}/analytics/?range=7")

    chart = page.get_by_role("img", name="Views by day")
    expect(chart).to_be_visible()
    expect(chart.locator("rect")).to_have_count(7)
    expect(page.locator("figcaption")).to_contain_text("3 views; most on")
    page.get_by_text("The same as a table").click()
    expect(page.get_by_role("region", name="Views by day").get_by_role("row")).to_have_count(8)


def test_it_works_without_script(browser, site, instructor, term, client):
    client.force_login(instructor, backend="django.contrib.auth.backends.ModelBackend")
    context = browser.new_context(java_script_enabled=False)
    context.add_cookies([{"name": name, "value": one.value, "url": site} for name, one in client.cookies.items()])
    page = context.new_page()
    page.goto(f"{site}/analytics/")
    page.get_by_label("Range").select_option("7 days")
    page.get_by_role("button", name="Show").click()
    page.get_by_role("region", name="Media").get_by_role("link", name="Title").click()

    expect(page.get_by_role("region", name="Media").get_by_role("rowheader").first).to_have_text("Week 1")
    expect(page.get_by_label("Range")).to_have_value("7")
    context.close()


def test_a_file_comes_with_the_filter_of_the_page(page, site, instructor, term, sign_in):
    sign_in(page, instructor)
    page.goto(f"{site}/analytics/?section={term[0].pk}")
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of media").click()

    text = download.value.path().read_text(encoding="utf-8-sig")
    assert download.value.suggested_filename.startswith("analytics-media-")
    assert text.count("ALG1") == 3
    assert "BOT1" not in text
