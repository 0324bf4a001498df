"""All sections of a term in one table, for administrators: sums, with small groups hidden."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

from analytics.enrolment import STUDENTS
from analytics.suppression import Group, Hidden, blunt, hidden
from schedules.models import Section

from .tab import course_of, natural
from .viewing import reading

# One for all: which of the hidden ones are the small ones is not to be told.
HIDDEN = "Hidden: small groups, and what would give them away"


@dataclass(frozen=True)
class InstitutionRow:
    """Fields as in `definitions.INSTITUTION`; None where they are hidden."""

    course: str
    students: int
    media: int
    viewers: int | None
    minutes: float | None
    average_of_enrolled: float | None
    answered: float | None
    hidden: str


@dataclass(frozen=True)
class _Sums:
    students: int
    media: int
    viewers: int
    seconds: int
    shares: float
    polls: int
    answers: int
    answerers: int

    def __add__(self, other: _Sums) -> _Sums:
        return _Sums(
            self.students + other.students,
            self.media + other.media,
            self.viewers + other.viewers,
            self.seconds + other.seconds,
            self.shares + other.shares,
            self.polls + other.polls,
            self.answers + other.answers,
            self.answerers + other.answerers,
        )


def institution_figures(sections: Collection[Section]) -> tuple[list[InstitutionRow], InstitutionRow]:
    """A row for each section, and one for all. Of students alone, over all time. One query."""
    ordered = _ordered(sections)
    rows = _sums(ordered)
    views, answers = _hidden(rows)
    shown = [
        _row(
            course_of(section),
            row,
            possible=(row.students * row.media, row.students * row.polls),
            hides=(place in views.places, place in answers.places),
        )
        for place, (section, row) in enumerate(zip(ordered, rows, strict=True))
    ]
    total = sum(rows, _Sums(0, 0, 0, 0, 0.0, 0, 0, 0))
    media = sum(row.students * row.media for row in rows)
    polls = sum(row.students * row.polls for row in rows)
    return shown, _row("All sections", total, possible=(media, polls), hides=(views.total, answers.total))


def hidden_sections(sections: Collection[Section]) -> tuple[set[int], set[int]]:
    """The keys of those whose views are hidden, and of those whose answers are. One query."""
    ordered = _ordered(sections)
    views, answers = _hidden(_sums(ordered))
    return {ordered[place].pk for place in views.places}, {ordered[place].pk for place in answers.places}


def _ordered(sections: Collection[Section]) -> list[Section]:
    return sorted(sections, key=lambda one: natural(course_of(one)))


def _hidden(rows: Sequence[_Sums]) -> tuple[Hidden, Hidden]:
    """Of views, and of answers. Where there is nothing to watch, nobody is told by not having watched."""
    fewest = settings.ANALYTICS_SMALL_GROUP
    viewers = [Group(row.viewers, row.students if row.media else 0) for row in rows]
    answerers = [Group(row.answerers, row.students if row.polls else 0) for row in rows]
    return hidden(viewers, fewest), hidden(answerers, fewest)


def _row(course: str, sums: _Sums, *, possible: tuple[int, int], hides: tuple[bool, bool]) -> InstitutionRow:
    """`possible`: pairs of student and media, of student and poll. `hides`: the views, the answers."""
    media, polls = possible
    no_views, no_answers = hides
    return InstitutionRow(
        course=course,
        students=sums.students,
        media=sums.media,
        viewers=None if no_views else sums.viewers,
        minutes=None if no_views else sums.seconds / 60,
        average_of_enrolled=None if no_views or not media or not sums.viewers else blunt(sums.shares / media),
        answered=None if no_answers or not polls or not sums.answerers else blunt(sums.answers / polls),
        hidden=HIDDEN if no_views or no_answers else "",
    )


_INSTITUTION = f"""
WITH {STUDENTS},
enrolled AS (SELECT section_id, count(*) AS students FROM student GROUP BY section_id),
published AS (
    SELECT id, section_id, duration_seconds FROM analytics_media
    WHERE section_id = ANY(%(sections)s) AND published_at <= %(now)s
),
media AS (SELECT section_id, count(*) AS media FROM published GROUP BY section_id),
viewed AS (
    SELECT seen.section_id, count(DISTINCT seen.learner_id) AS viewers, sum(seen.seconds) AS seconds,
           sum(least(seen.watched_seconds::float8 / published.duration_seconds, 1)) AS shares
    FROM analytics_viewuser seen
    JOIN published ON published.id = seen.media_id
    JOIN student ON student.section_id = seen.section_id AND student.learner_id = seen.learner_id
    GROUP BY seen.section_id
),
poll AS (
    SELECT poll.id, published.section_id FROM analytics_poll poll
    JOIN published ON published.id = poll.media_id WHERE NOT poll.anonymous
),
asked AS (SELECT section_id, count(*) AS polls FROM poll GROUP BY section_id),
answered AS (
    SELECT answer.section_id, count(*) AS answers, count(DISTINCT answer.learner_id) AS answerers
    FROM analytics_pollanswer answer
    JOIN poll ON poll.id = answer.poll_id
    JOIN student ON student.section_id = answer.section_id AND student.learner_id = answer.learner_id
    GROUP BY answer.section_id
)
SELECT section.id, coalesce(students, 0), coalesce(media, 0), coalesce(viewers, 0), coalesce(seconds, 0)::bigint,
       coalesce(shares, 0), coalesce(polls, 0), coalesce(answers, 0), coalesce(answerers, 0)
FROM unnest(%(sections)s) AS section(id)
LEFT JOIN enrolled ON enrolled.section_id = section.id
LEFT JOIN media ON media.section_id = section.id
LEFT JOIN viewed ON viewed.section_id = section.id
LEFT JOIN asked ON asked.section_id = section.id
LEFT JOIN answered ON answered.section_id = section.id
"""  # noqa: S608 - constants


def _sums(sections: Sequence[Section]) -> list[_Sums]:
    """Of each, in their order."""
    keys = [section.pk for section in sections]
    with reading() as cursor:
        cursor.execute(_INSTITUTION, {"sections": keys, "now": timezone.now()})
        found = {key: _Sums(*sums) for key, *sums in cursor.fetchall()}
    return [found[key] for key in keys]
