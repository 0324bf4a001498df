"""The three endpoints: §3 (users of an account), §4 (a person's courses), §5 (enrollments of a course)."""

from __future__ import annotations

import datetime
from typing import Any
from urllib.parse import unquote

from .access import Caller, Refused, missing, not_permitted
from .paging import page
from .state import Course, Enrollment, Person, State
from .web import Request, Response, json_response

BASE_TYPES = {
    "teacher": "Teacher",
    "ta": "Ta",
    "student": "Student",
    "observer": "Observer",
    "designer": "Designer",
}
TEACHING = ("TeacherEnrollment", "TaEnrollment", "DesignerEnrollment")
# Without `state[]`. Whoever may list a whole course here is an administrator of it, or teaches it, and sees the
# inactive ones too.
BY_DEFAULT = ("active", "invited", "creation_pending", "inactive")
ACCOUNTS = {"self": "root", "default": "root", "1": "root", "2": "sub"}
COURSE_STATES = {"unpublished": "unpublished", "created": "unpublished", "claimed": "unpublished"}


def iso(moment: float | None) -> str | None:
    if moment is None:
        return None
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def includes(caller: Caller, request: Request) -> list[str]:
    if any(name == "include" for name, _ in request.query) and caller.includes_allowed:
        # `include=email` instead of `include[]=email` (§3.1)
        raise Refused(json_response({"errors": [{"message": "An error occurred."}], "error_report_id": 1}, 500))
    return request.get_list("include") if caller.includes_allowed else []


def _base_type(request: Request) -> str | None:
    text = request.get("enrollment_type")
    if not text:
        return None
    if text not in BASE_TYPES:
        raise Refused(json_response({"errors": [{"message": "Invalid enrollment type"}]}, 400))
    return f"{BASE_TYPES[text]}Enrollment"


# --- Users of an account (§3) --------------------------------------------------------------------------
def account_users(state: State, caller: Caller, request: Request, account: str) -> Response:
    known = ACCOUNTS.get(unquote(account))
    if known is None:
        raise missing()
    allowed = caller.may("read_roster") if known == "root" else caller.person.account in ("root", "sub")
    if not allowed:
        raise not_permitted(state)
    term = request.get("search_term")
    if term and len(term) < 3:
        error = {"field": "search_term", "code": "invalid", "message": "3 or more characters is required"}
        raise Refused(json_response({"errors": [error]}, 400))
    kind = _base_type(request)
    rows = [
        person
        for person in state.university.people.values()
        if not person.deleted and _matches(caller, person, term) and _has_type(state, person, kind)
    ]
    rows.sort(key=lambda person: (sortable(person.name).lower(), person.id))
    wanted = includes(caller, request)
    return page(request, [_user_json(caller, person, wanted) for person in rows], "open numbers")


def _has_type(state: State, person: Person, kind: str | None) -> bool:
    return kind is None or any(
        one.type == kind and one.state != "deleted" for one in state.university.enrollments_of(person.id)
    )


def _matches(caller: Caller, person: Person, term: str) -> bool:
    """A union of fields; a right that is missing makes it smaller and is no error (§3.2)."""
    if not term:
        return True
    fields: list[str | None] = [person.name]
    if caller.may("view_user_logins"):
        fields.append(person.login)
    if caller.may("sis"):
        fields.append(person.sis_id)
    if caller.may("read_email_addresses"):
        fields += [person.email, *person.other_emails]
    return str(person.id) == term or any(term.lower() in text.lower() for text in fields if text)


def sortable(name: str) -> str:
    given, _, family = name.rpartition(" ")
    return f"{family}, {given}" if given else name


def _user_json(caller: Caller, person: Person, wanted: list[str]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": person.id,
        "name": person.name,
        "created_at": "2024-08-01T09:00:00+02:00",
        "sortable_name": sortable(person.name),
        "short_name": person.name,
    }
    if caller.may("sis"):
        row |= {"sis_user_id": person.sis_id, "integration_id": None}
    if caller.may("view_user_logins"):
        row["login_id"] = person.login
    if "email" in wanted and caller.may("read_email_addresses"):
        row["email"] = person.email
    if "time_zone" in wanted:
        row["time_zone"] = "UTC"
    return row


