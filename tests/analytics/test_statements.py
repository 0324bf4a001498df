"""What a statement must be, what it says, and which two are the same."""

from __future__ import annotations

import contextlib
import copy
import datetime
import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.playback import Kind
from analytics.statements import ADL, VIDEO, Malformed, Person, Read, meaning, read
from tests.support.xapi import account, statement, viewing

NOON = datetime.datetime(2026, 5, 6, 12, tzinfo=datetime.UTC)
MEDIA = "https://media.example.edu/media/1"


def one(told: dict[str, Any]) -> Read:
    return read(json.dumps(told).encode())[1][0]


INNER = {
    "objectType": "SubStatement",
    "actor": account("inner"),
    "verb": {"id": f"{ADL}/experienced"},
    "object": {"id": MEDIA},
}


def agent(**names: Any) -> dict[str, Any]:
    return {"mbox": "mailto:someone@example.edu"} | names


# --- What is none ---------------------------------------------------------------------------------------
CHOICE = {"interactionType": "choice"}
WRONG = {
    "no actor": (statement(actor=None), "actor"),
    "no verb": (statement(verb=None), "verb"),
    "no object": (statement(object=None), "object"),
    "null": (statement() | {"result": None}, "result"),
    "a word nobody knows": (statement(action="x"), "action"),
    "another case": (statement(Result={}), "Result"),
    "an id that is none": (statement(id="1"), "UUID"),
    "a verb that is no IRI": (statement(verb={"id": "watched"}), "IRI"),
    "an object that is no IRI": (statement(object={"id": "page"}), "IRI"),
    "an IRI with a space": (statement(object={"id": "https://example.edu/a b"}), "IRI"),
    "two names": (statement(actor=agent(openid="https://example.edu/1")), "exactly one"),
    "no name": (statement(actor={"name": "Someone"}), "exactly one"),
    "an address without mailto": (statement(actor={"mbox": "someone@example.edu"}), "mailto:"),
    "a short digest": (statement(actor={"mbox_sha1sum": "abc"}), "SHA-1"),
    "half an account": (statement(actor={"account": {"name": "u-1"}}), "homePage"),
    "an account with NUL": (statement(actor=account("a\0")), "NUL"),
    "a group of nobody": (statement(actor={"objectType": "Group"}), "members"),
    "a group in a group": (
        statement(actor={"objectType": "Group", "member": [{"objectType": "Group", **agent()}]}),
        "objectType",
    ),
    "an unknown kind": (statement(object={"objectType": "activity", "id": MEDIA}), "objectType"),
    "a statement in a statement in a statement": (
        statement(
            object={
                "objectType": "SubStatement",
                **statement(id=None, object={"objectType": "SubStatement", **statement(id=None)}),
            }
        ),
        "objectType",
    ),
    "a statement in a statement with an id": (
        statement(object={"objectType": "SubStatement", **statement()}),
        "id",
    ),
    "voiding an activity": (statement(verb={"id": f"{ADL}/voided"}), "StatementRef"),
    "a score beyond one": (statement(result={"score": {"scaled": 1.5}}), "scaled"),
    "a score beyond its most": (statement(result={"score": {"raw": 5, "max": 4}}), "between"),
    "success in words": (statement(result={"success": "true"}), "success"),
    "a duration in words": (statement(result={"duration": "two hours"}), "PT1H30M"),
    "no relevant types": (
        statement(
            context={"contextAgents": [{"objectType": "contextAgent", "agent": agent(), "relevantTypes": []}]}
        ),
        "relevantTypes",
    ),
    "an authority of one": (statement(authority={"objectType": "Group", "member": [agent()]}), "two members"),
    "an authority with a name": (
        statement(authority={"objectType": "Group", "member": [agent(), account()], **account("x")}),
        "no name",
    ),
    "an inner moment": (
        statement(object=INNER | {"timestamp": "yesterday"}),
        "object.timestamp",
    ),
    "an empty duration": (statement(result={"duration": "PT"}), "PT1H30M"),
    "an extension without an IRI": (statement(result={"extensions": {"time": 1}}), "IRI"),
    "a registration that is none": (statement(context={"registration": "1"}), "UUID"),
    "a team of one": (statement(context={"team": agent()}), "team"),
    "a language that is none": (statement(context={"language": "English (UK)"}), "language tag"),
    "a platform without an activity": (
        statement(object={"objectType": "Agent", **agent()}, context={"platform": "x"}),
        "platform",
    ),
    "a day without a time": (statement(timestamp="2026-05-06"), "timestamp"),
    "a moment that is none": (statement(timestamp="2026-13-06T12:00:00Z"), "timestamp"),
    "a zone that says it is unknown": (statement(timestamp="2026-05-06T12:00:00-00:00"), "timestamp"),
    "an old version": (statement(version="0.9"), "version"),
    "choices of nothing": (statement(object={"id": MEDIA, "definition": {"choices": []}}), "interactionType"),
    "a scale of a choice": (
        statement(object={"id": MEDIA, "definition": {**CHOICE, "scale": [{"id": "a"}]}}),
        "scale",
    ),
    "the same choice twice": (
        statement(object={"id": MEDIA, "definition": {**CHOICE, "choices": [{"id": "a"}, {"id": "a"}]}}),
        "same id",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_its_place(name):
    told, word = WRONG[name]
    with pytest.raises(Malformed, match="Statement 2: ") as error:
        read(json.dumps([statement(), told]).encode())
    assert word in str(error.value)


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b'"x"', b"\xff", b"[" * 100_000, b'{"a":1e999}'])
def test_what_is_no_statement_at_all(body):
    with pytest.raises(Malformed):
        read(body)


