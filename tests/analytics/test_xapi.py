"""The statements endpoint, rule by rule (docs/analytics.md, "Statements")."""

from __future__ import annotations

import datetime
import json
import threading
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from analytics import erasure, folding, identities, ingest, retrieval, sources
from analytics.models import (
    AnswerEvent,
    EventSource,
    Identity,
    Learner,
    PollAnswer,
    Statement,
    StatementBatch,
    ViewEvent,
    ViewUser,
)
from analytics.statements import ADL, ANSWERED, Malformed
from tests.support import timetable, viewing
from tests.support.xapi import ADDRESS, HOME, Sender, account, basic, credentials, statement
from tests.support.xapi import viewing as told_viewing

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender(client) -> Sender:
    return Sender(client, credentials()[1])


def content(answer: Any) -> Any:
    return json.loads(answer.content)


def of(person: str, **parts: Any) -> dict[str, Any]:
    return statement(actor=account(person), **parts)


# --- Who may --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !",
        "Bearer abc",
        basic("nobody", "x"),
        basic("player", ""),
        basic("a\0", "x"),
        "Basic " + "/w==",
    ],
)
def test_without_credentials_nothing(client, header):
    EventSource.of_the_player()
    answer = Sender(client, header).post(statement())
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Basic")
    assert not Statement.objects.exists()


def test_a_revoked_source_can_send_nothing_and_a_renewed_one_with_the_new_secret_only(client):
    source, header = credentials()
    assert Sender(client, header).post(statement()).status_code == 200
    sources.revoke(source)
    assert Sender(client, header).post(statement()).status_code == 401
    assert Sender(client, header).post([]).status_code == 401
    secret = sources.renew(source)
    assert Sender(client, header).post(statement()).status_code == 401
    assert Sender(client, basic(source.key, secret)).post(statement()).status_code == 200


def test_the_secret_before_is_nobodys_although_it_was_just_used(client):
    source, header = credentials()
    assert Sender(client, header).post(statement()).status_code == 200
    sources.renew(EventSource.objects.get(pk=source.pk))
    assert Sender(client, header).post(statement()).status_code == 401


def test_a_source_that_may_only_send_reads_nothing(client):
    sender = Sender(client, credentials(may_read=False)[1])
    assert sender.post(statement()).status_code == 200
    assert sender.get().status_code == 403


def test_the_last_use_is_noted(client):
    source, header = credentials()
    Sender(client, header).post(statement())
    source.refresh_from_db()
    assert source.last_used_at is not None


# --- Version --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("asked", "answered"), [("1.0", "1.0.3"), ("1.0.0", "1.0.3"), ("1.0.9", "1.0.3"), ("2.0.0", "2.0.0")]
)
def test_versions_that_are_spoken(sender, asked, answered):
    sender.version = asked
    answer = sender.post(statement())
    assert (answer.status_code, answer["X-Experience-API-Version"]) == (200, answered)


@pytest.mark.parametrize("asked", ["", "0.95", "1.1.0", "1", "3.0.0", "1.0.x"])
def test_others_are_not(sender, asked):
    sender.version = asked
    answer = sender.post(statement())
    assert answer.status_code == 400
    assert "1.0.3" in content(answer)["error"]
    assert answer["X-Experience-API-Version"]


def test_about_tells_the_versions(client):
    every = ["1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0"]
    assert content(client.get("/xAPI/about"))["version"] == every
    for asked, told in (("1.0.3", every[:-1]), ("2.0.0", every)):
        answer = client.get("/xAPI/about", headers={"X-Experience-API-Version": asked})
        assert content(answer)["version"] == told


# --- Asked by a form (1.0.x) ----------------------------------------------------------------------------
def form(client: Client, method: str, fields: dict[str, str], **headers: str) -> Any:
    kind = "application/x-www-form-urlencoded"
    return client.post(f"{ADDRESS}?method={method}", urlencode(fields), content_type=kind, headers=headers)


