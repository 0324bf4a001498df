"""The pages of a media, a poll and a student in a browser: axe, narrow and dark, without script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.support import timetable, viewing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def pages(instructor):
    section = timetable.section(instructor)
    lecture = viewing.media(section, "Sets")
    poll = viewing.poll(lecture, question="Why sets?")
    students = [viewing.student(section, name=f"Student {number}") for number in range(1, 31)]
    viewing.watched(lecture, students[0], (0, 300), (100, 200))
    viewing.answered(poll, students[0], "b")
    empty = viewing.media(section, "Groups")
    return [
        f"/analytics/media/{lecture.pk}/",
        f"/analytics/media/{empty.pk}/",
        f"/analytics/polls/{poll.pk}/",
        f"/analytics/polls/{viewing.poll(empty).pk}/",
        f"/analytics/students/{students[0].pk}/",
        f"/analytics/students/{students[1].pk}/",
        f"/analytics/sections/{section.pk}/",
    ]


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (320, "light")])
def test_nothing_is_found_by_axe_and_nothing_overflows(width, scheme, page, site, instructor, pages, sign_in, axe):
    sign_in(page, instructor)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    for address in pages:
        page.goto(f"{site}{address}")
        for summary in page.locator("main summary").all():
            summary.click()
        assert axe(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") == width, address


def test_from_the_tab_to_a_poll_and_back_by_keyboard_and_without_script(browser, site, instructor, pages, sign_in):
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        sign_in(page, instructor)
        page.goto(f"{site}/analytics/?range=all")
        page.get_by_role("link", name="Sets").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1, name="Sets")).to_be_visible()
        page.get_by_role("link", name="Why sets?").press("Enter")
        expect(page.get_by_role("heading", level=1, name="Why sets?")).to_be_visible()
        expect(page.get_by_role("row", name="Choice b ✓ right")).to_contain_text("100")
        page.get_by_role("link", name="Analytics").last.press("Enter")
        expect(page.get_by_role("heading", level=1, name="Analytics")).to_be_visible()
    finally:
        context.close()


@pytest.mark.parametrize("width", [1280, 320])
def test_a_students_own_page(width, page, site, person, pages, sign_in, axe):
    sign_in(page, person("ada@example.edu"))
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{site}/my-viewing/")
    expect(page.get_by_role("heading", name="No courses yet")).to_be_visible()
    assert axe(page) == []

    section = timetable.section(code="BOT1")
    viewing.student(section, email="ada@example.edu")
    viewing.media(section, "Leaves")
    page.goto(f"{site}/")
    page.get_by_role("link", name="My viewing").first.click()

    expect(page.get_by_role("link", name="Leaves")).to_be_visible()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == width
