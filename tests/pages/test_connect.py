"""The admin's whole procedure in a browser, against the sandbox Canvas: create key → add → authorize → test →
enforce scopes → retest, and what the popup says for each error answer.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect

from configurations.authorization import redirect_uri
from configurations.models import ApiConfiguration, Authorization
from tests.conftest import PASSWORD
from tests.support.consent import authorize, consent

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


def create_key(canvas: Page, sandbox, address: str) -> tuple[str, str]:
    """In Canvas, as the guide says: the key's client ID and secret."""
    canvas.goto(f"{sandbox.url}/developer_keys")
    canvas_sign_in(canvas, sandbox)
    canvas.get_by_role("link", name="+ Developer Key: API Key").click()
    canvas.get_by_label("Key Name").fill("echo_lms")
    canvas.get_by_label("Redirect URIs").fill(address)
    canvas.get_by_role("button", name="Save").click()
    canvas.get_by_role("button", name="Turn on").click()
    canvas.get_by_role("link", name="Show Key").click()
    client_id, secret = canvas.get_by_role("table").locator("code").all_inner_texts()
    return client_id, secret


def enforce_scopes(canvas: Page, sandbox) -> None:
    canvas.goto(f"{sandbox.url}/developer_keys")
    canvas.get_by_role("link", name="Edit").click()
    for label in ("Enforce Scopes", "Allow Include Parameters", *SCOPES):
        canvas.get_by_label(label, exact=True).check()
    canvas.get_by_role("button", name="Save").click()


def test_the_whole_procedure(page, context, site, sandbox, admin, sign_in, axe):
    """Create key → Add → Authorize → Test → enforce scopes → Test again."""
    canvas = context.new_page()
    sign_in(page, admin)
    page.goto(f"{site}/admin/configurations/apiconfiguration/add/")
    address = page.get_by_label("Redirect URI").input_value()
    assert address == f"{site}/lms/api/oauth2/complete"
    assert axe(page) == []

    client_id, secret = create_key(canvas, sandbox, address)
    page.get_by_label("Name").fill("Sandbox")
    page.get_by_label("Canvas Domain").fill(f" {sandbox.url.upper()}/courses/1?x#y ")
    page.get_by_label("LMS API Client ID").fill(client_id)
    page.get_by_label("LMS API Client Secret").fill(secret)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Sandbox is saved. Next: choose Authorize.")).to_be_visible()
    assert secret not in page.content()

    popup = open_popup(page)
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("Authorized", exact=True).first).to_be_visible(timeout=15_000)
    assert axe(page) == []

    page.get_by_role("link", name="Test Sandbox").click()
    page.get_by_label("Email").fill("instructor@demo.example")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("heading", name="Courses of Ira Instructor (2)")).to_be_visible()
    before = page.get_by_role("table").inner_text()
    assert "Algebra I" in before
    assert axe(page) == []

    enforce_scopes(canvas, sandbox)
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

    explained(popup, at_configuration, "The request was cancelled in Canvas.")


def test_the_opener_learns_even_when_the_popup_lost_it(at_configuration, sandbox):
    page = at_configuration
    popup = open_popup(page)
    popup.evaluate("window.opener = null")
    canvas_sign_in(popup, sandbox)
    popup.get_by_role("button", name="Authorize").click()

    expect(page.get_by_text("Authorized", exact=True).first).to_be_visible(timeout=15_000)


def explained(popup: Page, opener: Page, headline: str) -> None:
    """Said in the popup, with what to do, and to the page that opened it."""
    expect(popup.get_by_role("heading", name="Sandbox was not authorized")).to_be_visible()
    expect(popup.get_by_role("alert").locator("strong")).to_have_text(headline)
    expect(popup.get_by_role("alert").locator("p").last).not_to_be_empty()
    expect(opener.get_by_text(f"Not authorized: {headline}")).to_be_visible(timeout=15_000)


def test_a_second_try_is_told_its_own_outcome(at_configuration, sandbox):
    page = at_configuration
    first = open_popup(page)
    canvas_sign_in(first, sandbox)
    first.get_by_role("link", name="Cancel").click()
    explained(first, page, "The request was cancelled in Canvas.")
    expect(first.locator("button:focus")).to_have_text("Close this window")
    with first.expect_event("close"):
        # Not Playwright's click: it waits for a page that this very click closes.
        first.evaluate("setTimeout(() => document.activeElement.click())")

    popup = open_popup(page)
    expect(page.get_by_text("Waiting for you to finish in Canvas’s window.")).to_be_visible()
    with popup.expect_event("close"):
        popup.get_by_role("button", name="Authorize").click()

    expect(page.get_by_text("Authorized", exact=True).first).to_be_visible(timeout=15_000)