def test_everything_may_stand_in_a_form(client):
    who = {"Authorization": credentials()[1], "X-Experience-API-Version": "1.0.3"}
    told = statement()
    assert form(client, "PUT", who | {"statementId": told["id"], "content": json.dumps(told)}).status_code == 204
    assert form(client, "POST", who | {"content": json.dumps(statement())}).status_code == 200
    answer = form(client, "GET", {"statementId": told["id"]}, **who)
    assert content(answer)["id"] == told["id"]


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("PUT", {"statementId": str(uuid.uuid4())}, 400),
        ("GET", {"X-Experience-API-Version": "0.9"}, 400),
        ("GET", {"Authorization": "Basic eDp5"}, 401),
        ("GET", {"cool": "true"}, 400),
        ("DELETE", {}, 405),
        ("GET&limit=1", {}, 400),
    ],
)
def test_what_is_wrong_in_a_form(client, method, fields, status):
    who = {"Authorization": credentials()[1], "X-Experience-API-Version": "1.0.3"}
    assert form(client, method, who | fields).status_code == status


def test_a_form_that_is_none(client):
    who = {"Authorization": credentials()[1], "X-Experience-API-Version": "1.0.3"}
    for body, kind in (
        (b"{}", "application/json"),
        (b"a=1&a=2", "application/x-www-form-urlencoded"),
        (b"\xff", "application/x-www-form-urlencoded"),
        (b"nothing", "application/x-www-form-urlencoded"),
    ):
        assert client.post(f"{ADDRESS}?method=GET", body, content_type=kind, headers=who).status_code == 400


def test_version_two_knows_no_forms(client):
    who = {"Authorization": credentials()[1], "X-Experience-API-Version": "2.0.0"}
    assert form(client, "GET", {}, **who).status_code == 400


def test_a_page_of_another_site_sends_nothing_in_our_name(client):
    """Without a header of its own a form needs no leave; credentials that a browser adds are not the form's."""
    fields = {"X-Experience-API-Version": "1.0.3", "content": json.dumps(statement())}
    assert form(client, "POST", fields, Authorization=credentials()[1]).status_code == 401


def test_a_form_with_the_header_of_a_version_may_have_its_credentials_there_too(client):
    headers = {"Authorization": credentials()[1], "X-Experience-API-Version": "1.0.3"}
    fields = {"content": json.dumps(statement())}
    assert form(client, "POST", fields, **headers).status_code == 200
    assert form(client, "POST", fields | {"X-Experience-API-Version": "0.8"}, **headers).status_code == 400


def test_a_large_form_is_not_taken_apart(client):
    assert form(client, "POST", {"content": "x" * 300_000}).status_code == 413


def test_version_two_is_not_found_in_a_form(client):
    fields = {"Authorization": credentials()[1], "X-Experience-API-Version": "2.0.0"}
    assert form(client, "GET", fields).status_code == 400


def test_extensions_have_a_bottom(sender):
    def nested(levels: int) -> Any:
        value: Any = 1
        for number in range(levels):
            value = [value] if number % 2 else {"deeper": value}
        return {"extensions": {"https://e.org/x": value}}

    assert sender.post(statement(result=nested(50))).status_code == 200
    assert sender.get().status_code == 200
    definition = {"id": "https://e.org/a", "definition": nested(51)}
    for wrong in ({"result": nested(51)}, {"context": nested(900)}, {"object": definition}):
        answer = sender.post(statement(**wrong))
        assert (answer.status_code, "50 levels" in content(answer)["error"]) == (400, True)


def test_a_very_large_group(sender):
    members = [account(f"u-{number}") for number in range(33_000)]
    told = statement(actor={"objectType": "Group", **account("all"), "member": members})
    assert sender.post(told).status_code == 200
    assert sender.found(agent=json.dumps(account("u-32999"))) == [told["id"]]


def test_another_thread_may_forget_what_is_remembered(sender, monkeypatch):
    class Forgotten(dict[str, int]):
        def __contains__(self, name: object) -> bool:
            found = super().__contains__(name)
            ingest.VERBS.forget()
            return found

    sender.post(statement())
    monkeypatch.setattr(ingest.VERBS, "ids", Forgotten(ingest.VERBS([f"{ADL}/experienced"])))
    assert sender.post(statement()).status_code == 200


