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


# Those whose media was published in these days, and those that somebody answered in them.
ASKED = """
asked AS (
    SELECT poll.id, poll.anonymous, media.section_id
    FROM analytics_poll poll
    JOIN analytics_media media ON media.id = poll.media_id
    WHERE media.section_id = ANY(%(sections)s) AND (
        media.published_at >= %(starts_at)s AND media.published_at < %(published_until)s
        OR EXISTS (
            SELECT FROM analytics_pollanswer given
            WHERE given.section_id = media.section_id AND given.poll_id = poll.id
              AND given.first_at < %(ends_at)s AND given.latest_at >= %(starts_at)s
        )
    )
)"""
# What nobody in particular answers counts where the poll is anonymous; elsewhere it may be a repetition.
_POLLING = f"""
WITH {STUDENTS}, {ASKED}
SELECT GROUPING(answer.poll_id), answer.poll_id,
       CASE WHEN NOT poll.anonymous THEN student.learner_id END AS learner_id,
       CASE WHEN answer.latest_correct = false THEN answer.latest_response END AS wrong,
       count(*),
       count(student.learner_id),
       count(answer.latest_correct),
       count(*) FILTER (WHERE answer.latest_correct),
       count(answer.first_correct),
       count(*) FILTER (WHERE answer.first_correct),
       max(answer.latest_at) FILTER (WHERE answer.latest_at >= %(starts_at)s)
FROM analytics_pollanswer answer
JOIN asked poll ON poll.id = answer.poll_id AND poll.section_id = answer.section_id
{OF_THESE.format("answer")}
  AND answer.section_id = ANY(%(sections)s) AND answer.first_at < %(ends_at)s
  AND (answer.learner_id IS NOT NULL OR poll.anonymous)
GROUP BY GROUPING SETS (
    (answer.poll_id, CASE WHEN answer.latest_correct = false THEN answer.latest_response END),
    (CASE WHEN NOT poll.anonymous THEN student.learner_id END)
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
