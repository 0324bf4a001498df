"""docs/canvas.md §2 to §8: bodies, searching, courses, enrollments, pages, throttling, ids."""

from __future__ import annotations

import pytest
from requests.utils import parse_header_links

INSTRUCTOR = 1840000000012345


@pytest.fixture
def one(caller):
    """An administrator's caller."""
    return caller().authorize()


def names(answer):
    assert answer.status_code == 200, answer.text
    return [row["name"] for row in answer.json()]


def link(answer, rel):
    return next(
        (row["url"] for row in parse_header_links(answer.headers.get("link", "")) if row["rel"] == rel), None
    )


# --- §2 -------------------------------------------------------------------------------------------------
def test_no_credentials_and_no_user_agent(one):
    address = f"{one.sandbox.url}/api/v1/accounts/self/users"
    nobody = one.http.get(address, timeout=10)
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, 'Bearer realm="canvas-lms"')
    assert nobody.json()["errors"][0]["message"] == "user authorization required"

    silent = one.http.get(address, headers={"Authorization": f"Bearer {one.token}", "User-Agent": ""}, timeout=10)
    assert silent.status_code == 403


def test_unknown_things_are_not_found(one):
    for path in ("courses/999/enrollments", "users/999/courses", "accounts/999/users", "nothing"):
        answer = one.get(path)
        assert (answer.status_code, answer.json()["errors"][0]["message"]) == (
            404,
            "The specified resource does not exist.",
        )


# --- §3 -------------------------------------------------------------------------------------------------
def test_the_search_finds_parts_of_many_fields(one):
    assert names(one.get("accounts/self/users", search_term="ann@demo.example")) == [
        "Ann Ash",
        "Joann Ash",
        "ann@demo.example helpdesk",
    ]
    assert names(one.get("accounts/self/users", search_term="S-101")) == ["Joann Ash"]
    assert names(one.get("accounts/self/users", search_term=str(INSTRUCTOR))) == ["Ira Instructor"]


def test_a_plus_has_to_be_encoded(one):
    assert names(one.get("accounts/self/users", search_term="lou+music@demo.example")) == ["Lou Plus"]
    raw = one.get(f"{one.sandbox.url}/api/v1/accounts/self/users?search_term=lou+music@demo.example")
    assert names(raw) == []


def test_a_short_term_is_refused_and_an_empty_one_lists_everybody(one):
    assert one.get("accounts/self/users", search_term="an").status_code == 400
    assert len(names(one.get("accounts/self/users", search_term="", per_page="100"))) == 100


@pytest.mark.parametrize(
    ("login", "status", "found", "fields"),
    [
        ("canvas-admin@demo.example", 200, 1, {"email", "login_id"}),
        ("blind-admin@demo.example", 200, 1, {"login_id"}),
        ("sub-admin@demo.example", 403, 0, set()),
        ("instructor@demo.example", 403, 0, set()),
    ],
)
def test_what_a_weaker_administrator_gets(caller, login, status, found, fields):
    answer = caller().authorize(login=login).get("accounts/self/users", search_term="kit@demo", include__="email")

    assert answer.status_code == status
    if status == 200:
        assert len(answer.json()) == found
        assert {"email", "login_id"} & set(answer.json()[0]) == fields


def test_an_administrator_who_may_not_see_addresses_finds_nobody_by_them(caller):
    blind = caller().authorize(login="blind-admin@demo.example")
    assert names(blind.get("accounts/self/users", search_term="shared@demo.example")) == []


def test_teachers_are_listed_in_bulk_with_those_only_invited(one):
    found = names(one.get("accounts/self/users", enrollment_type="teacher", per_page="100"))

    assert "Val Invited" in found
    assert "Noa Nocourse" not in found
    assert 35 <= len(found) <= 45


def test_includes_vanish_under_enforcement_without_the_permission(one):
    query = {"search_term": "ann@demo.example", "include__": "email"}
    assert "email" in one.get("accounts/self/users", **query).json()[0]

    one.sandbox.update_key(one.key["id"], enforce_scopes=True)
    assert "email" not in one.get("accounts/self/users", **query).json()[0]

    one.sandbox.update_key(one.key["id"], allow_includes=True)
    assert "email" in one.get("accounts/self/users", **query).json()[0]


