"""A server on this machine that says exactly the bytes it is told to, and remembers what it was asked."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from canvas.destinations import Destinations, Origin
from canvas.transport import Transport

PATIENCE = 5.0
TLS = b"\x16"


@dataclass
class Server:
    port: int
    requests: list[str] = field(default_factory=list)

    @property
    def insecure_host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def transport(self, **options: object) -> Transport:
        options.setdefault("destinations", Destinations([self.insecure_host]))
        origin = Origin("http", "127.0.0.1", self.port)
        return Transport(origin, user_agent="echo_lms/test", **options)  # type: ignore[arg-type]  # a test's own


def http(body: bytes = b"{}", status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    if length is not None or not any(line.startswith("Transfer-Encoding") for line in headers):
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode() + body


Reply = bytes | Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(*replies: Reply) -> Iterator[Server]:
    """Each reply is for one connection; then the connection is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        server = Server(listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, server, replies), daemon=True)
        thread.start()
        yield server
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)  # wakes the thread
    thread.join(PATIENCE)


def _serve(listener: socket.socket, server: Server, replies: tuple[Reply, ...]) -> None:
    for reply in replies:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # the test is over, or asked less often
        with connection, contextlib.suppress(OSError):
            connection.settimeout(PATIENCE)
            server.requests.append(_head(connection))
            if callable(reply):
                reply(connection)
            else:
                connection.sendall(reply)


def _head(connection: socket.socket) -> str:
    received = b""
    while not received.startswith(TLS) and b"\r\n\r\n" not in received and (more := connection.recv(65536)):
        received += more
    return received.decode("latin-1")