def test_every_answer_says_through_when_it_is_consistent(sender, monkeypatch):
    monkeypatch.setattr(retrieval, "CONSISTENCY_SECONDS", -1)
    sender.post(statement())
    told = datetime.datetime.fromisoformat(sender.post({})["X-Experience-API-Consistent-Through"])
    assert timezone.now() - told < datetime.timedelta(minutes=1)
    answers = [sender.post(statement()), sender.post({}), sender.get(), sender.get(limit="x"), sender.get(no="1")]
    for answer in answers:
        told = datetime.datetime.fromisoformat(answer["X-Experience-API-Consistent-Through"])
        assert told <= timezone.now()


# --- In -------------------------------------------------------------------------------------------------
def test_one_and_many(sender):
    first, second, third = statement(), statement(), statement(id=None)
    assert content(sender.post(first)) == [first["id"]]
    ids = content(sender.post([second, third]))
    assert ids[0] == second["id"]
    assert Statement.objects.filter(pk=ids[1]).exists()


def test_one_bad_statement_and_nothing_is_stored(sender):
    answer = sender.post([statement(), statement(verb={"id": "watched"})])
    assert answer.status_code == 400
    assert content(answer) == {"error": "Statement 2: Expected an IRI - at `verb.id`"}
    assert not Statement.objects.exists()
    assert not StatementBatch.objects.exists()


def test_a_repetition_changes_nothing(sender):
    told = [told_viewing("played", "https://e.org/m", timezone.now(), time=0), statement()]
    assert [sender.post(told).status_code for _ in range(3)] == [200] * 3
    assert (Statement.objects.count(), ViewEvent.objects.count(), StatementBatch.objects.count()) == (2, 1, 1)


def test_of_what_is_partly_known_only_the_rest_is_stored(sender):
    known, new = of("u-1"), of("u-2")
    sender.post(known)
    assert content(sender.post([known, new])) == [known["id"], new["id"]]
    assert Statement.objects.count() == 2
    assert sender.found() == [new["id"], known["id"]]


def test_a_contradiction_is_refused_with_all_that_came_along(sender):
    known = statement()
    sender.post(known)
    answer = sender.post([statement(), known | {"actor": account("u-2")}])
    assert answer.status_code == 409
    assert known["id"] in content(answer)["error"]
    assert Statement.objects.count() == 1


def test_the_same_id_twice_in_a_request(sender):
    told = statement()
    assert sender.post([told, told]).status_code == 400


def test_nothing_is_a_fine_list(sender):
    assert content(sender.post([])) == []
    assert not StatementBatch.objects.exists()


def test_put(sender):
    told = statement()
    key = told["id"]
    assert sender.put(key, {**told, "id": None} | {"id": key}).status_code == 204
    assert sender.put(key, told).status_code == 204
    assert sender.put(uuid.uuid4(), told).status_code == 400
    assert sender.put("", told).status_code == 400
    assert sender.put("1", told).status_code == 400
    assert sender.put(key, [told]).status_code == 400
    assert sender.put(key, told | {"actor": account("u-2")}).status_code == 409
    without = uuid.uuid4()
    assert sender.put(without, statement(id=None)).status_code == 204
    assert Statement.objects.filter(pk=without).exists()


@pytest.mark.parametrize(
    "kind", ["text/plain", "multipart/mixed; boundary=x", "application/x-www-form-urlencoded"]
)
def test_other_kinds_of_content_are_refused(sender, kind):
    assert sender.post(statement(), kind=kind).status_code == 400


def test_parameters_of_post_are_none(client):
    answer = client.post(
        f"{ADDRESS}?method=PUT",
        "{}",
        content_type="application/json",
        headers={"Authorization": credentials()[1], "X-Experience-API-Version": "1.0.3"},
    )
    assert answer.status_code == 400


