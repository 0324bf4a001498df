"""Documents about activities and people, and what is known of either (docs/analytics.md, "Documents")."""

from __future__ import annotations

import datetime
import hashlib
import json
import uuid
from typing import Any
from urllib.parse import urlencode

import pytest
from django.utils.http import http_date

from analytics import documents, erasure, identities, sources
from analytics.documents import Conditions, Place, Sent
from analytics.models import Activity, Document, Identity, Learner
from analytics.statements import ADL, Person
from tests.support import timetable, viewing
from tests.support.xapi import HOME, Sender, account, basic, credentials, statement

pytestmark = pytest.mark.django_db
LECTURE = "https://media.example.edu/lecture"
ADA = json.dumps({"mbox": "mailto:ada@example.edu", "name": "Ada"})
STATE = ("activities/state", {"activityId": LECTURE, "agent": ADA, "stateId": "bookmark"})
ACTIVITY = ("activities/profile", {"activityId": LECTURE, "profileId": "bookmark"})
AGENT = ("agents/profile", {"agent": ADA, "profileId": "bookmark"})
ALL = pytest.mark.parametrize(("path", "given"), [STATE, ACTIVITY, AGENT], ids=["state", "activity", "agent"])
NEW = {"If-None-Match": "*"}
ENTITIES = [("activities", {"activityId": LECTURE}), ("agents", {"agent": ADA})]


@pytest.fixture
def sender(client) -> Sender:
    return Sender(client, credentials()[1])


