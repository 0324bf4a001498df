"""The three endpoints behind the three scopes, as typed results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal
from urllib.parse import quote

from .client import Client
from .shapes import Course, Enrollment, User

PAGE = 100
SHORTEST_SEARCH = 3
EnrollmentType = Literal["teacher", "ta", "student", "observer", "designer"]


def account_users(
    client: Client,
    *,
    account_id: str = "self",
    search_term: str | None = None,
    enrollment_type: EnrollmentType | None = None,
    include: Sequence[str] = ("email",),
    per_page: int = PAGE,
    max_pages: int = 50,
) -> Iterator[User]:
    """People of an account (docs/canvas.md §3). An empty term would list everybody, so it is a ValueError."""
    if search_term is not None and len(search_term) < SHORTEST_SEARCH:
        raise ValueError(f"Canvas searches for {SHORTEST_SEARCH} characters at least.")
    params = [("include[]", name) for name in include]
    params += [("search_term", search_term)] if search_term is not None else []
    params += [("enrollment_type", enrollment_type)] if enrollment_type is not None else []
    params.append(("per_page", str(per_page)))
    path = f"/api/v1/accounts/{quote(account_id, safe='')}/users"
    seen: set[str] = set()
    for rows in client.pages(path, params, max_pages=max_pages):
        for user in map(User.from_json, rows):
            if user.id not in seen:
                seen.add(user.id)
                yield user


def user_courses(
    client: Client,
    user_id: str,
    *,
    enrollment_state: Literal["active"] | None = "active",
    enrollment_type: EnrollmentType | None = "teacher",
    include: Sequence[str] = ("term", "total_students"),
) -> list[Course]:
    """A person's courses, each once (docs/canvas.md §4). Without a state: invitations too, whatever the dates."""
    params = [("include[]", name) for name in include]
    params += [("enrollment_state", enrollment_state)] if enrollment_state is not None else []
    params += [("enrollment_type", enrollment_type)] if enrollment_type is not None else []
    params.append(("per_page", str(PAGE)))
    path = f"/api/v1/users/{quote(user_id, safe='')}/courses"
    courses = [Course.from_json(row) for rows in client.pages(path, params) for row in rows]
    return list({course.id: course for course in courses}.values())


def course_enrollments(
    client: Client,
    course_id: str,
    *,
    types: Sequence[str] = (),
    states: Sequence[str] = (),
    user_id: str | None = None,
    per_page: int = PAGE,
    max_pages: int = 200,
) -> Iterator[Enrollment]:
    """Who is in a course, in every section (docs/canvas.md §5); of one person only, if named."""
    params = [("type[]", name) for name in types] + [("state[]", name) for name in states]
    params += [("user_id", user_id)] if user_id is not None else []
    params.append(("per_page", str(per_page)))
    path = f"/api/v1/courses/{quote(course_id, safe='')}/enrollments"
    for rows in client.pages(path, params, max_pages=max_pages):
        yield from map(Enrollment.from_json, rows)
