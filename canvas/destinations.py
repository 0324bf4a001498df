"""Which hosts may be called. Names are judged when they are typed, addresses at every connection after DNS:
a name may lead elsewhere a minute later.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from .errors import DestinationRefused, DomainNotFound

LONGEST_NAME = 253
NOT_A_NAME = "Enter a name such as school.instructure.com, not an IP address."
DEFAULT_PORTS = {"https": 443, "http": 80}
LOCAL_SUFFIXES = (
    "localhost",
    "local",
    "internal",
    "home.arpa",
    "lan",
    "intranet",
    "test",
    "invalid",
    "onion",
)
NAT64 = ipaddress.ip_network("64:ff9b::/96")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
_NUMERIC = re.compile(r"(?:0x[0-9a-f]*|\d+)(?:\.(?:0x[0-9a-f]*|\d+))*")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolved = tuple[socket.AddressFamily, tuple[Any, ...]]


class InvalidDomain(ValueError):
    """What was typed cannot be a Canvas domain; the text says why, for the person who typed it."""


@dataclass(frozen=True)
class Origin:
    scheme: str
    host: str
    port: int | None = None

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"

    @property
    def netloc(self) -> str:
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def effective_port(self) -> int:
        return self.port or DEFAULT_PORTS[self.scheme]


def parse_origin(text: str, *, insecure_hosts: Collection[str] = ()) -> Origin:
    """The origin in whatever a person pastes: an address with path and query, upper case, spaces, a final dot.

    Raises InvalidDomain unless it is https on a public name. `insecure_hosts` ("127.0.0.1:8900") are taken as
    they are, with http.
    """
    parts = _split(text)
    host = _host(parts)
    port = _port(parts)
    if f"{host}:{port}" in insecure_hosts and (parts.scheme == "http" or not _SCHEME.match(text.strip())):
        return Origin("http", host, port)
    name = _idna(host)
    _refuse_local(name)
    return Origin("https", name, None if port in (None, 443) or _plain_http_port(parts, port) else port)


def _plain_http_port(parts: SplitResult, port: int | None) -> bool:
    return parts.scheme == "http" and port == 80


def _split(text: str) -> SplitResult:
    text = text.strip().strip("<>\"'").strip()
    if not text:
        raise InvalidDomain("Enter your Canvas domain, for example school.instructure.com.")
    if re.search(r"[\s\x00-\x1f\x7f\\]", text):
        raise InvalidDomain("A domain has no spaces or backslashes in it.")
    if not _SCHEME.match(text):
        text = f"https://{text.lstrip('/')}"
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise InvalidDomain("This is not an address. Enter a domain such as school.instructure.com.") from error
    if parts.scheme.lower() not in DEFAULT_PORTS:
        raise InvalidDomain(f"A Canvas address begins with https://, not with {parts.scheme[:20]}://.")
    if "@" in parts.netloc:
        raise InvalidDomain("Leave out the user name and password before the @.")
    return parts


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").rstrip(".").lower()
    if not host:
        raise InvalidDomain("The domain is missing. Enter one such as school.instructure.com.")
    return host


def _port(parts: SplitResult) -> int | None:
    try:
        port = parts.port
    except ValueError as error:
        raise InvalidDomain("The port after the colon must be a number from 1 to 65535.") from error
    if port == 0:
        raise InvalidDomain("The port after the colon must be a number from 1 to 65535.")
    return port


def _refuse_local(host: str) -> None:
    if _NUMERIC.fullmatch(host):
        raise InvalidDomain(NOT_A_NAME)
    if "." not in host:
        raise InvalidDomain(f"{host[:60]} is not a full domain. Enter one such as school.instructure.com.")
    if any(f".{host}".endswith(f".{suffix}") for suffix in LOCAL_SUFFIXES):
        raise InvalidDomain(f"{host[:60]} is a name inside a private network; Canvas must have a public one.")


def _idna(host: str) -> str:
    """The name as DNS is asked for it: full-width letters, digits and dots are plain ones only here."""
    if ":" in host:
        raise InvalidDomain(NOT_A_NAME)
    try:
        ascii_name = host.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise InvalidDomain("The domain has characters that cannot be part of a name.") from error
    if len(ascii_name) > LONGEST_NAME:
        raise InvalidDomain(f"The domain is longer than {LONGEST_NAME} characters.")
    if not all(_LABEL.fullmatch(label) for label in ascii_name.split(".")):
        raise InvalidDomain("The domain has characters that cannot be part of a name.")
    return ascii_name


def unmapped(address: Address) -> list[Address]:
    """The address itself and every IPv4 address that is wrapped in it: all of them must be public."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    inner: list[Address] = [address]
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        inner.append(address.sixtofour)
    if address.teredo is not None:
        inner.extend(address.teredo)
    if address in NAT64:
        return [ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)]
    return inner


def is_public(text: str) -> bool:
    """Global and unicast. "Not private" would not do: shared and multicast space is neither."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return all(_is_global_unicast(one) for one in unmapped(address))


def _is_global_unicast(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.is_site_local:
        return False  # Python counts this old private space as global
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


class Destinations:
    """Resolves a name to the addresses that may be connected to."""

    def __init__(
        self, insecure_hosts: Collection[str] = (), resolve: Callable[..., list[Any]] | None = None
    ) -> None:
        self.insecure_hosts = frozenset(insecure_hosts)
        self._resolve = resolve or socket.getaddrinfo

    def connectable(self, host: str, port: int) -> list[Resolved]:
        """Raises DomainNotFound, or DestinationRefused if any of the name's addresses is not public: one bad
        address among good ones is how a rebinding attack looks.
        """
        try:
            found = self._resolve(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise DomainNotFound(host) from error
        addresses = [(socket.AddressFamily(entry[0]), tuple(entry[4])) for entry in found]
        if not addresses:
            raise DomainNotFound(host)
        if f"{host}:{port}" not in self.insecure_hosts and not all(is_public(one[1][0]) for one in addresses):
            raise DestinationRefused(host)
        return addresses
