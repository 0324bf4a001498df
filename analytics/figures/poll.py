"""One poll: what was answered, first and at last, and by whom. Over all time, as the roster is today."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from analytics.enrolment import STUDENTS, Student, students_of
from analytics.models import Poll

from . import tab
from .definitions import Part
from .media import Missing, missing_of
from .selection import Selection, today
from .viewing import reading

Kind = Poll.Kind
# Of answers that people write themselves, so many different ones are counted.
MOST_ANSWERS = 100


@dataclass(frozen=True)
class Given:
    """Fields as in `definitions.GIVEN`: what one person answered. `latest` and `first` in words."""

    learner_id: int | None
    name: str
    email: str
    attempts: int
    first: str
    latest: str
    correct: str
    at: datetime.datetime


@dataclass(frozen=True)
class Choice:
    """Fields as in `definitions.CHOICES`. `is_key`: "Yes" for a right answer."""

    answer: str
    is_key: str
    first: Part
    latest: Part


@dataclass(frozen=True)
class PollFigures:
    """`answered`: None if nobody can know; `first_correct`, `correct`: None if it is not graded."""

    answers: int
    answered: Part | None
    first_correct: Part | None
    correct: Part | None
    choices: list[Choice]
    given: list[Given]
    missing: list[Missing]


@dataclass(frozen=True)
class _Row:
    learner_id: int | None
    name: str
    email: str
    is_student: bool
    attempts: int
    first: str
    first_correct: bool | None
    latest: str
    latest_correct: bool | None
    at: datetime.datetime


def poll_figures(poll: Poll, *, students_only: bool) -> PollFigures:
    """Two queries. Of an anonymous poll nothing says who answered."""
    selection = Selection((poll.media.section_id,), None, today(), students_only)
    students = students_of(selection.sections)
    rows = _rows(poll, selection)
    answerers = {row.learner_id for row in rows}
    graded = [row for row in rows if row.latest_correct is not None]
    first_graded = [row for row in rows if row.first_correct is not None]
    return PollFigures(
        answers=len(rows),
        answered=None if poll.anonymous else Part(sum(row.is_student for row in rows), len(students)),
        first_correct=Part(sum(bool(row.first_correct) for row in first_graded), len(first_graded))
        if first_graded or poll.is_graded
        else None,
        correct=Part(sum(bool(row.latest_correct) for row in graded), len(graded))
        if graded or poll.is_graded
        else None,
        choices=[] if poll.kind == Kind.OPEN else _choices(poll, rows),
        given=[_given(poll, row) for row in rows],
        missing=[] if poll.anonymous else missing_of(students, answerers),
    )


# What nobody in particular answers counts where the poll is anonymous; elsewhere it may be a repetition.
_ROWS = f"""
WITH {STUDENTS}
SELECT answer.learner_id, coalesce(learner.name, ''), coalesce(learner.email, ''), student.learner_id IS NOT NULL,
       answer.attempts, answer.first_response, answer.first_correct, answer.latest_response, answer.latest_correct,
       answer.latest_at
FROM analytics_pollanswer answer
LEFT JOIN analytics_learner learner ON learner.id = answer.learner_id
LEFT JOIN student ON student.section_id = answer.section_id AND student.learner_id = answer.learner_id
WHERE answer.section_id = ANY(%(sections)s) AND answer.poll_id = %(poll)s
  AND (answer.learner_id IS NOT NULL OR %(anonymous)s)
  AND (NOT %(students_only)s OR student.learner_id IS NOT NULL OR answer.learner_id IS NULL)
ORDER BY answer.latest_at, answer.first_statement
"""  # noqa: S608 - constants


def _rows(poll: Poll, selection: Selection) -> list[_Row]:
    with reading() as cursor:
        cursor.execute(_ROWS, selection.parameters | {"poll": poll.pk, "anonymous": poll.anonymous})
        return [_Row(*row) for row in cursor.fetchall()]


def _given(poll: Poll, row: _Row) -> Given:
    is_known = row.learner_id is not None and not poll.anonymous
    correct = {True: "Yes", False: "No", None: "Not graded"}[row.latest_correct]
    return Given(
        learner_id=row.learner_id if is_known else None,
        name=tab.name_of(Student(row.learner_id or 0, row.name, row.email, ())) if is_known else "",
        email=row.email if is_known else "",
        attempts=row.attempts,
        first=tab.in_words(poll, row.first),
        latest=tab.in_words(poll, row.latest),
        correct=correct,
        at=row.at,
    )


# --- Distribution ---------------------------------------------------------------------------------------
def _choices(poll: Poll, rows: Sequence[_Row]) -> list[Choice]:
    """Every choice there is, also those nobody took; of written answers those that were given, often given first.

    Where several can be chosen, the shares add up to more than all.
    """
    first = Counter(part for row in rows for part in _parts(poll, row.first))
    latest = Counter(part for row in rows for part in _parts(poll, row.latest))
    offered = _offered(poll)
    strange = sorted((set(first) | set(latest)) - set(offered), key=lambda one: (-latest[one], -first[one], one))
    return [
        Choice(
            answer=tab.in_words(poll, one) if poll.kind != Kind.SEVERAL else _word(poll, one),
            is_key="Yes" if _is_key(poll, one) else "",
            first=Part(first[one], len(rows)),
            latest=Part(latest[one], len(rows)),
        )
        for one in [*offered, *strange[:MOST_ANSWERS]]
    ]


def _offered(poll: Poll) -> list[str]:
    if poll.kind == Kind.TRUE_FALSE:
        return ["true", "false"]
    return [choice["id"] for choice in poll.choices]


def _parts(poll: Poll, response: str) -> list[str]:
    if poll.kind == Kind.SEVERAL:
        return sorted(set(response.split("[,]")))
    if poll.kind == Kind.SHORT:
        return [" ".join(response.split()).casefold()]
    return [response]


def _word(poll: Poll, choice: str) -> str:
    return next((one["text"] for one in poll.choices if one["id"] == choice), choice)


def _is_key(poll: Poll, answer: str) -> bool:
    if poll.kind == Kind.SEVERAL:
        return any(answer in pattern.split("[,]") for pattern in poll.correct)
    return bool(poll.grade(answer))
