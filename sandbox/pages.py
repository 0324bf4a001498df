"""The pages a person uses. Plain HTML that works without script; everything shown is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from .faults import KINDS, Fault
from .state import Course, Key, Person, Session, State, University
from .web import Response

CSS = (Path(__file__).parent / "style.css").read_bytes()
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action *; base-uri 'none'; frame-ancestors 'none'"
)
SCOPES = (
    "url:GET|/api/v1/users/:user_id/courses",
    "url:GET|/api/v1/accounts/:account_id/users",
    "url:GET|/api/v1/courses/:course_id/enrollments",
    "url:GET|/api/v1/courses",
    "url:GET|/api/v1/courses/:id",
    "url:GET|/api/v1/courses/:course_id/users",
    "url:GET|/api/v1/courses/:course_id/sections",
    "url:GET|/api/v1/accounts",
    "url:GET|/api/v1/accounts/:id",
    "url:GET|/api/v1/accounts/:account_id/courses",
    "url:GET|/api/v1/accounts/:account_id/terms",
    "url:GET|/api/v1/users/:id",
    "url:GET|/api/v1/users/:user_id/profile",
    "url:POST|/api/v1/courses/:course_id/enrollments",
)


LISTED = 14


def page(title: str, body: str, session: Session | None = None, status: int = 200) -> Response:
    account = (
        f'<form method="post" action="/logout">{hidden(session)}<button>Log out</button></form>'
        if session and session.user_id
        else '<a href="/login">Log in</a>'
    )
    text = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} · Sandbox Canvas</title><link rel="stylesheet" href="/style.css"></head>
<body><header><p><a href="/"><strong>Sandbox Canvas</strong></a> <span>not the real thing</span></p>
<nav aria-label="Main"><a href="/developer_keys">Developer keys</a> <a href="/sandbox/university">University</a>
<a href="/sandbox">Switchboard</a> {account}</nav></header>
<main><h1>{escape(title)}</h1>{body}</main></body></html>"""
    return Response(
        status, text.encode(), headers=[("content-security-policy", POLICY), ("cache-control", "no-store")]
    )


def hidden(session: Session | None) -> str:
    return f'<input type="hidden" name="authenticity_token" value="{escape(session.csrf if session else "")}">'


def button(action: str, label: str, session: Session, about: str = "", **fields: str) -> str:
    """A form of one button. `about` names its object for people who do not see the row it stands in."""
    inputs = "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">' for name, value in fields.items()
    )
    named = f' aria-label="{escape(label)}: {escape(about)}"' if about else ""
    return f'<form method="post" action="{escape(action)}">{hidden(session)}{inputs}<button{named}>{escape(label)}</button></form>'


def table(headings: Iterable[str], rows: Iterable[Iterable[str]], caption: str) -> str:
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in headings)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    region = f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
    return f"{region}<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def home(state: State, session: Session) -> Response:
    return page(
        "Welcome",
        """<p>A small stand-in for Canvas, for trying echo_lms on one machine. It has a made-up university, developer
keys, and the parts of Canvas's API that echo_lms uses.</p>
<ol><li><a href="/developer_keys">Create a developer key</a> (log in as the administrator; the login page shows how).</li>
<li>Add it to echo_lms, authorize, and test.</li>
<li>Then turn on <em>Enforce Scopes</em> on the key and test again.</li></ol>
<p>To see how echo_lms copes with a slow or broken Canvas, use the <a href="/sandbox">switchboard</a>.</p>""",
        session,
    )


