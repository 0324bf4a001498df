"""The page of calendar addresses in a browser: sound on every screen, and whole without script."""

from __future__ import annotations

import pytest
from django.urls import reverse

from schedules import feeds
from schedules.models import Feed
from tests.conftest import PASSWORD
from tests.support import timetable

pytestmark = pytest.mark.django_db(transaction=True)
SCREENS = [("light", 1280), ("dark", 320)]
LONG = "Lecture theatre of the Faculty of Civil and Environmental Engineering"


@pytest.fixture
def addresses(admin, scheduler, instructor):
    """Everything that the page can show; the paths to look at, by who looks."""
    room = timetable.room(LONG)
    section = timetable.section(instructor, code="Constitutional-and-Administrative-Law-101")
    feeds.make(section, Feed.Audience.PEOPLE, user=admin)
    feeds.make(room, Feed.Audience.RECORDER, user=admin)
    theirs = feeds.make(room, Feed.Audience.PEOPLE, user=scheduler)
    feeds.make(section, Feed.Audience.PEOPLE, user=instructor)
    page = reverse("feeds")
    return {
        "admin": [
            f"{page}?room={room.pk}",
            f"{page}?section={section.pk}",
            reverse("revoke_feed", args=[theirs.pk]),
        ],
        "scheduler": [f"{page}?room={room.pk}"],
        "instructor": [page],
        "outsider": [page],
    }


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("who", ["admin", "scheduler", "instructor", "outsider"])
def test_the_page_is_sound(site, page, sign_in, axe, request, addresses, who, screen):
    scheme, width = screen
    sign_in(page, request.getfixturevalue(who))
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    faults = []
    for path in addresses[who]:
        page.goto(site + path)
        assert page.get_by_role("heading", level=1).count() == 1
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        faults += [f"{path}: {too_wide} px too wide"] if too_wide > 0 else []
        faults += [f"{path}: {fault}" for fault in axe(page)]

    assert faults == []


def test_making_and_revoking_without_script(site, page, instructor):
    context = page.context.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}{reverse('feeds')}")
    page.get_by_label("Email").fill(instructor.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Make my address").click()
    address = page.get_by_role("textbox", name="Address of My calendar").input_value()
    assert address == feeds.address_of(Feed.objects.get())
    assert page.request.get(address).status == 200

    page.get_by_role("link", name="Revoke Address of My calendar").click()
    page.get_by_role("button", name="Revoke").click()
    assert page.get_by_role("status").first.inner_text().startswith("The address is revoked.")
    assert page.request.get(address).status == 404
    context.close()


def test_an_address_is_copied(site, page, sign_in, instructor):
    feed = feeds.make(instructor, Feed.Audience.PEOPLE, user=instructor)
    sign_in(page, instructor)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{site}{reverse('feeds')}")
    page.get_by_role("button", name="Copy Address of My calendar").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == feeds.address_of(feed)
