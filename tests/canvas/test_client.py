"""Calls with a token: renewal, waiting, paging."""

from __future__ import annotations

import contextlib
import re
from typing import Any
from urllib.parse import unquote

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from canvas import errors
from canvas.client import ACCEPT, Client, has_more, next_link
from canvas.throttle import (
    FIRST_BACK_OFF,
    LONGEST_PAUSE,
    LOW_REMAINING,
    OUTFLOW,
    PATIENCE,
    LocalThrottle,
    Outcome,
    remaining_of,
)
from tests.canvas.arbitrary import FEW
from tests.canvas.recorders import Tokens

URL = "https://canvas.example/api/v1/things"
BEARER = {"WWW-Authenticate": 'Bearer realm="canvas-lms"'}
REJECTED: dict[str, Any] = {
    "json": {"errors": [{"message": "Invalid access token."}]},
    "status": 401,
    "headers": BEARER,
}
SLOW_DOWN: dict[str, Any] = {
    "body": "403 Forbidden (Rate Limit Exceeded)\n",
    "status": 403,
    "content_type": "text/plain",
}


def tokens_sent(canvas: responses.RequestsMock) -> list[str]:
    return [call.request.headers["Authorization"].removeprefix("Bearer ") for call in canvas.calls]


def test_get_json_sends_token_and_asks_for_string_ids(canvas, client):
    canvas.get(URL, json={"id": "7"})
    assert client.get_json("/api/v1/things") == {"id": "7"}
    request = canvas.calls[0].request
    assert (request.headers["Authorization"], request.headers["Accept"]) == ("Bearer token-0", ACCEPT)
    assert client.requests_made == 1


# --- Renewal ----------------------------------------------------------------------------------------------
def test_rejected_token_is_renewed_once_and_the_call_repeated(canvas, client, tokens):
    canvas.get(URL, **REJECTED)
    canvas.get(URL, json=[1])
    assert client.get_json("/api/v1/things") == [1]
    assert tokens.renewed == ["token-0"]
    assert tokens_sent(canvas) == ["token-0", "token-1"]


def test_second_rejection_is_final(canvas, client, tokens):
    canvas.get(URL, **REJECTED)
    with pytest.raises(errors.TokenRejected):
        client.get_json("/api/v1/things")
    assert tokens_sent(canvas) == ["token-0", "token-1"]
    assert tokens.renewed == ["token-0"]


def test_failed_renewal_is_what_the_caller_hears(canvas, client, tokens):
    tokens.lost = True
    canvas.get(URL, **REJECTED)
    with pytest.raises(errors.RefreshTokenGone):
        client.get_json("/api/v1/things")
    assert len(canvas.calls) == 1


def test_a_network_that_fails_during_renewal_is_no_refusal(canvas, transport, throttle):
    """What was being handled when the renewal began says nothing about how the renewal ended."""

    class Renewing(Tokens):
        def renew(self, rejected: str) -> str:
            transport.send("POST", "/login/oauth2/token")
            return super().renew(rejected)

    canvas.get(URL, **REJECTED)
    canvas.post("https://canvas.example/login/oauth2/token", body=requests.ConnectionError())
    with pytest.raises(errors.ConnectionFailed):
        Client(transport, Renewing(), throttle).get_json("/api/v1/things")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param(
            {"json": {"errors": [{"message": "Insufficient scopes on access token."}]}, "status": 401},
            errors.ScopesInsufficient,
            id="scopes",
        ),
        pytest.param(
            {"json": {"status": "unauthorized"}, "status": 401}, errors.NotPermitted, id="older-not-permitted"
        ),
        pytest.param({"json": {"status": "unauthorized"}, "status": 403}, errors.NotPermitted, id="not-permitted"),
        pytest.param({"json": {}, "status": 500}, errors.ServerFault, id="server-fault"),
    ],
)
def test_renewal_is_not_tried_where_it_cannot_help(canvas, client, tokens, answer, kind):
    canvas.get(URL, **answer)
    with pytest.raises(kind):
        client.get_json("/api/v1/things")
    assert (tokens.renewed, len(canvas.calls)) == ([], 1)


