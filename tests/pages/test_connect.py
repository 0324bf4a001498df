"""The admin's whole procedure in a browser, against the sandbox Canvas: create key → add → authorize → test →
enforce scopes → retest, and what the popup says for each error answer.
"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from configurations.authorization import redirect_uri
from configurations.models import ApiConfiguration, Authorization

pytestmark = pytest.mark.django_db(transaction=True)
SCOPES = (
    "url:GET|/api/v1/users/:user_id/courses",
    "url:GET|/api/v1/accounts/:account_id/users",
    "url:GET|/api/v1/courses/:course_id/enrollments",
)


def canvas_sign_in(page: Page, sandbox) -> None:
    person = sandbox.state()["people"][0]
    page.get_by_label("Login").fill(person["login"])
    page.get_by_label("Password").fill(person["password"])
    page.get_by_role("button", name="Log in").click()


def open_popup(page: Page) -> Page:
    with page.expect_popup() as opened:
        page.get_by_role("link", name=re.compile("uthorize")).first.click()
    return opened.value


def change_page(site: str, configuration: ApiConfiguration) -> str:
    return f"{site}{configuration.get_admin_url()}"


@pytest.fixture
def at_configuration(page: Page, site: str, configuration, admin, sign_in) -> Page:
    """An administrator on the page of a configuration that is not authorized."""
    sign_in(page, admin)
    page.goto(change_page(site, configuration))
    return page


def test_the_whole_procedure(page, site, sandbox, admin, sign_in, axe):
    sign_in(page, admin)
    page.goto(f"{site}/admin/configurations/apiconfiguration/add/")
    address = page.get_by_label("Redirect URI").input_value()
    assert address == f"{site}/lms/api/oauth2/complete"
    assert axe(page) == []

    key = sandbox.create_key(redirect_uris=[address], on=True)
    page.get_by_label("Name").fill("Sandbox")
    page.get_by_label("Canvas Domain").fill(f" {sandbox.url.upper()}/courses/1?x#y ")
    page.get_by_label("LMS API Client ID").fill(str(key["id"]))
    page.get_by_label("LMS API Client Secret").fill(key["secret"])
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Sandbox is saved. Next: choose Authorize.")).to_be_visible()
    assert key["secret"] not in page.content()

    popup = open_popup(page)
    canvas_sign_in(popup, sandbox)
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("Authorized", exact=True).first).to_be_visible(timeout=15_000)
    assert axe(page) == []

    page.get_by_role("link", name="Test Sandbox").click()
    instructor = sandbox.state()["instructor"]["email"]
    page.get_by_label("Email").fill(instructor)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name=re.compile(r"Courses of"))).to_be_visible()
    before = page.get_by_role("table").inner_text()
    assert axe(page) == []

    sandbox.update_key(key["id"], enforce_scopes=True, scopes=list(SCOPES), allow_includes=True)
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("All three scopes were used with success.")).to_be_visible()
    assert page.get_by_role("table").inner_text() == before


def test_the_procedure_works_without_script(browser, site, configuration, sandbox, admin, sign_in):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, admin)
    page.goto(change_page(site, configuration))

    page.get_by_role("link", name="Authorize Sandbox").click()
    canvas_sign_in(page, sandbox)
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("heading", name="Sandbox is authorized")).to_be_visible()
    page.get_by_role("link", name="Back to the configurations").click()
    page.get_by_role("link", name="Test Sandbox").click()
    page.get_by_label("Email").fill(sandbox.state()["instructor"]["email"])
    page.get_by_role("button", name="Search").click()

    expect(page.get_by_role("heading", name=re.compile("Courses of"))).to_be_visible()
    context.close()


def test_denying_is_explained_in_the_popup_and_to_its_opener(at_configuration, sandbox):
    popup = open_popup(at_configuration)
    canvas_sign_in(popup, sandbox)
    popup.get_by_role("link", name="Cancel").click()

    expect(popup.get_by_role("heading", name="Sandbox was not authorized")).to_be_visible()
    expect(at_configuration.get_by_text(re.compile("^Not authorized: "))).to_be_visible(timeout=15_000)


def test_the_opener_learns_even_when_the_popup_lost_it(at_configuration, sandbox):
    page = at_configuration
    popup = open_popup(page)
    popup.evaluate("window.opener = null")
    canvas_sign_in(popup, sandbox)
    popup.get_by_role("button", name="Authorize").click()

    expect(page.get_by_text("Authorized", exact=True).first).to_be_visible(timeout=15_000)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"on": False}, "unauthorized_client", id="key is off"),
        pytest.param({"enforce_scopes": True, "scopes": ["url:GET|/api/v1/courses"]}, "scope", id="scope missing"),
    ],
)
def test_a_key_that_is_not_ready_is_explained(at_configuration, sandbox, configuration, change, said):
    sandbox.update_key(configuration.client_id, **change)

    popup = open_popup(at_configuration)

    expect(popup.get_by_role("heading", name="Sandbox was not authorized")).to_be_visible()
    expect(at_configuration.get_by_text(re.compile("^Not authorized: "))).to_be_visible(timeout=15_000)


def test_a_redirect_mismatch_never_comes_back_and_the_opener_can_stop_waiting(
    at_configuration, sandbox, configuration
):
    sandbox.update_key(configuration.client_id, redirect_uris=[redirect_uri() + "/"])

    popup = open_popup(at_configuration)

    expect(popup.get_by_text("redirect_uri does not match client settings")).to_be_visible()
    popup.close()
    at_configuration.get_by_role("button", name="Stop waiting").click()
    expect(at_configuration.get_by_text("Not finished. Choose Authorize to try again.")).to_be_visible()


def test_a_wrong_secret_is_explained(at_configuration, sandbox, configuration):
    ApiConfiguration.objects.update(client_secret="not the secret of this key")

    popup = open_popup(at_configuration)
    canvas_sign_in(popup, sandbox)
    popup.get_by_role("button", name="Authorize").click()

    expect(popup.get_by_role("heading", name="Sandbox was not authorized")).to_be_visible()
    expect(popup.get_by_role("alert")).to_contain_text("secret")
    assert not Authorization.objects.exists()


def test_the_pages_hold_at_320_pixels(page, site, configuration, admin, sign_in):
    page.set_viewport_size({"width": 320, "height": 700})
    sign_in(page, admin)
    for path in ("", f"{configuration.pk}/change/", f"{configuration.pk}/test/", "add/"):
        page.goto(f"{site}/admin/configurations/apiconfiguration/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
