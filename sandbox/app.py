"""Ties the parts together: sessions, routes, faults, throttle, the request log."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import urlencode

from . import access, api, control, forms, oauth, pages
from .access import Refused
from .faults import Switchboard, instead, spoil
from .state import Session, State, University, random_text
from .throttle import ORDINARY_COST, Throttle
from .web import COOKIE, Request, Response, Router, json_response, text_response

LONGEST_LOG = 100_000
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

PageView = Callable[..., Response]


class Sandbox:
    # The server's own, which ends when it stops, once there is a server.
    wait: Callable[[float], object] = staticmethod(time.sleep)

    def __init__(self, state: State, latency_ms: int = 0) -> None:
        self.state = state
        self.latency = latency_ms / 1000
        self.switchboard = Switchboard()
        self.throttle = Throttle()
        self.log: deque[dict[str, Any]] = deque(maxlen=LONGEST_LOG)
        self._log_lock = threading.Lock()
        self._running = self._most_running = 0
        self.router = _routes()

    def start_afresh(self, university: University) -> None:
        self.state.university = university
        self.state.sessions.clear()
        self.state.codes.clear()
        self.state.version, self.state.clock_offset = "newer", 0.0
        self.switchboard.clear()
        self.throttle = Throttle()
        self.clear_log()
        self.state.save()

    def clear_log(self) -> None:
        with self._log_lock:
            self.log.clear()
            self._most_running = self._running  # what has not ended yet still counts

    def most_parallel(self) -> int:
        """The most requests for data that were under way at one moment, whatever their tokens; those for a token
        are not among them.
        """
        return self._most_running

    def _begin(self, request: Request) -> float:
        """When it came."""
        with self._log_lock:
            self._running += _for_data(request)
            self._most_running = max(self._most_running, self._running)
            return self.state.now()

    def _end(self, request: Request, line: dict[str, Any]) -> None:
        with self._log_lock:
            self._running -= _for_data(request)
            line["ended"] = round(self.state.now(), 6)

    def answer(self, request: Request) -> Response:
        """Whatever happens inside, the server goes on."""
        if request.host.rpartition(":")[0].lower() not in LOOPBACK and request.host.lower() not in LOOPBACK:
            return text_response("This sandbox answers on loopback addresses only.\n", 421)
        if request.path.startswith("/sandbox/api/"):
            with self.state.lock:
                return control.control(self, request, request.path.removeprefix("/sandbox/api/"))
        if request.path.startswith("/api/") or request.path == "/login/oauth2/token":
            return self._as_api(request)
        if request.path == "/style.css":
            return Response(200, pages.CSS, "text/css; charset=utf-8")
        return self._as_page(request)

    # --- Requests of a server -----------------------------------------------------------------------------
    def _as_api(self, request: Request) -> Response:
        at = self._begin(request)
        line: dict[str, Any] = {"at": round(at, 6), "ended": None}
        try:
            response = self._answer_api(request, line)
        except BaseException:
            self._end(request, line)
            raise
        response.at_end = partial(self._end, request, line)
        return response

    def _answer_api(self, request: Request, line: dict[str, Any]) -> Response:
        client = self._client(request)
        started = time.monotonic()
        with self.state.lock:
            faults = self.switchboard.take(request)
            bucket = self.throttle.bucket_of(client)
            allowed = self.throttle.enter(bucket)
            running = bucket.running
        response = instead(faults) if allowed else _throttled()
        cost = 0.0
        if response is None:
            with self.state.lock:
                response, cost = self._real(request)
        query = urlencode([pair for pair in request.query if pair[0] != "access_token"])
        response = spoil(response, faults, f"http://{request.host}{request.path}?{query}")
        response.before += self.latency
        line |= self._line(request, client, response, running, cost, time.monotonic() - started)
        with self._log_lock:
            self.log.append(line)
        if response.before:
            self.wait(response.before)  # it runs, and holds its share of the bucket, until it is answered
        with self.state.lock:
            remaining = self.throttle.leave(bucket, cost) if allowed else self.throttle.remaining(bucket)
        line["remaining"] = round(remaining, 2)
        self._finish(request, response, cost, remaining)
        return response

    def _client(self, request: Request) -> str:
        if request.path == "/login/oauth2/token":
            return f"ip:{request.client}"
        return f"token:{request.bearer}" if request.bearer else f"ip:{request.client}"

    def _real(self, request: Request) -> tuple[Response, float]:
        try:
            if request.path == "/login/oauth2/token":
                if request.method == "DELETE":
                    return oauth.revoke(self.state, request), ORDINARY_COST
                return oauth.token(self.state, request)
            return self._endpoint(request), ORDINARY_COST
        except Refused as refused:
            return refused.response, ORDINARY_COST

    def _endpoint(self, request: Request) -> Response:
        caller = access.authenticate(self.state, request)
        found = self.router.find(request.method, request.path.removesuffix(".json"))
        if found is None:
            raise access.missing()
        view, arguments = found
        response = view(self.state, caller, request, **arguments)
        if caller.token is None and response.status == 200:
            response.body = b"while(1);" + response.body  # under a browser session only (§2.2)
        elif "application/json+canvas-string-ids" in request.headers.get("accept", ""):
            response = _with_string_ids(response)
        return response

    def _finish(self, request: Request, response: Response, cost: float, remaining: float) -> None:
        if request.headers.get("authorization") and not any(
            name == "x-rate-limit-remaining" for name, _ in response.headers
        ):
            response.headers.append(("x-rate-limit-remaining", f"{remaining:.4f}"))
            response.headers.append(("x-request-cost", f"{cost:.4f}"))

    def _line(
        self,
        request: Request,
        client: str,
        response: Response,
        running: int,
        cost: float,
        seconds: float,
    ) -> dict[str, Any]:
        """One line of the request log. Of a token only its end is kept. What remains is known after the answer."""
        return {
            "method": request.method,
            "path": request.path,
            "query": [pair for pair in request.query if pair[0] != "access_token"],
            "status": response.status,
            "wire": response.wire,
            "client": client[:3] if client.startswith("ip") else f"…{client[-4:]}",
            "authorization": bool(request.bearer or request.get("access_token")),
            "user_agent": request.headers.get("user-agent", ""),
            "running": running,
            "cost": cost,
            "remaining": None,
            "milliseconds": round(seconds * 1000, 2),
        }

    # --- Requests of a browser ----------------------------------------------------------------------------
    def _as_page(self, request: Request) -> Response:
        with self.state.lock:
            session, cookie = self._session(request)
            if request.method not in ("GET", "HEAD", "POST"):
                return text_response("Method not allowed.\n", 405)
            if request.method == "POST" and request.form.get("authenticity_token") != session.csrf:
                text = "<p>This form is out of date. Go back, reload the page and try again.</p>"
                response = pages.page("Form out of date", text, session, 422)
            else:
                response = self._page(request, session)
        if cookie:
            value = f"{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax"
            response.headers.append(("set-cookie", value))
        return response

    def _session(self, request: Request) -> tuple[Session, str]:
        """The browser's session, and the cookie to set if it is a new one."""
        known = self.state.sessions.get(request.cookie)
        if known is not None:
            return known, ""
        cookie = random_text(40)
        self.state.sessions[cookie] = Session()
        return self.state.sessions[cookie], cookie

    def _page(self, request: Request, session: Session) -> Response:
        found = self.router.find(request.method, request.path)
        if found is None or request.path.startswith("/api/"):
            return pages.page("Page not found", "<p>There is nothing here.</p>", session, 404)
        view, arguments = found
        return view(self, request, session, **arguments)