# --- Waiting ----------------------------------------------------------------------------------------------
def test_throttled_call_waits_longer_each_time_and_then_succeeds(canvas, patient, slept):
    canvas.get(URL, **SLOW_DOWN)
    canvas.get(URL, **SLOW_DOWN)
    canvas.get(URL, json=[1])
    assert patient.get_json("/api/v1/things") == [1]
    assert slept == [pytest.approx(FIRST_BACK_OFF, rel=0.26), pytest.approx(2 * FIRST_BACK_OFF, rel=0.26)]
    assert patient.throttles_met == 2


def test_retry_after_is_honoured(canvas, patient, slept):
    canvas.get(URL, status=429, headers={"Retry-After": "3"})
    canvas.get(URL, json=[])
    patient.get_json("/api/v1/things")
    assert slept == [3.0]


@pytest.mark.parametrize("retry_after", ["0", "soon", "-1", "nan"])
def test_useless_retry_after_is_a_usual_wait(canvas, patient, slept, retry_after):
    canvas.get(URL, status=429, headers={"Retry-After": retry_after})
    canvas.get(URL, json=[])
    patient.get_json("/api/v1/things")
    assert slept == [pytest.approx(FIRST_BACK_OFF, rel=0.26)]


@pytest.mark.parametrize("retry_after", [str(PATIENCE + 1), "86400", "inf", "1e300"])
def test_too_long_a_wait_is_not_begun(canvas, patient, slept, retry_after):
    canvas.get(URL, status=429, headers={"Retry-After": retry_after})
    with pytest.raises(errors.BackingOff, match=r"backing_off: Canvas asked echo_lms to slow down"):
        patient.get_json("/api/v1/things")
    assert (slept, len(canvas.calls), patient.throttles_met) == ([], 1, 1)


def test_throttling_without_end_is_given_up(canvas, patient, slept):
    canvas.get(URL, **SLOW_DOWN)
    with pytest.raises(errors.Throttled):
        patient.get_json("/api/v1/things")
    assert (len(slept), len(canvas.calls), patient.throttles_met) == (2, 3, 3)


def test_a_request_that_hangs_counts_as_throttled(canvas, client, throttle):
    """§7: a Canvas that is asked too much sometimes does not answer at all."""
    canvas.get(URL, body=requests.ReadTimeout())
    with pytest.raises(errors.TimedOut):
        client.get_json("/api/v1/things")
    assert throttle.outcomes == [Outcome(throttled=True)]


def test_throttle_is_told_of_every_answer(canvas, client, throttle):
    canvas.get(URL, **(SLOW_DOWN | {"headers": {"Retry-After": "7"}}))
    canvas.get(URL, json=[], headers={"x-rate-limit-remaining": "-3.5", "x-request-cost": "1.25"})
    client.get_json("/api/v1/things")
    assert throttle.outcomes == [Outcome(None, throttled=True, retry_after=7.0), Outcome(-3.5, 1.25)]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({"json": []}, id="success"),
        pytest.param(SLOW_DOWN, id="throttled"),
        pytest.param(REJECTED, id="rejected"),
        pytest.param({"body": "<p>", "content_type": "text/html"}, id="page"),
        pytest.param({"status": 302, "headers": {"Location": "https://a.example"}}, id="redirect"),
        pytest.param({"body": requests.ConnectTimeout()}, id="timed-out"),
        pytest.param({"body": requests.ConnectionError()}, id="unreachable"),
        pytest.param({"body": RuntimeError("a bug")}, id="bug"),
    ],
)
def test_throttle_is_always_released(canvas, client, throttle, answer):
    canvas.get(URL, **answer)
    with contextlib.suppress(errors.CanvasError, RuntimeError):
        client.get_json("/api/v1/things")
    assert throttle.open == set()
    assert len(throttle.outcomes) == len(canvas.calls)


def test_local_throttle_slows_down_when_little_remains():
    slept: list[float] = []
    throttle = LocalThrottle(sleep=slept.append, clock=lambda: sum(slept))
    for remaining in (700.0, LOW_REMAINING, LOW_REMAINING - OUTFLOW, 0.0, -20.0, None, 700.0):
        throttle.release(throttle.acquire(), Outcome(remaining))
    assert slept == [1.0, LONGEST_PAUSE, LONGEST_PAUSE]


@pytest.mark.parametrize(
    ("header", "remaining"),
    [({}, None), ({"X-Rate-Limit-Remaining": "x"}, None), ({"X-Rate-Limit-Remaining": "nan"}, None)],
)
def test_remaining_of_is_none_if_canvas_does_not_say(header, remaining):
    assert remaining_of(header) is remaining


