"""The one door to Canvas: time-outs, size limit, no redirects, one origin, checked addresses. Nothing in echo_lms
makes a request to Canvas past it.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any
from urllib.parse import urljoin

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import PoolManager

from . import errors
from .destinations import DEFAULT_PORTS, Destinations, Origin

CHUNK = 64 * 1024


@dataclass(frozen=True)
class Answer:
    status: int
    headers: CaseInsensitiveDict[str]
    body: bytes

    @property
    def is_json(self) -> bool:
        return "json" in self.headers.get("content-type", "").lower()

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Transport:
    """Sends single requests to one origin. Safe to share between threads."""

    def __init__(
        self,
        origin: Origin,
        *,
        destinations: Destinations,
        user_agent: str,
        connect_timeout: float = 5.0,
        read_timeout: float = 15.0,
        total_timeout: float = 30.0,
        max_bytes: int = 8 * 1024 * 1024,
        ca_bundle: str | None = None,
        pool_size: int = 10,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.origin = origin
        self._timeout = (connect_timeout, read_timeout)
        self._total_timeout = total_timeout
        self._max_bytes = max_bytes
        self._clock = clock
        self._session = _Session()
        self._session.trust_env = False  # a proxy from the environment would resolve names for us
        self._session.verify = ca_bundle or True
        self._session.headers["User-Agent"] = user_agent
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # kept by nobody
        self._session.adapters.clear()
        limits = _Limits(total_timeout, clock)
        self._session.mount(f"{origin.scheme}://", _CheckedAdapter(destinations, pool_size, limits))

    def __repr__(self) -> str:
        return f"<Transport {self.origin}>"

    def send(
        self,
        method: str,
        address: str,
        *,
        params: Mapping[str, Any] | list[tuple[str, str]] | None = None,
        form: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request. `address` is a path, or a URL of this origin (a next link); `form` is an encoded body.

        Raises a TransportError. Any status is an answer, except that a redirect is an error.
        """
        request_headers = dict(headers or {})
        if form is not None:
            request_headers["Content-Type"] = "application/x-www-form-urlencoded"
        deadline = self._clock() + self._total_timeout
        try:
            response = self._session.request(
                method,
                self._url(address),
                params=params,
                data=form,
                headers=request_headers,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
            with response:
                if 300 <= response.status_code < 400:
                    raise errors.UnexpectedRedirect(response.headers.get("location", ""))
                body = self._read(response, deadline)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _translated(error) from None
        return Answer(response.status_code, response.headers, body)

    def serves(self, address: str) -> bool:
        """Whether the address, absolute or a path, is on this Canvas's own origin."""
        try:
            # Taken apart as the library will when it connects: urlsplit sees another host in "a\\@b".
            parts = urllib3.util.parse_url(urljoin(f"{self.origin}/", address))
        except ValueError:
            return False
        port = parts.port or DEFAULT_PORTS.get(parts.scheme or "")
        own = (None, self.origin.scheme, self.origin.host, self.origin.effective_port)
        return (parts.auth, parts.scheme, parts.host, port) == own

    def _url(self, address: str) -> str:
        if not self.serves(address):
            raise errors.DestinationRefused(f"not on {self.origin.host}")
        return urljoin(f"{self.origin}/", address)

    def _read(self, response: requests.Response, deadline: float) -> bytes:
        body = bytearray()
        # read1 returns what has come; read and stream would wait for a whole chunk, past the deadline.
        while chunk := response.raw.read1(CHUNK, decode_content=True):
            body += chunk
            if len(body) > self._max_bytes:
                raise errors.AnswerTooLarge(f"more than {self._max_bytes} bytes")
            if self._clock() > deadline:
                raise errors.TimedOut("the answer came too slowly")
        return bytes(body)


def _translated(error: BaseException) -> errors.CanvasError:
    """The library's exception as one of ours. Their texts hold whole URLs, so nothing of them is kept."""
    chain = _chain(error)
    for link in chain:
        if isinstance(link, errors.CanvasError):
            return link
    kinds: tuple[tuple[tuple[type[BaseException], ...], type[errors.CanvasError]], ...] = (
        ((requests.exceptions.SSLError, urllib3.exceptions.SSLError), errors.CertificateInvalid),
        ((requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError), errors.TimedOut),
        (
            (
                requests.exceptions.ChunkedEncodingError,
                http.client.IncompleteRead,
                urllib3.exceptions.IncompleteRead,
                urllib3.exceptions.InvalidChunkLength,
                urllib3.exceptions.DecodeError,
            ),
            errors.AnswerTruncated,
        ),
    )
    for library, ours in kinds:
        if any(isinstance(link, library) for link in chain):
            return ours()
    return errors.ConnectionFailed(type(error).__name__)


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting and len(found) < 20:
        link = waiting.pop(0)
        if isinstance(link, BaseException) and link not in found:
            found.append(link)
            # Not __context__: it leads out of this request, to whatever the caller was handling when it began.
            waiting += [link.__cause__, getattr(link, "reason", None), *link.args]
    return found


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None, because even a redirect that is not followed would have its body read whole, past our limits."""
        return None


@dataclass(frozen=True)
class _Limits:
    total_timeout: float
    clock: Callable[[], float]


class _Timed(io.RawIOBase):
    """Reads from a connection until a deadline: a limit for each read would let a slow drip go on for ever."""

    def __init__(self, raw: io.RawIOBase, limits: _Limits) -> None:
        self._raw = raw
        self._clock = limits.clock
        self._deadline = limits.clock() + limits.total_timeout

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        if self._clock() > self._deadline:
            raise errors.TimedOut("the answer came too slowly")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        if not self.closed:
            self._raw.close()
        super().close()


class _CheckedAdapter(HTTPAdapter):
    """Connects to the very address that was checked, so that no second look-up can lead elsewhere."""

    def __init__(self, destinations: Destinations, pool_size: int, limits: _Limits) -> None:
        self._destinations = destinations
        self._limits = limits
        super().__init__(pool_connections=1, pool_maxsize=pool_size, pool_block=True, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _checked_pools(self._destinations, self._limits)


def _checked_pools(destinations: Destinations, limits: _Limits) -> dict[str, Any]:
    class TimedResponse(http.client.HTTPResponse):
        """Its status and headers have to arrive before the deadline, too, not each byte of them."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.fp = io.BufferedReader(_Timed(self.fp.detach(), limits))

    def open_checked(connection: HTTPConnection) -> socket.socket:
        host = connection._dns_host
        return _connect(
            destinations.connectable(host, int(connection.port)),
            connection.timeout if isinstance(connection.timeout, int | float) else None,
        )

    class CheckedHTTPConnection(HTTPConnection):
        response_class = TimedResponse

        def _new_conn(self) -> socket.socket:
            return open_checked(self)

    class CheckedHTTPSConnection(HTTPSConnection):
        response_class = TimedResponse

        def _new_conn(self) -> socket.socket:
            return open_checked(self)

    class CheckedHTTPPool(HTTPConnectionPool):
        ConnectionCls = CheckedHTTPConnection

    class CheckedHTTPSPool(HTTPSConnectionPool):
        ConnectionCls = CheckedHTTPSConnection

    return {"http": CheckedHTTPPool, "https": CheckedHTTPSPool}


def _connect(addresses: list[Any], timeout: float | None) -> socket.socket:
    """The first of the addresses that takes the connection, as `socket.create_connection` would."""
    last: OSError = OSError("no address")
    for family, address in addresses:
        connection = socket.socket(family, socket.SOCK_STREAM)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(timeout)
            connection.connect(address)
        except OSError as error:
            connection.close()
            last = error
        else:
            return connection
    raise last