def test_what_is_too_large_is_refused(sender, settings):
    settings.EVENTS_MAX_BYTES = 1000
    assert sender.post([statement() for _ in range(3)]).status_code == 200
    answer = sender.post([statement() for _ in range(10)])
    assert answer.status_code == 413
    assert "fewer" in content(answer)["error"]


def test_other_methods(client):
    headers = {"Authorization": credentials()[1], "X-Experience-API-Version": "1.0.3"}
    answer = client.delete(ADDRESS, headers=headers)
    assert (answer.status_code, answer["Allow"]) == (405, "POST, PUT, GET, HEAD")


# --- Out ------------------------------------------------------------------------------------------------
def test_what_the_server_adds(sender):
    told = statement(context={"contextActivities": {"parent": {"id": "https://e.org/p"}}})
    sender.post(told)
    answer = sender.get(statementId=told["id"])
    found = content(answer)
    assert found["stored"] == found["timestamp"]
    assert found["authority"]["account"]["name"] == EventSource.objects.get().key
    assert found["version"] == "1.0.0"
    assert found["context"]["contextActivities"] == {"parent": [{"id": "https://e.org/p"}]}
    assert answer["Last-Modified"]
    assert answer["X-Experience-API-Consistent-Through"]
    assert (
        sender.client.head(f"{ADDRESS}?statementId={told['id']}", headers=sender._headers())["Last-Modified"]
        == answer["Last-Modified"]
    )


ANY = str(uuid.uuid4())


@pytest.mark.parametrize(
    "given",
    [
        *({name: "x"} for name in ("statementID", "Verb", "since", "agent", "format", "registration", "cursor")),
        {"statementId": "1"},
        {"limit": "-1"},
        {"limit": "many"},
        {"agent": "{}"},
        {"agent": "[]"},
        {"ascending": "yes"},
        {"attachments": "1"},
        {"verb": "a\0"},
        {"related_agents": "1", "agent": json.dumps(account())},
        {"statementId": ANY, "verb": "https://e.org/v"},
        {"statementId": ANY, "voidedStatementId": ANY},
    ],
)
def test_questions_that_cannot_be_answered(sender, given):
    answer = sender.get(**given)
    assert answer.status_code == 400
    assert content(answer)["error"]


def test_what_is_not_there(sender):
    assert sender.get(statementId=uuid.uuid4()).status_code == 404
    assert sender.found() == []
    assert sender.found(agent=json.dumps(account("nobody"))) == []
    assert sender.found(verb="https://e.org/unknown") == []


def test_filters(sender):
    registration = str(uuid.uuid4())
    teacher = {"instructor": account("teacher"), "contextActivities": {"other": [{"id": "https://e.org/o"}]}}
    rows = {
        "plain": of("u-1"),
        "verb": of("u-2", verb={"id": "https://e.org/v"}),
        "activity": of("u-2", object={"id": "https://e.org/a"}),
        "around": of("u-2", context=teacher),
        "person": of("u-2", object={"objectType": "Agent", **account("told")}),
        "registration": of("u-2", context={"registration": registration}),
    }
    for told in rows.values():
        sender.post(told)

    def named(**given: Any) -> set[str]:
        found = sender.found(**given)
        return {name for name, told in rows.items() if told["id"] in found}

    assert named(agent=json.dumps(account("u-1"))) == {"plain"}
    assert named(agent=json.dumps({"objectType": "Agent", **account("told")})) == {"person"}
    assert named(agent=json.dumps(account("teacher"))) == set()
    assert named(agent=json.dumps(account("teacher")), related_agents="true") == {"around"}
    assert named(verb="https://e.org/v") == {"verb"}
    assert named(activity="https://e.org/a") == {"activity"}
    assert named(activity="https://e.org/o") == set()
    assert named(activity="https://e.org/o", related_activities="true") == {"around"}
    assert named(registration=registration) == {"registration"}


def test_a_group_can_be_asked_for_and_is_nobody(sender):
    group = {"objectType": "Group", **account("team")}
    told = statement(actor=group)
    sender.post([told, of("team")])
    assert sender.found(agent=json.dumps(group)) == [told["id"]]
    assert Learner.objects.count() == 1


