"""From Authorize to stored tokens and back: what the callback accepts, and how an authorization ends."""

from __future__ import annotations

import datetime

import pytest
import responses
import time_machine
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from canvas import errors, oauth
from canvas.errors import CanvasError, Unavailable
from configurations import authorization, changes
from configurations.authorization import complete_authorization, redirect_uri, start_authorization
from configurations.connection import run_test
from configurations.models import ApiConfiguration, Authorization, AuthorizationAttempt, ConnectionEvent
from configurations.situations import ConfigurationChanged, RenewalJustFailed
from configurations.status import status_of
from configurations.tasks import forget_stale_attempts
from tests.support.consent import SESSION, authorize, consent

pytestmark = pytest.mark.django_db(transaction=True)
Kind = ConnectionEvent.Kind


@pytest.fixture
def started(configuration, admin):
    """The address of the consent page of an attempt just made."""
    return start_authorization(configuration, user=admin, session_key=SESSION)


def state_of(address: str) -> str:
    return address.partition("state=")[2].partition("&")[0]


def last_event() -> tuple[str, str]:
    event = ConnectionEvent.objects.latest("pk")
    return event.kind, event.detail


# --- The callback -----------------------------------------------------------------------------------------
def test_consent_stores_encrypted_tokens_and_who_gave_them(started, sandbox, admin, configuration):
    completion = complete_authorization(consent(sandbox, started), user=admin, session_key=SESSION)

    assert completion.ok
    stored = Authorization.objects.get()
    assert (stored.lms_user_name, stored.authorized_by, stored.generation) == ("Cass Canvas", admin, 1)
    assert len(stored.scopes) == 3
    assert last_event() == (Kind.AUTHORIZED, f"Canvas user Cass Canvas ({stored.lms_user_id}).")


def test_authorizing_again_replaces_the_tokens_at_canvas(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    first = Authorization.objects.get().access_token

    authorize(configuration, sandbox, admin)

    assert sandbox.state()["tokens"] == 1
    stored = Authorization.objects.get()
    assert (stored.access_token != first, stored.generation) == (True, 2)


def refused(parameters, admin, session_key=SESSION):
    completion = complete_authorization(parameters, user=admin, session_key=session_key)
    assert not completion.ok
    return completion.code


def test_a_state_works_once(started, sandbox, admin):
    parameters = consent(sandbox, started)
    assert complete_authorization(parameters, user=admin, session_key=SESSION).ok

    assert refused(parameters, admin) == "state_used"
    assert Authorization.objects.get().status == "active"


def test_a_state_of_another_session_or_person_is_refused_and_not_used_up(started, sandbox, admin, person):
    parameters = consent(sandbox, started)
    colleague = person("colleague@example.edu", "Administrators")

    assert refused(parameters, admin, "another session") == "state_unknown"
    assert refused(parameters, colleague) == "state_unknown"
    assert complete_authorization(parameters, user=admin, session_key=SESSION).ok


def test_a_state_older_than_half_an_hour_is_refused(started, sandbox, admin):
    parameters = consent(sandbox, started)
    with time_machine.travel(timezone.now() + datetime.timedelta(minutes=31), tick=False):
        assert refused(parameters, admin) == "state_expired"


@pytest.mark.parametrize(
    "parameters", [{}, {"code": "x"}, {"code": "x", "state": ""}, {"code": "x", "state": "y"}]
)
def test_a_callback_without_a_known_state_is_refused(parameters, started, admin):
    assert refused(parameters, admin) == "state_unknown"


def test_a_callback_without_a_code_uses_the_state_up(started, admin):
    assert refused({"state": state_of(started)}, admin) == "unexpected_answer"
    assert refused({"state": state_of(started), "code": "late"}, admin) == "state_used"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("access_denied", "access_denied"),
        ("unauthorized_client", "key_off"),
        ("unsupported_response_type", "unsupported_response"),
        ("invalid_scope", "invalid_scope"),
        ("invalid_client", "unknown_client"),
        ("something_new", "oauth_refused"),
    ],
)
def test_every_error_answer_is_named_and_kept(error, code, started, admin):
    assert refused({"error": error, "state": state_of(started)}, admin) == code
    assert last_event()[0] == Kind.REFUSED


