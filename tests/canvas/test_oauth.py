"""OAuth2 with Canvas: what is sent, what comes back, and what each refusal means."""

from __future__ import annotations

import json
import traceback
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses
from hypothesis import given
from hypothesis import strategies as st

from canvas import REQUIRED_SCOPES, errors, oauth
from canvas.destinations import Origin
from canvas.transport import Transport
from tests.canvas.arbitrary import FEW, VALUES

SECRET = "planted-secret-4711"
TOKEN = "planted-token-4711"
ORIGIN = Origin("https", "canvas.example")
KEY = oauth.Key(ORIGIN, "10000000000007", SECRET, "https://echo.example/connect/callback")
TOKEN_URL = "https://canvas.example/login/oauth2/token"
GRANT = {
    "access_token": TOKEN,
    "token_type": "Bearer",
    "user": {"id": 12, "name": "Ann Admin", "global_id": "10000000000012", "effective_locale": "en"},
    "canvas_region": "eu-west-1",
    "refresh_token": "planted-refresh-4711",
    "expires_in": 3600,
}


def sent(canvas: responses.RequestsMock) -> dict[str, list[str]]:
    return parse_qs(str(canvas.calls[0].request.body))


# --- What is sent -----------------------------------------------------------------------------------------
def test_authorize_url_asks_for_the_three_scopes_in_order():
    parts = urlsplit(oauth.authorize_url(KEY, state="s+1"))
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "canvas.example", "/login/oauth2/auth")
    assert parse_qs(parts.query) == {
        "response_type": ["code"],
        "client_id": ["10000000000007"],
        "redirect_uri": ["https://echo.example/connect/callback"],
        "scope": [" ".join(scope.name for scope in REQUIRED_SCOPES)],
        "state": ["s+1"],
        "purpose": ["echo_lms"],
    }


def test_authorize_url_of_an_insecure_host_is_http():
    key = oauth.Key(Origin("http", "127.0.0.1", 8900), "7", SECRET, "https://echo.example/callback")
    assert oauth.authorize_url(key, state="s").startswith("http://127.0.0.1:8900/login/oauth2/auth?")
    assert "redirect_uri=https%3A%2F%2Fecho.example%2Fcallback" in oauth.authorize_url(key, state="s")


def test_exchange_code_sends_everything_in_the_body(canvas, transport):
    canvas.post(TOKEN_URL, json=GRANT)
    oauth.exchange_code(transport, KEY, "code/1")
    assert canvas.calls[0].request.url == TOKEN_URL
    assert sent(canvas) == {
        "grant_type": ["authorization_code"],
        "client_id": ["10000000000007"],
        "client_secret": [SECRET],
        "redirect_uri": ["https://echo.example/connect/callback"],
        "code": ["code/1"],
        "replace_tokens": ["1"],
    }


def test_exchange_code_can_leave_other_tokens_alone(canvas, transport):
    canvas.post(TOKEN_URL, json=GRANT)
    oauth.exchange_code(transport, KEY, "code", replace_tokens=False)
    assert "replace_tokens" not in sent(canvas)


def test_refresh_sends_everything_in_the_body(canvas, transport):
    canvas.post(TOKEN_URL, json=GRANT)
    oauth.refresh(transport, KEY, "old+refresh")
    assert canvas.calls[0].request.url == TOKEN_URL
    assert {name: values for name, values in sent(canvas).items() if name != "scope"} == {
        "grant_type": ["refresh_token"],
        "client_id": ["10000000000007"],
        "client_secret": [SECRET],
        "refresh_token": ["old+refresh"],
    }


# --- What comes back --------------------------------------------------------------------------------------
def exchanged(canvas: responses.RequestsMock, transport: Transport, answer: Any) -> oauth.Grant:
    canvas.post(TOKEN_URL, json=answer)
    return oauth.exchange_code(transport, KEY, "code")


def test_grant_of_a_code(canvas, transport):
    assert exchanged(canvas, transport, GRANT) == oauth.Grant(
        access_token=TOKEN,
        refresh_token="planted-refresh-4711",
        expires_in=3600,
        user_id="10000000000012",
        user_name="Ann Admin",
        real_user_name=None,
    )


def test_grant_of_a_refresh_has_no_refresh_token(canvas, transport):
    canvas.post(TOKEN_URL, json={name: value for name, value in GRANT.items() if name != "refresh_token"})
    assert oauth.refresh(transport, KEY, "kept").refresh_token is None