def test_since_and_until(sender):
    first, second = statement(), statement()
    sender.post(first)
    sender.post(second)
    between = Statement.objects.get(pk=first["id"]).stored.isoformat()
    assert sender.found(since=between) == [second["id"]]
    assert sender.found(until=between) == [first["id"]]


def test_pages(sender):
    ids = content(sender.post([statement() for _ in range(7)]))
    for ascending, wanted in (("false", ids[::-1]), ("true", ids)):
        found, given = [], {"limit": "3", "ascending": ascending}
        answer = content(sender.get(**given))
        while True:
            found += [one["id"] for one in answer["statements"]]
            if not answer["more"]:
                break
            answer = content(sender.client.get(answer["more"], headers=sender._headers()))
        assert found == wanted


def test_new_statements_do_not_shift_a_page(sender):
    ids = content(sender.post([statement() for _ in range(4)]))
    answer = content(sender.get(limit=2))
    sender.post(statement())
    rest = content(sender.client.get(answer["more"], headers=sender._headers()))
    assert [one["id"] for one in rest["statements"]] == ids[1::-1]


def test_formats(sender):
    told = statement(
        actor={"name": "Someone", **account()},
        verb={"id": "https://e.org/v", "display": {"en": "saw", "de": "sah"}},
        object={"id": "https://e.org/a", "definition": {"name": {"en": "Lecture", "de-AT": "Vorlesung"}}},
    )
    sender.post(told)
    bare = content(sender.get(statementId=told["id"], format="ids"))
    assert (bare["actor"], bare["verb"]) == (account(), {"id": "https://e.org/v"})
    assert bare["object"] == {"id": "https://e.org/a"}
    headers = {**sender._headers(), "Accept-Language": "fr;q=0.5, de;q=0.9"}
    answer = sender.client.get(f"{ADDRESS}?statementId={told['id']}&format=canonical", headers=headers)
    canonical = content(answer)
    assert canonical["verb"]["display"] == {"de": "sah"}
    assert canonical["object"]["definition"]["name"] == {"de-AT": "Vorlesung"}
    assert canonical["actor"]["name"] == "Someone"


def test_with_attachments_the_answer_comes_in_parts(sender):
    told = statement()
    sender.post(told)
    answer = sender.get(statementId=told["id"], attachments="true")
    assert answer["Content-Type"].startswith("multipart/mixed")
    assert told["id"].encode() in answer.content


# --- Voiding --------------------------------------------------------------------------------------------
def voiding(target: str) -> dict[str, Any]:
    return statement(verb={"id": f"{ADL}/voided"}, object={"objectType": "StatementRef", "id": target})


def test_a_voided_statement_is_found_by_name_only(sender):
    told = statement()
    undo = voiding(told["id"])
    sender.post(told)
    sender.post(undo)
    assert sender.found() == [undo["id"]]
    assert sender.get(statementId=told["id"]).status_code == 404
    assert sender.get(voidedStatementId=undo["id"]).status_code == 404
    assert content(sender.get(voidedStatementId=told["id"]))["id"] == told["id"]


def test_what_voids_cannot_be_voided(sender):
    told = statement()
    undo = voiding(told["id"])
    sender.post([told, undo, voiding(undo["id"])])
    assert sender.get(statementId=undo["id"]).status_code == 200
    assert sender.get(statementId=told["id"]).status_code == 404


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_voided_view_leaves_the_figures(sender, order):
    media = viewing.media()
    now = timezone.now().replace(microsecond=0)
    played = told_viewing("played", media.activity.iri, now, "s", time=0)
    paused = told_viewing("paused", media.activity.iri, now + datetime.timedelta(seconds=60), "s", time=60)
    told = [played, paused, voiding(paused["id"])]
    for number in order:
        sender.post(told[number])
        folding.fold_all()
    assert ViewUser.objects.get().seconds == 1  # the play alone


