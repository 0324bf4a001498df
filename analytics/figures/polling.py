"""What was answered: by poll and by person. Polls of these days count with all answers up to the last of them."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from analytics.enrolment import STUDENTS

from .selection import Selection
from .viewing import OF_THESE, reading


@dataclass
class PollAnswers:
    """`graded`, `first_graded`: answers that are right or wrong. `wrong`: how many gave each wrong answer."""

    answers: int = 0
    students: int = 0
    graded: int = 0
    correct: int = 0
    first_graded: int = 0
    first_correct: int = 0
    wrong: dict[str, int] = field(default_factory=dict)

    @property
    def most_wrong(self) -> tuple[str, int] | None:
        """The answer and how many gave it; of several the first in the alphabet."""
        return min(self.wrong.items(), key=lambda one: (-one[1], one[0]), default=None)


@dataclass(frozen=True)
class LearnerAnswers:
    answered: int = 0
    graded: int = 0
    correct: int = 0
    last_at: datetime.datetime | None = None


@dataclass(frozen=True)
class Polling:
    """`students`: by learner, in the sections of which they are students."""

    polls: Mapping[int, PollAnswers] = field(default_factory=dict)
    students: Mapping[int, LearnerAnswers] = field(default_factory=dict)


# Answers that count, up to the last of the days. What nobody in particular answers counts where the poll is
# anonymous; elsewhere it may be a repetition.
_POLLING = f"""
WITH {STUDENTS},
counted AS NOT MATERIALIZED (
    SELECT answer.poll_id, student.learner_id AS student_id, poll.anonymous, answer.first_correct,
           answer.latest_correct, answer.latest_at,
           CASE WHEN answer.latest_correct = false THEN answer.latest_response END AS wrong
    FROM analytics_pollanswer answer
    JOIN analytics_poll poll ON poll.id = answer.poll_id
    JOIN analytics_media media ON media.id = poll.media_id AND media.section_id = answer.section_id
    {OF_THESE.format("answer")}
      AND answer.section_id = ANY(%(sections)s) AND answer.first_at < %(ends_at)s
      AND (answer.learner_id IS NOT NULL OR poll.anonymous)
),
asked AS (
    SELECT poll_id FROM counted WHERE latest_at >= %(starts_at)s
  UNION
    SELECT poll.id FROM analytics_poll poll JOIN analytics_media media ON media.id = poll.media_id
    WHERE media.section_id = ANY(%(sections)s)
      AND media.published_at >= %(starts_at)s AND media.published_at < %(published_until)s
)
SELECT GROUPING(poll_id), poll_id,
       CASE WHEN NOT anonymous THEN student_id END AS learner_id,
       wrong,
       count(*),
       count(student_id),
       count(latest_correct),
       count(*) FILTER (WHERE latest_correct),
       count(first_correct),
       count(*) FILTER (WHERE first_correct),
       max(latest_at) FILTER (WHERE latest_at >= %(starts_at)s)
FROM counted JOIN asked USING (poll_id)
GROUP BY GROUPING SETS (
    (poll_id, wrong),
    (CASE WHEN NOT anonymous THEN student_id END)
)
"""  # noqa: S608 - constants


def polling(selection: Selection) -> Polling:
    """One query."""
    with reading() as cursor:
        cursor.execute(_POLLING, selection.parameters)
        rows = cursor.fetchall()
    polls: dict[int, PollAnswers] = defaultdict(PollAnswers)
    students: dict[int, LearnerAnswers] = {}
    for by_learner, poll_id, learner_id, wrong, answers, of_students, *sums, last_at in rows:
        graded, correct, first_graded, first_correct = sums
        if by_learner:
            if learner_id is not None:
                students[learner_id] = LearnerAnswers(answers, graded, correct, last_at)
            continue
        poll = polls[poll_id]
        poll.answers += answers
        poll.students += of_students
        poll.graded += graded
        poll.correct += correct
        poll.first_graded += first_graded
        poll.first_correct += first_correct
        if wrong is not None:
            poll.wrong[wrong] = answers
    return Polling(dict(polls), students)
