"""Who is a student of a section: the denominator of every percentage.

Live from the rosters of the section's LMS courses; nothing is copied that could grow stale.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import connection

# For a WITH clause: (section_id, learner_id), each pair once. Parameter: `sections`, a list of keys. The type of
# an enrollment is Canvas's own, whatever the institution calls the role (docs/canvas.md).
STUDENTS = """
student AS (
    SELECT DISTINCT link.section_id, known.learner_id
    FROM schedules_lmscourselink link
    JOIN directory_rosterentry entry ON entry.course_id = link.lms_course_id
    JOIN analytics_rosterlearner known ON known.entry_id = entry.id
    WHERE link.section_id = ANY(%(sections)s) AND entry.gone_at IS NULL
      AND entry.role = 'StudentEnrollment' AND entry.state = 'active'
)"""


@dataclass(frozen=True)
class Student:
    learner_id: int
    name: str
    email: str
    sections: tuple[int, ...]


def students_of(sections: Collection[int]) -> list[Student]:
    """Of any of these sections, by name; one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {STUDENTS} SELECT learner.id, learner.name, learner.email,"  # noqa: S608 - constants
            " array_agg(student.section_id ORDER BY student.section_id)"
            " FROM student JOIN analytics_learner learner ON learner.id = student.learner_id"
            " GROUP BY learner.id ORDER BY learner.name, learner.id",
            {"sections": list(sections)},
        )
        return [Student(key, name, email, tuple(taken)) for key, name, email, taken in cursor.fetchall()]


def is_student(learner_id: int, section_id: int) -> bool:
    """One query; also for people who look at a media."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {STUDENTS} SELECT EXISTS (SELECT FROM student WHERE learner_id = %(learner)s)",  # noqa: S608 - constants
            {"sections": [section_id], "learner": learner_id},
        )
        return bool(cursor.fetchone()[0])


def sections_of_student(learner_id: int) -> list[int]:
    """The keys of the sections they are a student of; one query."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT link.section_id FROM analytics_rosterlearner known"
            " JOIN directory_rosterentry entry ON entry.id = known.entry_id"
            " JOIN schedules_lmscourselink link ON link.lms_course_id = entry.course_id"
            " WHERE known.learner_id = %s AND entry.gone_at IS NULL"
            "   AND entry.role = 'StudentEnrollment' AND entry.state = 'active'",
            [learner_id],
        )
        return [key for (key,) in cursor.fetchall()]
