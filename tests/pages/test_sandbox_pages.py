"""The sandbox's pages are used by newcomers, so they are held to the same rules: axe, and 320 pixels."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

PAGES = (
    "/",
    "/login",
    "/developer_keys",
    "/developer_keys/new",
    "/profile/settings",
    "/sandbox",
    "/sandbox/university",
    "/sandbox/university?find=no-such-person",
    "/no-such-page",
)


@pytest.fixture
def logged_in(page: Page, sandbox) -> Page:
    sandbox.reset("demo")
    sandbox.create_key(redirect_uris=["http://localhost:8000/lms/api/oauth2/complete"], on=True)
    page.goto(f"{sandbox.url}/login")
    page.get_by_label("Login").fill("canvas-admin@demo.example")
    page.get_by_label("Password").fill("canvas")
    page.get_by_role("button", name="Log in").click()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_and_nothing_is_wider_than_a_small_screen(logged_in, sandbox, axe, scheme):
    page = logged_in
    page.emulate_media(color_scheme=scheme)
    state = sandbox.state()
    course, person = state["courses"][0]["id"], state["instructor"]["id"]
    sandbox.edit(person={"id": state["people"][5]["id"], "deleted": True})
    people = [f"/sandbox/university?person={one}" for one in (person, state["people"][5]["id"])]
    for path in (*PAGES, f"/courses/{course}", *people):
        page.set_viewport_size({"width": 1280, "height": 800})
        page.goto(sandbox.url + path)
        assert axe(page) == [], path
        page.set_viewport_size({"width": 320, "height": 700})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path


def test_a_course_added_by_hand_is_a_course_of_its_teacher(logged_in, sandbox):
    page = logged_in
    page.goto(f"{sandbox.url}/sandbox/university")
    page.get_by_label("Course name").fill("Zoology at Dusk")
    page.get_by_label("Course code").fill("ZOO1")
    page.get_by_role("button", name="Add course").click()

    assert page.get_by_role("status").inner_text() == "Zoology at Dusk is added."
    assert "Zoology at Dusk" in [course["name"] for course in sandbox.state()["courses"]]


@pytest.fixture
def person(logged_in: Page, sandbox) -> Page:
    """The page of Ira Instructor, found by the search."""
    page = logged_in
    page.goto(f"{sandbox.url}/sandbox/university")
    page.get_by_label("Name, login or e-mail address").fill("INSTRUCTOR@")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Ira Instructor").click()
    return page


def row(page: Page, course: str) -> list[str]:
    """Role, enrollment and course, as the table of a person's courses says."""
    cells = page.get_by_role("row").filter(has_text=course).first.get_by_role("cell").all_inner_texts()
    return cells[3:6]


def press(page: Page, name: str) -> str:
    """What the next page says was done."""
    page.get_by_role("button", name=name, exact=True).first.click()
    return page.get_by_role("status").inner_text()


def courses(sandbox) -> dict[str, str]:
    return {course["name"]: course["workflow_state"] for course in sandbox.state()["courses"]}


def test_a_persons_courses_are_shown_with_role_and_states(person):
    assert row(person, "Algebra II") == ["Teacher", "active", "unpublished"]
    assert row(person, "Chemistry Lab") == ["Ta", "active", "available"]
    assert row(person, "Drama Workshop") == ["Teacher", "invited", "available"]


def test_a_course_is_added_on_the_page_of_its_teacher(person, sandbox):
    person.get_by_label("Course name").fill("Zoology at Dawn")
    person.get_by_label("Course code").fill("ZOO2")

    assert press(person, "Add course") == "Zoology at Dawn is added."
    assert row(person, "Zoology at Dawn") == ["Teacher", "active", "available"]


def test_enrollments_and_courses_change_and_stay_changed(person, sandbox):
    said = press(person, "Accept invitation: Drama Workshop")
    assert said == "Ira Instructor has accepted the invitation to Drama Workshop."
    assert row(person, "Drama Workshop") == ["Teacher", "active", "available"]

    assert press(person, "Remove from course: Chemistry Lab") == "Ira Instructor is removed from Chemistry Lab."
    assert row(person, "Chemistry Lab") == ["Ta", "deleted", "available"]

    # Canvas ends the enrollments with the course.
    assert press(person, "Conclude course: Algebra I") == "Algebra I is concluded."
    assert row(person, "ALG101") == ["Teacher", "completed", "completed"]
    assert press(person, "Delete course: Algebra II") == "Algebra II is deleted."
    assert row(person, "ALG102") == ["Teacher", "deleted", "deleted"]

    person.reload()
    assert person.get_by_role("status").count() == 0  # said once
    assert row(person, "ALG102") == ["Teacher", "deleted", "deleted"]
    assert courses(sandbox)["Algebra II"] == "deleted"


def test_a_person_gets_another_name_and_address(person, sandbox):
    person.get_by_label("Name", exact=True).fill("Ira <b>New</b>")
    person.get_by_label("E-mail address").fill("ira.new@demo.example")

    assert press(person, "Save") == "Saved: Ira <b>New</b>, ira.new@demo.example."
    assert person.get_by_role("heading", level=1).inner_text() == "Ira <b>New</b>"

    person.get_by_label("E-mail address").fill("")
    assert press(person, "Save") == "Saved: Ira <b>New</b>, without an e-mail address."


def test_a_deleted_person_keeps_a_page_without_buttons(person, sandbox):
    assert press(person, "Delete person: Ira Instructor") == "Ira Instructor is deleted."
    assert row(person, "Chemistry Lab") == ["Ta", "deleted", "available"]
    assert person.get_by_role("button", name="Save").count() == 0


def test_a_person_is_merged_into_another_one(person, sandbox):
    person.get_by_label("Login of the one who stays").fill("nobody@demo.example")
    person.get_by_role("button", name="Merge").click()
    assert person.get_by_role("alert").inner_text() == "Nobody has that login."

    person.get_by_label("Login of the one who stays").fill("ann@demo.example")
    assert press(person, "Merge") == "Ira Instructor is merged into Ann Ash."

    assert person.get_by_role("heading", level=1).inner_text() == "Ann Ash"
    assert row(person, "Chemistry Lab") == ["Ta", "active", "available"]
    assert row(person, "Logic") == ["Teacher", "active", "available"]


def test_there_is_no_page_of_nobody(logged_in, sandbox):
    assert logged_in.goto(f"{sandbox.url}/sandbox/university?person=999").status == 404


def test_the_university_is_changed_without_script(browser, sandbox):
    sandbox.reset("tiny")
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(f"{sandbox.url}/sandbox/university?person={sandbox.state()['instructor']['id']}")
        assert press(page, "Delete course: Algebra I") == "Algebra I is deleted."
    assert courses(sandbox) == {"Algebra I": "deleted", "Botany I": "available"}


def test_a_fault_is_switched_on_and_off_by_hand(logged_in, sandbox):
    page = logged_in
    page.goto(f"{sandbox.url}/sandbox")
    page.get_by_label("Fault").select_option("error")
    page.get_by_label("Value").fill("503")
    page.get_by_role("button", name="Switch on").click()
    assert "503" in page.get_by_role("main").inner_text()

    page.get_by_role("button", name="Back to normal").click()

    assert "Everything works normally." in page.get_by_role("main").inner_text()


def test_what_is_shown_is_escaped(logged_in, sandbox):
    page = logged_in
    sandbox.create_key(name="<img src=x onerror=alert(1)>")
    page.goto(f"{sandbox.url}/developer_keys")

    assert page.get_by_text("<img src=x onerror=alert(1)>").count() == 1
    assert page.locator("img").count() == 0