def test_a_canvas_user_without_rights_is_told_in_the_popup_and_in_the_history(
    at_configuration, sandbox, configuration, axe
):
    page = at_configuration
    popup = open_popup(page)
    popup.get_by_label("Login").fill("instructor@demo.example")
    popup.get_by_label("Password").fill("canvas")
    popup.get_by_role("button", name="Log in").click()
    popup.get_by_role("button", name="Authorize").click()

    expect(popup.get_by_role("heading", name="Sandbox is authorized, but not by an administrator")).to_be_visible()
    expect(popup.get_by_role("alert")).to_contain_text("Authorize again as a Canvas administrator")
    assert axe(popup) == []
    popup.get_by_role("button", name="Close this window").click()
    expect(page.get_by_text("may not list the institution's people").first).to_be_visible(timeout=15_000)


def test_signing_in_inside_the_popup_leads_on(at_configuration, sandbox, admin):
    """The session is over; a sign-in form may not end at another site, so it ends at the configuration."""
    page = at_configuration
    page.context.clear_cookies()
    popup = open_popup(page)
    popup.get_by_label("Email").fill(admin.email)
    popup.get_by_label("Password").fill(PASSWORD)

    popup.get_by_role("button", name="Sign in").click()

    popup.get_by_role("link", name="Authorize Sandbox").first.click()
    expect(popup.get_by_label("Login")).to_be_visible()


def test_the_test_window_says_when_its_session_is_over(at_configuration, site, sandbox, configuration):
    page = at_configuration
    page.goto(f"{change_page(site, configuration).removesuffix('change/')}test/")
    page.context.clear_cookies()
    page.get_by_label("Email").fill("instructor@demo.example")

    page.get_by_role("button", name="Search").click()

    expect(page.get_by_role("button", name="Sign in").or_(page.get_by_text("could not be run"))).to_be_visible()


KEY_OFF = "The developer key is switched off."
MISSING = (
    "The developer key does not allow the scopes that echo_lms needs: "
    "url:GET|/api/v1/accounts/:account_id/users, url:GET|/api/v1/courses/:course_id/enrollments."
)


@pytest.mark.parametrize(
    ("change", "headline"),
    [
        pytest.param({"on": False}, KEY_OFF, id="unauthorized_client"),
        pytest.param({"enforce_scopes": True, "scopes": [SCOPES[0]]}, MISSING, id="invalid_scope"),
    ],
)
def test_a_key_that_is_not_ready_is_explained(at_configuration, sandbox, configuration, change, headline):
    """§1.4, cases 3 and 4: Canvas sends the window straight back."""
    sandbox.update_key(configuration.client_id, **change)

    popup = open_popup(at_configuration)

    explained(popup, at_configuration, headline)


@pytest.mark.parametrize(
    ("version", "change", "shown"),
    [
        pytest.param("newer", {"active": False}, "unknown client", id="unknown client"),
        pytest.param(
            "older", {"enforce_scopes": True, "scopes": []}, "invalid_scope", id="invalid_scope of an older Canvas"
        ),
    ],
)
def test_what_stays_at_canvas_can_be_given_up(at_configuration, sandbox, configuration, version, change, shown):
    """§1.4, cases 1 and (older) 3: the window shows raw JSON of Canvas and never comes back."""
    sandbox.behave_like(version)
    sandbox.update_key(configuration.client_id, **change)

    popup = open_popup(at_configuration)

    expect(popup.get_by_text(shown)).to_be_visible()
    popup.close()
    at_configuration.get_by_role("button", name="Stop waiting").click()
    expect(at_configuration.get_by_text("Not finished. Choose Authorize to try again.")).to_be_visible()


@pytest.fixture
def asked(at_configuration) -> list[str]:
    """The addresses of Canvas's consent page that were opened."""
    found: list[str] = []

    def note(request) -> None:
        if "/login/oauth2/auth?" in request.url:
            found.append(request.url)

    at_configuration.context.on("request", note)
    return found


def test_an_unsupported_response_type_is_explained(at_configuration, site, asked):
    """§1.4, case 5: nothing that echo_lms asks for leads there, so the answer is typed in."""
    popup = open_popup(at_configuration)
    expect(popup.get_by_label("Login")).to_be_visible()
    state = dict(parse_qsl(urlsplit(asked[0]).query))["state"]

    popup.goto(f"{site}/lms/api/oauth2/complete?error=unsupported_response_type&error_description=x&state={state}")

    explained(popup, at_configuration, "Canvas does not support this way of authorizing.")


def other_key(sandbox, configuration) -> None:
    """The configuration now names another key than the one the code was made for."""
    key = sandbox.create_key(on=True)
    ApiConfiguration.objects.filter(pk=configuration.pk).update(client_id=key["id"], client_secret=key["secret"])