def ask(
    sender: Sender, method: str, path: str, given: dict[str, Any], body: Any = b"", kind: str = "", **headers: str
) -> Any:
    """`body`: bytes as they are, anything else as JSON. Of headers, underscores stand for hyphens."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return sender.client.generic(
        method,
        f"/xAPI/{path}?{urlencode(given)}",
        sent,
        content_type=kind or "application/json",
        headers=sender._headers() | more,
    )


def put(sender: Sender, path: str, given: dict[str, Any], body: Any, kind: str = "") -> None:
    """A new one."""
    assert ask(sender, "PUT", path, given, body, kind, If_None_Match="*").status_code == 204


def kept(sender: Sender, path: str, given: dict[str, Any]) -> Any:
    answer = ask(sender, "GET", path, given)
    assert answer.status_code == 200, answer.content
    return json.loads(answer.content)


def without(given: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in names}


# --- Who may --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("path", "given"), [STATE, ACTIVITY, AGENT, *ENTITIES])
def test_without_credentials_nothing(client, path, given):
    answer = ask(Sender(client, basic("nobody", "x")), "GET", path, given)
    assert (answer.status_code, answer["Content-Type"]) == (401, "application/json")


@ALL
def test_a_source_that_may_only_send_writes_and_deletes_and_reads_nothing(client, path, given):
    sender = Sender(client, credentials(may_read=False)[1])
    put(sender, path, given, {})
    assert ask(sender, "POST", path, given, {}).status_code == 204
    for method in ("GET", "HEAD"):
        assert ask(sender, method, path, given).status_code == 403
        assert ask(sender, method, path, without(given, "stateId", "profileId")).status_code == 403
    assert ask(sender, "DELETE", path, given).status_code == 204


@pytest.mark.parametrize(("path", "given"), ENTITIES)
def test_nor_does_it_see_what_others_said_of_activities_and_people(client, path, given):
    sender = Sender(client, credentials(may_read=False)[1])
    assert ask(sender, "GET", path, given).status_code == 403


@ALL
def test_a_source_that_is_revoked_writes_nothing_from_then_on(client, path, given):
    source, header = credentials()
    sender = Sender(client, header)
    put(sender, path, given, {})
    # In another process: this one remembers what it saw.
    type(source).objects.filter(pk=source.pk).update(revoked_at="2026-01-01T00:00Z")
    assert sources._SEEN[source.key].is_active
    assert ask(sender, "POST", path, given, {"a": 1}).status_code == 401
    assert ask(sender, "DELETE", path, given).status_code == 401
    assert bytes(Document.objects.get().content) == b"{}"


@pytest.mark.parametrize(("path", "given"), ENTITIES)
def test_activities_and_people_are_only_asked_for(sender, path, given):
    for method in ("PUT", "POST", "DELETE"):
        answer = ask(sender, method, path, given, {})
        assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


# --- Kept as it was sent --------------------------------------------------------------------------------
@ALL
@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "text/plain", "image/png"])
def test_a_document_is_given_back_as_it_was_sent(sender, path, given, kind):
    body = b'{ "a" : 1.0 }' if "json" in kind else b"\x00\xff\r\n"
    put(sender, path, given, body, kind)

    answer = ask(sender, "GET", path, given)
    assert (answer.status_code, answer.content, answer["Content-Type"]) == (200, body, kind)
    assert answer["ETag"] == f'"{hashlib.sha1(body, usedforsecurity=False).hexdigest()}"'
    assert answer["Last-Modified"] == http_date(Document.objects.get().updated_at.timestamp())
    assert answer["X-Experience-API-Version"] == "1.0.3"

    head = ask(sender, "HEAD", path, given)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == answer.headers


def test_whatever_is_kept_is_never_a_page_of_ours(sender):
    path, given = ACTIVITY
    put(sender, path, given, b"<script>alert(1)</script>", "text/html")
    answer = ask(sender, "GET", path, given)
    assert answer["Content-Type"] == "text/html"
    assert answer["Content-Disposition"] == "attachment"
    assert answer["Content-Security-Policy"] == "sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"

    ask(sender, "PUT", path, given, {}, If_Match="*")
    answer = ask(sender, "GET", path, given)
    assert "Content-Disposition" not in answer
    assert answer["Content-Security-Policy"] == "sandbox"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_without_a_kind_it_is_any_bytes(sender):
    path, given = STATE
    address = f"/xAPI/{path}?{urlencode(given)}"
    assert sender.client.generic("PUT", address, b"", "", headers=sender._headers()).status_code == 204
    assert ask(sender, "GET", path, given)["Content-Type"] == "application/octet-stream"


@ALL
def test_what_is_not_there(sender, path, given):
    assert ask(sender, "GET", path, given).status_code == 404
    assert kept(sender, path, without(given, "stateId", "profileId")) == []
    assert ask(sender, "DELETE", path, given).status_code == 204
    assert not Activity.objects.exists()
    assert not Identity.objects.exists()


def test_states_and_profiles_of_one_name_are_others(sender):
    registered = STATE[1] | {"registration": str(uuid.uuid4())}
    places = [STATE, (STATE[0], registered), ACTIVITY, AGENT]
    for number, (path, given) in enumerate(places):
        put(sender, path, given, number)
    assert [kept(sender, *place) for place in places] == [0, 1, 2, 3]


# --- Several --------------------------------------------------------------------------------------------
@ALL
def test_ids_and_those_that_changed_since(sender, path, given):
    (key,) = {"stateId", "profileId"} & set(given)
    for name in ("b", "a"):
        put(sender, path, given | {key: name}, {})
    put(sender, path, {**given, "activityId": f"{LECTURE}2"} if "activityId" in given else given, {})
    before = Document.objects.get(key="a").updated_at
    after = before + datetime.timedelta(seconds=5)
    Document.objects.filter(key="b").update(updated_at=after)

    several = without(given, key)
    wanted = ["a", "b"] if "activityId" in given else ["a", "b", "bookmark"]
    answer = ask(sender, "GET", path, several)
    assert json.loads(answer.content) == wanted
    assert answer["Last-Modified"] == http_date(after.timestamp())
    late = before + datetime.timedelta(seconds=4)
    assert kept(sender, path, several | {"since": late.isoformat()}) == ["b"]
    assert kept(sender, path, several | {"since": after.isoformat()}) == []


def test_all_states_of_one_place_are_deleted_at_once(sender):
    path, given = STATE
    registration = {"registration": str(uuid.uuid4())}
    other = json.dumps(account("u-2"))
    staying = [given | registration, given | {"activityId": f"{LECTURE}2"}, given | {"agent": other}]
    for place in [given, given | {"stateId": "other"}, *staying]:
        put(sender, path, place, {})

    assert ask(sender, "DELETE", path, without(given, "stateId")).status_code == 204
    assert kept(sender, path, without(given, "stateId")) == []
    assert [kept(sender, path, place) for place in staying] == [{}] * 3
    assert ask(sender, "DELETE", path, without(given, "stateId") | registration).status_code == 204
    assert Document.objects.count() == 2


# --- Parameters -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("method", ["PUT", "POST", "GET", "DELETE"])
@ALL
def test_parameters_that_are_missing_or_wrong(sender, path, given, method):
    wrong = [without(given, name) for name in given if name not in ("stateId", "profileId")]
    wrong += [given | {"since": "2026-01-01T00:00:00Z"}, given | {"other": "x"}]
    if "activityId" in given:
        wrong += [given | {"activityId": text} for text in ("", "lecture", f"{LECTURE}\n", f"{LECTURE}\0")]
        wrong += [given | {"activityId": LECTURE + "語" * 700}]
    if "agent" in given:
        group = json.dumps({"objectType": "Group", "member": [account()]})
        long = json.dumps({"openid": "https://e.org/" + "語" * 700})
        wrong += [given | {"agent": text} for text in ("", "true", "{}", "[]", "{", group, long)]
    for key in {"stateId", "profileId"} & set(given):
        wrong += [given | {key: "a\0b"}, given | {key: "語" * 700}, without(given, key) | {key.lower(): "x"}]
    if path == "activities/state":
        wrong += [given | {"registration": text} for text in ("", "true")]
    else:
        wrong += [given | {"registration": str(uuid.uuid4())}, given | {"stateId": "x", "profileId": "x"}]

    for one in wrong:
        answer = ask(sender, method, path, one, {} if method in ("PUT", "POST") else b"", If_None_Match="*")
        assert answer.status_code == 400, one
        assert json.loads(answer.content)["error"]
    assert not Document.objects.exists()


@ALL
def test_who_writes_says_which_document(sender, path, given):
    several = without(given, "stateId", "profileId")
    methods = ["PUT", "POST"] if path == "activities/state" else ["PUT", "POST", "DELETE"]
    for method in methods:
        answer = ask(sender, method, path, several, {}, If_None_Match="*")
        assert "Id is missing" in json.loads(answer.content)["error"]
        assert answer.status_code == 400


def test_a_moment_that_is_none(sender):
    path, given = STATE
    for text in ("", "yesterday", "2026-01-01"):
        assert ask(sender, "GET", path, without(given, "stateId") | {"since": text}).status_code == 400


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("activities", {}),
        ("activities", {"activityId": "lecture"}),
        ("activities", {"activityId": LECTURE, "agent": ADA}),
        ("activities", {"activityId": f"{LECTURE}\0"}),
        ("agents", {}),
        ("agents", {"agent": "Ada"}),
        ("agents", {"agent": json.dumps({"name": "Ada"})}),
        ("agents", {"agent": ADA, "profileId": "x"}),
    ],
)
def test_questions_about_activities_and_people_that_cannot_be_answered(sender, path, given):
    assert ask(sender, "GET", path, given).status_code == 400


def test_a_name_in_another_script_and_of_the_greatest_length(sender):
    path, given = STATE
    for key in ("第一章", "x" * 2000):
        put(sender, path, given | {"stateId": key}, {})
        assert kept(sender, path, given | {"stateId": key}) == {}
    assert kept(sender, path, without(given, "stateId")) == ["x" * 2000, "第一章"]


# --- Content --------------------------------------------------------------------------------------------
@ALL
def test_post_merges_the_properties_at_the_top_as_they_were_written(sender, path, given):
    assert ask(sender, "POST", path, given, b'{"a": {"x": 1}, "b": 1.0}').status_code == 204
    assert ask(sender, "POST", path, given, b'{"a": {"y": 2}, "c": 12345678901234567890}').status_code == 204

    answer = ask(sender, "GET", path, given)
    assert answer.content == b'{"a":{"y": 2},"b":1.0,"c":12345678901234567890}'
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("there", "there_kind", "posted", "kind"),
    [
        (b"{}", "application/json", b"{}", "text/plain"),
        (b"{}", "text/plain", b"{}", "application/json"),
        (b"{}", "application/json", b"[]", "application/json"),
        (b"1", "application/json", b"{}", "application/json"),
        (b"{}", "application/json", b'{"a": 1}{', "application/json"),
        (b"{}", "application/json", b"", "application/json"),
    ],
)
def test_what_cannot_be_merged_changes_nothing(sender, there, there_kind, posted, kind):
    path, given = STATE
    put(sender, path, given, there, there_kind)
    assert ask(sender, "POST", path, given, posted, kind).status_code == 400
    answer = ask(sender, "GET", path, given)
    assert (answer.content, answer["Content-Type"]) == (there, there_kind)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"{", "application/json"),
        (b"\xff", "application/json"),
        (b'{"a":' + b"[" * 100_000, "application/json"),
        (b"x", "text"),
        (b"x", "text/plain; é"),
        (b"x", "text/" + "x" * 300),
    ],
)
def test_content_that_is_not_what_it_says(sender, body, kind):
    path, given = STATE
    for method in ("PUT", "POST"):
        assert ask(sender, method, path, given, body, kind).status_code == 400
    assert not Document.objects.exists()


@ALL
def test_a_document_has_a_greatest_size_also_when_it_grows(sender, path, given, settings):
    settings.EVENTS_MAX_BYTES = 100
    answer = ask(sender, "PUT", path, given, b"x" * 101, "text/plain", If_None_Match="*")
    assert answer.status_code == 413
    put(sender, path, given, {"a": "x" * 60})
    assert ask(sender, "POST", path, given, {"a": "y" * 60}).status_code == 204
    assert ask(sender, "POST", path, given, {"b": "z" * 60}).status_code == 413
    assert kept(sender, path, given) == {"a": "y" * 60}


# --- Who was first --------------------------------------------------------------------------------------
PROFILES = ("activities/profile", "agents/profile")


@pytest.mark.parametrize("version", ["1.0.3", "2.0.0"])
@ALL
def test_who_replaces_a_document_says_which(sender, path, given, version):
    sender.version = version
    in_the_old_way = version == "1.0.3"
    first = ask(sender, "PUT", path, given, {"a": 1})
    # 1.0.x wants to know it of every profile, 2.0 of nothing that is new.
    assert first.status_code == (400 if in_the_old_way and path in PROFILES else 204)
    if first.status_code == 400:
        put(sender, path, given, {"a": 1})

    second = ask(sender, "PUT", path, given, {"a": 2})
    if in_the_old_way and path not in PROFILES:
        assert second.status_code == 204
        assert kept(sender, path, given) == {"a": 2}
    else:
        assert second.status_code == 409
        assert "If-Match" in json.loads(second.content)["error"]
        assert kept(sender, path, given) == {"a": 1}
    # Who adds to it, or deletes it, need not.
    assert ask(sender, "POST", path, given, {"b": 1}).status_code == 204
    assert ask(sender, "DELETE", path, given).status_code == 204


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
@ALL
def test_a_tag_says_which_document_is_meant(sender, path, given, method):
    body = b"" if method == "DELETE" else {"a": 2}

    def write(**headers: str) -> int:
        status: int = ask(sender, method, path, given, body, **headers).status_code
        return status

    old = f'"{"1" * 40}"'
    # Of what is not there, no tag is right.
    assert write(If_Match=old) == write(If_Match="*") == 412
    assert not Document.objects.exists()

    put(sender, path, given, {"a": 1})
    tag = ask(sender, "GET", path, given)["ETag"]
    assert write(If_Match=old) == write(If_None_Match="*") == write(If_None_Match=tag) == 412
    assert write(If_Match=tag.strip('"')) == 400
    assert kept(sender, path, given) == {"a": 1}
    assert write(If_Match=f"{old}, {tag}") == 204


def test_a_tag_that_a_compressing_proxy_made_weak_is_known(sender):
    path, given = ACTIVITY
    put(sender, path, given, {})
    tag = ask(sender, "GET", path, given)["ETag"]
    assert ask(sender, "PUT", path, given, {"a": 1}, If_Match=f"W/{tag}").status_code == 204


# --- By a form ------------------------------------------------------------------------------------------
def by_form(sender: Sender, method: str, path: str, form: dict[str, str]) -> Any:
    fields = form | {"Authorization": sender.header, "X-Experience-API-Version": "1.0.3"}
    kind = "application/x-www-form-urlencoded"
    return sender.client.post(f"/xAPI/{path}?method={method}", urlencode(fields), content_type=kind)


@ALL
def test_the_same_by_a_form(sender, path, given):
    sent = given | {"content": "Hallo, Österreich", "Content-Type": "text/plain", "If-None-Match": "*"}
    assert by_form(sender, "PUT", path, sent).status_code == 204
    assert by_form(sender, "PUT", path, sent).status_code == 412
    found = by_form(sender, "GET", path, given)
    assert (found.content.decode(), found["Content-Type"]) == ("Hallo, Österreich", "text/plain")
    assert by_form(sender, "DELETE", path, given | {"If-Match": '"other"'}).status_code == 412
    assert by_form(sender, "DELETE", path, given | {"If-Match": found["ETag"]}).status_code == 204
    assert not Document.objects.exists()


def test_a_form_cannot_bring_a_header_of_its_own_into_the_answer(sender):
    path, given = STATE
    sent = given | {"content": "x", "Content-Type": "text/html\r\nSet-Cookie: a=b"}
    assert by_form(sender, "PUT", path, sent).status_code == 400


# --- People ---------------------------------------------------------------------------------------------
def test_documents_go_with_the_person_they_are_about_and_no_others(sender):
    for path, given in (STATE, ACTIVITY, AGENT):
        put(sender, path, given, {})
    other = STATE[1] | {"agent": json.dumps(account("u-2"))}
    put(sender, STATE[0], other, {})

    erasure.erase(Learner.objects.get(email="ada@example.edu"), by=None)

    assert ask(sender, "GET", *STATE).status_code == 404
    assert ask(sender, "GET", *AGENT).status_code == 404
    assert kept(sender, *ACTIVITY) == {}
    assert kept(sender, STATE[0], other) == {}
    assert not Learner.objects.filter(email="ada@example.edu").exists()


@pytest.mark.django_db(transaction=True)
def test_who_is_erased_while_their_document_is_being_stored_is_met_as_somebody_new(monkeypatch):
    place = Place(LECTURE, Person("mbox", "ada@example.edu"))
    owners = documents._owners
    erased: list[Any] = []

    def and_then_erase(place: Place) -> dict[str, Any]:
        found = owners(place)
        if not erased:
            erased.append(erasure.erase(Learner.objects.get(email="ada@example.edu"), by=None))
        return found

    monkeypatch.setattr(documents, "_owners", and_then_erase)
    documents.put(place, "bookmark", Sent(b"{}", "application/json"), Conditions())

    assert bytes(documents.one(place, "bookmark").content) == b"{}"
    erasure.erase(Learner.objects.get(email="ada@example.edu"), by=None)
    assert not Document.objects.exists()


def test_of_nobody_in_particular_nothing_is_kept(sender, settings):
    nobody = json.dumps({"account": {"homePage": f"{settings.SITE_URL}/", "name": "anonymous"}})
    for path, given in (STATE, AGENT):
        answer = ask(sender, "PUT", path, given | {"agent": nobody}, {}, If_None_Match="*")
        assert answer.status_code == 400
    assert not Learner.objects.exists()


def test_a_group_has_documents_and_is_nobody(sender):
    team = json.dumps({"objectType": "Group", **account("team")})
    path, given = AGENT
    put(sender, path, given | {"agent": team}, {"of": "the team"})
    assert ask(sender, "GET", path, given | {"agent": json.dumps(account("team"))}).status_code == 404
    assert kept(sender, path, given | {"agent": team}) == {"of": "the team"}
    assert not Learner.objects.exists()


def test_a_person_has_all_their_names(sender):
    section = timetable.section()
    learner = viewing.student(section, name="Ada Lovelace", email="ada@example.edu", lms_user_id="7")
    for key in (f"account:{HOME}|u|1", "openid:https://ada.example.org/"):
        Identity.objects.create(key=key, learner=learner)
    viewing.student(section, name="Ben", email="ben@example.edu")

    found = kept(sender, "agents", {"agent": json.dumps({"mbox": "mailto:Ada@Example.edu", "name": "Ada"})})

    digest = identities.sha1_of("ada@example.edu").removeprefix("sha1:")
    assert found == {
        "objectType": "Person",
        "name": ["Ada", "Ada Lovelace"],
        "mbox": ["mailto:Ada@Example.edu"],
        "mbox_sha1sum": [digest],
        "openid": ["https://ada.example.org/"],
        "account": [{"homePage": "https://canvas.example.edu", "name": "7"}, {"homePage": HOME, "name": "u|1"}],
    }


def test_of_somebody_unknown_it_is_the_one_that_was_asked_for(sender):
    assert kept(sender, "agents", {"agent": json.dumps(account("u-9"))}) == {
        "objectType": "Person",
        "account": [{"homePage": HOME, "name": "u-9"}],
    }
    assert not Identity.objects.exists()


# --- Activities -----------------------------------------------------------------------------------------
def test_an_activity_is_what_statements_say_the_newest_first(sender):
    older = {"name": {"en": "Lecture", "de": "Vorlesung"}, "type": "https://e.org/lecture"}
    newer = {"name": {"en": "Lecture 1"}, "moreInfo": "https://e.org/more", "extensions": {"https://e.org/x": 1}}
    beside = {"category": [{"id": LECTURE, "definition": {"extensions": {"https://e.org/y": 2}}}]}
    sender.post(statement(object={"id": LECTURE, "definition": older}))
    sender.post(statement(object={"id": LECTURE, "definition": newer}))
    sender.post(statement(context={"contextActivities": beside}))
    sender.post(
        statement(
            object={
                "objectType": "SubStatement",
                "actor": account(),
                "verb": {"id": f"{ADL}/experienced"},
                "object": {"objectType": "Activity", "id": LECTURE, "definition": {"name": {"fr": "Cours"}}},
            }
        )
    )

    assert kept(sender, "activities", {"activityId": LECTURE}) == {
        "objectType": "Activity",
        "id": LECTURE,
        "definition": {
            "name": {"en": "Lecture 1", "de": "Vorlesung", "fr": "Cours"},
            "type": "https://e.org/lecture",
            "moreInfo": "https://e.org/more",
            "extensions": {"https://e.org/x": 1, "https://e.org/y": 2},
        },
    }


def test_an_activity_of_which_nothing_is_said_is_one_all_the_same(sender):
    nothing = {"objectType": "Activity", "id": LECTURE}
    assert kept(sender, "activities", {"activityId": LECTURE}) == nothing
    sender.post(statement(object={"id": LECTURE}))
    assert kept(sender, "activities", {"activityId": LECTURE}) == nothing
    head = ask(sender, "HEAD", "activities", {"activityId": LECTURE})
    assert (head.status_code, head.content) == (200, b"")


def test_what_was_taken_back_says_nothing(sender):
    told = statement(object={"id": LECTURE, "definition": {"name": {"en": "Wrong"}}})
    sender.post(told)
    sender.post(statement(verb={"id": f"{ADL}/voided"}, object={"objectType": "StatementRef", "id": told["id"]}))
    assert "definition" not in kept(sender, "activities", {"activityId": LECTURE})