# --- §4 -------------------------------------------------------------------------------------------------
ACTIVE = [
    *("Algebra I", "Algebra II", "Botany for Beginners", "Calculus"),
    *("Chemistry Lab", "Introduction to Logic", "Microscopy", "stones"),
]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({"enrollment_state": "active"}, ACTIVE),
        (
            {"per_page": "50"},
            sorted([*ACTIVE, "Drama Workshop", "Ecology of Last Year", "History Seminar"], key=str.lower),
        ),
        ({"enrollment_state": "active", "enrollment_type": "ta"}, ["Chemistry Lab"]),
        ({"enrollment_state": "completed"}, ["Ecology of Last Year"]),
        ({"enrollment_state": "invited_or_pending"}, ["Drama Workshop", "History Seminar"]),
        ({"state__": "unpublished"}, ["Algebra II"]),
    ],
)
def test_which_courses(one, query, wanted):
    assert names(one.get(f"users/{INSTRUCTOR}/courses", **query)) == wanted


def test_two_sections_are_two_enrollments_of_one_course(one):
    rows = one.get(f"users/{INSTRUCTOR}/courses", enrollment_state="active").json()
    enrollments = {row["name"]: [one["type"] for one in row["enrollments"]] for row in rows}

    assert enrollments["Botany for Beginners"] == ["teacher", "teacher"]
    assert enrollments["Chemistry Lab"] == ["ta"]


def test_the_callers_nickname_hides_the_name(one):
    row = one.get(f"users/{INSTRUCTOR}/courses", enrollment_state="active").json()[-1]
    assert (row["name"], row["original_name"]) == ("stones", "Geology: Rocks and Minerals")


def test_a_course_hidden_by_its_dates_is_a_stub_for_its_own_teacher(caller):
    rows = caller().authorize(login="instructor@demo.example").get("users/self/courses").json()
    stubs = [row for row in rows if "name" not in row]

    assert [sorted(row) for row in stubs] == [["access_restricted_by_date", "id"]] * len(stubs)
    assert stubs


def test_a_login_may_stand_for_the_id(one):
    assert names(one.get("users/sis_login_id:KIT%40demo.example/courses")) == ["Music Practice"]


def test_ordinary_people_see_their_own_courses_only(caller):
    assert caller().authorize(login="ann@demo.example").get(f"users/{INSTRUCTOR}/courses").status_code == 403


# --- §5 -------------------------------------------------------------------------------------------------
def test_enrollments_of_a_course(one):
    course = one.get(f"users/{INSTRUCTOR}/courses", enrollment_state="active").json()[0]["id"]

    teachers = one.get(f"courses/{course}/enrollments", type__="TeacherEnrollment").json()
    everybody = one.get(f"courses/{course}/enrollments", per_page="100").json()

    assert [row["user"]["name"] for row in teachers] == ["Ira Instructor"]
    assert {row["type"] for row in everybody} == {"StudentEnrollment", "TeacherEnrollment"}
    assert "email" not in everybody[0]["user"]


STATES = ("active", "invited", "creation_pending", "inactive", "completed", "rejected", "deleted")


@pytest.fixture
def drama(one):
    """A course with somebody in every state, and who that is."""
    course = one.sandbox.edit(course={"name": "Drama on Ice", "code": "DRA9"})["course"]["id"]
    people = {}
    for state in STATES:
        person = one.sandbox.edit(person={"name": f"Somebody {state}", "email": f"{state}@demo.example"})["person"]
        one.sandbox.edit(enrollment={"user_id": person["id"], "course_id": course, "kind": "ta", "state": state})
        people[state] = person["id"]
    return course, people


def states(answer):
    assert answer.status_code == 200, answer.text
    return {row["enrollment_state"] for row in answer.json()}


def test_every_stored_state_can_be_asked_for(one, drama):
    course, people = drama
    path = f"courses/{course}/enrollments"

    for state in STATES:
        assert states(one.get(path, state__=state)) == {state}
        found = one.get(path, state__=list(STATES), user_id=str(people[state]), strings=True).json()
        assert [(row["user_id"], row["enrollment_state"]) for row in found] == [(str(people[state]), state)]


def test_without_a_state_past_ones_are_left_out_and_of_one_user_more(one, drama):
    course, people = drama
    path = f"courses/{course}/enrollments"

    assert states(one.get(path)) == {"active", "invited", "creation_pending", "inactive"}
    assert [state for state in STATES if states(one.get(path, user_id=str(people[state])))] == [
        "active",
        "invited",
    ]


def test_types_of_enrollments_and_roles_that_go_before(one, drama):
    path = f"courses/{drama[0]}/enrollments"

    assert len(one.get(path, type__=["TeacherEnrollment", "TaEnrollment"]).json()) == 4
    assert one.get(path, type__="TeacherEnrollment").json() == []
    assert len(one.get(path, type__="TeacherEnrollment", role__="TaEnrollment").json()) == 4
    assert one.get(path, role__="Gremlin").status_code == 400


