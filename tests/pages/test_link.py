"""The linking page in a browser: by keyboard alone, by mouse on a narrow screen, and without script."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from directory import runs
from directory.models import LmsCourse
from directory.work import Work
from schedules.models import Capture, CaptureSchedule, LmsCourseLink, Section
from tests.support import timetable
from tests.support.consent import authorize

pytestmark = pytest.mark.django_db(transaction=True)
INSTRUCTOR = "instructor@demo.example"


@pytest.fixture
def campus(configuration, sandbox, admin):
    """A connected Canvas whose courses are known, a room, and the courses' term far ahead."""
    authorize(configuration, sandbox, admin)
    Work(runs.start_run(configuration, everything=True), seconds=60).do()
    room = timetable.room("Theatre", on=timetable.campus("Main Campus"))
    timetable.term(LmsCourse.objects.get(code="ALG101").term_name)
    return room


@pytest.fixture
def linking_page(page, site, campus, scheduler, sign_in):
    sign_in(page, scheduler)
    page.get_by_role("link", name="Link and schedule").first.click()
    return page


def tab_to(page, element):
    """Presses Tab until the element has the focus, as somebody without a mouse would."""
    for _ in range(80):
        if element.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {element}")


def test_the_whole_page_by_keyboard_alone(linking_page, campus, axe):
    page = linking_page
    keys = page.keyboard
    assert axe(page) == []

    tab_to(page, page.get_by_label("Instructor’s e-mail"))
    keys.type(INSTRUCTOR)
    keys.press("Enter")
    expect(page.get_by_text("Courses of Ira Instructor")).to_be_visible()
    tab_to(page, page.get_by_role("radio", name="Algebra I"))
    keys.press("Space")
    expect(page.get_by_label("Course code")).to_have_value("ALG101")
    expect(page.get_by_role("radio", name="Algebra I")).to_be_focused()
    tab_to(page, page.get_by_role("checkbox", name="Monday"))
    keys.press("Space")
    tab_to(page, page.get_by_label("Start", exact=True))
    keys.type("0900AM")
    tab_to(page, page.get_by_label("or length (minutes)"))
    keys.type("50")
    tab_to(page, page.get_by_label("Building"))
    keys.type("Main")
    keys.press("Tab")
    expect(page.get_by_label("Room", exact=True).get_by_role("option")).to_have_count(2)
    tab_to(page, page.get_by_label("Room", exact=True))
    keys.type("Theatre")
    keys.press("Tab")
    expect(page.get_by_text("12 captures").first).to_be_visible()
    day = page.get_by_role("button", name="9 October 2045: recorded")
    tab_to(page, day)
    keys.press("Enter")
    expect(page.get_by_text("11 captures").first).to_be_visible()
    expect(page.get_by_role("button", name="9 October 2045: left out")).to_be_focused()
    assert axe(page) == []
    tab_to(page, page.get_by_role("button", name="Save and schedule"))
    keys.press("Enter")

    expect(page.get_by_role("heading", name="Saved")).to_be_visible()
    assert axe(page) == []
    assert Section.objects.get().links.get().lms_course.code == "ALG101"
    assert timetable.starts(CaptureSchedule.objects.get())[:2] == ["2045-10-02 09:00", "2045-10-16 09:00"]


def fill_in(page):
    page.get_by_label("Instructor’s e-mail").fill(INSTRUCTOR)
    page.get_by_role("button", name="Find courses").click()
    page.get_by_text("Botany II").click()
    expect(page.get_by_label("Course code")).to_have_value("BOT102")
    page.get_by_label("Building").select_option(label="Main Campus › " + campus_building())
    expect(page.get_by_label("Room", exact=True).get_by_role("option")).to_have_count(2)
    page.get_by_label("Room", exact=True).select_option(label="Theatre")
    page.get_by_label("Start", exact=True).fill("09:00")
    page.get_by_label("End", exact=True).fill("10:00")
    page.get_by_text("Monday", exact=True).click()


def campus_building():
    from schedules.models import Building  # noqa: PLC0415 - read when the page is filled in

    return Building.objects.get().name