def test_invalid_scope_without_state_is_noted_with_the_attempt_that_is_open(started, admin, configuration):
    """§1.4, case 3: Canvas leaves the state out; a state that comes later still works."""
    description = "The following scopes were requested, but not granted: url:GET|/api/v1/users/:user_id/courses"

    assert refused({"error": "invalid_scope", "error_description": description}, admin) == "invalid_scope"

    kind, detail = last_event()
    assert kind == Kind.REFUSED
    assert "url:GET|/api/v1/users/:user_id/courses" in detail
    assert AuthorizationAttempt.objects.get().used_at is None


def test_an_error_without_state_or_attempt_changes_nothing(configuration, admin):
    assert refused({"error": "invalid_scope"}, admin) == "invalid_scope"
    assert not ConnectionEvent.objects.exists()


def test_a_hostile_description_is_shortened_and_stripped(started, admin):
    hostile = "<script>alert(1)</script>\r\nSet-Cookie: x" + "A" * 5000
    refused({"error": "odd", "error_description": hostile, "state": state_of(started)}, admin)

    ours, _, canvas_said = last_event()[1].partition("\n")
    assert ours.startswith("Canvas refused to authorize. ")
    assert canvas_said.startswith("Canvas said: odd: <script>alert(1)</script> Set-Cookie: xAAA")
    assert "\n" not in canvas_said
    assert len(canvas_said) < 400


def test_a_code_that_expired_is_explained(started, sandbox, admin):
    parameters = consent(sandbox, started)
    sandbox.advance_clock(601)

    assert refused(parameters, admin) == "code_expired"
    assert not Authorization.objects.exists()


def test_a_wrong_secret_is_explained(started, sandbox, admin, configuration):
    parameters = consent(sandbox, started)
    sandbox.update_key(configuration.client_id, secret="regenerated")

    assert refused(parameters, admin) == "wrong_secret"


def test_acting_as_another_user_is_refused_and_its_token_revoked(started, sandbox, admin, configuration):
    """§1.6 `real_user`."""
    grant = {
        "access_token": "acted",
        "token_type": "Bearer",
        "refresh_token": "refresh",
        "expires_in": 3600,
        "user": {"id": 2, "name": "Ira Instructor"},
        "real_user": {"id": 1, "name": "Cass Canvas"},
    }
    with responses.RequestsMock() as canvas:
        canvas.post(f"{sandbox.url}/login/oauth2/token", json=grant)
        revoked = canvas.delete(f"{sandbox.url}/login/oauth2/token", json={})
        completion = complete_authorization(
            {"code": "code", "state": state_of(started)}, user=admin, session_key=SESSION
        )

    assert completion.code == "acting_as_user"
    assert completion.headline.startswith("Canvas was used by Cass Canvas acting as Ira Instructor;")
    assert revoked.calls[0].request.headers["Authorization"] == "Bearer acted"
    assert not Authorization.objects.exists()


def test_the_callback_page_never_redirects_to_an_address_with_the_code(client, admin, configuration):
    client.force_login(admin)
    answer = client.get(reverse("oauth2_complete"), {"code": "the-code", "state": "the-state"})

    assert (answer.status_code, answer["Location"]) == (302, reverse("oauth2_result"))
    page = client.get(answer["Location"])
    assert page["Referrer-Policy"] == "no-referrer"
    assert "the-code" not in page.content.decode()


def test_the_callback_of_a_signed_out_browser_says_so(client, db):
    answer = client.get(reverse("oauth2_complete"), {"code": "the-code", "state": "the-state"})

    assert answer.status_code == 400
    assert "You are not signed in to echo_lms in this window." in answer.content.decode()
    assert "the-code" not in answer.content.decode()


