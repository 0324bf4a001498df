"""What other systems send, up to a limit."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


class TooLarge(Exception):
    status = 413


def body_of(request: HttpRequest, *, most: int | None = None) -> bytes:
    """Raises TooLarge beyond `most` or EVENTS_MAX_BYTES, without reading further."""
    most = min(most or settings.EVENTS_MAX_BYTES, settings.EVENTS_MAX_BYTES)
    declared = request.headers.get("Content-Length", "")
    # Django's own limit answers 400 and is meant for forms: read past it.
    body = b"" if declared.isdigit() and int(declared) > most else request.read(most + 1)
    if len(body) > most or (declared.isdigit() and int(declared) > most):
        raise TooLarge(f"At most {most:,} bytes at a time: send fewer statements, or a smaller document.")
    return body
