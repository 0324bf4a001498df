"""Lists, the day of a building and the search in a browser: axe, narrow and dark, by keyboard."""

from __future__ import annotations

import datetime

import pytest
from playwright.sync_api import expect

from tests.support import timetable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def term_of_captures(instructor, scheduler):
    room = timetable.room("Theatre", on=timetable.campus("Main Campus"), turnaround_minutes=10)
    for title, hour in (("Algebra", 9), ("Botany", 11)):
        section = timetable.section(instructor, code=title.upper()[:3] + "1")
        start = datetime.time(hour)
        fields = {"title": title, "presenter": instructor, "user": scheduler, "start_time": start}
        timetable.schedule(section, in_room=room, **fields)
    return room


ADDRESSES = (
    "/schedules/",
    "/schedules/captures/",
    "/schedules/captures/?q=algebra",
    "/schedules/captures/?q=nothing-of-the-kind",
    "/schedules/search/?q=algebra",
    "/schedules/search/?q=nothing-of-the-kind",
)


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (320, "dark")])
def test_nothing_is_found_by_axe_and_nothing_overflows(
    width, scheme, page, site, scheduler, term_of_captures, sign_in, axe
):
    sign_in(page, scheduler)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    day = f"/schedules/day/?building={term_of_captures.building_id}&date=2045-10-02"
    for address in (*ADDRESSES, day, "/schedules/day/?date=2027-03-28"):
        page.goto(f"{site}{address}")
        assert axe(page) == [], address
        assert page.evaluate("document.documentElement.scrollWidth") == width, address


def test_an_address_can_be_shared_and_gone_back_to(page, site, scheduler, term_of_captures, sign_in):
    sign_in(page, scheduler)
    page.get_by_role("link", name="Schedules", exact=True).first.click()
    page.get_by_role("link", name="Captures", exact=True).click()
    page.get_by_label("Search").fill("botany")
    page.get_by_label("Search").press("Enter")
    expect(page.get_by_text("4 captures.")).to_be_visible()
    page.get_by_role("link", name="Mon 2 Oct 2045, 11:00–12:00").click()
    expect(page.get_by_role("heading", name="Botany")).to_be_visible()

    page.go_back()

    expect(page.get_by_text("4 captures.")).to_be_visible()
    expect(page.get_by_label("Search")).to_have_value("botany")


def test_an_instructor_comes_to_a_capture_from_the_list(page, site, instructor, term_of_captures, sign_in, axe):
    sign_in(page, instructor)
    page.get_by_role("link", name="Schedules", exact=True).first.click()
    page.get_by_role("link", name="Algebra", exact=True).click()
    page.get_by_role("link", name="Mon 2 Oct 2045").click()
    page.get_by_role("button", name="Cancel this capture").click()
    expect(page.get_by_text("You can restore it until it would begin.")).to_be_visible()
    assert axe(page) == []

    page.get_by_role("button", name="Restore").click()

    expect(page.get_by_text("Restored.")).to_be_visible()
