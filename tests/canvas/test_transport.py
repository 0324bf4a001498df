"""The guards of the one door to Canvas, against a real server on this machine."""

from __future__ import annotations

import gzip
import itertools
import socket
import threading
import traceback
from typing import Any

import pytest

from canvas import errors
from canvas.destinations import Destinations, Origin
from canvas.transport import Transport
from tests.canvas.server import http, serving

SECRET = "planted-secret-4711"
BEARER = {"Authorization": f"Bearer {SECRET}"}


def seconds(step: float) -> Any:
    """A clock that is `step` seconds later each time somebody looks at it."""
    ticks = itertools.count()
    return lambda: next(ticks) * step


def test_send_gives_status_headers_and_body():
    with serving(http(b'{"a": 1}', "404 Not Found", "X-Request-Cost: 0.1")) as server:
        answer = server.transport().send("GET", "/api/v1/x")
    assert (answer.status, answer.headers["x-request-cost"], answer.text) == (404, "0.1", '{"a": 1}')
    assert answer.is_json


def test_send_asks_with_user_agent_and_encoded_parameters():
    with serving(http()) as server:
        server.transport().send("GET", "/api/v1/x", params=[("include[]", "a+b@c.example")], headers=BEARER)
    lines = server.requests[0].split("\r\n")
    assert lines[0] == "GET /api/v1/x?include%5B%5D=a%2Bb%40c.example HTTP/1.1"
    assert "User-Agent: echo_lms/test" in lines
    assert f"Authorization: Bearer {SECRET}" in lines


def test_send_posts_a_form():
    with serving(http()) as server:
        server.transport().send("POST", "/login/oauth2/token", form="code=1%2F2")
    assert "Content-Type: application/x-www-form-urlencoded" in server.requests[0]
    assert server.requests[0].startswith("POST /login/oauth2/token HTTP/1.1")


def test_send_unpacks_gzip():
    with serving(http(gzip.compress(b'{"a": 1}' * 1000), "200 OK", "Content-Encoding: gzip")) as server:
        assert server.transport().send("GET", "/x").body == b'{"a": 1}' * 1000


def test_send_reads_a_body_in_chunks():
    body = b"4\r\n[1,2\r\n1\r\n]\r\n0\r\n\r\n"
    with serving(http(body, "200 OK", "Transfer-Encoding: chunked")) as server:
        assert server.transport().send("GET", "/x").body == b"[1,2]"