def test_a_deleted_course_and_a_deleted_person_are_not_found(one, drama):
    course, people = drama
    one.sandbox.edit(course={"id": course, "workflow_state": "deleted"})
    one.sandbox.edit(person={"id": people["active"], "deleted": True})

    assert one.get(f"courses/{course}/enrollments").status_code == 404
    assert one.get(f"users/{people['active']}/courses").status_code == 404
    assert one.get(f"users/{people['invited']}/courses").status_code == 200


def test_nobody_of_that_number_has_no_enrollments_to_list(one, drama):
    assert one.get(f"courses/{drama[0]}/enrollments", user_id="999999").status_code == 404


def test_who_may_list_a_course_and_who_may_see_only_themselves(caller, one, drama):
    path = f"courses/{drama[0]}/enrollments"
    active = caller().authorize(login="active@demo.example")
    former = caller().authorize(login="deleted@demo.example")

    assert len(active.get(path).json()) == 4
    assert former.get(path).status_code == 403
    assert states(former.get(path, user_id="self", state__="deleted")) == {"deleted"}


# --- §6 -------------------------------------------------------------------------------------------------
def test_courses_are_numbered_pages_with_a_last_one(one):
    first = one.get(f"users/{INSTRUCTOR}/courses", per_page="3", enrollment_state="active")

    assert len(first.json()) == 3
    assert link(first, "last").endswith("page=3&per_page=3")
    second = one.get(link(first, "next"))
    assert "enrollment_state=active" in link(first, "next")
    assert names(second) == ACTIVE[3:6]
    assert link(one.get(link(second, "next")), "next") is None


def test_users_are_pages_of_unknown_length_with_an_empty_one_at_the_end(one):
    term = {"search_term": "ann@demo.example", "per_page": "3"}
    first = one.get("accounts/self/users", **term)

    assert (len(first.json()), link(first, "last")) == (3, None)
    beyond = one.get(link(first, "next"))
    assert beyond.json() == []
    assert link(beyond, "next") is not None


def test_enrollments_are_bookmarks(one):
    course = one.get(f"users/{INSTRUCTOR}/courses", enrollment_state="active").json()[0]["id"]
    path = f"courses/{course}/enrollments"
    first = one.get(path, per_page="5")

    assert "page=bookmark%3A" in link(first, "next")
    assert link(first, "last") is None
    assert one.get(path, per_page="5", page="bookmark:damaged").json() == first.json()
    assert one.get(path, page="2").status_code == 404


@pytest.mark.parametrize(("asked", "given"), [("500", 100), ("0", 1), ("abc", 1), ("", 10)])
def test_per_page_is_clamped(one, asked, given):
    query = {"per_page": asked} if asked else {}
    assert len(one.get("accounts/self/users", search_term="student", **query).json()) == given


def test_odd_page_numbers(one):
    assert one.get(f"users/{INSTRUCTOR}/courses", page="99").json() == []
    for page in ("0", "x"):
        assert one.get(f"users/{INSTRUCTOR}/courses", page=page).status_code == 404


# --- §7 and §8 ------------------------------------------------------------------------------------------
def test_every_answer_says_what_it_cost(one):
    answer = one.get("accounts/self/users", search_term="ann@")

    assert float(answer.headers["x-request-cost"]) > 0
    assert 0 < float(answer.headers["x-rate-limit-remaining"]) <= 600


def test_a_full_bucket_refuses_in_plain_text(caller):
    """The fourth exchange in quick succession from one address."""
    one = caller()
    codes = [one.code() for _ in range(5)]

    answers = [one.exchange(code) for code in codes]

    refused = answers[-1]
    assert refused.status_code == 403
    assert refused.text == "403 Forbidden (Rate Limit Exceeded)\n"
    assert refused.headers["content-type"].startswith("text/plain")
    assert "retry-after" not in refused.headers


def test_ids_are_texts_if_asked_for(one):
    row = one.get("accounts/self/users", strings=True, search_term="instructor@").json()[0]
    assert row["id"] == str(INSTRUCTOR)

    course = one.get(f"users/{INSTRUCTOR}/courses", strings=True, include__="term").json()[0]
    assert isinstance(course["enrollment_term_id"], str)
    assert isinstance(course["term"]["id"], str)


def test_the_log_never_holds_a_token(one):
    one.get("accounts/self/users", search_term="ann@", access_token=one.token)

    assert one.token not in str(one.sandbox.log())
    assert one.sandbox.log()[-1]["client"] == f"…{one.token[-4:]}"
