"""Calls to Canvas's REST API with a token: authentication, the meaning of each refusal, paging, waiting."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Protocol
from urllib.parse import unquote, urlencode, urljoin

from requests.utils import parse_header_links

from . import errors
from .throttle import LocalThrottle, Outcome, Throttle, cost_of, remaining_of
from .transport import Answer, Transport

ACCEPT = "application/json+canvas-string-ids, application/json"
DEFAULT_PER_PAGE = 10
THROTTLED_RETRIES = 2


class TokenSource(Protocol):
    def current(self) -> str:
        """A token to send."""

    def renew(self, rejected: str) -> str:
        """Another token than the rejected one; raises CanvasError if there is none."""


class Client:
    """The API of one Canvas with one authorization. Reads only."""

    def __init__(
        self,
        transport: Transport,
        tokens: TokenSource,
        throttle: Throttle | None = None,
    ) -> None:
        self._transport = transport
        self._tokens = tokens
        self._throttle = throttle or LocalThrottle()
        self.requests_made = 0
        self.throttles_met = 0

    def get_json(self, path: str, params: list[tuple[str, str]] | None = None) -> Any:
        """The decoded answer. Raises CanvasError."""
        return _decoded(self._get(path, params))

    def pages(
        self, path: str, params: list[tuple[str, str]] | None = None, *, max_pages: int = 50
    ) -> Iterator[list[dict[str, Any]]]:
        """Page after page, as long as there is a next link (docs/canvas.md §6).

        Stops at an empty page, because Canvas's lists of unknown length offer a next page after the last one.
        Raises PagingBroken on an empty page in the place of rows that were announced, on a page seen before, on a
        link to another site, on a full page without any Link header, and after `max_pages`.
        """
        full = int(dict(params or []).get("per_page", DEFAULT_PER_PAGE))
        address: str | None = path
        seen: set[str] = set()
        announced = False
        while address is not None:
            if len(seen) >= max_pages:
                raise errors.PagingBroken(f"more than {max_pages} pages")
            seen.add(address if seen else self._first(path, params))
            answer = self._get(address, params if address == path else None)
            rows = _rows(_decoded(answer))
            if not rows:
                if announced:
                    raise errors.PagingBroken("a page that was announced is empty")
                return
            if len(rows) >= full and "Link" not in answer.headers:
                raise errors.PagingBroken("a full page that does not say whether there is another")
            yield rows
            address = next_link(answer.headers, base=str(self._transport.origin))
            announced = has_more(answer.headers)
            if address in seen:
                raise errors.PagingBroken("a page came a second time")
            if address is not None and not self._transport.serves(address):
                raise errors.PagingBroken("the next page is on another site")

    def _first(self, path: str, params: list[tuple[str, str]] | None) -> str:
        """The address of the first page as a link would name it."""
        query = f"?{urlencode(params)}" if params else ""
        return _joined(str(self._transport.origin), path) + query

    def _get(self, path: str, params: list[tuple[str, str]] | None) -> Answer:
        token = self._tokens.current()
        with contextlib.suppress(errors.TokenRejected):
            return self._patiently(path, params, token)
        # One renewal per call, no more: a second refusal is final (docs/canvas.md §1.9).
        return self._patiently(path, params, self._tokens.renew(token))

    def _patiently(self, path: str, params: list[tuple[str, str]] | None, token: str) -> Answer:
        """Tries again when Canvas throttles, a few times; the throttle decides how long to wait before each."""
        for _ in range(THROTTLED_RETRIES):
            with contextlib.suppress(errors.Throttled):
                return self._once(path, params, token)
        return self._once(path, params, token)

    def _once(self, path: str, params: list[tuple[str, str]] | None, token: str) -> Answer:
        ticket = self._throttle.acquire()
        outcome = Outcome()
        try:
            self.requests_made += 1
            headers = {"Authorization": f"Bearer {token}", "Accept": ACCEPT}
            answer = self._transport.send("GET", path, params=params, headers=headers)
            error = error_of(answer)
            outcome = _outcome(answer, error)
        except errors.TimedOut:
            # A Canvas that is asked too much sometimes answers nothing at all (docs/canvas.md §7).
            outcome = Outcome(throttled=True)
            raise
        finally:
            self.throttles_met += outcome.throttled
            self._throttle.release(ticket, outcome)
        if error is not None:
            raise error
        return answer


def _outcome(answer: Answer, error: errors.CanvasError | None) -> Outcome:
    remaining, cost = remaining_of(answer.headers), cost_of(answer.headers)
    if isinstance(error, errors.Throttled):
        return Outcome(remaining, cost, throttled=True, retry_after=error.retry_after)
    return Outcome(remaining, cost)


def error_of(answer: Answer) -> errors.CanvasError | None:
    """What an answer means; the order of the questions matters (docs/canvas.md §2.1)."""
    if answer.status == 200:
        return None
    body = answer.text[:2000]
    said = f"HTTP {answer.status}: {_message(body) if answer.is_json else ''}".rstrip(": ")
    if answer.status == 429 or (answer.status == 403 and "Rate Limit Exceeded" in body):
        return errors.Throttled(said, _seconds(answer.headers.get("Retry-After")))
    if answer.status == 401:
        if "WWW-Authenticate" in answer.headers:
            return errors.TokenRejected(said)
        if "Insufficient scopes" in body:
            return errors.ScopesInsufficient(said)
        return errors.NotPermitted(said)
    if answer.status == 403:
        if "user-agent" in body.lower().replace("_", "-").replace(" ", "-"):
            return errors.UserAgentRefused(said)
        return errors.NotPermitted(said) if answer.is_json else errors.NotJson(said)
    if answer.status in (502, 503, 504):
        return errors.Unavailable(said)
    if answer.status >= 500:
        return errors.ServerFault(said)
    if not answer.is_json:
        return errors.NotJson(said)
    kinds = {400: errors.BadRequest, 404: errors.NotFound}
    return kinds.get(answer.status, errors.UnexpectedAnswer)(said)


def _message(body: str) -> str:
    try:
        found = json.loads(body)["errors"]
        return str(found[0]["message"] if isinstance(found, list) else found)
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return ""


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def _decoded(answer: Answer) -> Any:
    if not answer.is_json:
        raise errors.NotJson(answer.headers.get("content-type", ""))
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise errors.AnswerTruncated("the data ends too early") from error
    except RecursionError:
        raise errors.UnexpectedAnswer("the data is nested too deeply") from None


def _rows(decoded: Any) -> list[dict[str, Any]]:
    if not isinstance(decoded, list) or not all(isinstance(row, dict) for row in decoded):
        raise errors.UnexpectedAnswer("a list was expected")
    return decoded


def next_link(headers: Mapping[str, str], *, base: str) -> str | None:
    """The absolute address of the next page, if the Link header names one; malformed, it is given as it is."""
    for link in parse_header_links(headers.get("Link", "")):
        if link.get("rel") == "next" and link.get("url"):
            return _joined(base, str(link["url"]))
    return None


def has_more(headers: Mapping[str, str]) -> bool:
    """Whether the next page surely has rows: of a list whose last page is named, or that goes by bookmarks. After
    the pages of a list of unknown length, one may be offered in vain (docs/canvas.md §6).
    """
    links = {link.get("rel"): link["url"] for link in parse_header_links(headers.get("Link", ""))}
    return "next" in links and ("last" in links or "page=bookmark:" in unquote(links["next"]))


def _joined(base: str, address: str) -> str:
    try:
        return urljoin(f"{base}/", address)
    except ValueError:
        return address