AT_THE_TOKEN_ENDPOINT = {
    "unknown client": (
        lambda sandbox, configuration: sandbox.update_key(configuration.client_id, active=False),
        "Canvas does not know this client ID.",
    ),
    "wrong secret": (
        lambda sandbox, configuration: sandbox.update_key(configuration.client_id, secret="regenerated"),
        "Canvas refuses the client secret.",
    ),
    "code of another key": (other_key, "The authorization belongs to another developer key."),
    "redirect of an older Canvas": (
        lambda sandbox, configuration: (
            sandbox.behave_like("older"),
            sandbox.update_key(configuration.client_id, secret="regenerated"),
        ),
        "Canvas refused to authorize.",
    ),
    "no token in the answer": (
        lambda sandbox, _: sandbox.faults(null_token=1),
        "Canvas answered without a token.",
    ),
    "web page": (
        lambda sandbox, _: sandbox.faults(html=1, path="/login/oauth2/token"),
        "The server answered with a web page instead of data.",
    ),
    "maintenance": (
        lambda sandbox, _: sandbox.faults(error=503, path="/login/oauth2/token"),
        "Canvas is not available just now.",
    ),
    "throttled": (
        lambda sandbox, _: sandbox.faults(throttle=429, path="/login/oauth2/token"),
        "Canvas is limiting the number of requests just now.",
    ),
    "cut off": (
        lambda sandbox, _: sandbox.faults(cut=1, path="/login/oauth2/token"),
        "Canvas's answer broke off in the middle.",
    ),
}


@pytest.mark.parametrize("name", AT_THE_TOKEN_ENDPOINT)
def test_an_exchange_that_fails_is_explained(at_configuration, sandbox, configuration, name):
    """§1.6: consent is given, and then the code cannot be exchanged."""
    happens, headline = AT_THE_TOKEN_ENDPOINT[name]
    popup = open_popup(at_configuration)
    canvas_sign_in(popup, sandbox)
    happens(sandbox, configuration)

    popup.get_by_role("button", name="Authorize").click()

    explained(popup, at_configuration, headline)
    assert not Authorization.objects.exists()


def test_a_code_that_comes_too_late_is_explained(at_configuration, site, sandbox, asked):
    """§1.5: ten minutes."""
    popup = open_popup(at_configuration)
    expect(popup.get_by_label("Login")).to_be_visible()
    parameters = consent(sandbox, asked[0])
    sandbox.advance_clock(601)

    popup.goto(f"{redirect_uri()}?{urlencode(parameters)}")

    explained(popup, at_configuration, "The authorization code had expired or was used already.")


def test_a_renewal_that_canvas_refuses_is_explained_in_the_test_window(
    at_configuration, site, sandbox, configuration, admin
):
    """§1.6, refresh_token not found."""
    authorize(configuration, sandbox, admin)
    sandbox.faults(forget_tokens=1)

    at_configuration.goto(f"{change_page(site, configuration).removesuffix('change/')}test/")
    at_configuration.get_by_label("Email").fill("instructor@demo.example")
    at_configuration.get_by_role("button", name="Search").click()

    expect(at_configuration.get_by_text("The authorization was lost.")).to_be_visible()
    expect(at_configuration.get_by_text(re.compile("Choose Re-authorize"))).to_be_visible()
    expect(at_configuration.get_by_role("link", name="Re-authorize Sandbox")).to_be_visible()


def test_acting_as_somebody_else_is_refused(at_configuration, sandbox, configuration):
    """§1.6, real_user."""
    page = at_configuration.context.new_page()
    page.goto(f"{sandbox.url}/login")
    canvas_sign_in(page, sandbox)
    page.goto(f"{sandbox.url}/sandbox/university")
    page.get_by_label("Person").select_option(label="Ira Instructor (instructor@demo.example)")
    page.get_by_role("button", name="Act as user").click()
    expect(page.get_by_text("You are acting as Ira Instructor.")).to_be_visible()

    popup = open_popup(at_configuration)
    popup.get_by_role("button", name="Authorize").click()

    explained(
        popup,
        at_configuration,
        "Canvas was used by Cass Canvas acting as Ira Instructor; such an authorization is not accepted.",
    )
    assert sandbox.state()["tokens"] == 0


def test_a_redirect_mismatch_never_comes_back_and_the_opener_can_stop_waiting(
    at_configuration, sandbox, configuration
):
    sandbox.update_key(configuration.client_id, redirect_uris=[redirect_uri() + "/"])

    popup = open_popup(at_configuration)

    expect(popup.get_by_text("redirect_uri does not match client settings")).to_be_visible()
    popup.close()
    at_configuration.get_by_role("button", name="Stop waiting").click()
    expect(at_configuration.get_by_text("Not finished. Choose Authorize to try again.")).to_be_visible()


def test_the_pages_hold_at_320_pixels(page, site, configuration, admin, sign_in):
    page.set_viewport_size({"width": 320, "height": 700})
    sign_in(page, admin)
    for path in ("", f"{configuration.pk}/change/", f"{configuration.pk}/test/", "add/"):
        page.goto(f"{site}/admin/configurations/apiconfiguration/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
