"""The page on which a person changes the university, to see that echo_lms follows, and what its buttons do.

Without `?person=` it is about everybody, with it about one person.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from .pages import LISTED, button, hidden, page, table
from .state import ADMIN_RIGHTS, Course, Enrollment, Person, Session, University
from .web import Request, Response, redirect

if TYPE_CHECKING:
    from .app import Sandbox

PATH = "/sandbox/university"
MOST_FOUND = 40


class NotDone(Exception):
    """Nothing was changed; the text says why."""


# --- What is shown --------------------------------------------------------------------------------------
def show(sandbox: Sandbox, request: Request, session: Session) -> Response:
    university = sandbox.state.university
    if not request.get("person"):
        return page("University", _said(session) + _everything(university, session, request), session)
    person = university.people.get(_number(request.get("person")))
    if person is None:
        return page("Page not found", "<p>There is no such person.</p>", session, 404)
    return page(person.name, _said(session) + _about(university, session, person), session)


def _said(session: Session) -> str:
    notice, session.notice = session.notice, ""
    problem, session.problem = session.problem, ""
    status = f'<p role="status">{escape(notice)}</p>' if notice else ""
    alert = f'<p class="error" role="alert">{escape(problem)}</p>' if problem else ""
    return status + alert


def _everything(university: University, session: Session, request: Request) -> str:
    invitations = [
        (
            escape(university.people[one.user_id].name),
            escape(university.courses[one.course_id].name),
            button(f"{PATH}/accept", "Accept", session, enrollment=str(one.id)),
        )
        for one in university.enrollments.values()
        if one.state == "invited"
    ]
    courses = [
        (
            f'<a href="/courses/{one.id}">{escape(one.name)}</a>',
            escape(one.code),
            escape(one.workflow_state),
            button(f"{PATH}/delete", "Delete", session, course=str(one.id)),
        )
        for one in list(university.courses.values())[-MOST_FOUND:]
    ]
    return f"""<p>What is changed here, echo_lms finds out when it reads its directory again.</p>
<h2>Change somebody</h2>{_search(university, request.get("find"))}
<h2>Add a course</h2><form method="post" action="{PATH}/add">{hidden(session)}
<p><label for="teacher">Teacher's login</label><input id="teacher" name="login" value="instructor@demo.example" required></p>
{_course_fields()}
<p><label><input type="checkbox" name="invite" value="1"> Invite only: the teacher has to accept</label></p>
<p><button>Add course</button></p></form>
<h2>The administrator</h2>{button(f"{PATH}/demote", "Take the administrator's role away", session)}
{button(f"{PATH}/promote", "Give it back", session)}
{_acting(university, session)}
<h2>Invitations</h2>{table(("Person", "Course", "Action"), invitations, "Not accepted yet") if invitations else "<p>None.</p>"}
<h2>Courses</h2>{table(("Name", "Code", "State", "Action"), courses, f"The last {MOST_FOUND}")}"""


def _search(university: University, text: str) -> str:
    wanted = text.strip().lower()
    found = [
        one
        for one in university.people.values()
        if any(wanted in field.lower() for field in (one.name, one.email or "", one.login))
    ]
    shown = found[: MOST_FOUND if wanted else LISTED]
    listed = "".join(
        f'<li><a href="{PATH}?person={one.id}">{escape(one.name)}</a> ({escape(_known_as(one))})</li>'
        for one in shown
    )
    more = f"<p>And {len(found) - len(shown)} more.</p>" if len(found) > len(shown) else ""
    return f"""<form method="get" action="{PATH}" role="search">
<p><label for="find">Name, login or e-mail address</label><input id="find" name="find" value="{escape(text)}"></p>
<p><button>Search</button></p></form>
{f"<ul>{listed}</ul>{more}" if found else "<p>Nobody is found.</p>"}"""


def _known_as(person: Person) -> str:
    return f"{person.login}, deleted" if person.deleted else person.login


def _course_fields() -> str:
    return """<p><label for="cname">Course name</label><input id="cname" name="name" required></p>
