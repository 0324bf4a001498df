"""Erasing a person takes them out of everything, and nobody else."""

from __future__ import annotations

import json
import uuid
import zlib
from typing import Any

import pytest

from analytics import erasure, folding, identities
from analytics.models import (
    AnswerEvent,
    Erasure,
    Identity,
    Learner,
    PollAnswer,
    Statement,
    StatementBatch,
    ViewEvent,
    ViewSession,
    ViewUser,
    ViewUserDay,
)
from tests.support import timetable, viewing
from tests.support.viewing import NOON

pytestmark = pytest.mark.django_db
FIGURES = (ViewSession, ViewUser, ViewUserDay, PollAnswer)


def whose() -> list[set[Any]]:
    return [set(model.objects.values_list("learner_id", flat=True)) for model in FIGURES]


def bodies() -> list[Any]:
    found = StatementBatch.objects.order_by("id").values_list("body", flat=True)
    return [json.loads(zlib.decompress(bytes(body))) for body in found]


@pytest.fixture
def two(db):
    """Two students, each with a view and an answer, sent in the same requests."""
    section = timetable.section()
    lecture = viewing.media(section)
    question = viewing.poll(lecture)
    people = [viewing.student(section), viewing.student(section)]
    for number in range(2):
        batch = []
        for person in people:
            identity = person.identities.order_by("pk")[0].pk
            event = viewing.events_of(lecture, (0, 60))[number]
            batch.append(event | {"identity_id": identity, "statement": {"actor": person.name}})
        viewing.store(batch)
    for person in people:
        viewing.answered(question, person, "a")
    for model in (ViewEvent, AnswerEvent):
        for statement, actor in model.objects.values_list("statement_id", "identity_id"):
            Statement.objects.filter(pk=statement).update(actor_id=actor)
    folding.fold_all()
    return people


def test_nothing_of_the_person_is_left_and_everything_of_the_other(two, admin):
    leaving, staying = two
    keys = set(leaving.identities.values_list("pk", flat=True))

    done = erasure.erase(leaving, by=admin)

    assert whose() == [{staying.pk}] * 4
    assert not Learner.objects.filter(pk=leaving.pk).exists()
    assert not Identity.objects.filter(pk__in=keys).exists()
    for model in (ViewEvent, AnswerEvent):
        assert not keys & set(model.objects.values_list("identity_id", flat=True))
    assert bodies()[:2] == [[None, {"actor": staying.name}]] * 2
    assert (done.statements, done.erased_by) == (3, admin)
    assert leaving.name not in str(Erasure.objects.values())


def test_figures_built_anew_afterwards_are_the_same(two):
    erasure.erase(two[0], by=None)
    before = list(ViewUser.objects.values_list("learner_id", "views", "seconds"))
    folding.rebuild()

    assert list(ViewUser.objects.values_list("learner_id", "views", "seconds")) == before


def test_somebody_still_on_a_roster_is_met_again_without_a_past(two):
    name = two[0].name
    erasure.erase(two[0], by=None)
    identities.match_rosters()

    again = Learner.objects.get(name=name)
    assert not ViewUser.objects.filter(learner_id=again.pk).exists()


def test_the_ids_of_erased_statements_stay_known(two):
    erasure.erase(two[0], by=None)

    erased = Statement.objects.filter(actor_id=None)
    assert erased.count() == 3
    assert {one.erased for one in erased} == {True}


def test_events_that_are_not_folded_yet_go_as_well(two):
    lecture = viewing.media()
    viewing.store(viewing.events_of(lecture, (0, 30), at=NOON), two[0])
    erasure.erase(two[0], by=None)
    folding.fold_all()

    assert not ViewSession.objects.filter(media_id=lecture.pk).exists()


def test_a_statement_in_a_dropped_month_does_no_harm(two):
    StatementBatch.objects.all().delete()

    assert erasure.erase(two[0], by=None).statements == 3
    assert uuid.UUID(int=0) not in set(Statement.objects.values_list("pk", flat=True))
