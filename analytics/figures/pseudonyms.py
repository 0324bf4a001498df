"""What people watched and answered, without who they are: for research inside and outside of the institution."""

from __future__ import annotations

import hmac
import itertools
import math
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

AT_ONCE = 2000
# Minutes, and per cent.
STEP = 5
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
    WHERE answer.section_id = ANY(%(answers)s) AND poll.kind NOT IN ('open', 'short')
)"""  # noqa: S608 - constants
_SMALL_POLLS = f"{_GIVEN} SELECT count(DISTINCT poll_id) FROM given WHERE people < %(fewest)s"  # noqa: S608


def _small_polls(sections: Collection[Section]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(_SMALL_POLLS, _parameters([], sections))
        found: int = cursor.fetchone()[0]
    return found


def _parameters(views: Collection[Section], answers: Collection[Section]) -> dict[str, Any]:
    return {
        "sections": list({section.pk for section in (*views, *answers)}),
        "views": [section.pk for section in views],
        "answers": [section.pk for section in answers],
        "fewest": settings.ANALYTICS_SMALL_GROUP,
        "now": timezone.now(),
        "zone": settings.INSTITUTION_TIME_ZONE,
    }


# Each row with the number of its person: their place in the order of the pseudonyms.
_ROWS = f"""
{_GIVEN},
person AS (
    SELECT learner_id, place FROM unnest(%(people)s::int[]) WITH ORDINALITY AS one(learner_id, place)
)
SELECT person.place, 'view', seen.section_id, media.id, seen.day, seen.views, seen.seconds,
       least(seen.watched_seconds::float8 / media.duration_seconds, 1), NULL, NULL, NULL
FROM analytics_viewuserday seen
JOIN analytics_media media ON media.id = seen.media_id AND media.published_at <= %(now)s
JOIN student ON student.section_id = seen.section_id AND student.learner_id = seen.learner_id
JOIN person ON person.learner_id = seen.learner_id
WHERE seen.section_id = ANY(%(views)s)
UNION ALL
SELECT person.place, 'answer', section_id, poll_id, (latest_at AT TIME ZONE %(zone)s)::date, NULL, NULL, NULL,
       latest_response, latest_correct, attempts
FROM given JOIN person USING (learner_id)
WHERE people >= %(fewest)s
ORDER BY 1
"""  # noqa: S608 - constants


def rows(contents: Contents) -> Iterator[list[str]]:
    """Cells as in `HEADER`, in the order of the pseudonyms, which say nothing. Read as they are written: a term's
    rows are never in memory at once.

    A person's name is a keyed digest. The key is made for this export and kept nowhere, so it does not say who is
    who. Moments are cut to the day, and figures to steps: exact ones would be a name of their own.
    """
    key = secrets.token_bytes(32)

    def pseudonym(kind: str, number: int) -> str:
        return hmac.digest(key, f"{kind}{number}".encode(), "sha256").hex()[:20]

    sections = [*contents.views, *contents.answers]
    names = {section.pk: (course_of(section), section.term.name) for section in sections}
    people = sorted(_people(list(names)), key=lambda learner: pseudonym("person", learner))
    parameters = _parameters(contents.views, contents.answers) | {"people": people}
    for place, found in itertools.groupby(_read(parameters), key=lambda row: row[0]):
        person = pseudonym("person", people[place - 1])
        cells = []
        for _, kind, section, item, day, *figures in found:
            thing = "media" if kind == "view" else "poll"
            called = f"{thing} {pseudonym(thing, item)[:8]}"
            cells.append([kind, person, *names[section], called, str(day), *_told(*figures)])
        yield from sorted(cells, key=lambda row: (row[0], row[5], row[4]))


def _people(sections: list[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {STUDENTS} SELECT DISTINCT learner_id FROM student", {"sections": sections})  # noqa: S608
        return [learner for (learner,) in cursor.fetchall()]


def _read(parameters: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(_ROWS, parameters)
        while found := cursor.fetchmany(AT_ONCE):
            yield from found


def _told(
    views: int | None,
    seconds: int | None,
    share: float | None,
    response: str | None,
    correct: bool | None,
    attempts: int | None,
) -> list[str]:
    """Of a view or of an answer."""
    if views is not None and seconds is not None and share is not None:
        return [str(views), _in_steps(seconds / 60), _in_steps(share * 100), "", "", ""]
    right = {True: "yes", False: "no", None: ""}[correct]
    return ["", "", "", response or "", right, str(attempts)]


def _in_steps(value: float) -> str:
    """To the nearest."""
    return str(STEP * math.floor(value / STEP + 0.5))