def test_send_reads_a_body_that_ends_with_the_connection():
    with serving(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>Hi") as server:
        answer = server.transport().send("GET", "/x")
    assert (answer.text, answer.is_json) == ("<p>Hi", False)


def test_send_keeps_a_connection_for_the_next_request():
    def twice(connection: socket.socket) -> None:
        connection.sendall(http(b"[1]"))
        connection.recv(65536)
        connection.sendall(http(b"[2]"))

    with serving(twice) as server:
        transport = server.transport()
        assert [transport.send("GET", "/x").text for _ in range(2)] == ["[1]", "[2]"]


def test_cookies_are_never_sent_back():
    with serving(http(b"{}", "200 OK", "Set-Cookie: session=1; Path=/", "Connection: close"), http()) as server:
        transport = server.transport()
        transport.send("GET", "/one")
        transport.send("GET", "/two")
    assert len(server.requests) == 2
    assert "cookie" not in server.requests[1].lower()


# --- Trouble ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_redirect_is_an_error_and_is_not_followed(status):
    location = f"Location: http://elsewhere.example/?code={SECRET}"
    with (
        serving(http(b"", status, location), http()) as server,
        pytest.raises(errors.UnexpectedRedirect) as raised,
    ):
        server.transport().send("GET", "/x")
    assert len(server.requests) == 1
    assert raised.value.detail == "elsewhere.example"


@pytest.mark.parametrize("location", ["http://[bad", "http://a.example:port/", "nonsense:", "\xff", ""])
def test_redirect_with_a_broken_location_is_still_a_redirect(location):
    reply = http(b"", "302 Found", f"Location: {location}")
    with serving(reply) as server, pytest.raises(errors.UnexpectedRedirect):
        server.transport().send("GET", "/x")


def test_body_of_a_redirect_is_not_read():
    reply = http(b"", "302 Found", "Location: http://elsewhere.example/", length=10**12)
    with serving(reply) as server, pytest.raises(errors.UnexpectedRedirect):
        server.transport().send("GET", "/x")


def test_dripping_headers_are_cut_at_the_deadline():
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        over.wait(5)

    with serving(drip) as server:
        with pytest.raises(errors.TimedOut) as raised:
            server.transport(total_timeout=30, clock=seconds(31)).send("GET", "/x")
        over.set()
    assert raised.value.detail == "the answer came too slowly"


@pytest.mark.parametrize("chunked", [False, True])
def test_dripping_answer_is_cut_at_the_deadline(chunked):
    over = threading.Event()

    def drip(connection: socket.socket) -> None:
        framing = "Transfer-Encoding: chunked" if chunked else "Content-Length: 1000"
        connection.sendall(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{'3e8' if chunked else ''}\r\n[".encode())
        over.wait(5)

    with serving(drip) as server:
        with pytest.raises(errors.TimedOut) as raised:
            server.transport(total_timeout=30, clock=seconds(31)).send("GET", "/x")
        over.set()
    assert raised.value.detail == "the answer came too slowly"


def test_silent_server_times_out():
    over = threading.Event()

    def keep_quiet(_: socket.socket) -> None:
        over.wait(5)

    with serving(keep_quiet) as server:
        with pytest.raises(errors.TimedOut):
            server.transport(read_timeout=0.1).send("GET", "/x")
        over.set()


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(http(b"x" * 5000), id="plain"),
        pytest.param(http(gzip.compress(b"0" * 500_000), "200 OK", "Content-Encoding: gzip"), id="gzip-bomb"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000, id="length-unknown"),
    ],
)
def test_huge_answer_is_refused(reply):
    with serving(reply) as server, pytest.raises(errors.AnswerTooLarge):
        server.transport(max_bytes=4096).send("GET", "/x")


def test_answer_of_exactly_the_limit_is_taken():
    with serving(http(b"x" * 4096)) as server:
        assert len(server.transport(max_bytes=4096).send("GET", "/x").body) == 4096


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(http(b"[1,", length=1000), id="shorter-than-promised"),
        pytest.param(http(b"", length=1000), id="nothing-of-it"),
        pytest.param(http(b"5\r\n[1", "200 OK", "Transfer-Encoding: chunked"), id="chunk-cut"),
        pytest.param(http(b"5\r\n[1,2]\r\n", "200 OK", "Transfer-Encoding: chunked"), id="last-chunk-missing"),
        pytest.param(http(b"zz\r\n[1,2]\r\n", "200 OK", "Transfer-Encoding: chunked"), id="chunk-size-no-number"),
        pytest.param(http(b"not gzip at all", "200 OK", "Content-Encoding: gzip"), id="not-gzip"),
    ],
)
def test_broken_answer_is_never_taken_for_a_whole_one(reply):
    with serving(reply) as server, pytest.raises(errors.AnswerTruncated):
        server.transport().send("GET", "/x")


@pytest.mark.parametrize("reply", [b"", b"220 mail.example ESMTP\r\n", b"\x15\x03\x01\x00\x02\x02\x28"])
def test_connection_that_speaks_no_http_is_a_failed_connection(reply):
    with serving(reply) as server, pytest.raises(errors.ConnectionFailed):
        server.transport().send("GET", "/x")


def test_closed_port_is_a_failed_connection():
    with serving() as server:
        transport = server.transport()
    with pytest.raises(errors.ConnectionFailed):
        transport.send("GET", "/x")


def test_server_without_tls_has_no_valid_certificate():
    with serving(http(b"", "400 Bad Request")) as server:
        origin = Origin("https", "127.0.0.1", server.port)
        transport = Transport(origin, destinations=Destinations([server.insecure_host]), user_agent="x")
        with pytest.raises(errors.CertificateInvalid):
            transport.send("GET", "/x")


# --- One origin, checked addresses ------------------------------------------------------------------------
FOREIGN = [
    pytest.param("http://evil.example/", id="another-host"),
    pytest.param("//evil.example/", id="scheme-relative"),
    pytest.param("https://canvas.example/", id="another-scheme"),
    pytest.param("http://canvas.example:81/", id="another-port"),
    pytest.param("http://canvas.example.evil.example/", id="longer-name"),
    pytest.param("http://canvas.example@evil.example/", id="as-user-info"),
    pytest.param("http://evil.example\\@canvas.example/", id="backslash"),
    pytest.param("http://me:pw@canvas.example/", id="own-host-with-user-info"),
    pytest.param("http://[bad/", id="malformed"),
    pytest.param("http://canvas.example:port/", id="malformed-port"),
    pytest.param("file:///etc/passwd", id="file"),
    pytest.param("javascript:alert(1)", id="javascript"),
]


