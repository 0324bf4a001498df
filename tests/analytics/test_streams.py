"""A stream of statements as it comes: in any order, repeated, cut anywhere, voided, a person erased meanwhile."""

from __future__ import annotations

import datetime
import itertools
import uuid
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics import erasure, folding, ingest
from analytics.models import EventSource, Learner, Media, PollAnswer, ViewEvent, ViewUser, ViewUserDay
from analytics.statements import ADL, ANSWERED
from tests.support import timetable, viewing
from tests.support.xapi import statement
from tests.support.xapi import viewing as told_viewing

pytestmark = pytest.mark.django_db
rounds = itertools.count(1)
step = st.tuples(
    st.sampled_from(["Ada", "Ben"]),
    st.sampled_from(["played", "played", "paused", "seeked", "answered"]),
    st.integers(0, 3),
    st.integers(0, 60),
    st.integers(0, 9),
)
Steps = list[tuple[str, str, int, int, int]]


def told(steps: Steps, media: Media, poll: Any, began: datetime.datetime) -> list[dict[str, Any]]:
    """Each step of a person, in one of four sittings, at a place, so many seconds after the beginning."""
    found = []
    for number, (who, verb, sitting, place, after) in enumerate(steps):
        moment = began + datetime.timedelta(seconds=after, milliseconds=number)
        actor = {"mbox": f"mailto:{who}.{media.pk}@example.edu"}
        if verb == "answered":
            one = statement(
                verb={"id": ANSWERED},
                object={"id": poll.activity.iri},
                result={"response": "abc"[place % 3]},
                timestamp=moment.isoformat(),
            )
        else:
            session = str(uuid.UUID(int=(media.pk << 32) + sitting))
            places = {"time_from": place, "time_to": 60 - place} if verb == "seeked" else {"time": place}
            one = told_viewing(verb, media.activity.iri, moment, session, **places)
        found.append(one | {"actor": actor})
    return found


def figures(media: Media) -> list[list[Any]]:
    names = {learner.pk: learner.email.partition(".")[0] for learner in Learner.objects.all()}
    seen = ViewUser.objects.filter(media_id=media.pk)
    seen_by_day = ViewUserDay.objects.filter(media_id=media.pk)
    given_ = PollAnswer.objects.filter(poll_id__in=media.polls.values("pk"))
    views = ("learner_id", "views", "views_5", "seconds", "watched_seconds", "first_at", "last_at")
    days = ("learner_id", "day", "views", "views_5", "seconds", "watched_seconds", "last_at")
    answers = ("learner_id", "attempts", "first_response", "latest_response", "first_at", "latest_at")
    return [
        sorted((names.get(learner), *rest) for learner, *rest in rows.values_list(*columns))
        for rows, columns in ((seen, views), (seen_by_day, days), (given_, answers))
    ]


def send(statements: list[dict[str, Any]]) -> None:
    ingest.store_statements(EventSource.of_the_player(), statements)


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), steps=st.lists(step, min_size=1, max_size=14))
def test_what_comes_in_any_way_counts_the_same(data, steps, db):
    section = timetable.section()
    began = timezone.now().replace(microsecond=0) - datetime.timedelta(hours=1)
    plain, mixed = (viewing.media(section, seconds=60) for _ in range(2))
    polls = [viewing.poll(media) for media in (plain, mixed)]

    for one in told(steps, plain, polls[0], began):
        send([one])
        folding.fold_all()
    stream = told(steps, mixed, polls[1], began)
    repeated = data.draw(st.lists(st.sampled_from(stream), max_size=6))
    queue = data.draw(st.permutations([*stream, *repeated]))
    while queue:
        size = data.draw(st.integers(1, len(queue)))
        part = {one["id"]: one for one in queue[:size]}
        send(list(part.values()))
        queue = queue[size:]
        if data.draw(st.booleans()):
            folding.fold_all()
    folding.fold_all()

    assert figures(mixed) == figures(plain)
    assert ViewEvent.objects.filter(activity_id=mixed.activity_id).count() == sum(
        verb != "answered" for _, verb, *_ in steps
    )

    voided = data.draw(st.sampled_from(range(len(steps))))
    target = {"objectType": "StatementRef", "id": stream[voided]["id"]}
    send([statement(verb={"id": f"{ADL}/voided"}, object=target)])
    without = viewing.media(section, seconds=60)
    rest = told(steps, without, viewing.poll(without), began)
    send([one for number, one in enumerate(rest) if number != voided] or [statement()])
    folding.fold_all()
    assert figures(mixed) == figures(without)

    ada = Learner.objects.filter(email=f"ada.{mixed.pk}@example.edu").first()
    if ada is not None:
        erasure.erase(ada, by=None)
        left = figures(mixed)
        assert left == [[row for row in rows if row[0] != "ada"] for rows in figures(without)]
        folding.read_media_anew([mixed])
        assert figures(mixed) == left
