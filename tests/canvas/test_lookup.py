"""From an e-mail address to exactly one person, and to what that person teaches."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from canvas import errors
from canvas.lookup import courses_of, find_instructor
from canvas.shapes import User

API = "https://canvas.example/api/v1"
ANN = "ann@x.example"


def user(number: int, email: Any = ..., login: str | None = None, name: str = "Somebody") -> dict[str, Any]:
    row = {"id": number, "name": name, "login_id": login}
    return row if email is ... else row | {"email": email}


@pytest.mark.parametrize(
    ("people", "kind", "ids"),
    [
        pytest.param([], "not_found", [], id="nobody"),
        pytest.param([user(1, ANN)], "found", ["1"], id="exact"),
        pytest.param([user(1, "Ann@X.Example")], "found", ["1"], id="other-letter-case"),
        pytest.param([user(9, "joann@x.example"), user(1, ANN)], "found", ["1"], id="longer-name-first"),
        pytest.param([user(9, "joann@x.example")], "not_found", [], id="only-a-longer-name"),
        pytest.param([user(9, "ann@x.example.au")], "not_found", [], id="only-a-longer-domain"),
        pytest.param([user(9, "desk@x.example", name=f"{ANN} desk")], "not_found", [], id="named-like-it"),
        pytest.param([user(9, "other@x.example", "other")], "not_found", [], id="secondary-address-of-another"),
        pytest.param([user(9, None)], "not_found", [], id="no-address"),
        pytest.param([user(9, 7)], "not_found", [], id="number-for-an-address"),
        pytest.param([user(9, "an\u0148@x.example")], "not_found", [], id="accent"),
        pytest.param([user(9, "ann+1@x.example")], "not_found", [], id="plus"),
        pytest.param([user(9, "a.nn@x.example")], "not_found", [], id="dot"),
        pytest.param([user(9, f" {ANN}")], "not_found", [], id="space"),
        pytest.param([user(1, ANN), user(2, "ANN@x.example")], "several", ["1", "2"], id="shared-address"),
        pytest.param([user(1, "a@b.example", ANN)], "found_by_login", ["1"], id="login"),
        pytest.param([user(2, "a@b.example", ANN), user(1, ANN)], "found", ["1"], id="address-before-login"),
        pytest.param([user(1, None, ANN), user(2, None, ANN.upper())], "several", ["1", "2"], id="shared-login"),
        pytest.param([user(1, ..., ANN)], "found_by_login", ["1"], id="stripped-login"),
        pytest.param([user(1)], "uncertain", [], id="stripped-lone-hit"),
        pytest.param([user(1), user(2)], "uncertain", [], id="stripped-hits"),
        pytest.param([user(1), user(2, "b@x.example")], "not_found", [], id="stripped-for-one-only"),
    ],
)
def test_find_instructor_is_never_merely_the_first_hit(canvas, client, people, kind, ids):
    canvas.get(f"{API}/accounts/self/users", json=people)
    match = find_instructor(client, ANN)
    assert (match.kind, [found.id for found in match.users], match.candidates) == (kind, ids, len(people))
    assert match.includes_stripped == (people != [] and all("email" not in person for person in people))


def test_find_instructor_does_not_take_a_look_alike_letter(canvas, client):
    canvas.get(f"{API}/accounts/self/users", json=[user(9, "\u212aarl@x.example")])  # the Kelvin sign
    assert find_instructor(client, "karl@x.example").kind == "not_found"


def test_find_instructor_asks_for_the_address_in_the_chosen_account(canvas, client):
    canvas.get(f"{API}/accounts/12/users", json=[])
    find_instructor(client, f"  {ANN}\n", account_id="12")
    assert parse_qs(urlsplit(canvas.calls[0].request.url).query) == {
        "search_term": [ANN],
        "include[]": ["email"],
        "per_page": ["100"],
    }


def test_find_instructor_looks_at_every_page(canvas, client):
    url = f"{API}/accounts/self/users"
    canvas.get(url, json=[user(9, "joann@x.example")], headers={"Link": f'<{url}?page=2>; rel="next"'})
    canvas.get(f"{url}?page=2", json=[user(1, ANN)])
    match = find_instructor(client, ANN)
    assert (match.kind, match.users[0].id, match.candidates) == ("found", "1", 2)


@pytest.mark.parametrize(
    "email", ["", "   ", "ann", "ann@", "@x.example", "ann@x", "ann@@x.example", "a b@x.example", "ann@x..example"]
)
def test_find_instructor_does_not_search_for_what_is_no_address(client, email):
    with pytest.raises(ValueError, match="Enter an e-mail address"):
        find_instructor(client, email)
    assert client.requests_made == 0


def test_find_instructor_passes_on_what_went_wrong(canvas, client):
    canvas.get(f"{API}/accounts/self/users", json={"status": "unauthorized"}, status=403)
    with pytest.raises(errors.NotPermitted):
        find_instructor(client, ANN)


# --- Courses ----------------------------------------------------------------------------------------------
PERSON = User("7", "Ann", ANN, None, has_email_key=True)


def course(number: int, *enrollments: tuple[str, str]) -> dict[str, Any]:
    rows = [{"type": kind, "enrollment_state": state} for kind, state in enrollments]
    return {"id": number, "name": f"Course {number}", "enrollments": rows}


def listed(canvas: Any, *, active: list[dict[str, Any]], default: list[dict[str, Any]]) -> None:
    for rows, state in ((active, "enrollment_state=active&"), (default, "")):
        include = "include[]=term&include[]=total_students&" if state else "include[]=term&"
        canvas.get(f"{API}/users/7/courses?{include}{state}per_page=100", json=rows)


TEACHER, TA, STUDENT = ("teacher", "active"), ("ta", "active"), ("student", "active")
INVITED = ("teacher", "invited")


@pytest.mark.parametrize(
    ("active", "default", "ids", "invited"),
    [
        pytest.param([], [], [], 0, id="nothing"),
        pytest.param([course(1, TEACHER)], [course(1, TEACHER)], ["1"], 0, id="teacher"),
        pytest.param([course(1, TA)], [course(1, TA)], ["1"], 0, id="assistant"),
        pytest.param([course(1, ("TeacherEnrollment", "active"))], [], ["1"], 0, id="long-type-name"),
        pytest.param([course(1, STUDENT)], [course(1, STUDENT)], [], 0, id="student"),
        pytest.param([course(1, ("observer", "active"), ("designer", "active"))], [], [], 0, id="neither"),
        pytest.param([course(1, STUDENT, TA)], [], ["1"], 0, id="student-and-assistant"),
        pytest.param([course(1, TEACHER), course(1, TEACHER)], [], ["1"], 0, id="twice"),
        pytest.param([course(1, TEACHER, TEACHER)], [], ["1"], 0, id="two-sections"),
        pytest.param([{"id": 1, "access_restricted_by_date": True}], [], [], 0, id="stub"),
        pytest.param([], [course(1, INVITED)], [], 1, id="invitation"),
        pytest.param([], [course(1, INVITED), course(1, INVITED)], [], 1, id="invitation-twice"),
        pytest.param([], [course(1, ("student", "invited"))], [], 0, id="invited-as-student"),
        pytest.param([], [course(1, ("ta", "invited")), course(2, INVITED)], [], 2, id="two-invitations"),
        pytest.param([course(1, TEACHER)], [course(1, TEACHER, INVITED)], ["1"], 0, id="invited-again"),
        pytest.param([course(1, STUDENT)], [course(1, STUDENT, INVITED)], [], 1, id="student-invited-to-teach"),
        pytest.param([], [course(1, TEACHER)], [], 0, id="term-over"),
    ],
)
def test_courses_of_keeps_what_the_person_teaches_and_counts_invitations(
    canvas, client, active, default, ids, invited
):
    listed(canvas, active=active, default=default)
    found = courses_of(client, PERSON)
    assert ([course.id for course in found.courses], found.invited) == (ids, invited)


def test_courses_of_passes_on_what_went_wrong(canvas, client):
    canvas.get(f"{API}/users/7/courses", body="<h1>Down</h1>", status=503, content_type="text/html")
    with pytest.raises(errors.Unavailable):
        courses_of(client, PERSON)