@pytest.mark.parametrize(
    ("changed", "field", "expected"),
    [
        pytest.param({"expires_in": 3599}, "expires_in", 3599, id="a-second-less"),
        pytest.param({"expires_in": None}, "expires_in", None, id="no-expiry"),
        pytest.param({"expires_in": 0}, "expires_in", None, id="zero"),
        pytest.param({"expires_in": -5}, "expires_in", None, id="negative"),
        pytest.param({"expires_in": True}, "expires_in", None, id="true"),
        pytest.param({"expires_in": 10**30}, "expires_in", None, id="for-ever"),
        pytest.param({"expires_in": "soon"}, "expires_in", None, id="word"),
        pytest.param({"refresh_token": None}, "refresh_token", None, id="null-refresh"),
        pytest.param({"refresh_token": ""}, "refresh_token", None, id="empty-refresh"),
        pytest.param({"user": {"id": 12, "name": "Ann"}}, "user_id", "12", id="older-user"),
        pytest.param({"user": {"id": 184670000000012345}}, "user_id", "184670000000012345", id="id-of-64-bits"),
        pytest.param({"user": {"id": 12, "global_id": ""}}, "user_id", "12", id="empty-global-id"),
        pytest.param({"user": {"id": 1.5}}, "user_id", None, id="id-no-integer"),
        pytest.param({"user": {"id": [1]}}, "user_id", None, id="id-list"),
        pytest.param({"user": None}, "user_id", None, id="no-user"),
        pytest.param({"user": "Ann"}, "user_name", None, id="user-no-object"),
        pytest.param({"user": {"id": 1, "name": "A\u202e\nnn"}}, "user_name", "A nn", id="hostile-name"),
        pytest.param({"real_user": {"id": 2, "name": "Root"}}, "real_user_name", "Root", id="acting-as"),
        pytest.param({"real_user": {"id": 2}}, "real_user_name", "somebody", id="acting-as-nameless"),
        pytest.param({"real_user": None}, "real_user_name", None, id="real-user-null"),
    ],
)
def test_grant_tolerates_what_versions_of_canvas_send(canvas, transport, changed, field, expected):
    assert getattr(exchanged(canvas, transport, GRANT | changed), field) == expected


@pytest.mark.parametrize("token", [None, "", 7, ["x"], {}])
def test_answer_without_a_token_is_no_grant(canvas, transport, token):
    with pytest.raises(errors.TokenMissing):
        exchanged(canvas, transport, GRANT | {"access_token": token})


def test_answer_that_names_no_token_is_no_grant(canvas, transport):
    with pytest.raises(errors.TokenMissing):
        exchanged(canvas, transport, {})


@FEW
@given(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(["refresh_token", "expires_in", "user", "real_user", "token_type"], VALUES)
    )
)
def test_grant_never_fails_over_anything_but_the_token(answer):
    assert oauth._grant(answer | {"access_token": "t"}).access_token == "t"


# --- Trouble ----------------------------------------------------------------------------------------------
BASIC = {"WWW-Authenticate": "Canvas OAuth 2.0"}


@pytest.mark.parametrize(
    ("status", "error", "description", "kind"),
    [
        pytest.param(401, "invalid_client", "unknown client", errors.UnknownClient, id="unknown-client"),
        pytest.param(401, "invalid_client", "invalid client", errors.WrongSecret, id="wrong-secret"),
        pytest.param(
            400, "invalid_grant", "authorization_code not found", errors.CodeExpired, id="code-used-or-expired"
        ),
        pytest.param(400, "invalid_grant", "incorrect client", errors.WrongClient, id="of-another-client"),
        pytest.param(400, "invalid_grant", "refresh_token not found", errors.RefreshTokenGone, id="refresh-gone"),
        pytest.param(400, "invalid_request", "refresh_token not found", errors.RefreshTokenGone, id="gone-older"),
        pytest.param(
            400, "unsupported_grant_type", "not currently supported", errors.OAuthRefused, id="grant-type"
        ),
        pytest.param(
            400, "invalid_request", "You must provide the code parameter", errors.OAuthRefused, id="no-code"
        ),
        pytest.param(
            400, "invalid_request", "You must provide the refresh_token", errors.OAuthRefused, id="no-refresh"
        ),
        pytest.param(
            400, "invalid_scope", "A requested scope is invalid", errors.InvalidScope, id="invalid-scope"
        ),
        pytest.param(400, "invalid_grant", "something new", errors.CodeExpired, id="unknown-reason"),
        pytest.param(400, "", "", errors.OAuthRefused, id="no-reason"),
        pytest.param(500, "server_error", "", errors.ServerFault, id="server-fault"),
    ],
)
def test_token_error_by_canvas_words(canvas, transport, status, error, description, kind):
    canvas.post(TOKEN_URL, json={"error": error, "error_description": description}, status=status, headers=BASIC)
    with pytest.raises(errors.CanvasError) as raised:
        oauth.exchange_code(transport, KEY, "code")
    assert type(raised.value) is kind
    assert raised.value.detail == f"HTTP {status}: {error}".rstrip(": ")


