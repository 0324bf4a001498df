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
    course = sandbox.state()["courses"][0]["id"]
    for path in (*PAGES, f"/courses/{course}"):
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