def test_one_id_twice_in_a_request():
    told = statement()
    with pytest.raises(Malformed, match="same id"):
        read(json.dumps([told, told]).encode())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=12,
    ),
    st.sampled_from(["id", "actor", "verb", "object", "result", "context", "timestamp", "attachments"]),
)
def test_nothing_but_malformed_is_ever_raised(value, name):
    with contextlib.suppress(Malformed):
        one(statement() | {name: value})


# --- What it says ---------------------------------------------------------------------------------------
def test_who():
    assert one(statement(actor=agent(name="Some One"))).actor == Person(
        "mbox", "someone@example.edu", "", "Some One"
    )
    assert one(statement(actor={"mbox_sha1sum": "AB" * 20})).actor == Person("sha1", "ab" * 20)
    assert one(statement(actor=account("u-7"))).actor == Person("account", "u-7", "https://lms.example.edu")
    assert one(statement(actor={"objectType": "Group", "member": [agent()]})).actor is None


def test_whom_and_what_else_it_names():
    told = statement(
        object={"objectType": "SubStatement", **statement(id=None, actor=account("inner"))},
        context={
            "instructor": account("teacher"),
            "team": {"objectType": "Group", "member": [account("a"), account("b")]},
            "contextActivities": {"parent": {"id": MEDIA}, "other": [{"id": f"{MEDIA}/2"}]},
        },
    )
    found = one(told)
    assert found.target is None
    assert found.activities == ("https://media.example.edu/page", MEDIA, f"{MEDIA}/2")
    assert [person.identifier for person in found.people] == ["u-1", "inner", "teacher", "a", "b"]


def test_what_was_played():
    session = uuid.uuid4()
    view = one(viewing("paused", MEDIA, NOON, str(session), time=12.5, played_segments="0[.]12.5[,]14[.]21")).view
    assert view is not None
    assert (view.activity, view.kind, view.at, view.to) == (MEDIA, Kind.PAUSED, 12.5, None)
    assert (view.segments, view.session) == ([0, 12.5, 14, 21], session)
    jump = one(viewing("seeked", MEDIA, NOON, time_from=3, time_to="9.5")).view
    assert jump is not None
    assert (jump.kind, jump.at, jump.to, jump.session) == (Kind.SEEKED, 3, 9.5, None)


@pytest.mark.parametrize("time", ["", "soon", None, True, [1], "NaN", "1e999", 10**400])
def test_a_place_that_is_none_is_left_out(time):
    view = one(viewing("played", MEDIA, NOON, time=time)).view
    assert view is not None
    assert view.at is None


def test_numbers_as_text_are_read():
    view = one(viewing("played", MEDIA, NOON, time="3.5")).view
    assert view is not None
    assert view.at == 3.5


@pytest.mark.parametrize(
    ("text", "found"), [("", None), ("0[.]", None), ("a[.]b[,]1[.]2", [1, 2]), ("0.5[.]2[,]2[.]3", [0.5, 2, 2, 3])]
)
def test_played_segments(text, found):
    view = one(viewing("paused", MEDIA, NOON, time=1, played_segments=text)).view
    assert view is not None
    assert view.segments == found


def test_a_session_that_is_no_uuid_is_always_the_same_one():
    first = one(viewing("played", MEDIA, NOON, "session 7", time=0)).view
    second = one(viewing("paused", MEDIA, NOON, "session 7", time=1)).view
    assert first is not None
    assert second is not None
    assert first.session == second.session is not None


