"""Whatever Canvas sends in a field, the rest is still read."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canvas.errors import UnexpectedAnswer
from canvas.shapes import Course, CourseEnrollment, Enrollment, Term, User, identifier
from tests.canvas.arbitrary import FEW, VALUES


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("12", "12"),
        (12, "12"),
        (2**60, "1152921504606846976"),
        (184670000000012345, "184670000000012345"),
        ("184670~12345", "184670~12345"),
    ],
)
def test_identifier_is_exact_text(value, text):
    assert identifier(value) == text


@pytest.mark.parametrize("value", [None, "", True, False, 1.0, 1.8467e17, float("nan"), [1], {"id": 1}])
def test_identifier_refuses_what_cannot_hold_one(value):
    with pytest.raises(UnexpectedAnswer):
        identifier(value)


def test_user_of_a_full_answer():
    row = {"id": "7", "name": "Ann Ames", "email": "ann@a.example", "login_id": "ann", "sis_user_id": "s"}
    assert User.from_json(row) == User("7", "Ann Ames", "ann@a.example", "ann", has_email_key=True)


def test_user_tells_a_missing_address_from_a_missing_field():
    assert User.from_json({"id": 7, "email": None}) == User("7", None, None, None, has_email_key=True)
    assert User.from_json({"id": 7}) == User("7", None, None, None, has_email_key=False)


COURSE: dict[str, Any] = {
    "id": 184670000000012345,
    "name": "My nickname",
    "original_name": "Biology 101",
    "course_code": "BIO",
    "workflow_state": "available",
    "start_at": "2026-09-01T12:00:00Z",
    "end_at": None,
    "time_zone": "Europe/London",
    "sis_course_id": "B-101",
    "total_students": 30,
    "term": {"id": 3, "name": "Autumn", "start_at": None, "end_at": "2026-12-20T00:00:00+02:00"},
    "enrollments": [{"type": "teacher", "role": "TeacherEnrollment", "enrollment_state": "active"}],
}


def test_course_of_a_full_answer():
    utc = datetime.UTC
    assert Course.from_json(COURSE) == Course(
        id="184670000000012345",
        name="Biology 101",
        code="BIO",
        term=Term("3", "Autumn", None, datetime.datetime(2026, 12, 19, 22, tzinfo=utc)),
        workflow_state="available",
        starts_at=datetime.datetime(2026, 9, 1, 12, tzinfo=utc),
        ends_at=None,
        time_zone="Europe/London",
        sis_id="B-101",
        total_students=30,
        enrollments=(CourseEnrollment("teacher", "TeacherEnrollment", "active"),),
        restricted=False,
    )


def test_course_stub_has_an_id_and_is_restricted():
    course = Course.from_json({"id": 9, "access_restricted_by_date": True})
    assert (course.id, course.name, course.enrollments, course.restricted) == ("9", None, (), True)


@pytest.mark.parametrize(
    ("field", "value", "attribute", "expected"),
    [
        pytest.param("original_name", None, "name", "My nickname", id="no-original-name"),
        pytest.param("original_name", "", "name", "My nickname", id="empty-original-name"),
        pytest.param("name", 7, "name", "Biology 101", id="number-for-a-name"),
        pytest.param("term", None, "term", None, id="no-term"),
        pytest.param("term", {"name": "Autumn"}, "term", None, id="term-without-id"),
        pytest.param("term", [3], "term", None, id="list-for-a-term"),
        pytest.param("total_students", True, "total_students", None, id="true-for-a-number"),
        pytest.param("total_students", "30", "total_students", None, id="text-for-a-number"),
        pytest.param("start_at", "yesterday", "starts_at", None, id="no-moment"),
        pytest.param("start_at", "", "starts_at", None, id="empty-moment"),
        pytest.param("start_at", 1788264000, "starts_at", None, id="number-for-a-moment"),
        pytest.param("start_at", "0001-01-01T00:00:00+23:59", "starts_at", None, id="before-all-time"),
        pytest.param("start_at", "9999-12-31T23:59:59-23:59", "starts_at", None, id="after-all-time"),
        pytest.param("enrollments", None, "enrollments", (), id="no-enrollments"),
        pytest.param("enrollments", {"type": "ta"}, "enrollments", (), id="object-for-enrollments"),
        pytest.param("enrollments", [None, 7, "ta"], "enrollments", (), id="odd-enrollments"),
        pytest.param("enrollments", [{}], "enrollments", (CourseEnrollment(None, None, None),), id="bare"),
        pytest.param("access_restricted_by_date", "yes", "restricted", False, id="text-for-true"),
    ],
)
def test_course_tolerates_an_odd_field(field, value, attribute, expected):
    assert getattr(Course.from_json(COURSE | {field: value}), attribute) == expected


def test_moment_without_offset_is_utc():
    course = Course.from_json(COURSE | {"start_at": "2026-09-01T12:00:00"})
    assert course.starts_at == datetime.datetime(2026, 9, 1, 12, tzinfo=datetime.UTC)


def test_enrollment_of_a_full_answer():
    row = {
        "id": 1,
        "user_id": 2,
        "course_id": 3,
        "type": "StudentEnrollment",
        "role": "Auditor",
        "enrollment_state": "active",
        "user": {"id": 2, "name": "Sam", "login_id": "sam@a.example"},
    }
    expected = Enrollment("1", "2", "3", "StudentEnrollment", "Auditor", "active", "Sam", "sam@a.example")
    assert Enrollment.from_json(row) == expected


@pytest.mark.parametrize("user", [None, [], "Sam", {}])
def test_enrollment_does_without_its_person(user):
    enrollment = Enrollment.from_json({"id": 1, "user_id": 2, "user": user})
    assert (enrollment.user_name, enrollment.login_id, enrollment.course_id) == (None, None, None)


@pytest.mark.parametrize(("shape", "row"), [(User, {}), (Course, {"id": None}), (Enrollment, {"id": 1})])
def test_shape_without_its_id_is_an_unexpected_answer(shape, row):
    with pytest.raises(UnexpectedAnswer):
        shape.from_json(row)


USER_FIELDS = ("name", "email", "login_id")
COURSE_FIELDS = (*COURSE, "access_restricted_by_date")
ENROLLMENT_FIELDS = ("course_id", "type", "role", "enrollment_state", "user")


@pytest.mark.parametrize(
    ("shape", "fields"), [(User, USER_FIELDS), (Course, COURSE_FIELDS), (Enrollment, ENROLLMENT_FIELDS)]
)
@FEW
@given(data=st.data())
def test_only_ids_are_required(shape, fields, data):
    odd = data.draw(st.fixed_dictionaries({}, optional=dict.fromkeys(fields, VALUES)))
    assert shape.from_json(odd | {"id": 5, "user_id": 6}).id == "5"
