"""What people watched and answered, without who they are: for research inside and outside of the institution."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from analytics.enrolment import STUDENTS
from schedules.models import Section

from .institution import hidden_sections
from .tab import course_of

HEADER = [
    *("kind", "person", "course", "term", "item", "day"),
    *("views", "minutes", "watched", "answer", "correct", "attempts"),
]


@dataclass(frozen=True)
class Contents:
    """Sections whose views, and whose answers, are in the file; how many sections are not, and how many polls of
    those that are.
    """

    views: list[Section]
    answers: list[Section]
    views_left_out: int
    answers_left_out: int
    polls_left_out: int


def contents_of(sections: Collection[Section]) -> Contents:
    """What the table of the institution hides, nobody is to count in the file. Two queries."""
    views, answers = hidden_sections(sections)
    answered = [section for section in sections if section.pk not in answers]
    return Contents(
        views=[section for section in sections if section.pk not in views],
        answers=answered,
        views_left_out=len(views),
        answers_left_out=len(answers),
        polls_left_out=_small_polls(answered),
    )


# Answers that could be in the file. What people wrote themselves may name them.
_GIVEN = f"""
WITH {STUDENTS},
given AS (
    SELECT answer.*, count(*) OVER (PARTITION BY answer.poll_id) AS people
    FROM analytics_pollanswer answer
    JOIN analytics_poll poll ON poll.id = answer.poll_id AND NOT poll.anonymous
    JOIN analytics_media media ON media.id = poll.media_id AND media.published_at <= %(now)s
    JOIN student ON student.section_id = answer.section_id AND student.learner_id = answer.learner_id
    WHERE answer.section_id = ANY(%(sections)s) AND poll.kind NOT IN ('open', 'short')
)"""  # noqa: S608 - constants
_SMALL_POLLS = f"{_GIVEN} SELECT count(DISTINCT poll_id) FROM given WHERE people < %(fewest)s"  # noqa: S608


def _small_polls(sections: Collection[Section]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_SMALL_POLLS, _parameters(sections))
        found: int = cursor.fetchone()[0]
    return found


def _parameters(sections: Collection[Section]) -> dict[str, Any]:
    return {
        "sections": [section.pk for section in sections],
        "fewest": settings.ANALYTICS_SMALL_GROUP,
        "now": timezone.now(),
        "zone": settings.INSTITUTION_TIME_ZONE,
    }


_VIEWS = f"""
WITH {STUDENTS}
SELECT seen.section_id, seen.learner_id, media.id, seen.day, seen.views, seen.seconds,
       least(analytics_covered(seen.watched)::float8 / media.duration_seconds, 1)
FROM analytics_viewuserday seen
JOIN analytics_media media ON media.id = seen.media_id AND media.published_at <= %(now)s
JOIN student ON student.section_id = seen.section_id AND student.learner_id = seen.learner_id
WHERE seen.section_id = ANY(%(sections)s)
"""  # noqa: S608 - constants
_ANSWERS = f"""
{_GIVEN}
SELECT section_id, learner_id, poll_id, (latest_at AT TIME ZONE %(zone)s)::date, latest_response, latest_correct,
       attempts
FROM given WHERE people >= %(fewest)s
"""  # noqa: S608 - constants


def rows(contents: Contents) -> Iterator[list[str]]:
    """Cells as in `HEADER`, in the order of the pseudonyms, which say nothing.

    A person's name is a keyed digest. The key is made for this export and kept nowhere: two exports cannot be put
    together, and nobody can find out who is who. Moments are cut to the day.
    """
    key = secrets.token_bytes(32)
    both = [*contents.views, *contents.answers]
    names = {section.pk: (course_of(section), section.term.name) for section in both}

    def pseudonym(kind: str, number: int) -> str:
        return hmac.digest(key, f"{kind}{number}".encode(), "sha256").hex()[:20]

    found = []
    with connection.cursor() as cursor:
        cursor.execute(_VIEWS, _parameters(contents.views))
        for section, learner, media, day, views, seconds, share in cursor.fetchall():
            figures = [str(views), f"{seconds / 60:.1f}", f"{share * 100:.1f}", "", "", ""]
            item = f"media {pseudonym('media', media)[:8]}"
            found.append(["view", pseudonym("person", learner), *names[section], item, str(day), *figures])
        cursor.execute(_ANSWERS, _parameters(contents.answers))
        for section, learner, poll, day, response, correct, attempts in cursor.fetchall():
            right = {True: "yes", False: "no", None: ""}[correct]
            figures = ["", "", "", response, right, str(attempts)]
            item = f"poll {pseudonym('poll', poll)[:8]}"
            found.append(["answer", pseudonym("person", learner), *names[section], item, str(day), *figures])
    yield from sorted(found, key=lambda row: (row[1], row[0], row[5], row[4]))
