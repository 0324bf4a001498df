"""Statements given back: what a question costs, and what it finds (xAPI 1.0.3, part 3 §2.1.3)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analytics import retrieval
from analytics.models import Statement, StatementBatch
from analytics.statements import VOIDED
from tests.support.xapi import Sender, account, credentials, statement

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender(client) -> Sender:
    return Sender(client, credentials()[1])


def content(answer: Any) -> Any:
    return json.loads(answer.content)


def walked(sender: Sender, **given: Any) -> list[list[str]]:
    """The ids of each page, up to the last one."""
    answer = content(sender.get(**given))
    pages = [[one["id"] for one in answer["statements"]]]
    while answer["more"]:
        answer = content(sender.client.get(answer["more"], headers=sender._headers()))
        pages.append([one["id"] for one in answer["statements"]])
    return pages


# --- How many -------------------------------------------------------------------------------------------
@pytest.mark.parametrize("given", [{}, {"limit": "0"}, {"limit": "501"}, {"limit": "999999999"}])
def test_as_many_as_there_can_be(sender, given):
    sender.post([statement() for _ in range(501)])
    assert [len(page) for page in walked(sender, **given)] == [500, 1]


def test_no_more_than_asked_for(sender):
    sender.post([statement() for _ in range(3)])
    assert [len(page) for page in walked(sender, limit="2")] == [2, 1]


# --- What it costs --------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "given",
    [
        {"verb": "https://e.org/unknown"},
        {"activity": "https://e.org/unknown"},
        {"activity": "https://e.org/unknown", "related_activities": "true"},
        {"agent": json.dumps(account("unknown"))},
        {"agent": json.dumps(account("unknown")), "related_agents": "true"},
    ],
)
def test_for_what_was_never_heard_of_no_statement_is_looked_at(sender, given):
    sender.post(statement())
    with CaptureQueriesContext(connection) as asked:
        assert sender.found(**given) == []
    assert not [one for one in asked.captured_queries if Statement._meta.db_table in one["sql"]]


def test_what_is_wrong_beside_something_unknown_is_still_told(sender):
    assert sender.get(verb="https://e.org/unknown", since="yesterday").status_code == 400


@pytest.mark.parametrize("ascending", ["false", "true"])
def test_a_page_ends_before_too_much_is_opened(sender, monkeypatch, ascending):
    """Five requests of two statements each; three of them are opened for a page."""
    told = [statement() for _ in range(10)]
    for first in range(0, 10, 2):
        sender.post(told[first : first + 2])
    size = len(json.dumps(told[:2], separators=(",", ":")))
    monkeypatch.setattr(retrieval, "MOST_OPENED", int(size * 2.5))
    pages = walked(sender, ascending=ascending)
    ids = [one["id"] for one in told]
    assert [one for page in pages for one in page] == (ids if ascending == "true" else ids[::-1])
    assert [len(page) for page in pages] == [6, 4]


def test_of_a_dropped_month_nothing_is_given(sender):
    first, second = statement(), statement()
    sender.post(first)
    sender.post(second)
    StatementBatch.objects.order_by("id")[0].delete()
    assert walked(sender, limit="1") == [[second["id"]], []]
    assert sender.get(statementId=first["id"]).status_code == 404


# --- About whom -----------------------------------------------------------------------------------------
ADA, BOB = account("ada"), account("bob")
GROUP = {"objectType": "Group", "member": [BOB, ADA]}
NAMED = GROUP | account("team")
VOIDING = {"id": "http://adlnet.gov/expapi/verbs/voided"}
REFERENCE = {"objectType": "StatementRef", "id": "7c3a1b52-3b0f-4d0e-9f39-0a8f2f5c7a11"}


@pytest.mark.parametrize(
    ("parts", "is_about"),
    [
        ({"actor": ADA}, True),
        ({"actor": GROUP}, True),
        ({"actor": NAMED}, True),
        ({"actor": BOB, "object": {"objectType": "Agent", **ADA}}, True),
        ({"actor": BOB, "object": NAMED}, True),
        ({"actor": BOB}, False),
        ({"actor": BOB, "context": {"instructor": ADA}}, False),
        ({"actor": BOB, "context": {"team": GROUP}}, False),
        ({"actor": NAMED | {"member": [BOB]}, "context": {"instructor": ADA}}, False),
        ({"actor": BOB, "object": {"objectType": "Agent", **account("eve")}, "context": {"team": GROUP}}, False),
        ({"actor": BOB, "verb": VOIDING, "object": REFERENCE, "context": {"instructor": ADA}}, False),
        ({"actor": BOB, "object": statement(objectType="SubStatement", actor=ADA, id=None)}, False),
    ],
)
def test_a_statement_is_about_its_actor_and_object_and_the_members_of_these(sender, parts, is_about):
    told = statement(**parts)
    assert sender.post(told).status_code == 200
    # So that ada is known in any case.
    sender.post(statement(actor=BOB, object={"id": "https://e.org/a"}, context={"instructor": ADA}))
    assert sender.found(agent=json.dumps(ADA)) == ([told["id"]] if is_about else [])


def test_a_group_is_found_by_its_name(sender):
    told = statement(actor=NAMED)
    sender.post(told)
    assert sender.found(agent=json.dumps({"objectType": "Group", **account("team")})) == [told["id"]]
    assert sender.found(agent=json.dumps(account("team"))) == []


@pytest.mark.parametrize("ascending", ["false", "true"])
def test_pages_of_those_about_somebody_leave_out_none_and_have_none_twice(sender, ascending):
    """Every third is about ada; the others mention her."""
    eve = {"objectType": "Agent", **account("eve")}
    other = {"actor": BOB, "object": eve, "context": {"instructor": ADA}}
    told = [statement(actor=ADA) if number % 3 == 0 else statement(**other) for number in range(20)]
    for first in range(0, 20, 5):
        sender.post(told[first : first + 5])
    wanted = [one["id"] for one in told[::3]]
    for limit in ("1", "2", "500"):
        pages = walked(sender, agent=json.dumps(ADA), limit=limit, ascending=ascending)
        assert [one for page in pages for one in page] == (wanted if ascending == "true" else wanted[::-1])
        assert max(len(page) for page in pages) <= int(limit)


# --- Statements about statements ------------------------------------------------------------------------
def about(key: str, **parts: Any) -> dict[str, Any]:
    return statement(object={"objectType": "StatementRef", "id": key}, **parts)


def test_a_statement_about_one_that_is_found_is_found_too(sender):
    told = statement(actor=ADA, verb={"id": "https://e.org/rare"})
    comment = about(told["id"], actor=BOB)
    of_it = about(comment["id"], actor=BOB)
    sender.post([told, statement(actor=BOB), comment, of_it])

    wanted = [of_it["id"], comment["id"], told["id"]]
    assert sender.found(verb="https://e.org/rare") == wanted
    assert sender.found(agent=json.dumps(ADA)) == wanted
    assert sender.found(verb="https://e.org/rare", limit="1") == wanted[:1]


def test_of_a_voided_statement_those_about_it_are_found(sender):
    told = statement(verb={"id": "https://e.org/rare"})
    voiding = about(told["id"], verb={"id": VOIDED})
    comment = about(told["id"])
    sender.post([told])
    sender.post([voiding])
    sender.post([comment])

    assert sender.found(verb="https://e.org/rare") == [comment["id"], voiding["id"]]


def test_statements_about_each_other_end_nothing(sender):
    first, second = statement(), statement()
    first["object"] = {"objectType": "StatementRef", "id": second["id"]}
    second["object"] = {"objectType": "StatementRef", "id": first["id"]}
    sender.post([first, second])

    assert sender.found(activity="https://media.example.edu/page") == []


def test_a_list_of_activities_is_a_list_also_inside(sender):
    inner = {name: value for name, value in statement().items() if name != "id"}
    alone = {"contextActivities": {"parent": {"id": "https://e.org/p"}}}
    told = statement(object=inner | {"objectType": "SubStatement", "context": alone}, context=alone)
    sender.post(told)

    found = json.loads(sender.get(statementId=told["id"]).content)
    for one in (found, found["object"]):
        assert [parent["id"] for parent in one["context"]["contextActivities"]["parent"]] == ["https://e.org/p"]