<p><label for="ccode">Course code</label><input id="ccode" name="code" required></p>"""


def _acting(university: University, session: Session) -> str:
    """Canvas administrators may act as somebody else; only whoever is logged in as one sees this."""
    person = university.people.get(session.user_id or 0)
    if person is None or person.account != "root":
        return ""
    if session.acting_as is not None:
        name = escape(university.people[session.acting_as].name)
        stop = button("/sandbox/act-as", "Stop acting as user", session, user="")
        return f"<h2>Act as user</h2><p>You are acting as {name}.</p>{stop}"
    choices = "".join(
        f'<option value="{one.id}">{escape(one.name)} ({escape(one.login)})</option>'
        for one in list(university.people.values())[:LISTED]
        if one.account is None and not one.deleted
    )
    return f"""<h2>Act as user</h2><form method="post" action="/sandbox/act-as">{hidden(session)}
<p><label for="act">Person</label><select id="act" name="user">{choices}</select></p>
<p><button>Act as user</button></p></form>"""


def _about(university: University, session: Session, person: Person) -> str:
    rows = [_course_row(university, session, one) for one in university.enrollments_of(person.id)]
    headings = ("Course", "Code", "Section", "Role", "Enrollment", "Course is", "Actions")
    courses = table(headings, rows, f"Courses of {person.name}") if rows else "<p>None.</p>"
    others = ", ".join(person.other_emails)
    return f"""<p><a href="{PATH}">Everybody else</a></p>
<dl><dt>Login</dt><dd>{escape(person.login)}</dd><dt>E-mail address</dt><dd>{escape(person.email or "none")}</dd>
{f"<dt>Further addresses</dt><dd>{escape(others)}</dd>" if others else ""}
<dt>Canvas id</dt><dd>{person.id}</dd><dt>State</dt><dd>{"deleted" if person.deleted else "active"}</dd></dl>
<h2>Courses</h2>{courses}
{"" if person.deleted else _changes_of(person, session)}"""


def _course_row(university: University, session: Session, one: Enrollment) -> list[str]:
    course = university.courses[one.course_id]
    person = str(one.user_id)

    def act(action: str, label: str, **fields: str) -> str:
        return button(f"{PATH}/{action}", label, session, about=course.name, person=person, **fields)

    actions = ""
    if one.state == "invited":
        actions += act("accept", "Accept invitation", enrollment=str(one.id))
    if one.state != "deleted":
        actions += act("leave", "Remove from course", enrollment=str(one.id))
    if course.workflow_state not in ("completed", "deleted"):
        actions += act("conclude", "Conclude course", course=str(course.id))
    if course.workflow_state != "deleted":
        actions += act("delete", "Delete course", course=str(course.id))
    return [
        f'<a href="/courses/{course.id}">{escape(course.name)}</a>',
        escape(course.code),
        str(one.section_id),
        escape(one.role.removesuffix("Enrollment")),
        escape(one.state),
        escape(course.workflow_state),
        actions or "–",
    ]


def _changes_of(person: Person, session: Session) -> str:
    known = f'{hidden(session)}<input type="hidden" name="person" value="{person.id}">'
    delete = button(f"{PATH}/remove", "Delete person", session, about=person.name, person=str(person.id))
    return f"""<h2>Add a course</h2><form method="post" action="{PATH}/add">{known}{_course_fields()}