# --- Answers that cannot be read --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        pytest.param({"body": "<h1>Sign in</h1>", "content_type": "text/html"}, errors.NotJson, id="page"),
        pytest.param({"body": '[{"id": 1', "content_type": "application/json"}, errors.AnswerTruncated, id="cut"),
        pytest.param({"body": "", "content_type": "application/json"}, errors.AnswerTruncated, id="empty"),
        pytest.param(
            {"body": b"\xff\xfe", "content_type": "application/json"}, errors.AnswerTruncated, id="bytes"
        ),
        pytest.param(
            {"body": "[" * 100_000, "content_type": "application/json"}, errors.UnexpectedAnswer, id="deep"
        ),
        pytest.param({"json": {"id": 1}}, errors.UnexpectedAnswer, id="object-for-list"),
        pytest.param({"json": [1, 2]}, errors.UnexpectedAnswer, id="list-of-numbers"),
        pytest.param({"body": "null", "content_type": "application/json"}, errors.UnexpectedAnswer, id="null"),
    ],
)
def test_pages_refuse_what_is_no_list(canvas, client, answer, kind):
    canvas.get(URL, **answer)
    with pytest.raises(errors.CanvasError) as raised:
        list(client.pages("/api/v1/things"))
    assert type(raised.value) is kind


# --- Paging -----------------------------------------------------------------------------------------------
def page(canvas: responses.RequestsMock, number: str, rows: list[dict[str, Any]], link: str | None) -> None:
    canvas.get(
        URL,
        json=rows,
        headers={"link": link} if link else {},
        match=[responses.matchers.query_param_matcher({"page": number} if number else {"per_page": "2"})],
    )


def following(address: str) -> str:
    return f'<{URL}?page=1&per_page=2>; rel="current",<{address}>; rel="next",<{URL}?page=1>; rel="first"'


def ask(client: Any, **options: Any) -> list[list[dict[str, Any]]]:
    return list(client.pages("/api/v1/things", [("per_page", "2")], **options))


def test_pages_follow_next_links_and_send_parameters_once(canvas, client):
    page(canvas, "", [{"id": 1}, {"id": 2}], following(f"{URL}?page=2"))
    page(canvas, "2", [{"id": 3}], None)
    assert ask(client) == [[{"id": 1}, {"id": 2}], [{"id": 3}]]
    assert [call.request.url for call in canvas.calls] == [f"{URL}?per_page=2", f"{URL}?page=2"]


def test_pages_follow_a_relative_link(canvas, client):
    page(canvas, "", [{"id": 1}], following("/api/v1/things?page=2"))
    page(canvas, "2", [{"id": 2}], None)
    assert ask(client) == [[{"id": 1}], [{"id": 2}]]


def test_pages_stop_at_an_empty_page_that_has_a_next(canvas, client):
    page(canvas, "", [{"id": 1}], following(f"{URL}?page=2"))
    page(canvas, "2", [], following(f"{URL}?page=3"))
    assert ask(client) == [[{"id": 1}]]
    assert len(canvas.calls) == 2


@pytest.mark.parametrize(
    ("next_page", "more"),
    [
        pytest.param("2", f',<{URL}?page=2>; rel="last"', id="known-length"),
        pytest.param("bookmark:WzFd", "", id="bookmarks"),
        pytest.param("bookmark%3AWzFd", "", id="bookmarks-quoted"),
    ],
)
def test_an_empty_page_in_the_place_of_announced_rows_is_not_taken_for_the_end(canvas, client, next_page, more):
    """Or the rest of the list would be taken for gone."""
    page(canvas, "", [{"id": 1}], following(f"{URL}?page={next_page}") + more)
    page(canvas, unquote(next_page), [], following(f"{URL}?page=3") + more)
    with pytest.raises(errors.PagingBroken, match="announced"):
        ask(client)


def test_pages_of_an_empty_list_are_none(canvas, client):
    page(canvas, "", [], None)
    assert ask(client) == []


def test_pages_renew_the_token_between_pages(canvas, client):
    page(canvas, "", [{"id": 1}], following(f"{URL}?page=2"))
    canvas.get(f"{URL}?page=2", **REJECTED)
    page(canvas, "2", [{"id": 2}], None)
    assert ask(client) == [[{"id": 1}], [{"id": 2}]]
    assert tokens_sent(canvas) == ["token-0", "token-0", "token-1"]