def test_initialized_is_a_view_of_a_video_only():
    of_a_course = statement(verb={"id": f"{ADL}/initialized"})
    video = {"id": MEDIA, "definition": {"type": f"{VIDEO}/activity-type/video"}}
    assert one(of_a_course).view is None
    assert one(of_a_course | {"object": video}).view is not None
    assert one(viewing("initialized", MEDIA, NOON)).view is not None


def test_answers():
    told = statement(
        verb={"id": f"{ADL}/answered"},
        result={"response": "a[,]c\0", "success": False},
        context={"contextActivities": {"parent": [{"id": MEDIA}]}},
    )
    assert one(told).answer == ("https://media.example.edu/page", "a[,]c", False, MEDIA)
    assert one(told | {"result": {"success": True}}).answer == ("https://media.example.edu/page", "", True, MEDIA)
    assert one(told | {"result": {"completion": True}}).answer is None
    assert one(statement(result={"response": "a"})).answer is None


def test_voiding():
    target = uuid.uuid4()
    told = statement(verb={"id": f"{ADL}/voided"}, object={"objectType": "StatementRef", "id": str(target)})
    assert one(told).voids == target
    assert one(told | {"verb": {"id": f"{ADL}/experienced"}}).voids is None


def test_what_came_without_an_id_gets_one():
    told, reads = read(json.dumps(statement(id=None)).encode())
    assert told[0]["id"] == str(reads[0].id)


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-06T14:00:00+02:00",
        "2026-05-06T12:00:00.000Z",
        "20260506T120000Z",
        "2026-05-06t12:00:00z",
        "2026-05-06T12:00:00",
    ],
)
def test_moments(text):
    assert one(statement(timestamp=text)).timestamp == NOON


# --- Which are the same ---------------------------------------------------------------------------------
FULL = statement(
    actor={"objectType": "Group", "name": "Team", "member": [account("a"), account("b")]},
    verb={"id": f"{ADL}/experienced", "display": {"en": "experienced"}},
    object={"id": MEDIA, "definition": {"name": {"en": "Lecture"}}},
    result={"duration": "PT60.25S", "score": {"raw": 1}},
    context={"contextActivities": {"parent": {"id": "https://example.edu/p", "definition": {}}}, "platform": "x"},
    timestamp="2026-05-06T12:00:00Z",
    attachments=[
        {
            "usageType": "https://example.edu/f",
            "display": {},
            "contentType": "text/plain",
            "length": 1,
            "sha2": digit,
            "fileUrl": "https://example.edu/f",
        }
        for digit in "01"
    ],
)
SAME: dict[str, Any] = {
    "what the server adds": {"stored": "2026-05-06T12:00:01Z", "authority": agent(), "version": "1.0.3"},
    "the order of members": {"actor": FULL["actor"] | {"member": FULL["actor"]["member"][::-1]}},
    "the words of the verb": {"verb": {"id": f"{ADL}/experienced"}},
    "the definition": {"object": {"id": MEDIA, "objectType": "Activity"}},
    "the zone of the time": {"timestamp": "2026-05-06T14:00:00.000+02:00"},
    "a list of one": {
        "context": {"platform": "x", "contextActivities": {"parent": [{"id": "https://example.edu/p"}]}}
    },
    "a length to the hundredth of a second": {"result": FULL["result"] | {"duration": "PT60.256S"}},
    "the order of attachments": {"attachments": FULL["attachments"][::-1]},
}
DIFFERENT: dict[str, Any] = {
    "who": {"actor": account("c")},
    "what": {"object": {"id": f"{MEDIA}/2"}},
    "the duration, though as long": {"result": {"duration": "PT1M", "score": {"raw": 1}}},
    "when": {"timestamp": "2026-05-06T12:00:01Z"},
    "an extension": {"result": FULL["result"] | {"extensions": {"https://example.edu/x": 1}}},
    "where": {"context": {"platform": "y"}},
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_in_other_words(name):
    assert meaning(FULL | SAME[name]) == meaning(FULL)


@pytest.mark.parametrize("name", DIFFERENT)
def test_not_the_same(name):
    assert meaning(FULL | DIFFERENT[name]) != meaning(FULL)


@given(st.randoms(use_true_random=False))
def test_the_order_of_properties_means_nothing(chance):
    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        names = list(value)
        chance.shuffle(names)
        return {name: shuffled(value[name]) for name in names}

    assert meaning(shuffled(copy.deepcopy(FULL))) == meaning(FULL)
