"""Answers to polls: what may be said, how often, until when, and what is stored of it.

Of an anonymous answer nothing is stored that says whose it is: it names nobody, is a batch of its own, and keeps
the hour only. So nothing here can count the answers of one person to an anonymous poll; the caller says how many
their browser remembers (views/watch.py).
"""

from __future__ import annotations

import datetime
import decimal
import hmac
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from .access import known_learner
from .identities import learner_of, mailto
from .ingest import store_statements
from .models import AnswerEvent, EventSource, Identity, Poll, PollAnswer, Statement, StatementVoid

if TYPE_CHECKING:
    from accounts.models import User

    from .models import Media

ANSWERED = "http://adlnet.gov/expapi/verbs/answered"
INTERACTION = "http://adlnet.gov/expapi/activities/cmi.interaction"
INTERACTIONS = {
    Poll.Kind.ONE: "choice",
    Poll.Kind.SEVERAL: "choice",
    Poll.Kind.TRUE_FALSE: "true-false",
    Poll.Kind.NUMERIC: "numeric",
    Poll.Kind.SHORT: "fill-in",
    Poll.Kind.OPEN: "long-fill-in",
}
LONGEST = {Poll.Kind.NUMERIC: 40, Poll.Kind.SHORT: 500, Poll.Kind.OPEN: 10_000}


class Refused(Exception):
    """Why an answer does not count, as a sentence."""


def actor_of(user: User) -> dict[str, Any]:
    return {"objectType": "Agent", "mbox": mailto(user.email)}


def nobody() -> dict[str, Any]:
    return {"objectType": "Agent", "account": {"homePage": settings.SITE_URL, "name": "anonymous"}}


# --- What may be said -----------------------------------------------------------------------------------
def response_of(poll: Poll, given: Sequence[str]) -> str:
    """What was entered, as xAPI writes it. Raises Refused."""
    if poll.kind == Poll.Kind.SEVERAL:
        known = [choice["id"] for choice in poll.choices]
        if not given or not set(given) <= set(known):
            raise Refused("Choose at least one of the answers.")
        return "[,]".join(one for one in known if one in given)
    text = given[0].strip() if len(given) == 1 else ""
    if poll.kind == Poll.Kind.ONE and text not in [choice["id"] for choice in poll.choices]:
        raise Refused("Choose one of the answers.")
    if poll.kind == Poll.Kind.TRUE_FALSE and text not in ("true", "false"):
        raise Refused("Choose true or false.")
    if poll.kind in LONGEST:
        return _written(poll, text)
    return text


def _written(poll: Poll, text: str) -> str:
    longest = LONGEST[Poll.Kind(poll.kind)]
    if not text:
        raise Refused("Write an answer.")
    if len(text) > longest or "\0" in text:
        raise Refused(f"Write at most {longest:,} characters.")
    if poll.kind != Poll.Kind.NUMERIC:
        return text
    try:
        number = decimal.Decimal(text.replace(",", "."))
    except decimal.InvalidOperation:
        number = decimal.Decimal("NaN")
    if not number.is_finite():
        raise Refused("Write a number, such as 4 or 4.5.")
    return text.replace(",", ".")


def refusal(poll: Poll, used: int) -> str:
    """Why no answer is taken any more; empty while one is."""
    if not poll.is_open:
        return "This question is closed. Answers are no longer taken."
    if poll.attempts and used >= poll.attempts:
        return "You have answered this question." if poll.attempts == 1 else "You have used all your attempts."
    return ""


# Without a connection an answer waits in the browser.
KEPT_BY_BROWSERS = datetime.timedelta(days=1)


# --- What was said --------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Answered:
    """How often one person has answered a poll, and what they said last."""

    times: int
    response: str
    right: bool | None
    at: datetime.datetime