<p><label><input type="checkbox" name="invite" value="1"> Invite only: {escape(person.name)} has to accept</label></p>
<p><button>Add course</button></p></form>
<h2>Name and address</h2><form method="post" action="{PATH}/rename">{known}
<p><label for="pname">Name</label><input id="pname" name="name" value="{escape(person.name)}" autocomplete="off" required></p>
<p><label for="pemail">E-mail address (may be empty)</label><input id="pemail" name="email" type="email" value="{escape(person.email or "")}" autocomplete="off"></p>
<p><button>Save</button></p></form>
<h2>Merge into somebody else</h2><form method="post" action="{PATH}/merge">{known}
<p>The other one gets the courses and the addresses; {escape(person.name)} is deleted.</p>
<p><label for="into">Login of the one who stays</label><input id="into" name="into" autocomplete="off" required></p>
<p><button>Merge</button></p></form>
<h2>Delete</h2><p>The enrollments go too. There is no way back.</p>{delete}"""


# --- What the buttons do --------------------------------------------------------------------------------
def change(sandbox: Sandbox, request: Request, session: Session, action: str) -> Response:
    """Does it, and leads back to the page it was asked for on, which says what was done; after a merger, to the
    page of the one who stays.
    """
    person = request.form.get("person", "")
    try:
        with sandbox.state.changing() as university:
            session.notice = CHANGES[action](university, request.form)
            if action == "merge":
                person = str(_by_login(university, request.form["into"]).id)
    except NotDone as problem:
        session.problem = str(problem)
    return redirect(f"{PATH}?{urlencode({'person': person})}" if person else PATH)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _by_login(university: University, text: str) -> Person:
    login = text.strip().lower()
    for one in university.people.values():
        if one.login.lower() == login and not one.deleted:
            return one
    raise NotDone("Nobody has that login.")


def _person(university: University, given: dict[str, str]) -> Person:
    found = university.people.get(_number(given.get("person", "")))
    if found is None or found.deleted:
        raise NotDone("That person is not there any more.")
    return found


def _enrollment(university: University, given: dict[str, str]) -> tuple[Enrollment, str, str]:
    """With the names of its person and its course."""
    found = university.enrollments.get(_number(given.get("enrollment", "")))
    if found is None:
        raise NotDone("That enrollment is not there any more.")
    return found, university.people[found.user_id].name, university.courses[found.course_id].name


def _course(university: University, given: dict[str, str]) -> Course:
    found = university.courses.get(_number(given.get("course", "")))
    if found is None:
        raise NotDone("That course is not there any more.")
    return found


def _accept(university: University, given: dict[str, str]) -> str:
    enrollment, person, course = _enrollment(university, given)
    if enrollment.state != "invited":
        raise NotDone("That invitation is not open any more.")
    enrollment.state = "active"
    return f"{person} has accepted the invitation to {course}."


def _leave(university: University, given: dict[str, str]) -> str:
    enrollment, person, course = _enrollment(university, given)
    enrollment.state = "deleted"
    return f"{person} is removed from {course}."


def _conclude(university: University, given: dict[str, str]) -> str:
    course = _course(university, given)
    university.end_course(course, "completed")
    return f"{course.name} is concluded."


def _delete(university: University, given: dict[str, str]) -> str:
    course = _course(university, given)
    university.end_course(course, "deleted")
    return f"{course.name} is deleted."


def _add(university: University, given: dict[str, str]) -> str:
    person = _person(university, given) if given.get("person") else _by_login(university, given.get("login", ""))
    name, code = given.get("name", "").strip(), given.get("code", "").strip()
    if not (name and code):
        raise NotDone("Enter the name and the code of the course.")
    made = Course(university.new_id(), name, code, list(university.terms)[1])
    university.courses[made.id] = made
    number = university.new_id()
    state = "invited" if "invite" in given else "active"
    university.enrollments[number] = Enrollment(number, person.id, made.id, made.id * 10 + 1, state=state)
    return f"{made.name} is added."


def _rename(university: University, given: dict[str, str]) -> str:
    person = _person(university, given)
    name = given.get("name", "").strip()
    if not name:
        raise NotDone("Enter a name.")
    person.name, person.email = name, given.get("email", "").strip() or None
    return f"Saved: {name}, {person.email or 'without an e-mail address'}."


def _remove(university: University, given: dict[str, str]) -> str:
    person = _person(university, given)
    university.delete_person(person)
    return f"{person.name} is deleted."


def _merge(university: University, given: dict[str, str]) -> str:
    person = _person(university, given)
    into = _by_login(university, given.get("into", ""))
    if into is person:
        raise NotDone("Enter the login of somebody else.")
    university.merge(person, into)
    return f"{person.name} is merged into {into.name}."


def _demote(university: University, given: dict[str, str]) -> str:
    next(iter(university.people.values())).account = None
    return "The administrator is an ordinary person now."


def _promote(university: University, given: dict[str, str]) -> str:
    person = next(iter(university.people.values()))
    person.account, person.rights = "root", list(ADMIN_RIGHTS)
    return "The administrator is one again."


CHANGES: dict[str, Callable[[University, dict[str, str]], str]] = {
    "accept": _accept,
    "leave": _leave,
    "conclude": _conclude,
    "delete": _delete,
    "add": _add,
    "rename": _rename,
    "remove": _remove,
    "merge": _merge,
    "demote": _demote,
    "promote": _promote,
}
