"""Changing the university by the control interface, as seen by whoever reads its API."""

from __future__ import annotations

import pytest


@pytest.fixture
def one(caller):
    """An administrator's caller."""
    return caller().authorize()


def number(university, login):
    return next(person["id"] for person in university.state()["people"] if person["login"] == login)


def courses(one, person):
    return {
        row["name"]: row["enrollments"][0]["enrollment_state"] for row in one.get(f"users/{person}/courses").json()
    }


def test_a_new_person_can_be_found_sign_in_and_teach(one, caller, university):
    made = university.edit(person={"name": "New Here", "email": "new@demo.example"})["person"]
    course = university.edit(course={"name": "Newness", "code": "NEW1"})["course"]
    university.edit(enrollment={"user_id": made["id"], "course_id": course["id"], "kind": "teacher"})

    (found,) = one.get("accounts/self/users", search_term="new@demo.example", enrollment_type="teacher").json()
    assert (found["id"], found["name"]) == (made["id"], "New Here")
    assert list(courses(caller().authorize(login="new@demo.example"), "self")) == ["Newness"]


def test_a_person_without_an_address_signs_in_by_name(university):
    made = university.edit(person={"name": "Nobody Special"})["person"]
    assert (made["email"], made["login"]) == (None, "Nobody Special")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"enrollment": {"user_id": 5, "course_id": 5}}, "There is no person 5"),
        ({"enrollment": {"id": 5, "state": "active"}}, "There is no enrollment 5"),
        ({"gremlin": {"id": 5}}, "There is no kind 'gremlin'"),
        ({"merge": {"from": 5, "into": 6}}, "There is no person 5"),
    ],
)
def test_what_cannot_be_changed_is_said(university, change, problem):
    with pytest.raises(ValueError, match=problem):
        university.edit(**change)


@pytest.mark.parametrize(
    ("field", "problem"), [({"kind": "boss"}, "no kind 'boss'"), ({"state": "bored"}, "state")]
)
def test_an_enrollment_that_canvas_does_not_know_is_refused(university, field, problem):
    enrollment = university.state()["enrollments"][0]["id"]
    with pytest.raises(ValueError, match=problem):
        university.edit(enrollment={"id": enrollment, **field})


def test_a_merged_person_is_gone_and_the_other_one_teaches_everything(one, university):
    leaving, staying = number(university, "ann@demo.example"), number(university, "kit@demo.example")
    university.edit(merge={"from": leaving, "into": staying})

    assert courses(one, staying) == {"Logic": "active", "Music Practice": "active"}
    assert one.get(f"users/{leaving}/courses").status_code == 404
    found = one.get("accounts/self/users", search_term="ann@demo.example", include__="email").json()
    # By a further address now, which is not the one that Canvas shows.
    assert {"name": "Kit Login", "email": None}.items() <= {row["id"]: row for row in found}[staying].items()
    assert leaving not in {row["id"] for row in found}


def test_merged_people_who_teach_the_same_course_teach_it_once_in_the_better_state(one, university):
    leaving, staying = number(university, "ann@demo.example"), number(university, "kit@demo.example")
    logic = one.get(f"users/{leaving}/courses").json()[0]["id"]
    university.edit(enrollment={"user_id": staying, "course_id": logic, "state": "invited"})

    university.edit(merge={"from": leaving, "into": staying})

    teachers = one.get(f"courses/{logic}/enrollments", type__="TeacherEnrollment").json()
    assert [(row["user_id"], row["enrollment_state"]) for row in teachers] == [(staying, "active")]


def test_nobody_is_merged_into_themselves_or_into_somebody_deleted(university):
    ann, kit = number(university, "ann@demo.example"), number(university, "kit@demo.example")
    university.edit(person={"id": kit, "deleted": True})
    for into in (ann, kit):
        with pytest.raises(ValueError, match="another one"):
            university.edit(merge={"from": ann, "into": into})


def test_an_enrollment_moves_to_another_person(one, university):
    """What was listed before the change is not listed after it."""
    ann, kit = number(university, "ann@demo.example"), number(university, "kit@demo.example")
    assert list(courses(one, ann)) == ["Logic"]
    enrollment = next(row["id"] for row in university.state()["enrollments"] if row["user_id"] == ann)

    university.edit(enrollment={"id": enrollment, "user_id": kit})

    assert (courses(one, ann), list(courses(one, kit))) == ({}, ["Logic", "Music Practice"])