def answers_of(user: User, polls: Sequence[Poll]) -> dict[int, Answered]:
    """By poll. Of anonymous polls there are none.

    From the events, which know what was said a moment ago. They are dropped some day; then the figures know.
    """
    learner = known_learner(user)
    by_activity = {poll.activity_id: poll.pk for poll in polls if not poll.anonymous}
    if learner is None or not by_activity:
        return {}
    counted = PollAnswer.objects.filter(poll_id__in=by_activity.values(), learner_id=learner)
    found = {
        one.poll_id: Answered(one.attempts, one.latest_response, one.latest_correct, one.latest_at)
        for one in counted
    }
    identities = Identity.objects.filter(learner=learner).values("pk")
    events = AnswerEvent.objects.filter(activity_id__in=by_activity, identity_id__in=identities)
    voided = StatementVoid.objects.filter(target__in=events.values("statement_id")).values("target")
    said: dict[int, list[AnswerEvent]] = {}
    for event in events.exclude(statement_id__in=voided).order_by("occurred", "statement_id"):
        said.setdefault(by_activity[event.activity_id], []).append(event)
    for poll, answers in said.items():
        found[poll] = Answered(len(answers), answers[-1].response, answers[-1].success, answers[-1].occurred)
    return found


def answer(
    poll: Poll,
    user: User,
    given: Sequence[str],
    *,
    key: uuid.UUID,
    used: int = 0,
    occurred: datetime.datetime | None = None,
) -> bool:
    """Stores an answer; False if it was stored before under this key. Raises Refused.

    `used`: for an anonymous poll, how many answers the browser remembers.
    """
    key = _unlinked(key) if poll.anonymous else key
    with transaction.atomic():
        if not poll.anonymous:
            _one_at_a_time(poll, learner_of(user).pk)
        if Statement.objects.filter(pk=key).exists():
            return False
        if not poll.anonymous:
            before = answers_of(user, [poll]).get(poll.pk)
            used = before.times if before else 0
            occurred = _believed(occurred, after=before.at if before else None)
        reason = refusal(poll, used)
        if reason:
            raise Refused(reason)
        response = response_of(poll, given)
        statement = _statement(poll, response, key=key, user=user, occurred=occurred or timezone.now())
        store_statements(EventSource.of_the_player(), [statement])
    return True


def _believed(occurred: datetime.datetime | None, *, after: datetime.datetime | None) -> datetime.datetime:
    """A browser's word, within a day; never before an earlier answer, which would cease to be the first."""
    now = timezone.now()
    found = occurred if occurred is not None and now - KEPT_BY_BROWSERS <= occurred <= now else now
    return max(found, after + datetime.timedelta(milliseconds=1)) if after else found


def _one_at_a_time(poll: Poll, learner: int) -> None:
    """Two answers of one person in the same moment are two attempts; other people do not wait for them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [poll.pk, learner])


def _unlinked(key: uuid.UUID) -> uuid.UUID:
    """Another key, always the same one, which nobody can find from the first: that one is known to a browser."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), b"anonymous answer" + key.bytes, "sha256")
    return uuid.UUID(bytes=digest[:16], version=4)


def _statement(
    poll: Poll, response: str, *, key: uuid.UUID, user: User, occurred: datetime.datetime
) -> dict[str, Any]:
    if poll.anonymous:
        occurred = timezone.now().replace(minute=0, second=0, microsecond=0)
    right = poll.grade(response)
    result = {"response": response} | ({} if right is None else {"success": right})
    return {
        "id": str(key),
        "actor": nobody() if poll.anonymous else actor_of(user),
        "verb": {"id": ANSWERED},
        "object": {"objectType": "Activity", "id": poll.activity.iri, "definition": _definition(poll)},
        "result": result,
        "context": {"contextActivities": {"parent": [{"id": poll.media.activity.iri}]}},
        "timestamp": occurred.astimezone(datetime.UTC).isoformat(timespec="milliseconds"),
    }


def _definition(poll: Poll) -> dict[str, Any]:
    definition: dict[str, Any] = {
        "type": INTERACTION,
        "interactionType": INTERACTIONS[Poll.Kind(poll.kind)],
        "description": {"en": poll.question},
    }
    if poll.kind in (Poll.Kind.ONE, Poll.Kind.SEVERAL):
        definition["choices"] = [{"id": one["id"], "description": {"en": one["text"]}} for one in poll.choices]
    if poll.is_graded:
        definition["correctResponsesPattern"] = poll.correct
    return definition


def polls_of(media: Media) -> list[Poll]:
    """Those asked here. What other systems ask in the same media is known by its answers only."""
    polls = [one for one in media.polls.select_related("activity").order_by("at_seconds", "pk") if one.is_ours]
    for poll in polls:
        poll.media = media
    return polls