# --- A person's courses (§4) ---------------------------------------------------------------------------
def user_courses(state: State, caller: Caller, request: Request, user: str) -> Response:
    person = _person(state, caller, unquote(user))
    if person.id != caller.person.id and caller.person.account is None:
        raise not_permitted(state)
    kind = _base_type(request)
    wanted = includes(caller, request)
    found: dict[int, list[Enrollment]] = {}
    for one in state.university.enrollments_of(person.id):
        if kind and one.type != kind:
            continue
        course = state.university.courses.get(one.course_id)
        if course and _chosen(state, request, one, course):
            found.setdefault(course.id, []).append(one)
    rows = [
        _course_json(state, caller, state.university.courses[number], own, wanted) for number, own in found.items()
    ]
    rows.sort(key=lambda row: str(row.get("name", "")).lower())
    return page(request, rows, "numbers")


def _person(state: State, caller: Caller, text: str) -> Person:
    kind, _, value = text.partition(":")
    if text.isdecimal():
        known = state.university.people.get(int(text))
        if known is None or known.deleted:
            raise missing()
        return known
    for person in state.university.people.values():
        same = {
            "sis_login_id": person.login.lower() == value.lower(),
            "sis_user_id": person.sis_id is not None and person.sis_id == value,
        }.get(kind, text == "self" and person.id == caller.person.id)
        if same and not person.deleted:
            return person
    raise missing()


def _chosen(state: State, request: Request, one: Enrollment, course: Course) -> bool:
    """First the set, then the filter by date, as the table of §4.2 says."""
    states = request.get_list("state")
    by_date = request.get("enrollment_state")
    if states:
        if not any(_in_course_state(COURSE_STATES.get(name, name), one, course) for name in states):
            return False
    elif by_date == "active":
        return one.state == "active" and _live(one, course) and _date_state(state, one, course) == "active"
    elif not (one.state in ("active", "invited") and _live(one, course)):
        return False
    if by_date == "active":
        return one.state == "active" and _date_state(state, one, course) == "active"
    if by_date == "invited_or_pending":
        return one.state == "invited" or _date_state(state, one, course) == "pending"
    if by_date == "completed":
        return _date_state(state, one, course) == "completed"
    return True


def _live(one: Enrollment, course: Course) -> bool:
    return course.workflow_state == "available" or (
        course.workflow_state == "unpublished" and one.type in TEACHING
    )


def _in_course_state(name: str, one: Enrollment, course: Course) -> bool:
    if course.workflow_state != name:
        return False
    allowed = {
        "available": ("active", "invited"),
        "completed": ("completed", "active"),
        "unpublished": ("active", "invited") if one.type in TEACHING else ("active",),
        "deleted": ("deleted",),
    }
    return one.state in allowed.get(name, ())


def _date_state(state: State, one: Enrollment, course: Course) -> str:
    """active, pending or completed by date: the course's own dates if they bind, else the term's, whose start
    does not bind those who teach.
    """
    term = state.university.terms[course.term_id]
    now = state.now()
    start = course.start_at if course.restricted_to_dates else (None if one.type in TEACHING else term.start_at)
    end = course.end_at if course.restricted_to_dates and course.end_at else term.end_at
    if start is not None and now < start:
        return "pending"
    if end is not None and now > end:
        return "completed"
    return "active"


