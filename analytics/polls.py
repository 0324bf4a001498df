"""What the watch page shows of polls: the question, one's own answer, and how others answered if that is due."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
    _add_tallies([one for one in found if _results_are_due(one)])
    return found


def _results_are_due(one: ShownPoll) -> bool:
    return one.poll.shows_results(answered=one.used > 0)


def _add_tallies(due: list[ShownPoll]) -> None:
    """By the latest answer of each person; up to a minute old, as all figures are."""
    rows = PollAnswer.objects.filter(poll_id__in=[one.poll.pk for one in due]).values_list(
        "poll_id", "latest_response", "latest_correct"
    )
    said: dict[int, list[tuple[str, bool | None]]] = {}
    for poll, response, right in rows.iterator():
        said.setdefault(poll, []).append((response, right))
    for one in due:
        answers = said.get(one.poll.pk, [])
        one.too_few = len(answers) < FEWEST
        if not one.too_few:
            one.tally = _tally(one, answers)


def _tally(one: ShownPoll, answers: list[tuple[str, bool | None]]) -> Tally:
    counted = Counter(part for response, _ in answers for part in set(_parts(one.poll, response)))
    bars = [
        Bar(text, counted[value], round(100 * counted[value] / len(answers)), value in one.own_parts)
        for value, text in options(one.poll)
    ]
    graded = [right for _, right in answers if right is not None]
    percent = round(100 * sum(graded) / len(graded)) if graded and one.poll.is_graded else None
    return Tally(len(answers), bars, percent)