@pytest.fixture
def linked_botany(campus):
    code = LmsCourse.objects.get(code="BOT102")
    code.name = "Botany II"
    code.save()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_whole_page_by_mouse_on_a_narrow_screen(scheme, linking_page, linked_botany, axe):
    page = linking_page
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 320, "height": 640})
    fill_in(page)
    expect(page.get_by_text("12 captures").first).to_be_visible()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320

    page.get_by_role("button", name="Save and schedule").click()

    expect(page.get_by_role("heading", name="Saved")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    assert Capture.objects.count() == 12


def test_a_conflict_shows_while_typing_and_goes_with_another_time(linking_page, linked_botany, campus, axe):
    timetable.schedule(in_room=campus, title="Anatomy")
    page = linking_page
    fill_in(page)

    expect(page.get_by_text("The room is taken on 4 dates.")).to_be_visible()
    assert axe(page) == []
    page.get_by_role("button", name="Save and schedule").click()
    expect(page.get_by_role("alert")).to_contain_text("The room is taken on 4 dates. Nothing was saved.")
    expect(page.get_by_label("Course code")).to_have_value("BOT102")
    page.get_by_label("Start", exact=True).fill("11:00")
    page.get_by_label("End", exact=True).fill("12:00")
    page.get_by_label("End", exact=True).blur()

    expect(page.get_by_text("The room is taken on 4 dates. Leave")).to_have_count(0)


def test_what_is_typed_while_an_answer_is_on_its_way_stays(linking_page):
    page = linking_page
    page.get_by_label("Instructor’s e-mail").fill(INSTRUCTOR)
    page.get_by_role("button", name="Find courses").click()
    expect(page.get_by_role("radio", name="Algebra I")).to_be_visible()
    page.get_by_label("Title").fill("Before")
    held = []
    page.route("**/schedules/link/", lambda route: held.append(route))
    with page.expect_request("**/schedules/link/"):
        page.get_by_role("radio", name="A section that exists here").check()

    page.get_by_label("Title").press("End")
    page.get_by_label("Title").press_sequentially(" and after")
    held[0].continue_()

    expect(page.get_by_label("Search sections")).to_be_visible()
    expect(page.get_by_label("Title")).to_have_value("Before and after")


def test_the_fresh_list_swaps_in(linking_page, sandbox, campus):
    from directory.models import LmsInstructor  # noqa: PLC0415

    LmsInstructor.objects.update(refreshed_at=timezone.now() - datetime.timedelta(hours=3))
    page = linking_page
    page.get_by_label("Instructor’s e-mail").fill(INSTRUCTOR)
    page.get_by_role("button", name="Find courses").click()
    expect(page.get_by_text("a fresh list is on its way")).to_be_visible()

    LmsInstructor.objects.update(refreshed_at=timezone.now())

    expect(page.get_by_text("a fresh list is on its way")).to_have_count(0)


def test_without_script_the_page_does_the_same(browser, site, campus, scheduler, sign_in):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, scheduler)
    page.goto(f"{site}/schedules/link/")
    page.get_by_label("Instructor’s e-mail").fill(INSTRUCTOR)
    page.get_by_role("button", name="Find courses").click()
    page.get_by_role("radio", name="Algebra I").check()
    page.get_by_role("button", name="Take this course").click()
    expect(page.get_by_label("Course code")).to_have_value("ALG101")
    page.get_by_label("Building").select_option(index=1)
    page.get_by_role("button", name="Show the rooms of the building").click()
    page.get_by_label("Room", exact=True).select_option(index=1)
    page.get_by_label("Start", exact=True).fill("09:00")
    page.get_by_label("End", exact=True).fill("10:00")
    page.get_by_role("checkbox", name="Monday").check()
    page.get_by_role("button", name="Check without saving").click()
    expect(page.get_by_text("12 captures").first).to_be_visible()
    page.get_by_role("button", name="9 October 2045: recorded").click()
    expect(page.get_by_text("11 captures").first).to_be_visible()

    page.get_by_role("button", name="Save and schedule").click()

    expect(page.get_by_role("heading", name="Saved")).to_be_visible()
    assert LmsCourseLink.objects.exists()
    context.close()


def test_the_pages_behind_it(page, site, campus, scheduler, instructor, sign_in, axe):
    section = timetable.section(instructor, code="ALG1")
    schedule = timetable.schedule(section, in_room=campus, user=scheduler, presenter=instructor)
    timetable.link(section, LmsCourse.objects.get(code="ALG101"))
    capture = schedule.captures.earliest("pk")
    sign_in(page, scheduler)
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        for address in (
            section.get_absolute_url(),
            f"{section.get_absolute_url()}change/",
            schedule.get_absolute_url(),
            f"{schedule.get_absolute_url()}change/",
            f"{schedule.get_absolute_url()}end/?last=2045-10-09",
            f"{schedule.get_absolute_url()}delete/",
            capture.get_absolute_url(),
            f"{capture.get_absolute_url()}change/",
            f"/schedules/links/{LmsCourseLink.objects.get().pk}/unlink/",
            f"/schedules/links/{LmsCourseLink.objects.get().pk}/move/?q=a",
        ):
            page.goto(f"{site}{address}")
            assert axe(page) == [], address
            assert page.evaluate("document.documentElement.scrollWidth") == width, address
