"""What people watched and answered, without who they are: for research inside and outside of the institution."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Iterator
from typing import Any

from django.conf import settings
from django.db import connection

from analytics.enrolment import STUDENTS
from schedules.models import Section

from .tab import course_of

HEADER = [
    *("kind", "person", "course", "term", "item", "day"),
    *("views", "minutes", "watched", "answer", "correct", "attempts"),
]


def split(sections: Collection[Section]) -> tuple[list[Section], list[Section]]:
    """Those with enough students, and those that would name them. One query."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {STUDENTS} SELECT section_id, count(*) FROM student GROUP BY section_id",  # noqa: S608 - constants
            {"sections": [section.pk for section in sections]},
        )
        students = dict(cursor.fetchall())
    fewest = settings.ANALYTICS_SMALL_GROUP
    enough = [section for section in sections if students.get(section.pk, 0) >= fewest]
    return enough, [section for section in sections if section not in enough]


_VIEWS = f"""
WITH {STUDENTS}
SELECT seen.section_id, seen.learner_id, media.id, seen.day, seen.views, seen.seconds,
       least(analytics_covered(seen.watched)::float8 / media.duration_seconds, 1)
FROM analytics_viewuserday seen
JOIN analytics_media media ON media.id = seen.media_id
JOIN student ON student.section_id = seen.section_id AND student.learner_id = seen.learner_id
WHERE seen.section_id = ANY(%(sections)s)
"""  # noqa: S608 - constants
# What people wrote themselves may name them.
_ANSWERS = f"""
WITH {STUDENTS}
SELECT answer.section_id, answer.learner_id, poll.id, (answer.latest_at AT TIME ZONE %(zone)s)::date,
       answer.latest_response, answer.latest_correct, answer.attempts
FROM analytics_pollanswer answer
JOIN analytics_poll poll ON poll.id = answer.poll_id AND NOT poll.anonymous
JOIN student ON student.section_id = answer.section_id AND student.learner_id = answer.learner_id
WHERE answer.section_id = ANY(%(sections)s) AND poll.kind NOT IN ('open', 'short')
"""  # noqa: S608 - constants


def rows(sections: Collection[Section]) -> Iterator[list[str]]:
    """Cells as in `HEADER`, in the order of the pseudonyms, which say nothing.

    A person's name is a keyed digest. The key is made for this export and kept nowhere: two exports cannot be put
    together, and nobody can find out who is who. Moments are cut to the day.
    """
    key = secrets.token_bytes(32)
    names = {section.pk: (course_of(section), section.term.name) for section in sections}
    parameters: dict[str, Any] = {"sections": list(names), "zone": settings.INSTITUTION_TIME_ZONE}

    def pseudonym(kind: str, number: int) -> str:
        return hmac.digest(key, f"{kind}{number}".encode(), "sha256").hex()[:20]

    found = []
    with connection.cursor() as cursor:
        cursor.execute(_VIEWS, parameters)
        for section, learner, media, day, views, seconds, share in cursor.fetchall():
            figures = [str(views), f"{seconds / 60:.1f}", f"{share * 100:.1f}", "", "", ""]
            item = f"media {pseudonym('media', media)[:8]}"
            found.append(["view", pseudonym("person", learner), *names[section], item, str(day), *figures])
        cursor.execute(_ANSWERS, parameters)
        for section, learner, poll, day, response, correct, attempts in cursor.fetchall():
            right = {True: "yes", False: "no", None: ""}[correct]
            figures = ["", "", "", response, right, str(attempts)]
            item = f"poll {pseudonym('poll', poll)[:8]}"
            found.append(["answer", pseudonym("person", learner), *names[section], item, str(day), *figures])
    yield from sorted(found, key=lambda row: (row[1], row[0], row[5], row[4]))