@pytest.mark.parametrize(
    ("status", "body", "content_type", "kind"),
    [
        pytest.param(200, "<h1>Sign in</h1>", "text/html", errors.NotJson, id="page-instead-of-token"),
        pytest.param(200, '{"access_to', "application/json", errors.AnswerTruncated, id="cut-short"),
        pytest.param(200, "[]", "application/json", errors.UnexpectedAnswer, id="list"),
        pytest.param(200, "[" * 100_000, "application/json", errors.AnswerTruncated, id="deep"),
        pytest.param(400, "[" * 100_000, "application/json", errors.OAuthRefused, id="deep-refusal"),
        pytest.param(400, '["odd"]', "application/json", errors.OAuthRefused, id="odd-refusal"),
        pytest.param(400, "{", "application/json", errors.OAuthRefused, id="cut-refusal"),
        pytest.param(404, "<h1>Not here</h1>", "text/html", errors.NotJson, id="another-website"),
        pytest.param(502, "<h1>Bad gateway</h1>", "text/html", errors.Unavailable, id="bad-gateway"),
        pytest.param(503, "<h1>Maintenance</h1>", "text/html", errors.Unavailable, id="maintenance"),
        pytest.param(403, "403 Forbidden (Rate Limit Exceeded)\n", "text/plain", errors.Throttled, id="throttled"),
        pytest.param(429, "", "text/plain", errors.Throttled, id="throttled-429"),
    ],
)
def test_token_error_when_canvas_says_something_else(canvas, transport, status, body, content_type, kind):
    canvas.post(TOKEN_URL, body=body, status=status, content_type=content_type)
    with pytest.raises(errors.CanvasError) as raised:
        oauth.refresh(transport, KEY, "refresh")
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("location", "kind"),
    [
        (f"{KEY.redirect_uri}?error=invalid_grant&error_description=x", errors.CodeExpired),
        (f"{KEY.redirect_uri}?error=invalid_client&error_description=invalid+client", errors.WrongSecret),
        (KEY.redirect_uri, errors.OAuthRefused),
        ("https://elsewhere.example/?error=invalid_grant", errors.UnexpectedRedirect),
    ],
)
def test_older_canvas_that_redirects_our_server_to_itself_is_read_and_not_followed(
    location, kind, canvas, transport
):
    canvas.post(TOKEN_URL, status=302, headers={"Location": location})
    with pytest.raises(kind):
        oauth.exchange_code(transport, KEY, "code")
    assert len(canvas.calls) == 1


def test_whatever_the_words_a_refused_renewal_means_that_the_refresh_token_is_gone(canvas, transport):
    canvas.post(TOKEN_URL, json={"error": "invalid_grant", "error_description": "something new"}, status=400)
    with pytest.raises(errors.RefreshTokenGone):
        oauth.refresh(transport, KEY, "refresh")


def test_refusal_that_quotes_the_secret_does_not_spread_it(canvas, transport):
    canvas.post(TOKEN_URL, json={"error": SECRET, "error_description": f"wrong {SECRET}"}, status=400)
    with pytest.raises(errors.OAuthRefused) as raised:
        oauth.exchange_code(transport, KEY, "code")
    shown = "".join(traceback.format_exception(raised.value))
    assert SECRET not in shown + repr(raised.value) + str(raised.value.args) + raised.value.headline


def test_key_and_grant_never_show_their_secrets(canvas, transport):
    shown = f"{KEY!r} {KEY} {exchanged(canvas, transport, GRANT)!r}"
    assert "planted" not in shown
    assert json.dumps("Ann Admin").strip('"') in shown


# --- Revoking ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {}),
        (200, {"forward_url": "https://sso.example"}),
        (401, {"errors": [{"message": "Invalid access token."}]}),
    ],
)
def test_revoke_is_done_when_the_token_is_gone(canvas, transport, status, body):
    canvas.delete(TOKEN_URL, json=body, status=status)
    oauth.revoke(transport, TOKEN)
    assert canvas.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert canvas.calls[0].request.url == TOKEN_URL


@pytest.mark.parametrize(
    ("status", "body", "content_type", "kind"),
    [
        (400, '{"message": "not using an OAuth access token"}', "application/json", errors.OAuthRefused),
        (200, "<h1>Sign in</h1>", "text/html", errors.NotJson),
        (401, "<h1>Proxy</h1>", "text/html", errors.NotJson),
        (503, "<h1>Maintenance</h1>", "text/html", errors.Unavailable),
        (429, "", "text/plain", errors.Throttled),
    ],
)
def test_revoke_says_when_it_failed(canvas, transport, status, body, content_type, kind):
    canvas.delete(TOKEN_URL, body=body, status=status, content_type=content_type)
    with pytest.raises(errors.CanvasError) as raised:
        oauth.revoke(transport, TOKEN)
    assert type(raised.value) is kind
    assert TOKEN not in "".join(traceback.format_exception(raised.value))
