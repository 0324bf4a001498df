"""The OAuth2 provider of §1: consent, codes, tokens, their renewal and end."""

from __future__ import annotations

import base64
from urllib.parse import urlencode, urlsplit

from . import pages
from .state import Code, Flow, Key, Session, State, Token, random_text
from .throttle import TOKEN_COST
from .web import Request, Response, json_response, redirect, text_response

CODE_LIFETIME = 600
TOKEN_LIFETIME = 3600
OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
SCOPE_REFUSED = (
    "A requested scope is invalid, unknown, malformed, or exceeds the scope granted by the resource owner. "
    "The following scopes were requested, but not granted: "
)


def oauth_error(status: int, error: str, description: str) -> Response:
    response = json_response({"error": error, "error_description": description}, status)
    if status == 401:
        response.headers.append(("www-authenticate", "Canvas OAuth 2.0"))
    return response


def back(address: str, **parameters: str) -> Response:
    """To the redirect URI, parameters in alphabetical order (§1.3)."""
    joint = "&" if "?" in address else "?"
    return redirect(address + joint + urlencode(sorted(parameters.items())))


def find_key(state: State, text: str) -> Key | None:
    key = state.university.keys.get(int(text)) if text.isdecimal() else None
    return key if key and key.active else None


def redirect_matches(key: Key, address: str) -> bool:
    """Character by character, or the legacy field's host and its subdomains (§1.3)."""
    if not address:
        return False
    if address in key.redirect_uris:
        return True
    if not key.legacy_redirect_uri:
        return False
    stored, given = urlsplit(key.legacy_redirect_uri), urlsplit(address)
    host, wanted = given.hostname or "", stored.hostname or ""
    return stored.scheme == given.scheme and bool(wanted) and (host == wanted or host.endswith(f".{wanted}"))


# --- In the browser (§1.4) ------------------------------------------------------------------------------
def authorize(state: State, request: Request, session: Session) -> Response:
    key = find_key(state, request.get("client_id"))
    if key is None:
        return oauth_error(401, "invalid_client", "unknown client")
    address = request.get("redirect_uri")
    if not redirect_matches(key, address) and address != OUT_OF_BAND:
        return oauth_error(400, "invalid_request", "redirect_uri does not match client settings")
    scopes = (request.get("scope") or request.get("scopes")).split()
    refused = [scope for scope in scopes if scope not in key.scopes]
    if key.enforce_scopes and (not scopes or refused):
        return _scope_refused(state, address, refused)
    flow_state = {"state": request.get("state")} if request.get("state") else {}
    if not key.on:
        description = "Client does not have access to the specified Canvas account."
        return back(address, error="unauthorized_client", error_description=description, **flow_state)
    if request.get("response_type") != "code":
        description = "Only response_type=code is permitted"
        return back(address, error="unsupported_response_type", error_description=description, **flow_state)
    if request.get("prompt"):
        return back(address, error=_without_page(request.get("prompt"), session), **flow_state)
    session.flow = Flow(key.id, address, request.get("state"), scopes, request.get("purpose"))
    if session.user_id is None or request.get("force_login"):
        return redirect("/login")
    return redirect("/login/oauth2/confirm")


def _without_page(prompt: str, session: Session) -> str:
    """`prompt=none` may show no page, and nobody here is remembered (§1.2)."""
    if prompt != "none":
        return "unsupported_prompt_type"
    return "login_required" if session.user_id is None else "interaction_required"


def _scope_refused(state: State, address: str, refused: list[str]) -> Response:
    """Without `state`, as Canvas does it; older ones did not even redirect (§1.4, case 3)."""
    description = SCOPE_REFUSED + ", ".join(refused)
    if state.version == "older":
        return oauth_error(400, "invalid_scope", description)
    return back(address, error="invalid_scope", error_description=description)


def confirm(state: State, request: Request, session: Session) -> Response:
    if session.flow is None or session.user_id is None:
        return redirect("/login")
    key = state.university.keys[session.flow.key_id]
    person = state.university.people[session.acting_as or session.user_id]
    return pages.consent(key, person, session)


def accept(state: State, request: Request, session: Session) -> Response:
    if session.flow is None or session.user_id is None:
        return text_response("Invalid or missing session for oauth", 400)
    flow, session.flow = session.flow, None
    code = random_text(128)
    acting = session.acting_as
    state.codes[code] = Code(
        flow.key_id,
        acting or session.user_id,
        flow.scopes,
        flow.purpose,
        state.now() + CODE_LIFETIME,
        session.user_id if acting else None,
    )
    parameters = {"code": code} | ({"state": flow.state} if flow.state else {})
    return back(flow.redirect_uri, **parameters)


def deny(state: State, request: Request, session: Session) -> Response:
    if session.flow is None:
        return text_response("Invalid or missing session for oauth", 400)
    flow, session.flow = session.flow, None
    echoed = {"state": flow.state} if flow.state and state.version == "newer" else {}
    description = "The resource owner or authorization server denied the request."
    return back(flow.redirect_uri, error="access_denied", error_description=description, **echoed)