def _course_json(
    state: State, caller: Caller, course: Course, own: list[Enrollment], wanted: list[str]
) -> dict[str, Any]:
    if not caller.is_admin and all(_date_state(state, one, course) != "active" for one in own):
        return {"id": course.id, "access_restricted_by_date": True}
    nickname = caller.person.nicknames.get(str(course.id))
    term = state.university.terms[course.term_id]
    row: dict[str, Any] = {
        "id": course.id,
        "name": nickname or course.name,
        "account_id": 1,
        "uuid": f"uuid{course.id}",
        "start_at": iso(course.start_at),
        "created_at": "2025-06-01T08:00:00Z",
        "course_code": course.code,
        "default_view": "modules",
        "root_account_id": 1,
        "enrollment_term_id": course.term_id,
        "end_at": iso(course.end_at),
        "time_zone": "Europe/London",
        "sis_course_id": None,
        "enrollments": [_own_json(one) for one in own],
        "workflow_state": course.workflow_state,
        "restrict_enrollments_to_course_dates": course.restricted_to_dates,
    }
    if nickname:
        row["original_name"] = course.name
    if "term" in wanted:
        dates = {"start_at": iso(term.start_at), "end_at": iso(term.end_at)}
        row["term"] = {"id": term.id, "name": term.name, "workflow_state": "active", **dates}
    if "total_students" in wanted:
        row["total_students"] = sum(
            one.type == "StudentEnrollment" and one.state in ("active", "invited")
            for one in state.university.enrollments_in(course.id)
        )
    if "teachers" in wanted:
        row["teachers"] = [
            {"id": one.user_id, "display_name": state.university.people[one.user_id].name}
            for one in state.university.enrollments_in(course.id)
            if one.type == "TeacherEnrollment" and one.state == "active"
        ]
    return row


def _own_json(one: Enrollment) -> dict[str, Any]:
    return {
        "type": one.type.removesuffix("Enrollment").lower(),
        "role": one.role,
        "role_id": 1,
        "user_id": one.user_id,
        "enrollment_state": one.state,
        "limit_privileges_to_course_section": False,
    }


# --- Enrollments of a course (§5) ----------------------------------------------------------------------
def course_enrollments(state: State, caller: Caller, request: Request, course: str) -> Response:
    found = state.university.courses.get(int(course)) if course.isdecimal() else None
    if found is None or found.workflow_state == "deleted":
        raise missing()
    teaches = any(
        one.user_id == caller.person.id and one.type in TEACHING and one.state == "active"
        for one in state.university.enrollments_in(found.id)
    )
    user = _wanted_user(state, caller, request.get("user_id"))
    if not (caller.may("read_roster") or teaches or user == caller.person.id):
        raise not_permitted(state)
    states = request.get_list("state") or (BY_DEFAULT if user is None else ("active", "invited"))
    types, roles = request.get_list("type"), _wanted_roles(state, request)
    people = state.university.people
    rows = [
        one
        for one in state.university.enrollments_in(found.id)
        if user in (None, one.user_id)
        and one.state in states
        and (one.role in roles if roles else not types or one.type in types)
    ]
    rows.sort(key=lambda one: (one.type, sortable(people[one.user_id].name), one.id))
    return page(request, [_enrollment_json(caller, one, people[one.user_id]) for one in rows], "bookmarks")


def _wanted_user(state: State, caller: Caller, text: str) -> int | None:
    """Whose enrollments; somebody deleted still has theirs."""
    if not text:
        return None
    if text.isdecimal() and int(text) in state.university.people:
        return int(text)
    return _person(state, caller, text).id


def _wanted_roles(state: State, request: Request) -> list[str]:
    """With `role[]`, `type[]` means nothing. A role that nobody knows is an error."""
    wanted = request.get_list("role")
    if not wanted:
        return []
    known = {f"{name}Enrollment" for name in BASE_TYPES.values()}
    if set(wanted) - known - {one.role for one in state.university.enrollments.values()}:
        raise Refused(json_response({"errors": [{"message": "role not found"}]}, 400))
    return wanted


def _enrollment_json(caller: Caller, one: Enrollment, person: Person) -> dict[str, Any]:
    user: dict[str, Any] = {"id": person.id, "name": person.name, "sortable_name": sortable(person.name)}
    if caller.may("view_user_logins"):
        user["login_id"] = person.login
    return {
        "id": one.id,
        "root_account_id": 1,
        "user_id": one.user_id,
        "course_id": one.course_id,
        "course_section_id": one.section_id,
        "created_at": "2025-06-01T08:00:00Z",
        "type": one.type,
        "enrollment_state": one.state,
        "role": one.role,
        "role_id": 1,
        "last_activity_at": None,
        "total_activity_time": 0,
        "user": user,
    }
