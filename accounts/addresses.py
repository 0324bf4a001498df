"""Whose address a request comes from: what the sign-in lock counts by."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The address that the outermost of our own proxies saw.

    Each proxy appends what it saw to X-Forwarded-For, so only the last TRUSTED_PROXIES entries are ours to
    believe: anything further left was sent by the client.
    """
    peer: str = request.META.get("REMOTE_ADDR", "")
    hops = [hop.strip() for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
    trusted: int = settings.TRUSTED_PROXIES
    if trusted < 1 or len(hops) < trusted:
        return peer
    return _parsed(hops[-trusted]) or peer


def _parsed(hop: str) -> str:
    """Without its port, or nothing: proxies write 1.2.3.4, 1.2.3.4:5, 2001:db8::7 or [2001:db8::7]:5."""
    bare = hop.partition(":")[0] if hop.count(":") == 1 else hop.removeprefix("[").partition("]")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