def _for_data(request: Request) -> bool:
    return request.path.startswith("/api/")


def _throttled() -> Response:
    return text_response("403 Forbidden (Rate Limit Exceeded)\n", 403)


def _with_string_ids(response: Response) -> Response:
    """Every `id`, `*_id` and `*_ids` as text (§8)."""
    if "json" not in response.content_type:
        return response
    changed = json_response(_stringify(json.loads(response.body)), response.status)
    response.body = changed.body
    return response


def _stringify(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _stringify(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_stringify(item, name) for item in value]
    is_id = name == "id" or name.endswith(("_id", "_ids"))
    return str(value) if is_id and isinstance(value, int) else value


def _routes() -> Router:
    router = Router()
    router.add("GET", r"/api/v1/accounts/(?P<account>[^/]+)/users", api.account_users)
    router.add("GET", r"/api/v1/users/(?P<user>[^/]+)/courses", api.user_courses)
    router.add("GET", r"/api/v1/courses/(?P<course>[^/]+)/enrollments", api.course_enrollments)
    router.add("GET", r"/login/oauth2/auth", _with_state(oauth.authorize))
    router.add("GET", r"/login/oauth2/confirm", _with_state(oauth.confirm))
    router.add("POST", r"/login/oauth2/accept", _with_state(oauth.accept))
    router.add("GET", r"/login/oauth2/deny", _with_state(oauth.deny))
    forms.add_routes(router)
    return router


def _with_state(view: Callable[[State, Request, Session], Response]) -> PageView:
    def page(sandbox: Sandbox, request: Request, session: Session) -> Response:
        return view(sandbox.state, request, session)

    return page
