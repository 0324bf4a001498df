"""Every student with every published media of their sections: one row each, also where nothing was watched."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from analytics.enrolment import STUDENTS
from schedules.models import Section

from .selection import Selection, zone
from .tab import course_of
from .viewing import MEDIA, PAIRS

AT_ONCE = 2000


@dataclass(frozen=True)
class Watched:
    """Fields as in `definitions.EVERYTHING`."""

    course: str
    term: str
    student: str
    email: str
    media: str
    recorded: datetime.date
    length: int
    views: int
    minutes: float
    watched: float
    last_viewed: datetime.datetime | None
    polls: int
    answered: int
    correct: int


_EVERYTHING = f"""
WITH {STUDENTS}, {MEDIA}, {PAIRS},
poll AS (
    SELECT poll.id, poll.media_id FROM analytics_poll poll JOIN media ON media.id = poll.media_id
    WHERE NOT poll.anonymous
),
asked AS (SELECT media_id, count(*) AS polls FROM poll GROUP BY media_id),
given AS (
    SELECT poll.media_id, answer.learner_id, count(*) AS answered,
           count(*) FILTER (WHERE answer.latest_correct) AS correct
    FROM analytics_pollanswer answer JOIN poll ON poll.id = answer.poll_id
    WHERE answer.section_id = ANY(%(sections)s) AND answer.first_at < %(ends_at)s
    GROUP BY poll.media_id, answer.learner_id
)
SELECT media.section_id, learner.id, learner.name, learner.email, described.title, described.recorded_at,
       media.length, coalesce(pair.views, 0), coalesce(pair.seconds, 0),
       least(coalesce(pair.watched, 0)::float8 / media.length, 1), pair.last_at,
       coalesce(asked.polls, 0), coalesce(given.answered, 0), coalesce(given.correct, 0)
FROM media
JOIN analytics_media described ON described.id = media.id
JOIN student ON student.section_id = media.section_id
JOIN analytics_learner learner ON learner.id = student.learner_id
LEFT JOIN pair ON pair.media_id = media.id AND pair.learner_id = student.learner_id
LEFT JOIN asked ON asked.media_id = media.id
LEFT JOIN given ON given.media_id = media.id AND given.learner_id = student.learner_id
WHERE media.published
ORDER BY media.section_id, learner.name, learner.id, described.recorded_at, media.id
"""  # noqa: S608 - constants


def everything(selection: Selection, sections: Sequence[Section]) -> Iterator[Watched]:
    """Read as it is written: a university's worth of rows is never in memory at once."""
    names = {section.pk: (course_of(section), section.term.name) for section in sections}
    with connection.chunked_cursor() as cursor:
        cursor.execute(_EVERYTHING, selection.parameters)
        while rows := cursor.fetchmany(AT_ONCE):
            for row in rows:
                yield _watched(names, *row)


def _watched(names: dict[int, tuple[str, str]], section: int, learner: int, *row: Any) -> Watched:
    name, email, title, recorded_at, length, views, seconds, *rest = row
    return Watched(
        *names[section],
        name or email or f"Person {learner}",
        email,
        title,
        recorded_at.astimezone(zone()).date(),
        length,
        views,
        seconds / 60,
        *rest,
    )