def test_a_full_page_without_a_link_header_is_not_taken_for_the_last(canvas, client):
    canvas.get(URL, json=[{"id": 1}, {"id": 2}])
    with pytest.raises(errors.PagingBroken):
        list(client.pages("/api/v1/things", [("per_page", "2")]))
    assert len(list(client.pages("/api/v1/things", [("per_page", "3")]))) == 1


def test_pages_refuse_a_page_that_comes_again(canvas, client):
    page(canvas, "", [{"id": 1}], following(f"{URL}?page=2"))
    page(canvas, "2", [{"id": 2}], following(f"{URL}?page=2"))
    with pytest.raises(errors.PagingBroken):
        ask(client)
    assert len(canvas.calls) == 2


def test_pages_refuse_the_first_page_when_it_comes_again(canvas, client):
    page(canvas, "", [{"id": 1}], following(f"{URL}?per_page=2"))
    with pytest.raises(errors.PagingBroken, match="second time"):
        ask(client)
    assert len(canvas.calls) == 1


def test_pages_end_with_an_error_at_the_cap(canvas, client):
    page(canvas, "", [{"id": 1}], following(f"{URL}?page=2"))
    page(canvas, "2", [{"id": 2}], following(f"{URL}?page=3"))
    with pytest.raises(errors.PagingBroken) as raised:
        ask(client, max_pages=2)
    assert raised.value.detail == "more than 2 pages"
    assert len(canvas.calls) == 2


@pytest.mark.parametrize(
    "foreign",
    [
        "https://evil.example/api/v1/things?page=2",
        "//evil.example/api/v1/things?page=2",
        "http://canvas.example/api/v1/things?page=2",
        "https://canvas.example:8443/api/v1/things?page=2",
        "https://canvas.example@evil.example/?page=2",
        "https://evil.example\\@canvas.example/?page=2",
        "https://canvas.example.evil.example/?page=2",
        "https://[bad/?page=2",
        "https://canvas.example:port/",
    ],
)
def test_token_never_goes_to_another_site(canvas, client, foreign):
    page(canvas, "", [{"id": 1}], following(foreign))
    with pytest.raises(errors.PagingBroken):
        ask(client)
    assert [call.request.url for call in canvas.calls] == [f"{URL}?per_page=2"]


BASE = "https://canvas.example"


@pytest.mark.parametrize(
    ("header", "address"),
    [
        pytest.param(None, None, id="no-header"),
        pytest.param("", None, id="empty"),
        pytest.param(following(f"{URL}?page=2"), f"{URL}?page=2", id="canvas"),
        pytest.param(f'<{URL}?page=2>; rel="next"', f"{URL}?page=2", id="alone"),
        pytest.param(f"<{URL}?page=2>; rel=next", f"{URL}?page=2", id="unquoted"),
        pytest.param(f'<{URL}?page=2> ; title="x" ; rel="next"', f"{URL}?page=2", id="more-parameters"),
        pytest.param('</api?page=2>; rel="next"', f"{BASE}/api?page=2", id="relative"),
        pytest.param(f'<{URL}?a=1,2&page=2>; rel="next"', f"{URL}?a=1,2&page=2", id="comma-inside"),
        pytest.param(f'<{URL}?page=3>; rel="last"', None, id="only-last"),
        pytest.param(f'<{URL}?page=3>; rel="nextish"', None, id="only-alike"),
        pytest.param('<>; rel="next"', None, id="no-address"),
        pytest.param('<https://[bad>; rel="next"', "https://[bad", id="malformed"),
        pytest.param("nonsense;;;=,<", None, id="nonsense"),
    ],
)
def test_next_link(header, address):
    headers = CaseInsensitiveDict({} if header is None else {"link": header})
    assert next_link(headers, base=BASE) == address


PIECES = st.sampled_from(
    [
        "<",
        ">",
        ";",
        ",",
        '"',
        "=",
        " ",
        "rel",
        "next",
        'rel="next"',
        'rel="last"',
        "https://[",
        "/a",
        "//b",
        "\\",
        "é",
    ]
)


@FEW
@given(st.lists(PIECES, max_size=20).map("".join))
def test_next_link_never_fails_and_needs_a_next(header):
    found = next_link({"Link": header}, base=BASE)
    has_more({"Link": header})
    assert found is None or re.search(r'rel\s*=\s*["\' ]*next', header)
