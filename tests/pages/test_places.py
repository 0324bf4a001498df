"""Places and terms in a browser: forms on every screen, refusals that can be read, days added by hand."""

from __future__ import annotations

import datetime

import pytest
from playwright.sync_api import expect

from accounts.models import User
from configurations.models import ApiConfiguration
from directory.models import LmsCourse
from schedules import rearranging
from schedules.models import NonTeachingDay, Term
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
SCREENS = [("light", 1280), ("dark", 320)]


@pytest.fixture
def known(admin, scheduler):
    """A campus with a room in use, a term with days, a section with people and an LMS course, a limit."""
    campus = timetable.campus("North campus with a name that is rather long")
    room = timetable.room("Lecture hall 1", on=campus, capture_agent="hall-1-recorder", turnaround_minutes=5)
    term = timetable.term("Winter 2045")
    section = timetable.section(
        User.objects.create_user("ira@example.edu", full_name="Ira Instructor"), code="PHY-101", term=term
    )
    timetable.schedule(section, in_room=room, title="Physics")
    timetable.schedule(section, in_room=room, title="Chemistry", start_time=datetime.time(10, 10))
    NonTeachingDay.objects.create(name="Reading week", first=MONDAY, last=MONDAY, term=term)
    configuration = ApiConfiguration.objects.create(name="Canvas", base_url="https://x.example", client_id="1")
    timetable.link(section, LmsCourse.objects.create(configuration=configuration, lms_id="1", name="Physics I"))
    scheduler.scheduler_scopes.create(campus=campus)
    room.lead_seconds = 60
    rearranging.save(room, user=admin)
    return {"room": room, "campus": campus, "term": term, "section": section, "person": scheduler}


@pytest.fixture
def faults(page, axe):
    """What is wrong with the page that is open; `heard` are complaints of the browser."""
    heard: list[str] = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("console", lambda said: heard.append(said.text) if "Content Security" in said.text else None)

    def faults():
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found = [f"{too_wide} px too wide"] if too_wide > 0 else []
        found += [*heard]
        found += axe(page)
        heard.clear()  # axe tries inline styles of its own
        return [f"{page.url}: {fault}" for fault in found]

    return faults


@pytest.mark.parametrize(("scheme", "width"), SCREENS)
def test_the_pages_hold_on_every_screen(scheme, width, page, site, known, admin, sign_in, faults):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, admin)
    room, term, campus = known["room"].pk, known["term"].pk, known["campus"].pk
    found = []
    for path in (
        "",
        "room/",
        "room/add/",
        f"room/{room}/change/",
        f"room/{room}/history/",
        f"room/{room}/delete/",
        f"building/{known['room'].building_id}/change/",
        "campus/",
        f"campus/{campus}/change/",
        f"campus/{campus}/delete/",
        "term/",
        "term/add/",
        f"term/{term}/change/",
        "nonteachingday/",
        "nonteachingday/add/",
        "section/",
        f"section/{known['section'].pk}/change/",
        "course/",
        "department/add/",
        "schedulerscope/",
        "schedulerscope/add/",
    ):
        page.goto(f"{site}/admin/schedules/{path}")
        found += faults()
    page.goto(f"{site}/admin/accounts/user/{known['person'].pk}/change/")
    found += faults()
    assert found == []


def test_the_bar_has_room_for_every_entry(page, site, admin, sign_in):
    page.set_viewport_size({"width": 1280, "height": 800})
    sign_in(page, admin)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Places and terms").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Places and terms")
    tops = page.eval_on_selector_all(".site-nav a", "links => links.map(link => link.offsetTop)")
    assert len(set(tops)) == 1


@pytest.mark.parametrize(("scheme", "width"), SCREENS)
def test_a_refused_gap_names_the_captures(scheme, width, page, site, known, admin, sign_in, faults):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, admin)
    page.goto(f"{site}/admin/schedules/room/{known['room'].pk}/change/")
    page.get_by_label("Gap after a recording").fill("30")
    page.get_by_label("Camera", exact=True).uncheck()

    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("Camera: still used by 2 schedules.")).to_be_visible()
    assert faults() == []
    page.get_by_label("Camera", exact=True).check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("4 pairs of captures would overlap")).to_be_visible()
    expect(page.get_by_text("“Physics”, Mon 2 October 2045, 09:00–10:00 and “Chemistry”")).to_be_visible()
    assert faults() == []
    page.get_by_label("Gap after a recording").fill("6")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("8 captures that have not begun got new recording times.")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), SCREENS)
def test_days_are_added_to_a_term_by_hand(scheme, width, page, site, known, admin, sign_in, faults):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    sign_in(page, admin)
    page.goto(f"{site}/admin/schedules/term/{known['term'].pk}/change/")
    page.get_by_role("button", name="Add another Non-teaching day").click()
    row = page.locator("#non_teaching_days-1")
    row.get_by_label("Name").fill("Strike")
    row.get_by_label("First day").fill("2045-10-09")
    assert faults() == []

    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("2 captures are scheduled on Strike (2045-10-09)")).to_be_visible()
    assert Term.objects.get().non_teaching_days.get(name="Strike").last == datetime.date(2045, 10, 9)


def test_instructors_of_a_section_are_added_by_address(page, site, known, admin, sign_in, faults):
    sign_in(page, admin)
    page.goto(f"{site}/admin/schedules/section/{known['section'].pk}/change/")
    expect(page.get_by_label("E-mail").first).to_have_value("ira@example.edu")
    page.get_by_role("button", name="Add another Instructor").click()
    row = page.locator("#teaching-1")
    row.get_by_label("E-mail").fill(known["person"].email)
    row.get_by_label("Primary").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("2 people of the instructors here are primary. Mark exactly one.")).to_be_visible()
    assert faults() == []
    page.locator("#teaching-0").get_by_label("Primary").uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    assert known["section"].primary_instructor == known["person"]
