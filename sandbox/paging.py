"""The three kinds of pages of §6, each with the Link header that goes with it."""

from __future__ import annotations

import base64
import json
from typing import Any, Literal
from urllib.parse import urlencode

from .web import Request, Response, json_response

DEFAULT, LARGEST = 10, 100
BOOKMARK = "bookmark:"
Kind = Literal["numbers", "open numbers", "bookmarks"]
NOT_FOUND = {"errors": [{"message": "An error occurred.", "error_code": "not_found"}]}


def per_page(request: Request) -> int:
    text = request.get("per_page", str(DEFAULT))
    return min(LARGEST, max(1, int(text) if text.isdecimal() else 1))


def page(request: Request, rows: list[Any], kind: Kind) -> Response:
    """One page of the rows."""
    size = per_page(request)
    number = _number(request.get("page"), kind)
    if number is None:
        return json_response(NOT_FOUND, 404)
    shown = rows[(number - 1) * size : number * size]
    pages = max(1, -(-len(rows) // size))
    links = {"current": number}
    # A full page of a list of unknown length always has a next one, even if that is empty, and an empty page
    # beyond the first has one again.
    if (kind == "open numbers" and (len(shown) == size or (not shown and number > 1))) or number < pages:
        links["next"] = number + 1
    if number > 1 and kind != "bookmarks":
        links["prev"] = number - 1
    links["first"] = 1
    if (
        kind == "numbers"
        or (kind == "open numbers" and len(shown) < size)
        or (kind == "bookmarks" and number == pages)
    ):
        links["last"] = pages if kind != "open numbers" else number
    header = ",".join(f'<{_address(request, value, size, kind)}>; rel="{rel}"' for rel, value in links.items())
    return json_response(shown, link=header)


def _number(text: str, kind: Kind) -> int | None:
    if kind == "bookmarks":
        if text in ("", "first", "1"):
            return 1
        if not text.startswith(BOOKMARK):
            return None
        try:
            return int(json.loads(base64.urlsafe_b64decode(text.removeprefix(BOOKMARK))))
        except ValueError:
            return 1  # a damaged bookmark starts again at the first page, silently
    text = text or "1"
    return int(text) if text.isdecimal() and int(text) >= 1 else None


def _address(request: Request, number: int, size: int, kind: Kind) -> str:
    """Absolute, with the host of the request; the token never becomes part of it."""
    kept = sorted(pair for pair in request.query if pair[0] not in ("page", "per_page", "access_token"))
    value = str(number)
    if kind == "bookmarks":
        mark = base64.urlsafe_b64encode(json.dumps(number).encode()).decode()
        value = "first" if number == 1 else BOOKMARK + mark
    query = urlencode([*kept, ("page", value), ("per_page", str(size))])
    return f"http://{request.host}{request.path}?{query}"
