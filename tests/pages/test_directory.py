"""The directory's pages in a browser: progress that moves by itself, lists, axe and narrow screens."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from directory import runs, tasks
from directory.models import Directory, LmsCourse, LmsInstructor, RefreshRun
from directory.work import Work
from tests.support.consent import authorize

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def canvas(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    return configuration


@pytest.fixture
def known(canvas):
    Work(runs.start_run(canvas, everything=True), seconds=60).do()
    return canvas


def test_refresh_now_shows_its_progress_until_it_is_done(page, site, canvas, admin, sign_in, axe, monkeypatch):
    monkeypatch.setattr(tasks.work_on, "apply_async", lambda *_, **__: None)  # the test is the worker
    sign_in(page, admin)
    page.get_by_role("link", name="LMS directory").first.click()
    expect(page.get_by_text("Not read yet")).to_be_visible()
    page.get_by_role("link", name="Sandbox").click()

    page.get_by_role("button", name="Refresh everything now").click()

    expect(page.get_by_text("Refreshing now")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert axe(page) == []
    Work(RefreshRun.objects.get(), seconds=60).do()
    expect(page.get_by_text("Fresh", exact=True)).to_be_visible(timeout=15_000)
    expect(page.get_by_role("link", name="1 instructor")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.get_by_role("cell", name="Complete")).to_be_visible()


def test_an_instructor_is_found_and_refreshed(page, site, known, admin, sign_in, axe):
    sign_in(page, admin)
    page.goto(f"{site}/admin/directory/lmsinstructor/")
    page.get_by_label("Name, e-mail address").fill("ira")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="Ira Instructor").click()
    expect(page.get_by_role("heading", name="Courses (2)")).to_be_visible()
    assert axe(page) == []

    page.get_by_role("button", name="Refresh now").click()

    expect(page.get_by_text("Ira Instructor: courses read just now.")).to_be_visible()
    page.get_by_role("link", name="Algebra I", exact=True).click()
    expect(page.get_by_text("Ira Instructor, teacher")).to_be_visible()
    assert axe(page) == []


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
def test_the_pages_hold_on_every_screen(scheme, width, page, site, known, admin, sign_in, axe):
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 700})
    sign_in(page, admin)
    rows = {
        "directory": Directory.objects.get(),
        "lmsinstructor": LmsInstructor.objects.get(),
        "lmscourse": LmsCourse.objects.earliest("pk"),
        "refreshrun": RefreshRun.objects.get(),
    }
    LmsInstructor.objects.update(last_error="Canvas took too long to answer. " * 5)
    for name, row in rows.items():
        for path in (f"{name}/", f"{name}/{row.pk}/change/"):
            page.goto(f"{site}/admin/directory/{path}")
            assert axe(page) == [], path
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path
