"""The shell in a browser: axe finds nothing, nothing is wider than the screen, nothing breaks the CSP."""

from __future__ import annotations

import pytest
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from tests.conftest import PASSWORD

ANONYMOUS = ["/sign-in/", "/no-such-page/", "/breaks/"]
ADMINISTRATOR = [
    "/",
    "/profile/",
    "/profile/password/",
    "/admin/",
    "/admin/accounts/user/",
    "/admin/accounts/user/add/",
    "/admin/accounts/user/{pk}/change/",
    "/admin/accounts/user/{pk}/password/",
    "/admin/accounts/user/{pk}/delete/",
]
SCREENS = [("light", 1280), ("dark", 320)]


@login_not_required
def breaks(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("as a fault in a view would")


urlpatterns = [path("breaks/", breaks), path("", include("echo_lms.urls"))]


@pytest.fixture
def complaints(page):
    """What the browser objects to: scripts that fail, and anything the Content-Security-Policy stops."""
    heard = []
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on(
        "console",
        lambda message: heard.append(message.text) if "Content Security Policy" in message.text else None,
    )
    return heard


@pytest.fixture
def look_at(page, axe, complaints):
    """Opens an address on a screen; answers what is wrong with it."""

    def look_at(address, scheme, width):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(address)
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        faults = [f"{too_wide} px too wide"] if too_wide > 0 else []
        faults += complaints
        faults += axe(page)
        complaints.clear()  # axe tries inline styles of its own
        return [f"{address} {scheme} {width}: {fault}" for fault in faults]

    return look_at


@pytest.mark.django_db(transaction=True)
@pytest.mark.urls(__name__)
def test_pages_for_anybody_are_sound(site, look_at):
    faults = [fault for path in ANONYMOUS for screen in SCREENS for fault in look_at(site + path, *screen)]
    assert faults == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("screen", SCREENS)
def test_pages_for_administrators_are_sound(site, page, sign_in, look_at, admin, scheduler, screen):
    sign_in(page, admin)
    paths = [path.format(pk=scheduler.pk) for path in ADMINISTRATOR]
    assert [fault for path in paths for fault in look_at(site + path, *screen)] == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("who", ["scheduler", "instructor", "outsider"])
def test_home_and_refusal_are_sound(site, page, sign_in, look_at, request, who, screen):
    sign_in(page, request.getfixturevalue(who))
    assert [fault for path in ["/", "/admin/"] for fault in look_at(site + path, *screen)] == []


@pytest.mark.django_db(transaction=True)
def test_wrong_password_and_lock_are_shown(site, page, admin, axe):
    page.goto(f"{site}/sign-in/")
    seen = []
    for _ in range(5):
        page.get_by_label("Email").fill(admin.email)
        page.get_by_label("Password").fill("not the password")
        page.get_by_role("button", name="Sign in").click()
        seen.append([page.get_by_role("heading", level=1).inner_text(), axe(page)])
    assert seen == [["Sign in", []]] * 4 + [["Too many failed sign-ins", []]]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/", "/admin/"])
def test_signing_out_from_the_menu_by_keyboard_without_script(site, page, admin, path):
    context = page.context.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site + path)
    page.get_by_label("Email").fill(admin.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(site + path)
    page.locator(".account-menu summary").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Sign out").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/sign-in/")
    assert page.get_by_role("status").inner_text() == "You are signed out."
    context.close()


@pytest.mark.django_db(transaction=True)
def test_the_first_tab_stop_leads_to_the_content(site, page, sign_in, admin):
    sign_in(page, admin)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