# --- Into the figures -----------------------------------------------------------------------------------
def test_views_and_answers_reach_the_figures(sender):
    section = timetable.section()
    media = viewing.media(section)
    poll = viewing.poll(media)
    student = viewing.student(section, lms_user_id="u-9")
    now = timezone.now()
    who = {"account": {"homePage": "https://canvas.example.edu", "name": "u-9"}}
    told = [
        told_viewing("played", media.activity.iri, now, "s", time=0),
        told_viewing("paused", media.activity.iri, now, "s", time=30, played_segments="0[.]30"),
        statement(verb={"id": ANSWERED}, object={"id": poll.activity.iri}, result={"response": "b"}),
    ]
    sender.post([one | {"actor": who} for one in told])
    folding.fold_all()

    seen = ViewUser.objects.get()
    assert (seen.learner_id, seen.seconds, seen.views) == (student.pk, 30, 1)
    answer = PollAnswer.objects.get()
    assert (answer.learner_id, answer.latest_response, answer.latest_correct) == (student.pk, "b", True)


def test_the_same_person_by_address_and_by_its_digest(sender):
    address = "mailto:Someone@Example.edu"
    digest = identities.sha1_of("someone@example.edu").removeprefix("sha1:")
    sender.post([statement(actor={"mbox": address}), statement(actor={"mbox_sha1sum": digest.upper()})])
    assert Learner.objects.get().email == "someone@example.edu"
    assert Identity.objects.count() == 2


def test_a_digest_that_came_first_is_found_again(sender):
    digest = identities.sha1_of("someone@example.edu").removeprefix("sha1:")
    sender.post(statement(actor={"mbox_sha1sum": digest}))
    sender.post(statement(actor={"mbox": "mailto:someone@example.edu"}))
    assert Learner.objects.count() == 1


def test_our_word_for_nobody_makes_no_learner(sender, settings):
    nobody = {"account": {"homePage": settings.SITE_URL, "name": "anonymous"}}
    sender.post(told_viewing("played", "https://e.org/m", timezone.now(), time=0) | {"actor": nobody})
    sender.post(
        told_viewing("played", "https://e.org/m", timezone.now(), time=0)
        | {"actor": {"objectType": "Group", "member": [account("a")]}}
    )
    assert list(ViewEvent.objects.values_list("identity_id", flat=True)) == [None, None]
    assert not Learner.objects.filter(identities__key__contains="anonymous").exists()


def test_a_clock_that_is_wrong_is_not_believed(sender):
    media = "https://e.org/m"
    moments = [timezone.now() + datetime.timedelta(days=days) for days in (-400, -365, 1)]
    for moment in moments:
        sender.post(told_viewing("played", media, moment, time=0))
    events = list(ViewEvent.objects.order_by("batch_id"))
    assert [event.occurred == event.stored for event in events] == [True, False, True]


def test_a_session_without_a_name_is_one_per_person_media_and_day(sender):
    noon = timezone.now().replace(hour=12) - datetime.timedelta(days=3)
    moments = [noon, noon + datetime.timedelta(hours=1), noon + datetime.timedelta(days=1)]
    for moment in moments:
        sender.post(told_viewing("played", "https://e.org/m", moment, time=0))
    sender.post(told_viewing("played", "https://e.org/m", noon, time=0) | {"actor": account("u-2")})
    # A registration goes on over a whole term: by the day as well.
    registration = str(uuid.uuid4())
    for moment in moments:
        registered = told_viewing("played", "https://e.org/m", moment, time=0)
        registered["context"]["registration"] = registration
        sender.post(registered)
    sessions = list(ViewEvent.objects.order_by("batch_id").values_list("session_id", flat=True))
    assert sessions[0] == sessions[1]
    assert sessions[4] == sessions[5] != sessions[6]
    assert len(set(sessions)) == 5


def test_other_statements_are_kept_and_are_no_events(sender):
    sender.post(statement())
    assert not ViewEvent.objects.exists()
    assert not AnswerEvent.objects.exists()
    folding.fold_all()
    assert not StatementBatch.objects.filter(folded_at=None).exists()