def login(
    university: University, session: Session, *, error: str = "", wanted: str = "", prefill: str = ""
) -> Response:
    able = [person for person in university.people.values() if not person.deleted]
    rows = [
        (escape(person.name), escape(person.login), escape(person.password), _what(university, person))
        for person in able[:LISTED]
    ]
    others = len(able) - len(rows)
    more = f"<p>And {others} more; all of them have the password <code>canvas</code>.</p>" if others > 0 else ""
    alert = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    body = f"""{alert}<form method="post" action="/login">{hidden(session)}
<input type="hidden" name="next" value="{escape(wanted)}">
<p><label for="login">Login</label><input id="login" name="login" autofocus autocomplete="username" value="{escape(prefill)}" required></p>
<p><label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required></p>
<p><button>Log in</button></p></form>
{table(("Name", "Login", "Password", "Who"), rows, "People you can log in as")}{more}"""
    return page("Log in", body, session, 401 if error else 200)


def _what(university: University, person: Person) -> str:
    if person.account == "sub":
        return "administrator of a sub-account only"
    if person.account == "root":
        complete = "read_email_addresses" in person.rights
        return "administrator" if complete else "administrator who may not see e-mail addresses"
    kinds = {one.type for one in university.enrollments_of(person.id)}
    if kinds & {"TeacherEnrollment", "TaEnrollment"}:
        return "teacher"
    return "student" if kinds else "nobody's teacher or student"


def consent(key: Key, person: Person, session: Session) -> Response:
    return page(
        f"{key.name} asks for access",
        f"""<p><strong>{escape(key.name)}</strong> is asking to use your account.</p>
<p>You are {escape(person.name)} ({escape(person.email or person.login)}).</p>
<div class="row"><form method="post" action="/login/oauth2/accept">{hidden(session)}<button class="primary">Authorize</button></form>
<a href="/login/oauth2/deny">Cancel</a></div>""",
        session,
    )


# --- Developer keys ------------------------------------------------------------------------------------
def developer_keys(state: State, session: Session, shown: int | None = None) -> Response:
    rows = [_key_row(key, session, shown == key.id) for key in state.university.keys.values() if key.active]
    empty = "" if rows else "<p>There is no key yet.</p>"
    headings = ("Name", "Owner", "Details", "Enforce scopes", "State", "Actions")
    listed = table(headings, rows, "API keys of this account") if rows else empty
    body = f'<p><a class="primary" href="/developer_keys/new">+ Developer Key: API Key</a></p>{listed}'
    return page("Developer keys", body, session)


def _key_row(key: Key, session: Session, shown: bool) -> list[str]:
    path = f"/developer_keys/{key.id}"
    secret = f"<br><code>{escape(key.secret)}</code>" if shown else f'<br><a href="{path}/show">Show Key</a>'
    turn = "off" if key.on else "on"
    return [
        escape(key.name),
        escape(key.owner_email or "–"),
        f"<code>{key.id}</code>{secret}",
        "on" if key.enforce_scopes else "off",
        f"<strong>{'On' if key.on else 'Off'}</strong> "
        + button(f"{path}/state", f"Turn {turn}", session, state=turn),
        f'<a href="{path}/edit">Edit</a> '
        + button(f"{path}/regenerate", "New secret", session)
        + button(f"{path}/delete", "Delete", session),
    ]


def key_form(key: Key, session: Session, *, error: str = "") -> Response:
    alert = f'<p class="error" role="alert">{escape(error)}</p>' if error else ""
    boxes = "".join(
        f'<li><label><input type="checkbox" name="scopes" value="{escape(scope)}"{_checked(scope in key.scopes)}> <code>{escape(scope)}</code></label></li>'
        for scope in SCOPES
    )
    addresses = escape("\n".join(key.redirect_uris))
    body = f"""{alert}<form method="post">{hidden(session)}
<p><label for="name">Key Name</label><input id="name" name="name" value="{escape(key.name)}" required></p>
<p><label for="owner">Owner Email</label><input id="owner" name="owner_email" type="email" value="{escape(key.owner_email)}"></p>
<p><label for="uris">Redirect URIs</label><textarea id="uris" name="redirect_uris" rows="3">{addresses}</textarea><small>One per line, compared character by character.</small></p>
<p><label for="legacy">Redirect URI (Legacy)</label><input id="legacy" name="legacy_redirect_uri" value="{escape(key.legacy_redirect_uri)}"></p>
<p><label for="notes">Notes</label><textarea id="notes" name="notes" rows="2">{escape(key.notes)}</textarea></p>
<p><label for="audience">Client Credentials Audience</label><select id="audience" name="audience"><option>Canvas</option></select></p>
<fieldset><legend>Scopes</legend>
<p><label><input type="checkbox" name="enforce_scopes" value="1"{_checked(key.enforce_scopes)}> Enforce Scopes</label></p>
<p><label><input type="checkbox" name="allow_includes" value="1"{_checked(key.allow_includes)}> Allow Include Parameters</label></p>
<ul>{boxes}</ul></fieldset>
<p><button class="primary">Save</button> <a href="/developer_keys">Cancel</a></p></form>"""
    return page("Edit key" if key.id else "New API key", body, session)


