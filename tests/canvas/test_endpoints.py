"""The three endpoints: exactly what is asked for, and people and courses once each."""

from __future__ import annotations

import pytest

from canvas.endpoints import account_users, course_enrollments, user_courses

API = "https://canvas.example/api/v1"


def asked(canvas):
    return canvas.calls[0].request.url


def test_account_users_asks_with_everything_encoded(canvas, client):
    canvas.get(f"{API}/accounts/self/users", json=[])
    list(
        account_users(client, search_term="ann+x@a.example", enrollment_type="teacher", include=("email", "uuid"))
    )
    assert asked(canvas) == (
        f"{API}/accounts/self/users?include%5B%5D=email&include%5B%5D=uuid"
        "&search_term=ann%2Bx%40a.example&enrollment_type=teacher&per_page=100"
    )


def test_account_users_without_a_term_asks_for_everybody(canvas, client):
    canvas.get(f"{API}/accounts/12/users", json=[])
    list(account_users(client, account_id="12", include=(), per_page=10))
    assert asked(canvas) == f"{API}/accounts/12/users?per_page=10"


def test_account_users_gives_each_person_once(canvas, client):
    url = f"{API}/accounts/self/users"
    link = {"Link": f'<{url}?page=2>; rel="next"'}
    canvas.get(url, json=[{"id": 1}, {"id": "2"}], headers=link)
    canvas.get(f"{url}?page=2", json=[{"id": "1"}, {"id": 3}])
    assert [user.id for user in account_users(client)] == ["1", "2", "3"]


@pytest.mark.parametrize("term", ["", "a", "ab"])
def test_account_users_never_sends_a_term_that_would_list_everybody(client, term):
    with pytest.raises(ValueError, match="3 characters"):
        list(account_users(client, search_term=term))
    assert client.requests_made == 0


def test_user_courses_asks_for_active_courses_of_a_teacher(canvas, client):
    canvas.get(f"{API}/users/7/courses", json=[])
    user_courses(client, "7")
    assert asked(canvas) == (
        f"{API}/users/7/courses?include%5B%5D=term&include%5B%5D=total_students"
        "&enrollment_state=active&enrollment_type=teacher&per_page=100"
    )


def test_user_courses_can_ask_for_everything(canvas, client):
    canvas.get(f"{API}/users/7/courses", json=[])
    user_courses(client, "7", enrollment_state=None, enrollment_type=None, include=())
    assert asked(canvas) == f"{API}/users/7/courses?per_page=100"


def test_user_courses_gives_each_course_once(canvas, client):
    canvas.get(f"{API}/users/7/courses", json=[{"id": 1}, {"id": 2}, {"id": "1"}])
    assert [course.id for course in user_courses(client, "7")] == ["1", "2"]


@pytest.mark.parametrize(
    ("user_id", "segment"),
    [
        ("sis_login_id:ann/x+y@a.example", "sis_login_id%3Aann%2Fx%2By%40a.example"),
        ("7?as_user_id=1", "7%3Fas_user_id%3D1"),
        ("7#x", "7%23x"),
        ("184670~12", "184670~12"),
    ],
)
def test_ids_are_one_encoded_segment_of_the_path(canvas, client, user_id, segment):
    canvas.get(f"{API}/users/{segment}/courses", json=[])
    user_courses(client, user_id)
    assert asked(canvas).partition("?")[0] == f"{API}/users/{segment}/courses"


def test_course_enrollments_asks_for_types_and_states(canvas, client):
    canvas.get(f"{API}/courses/9/enrollments", json=[{"id": 1, "user_id": 2}, {"id": 2, "user_id": 2}])
    found = course_enrollments(client, "9", types=("StudentEnrollment", "TaEnrollment"), states=("active",))
    assert [enrollment.id for enrollment in found] == ["1", "2"]
    assert asked(canvas) == (
        f"{API}/courses/9/enrollments?type%5B%5D=StudentEnrollment&type%5B%5D=TaEnrollment"
        "&state%5B%5D=active&per_page=100"
    )