def test_authorize_refuses_an_address_canvas_would_not_send_back_to(client, admin, configuration, settings):
    settings.SITE_URL = "https://echo-lms.example.edu"
    client.force_login(admin)

    answer = client.get(reverse("authorize", args=[configuration.pk]))

    assert "but its address is https://echo-lms.example.edu" in answer.content.decode()
    assert not AuthorizationAttempt.objects.exists()


def test_another_site_cannot_press_authorize(client, admin, configuration, settings):
    settings.SITE_URL = "http://testserver"
    client.force_login(admin)

    answer = client.get(reverse("authorize", args=[configuration.pk]), headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 400
    assert not AuthorizationAttempt.objects.exists()


def test_the_opener_is_told_by_our_server(client, admin, configuration, sandbox):
    client.force_login(admin)
    address = reverse("authorization_progress", args=[configuration.pk])
    assert client.get(address, {"after": "0"}).json() == {"state": "waiting"}

    authorize(configuration, sandbox, admin)

    assert client.get(address, {"after": "0"}).json()["state"] == "authorized"
    newest = ConnectionEvent.objects.latest("pk").pk
    assert client.get(address, {"after": str(newest)}).json() == {"state": "waiting"}
    assert client.get(address, {"after": "nonsense"}).json()["state"] == "authorized"


def test_attempts_are_forgotten_after_their_time(started):
    with time_machine.travel(timezone.now() + datetime.timedelta(days=8), tick=False):
        forget_stale_attempts()
    assert not AuthorizationAttempt.objects.exists()


# --- The end of an authorization --------------------------------------------------------------------------
def test_disconnect_revokes_at_canvas_and_forgets(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)

    assert authorization.disconnect(configuration, user=admin).confirmed

    assert sandbox.state()["tokens"] == 0
    assert not Authorization.objects.exists()
    assert last_event() == (Kind.DISCONNECTED, "")


def test_disconnect_renews_an_expired_token_to_be_allowed_to_revoke_it(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    sandbox.advance_clock(3700)
    Authorization.objects.update(expires_at=timezone.now())

    assert authorization.disconnect(configuration, user=admin).confirmed
    assert sandbox.state()["tokens"] == 0


@pytest.mark.parametrize("fault", [{"close": 1}, {"error": 503}, {"html": 1}])
def test_disconnect_forgets_even_if_canvas_is_away(fault, configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    sandbox.faults(**fault)

    assert not authorization.disconnect(configuration, user=admin).confirmed

    assert not Authorization.objects.exists()
    assert last_event() == (Kind.DISCONNECTED, "Canvas did not confirm; the tokens are forgotten here.")


def test_disconnecting_what_canvas_has_forgotten_already_is_confirmed(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    sandbox.faults(forget_tokens=1)

    assert authorization.disconnect(configuration, user=admin).confirmed


@pytest.mark.parametrize(("field", "value"), [("base_url", "https://other.example.edu"), ("client_id", "99")])
def test_another_canvas_or_key_never_gets_the_old_tokens(field, value, configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    setattr(configuration, field, value)

    assert changes.save_configuration(configuration, changed=[field], user=admin)

    assert not Authorization.objects.exists()
    assert sandbox.state()["tokens"] == 0
    kinds = list(ConnectionEvent.objects.order_by("pk").values_list("kind", flat=True))
    assert kinds == [Kind.AUTHORIZED, Kind.DISCONNECTED, Kind.CHANGED]


def test_a_corrected_secret_brings_the_authorization_back(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    sandbox.update_key(configuration.client_id, secret="regenerated")
    sandbox.faults(expire_tokens=1)
    with pytest.raises(CanvasError):
        authorization.StoredTokens(configuration).renew(Authorization.objects.get().access_token)
    configuration.refresh_from_db()
    assert status_of(configuration).label == "Authorization lost"

    configuration.client_secret = "regenerated"
    changes.save_configuration(configuration, changed=["client_secret"], user=admin)

    assert status_of(ApiConfiguration.objects.get()).label == "Authorized"
    assert authorization.StoredTokens(configuration).renew(Authorization.objects.get().access_token)


def test_deleting_a_configuration_keeps_its_history(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)

    changes.delete_configuration(configuration, user=admin)

    assert sandbox.state()["tokens"] == 0
    kinds = list(ConnectionEvent.objects.order_by("pk").values_list("configuration_name", "kind"))
    assert kinds == [("Sandbox", Kind.AUTHORIZED), ("Sandbox", Kind.DISCONNECTED), ("Sandbox", Kind.DELETED)]


def test_a_renewal_that_canvas_could_not_answer_is_retried_after_a_pause(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    tokens = authorization.StoredTokens(configuration)
    token = Authorization.objects.get().access_token
    now = timezone.now()
    sandbox.faults(error=503, times=1)
    with time_machine.travel(now, tick=False):
        with pytest.raises(Unavailable):
            tokens.renew(token)
        with pytest.raises(RenewalJustFailed):
            tokens.renew(token)
    with time_machine.travel(now + datetime.timedelta(seconds=6), tick=False):
        assert tokens.renew(token) != token
    assert Authorization.objects.get().status == "active"


def test_a_non_administrator_is_noticed_right_after_authorizing(client, sandbox, admin, configuration, settings):
    settings.SITE_URL = "http://testserver"
    sandbox.update_key(configuration.client_id, redirect_uris=[redirect_uri()])
    client.force_login(admin)
    consent_page = client.get(reverse("authorize", args=[configuration.pk]))["Location"]
    parameters = consent(sandbox, consent_page, login=sandbox.state()["instructor"]["login"])

    page = client.get(reverse("oauth2_complete"), parameters, follow=True).content.decode()

    assert "may not list the institution&#x27;s people" in page
    configuration.refresh_from_db()
    assert status_of(configuration).label == "Authorized, not as an administrator"


# --- While somebody else changes the configuration ----------------------------------------------------------
def test_a_client_in_use_never_takes_a_token_to_another_canvas(configuration, sandbox, admin):
    """It was opened for one Canvas; meanwhile the configuration is given another, and authorized there."""
    authorize(configuration, sandbox, admin)
    tokens = authorization.StoredTokens(configuration)
    held = authorization.HeldTokens(ApiConfiguration.objects.get())
    assert tokens.current() == held.current()

    ApiConfiguration.objects.update(base_url="https://other.example.edu")

    with pytest.raises(ConfigurationChanged):
        tokens.current()
    with pytest.raises(ConfigurationChanged):
        held.renew(Authorization.objects.get().access_token)


def test_tokens_of_a_canvas_that_is_no_longer_configured_are_not_stored(
    configuration, sandbox, admin, monkeypatch
):
    """The domain is changed while the code is being exchanged."""
    exchange = oauth.exchange_code

    def meanwhile(*arguments, **options):
        grant = exchange(*arguments, **options)
        ApiConfiguration.objects.update(base_url="https://other.example.edu")
        return grant

    monkeypatch.setattr(oauth, "exchange_code", meanwhile)
    address = authorization.start_authorization(configuration, user=admin, session_key=SESSION)

    completion = authorization.complete_authorization(consent(sandbox, address), user=admin, session_key=SESSION)

    assert completion.code == "configuration_changed"
    assert not Authorization.objects.exists()
    assert sandbox.state()["tokens"] == 0


def test_a_slow_refusal_does_not_end_a_newer_authorization(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    slow = authorization.StoredTokens(configuration)
    slow.current()
    authorization.disconnect(configuration, user=admin)
    authorize(configuration, sandbox, admin)

    slow.lose(errors.ScopesInsufficient())

    assert status_of(ApiConfiguration.objects.get()).label == "Authorized"


def test_two_people_who_change_different_things_both_succeed(configuration, admin):
    mine, theirs = ApiConfiguration.objects.get(), ApiConfiguration.objects.get()
    theirs.client_secret = "a-newer-secret-0123456789"
    changes.save_configuration(theirs, changed=["client_secret"], user=admin)

    mine.name = "Renamed"
    changes.save_configuration(mine, changed=["name"], user=admin)

    saved = ApiConfiguration.objects.get()
    assert (saved.name, saved.client_secret) == ("Renamed", "a-newer-secret-0123456789")


def test_disabling_changes_nothing_else_however_old_the_page_is(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    stale = ApiConfiguration.objects.get()
    ApiConfiguration.objects.update(account_id="7")

    changes.set_enabled([stale], False, user=admin)

    saved = ApiConfiguration.objects.get()
    assert (saved.enabled, saved.account_id) == (False, "7")
    assert Authorization.objects.exists()


def test_the_same_secret_entered_again_is_tried_again(configuration, sandbox, admin):
    """A renewal with the old secret was under way while the right one was saved."""
    authorize(configuration, sandbox, admin)
    authorization.mark_lost(Authorization.objects.get(), errors.WrongSecret())

    changes.save_configuration(configuration, changed=["client_secret"], user=admin)

    assert status_of(ApiConfiguration.objects.get()).label == "Authorized"


def test_a_secret_that_was_replaced_during_a_renewal_is_not_blamed(configuration, sandbox, admin, monkeypatch):
    authorize(configuration, sandbox, admin)
    sandbox.update_key(configuration.client_id, secret="regenerated")
    renew = oauth.refresh

    def meanwhile(*arguments):
        ApiConfiguration.objects.update(client_secret="regenerated")
        return renew(*arguments)

    monkeypatch.setattr(oauth, "refresh", meanwhile)
    with pytest.raises(RenewalJustFailed):
        authorization.StoredTokens(configuration).renew(Authorization.objects.get().access_token)

    assert status_of(ApiConfiguration.objects.get()).label == "Authorized"


def test_nothing_is_revoked_by_a_change_that_is_rolled_back(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    configuration.client_id = "99"

    with transaction.atomic():
        changes.save_configuration(configuration, changed=["client_id"], user=admin)
        transaction.set_rollback(True)

    assert sandbox.state()["tokens"] == 1
    assert status_of(ApiConfiguration.objects.get()).label == "Authorized"


def test_authorizing_as_another_canvas_user_revokes_the_tokens_of_the_one_before(configuration, sandbox, admin):
    sandbox.reset("demo")
    key = sandbox.create_key(redirect_uris=[authorization.redirect_uri()], on=True)
    ApiConfiguration.objects.update(client_id=key["id"], client_secret=key["secret"])
    configuration.refresh_from_db()
    authorize(configuration, sandbox, admin)

    authorize(configuration, sandbox, admin, login="blind-admin@demo.example")

    assert sandbox.state()["tokens"] == 1


def test_accepting_in_canvas_after_the_configuration_was_disabled_stores_nothing(configuration, sandbox, admin):
    address = authorization.start_authorization(configuration, user=admin, session_key=SESSION)
    parameters = consent(sandbox, address)
    ApiConfiguration.objects.update(enabled=False)
    sandbox.clear_log()

    completion = authorization.complete_authorization(parameters, user=admin, session_key=SESSION)

    assert completion.code == "configuration_disabled"
    assert sandbox.log() == []


@pytest.mark.parametrize("error", ["server_error", "unauthorized_client", "<b>anything</b>"])
def test_an_invented_error_without_state_does_not_enter_the_history(error, configuration, admin):
    authorization.start_authorization(configuration, user=admin, session_key=SESSION)

    completion = authorization.complete_authorization(
        {"error": error, "error_description": "Call 555-0100"}, user=admin, session_key=SESSION
    )

    assert not completion.ok
    assert not ConnectionEvent.objects.exists()


def test_a_passed_test_takes_the_warning_about_the_canvas_user_back(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    authorization.note_limitation(Authorization.objects.get(), "May not list people.")

    run_test(configuration, "instructor@demo.example")

    assert status_of(ApiConfiguration.objects.get()).label == "Authorized"