# --- From the server (§1.6, §1.7) -----------------------------------------------------------------------
def token(state: State, request: Request) -> tuple[Response, float]:
    """The answer and what it costs."""
    given = _parameters(request)
    response = _judge(state, request, given)
    if response.status == 200:
        return response, TOKEN_COST
    if state.version == "older" and given.get("redirect_uri"):
        return redirect(given["redirect_uri"]), 0.0  # told our own server to call itself
    return response, 0.0


def _parameters(request: Request) -> dict[str, str]:
    given = dict(request.query)
    if "json" in request.headers.get("content-type", ""):
        given |= {name: str(value) for name, value in request.data.items()}
    else:
        given |= request.form
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme == "Basic":
        name, _, secret = base64.b64decode(encoded).decode("utf-8", "replace").partition(":")
        given = {"client_id": name, "client_secret": secret} | given
    return given


def _judge(state: State, request: Request, given: dict[str, str]) -> Response:
    kind = given.get("grant_type") or ("authorization_code" if "code" in given else "")
    if kind not in ("authorization_code", "refresh_token"):
        return oauth_error(
            400, "unsupported_grant_type", "The grant_type you requested is not currently supported"
        )
    key = find_key(state, given.get("client_id", ""))
    if key is None:
        return oauth_error(401, "invalid_client", "unknown client")
    if given.get("client_secret") != key.secret:
        return oauth_error(401, "invalid_client", "invalid client")
    return (_exchange if kind == "authorization_code" else _refresh)(state, key, given)


def _exchange(state: State, key: Key, given: dict[str, str]) -> Response:
    if not given.get("code"):
        text = "You must provide the code parameter when using the authorization_code grant type"
        return oauth_error(400, "invalid_request", text)
    code = state.codes.get(given["code"])
    if code is None or code.expires_at <= state.now():
        return oauth_error(400, "invalid_grant", "authorization_code not found")
    if code.key_id != key.id:
        return oauth_error(400, "invalid_grant", "incorrect client")
    del state.codes[given["code"]]
    with state.changing() as university:
        if given.get("replace_tokens") == "1":
            university.drop_tokens(key.id, code.user_id)
        number = university.new_id()
        made = Token(
            *(number, random_text(64), random_text(64), key.id, code.user_id, code.scopes),
            *(state.now() + TOKEN_LIFETIME, code.purpose),
        )
        university.tokens[number] = made
    answer = _token_json(state, made) | {"refresh_token": made.refresh_token}
    if code.real_user_id is not None:
        answer["real_user"] = _user_json(state, code.real_user_id)
    return json_response(answer)


def _refresh(state: State, key: Key, given: dict[str, str]) -> Response:
    if not given.get("refresh_token"):
        text = "You must provide the refresh_token parameter when using the refresh_token grant type"
        return oauth_error(400, "invalid_request", text)
    found = next(
        (one for one in state.university.tokens.values() if one.refresh_token == given["refresh_token"]), None
    )
    if found is None:
        error = "invalid_grant" if state.version == "newer" else "invalid_request"
        return oauth_error(400, error, "refresh_token not found")
    if found.key_id != key.id:
        return oauth_error(400, "invalid_grant", "incorrect client")
    with state.changing():
        # In the same row: the access token before this one is dead at once, even if it had time left.
        found.token = random_text(64)
        found.expires_at = state.now() + TOKEN_LIFETIME
    return json_response(_token_json(state, found))


def _token_json(state: State, made: Token) -> dict[str, object]:
    return {
        "access_token": made.token,
        "token_type": "Bearer",
        "user": _user_json(state, made.user_id),
        "canvas_region": "sandbox",
        "expires_in": TOKEN_LIFETIME,
    }


def _user_json(state: State, number: int) -> dict[str, object]:
    person = state.university.people[number]
    return {"id": person.id, "name": person.name, "global_id": str(person.id), "effective_locale": "en"}


def revoke(state: State, request: Request) -> Response:
    """Allowed whatever the scopes; the refresh token dies with its row."""
    if not request.bearer:
        text = "can't delete OAuth access token when not using an OAuth access token"
        return json_response({"message": text}, 400)
    found = state.university.token_by_text(request.bearer)
    if found is None or found.expires_at <= state.now():
        response = json_response({"errors": [{"message": "Invalid access token."}]}, 401)
        response.headers.append(("www-authenticate", 'Bearer realm="canvas-lms"'))
        return response
    with state.changing() as university:
        del university.tokens[found.id]
    return json_response({})


def next_after_login(session: Session, wanted: str) -> str:
    """Where to go after signing in: the consent that was asked for, or a page of this sandbox."""
    if session.flow is not None:
        return "/login/oauth2/confirm"
    return wanted if wanted.startswith("/") and not wanted.startswith("//") else "/"
