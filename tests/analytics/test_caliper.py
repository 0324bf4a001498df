"""Caliper events become the same statements (docs/analytics.md, "Caliper")."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from django.utils import timezone

from analytics import folding, sources
from analytics.models import EventSource, Poll, PollAnswer, Statement, ViewEvent, ViewUser
from tests.support import timetable, viewing

pytestmark = pytest.mark.django_db
V1P1 = "http://purl.imsglobal.org/ctx/caliper/v1p1"


@pytest.fixture
def token() -> str:
    source, secret = sources.add("Quiz")
    return f"{source.key}:{secret}"


@pytest.fixture
def send(client, token):
    def send(*events: dict[str, Any], version: str = V1P1, kind: str = "application/json", **parts: Any) -> Any:
        now = timezone.now().isoformat()
        envelope = {"sensor": "https://e.org/s", "sendTime": now, "dataVersion": version, "data": list(events)}
        envelope |= parts
        kept = {name: value for name, value in envelope.items() if value is not None}
        headers = {"Authorization": f"Bearer {token}"}
        return client.post("/caliper/events", json.dumps(kept), content_type=kind, headers=headers)

    return send


def event(action: str, about: Any, **parts: Any) -> dict[str, Any]:
    return {
        "@context": V1P1,
        "id": f"urn:uuid:{uuid.uuid4()}",
        "type": "MediaEvent",
        "actor": {"id": "https://example.edu/users/554433", "type": "Person"},
        "action": action,
        "object": about,
        "eventTime": timezone.now().isoformat(),
        "session": {"id": "https://example.edu/sessions/1", "type": "Session"},
    } | parts


def at(moment: object) -> dict[str, Any]:
    return {"type": "MediaLocation", "currentTime": moment}


@pytest.fixture
def media():
    return viewing.media(timetable.section())


def test_media_events_are_views(send, media):
    video = {"id": media.activity.iri, "type": "VideoObject", "duration": "PT10M"}
    answer = send(
        event("Started", video, target=at("PT0S")),
        event("Paused", video, target=at("PT1M30S")),
        event("JumpedTo", video, target=at("PT5M")),
        event("Resumed", video, target=at("PT5M")),
        event("Ended", video),
        event("ChangedVolume", video),
    )
    assert (answer.status_code, answer.content) == (200, b"")
    folding.fold_all()
    assert ViewUser.objects.get().seconds == 90 + 300


def test_a_repeated_event_is_a_success_and_counts_once(send, media):
    told = event("Started", media.activity.iri)
    assert [send(told).status_code for _ in range(2)] == [200, 200]
    assert Statement.objects.count() == 1


def test_answers(send, media):
    poll = viewing.poll(media)
    item = {"id": poll.activity.iri, "isPartOf": {"id": media.activity.iri}}
    canvas = {"com.instructure.canvas": {"user_login": "someone@example.edu"}}
    person = {"id": "urn:instructure:canvas:user:1", "extensions": canvas}
    response = {"type": "MultipleChoiceResponse", "value": "b"}
    send(event("Completed", item, type="AssessmentItemEvent", generated=response, actor=person))
    folding.fold_all()
    found = PollAnswer.objects.get()
    assert (found.latest_response, found.latest_correct) == ("b", True)
    assert Statement.objects.get().actor_id is not None


@pytest.mark.parametrize(
    ("generated", "said"),
    [
        ({"type": "MultipleResponseResponse", "values": ["a", "c"]}, "a[,]c"),
        ({"type": "TrueFalseResponse", "value": True}, "true"),
        ({"type": "RatingScaleResponse", "selections": ["4"]}, "4"),
    ],
)
def test_kinds_of_answers(send, media, generated, said):
    poll = viewing.poll(media, kind="open", correct=[])
    send(event("Completed", poll.activity.iri, type="AssessmentItemEvent", generated=generated))
    folding.fold_all()
    assert PollAnswer.objects.get().latest_response == said


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("MultipleChoiceResponse", Poll.Kind.ONE),
        ("TrueFalseResponse", Poll.Kind.TRUE_FALSE),
        ("MultipleResponseResponse", Poll.Kind.ONE),
        ("FillinBlankResponse", Poll.Kind.SHORT),
    ],
)
def test_a_question_that_is_not_known_becomes_a_poll_with_its_name(send, media, kind, wanted):
    item = {"id": "https://e.org/items/1", "name": "Which one?", "isPartOf": {"id": media.activity.iri}}
    send(event("Completed", item, type="AssessmentItemEvent", generated={"type": kind, "value": "true"}))
    folding.fold_all()
    poll = Poll.objects.get()
    assert (poll.question, poll.kind, poll.media) == ("Which one?", wanted, media)
    assert PollAnswer.objects.get().latest_response == "true"


def test_a_description_says_more_than_a_name(send, media):
    item = {"id": "https://e.org/items/1", "isPartOf": media.activity.iri, "name": "Q 1", "description": "Why?\0"}
    response = {"type": "FillinBlankResponse", "value": "So"}
    send(event("Completed", item, type="AssessmentItemEvent", generated=response))
    folding.fold_all()
    assert Poll.objects.get().question == "Why?"


def test_what_is_no_text_is_no_name(send, media):
    item = {"id": "https://e.org/items/1", "isPartOf": media.activity.iri, "name": ["Q"], "description": ""}
    response = {"type": "FillinBlankResponse", "value": "So"}
    assert send(event("Completed", item, type="AssessmentItemEvent", generated=response)).status_code == 200
    folding.fold_all()
    assert Poll.objects.get().question == "Question"


@pytest.mark.parametrize("moment", ["P99999999999D", "PT99999999999999999999S", "soon", 5, None])
def test_what_is_no_moment_is_left_out(send, media, moment):
    assert send(event("Paused", media.activity.iri, target=at(moment))).status_code == 200
    assert ViewEvent.objects.get().at is None


@pytest.mark.parametrize("key", [None, "", 5])
def test_an_event_without_an_id_is_refused(send, media, key):
    answer = send(event("Started", media.activity.iri, id=key))
    assert answer.status_code == 400
    assert "id" in answer.json()["error"]
    assert not Statement.objects.exists()


def test_an_id_that_is_no_uuid_is_known_again(send, media):
    for key in ("https://e.org/events/1", "https://e.org/events/2", "https://e.org/events/1"):
        now = "2026-05-06T12:00:00Z"
        assert send(event("Started", media.activity.iri, id=key, eventTime=now)).status_code == 200
    assert Statement.objects.count() == 2


def test_other_events_are_kept(send):
    assert send(event("LoggedIn", "https://e.org/app", type="SessionEvent")).status_code == 200
    assert Statement.objects.count() == 1


def test_entities_that_are_only_described_are_left_out(send):
    assert send({"id": "https://e.org/p", "type": "Person"}).status_code == 200
    assert not Statement.objects.exists()


def test_what_is_refused(send, client, token):
    assert send(version="http://purl.imsglobal.org/ctx/caliper/v2p0").status_code == 422
    assert send(dataVersion=[]).status_code == 422
    assert send(kind="text/plain").status_code == 415
    assert send(sensor=None).status_code == 400
    assert send(data={}).status_code == 400
    assert send(event("Started", "no IRI")).status_code == 400
    assert send(event("Started", "https://e.org/m", eventTime=None)).status_code == 400
    headers = {"Authorization": f"Bearer {token}x"}
    assert (
        client.post("/caliper/events", "{}", content_type="application/json", headers=headers).status_code == 401
    )


def test_a_revoked_source_is_refused_although_there_is_nothing_to_store(send):
    assert send(event("Started", "https://e.org/m")).status_code == 200
    sources.revoke(EventSource.objects.get())
    assert send().status_code == 401
