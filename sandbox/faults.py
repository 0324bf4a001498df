"""The switchboard: what a flaky Canvas does, one fault at a time or several, for a path, for a number of requests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from .web import Request, Response, text_response

HTML = b"<!doctype html><title>Sign in</title><p>Please sign in to continue.</p>"
# name: what a person reads on the switchboard
KINDS = {
    "latency": "Slow: wait this many milliseconds before each answer",
    "throttle": "Throttle: answer 403 or 429, Rate Limit Exceeded",
    "hang": "Hang: accept the request and do not answer for this many seconds",
    "error": "Fail: answer with this status (500, 502, 503, 504)",
    "html": "Answer 200 with a web page instead of data",
    "cut": "Break off in the middle of the answer",
    "truncate": "Send only the first half of the data, as if it were all",
    "drip": "Send the answer one byte every 0.2 seconds",
    "huge": "Answer with this many megabytes",
    "redirect": "Redirect to another site",
    "foreign_next": "Name another site in the link to the next page",
    "repeat_next": "Name the same page again as the next page",
    "empty": "Answer an empty list",
    "close": "Close the connection without an answer",
    "no_link": "Leave out the Link header",
    "null_token": "Answer a renewal with access_token null",
}


@dataclass
class Fault:
    kind: str
    value: int = 0
    path: str = ""
    # How many requests it still applies to; None: until it is switched off.
    times: int | None = None
    retry_after: int | None = None
    # How many requests it lets pass first, so that it can strike a later page.
    after: int = 0

    def applies(self, request: Request) -> bool:
        inside = request.path.startswith(("/api/", "/login/oauth2/token"))
        return inside and request.path.startswith(self.path) and self.times != 0


class Switchboard:
    def __init__(self) -> None:
        self.faults: list[Fault] = []

    def switch_on(self, fault: Fault) -> None:
        if fault.kind not in KINDS:
            raise ValueError(f"There is no fault {fault.kind!r}. There are: {', '.join(KINDS)}.")
        self.faults = [one for one in self.faults if (one.kind, one.path) != (fault.kind, fault.path)]
        self.faults.append(fault)

    def clear(self) -> None:
        self.faults = []

    def take(self, request: Request) -> list[Fault]:
        """The faults that strike this request; each is used up by one."""
        applying = [fault for fault in self.faults if fault.applies(request)]
        striking = [fault for fault in applying if fault.after == 0]
        for fault in applying:
            fault.after = max(0, fault.after - 1)
        for fault in striking:
            if fault.times is not None:
                fault.times -= 1
        self.faults = [fault for fault in self.faults if fault.times != 0]
        return striking


def instead(faults: list[Fault]) -> Response | None:
    """The answer that some faults give in place of the real one."""
    for fault in faults:
        if fault.kind == "throttle":
            status = fault.value or 403
            reason = "Too Many Requests" if status == 429 else "Forbidden"
            answer = text_response(f"{status} {reason} (Rate Limit Exceeded)\n", status)
            answer.headers.append(("x-rate-limit-remaining", "0.0"))
            if fault.retry_after is not None:
                answer.headers.append(("retry-after", str(fault.retry_after)))
            return answer
        if fault.kind == "error":
            return _failure(fault.value or 500)
        if fault.kind == "html":
            return Response(200, HTML)
        if fault.kind == "huge":
            return Response(200, b"[" + b" " * ((fault.value or 10) * 1024 * 1024) + b"]", "application/json")
        if fault.kind == "redirect":
            return Response(302, headers=[("location", "https://elsewhere.example/")])
        if fault.kind == "close":
            return Response(wire="close")
    return None


def _failure(status: int) -> Response:
    if status == 500:
        found = {"errors": [{"message": "An error occurred.", "error_code": "internal_server_error"}]}
        body = json.dumps(found | {"error_report_id": 123}).encode()
        return Response(500, body, "application/json; charset=utf-8")
    return Response(status, b"<!doctype html><title>Maintenance</title><h1>Back soon</h1>")


def spoil(response: Response, faults: list[Fault], address: str) -> Response:
    """Changes the real answer as the other faults say."""
    for fault in faults:
        if fault.kind == "latency":
            response.before += fault.value / 1000
        elif fault.kind == "hang":
            response.before += fault.value or 60
            response.wire = response.wire or "close"
        elif fault.kind in ("cut", "drip"):
            response.wire = fault.kind
        elif fault.kind == "truncate":
            response.body = response.body[: len(response.body) // 2]
        elif fault.kind == "empty" and response.status == 200:
            response.body = b"[]"
        elif fault.kind == "null_token":
            response.body = _without_token(response.body)
        elif fault.kind in ("no_link", "foreign_next", "repeat_next"):
            _spoil_link(response, fault.kind, address)
    return response


def _without_token(body: bytes) -> bytes:
    found: dict[str, Any] = json.loads(body or b"{}")
    return json.dumps(found | {"access_token": None}).encode()


def _spoil_link(response: Response, kind: str, address: str) -> None:
    response.headers = [(name, value) for name, value in response.headers if name != "link"]
    targets = {"foreign_next": "https://elsewhere.example/api/v1/next", "repeat_next": address}
    if kind in targets:
        response.headers.append(("link", f'<{targets[kind]}>; rel="next"'))
