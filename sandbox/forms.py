"""What the buttons of the pages do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import control, editing, oauth, pages
from .faults import KINDS, Fault
from .state import Key, Person, Session, random_text
from .university import SHARD
from .web import Request, Response, Router, redirect

if TYPE_CHECKING:
    from .app import Sandbox


def _person(sandbox: Sandbox, session: Session) -> Person | None:
    return sandbox.state.university.people.get(session.user_id or 0)


# --- Log in and out -------------------------------------------------------------------------------------
def home(sandbox: Sandbox, request: Request, session: Session) -> Response:
    return pages.home(sandbox.state, session)


def login_page(sandbox: Sandbox, request: Request, session: Session) -> Response:
    university = sandbox.state.university
    return pages.login(university, session, wanted=request.get("next"), prefill=request.get("unique_id"))


def log_in(sandbox: Sandbox, request: Request, session: Session) -> Response:
    given = request.form
    university = sandbox.state.university
    for person in university.people.values():
        same = person.login.lower() == given.get("login", "").strip().lower()
        if same and person.password == given.get("password") and not person.deleted:
            session.user_id, session.acting_as = person.id, None
            return redirect(oauth.next_after_login(session, given.get("next", "")))
    error = "Login and password do not fit. The people below can log in."
    return pages.login(university, session, error=error, prefill=given.get("login", ""))


def log_out(sandbox: Sandbox, request: Request, session: Session) -> Response:
    session.user_id = session.acting_as = session.flow = None
    return redirect("/")


# --- Developer keys -------------------------------------------------------------------------------------
def _not_admin(sandbox: Sandbox, request: Request, session: Session) -> Response | None:
    person = _person(sandbox, session)
    if person is None:
        return redirect(f"/login?next={request.path}")
    if person.account != "root":
        text = "<p>Only an administrator may see developer keys. Log out, and log in as one.</p>"
        return pages.page("Not permitted", text, session, 403)
    return None


def keys(sandbox: Sandbox, request: Request, session: Session, number: str = "") -> Response:
    shown = int(number) if number else None
    return _not_admin(sandbox, request, session) or pages.developer_keys(sandbox.state, session, shown)


def new_key(sandbox: Sandbox, request: Request, session: Session) -> Response:
    person = _person(sandbox, session)
    empty = Key(0, "", "", owner_email=(person.email or "") if person else "")
    return _not_admin(sandbox, request, session) or pages.key_form(empty, session)


def edit_key(sandbox: Sandbox, request: Request, session: Session, number: str) -> Response:
    key = sandbox.state.university.keys.get(int(number))
    if key is None:
        return pages.page("Page not found", "<p>There is no such key.</p>", session, 404)
    return _not_admin(sandbox, request, session) or pages.key_form(key, session)


def save_key(sandbox: Sandbox, request: Request, session: Session, number: str = "") -> Response:
    refused = _not_admin(sandbox, request, session)
    if refused:
        return refused
    given = request.form
    fields = {
        "name": given.get("name", "").strip(),
        "owner_email": given.get("owner_email", "").strip(),
        "redirect_uris": given.get("redirect_uris", "").split(),
        "legacy_redirect_uri": given.get("legacy_redirect_uri", "").strip(),
        "notes": given.get("notes", ""),
        "enforce_scopes": "enforce_scopes" in given,
        "allow_includes": "allow_includes" in given,
        "scopes": [value for name, value in request.form_list if name == "scopes"],
    }
    with sandbox.state.changing() as university:
        key = university.keys.get(int(number)) if number else None
        if key is None:
            key = Key(SHARD * 3 + university.new_id(), "", random_text(64))
        if not fields["name"]:
            return pages.key_form(key, session, error="Enter a key name.")
        university.keys[key.id] = key
        control.change_key(university, key, fields)
    return redirect("/developer_keys")


def change_key_state(sandbox: Sandbox, request: Request, session: Session, number: str, action: str) -> Response:
    refused = _not_admin(sandbox, request, session)
    if refused:
        return refused
    with sandbox.state.changing() as university:
        key = university.keys[int(number)]
        if action == "state":
            key.on = request.form.get("state") == "on"
        elif action == "regenerate":
            key.secret = random_text(64)
        else:
            key.active = False
    return redirect("/developer_keys")


# --- Approved integrations and courses ------------------------------------------------------------------
def settings(sandbox: Sandbox, request: Request, session: Session) -> Response:
    if session.user_id is None:
        return redirect("/login?next=/profile/settings")
    return pages.settings(sandbox.state, session)


def remove_integration(sandbox: Sandbox, request: Request, session: Session) -> Response:
    with sandbox.state.changing() as university:
        token = university.tokens.get(int(request.form.get("token", "0")))
        if token and token.user_id == session.user_id:
            del university.tokens[token.id]
    return redirect("/profile/settings")


def course(sandbox: Sandbox, request: Request, session: Session, number: str) -> Response:
    found = sandbox.state.university.courses.get(int(number))
    if found is None:
        return pages.page("Page not found", "<p>There is no such course.</p>", session, 404)
    return pages.course(sandbox.state, session, found)


# --- Act as user ----------------------------------------------------------------------------------------
def act_as(sandbox: Sandbox, request: Request, session: Session) -> Response:
    """As Canvas's own "Act as user" (§1.6, `real_user`); an empty choice stops it."""
    refused = _not_admin(sandbox, request, session)
    if refused:
        return refused
    chosen = request.form.get("user", "")
    known = chosen.isdecimal() and int(chosen) in sandbox.state.university.people
    session.acting_as = int(chosen) if known else None
    return redirect(editing.PATH)