def test_an_erased_statement_is_gone_and_stays_gone(sender):
    gone, stays = of("u-1"), of("u-2")
    sender.post([gone, stays])
    erasure.erase(Learner.objects.get(identities__key=f"account:{HOME}|u-1"), by=None)
    assert sender.get(statementId=gone["id"]).status_code == 404
    assert sender.found() == [stays["id"]]
    assert sender.post(gone).status_code == 200
    assert sender.found() == [stays["id"]]
    assert b"u-1" not in sender.get().content


def test_requests_cost_the_same_however_many_statements(sender, django_assert_num_queries, monkeypatch):
    monkeypatch.setattr(retrieval, "CONSISTENCY_SECONDS", 3600)
    now = timezone.now()
    sender.post([told_viewing("played", "https://e.org/m", now, time=0), of("u-1")])
    # What a process remembers as soon as a transaction is through.
    ingest.VERBS.ids |= ingest.VERBS([told_viewing("played", "x", now)["verb"]["id"], f"{ADL}/experienced"])
    ingest.ACTIVITIES.ids |= ingest.ACTIVITIES(["https://e.org/m", "https://w3id.org/xapi/video"])
    ingest.PEOPLE.ids |= ingest.PEOPLE([f"account:{HOME}|u-1"])
    for count in (1, 50):
        told = [told_viewing("played", "https://e.org/m", now, time=0) for _ in range(count)]
        with django_assert_num_queries(0):  # beside the one trip that stores, which Django does not see
            assert sender.post(told).status_code == 200
    assert Statement.objects.count() == 53


def test_a_statement_that_comes_again_is_kept_in_one_body_alone(sender):
    first, second = statement(), statement()
    sender.post([first])
    sender.post([first, second])
    sender.post([first, second])
    batches = StatementBatch.objects.order_by("id")
    bodies = [[json.loads(bytes(one)) for one in batch.opened()] for batch in batches]
    assert [[one["id"] for one in body] for body in bodies] == [[first["id"]], [second["id"]]]
    assert [batch.statements for batch in batches] == [1, 1]


def test_a_name_of_too_many_bytes_is_malformed(sender):
    long = "https://e.org/" + "".join(chr(0x4E00 + number) for number in range(1900))
    for wrong in (
        statement(object={"id": long}),
        statement(verb={"id": long}),
        statement(actor={"account": {"homePage": long, "name": "u"}}),
    ):
        answer = sender.post(wrong)
        assert answer.status_code == 400
        assert "bytes" in answer.content.decode()


def test_credentials_that_are_no_letters_are_nobody(sender):
    sender.header = "Basic é"
    assert sender.get().status_code == 401


# --- For ourselves --------------------------------------------------------------------------------------
def test_what_we_say_ourselves_goes_the_same_way():
    source = EventSource.of_the_player()
    told = statement()
    assert ingest.store_statements(source, [told]) == [uuid.UUID(told["id"])]
    with pytest.raises(ingest.Contradiction):
        ingest.store_statements(source, [told | {"actor": account("u-2")}])
    with pytest.raises(Malformed):
        ingest.store_statements(source, [{}])


def test_the_command(capsys):
    call_command("event_source", "add", "Player", "--json")
    made = json.loads(capsys.readouterr().out)
    source = EventSource.objects.get(name="Player")
    assert source.key == made["key"]
    assert source.has_secret(made["secret"])
    assert not source.may_read
    call_command("event_source", "list")
    assert made["secret"] not in capsys.readouterr().out
    call_command("event_source", "revoke", "Player")
    source.refresh_from_db()
    assert not source.is_active


def test_our_own_sources_are_not_for_the_command(capsys):
    ours = EventSource.of_the_player()
    call_command("event_source", "list")
    assert ours.name not in capsys.readouterr().out
    with pytest.raises(CommandError):
        call_command("event_source", "revoke", ours.name)


