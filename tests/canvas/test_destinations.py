"""What a person may type as a Canvas Domain, and which addresses are connected to."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest

from canvas.destinations import Destinations, InvalidDomain, Origin, is_public, parse_origin, unmapped
from canvas.errors import DestinationRefused, DomainNotFound

CANVAS = "https://school.instructure.com"


def answers(*addresses: str) -> Any:
    """A resolver that gives these addresses for every name."""

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    return resolve


# --- Names ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        pytest.param("school.instructure.com", CANVAS, id="name"),
        pytest.param("  school.instructure.com\n", CANVAS, id="spaces-around"),
        pytest.param("SCHOOL.Instructure.COM", CANVAS, id="upper-case"),
        pytest.param("school.instructure.com.", CANVAS, id="final-dot"),
        pytest.param("school.instructure.com/", CANVAS, id="final-slash"),
        pytest.param("//school.instructure.com", CANVAS, id="no-scheme"),
        pytest.param("https://school.instructure.com/courses/1?x#y", CANVAS, id="page"),
        pytest.param("school.instructure.com/login?to=https://a.example", CANVAS, id="address-in-query"),
        pytest.param("HTTP://school.instructure.com", CANVAS, id="http"),
        pytest.param("http://school.instructure.com:80/", CANVAS, id="http-port-80"),
        pytest.param("https://school.instructure.com:443", CANVAS, id="default-port"),
        pytest.param("https://school.instructure.com:8443", f"{CANVAS}:8443", id="port"),
        pytest.param("<https://school.instructure.com>", CANVAS, id="angle-brackets"),
        pytest.param('"school.instructure.com"', CANVAS, id="quotation-marks"),
        pytest.param("canvas.münchen.example", "https://canvas.xn--mnchen-3ya.example", id="international"),
        pytest.param("1.school.example", "https://1.school.example", id="numeric-label"),
    ],
)
def test_parse_origin_accepts_what_people_paste(typed, origin):
    assert str(parse_origin(typed)) == origin


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        pytest.param("", "Enter your Canvas domain", id="empty"),
        pytest.param("   ", "Enter your Canvas domain", id="blank"),
        pytest.param("https://", "The domain is missing", id="only-scheme"),
        pytest.param("https:///courses", "The domain is missing", id="no-host"),
        pytest.param("ftp://school.example", "begins with https://", id="ftp"),
        pytest.param("file:///etc/passwd", "begins with https://", id="file"),
        pytest.param("gopher://school.example", "begins with https://", id="gopher"),
        pytest.param("javascript:alert(1)", "The port", id="javascript"),
        pytest.param("https://me:pw@school.example", "before the @", id="user-info"),
        pytest.param("https://school.example@10.0.0.1", "before the @", id="host-in-user-info"),
        pytest.param("school.example\\@evil.example", "no spaces or backslashes", id="backslash"),
        pytest.param("my school.example", "no spaces", id="space-inside"),
        pytest.param("school\n.example", "no spaces", id="line-break-inside"),
        pytest.param("school.example:0", "The port", id="port-0"),
        pytest.param("school.example:65536", "The port", id="port-too-high"),
        pytest.param("school.example:web", "The port", id="port-word"),
        pytest.param("school.example:-1", "The port", id="port-negative"),
        pytest.param("https://[::1", "not an address", id="half-a-bracket"),
        pytest.param("127.0.0.1", "not an IP address", id="ipv4"),
        pytest.param("8.8.8.8", "not an IP address", id="public-ipv4"),
        pytest.param("127.0.0.1.", "not an IP address", id="ipv4-final-dot"),
        pytest.param("127.1", "not an IP address", id="ipv4-short"),
        pytest.param("2130706433", "not an IP address", id="ipv4-decimal"),
        pytest.param("0x7f000001", "not an IP address", id="ipv4-hex"),
        pytest.param("0X7F.0.0.1", "not an IP address", id="ipv4-hex-part"),
        pytest.param("0177.0.0.1", "not an IP address", id="ipv4-octal"),
        pytest.param("127。0。0。1", "not an IP address", id="ipv4-ideographic-dots"),
        pytest.param("１２７.0.0.1", "not an IP address", id="ipv4-full-width"),
        pytest.param("①②⑦.0.0.1", "not an IP address", id="ipv4-circled"),
        pytest.param("[::1]", "not an IP address", id="ipv6"),
        pytest.param("https://[2001:4860:4860::8888]:443/", "not an IP address", id="public-ipv6"),
        pytest.param("[::ffff:127.0.0.1]", "not an IP address", id="ipv6-mapped"),
        pytest.param("localhost", "not a full domain", id="localhost"),
        pytest.param("canvas", "not a full domain", id="single-label"),
        pytest.param("canvas.localhost", "private network", id="under-localhost"),
        pytest.param("printer.local", "private network", id="local"),
        pytest.param("printer.ｌｏｃａｌ", "private network", id="local-full-width"),
        pytest.param("the.printer。local", "private network", id="local-ideographic-dot"),
        pytest.param("metadata.google.internal", "private network", id="internal"),
        pytest.param("router.home.arpa", "private network", id="home-arpa"),
        pytest.param("home.arpa", "private network", id="home-arpa-itself"),
        pytest.param("canvas.test", "private network", id="test"),
        pytest.param("under_score.example", "cannot be part of a name", id="underscore"),
        pytest.param("-school.example", "cannot be part of a name", id="leading-hyphen"),
        pytest.param("school..example", "cannot be part of a name", id="empty-label"),
        pytest.param("%6cocal.example", "cannot be part of a name", id="percent"),
        pytest.param(f"{'a' * 64}.example", "cannot be part of a name", id="label-of-64"),
        pytest.param(".".join(["a" * 60] * 5), "longer than 253", id="name-of-304"),
    ],
)
def test_parse_origin_refuses_and_says_why(typed, reason):
    with pytest.raises(InvalidDomain) as refused:
        parse_origin(typed)
    assert reason in str(refused.value)


@pytest.mark.parametrize("typed", ["127.0.0.1:8900", "http://127.0.0.1:8900/login", " HTTP://127.0.0.1:8900 "])
def test_parse_origin_takes_an_insecure_host_with_http(typed):
    assert parse_origin(typed, insecure_hosts=["127.0.0.1:8900"]) == Origin("http", "127.0.0.1", 8900)


@pytest.mark.parametrize(
    "typed",
    ["127.0.0.1", "127.0.0.1:8901", "127.0.0.2:8900", "127.1:8900", "https://127.0.0.1:8900", "[::1]:8900"],
)
def test_parse_origin_insecure_host_is_exactly_that_host_and_port(typed):
    with pytest.raises(InvalidDomain):
        parse_origin(typed, insecure_hosts=["127.0.0.1:8900"])


# --- Addresses --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "52.1.2.3", "2606:4700::6810:84e5", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)
def test_is_public_takes_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param("10.1.2.3", id="private-10"),
        pytest.param("172.16.0.1", id="private-172"),
        pytest.param("192.168.1.1", id="private-192"),
        pytest.param("127.0.0.1", id="loopback"),
        pytest.param("127.255.255.254", id="loopback-end"),
        pytest.param("169.254.169.254", id="link-local-metadata"),
        pytest.param("100.64.0.1", id="shared-nat"),
        pytest.param("224.0.0.1", id="multicast"),
        pytest.param("239.255.255.250", id="multicast-scoped"),
        pytest.param("240.0.0.1", id="reserved"),
        pytest.param("255.255.255.255", id="broadcast"),
        pytest.param("0.0.0.0", id="unspecified"),
        pytest.param("192.0.2.1", id="documentation"),
        pytest.param("198.18.0.1", id="benchmark"),
        pytest.param("::", id="v6-unspecified"),
        pytest.param("::1", id="v6-loopback"),
        pytest.param("fe80::1", id="v6-link-local"),
        pytest.param("fe80::1%eth0", id="v6-link-local-zone"),
        pytest.param("fc00::1", id="v6-unique-local"),
        pytest.param("fd00:ec2::254", id="v6-metadata"),
        pytest.param("fec0::1", id="v6-site-local"),
        pytest.param("ff02::1", id="v6-multicast"),
        pytest.param("2001:db8::1", id="v6-documentation"),
        pytest.param("::ffff:127.0.0.1", id="mapped-loopback"),
        pytest.param("::ffff:10.0.0.1", id="mapped-private"),
        pytest.param("::127.0.0.1", id="compatible-loopback"),
        pytest.param("2002:7f00:1::1", id="6to4-loopback"),
        pytest.param("2002:a00:1::1", id="6to4-private"),
        pytest.param("64:ff9b::7f00:1", id="nat64-loopback"),
        pytest.param("64:ff9b::a9fe:a9fe", id="nat64-metadata"),
        pytest.param("64:ff9b:1::a00:1", id="nat64-local"),
        pytest.param("2001:0:4136:e378:8000:63bf:3fff:fdd2", id="teredo"),
        pytest.param("not an address", id="nonsense"),
        pytest.param("", id="empty"),
    ],
)
def test_is_public_refuses_everything_else(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    ("address", "inner"),
    [
        ("8.8.8.8", ["8.8.8.8"]),
        ("::ffff:10.0.0.1", ["10.0.0.1"]),
        ("64:ff9b::a00:1", ["10.0.0.1"]),
        ("2002:a00:1::1", ["2002:a00:1::1", "10.0.0.1"]),
        ("2606:4700::1", ["2606:4700::1"]),
    ],
)
def test_unmapped_names_every_address_that_is_wrapped(address, inner):
    assert [str(one) for one in unmapped(ipaddress.ip_address(address))] == inner


# --- Resolving --------------------------------------------------------------------------------------------
def test_connectable_gives_the_addresses_in_their_order():
    found = Destinations(resolve=answers("8.8.8.8", "2606:4700::1")).connectable("school.example", 443)
    assert found == [(socket.AF_INET, ("8.8.8.8", 443)), (socket.AF_INET6, ("2606:4700::1", 443))]


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("8.8.8.8", "10.0.0.1"), ("10.0.0.1", "8.8.8.8"), ("8.8.8.8", "::ffff:127.0.0.1")],
)
def test_connectable_refuses_a_name_with_one_bad_address(addresses):
    with pytest.raises(DestinationRefused):
        Destinations(resolve=answers(*addresses)).connectable("school.example", 443)


@pytest.mark.parametrize("failure", [socket.gaierror(-2, "unknown"), UnicodeError("label too long"), None])
def test_connectable_says_when_there_is_no_such_name(failure):
    def resolve(*_: Any, **__: Any) -> list[Any]:
        if failure:
            raise failure
        return []

    with pytest.raises(DomainNotFound):
        Destinations(resolve=resolve).connectable("school.example", 443)


def test_connectable_excepts_an_insecure_host_on_its_port_only():
    destinations = Destinations(["localhost:8900"], resolve=answers("127.0.0.1"))
    assert destinations.connectable("localhost", 8900) == [(socket.AF_INET, ("127.0.0.1", 8900))]
    with pytest.raises(DestinationRefused):
        destinations.connectable("localhost", 5432)


@pytest.mark.parametrize(
    ("origin", "port"),
    [(Origin("https", "a.example"), 443), (Origin("http", "a.example"), 80), (Origin("https", "a.example", 9), 9)],
)
def test_origin_knows_its_port(origin, port):
    assert origin.effective_port == port