def _checked(yes: bool) -> str:
    return " checked" if yes else ""


# --- Approved integrations, courses, switchboard --------------------------------------------------------
def settings(state: State, session: Session) -> Response:
    rows = [
        (
            escape(state.university.keys[token.key_id].name),
            escape(token.purpose or "–"),
            button("/profile/settings/remove", "Remove", session, token=str(token.id)),
        )
        for token in state.university.tokens.values()
        if token.user_id == session.user_id
    ]
    body = table(("App", "Purpose", "Action"), rows, "Approved integrations") if rows else "<p>None yet.</p>"
    return page("Approved integrations", body, session)


def course(state: State, session: Session, found: Course) -> Response:
    people = [one for one in state.university.enrollments_in(found.id) if one.state in ("active", "invited")]
    names = [state.university.people[one.user_id].name for one in people if one.type == "TeacherEnrollment"]
    students = sum(one.type == "StudentEnrollment" for one in people)
    term = state.university.terms[found.term_id].name
    body = f"""<dl><dt>Code</dt><dd>{escape(found.code)}</dd><dt>Term</dt><dd>{escape(term)}</dd>
<dt>State</dt><dd>{escape(found.workflow_state)}</dd><dt>Teachers</dt><dd>{escape(", ".join(names) or "–")}</dd>
<dt>Students</dt><dd>{students}</dd></dl>"""
    return page(found.name, body, session)


def switchboard(state: State, session: Session, faults: list[Fault]) -> Response:
    active = [
        (
            escape(KINDS[one.kind]),
            str(one.value or "–"),
            escape(one.path or "everywhere"),
            str(one.times or "until cleared"),
        )
        for one in faults
    ]
    options = "".join(f'<option value="{kind}">{escape(text)}</option>' for kind, text in KINDS.items())
    now = (
        table(("Fault", "Value", "Path", "Requests"), active, "Switched on")
        if active
        else "<p>Everything works normally.</p>"
    )
    other = "older" if state.version == "newer" else "newer"
    body = f"""{now}
<h2>Switch on</h2><form method="post" action="/sandbox/faults">{hidden(session)}
<p><label for="kind">Fault</label><select id="kind" name="kind">{options}</select></p>
<p><label for="value">Value</label><input id="value" name="value" inputmode="numeric" value="0"></p>
<p><label for="path">Only below this path</label><input id="path" name="path" placeholder="/api/v1/accounts"></p>
<p><label for="times">For how many requests (empty: until cleared)</label><input id="times" name="times" inputmode="numeric"></p>
<p><button class="primary">Switch on</button></p></form>
<h2>At once</h2><div class="row">{button("/sandbox/clear", "Back to normal", session)}
{button("/sandbox/forget", "Forget all tokens", session)}{button("/sandbox/expire", "Let all access tokens expire", session)}
{button("/sandbox/version", f"Behave like an {other} Canvas", session, version=other)}</div>"""
    return page("Switchboard", body, session)