def unreachable(*_: Any, **__: Any) -> list[Any]:
    raise AssertionError("nothing may be looked up")


@pytest.mark.parametrize("address", FOREIGN)
def test_another_origin_is_neither_served_nor_contacted(address):
    origin = Origin("http", "canvas.example")
    transport = Transport(origin, destinations=Destinations(resolve=unreachable), user_agent="x")
    assert not transport.serves(address)
    with pytest.raises(errors.DestinationRefused):
        transport.send("GET", address, headers=BEARER)


@pytest.mark.parametrize(
    "address",
    ["/x", "x?page=2", "http://canvas.example/x", "HTTP://Canvas.Example:80/x", "?page=http://a.example"],
)
def test_own_origin_is_served(address):
    transport = Transport(Origin("http", "canvas.example"), destinations=Destinations(), user_agent="x")
    assert transport.serves(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "169.254.169.254", "::1", "10.0.0.1"])
def test_name_that_leads_inside_is_not_connected_to(address):
    with serving(http()) as server:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        found = [(family, socket.SOCK_STREAM, 6, "", (address, server.port))]
        destinations = Destinations(resolve=lambda *_, **__: found)
        transport = Transport(
            Origin("http", "canvas.example", server.port), destinations=destinations, user_agent="x"
        )
        with pytest.raises(errors.DestinationRefused):
            transport.send("GET", "/x", headers=BEARER)
    assert server.requests == []


def test_connection_goes_to_the_address_that_was_checked():
    """A resolver that answers differently the second time never gets a second question."""
    with serving(http(b"[1]")) as good, serving(http(b"[2]")) as evil:
        ports = iter([good.port, evil.port])

        def rebinding(*_: Any, **__: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", next(ports)))]

        origin = Origin("http", "canvas.example", 8900)
        destinations = Destinations(["canvas.example:8900"], resolve=rebinding)
        answer = Transport(origin, destinations=destinations, user_agent="x").send("GET", "/x")
    assert answer.text == "[1]"
    assert good.requests[0].split("\r\n")[1] == "Host: canvas.example:8900"
    assert evil.requests == []


def test_name_is_checked_again_at_the_next_connection():
    with serving(http(b"[1]", "200 OK", "Connection: close"), http()) as server:
        hosts = {server.insecure_host}
        destinations = Destinations(hosts)
        transport = server.transport(destinations=destinations)
        transport.send("GET", "/x")
        destinations.insecure_hosts = frozenset()
        with pytest.raises(errors.DestinationRefused):
            transport.send("GET", "/x")
    assert len(server.requests) == 1


def test_second_address_is_tried_when_the_first_is_dead():
    with serving() as dead, serving(http(b"[1]")) as server:
        dead_port = dead.port
    with serving(http(b"[1]")) as server:
        found = [(socket.AF_INET, 1, 6, "", ("127.0.0.1", port)) for port in (dead_port, server.port)]
        destinations = Destinations([server.insecure_host], resolve=lambda *_, **__: found)
        assert server.transport(destinations=destinations).send("GET", "/x").text == "[1]"


def test_proxy_of_the_environment_is_not_used(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(http(b"[1]")) as server:
        assert server.transport().send("GET", "/x").text == "[1]"


@pytest.mark.parametrize("reply", [b"", http(b"[", length=9), http(b"", "302 Found", f"Location: /?t={SECRET}")])
def test_secret_is_in_no_error_text(reply):
    with serving(reply) as server, pytest.raises(errors.CanvasError) as raised:
        server.transport().send("GET", "/x", params=[("code", SECRET)], headers=BEARER)
    shown = "".join(traceback.format_exception(raised.value))
    assert SECRET not in shown + repr(raised.value) + str(raised.value.args)


def test_repr_of_transport_names_the_origin_only():
    transport = Transport(Origin("https", "canvas.example"), destinations=Destinations(), user_agent="x")
    assert repr(transport) == "<Transport https://canvas.example>"