# --- In the admin ---------------------------------------------------------------------------------------
def test_an_administrator_adds_a_source_and_sees_the_secret_once(client, admin):
    client.force_login(admin)
    answer = client.post("/admin/analytics/eventsource/add/", {"name": "Quiz", "may_read": "on"})
    source = EventSource.objects.get(name="Quiz")
    assert source.created_by == admin
    assert "no-store" in answer["Cache-Control"]
    secret = answer.context["secret"]
    assert source.has_secret(secret)
    assert secret in answer.content.decode()
    for address in ("", f"{source.pk}/change/", f"{source.pk}/history/"):
        page = client.get(f"/admin/analytics/eventsource/{address}").content.decode()
        assert secret not in page
        assert "Quiz" in page


def test_renewing_and_revoking_ask_first(client, admin):
    source, _ = credentials()
    before = bytes(source.secret_digest)
    client.force_login(admin)
    renew = ("renew", "until it has the new one", "Make a new secret")
    for step, what, action in (renew, ("revoke", "What it sent stays", "Revoke")):
        page = client.get(f"/admin/analytics/eventsource/{source.pk}/{step}/").content.decode()
        assert what in page
        assert f'<button type="submit" class="button default">{action}</button>' in page
        assert f'href="/admin/analytics/eventsource/{source.pk}/change/"' in page
        source.refresh_from_db()
        assert (bytes(source.secret_digest), source.is_active) == (before, True)
    answer = client.post(f"/admin/analytics/eventsource/{source.pk}/renew/")
    source.refresh_from_db()
    assert source.has_secret(answer.context["secret"])
    client.post(f"/admin/analytics/eventsource/{source.pk}/revoke/")
    source.refresh_from_db()
    assert not source.is_active


# --- Many at once ---------------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_eight_clients_that_speak_of_the_same_people():
    """They share verbs, people, media and half of the ids; none fails, everything is there once."""
    header = credentials()[1]
    now = timezone.now()
    shared = [
        told_viewing("played", f"https://e.org/m{number % 7}", now, time=0)
        | {"actor": account(f"u-{number % 11}")}
        for number in range(60)
    ]
    outcomes: list[int] = []

    def send(own: int) -> None:
        sender = Sender(Client(), header)
        try:
            for turn in range(5):
                part = shared[turn * 10 : turn * 10 + 20]
                told = part if own % 2 else part[::-1]
                told = [*told, of(f"u-{own}"), of(f"new-{turn}", object={"id": f"https://e.org/n{turn}"})]
                outcomes.append(sender.post(told).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=send, args=[number]) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=60)

    assert outcomes == [200] * 40
    assert Statement.objects.count() == 60 + 8 * 5 * 2
    assert ViewEvent.objects.count() == 60
    assert Identity.objects.count() == len({f"u-{n}" for n in range(11)} | {f"new-{n}" for n in range(5)})
    assert Learner.objects.count() == Identity.objects.count()


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_while_their_statement_is_being_stored_is_met_as_somebody_new(monkeypatch):
    source, _ = sources.add("Slow")
    ada = {"mbox": "mailto:ada@example.edu", "name": "Ada"}
    ingest.store_statements(source, [statement(actor=ada)])
    resolve = ingest._resolve
    erased: list[Any] = []

    def and_then_erase(reads: Any) -> Any:
        ids = resolve(reads)
        if not erased:
            erased.append(erasure.erase(Learner.objects.get(email="ada@example.edu"), by=None))
        return ids

    monkeypatch.setattr(ingest, "_resolve", and_then_erase)
    ingest.store_statements(source, [statement(actor=ada)])

    # Nothing hangs in the air: she can be erased again, with what came since.
    again = Learner.objects.get(email="ada@example.edu")
    assert erasure.erase(again, by=None).statements == 1
    assert not Statement.objects.filter(erased=False).exists()


def test_the_address_of_a_media_is_its_name(sender):
    media = viewing.media()
    copied = f"{media.own_iri}/"
    moments = [timezone.now() - datetime.timedelta(minutes=minutes) for minutes in (2, 1)]
    sender.post(
        [told_viewing("played", copied, moments[0], time=0), told_viewing("paused", copied, moments[1], time=60)]
    )
    folding.fold_all()

    assert ViewUser.objects.get(media_id=media.pk).seconds == 60
    assert len(sender.found(activity=copied)) == len(sender.found(activity=media.own_iri)) == 2
