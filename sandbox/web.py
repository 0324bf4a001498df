"""Requests and answers as plain objects, and the threaded HTTP/1.1 server that turns one into the other."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

LARGEST_BODY = 1024 * 1024
LAST_PIECE = 64 * 1024
COOKIE = "canvas_sandbox_session"


@dataclass
class Request:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes
    host: str
    client: str

    def get(self, name: str, default: str = "") -> str:
        """The last value of a query parameter, as Rails takes it."""
        return next((value for key, value in reversed(self.query) if key == name), default)

    def get_list(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == f"{name}[]"]

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))

    @property
    def form_list(self) -> list[tuple[str, str]]:
        return parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True)

    @property
    def data(self) -> dict[str, Any]:
        """A JSON body; an empty one is an empty object."""
        found = json.loads(self.body or b"{}")
        return found if isinstance(found, dict) else {}

    @property
    def cookie(self) -> str:
        cookies = SimpleCookie(self.headers.get("cookie", ""))
        return cookies[COOKIE].value if COOKIE in cookies else ""

    @property
    def bearer(self) -> str:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token if scheme == "Bearer" else ""  # case-sensitive (§2)


@dataclass
class Response:
    status: int = 200
    body: bytes = b""
    content_type: str = "text/html; charset=utf-8"
    headers: list[tuple[str, str]] = field(default_factory=list)
    # How the server misbehaves on the wire while sending this, and for how long it waits first (see faults.py).
    wire: str = ""
    before: float = 0.0
    # Called once, when everything but the last piece has been sent. After the last one would be too late: a client
    # that has it may already have sent its next request, and the two would look parallel.
    at_end: Callable[[], None] | None = None


def json_response(data: Any, status: int = 200, **headers: str) -> Response:
    listed = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Response(status, json.dumps(data).encode(), "application/json; charset=utf-8", listed)


def text_response(text: str, status: int = 200) -> Response:
    return Response(status, text.encode(), "text/plain; charset=utf-8")


def redirect(location: str, status: int = 302) -> Response:
    return Response(status, b"", headers=[("location", location)])


View = Callable[..., Response]


class Router:
    def __init__(self) -> None:
        self._routes: list[tuple[str, re.Pattern[str], View]] = []

    def add(self, method: str, pattern: str, view: View) -> None:
        self._routes.append((method, re.compile(pattern), view))

    def find(self, method: str, path: str) -> tuple[View, dict[str, str]] | None:
        wanted = "GET" if method == "HEAD" else method
        for known, pattern, view in self._routes:
            match = pattern.fullmatch(path)
            if match and known == wanted:
                return view, match.groupdict()
        return None


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], answer: Callable[[Request], Response]) -> None:
        self.answer = answer
        self.stopping = threading.Event()
        super().__init__(address, Handler)

    def server_bind(self) -> None:
        # Without HTTPServer's look-up of the host's own name, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = "sandbox", self.server_address[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away in the middle is no error of ours."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 120
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """The request log is kept by app.py, without tokens."""

    def _serve(self) -> None:
        request = self._request()
        if request is None:
            return
        response = self.server.answer(request)
        self._send(response)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = _serve  # noqa: N815 - the base class asks for these names

    def _request(self) -> Request | None:
        length = self.headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            self.close_connection = True
            self._send(text_response("The body is too large.", 413))
            return None
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        return Request(
            self.command,
            parts.path,
            parse_qsl(parts.query, keep_blank_values=True),
            headers,
            self.rfile.read(int(length)),
            headers.get("host", ""),
            str(self.client_address[0]),
        )

    def _send(self, response: Response) -> None:
        try:
            self._write(response)
        finally:
            _end(response)

    def _write(self, response: Response) -> None:
        if response.wire == "close":
            _end(response)
            self.close_connection = True
            self.connection.close()
            return
        body = response.body
        declared = len(body) + 1000 if response.wire == "cut" else len(body)
        lines = [f"HTTP/1.1 {response.status} {self.responses.get(response.status, ('', ''))[0]}"]
        lines += [f"{name.lower()}: {value}" for name, value in response.headers]
        lines += [f"content-type: {response.content_type}", f"content-length: {declared}"]
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
        if self.command == "HEAD":
            body = b""
        if response.wire == "drip":
            self.wfile.write(head)
            if not self._drip(body[:-1]):
                return
            rest = body[-1:]
        else:
            whole = head + body
            split = max(0, len(whole) - LAST_PIECE)
            if split:
                self.wfile.write(whole[:split])
            rest = whole[split:]
        _end(response)
        self.wfile.write(rest)
        if response.wire == "cut":
            self.close_connection = True

    def _drip(self, body: bytes) -> bool:
        """False if the server stops meanwhile."""
        for position in range(len(body)):
            self.wfile.write(body[position : position + 1])
            self.wfile.flush()
            if self.server.stopping.wait(0.2):
                return False
        return True


def _end(response: Response) -> None:
    at_end, response.at_end = response.at_end, None
    if at_end is not None:
        at_end()
