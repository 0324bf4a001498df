"""Several clients write one document in the same moment: exactly one of those who expected the same wins."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connections, transaction

from analytics import documents, erasure
from analytics.documents import Changed, Conditions, Place, Sent
from analytics.models import Document, Learner
from analytics.statements import Person
from tests.support.threads import wait_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)
PLACE = Place("https://media.example.edu/lecture", Person("mbox", "ada@example.edu"))
NEW = Conditions(none_match=["*"])


def json(text: str) -> Sent:
    return Sent(text.encode(), "application/json")


def content() -> str:
    return bytes(documents.one(PLACE, "a").content).decode()


def in_a_thread(outcome: list[Any], action: Any, *arguments: Any) -> threading.Thread:
    def run() -> None:
        try:
            outcome.append(action(PLACE, "a", *arguments))
        except Changed as changed:
            outcome.append(type(changed))
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@pytest.fixture(autouse=True)
def known() -> None:
    """Person and activity: who is new is waited for before any document is."""
    documents.put(PLACE, "other", json("0"), Conditions())


def test_who_comes_second_with_a_tag_meets_what_the_first_has_made_of_it():
    documents.put(PLACE, "a", json("0"), NEW)
    conditions = Conditions(match=[documents.one(PLACE, "a").etag])
    for action, *sent in ((documents.put, json("2")), (documents.post, json('{"b": 2}')), (documents.delete,)):
        outcome: list[Any] = []
        with transaction.atomic():
            documents.put(PLACE, "a", json("1"), Conditions(match=conditions.match))
            other = in_a_thread(outcome, action, *sent, conditions)
            wait_for_a_lock(other)
        other.join(timeout=30)

        assert outcome == [Changed]
        assert content() == "1"
        documents.put(PLACE, "a", json("0"), Conditions())


def test_of_two_that_expect_nothing_the_second_finds_something():
    outcome: list[Any] = []
    with transaction.atomic():
        documents.put(PLACE, "a", json("1"), NEW)
        other = in_a_thread(outcome, documents.put, json("2"), NEW)
        wait_for_a_lock(other)
    other.join(timeout=30)

    assert outcome == [Changed]
    assert content() == "1"


def test_who_merges_while_it_is_deleted_begins_anew():
    documents.put(PLACE, "a", json('{"a": 1}'), NEW)
    outcome: list[Any] = []
    with transaction.atomic():
        documents.delete(PLACE, "a", Conditions())
        other = in_a_thread(outcome, documents.post, json('{"b": 2}'), Conditions())
        wait_for_a_lock(other)
    other.join(timeout=30)

    assert outcome == [None]
    assert content() == '{"b": 2}'


def test_whoever_erases_waits_for_a_document_and_takes_it_along():
    ada = Learner.objects.get(email="ada@example.edu")
    outcome: list[Any] = []
    with transaction.atomic():
        documents.put(PLACE, "a", json("1"), NEW)
        other = in_a_thread(outcome, lambda *_: erasure.erase(ada, by=None).statements)
        wait_for_a_lock(other)
    other.join(timeout=30)

    assert outcome == [0]
    assert not Document.objects.exists()


def test_what_eight_clients_merge_at_once_is_all_there():
    outcome: list[Any] = []
    threads = [
        in_a_thread(outcome, documents.post, json(f'{{"{number}":{number}}}'), Conditions()) for number in range(8)
    ]
    for one in threads:
        one.join(timeout=60)

    assert outcome == [None] * 8
    assert sorted(content().strip("{}").split(",")) == [f'"{number}":{number}' for number in range(8)]
