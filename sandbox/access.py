"""Who may do what with a token: §2 (authentication), §1.9 (scopes), §3.3 and §4.1 (permissions)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .state import Key, Person, State, Token
from .web import Request, Response, json_response

REALM = 'Bearer realm="canvas-lms"'


class Refused(Exception):
    """The answer to give instead."""

    def __init__(self, response: Response) -> None:
        self.response = response
        super().__init__(response.status)


@dataclass
class Caller:
    person: Person
    token: Token | None
    key: Key | None

    def may(self, right: str) -> bool:
        return self.person.account == "root" and right in self.person.rights

    @property
    def is_admin(self) -> bool:
        return self.person.account == "root"

    @property
    def includes_allowed(self) -> bool:
        """Under enforcement the key decides whether `include[]` means anything (§4.4)."""
        return self.key is None or not self.key.enforce_scopes or self.key.allow_includes


def _error(message: str, status: int, *, status_word: str = "", challenge: bool = False) -> Refused:
    body: dict[str, object] = {"status": status_word} if status_word else {}
    response = json_response(body | {"errors": [{"message": message}]}, status)
    if challenge:
        response.headers.append(("www-authenticate", REALM))
    return Refused(response)


def not_permitted(state: State) -> Refused:
    status = 403 if state.version == "newer" else 401
    return _error("user not authorized to perform that action", status, status_word="unauthorized")


def missing() -> Refused:
    return _error("The specified resource does not exist.", 404)


def authenticate(state: State, request: Request) -> Caller:
    """The caller of an API request; raises Refused."""
    if not request.headers.get("user-agent"):
        raise Refused(json_response({"error": "forbidden", "message": "A User-Agent header is required."}, 403))
    text = request.bearer or request.get("access_token")
    if not text:
        return _from_session(state, request)
    token = state.university.token_by_text(text)
    key = state.university.keys.get(token.key_id) if token else None
    person = state.university.people.get(token.user_id) if token else None
    usable = token and key and person and key.active and key.on and not person.deleted
    if not (token and key and person and usable) or token.expires_at <= state.now():
        raise _error("Invalid access token.", 401, challenge=True)
    if key.enforce_scopes and not in_scope(token.scopes, request.method, request.path):
        raise _error("Insufficient scopes on access token.", 401)
    return Caller(person, token, key)


def _from_session(state: State, request: Request) -> Caller:
    session = state.sessions.get(request.cookie)
    person = state.university.people.get(session.user_id or 0) if session else None
    if person is None:
        raise _error("user authorization required", 401, status_word="unauthenticated", challenge=True)
    return Caller(person, None, None)


def in_scope(scopes: list[str], method: str, path: str) -> bool:
    """The token's own scopes count, not the key's list; `:name` stands for one segment; HEAD counts as GET."""
    wanted = "GET" if method == "HEAD" else method
    for scope in scopes:
        known, _, pattern = scope.removeprefix("url:").partition("|")
        expression = re.sub(r":\w+", "[^/]+", pattern) + r"(\.json)?"
        if known == wanted and re.fullmatch(expression, path):
            return True
    return False
