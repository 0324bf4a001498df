"""The engagement score: off until an instructor weighs its parts."""

from __future__ import annotations

from django.utils import timezone

from analytics.enrolment import STUDENTS
from analytics.models import SectionFigures

from .definitions import Part
from .viewing import reading

_PARTS = f"""
WITH {STUDENTS},
published AS (
    SELECT id, duration_seconds FROM analytics_media
    WHERE section_id = ANY(%(sections)s) AND published_at <= %(now)s
),
watched AS (
    SELECT learner_id, sum(least(watched_seconds::float8 / duration_seconds, 1)) AS shares
    FROM analytics_viewuser JOIN published ON published.id = media_id
    WHERE section_id = ANY(%(sections)s)
    GROUP BY learner_id
),
poll AS (
    SELECT poll.id FROM analytics_poll poll JOIN published ON published.id = poll.media_id
    WHERE NOT poll.anonymous
),
given AS (
    SELECT learner_id, count(*) AS answers, count(latest_correct) AS graded,
           count(*) FILTER (WHERE latest_correct) AS correct
    FROM analytics_pollanswer JOIN poll ON poll.id = poll_id
    WHERE section_id = ANY(%(sections)s)
    GROUP BY learner_id
)
SELECT student.learner_id, coalesce(shares, 0) / nullif((SELECT count(*) FROM published), 0),
       coalesce(answers, 0), (SELECT count(*) FROM poll), coalesce(correct, 0), coalesce(graded, 0)
FROM student
LEFT JOIN watched ON watched.learner_id = student.learner_id
LEFT JOIN given ON given.learner_id = student.learner_id
"""  # noqa: S608 - constants


def scores_of(weights: SectionFigures) -> dict[int, float]:
    """Of the students of a section, by learner; over all time, and over what is published. One query.

    Whoever has nothing to measure yet is left out.
    """
    with reading() as cursor:
        cursor.execute(_PARTS, {"sections": [weights.section_id], "now": timezone.now()})
        rows = cursor.fetchall()
    found = {
        learner: score(weights, watched, Part(answers, polls), Part(correct, graded))
        for learner, watched, answers, polls, correct, graded in rows
    }
    return {learner: value for learner, value in found.items() if value is not None}


def score(weights: SectionFigures, watched: float | None, answered: Part, correct: Part) -> float | None:
    """From 0 to 1: the mean of what was watched, answered and right, weighted.

    `watched`: of all published media, the mean of the shares seen; None if none is published. A part of which
    there is nothing to measure is left out, its weight too: a course without polls is not marked down for it. None
    if nothing is left.
    """
    parts = (
        (weights.weight_watched, watched),
        (weights.weight_answered, answered.share),
        (weights.weight_correct, correct.share),
    )
    measured = [(weight, share) for weight, share in parts if weight and share is not None]
    total = sum(weight for weight, _ in measured)
    return sum(weight * share for weight, share in measured) / total if total else None
