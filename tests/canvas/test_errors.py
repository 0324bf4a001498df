"""What Canvas's refusals mean, what is said about them, and that no secret gets into what is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from requests.structures import CaseInsensitiveDict

from canvas import REQUIRED_SCOPES, errors
from canvas.client import error_of
from canvas.transport import Answer

JSON = "application/json; charset=utf-8"
BEARER = {"WWW-Authenticate": 'Bearer realm="canvas-lms"'}


def answer(status: int, body: str | dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
    kind = "text/html" if isinstance(body, str) else JSON
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer(status, CaseInsensitiveDict({"content-type": kind} | (headers or {})), text.encode())


def said(message: str) -> dict[str, Any]:
    return {"errors": [{"message": message}]}


NOT_AUTHORIZED = {"status": "unauthorized", **said("user not authorized to perform that action")}
NO_LOGIN = {"status": "unauthenticated", **said("user authorization required")}
SLOW_DOWN = "403 Forbidden (Rate Limit Exceeded)\n"
UNSCOPED = said("Insufficient scopes on access token.")


@pytest.mark.parametrize(
    ("received", "kind"),
    [
        pytest.param(answer(401, NO_LOGIN, BEARER), errors.TokenRejected, id="no-credentials"),
        pytest.param(answer(401, said("Invalid access token."), BEARER), errors.TokenRejected, id="token-unknown"),
        pytest.param(answer(401, said("Revoked access token."), BEARER), errors.TokenRejected, id="token-deleted"),
        pytest.param(answer(401, said("Expired access token."), BEARER), errors.TokenRejected, id="token-over"),
        pytest.param(
            answer(401, said("Invalid access token."), {"www-authenticate": "Bearer"}),
            errors.TokenRejected,
            id="lower-case-header",
        ),
        pytest.param(answer(401, UNSCOPED), errors.ScopesInsufficient, id="scope-missing"),
        pytest.param(answer(401, UNSCOPED, BEARER), errors.TokenRejected, id="header-before-text"),
        pytest.param(answer(401, NOT_AUTHORIZED), errors.NotPermitted, id="not-permitted-older"),
        pytest.param(answer(403, NOT_AUTHORIZED), errors.NotPermitted, id="not-permitted-newer"),
        pytest.param(
            answer(404, said("The specified resource does not exist.")), errors.NotFound, id="no-such-record"
        ),
        pytest.param(
            answer(404, {"errors": [{"message": "An error occurred.", "error_code": "not_found"}]}),
            errors.NotFound,
            id="bad-page",
        ),
        pytest.param(answer(404, "<h1>Not here</h1>"), errors.NotJson, id="another-website"),
        pytest.param(
            answer(400, said("3 or more characters is required")), errors.BadRequest, id="term-too-short"
        ),
        pytest.param(answer(500, said("An error occurred.")), errors.ServerFault, id="server-fault"),
        pytest.param(answer(500, "<h1>Oops</h1>"), errors.ServerFault, id="server-fault-page"),
        pytest.param(answer(502, said("An error occurred.")), errors.Unavailable, id="circuit-breaker"),
        pytest.param(answer(502, "<h1>Bad gateway</h1>"), errors.Unavailable, id="load-balancer"),
        pytest.param(answer(503, "<h1>Maintenance</h1>"), errors.Unavailable, id="maintenance"),
        pytest.param(answer(504, "<h1>Too late</h1>"), errors.Unavailable, id="gateway-timeout"),
        pytest.param(answer(403, SLOW_DOWN), errors.Throttled, id="throttled-403"),
        pytest.param(answer(429, "429 Too Many Requests (Rate Limit Exceeded)"), errors.Throttled, id="throttled"),
        pytest.param(answer(429, ""), errors.Throttled, id="throttled-without-words"),
        pytest.param(answer(403, {"message": "User-Agent required"}), errors.UserAgentRefused, id="user-agent"),
        pytest.param(answer(403, {"error": "missing user_agent"}), errors.UserAgentRefused, id="user_agent"),
        pytest.param(answer(403, "<h1>Forbidden</h1>"), errors.NotJson, id="firewall-page"),
        pytest.param(answer(418, said("I am a teapot")), errors.UnexpectedAnswer, id="another-status"),
        pytest.param(answer(204, said("")), errors.UnexpectedAnswer, id="no-content"),
    ],
)
def test_error_of_tells_the_situations_apart(received, kind):
    assert type(error_of(received)) is kind


def test_error_of_finds_nothing_wrong_with_200():
    assert error_of(answer(200, {})) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("1.5", 1.5), ("", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None)],
)
def test_error_of_reads_how_long_to_wait(header, seconds):
    error = error_of(answer(429, "", {"Retry-After": header}))
    assert isinstance(error, errors.Throttled)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param(said("Gone\x00\u202e\n away"), "HTTP 404: Gone away", id="message"),
        pytest.param({"errors": "just text"}, "HTTP 404: just text", id="text"),
        pytest.param({"errors": []}, "HTTP 404", id="no-errors"),
        pytest.param({"errors": [7]}, "HTTP 404", id="odd-errors"),
        pytest.param({"errors": [{"message": "x" * 5000}]}, "HTTP 404", id="cut-in-the-middle"),
    ],
)
def test_error_of_quotes_canvas_cleaned(body, detail):
    error = error_of(answer(404, body))
    assert error is not None
    assert error.detail == detail


def test_error_of_survives_deep_nesting():
    bomb = Answer(404, CaseInsensitiveDict({"content-type": JSON}), b"[" * 100_000)
    assert type(error_of(bomb)) is errors.NotFound


# --- ?error= at the callback ------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("access_denied", errors.AccessDenied),
        ("unauthorized_client", errors.KeyOff),
        ("unsupported_response_type", errors.UnsupportedResponse),
        ("invalid_client", errors.UnknownClient),
        ("invalid_scope", errors.InvalidScope),
        ("login_required", errors.OAuthRefused),
        ("", errors.OAuthRefused),
        ("__class__", errors.OAuthRefused),
    ],
)
def test_class_of_authorize_error_by_code(error, kind):
    assert type(errors.class_of_authorize_error(error, "")) is kind


@pytest.mark.parametrize(
    ("description", "missing"),
    [
        pytest.param(f"not granted: {REQUIRED_SCOPES[1].name}.", (REQUIRED_SCOPES[1].name,), id="one"),
        pytest.param(
            "; ".join(f"{s.name}" for s in reversed(REQUIRED_SCOPES[:2])),
            tuple(s.name for s in REQUIRED_SCOPES[:2]),
            id="our-order",
        ),
        pytest.param(
            ", ".join(scope.name for scope in REQUIRED_SCOPES), tuple(s.name for s in REQUIRED_SCOPES), id="all"
        ),
        pytest.param("", (), id="none"),
        pytest.param("url:GET|/call.us.now url:POST|/api/v1/users", (), id="hostile"),
        pytest.param("url:GET|/" + "a" * 100_000, (), id="endless"),
    ],
)
def test_invalid_scope_names_only_our_own_scopes(description, missing):
    error = errors.class_of_authorize_error("invalid_scope", description)
    assert isinstance(error, errors.InvalidScope)
    assert error.missing == missing
    assert [scope.name in error.headline for scope in REQUIRED_SCOPES] == [
        scope.name in missing for scope in REQUIRED_SCOPES
    ]


@pytest.mark.parametrize(
    "description",
    [
        pytest.param("line\r\nSet-Cookie: a=b", id="line-break"),
        pytest.param("\u202eesrever", id="right-to-left"),
        pytest.param("\ud800 half a character", id="surrogate"),
        pytest.param("\x1b[31mred\x00", id="terminal"),
        pytest.param("one\u2028two", id="line-separator"),
        pytest.param("x" * 1_000_000, id="endless"),
    ],
)
def test_hostile_description_becomes_one_short_printable_line(description):
    detail = errors.class_of_authorize_error("odd\n" * 100, description).detail
    assert detail.isprintable()
    assert len(detail) <= errors.LONGEST_DETAIL


def test_plain_keeps_names_of_the_world():
    assert errors.plain(" Zoë  Müller-Łódź 王小明 ") == "Zoë Müller-Łódź 王小明"


# --- All of them ------------------------------------------------------------------------------------------
def every(kind: type[errors.CanvasError]) -> list[type[errors.CanvasError]]:
    return [kind, *(deeper for below in kind.__subclasses__() for deeper in every(below))]


KINDS = [kind for kind in every(errors.CanvasError) if kind.__module__ == errors.__name__]


def test_every_error_has_its_own_code():
    codes = [kind.code for kind in KINDS if kind is not errors.TransportError]
    assert sorted(set(codes)) == sorted(codes)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_error_says_what_happened_and_what_to_do(kind):
    error = kind(7.5) if kind is errors.BackingOff else kind("why")
    assert error.headline.endswith(".")
    assert error.advice.endswith(".")
    assert str(error).startswith(f"{error.code}: {error.headline}")
