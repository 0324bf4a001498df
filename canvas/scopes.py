"""The three scopes that echo_lms needs, in a fixed order. They are always asked for, enforced or not
(docs/canvas.md §1.9): a token that was granted them goes on working when Canvas begins to enforce.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scope:
    name: str
    label: str
    needed_for: str


REQUIRED_SCOPES = (
    Scope(
        "url:GET|/api/v1/users/:user_id/courses",
        "Courses",
        "Lists the courses that an instructor teaches, for Test and for linking.",
    ),
    Scope(
        "url:GET|/api/v1/accounts/:account_id/users",
        "Users",
        "Finds the instructor behind an e-mail address.",
    ),
    Scope(
        "url:GET|/api/v1/courses/:course_id/enrollments",
        "Enrollments",
        "Reads who is in a linked course, so that analytics can say how many of them watched.",
    ),
)
SCOPE_PARAMETER = " ".join(scope.name for scope in REQUIRED_SCOPES)
