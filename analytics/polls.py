"""What the watch page shows of polls: the question, one's own answer, and how others answered if that is due."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db.models import Case, Count, When

from .answering import answers_of, refusal
from .figures.tab import clock, in_words
from .models import Poll, PollAnswer

if TYPE_CHECKING:
    from accounts.models import User

# With fewer answers, whoever knows some of them could tell who gave the others.
FEWEST = 5
CHOSEN = (Poll.Kind.ONE, Poll.Kind.SEVERAL, Poll.Kind.TRUE_FALSE)


@dataclass(frozen=True)
class Bar:
    text: str
    count: int
    percent: int
    own: bool


@dataclass(frozen=True)
class Tally:
    """How many answered, and what. Words of others are shown to nobody but instructors: then `bars` is empty."""

    answers: int
    bars: list[Bar]
    percent_right: int | None


@dataclass
class ShownPoll:
    poll: Poll
    used: int
    # Why no answer is taken any more.
    refusal: str
    # For the next answer; sent twice, it counts once.
    key: uuid.UUID = field(default_factory=uuid.uuid4)
    own: str = ""
    own_parts: Sequence[str] = ()
    right: bool | None = None
    tally: Tally | None = None
    too_few: bool = False
    # What was wrong with the answer just given, and what it was.
    error: str = ""
    given: Sequence[str] = ()

    @property
    def options(self) -> list[tuple[str, str, bool]]:
        """Value, text, and whether it was just chosen."""
        return [(value, text, value in self.given) for value, text in options(self.poll)]

    @property
    def is_long(self) -> bool:
        return self.poll.kind == Poll.Kind.OPEN

    @property
    def left(self) -> int | None:
        return max(self.poll.attempts - self.used, 0) if self.poll.attempts else None

    @property
    def moment(self) -> str:
        return clock(self.poll.at_seconds) if self.poll.at_seconds is not None else ""


def options(poll: Poll) -> list[tuple[str, str]]:
    if poll.kind == Poll.Kind.TRUE_FALSE:
        return [("true", "True"), ("false", "False")]
    return [(choice["id"], choice["text"]) for choice in poll.choices] if poll.kind in CHOSEN else []


def _parts(poll: Poll, response: str) -> list[str]:
    return response.split("[,]") if poll.kind == Poll.Kind.SEVERAL else [response]


def shown(polls: Sequence[Poll], user: User, remembered: Mapping[int, int]) -> list[ShownPoll]:
    """`remembered`: how many answers to anonymous polls the browser remembers."""
    own = answers_of(user, polls)
    found = []
    for poll in polls:
        answered = own.get(poll.pk)
        used = remembered.get(poll.pk, 0) if poll.anonymous else answered.times if answered else 0
        one = ShownPoll(poll, used, refusal(poll, used))
        if answered and _results_are_due(one):
            one.own_parts = _parts(poll, answered.response)
            one.own, one.right = in_words(poll, answered.response), answered.right
        found.append(one)
    _add_tallies([one for one in found if _tally_is_due(one)])
    return found


def _results_are_due(one: ShownPoll) -> bool:
    return one.poll.shows_results(answered=one.used > 0)


def _tally_is_due(one: ShownPoll) -> bool:
    """What others answered would help with a next attempt."""
    return _results_are_due(one) and (bool(one.refusal) or one.right is not False)


def _add_tallies(due: list[ShownPoll]) -> None:
    """By the latest answer of each person; up to a minute old, as all figures are.

    What nobody in particular answers counts where the poll is anonymous, as on the pages of instructors.
    """
    counted = (
        PollAnswer.objects.filter(poll_id__in=[one.poll.pk for one in due])
        .exclude(learner_id=None, poll_id__in=[one.poll.pk for one in due if not one.poll.anonymous])
        .annotate(said=Case(When(poll_id__in=[one.poll.pk for one in due if one.options], then="latest_response")))
        .values_list("poll_id", "said", "latest_correct")
        .annotate(Count("pk"))
    )
    said: dict[int, list[tuple[str | None, bool | None, int]]] = {}
    for poll, response, right, count in counted.order_by():
        said.setdefault(poll, []).append((response, right, count))
    for one in due:
        answers = said.get(one.poll.pk, [])
        one.too_few = sum(count for _, _, count in answers) < FEWEST
        if not one.too_few:
            one.tally = _tally(one, answers)


def _tally(one: ShownPoll, answers: list[tuple[str | None, bool | None, int]]) -> Tally:
    chosen: Counter[str] = Counter()
    for response, _, count in answers:
        for part in set(_parts(one.poll, response or "")):
            chosen[part] += count
    total = sum(count for _, _, count in answers)
    bars = [
        Bar(text, chosen[value], round(100 * chosen[value] / total), value in one.own_parts)
        for value, text in options(one.poll)
    ]
    graded = sum(count for _, right, count in answers if right is not None)
    right = sum(count for _, right, count in answers if right)
    percent = round(100 * right / graded) if graded and one.poll.is_graded else None
    return Tally(total, bars, percent)
