"""echo_lms under gunicorn with one more page, the floor: it takes what is sent and answers nothing."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.core.handlers.wsgi import WSGIHandler
    from django.http import HttpRequest, HttpResponse

EMPTY = "/empty"


# --- In the server's processes ----------------------------------------------------------------------------
def application() -> WSGIHandler:
    """For gunicorn."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "echo_lms.settings")
    from django.conf import settings  # noqa: PLC0415
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415

    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.SECURE_SSL_REDIRECT = False
    settings.ROOT_URLCONF = "bench.urls"
    return get_wsgi_application()


def empty(request: HttpRequest) -> HttpResponse:
    from django.http import HttpResponse as Answer  # noqa: PLC0415

    request.read()
    return Answer(b"[]", content_type="application/json")


# --- Beside them ------------------------------------------------------------------------------------------
@contextlib.contextmanager
def server() -> Iterator[int]:
    """Its port, until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    command = ["gunicorn", "-c", "echo_lms/gunicorn.py", "bench.web:application()", "--log-level", "critical"]
    command += ["--max-requests", "0"]  # this client does not knock again when a worker retires
    root, quiet = Path(__file__).resolve().parents[1], subprocess.DEVNULL
    # As in an installation, not as in the tests.
    settings = os.environ | {"DEBUG": "0", "DATABASE_CONN_MAX_AGE": "60", "BIND": f"127.0.0.1:{port}"}
    with subprocess.Popen(
        [sys.executable, "-m", *command], cwd=root, env=settings, stdout=quiet, stderr=quiet
    ) as process:
        try:
            _wait(port)
            yield port
        finally:
            process.terminate()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), Connection(port, {}) as connection:
            if connection.post(EMPTY, b"") == 200:
                return
        time.sleep(0.1)
    raise RuntimeError("The server did not start.")


class Connection:
    """One kept connection that does as little as a client can, for it shares the machine with the server."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        lines = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json", **headers}
        self.headers = "".join(f"{name}: {value}\r\n" for name, value in lines.items())

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def post(self, path: str, body: bytes) -> int:
        """The status."""
        head = f"POST {path} HTTP/1.1\r\n{self.headers}Content-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode() + body)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        answer, _, rest = received.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in answer.lower().split(b"\r\n") if line[:15] == b"content-length:")
        while len(rest) < length:
            rest += self._more()
        return int(answer.split(b" ", 2)[1])

    def _more(self) -> bytes:
        part = self.socket.recv(65536)
        if not part:
            raise OSError("The server closed the connection.")
        return part


@dataclass(frozen=True)
class Sent:
    seconds: float
    errors: int


def send(port: int, path: str, headers: dict[str, str], bodies: Sequence[bytes], *, clients: int) -> Sent:
    """All of them, shared by so many clients at once."""
    statuses: list[int] = []
    connections = [Connection(port, headers) for _ in range(clients)]

    def work(number: int) -> None:
        for body in bodies[number::clients]:
            statuses.append(connections[number].post(path, body))

    threads = [threading.Thread(target=work, args=[number]) for number in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    for connection in connections:
        connection.socket.close()
    return Sent(seconds, len(bodies) - statuses.count(200))


def bodies(statements: Sequence[object], *, each: int) -> list[bytes]:
    parts = (statements[first : first + each] for first in range(0, len(statements), each))
    return [json.dumps(part if each > 1 else part[0]).encode() for part in parts]