# --- The switchboard ------------------------------------------------------------------------------------
def switchboard(sandbox: Sandbox, request: Request, session: Session) -> Response:
    return pages.switchboard(sandbox.state, session, sandbox.switchboard.faults)


def switch(sandbox: Sandbox, request: Request, session: Session, action: str) -> Response:
    given = request.form
    if action == "faults" and given.get("kind") in KINDS:
        times = given.get("times", "")
        value = given.get("value", "0")
        fault = Fault(
            given["kind"],
            int(value) if value.isdecimal() else 0,
            given.get("path", "").strip(),
            int(times) if times.isdecimal() else None,
        )
        sandbox.switchboard.switch_on(fault)
    elif action == "clear":
        sandbox.switchboard.clear()
    elif action in ("forget", "expire"):
        control.at_once(sandbox, f"{action}_tokens")
    elif action == "version" and given.get("version") in ("newer", "older"):
        sandbox.state.version = given["version"]
    return redirect("/sandbox")


def add_routes(router: Router) -> None:
    router.add("GET", r"/", home)
    router.add("GET", r"/login(?:/canvas)?", login_page)
    router.add("POST", r"/login", log_in)
    router.add("POST", r"/logout", log_out)
    router.add("GET", r"/developer_keys", keys)
    router.add("GET", r"/developer_keys/new", new_key)
    router.add("POST", r"/developer_keys/new", save_key)
    router.add("GET", r"/developer_keys/(?P<number>\d+)/show", keys)
    router.add("GET", r"/developer_keys/(?P<number>\d+)/edit", edit_key)
    router.add("POST", r"/developer_keys/(?P<number>\d+)/edit", save_key)
    router.add("POST", r"/developer_keys/(?P<number>\d+)/(?P<action>state|regenerate|delete)", change_key_state)
    router.add("GET", r"/profile/settings", settings)
    router.add("POST", r"/profile/settings/remove", remove_integration)
    router.add("GET", r"/courses/(?P<number>\d+)", course)
    router.add("GET", editing.PATH, editing.show)
    router.add("POST", rf"{editing.PATH}/(?P<action>{'|'.join(editing.CHANGES)})", editing.change)
    router.add("POST", r"/sandbox/act-as", act_as)
    router.add("GET", r"/sandbox", switchboard)
    router.add("POST", r"/sandbox/(?P<action>faults|clear|forget|expire|version)", switch)
