"""The watch page: who may see it, its files, what it sends, and answers to polls."""

from __future__ import annotations

import datetime
import json
import re
import uuid

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import http_date

from analytics import files, folding, player
from analytics.models import Activity, AnswerEvent, Learner, Poll, PollAnswer, Statement, ViewEvent
from tests.support import timetable, viewing, watching
from tests.support.watching import answered, played, stored
from tests.support.xapi import Sender, credentials

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)
    settings.SITE_URL = "http://testserver"


@pytest.fixture
def section(instructor):
    return timetable.section(instructor, code="ALG1")


@pytest.fixture
def student(person, section):
    user = person("student@example.edu")
    watching.enrol(user, section)
    return user


@pytest.fixture
def media(section):
    return watching.media(section, title="Limits")


@pytest.fixture
def watcher(client, student, media):
    client.force_login(student)
    return client


def post(client, of, *statements, viewer=None):
    viewer = viewer or client.session["_auth_user_id"]
    fields = {"statements": json.dumps(statements), "viewer": viewer}
    return client.post(reverse("watch_statements", args=[of.uuid]), fields)


def give(client, to, *response, key=None):
    fields = {"response": response, "statement": str(key or uuid.uuid4())}
    return client.post(reverse("answer_poll", args=[to.media.uuid, to.uuid]), fields)


def text_of(client, of):
    return client.get(of.watch_path).content.decode()


# --- Who ------------------------------------------------------------------------------------------------
def addresses(of, poll):
    names = ("watch", "watch_video", "watch_captions", "watch_statements")
    return [*(reverse(name, args=[of.uuid]) for name in names), reverse("answer_poll", args=[of.uuid, poll.uuid])]


def test_students_instructors_and_administrators_find_the_page(client, media, student, instructor, admin):
    for user in (student, instructor, admin):
        client.force_login(user)
        assert client.get(media.watch_path).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"gone_at": timezone.now()},
        {"state": "inactive"},
        {"state": "invited"},
        {"role": "ObserverEnrollment"},
        {"role": "StudentViewEnrollment"},
    ],
)
def test_who_is_no_student_any_more_finds_nothing(change, client, media, section, person):
    user = person("other@example.edu")
    watching.enrol(user, section, **change)
    client.force_login(user)

    assert client.get(media.watch_path).status_code == 404


def said(answer, address):
    return re.sub(r'(?<=csrfmiddlewaretoken" value=")\w+', "", answer.content.decode()).replace(address, "")


def test_the_others_cannot_tell_a_media_from_none(client, section, person, other_instructor, scheduler, outsider):
    media = watching.media(section, with_files=True)
    poll = watching.poll(media)
    elsewhere = person("elsewhere@example.edu")
    watching.enrol(elsewhere, timetable.section())
    for user in (elsewhere, other_instructor, scheduler, outsider):
        client.force_login(user)
        for address in addresses(media, poll):
            invented = address.replace(str(media.uuid), str(uuid.uuid4()))
            for ask in (client.get, client.post):
                found, nothing = ask(address), ask(invented)
                assert found.status_code == nothing.status_code in (404, 405)
                assert said(found, address) == said(nothing, invented)
    assert stored() == []


def test_an_unpublished_media_is_there_for_staff_only(client, section, student, instructor):
    hour, now = datetime.timedelta(hours=1), timezone.now()
    over = {"published_at": now - hour, "available_until": now - hour / 2}
    for when in ({"published_at": None}, {"published_at": now + hour}, over):
        media = watching.media(section, **when)
        client.force_login(student)
        assert client.get(media.watch_path).status_code == 404
        client.force_login(instructor)
        assert "Students do not see this page now." in text_of(client, media)


def test_nobody_gets_in_by_an_unlinked_course(client, media, section, student):
    section.links.all().delete()
    client.force_login(student)

    assert client.get(media.watch_path).status_code == 404


def test_looking_makes_no_learner(client, media, admin):
    client.force_login(admin)
    before = Learner.objects.count()

    client.get(media.watch_path)

    assert Learner.objects.count() == before


def test_without_a_file_the_page_says_so(watcher, media):
    assert "There is no video here yet" in text_of(watcher, media)
    assert watcher.get(reverse("watch_video", args=[media.uuid])).status_code == 404

    media.video.name = "media/lost.webm"
    media.save()
    assert "There is no video here yet" in text_of(watcher, media)
    assert watcher.get(reverse("watch_video", args=[media.uuid])).status_code == 404


# --- Files ----------------------------------------------------------------------------------------------
@pytest.fixture
def video(watcher, section):
    media = watching.media(section, with_files=True)
    content = watching.CLIP.read_bytes()

    def get(method="get", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = getattr(watcher, method)(reverse("watch_video", args=[media.uuid]), headers=headers)
        answer.body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        return answer

    get.content = content  # type: ignore[attr-defined]
    get.media = media  # type: ignore[attr-defined]
    return get


def test_the_whole_file(video):
    answer = video()

    assert (answer.status_code, answer["Content-Type"]) == (200, "video/webm")
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, no-cache"
    assert int(answer["Content-Length"]) == len(video.content)
    assert answer.body == video.content


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=100-", 100, -1),
        ("bytes=-7", -7, -1),
        ("bytes=-99999999", 0, -1),
        ("bytes=5-99999999", 5, -1),
    ],
)
def test_a_range(asked, first, last, video):
    size = len(video.content)
    first, last = first % size, last % size

    answer = video(Range=asked)

    assert answer.status_code == 206
    assert answer["Content-Range"] == f"bytes {first}-{last}/{size}"
    assert int(answer["Content-Length"]) == last - first + 1
    assert answer.body == video.content[first : last + 1]


def test_from_here_to_the_end_comes_in_pieces(video, monkeypatch):
    monkeypatch.setattr(files, "PIECE", 1000)

    assert video(Range="bytes=50-").body == video.content[50:1050]
    assert video(Range="bytes=50-2049").body == video.content[50:2050]


@pytest.mark.parametrize("asked", ["bytes=99999999-", "bytes=99999999-99999999", "bytes=-0"])
def test_a_range_outside_of_the_file(asked, video):
    answer = video(Range=asked)

    assert answer.status_code == 416
    assert answer["Content-Range"] == f"bytes */{len(video.content)}"


@pytest.mark.parametrize(
    "asked",
    ["bytes=-", "bytes=9-3", "bytes=0-1,4-5", "bytes=a-b", "items=0-1", "bytes=²-³", "bytes=" + "9" * 40 + "-"],
)
def test_a_range_that_makes_no_sense_gives_the_whole_file(asked, video):
    answer = video(Range=asked)

    assert answer.status_code == 200
    assert answer.body == video.content


def test_pieces_of_two_versions_are_never_put_together(video):
    etag, changed = video()["ETag"], video()["Last-Modified"]

    assert video(Range="bytes=0-9", If_Range=etag).status_code == 206
    assert video(Range="bytes=0-9", If_Range=changed).status_code == 206
    assert video(Range="bytes=0-9", If_Range='"another"').status_code == 200
    assert video(Range="bytes=0-9", If_Range=http_date(0)).status_code == 200
    assert video(Range="bytes=0-9", If_Range=f"W/{etag}").status_code == 200


def test_what_the_browser_has_is_not_sent_again(video):
    answer = video(If_None_Match=video()["ETag"])

    assert (answer.status_code, answer.content) == (304, b"")
    assert video(If_Modified_Since=video()["Last-Modified"]).status_code == 304


def test_head_says_the_length_and_sends_nothing(video):
    answer = video("head", Range="bytes=0-9")

    assert (answer.status_code, int(answer["Content-Length"]), answer.body) == (200, len(video.content), b"")


def test_captions_are_text(watcher, video):
    answer = watcher.get(reverse("watch_captions", args=[video.media.uuid]))

    assert answer["Content-Type"] == "text/vtt; charset=utf-8"
    assert b"".join(answer.streaming_content).startswith(b"WEBVTT")


# --- What was played ------------------------------------------------------------------------------------
def test_what_was_played_is_stored_as_the_signed_in_persons(watcher, media):
    sent = played(media, 12.5)

    answer = post(watcher, media, sent)

    assert (answer.status_code, answer.json()) == (200, {"polls": {}})
    [one] = stored()
    assert one["id"] == sent["id"]
    assert one["actor"] == {"objectType": "Agent", "mbox": "mailto:student@example.edu"}
    assert one["result"] == sent["result"]
    assert one["context"]["extensions"] == sent["context"]["extensions"]
    assert one["context"]["contextActivities"]["category"] == [{"id": "https://w3id.org/xapi/video"}]


def test_a_forged_actor_and_other_people_are_left_out(watcher, media):
    other = {"objectType": "Agent", "mbox": "mailto:victim@example.edu"}
    parent = {"contextActivities": {"parent": [{"id": "http://testserver/another"}]}, "instructor": other}

    post(
        watcher, media, played(media, actor=other, authority=other, stored="2020-01-01T00:00:00Z", context=parent)
    )

    assert "mailto:student@example.edu" in json.dumps(stored())
    assert "victim" not in json.dumps(stored())
    assert "another" not in json.dumps(stored())


@pytest.mark.parametrize(
    "wrong",
    [
        {"object": {"id": "http://testserver/watch/another"}},
        {"verb": {"id": "http://adlnet.gov/expapi/verbs/voided"}},
        {"verb": {"id": "http://adlnet.gov/expapi/verbs/answered"}},
        {"verb": "played"},
        {"object": []},
        {"id": "1"},
        {"id": None},
    ],
)
def test_what_the_page_cannot_say_stores_nothing(wrong, watcher, media):
    answer = post(watcher, media, played(media), played(media) | wrong)

    assert answer.status_code == 400
    assert stored() == []


def test_another_medias_poll_or_statement_is_not_taken(watcher, media, section):
    foreign = watching.poll(watching.media(section))

    assert post(watcher, media, answered(foreign)).status_code == 400
    assert post(watcher, media, played(foreign.media)).status_code == 400
    assert stored() == []


@pytest.mark.parametrize(
    "text", ["", "{}", "[1]", "nonsense", "[" * 100_000, '[{"id": "\ud800"}]', r'[{"id": "\ud800"}]']
)
def test_nonsense_is_refused(text, watcher, media):
    fields = {"statements": text.encode("utf-8", "replace").decode(), "viewer": watcher.session["_auth_user_id"]}

    assert watcher.post(reverse("watch_statements", args=[media.uuid]), fields).status_code == 400


def test_too_much_at_once_is_refused(watcher, media):
    long = played(media, context={"extensions": {"https://example.org/x": "x" * player.MAX_BYTES}})

    assert post(watcher, media, long).status_code == 413
    assert post(watcher, media, *[played(media) for _ in range(player.MAX_STATEMENTS + 1)]).status_code == 413
    assert stored() == []


def test_repeats_are_harmless(watcher, media):
    first, second = played(media, 1), played(media, 2)
    post(watcher, media, first)

    assert post(watcher, media, first, second).status_code == 200
    assert post(watcher, media, second, first).status_code == 200

    assert sorted(str(key) for key in Statement.objects.values_list("pk", flat=True)) == sorted(
        [first["id"], second["id"]]
    )


def test_an_id_with_two_meanings_is_a_conflict(watcher, media):
    first = played(media, 1)
    post(watcher, media, first)

    assert post(watcher, media, first | {"result": {}}).status_code == 409


def test_what_somebody_else_watched_in_this_browser_is_not_theirs(watcher, media, admin):
    answer = post(watcher, media, played(media), viewer=admin.pk)

    assert answer.status_code == 403
    assert stored() == []


def test_only_with_the_token_of_the_page(client, student, media):
    client.handler.enforce_csrf_checks = True
    client.force_login(student)

    assert post(client, media, played(media)).status_code == 403
    token = client.get(media.watch_path).cookies["echo_lms_csrf"].value
    fields = {"statements": json.dumps([played(media)]), "viewer": student.pk, "csrfmiddlewaretoken": token}
    assert client.post(reverse("watch_statements", args=[media.uuid]), fields).status_code == 200


def test_whoever_is_signed_out_is_sent_to_sign_in(client, media):
    answer = client.post(reverse("watch_statements", args=[media.uuid]))

    assert answer.status_code == 302


# --- Answers --------------------------------------------------------------------------------------------
KINDS = [
    ("one", {}, ["b"], "b", True, "choice"),
    ("one", {}, ["a"], "a", False, "choice"),
    ("several", {}, ["c", "a"], "a[,]c", True, "choice"),
    ("several", {}, ["a"], "a", False, "choice"),
    ("true_false", {"correct": ["true"]}, ["true"], "true", True, "true-false"),
    ("numeric", {"correct": ["4[:]4.5"]}, [" 4,2 "], "4.2", True, "numeric"),
    ("numeric", {"correct": ["4"]}, ["5"], "5", False, "numeric"),
    ("short", {"correct": ["Limit"]}, [" limit "], "limit", True, "fill-in"),
    ("open", {}, ["Because."], "Because.", None, "long-fill-in"),
    ("one", {"correct": []}, ["a"], "a", None, "choice"),
]


@pytest.mark.parametrize(("kind", "fields", "given", "response", "right", "interaction"), KINDS)
def test_an_answer_is_graded_here(kind, fields, given, response, right, interaction, watcher, media):
    poll = watching.poll(media, kind, **fields)

    answer = give(watcher, poll, *given)

    assert answer.status_code == 302
    [one] = stored()
    assert one["result"] == {"response": response} | ({} if right is None else {"success": right})
    assert one["object"]["definition"]["interactionType"] == interaction
    assert one["context"]["contextActivities"]["parent"] == [{"id": media.activity.iri}]
    event = AnswerEvent.objects.get()
    assert (event.response, event.success) == (response, right)


WRONG = [
    ("one", ["d"], "Choose one of the answers."),
    ("one", [], "Choose one of the answers."),
    ("one", ["a", "b"], "Choose one of the answers."),
    ("several", [], "Choose at least one of the answers."),
    ("several", ["a", "d"], "Choose at least one of the answers."),
    ("true_false", ["maybe"], "Choose true or false."),
    ("numeric", ["four"], "Write a number, such as 4 or 4.5."),
    ("numeric", ["NaN"], "Write a number, such as 4 or 4.5."),
    ("numeric", ["1" * 41], "Write at most 40 characters."),
    ("short", ["  "], "Write an answer."),
    ("open", ["x" * 10_001], "Write at most 10,000 characters."),
    ("open", ["a\0b"], "Write at most 10,000 characters."),
]


@pytest.mark.parametrize(("kind", "given", "sentence"), WRONG)
def test_what_is_no_answer_is_told(kind, given, sentence, watcher, media):
    poll = watching.poll(media, kind)

    answer = give(watcher, poll, *given)

    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert stored() == []


def test_the_page_cannot_grade_itself(watcher, media):
    poll = watching.poll(media)
    claim = answered(poll, "a", result={"response": "a", "success": True, "score": {"scaled": 1}})

    answer = post(watcher, media, claim)

    assert stored()[0]["result"] == {"response": "a", "success": False}
    assert list(answer.json()["polls"]) == [str(poll.uuid)]


def test_attempts_run_out_and_a_repeat_is_none(watcher, media):
    poll, key = watching.poll(media, attempts=2), uuid.uuid4()
    give(watcher, poll, "a", key=key)
    give(watcher, poll, "a", key=key)
    assert "1 of 2 attempts left" in text_of(watcher, media)
    give(watcher, poll, "b")

    answer = give(watcher, poll, "c")

    assert answer.status_code == 422
    assert "You have used all your attempts." in answer.content.decode()
    assert [one["result"]["response"] for one in stored()] == ["a", "b"]


def test_a_later_answer_cannot_become_the_first_one(watcher, media, student):
    poll = watching.poll(media, attempts=2)
    for response, moment in (("a", timezone.now()), ("b", timezone.now() - datetime.timedelta(hours=2))):
        post(watcher, media, answered(poll, response, timestamp=moment.isoformat()))
    folding.fold_all()

    counted = PollAnswer.objects.get()
    assert (counted.first_correct, counted.latest_correct) == (False, True)


def test_what_a_browser_says_of_last_month_happened_now(watcher, media):
    long_ago = (timezone.now() - datetime.timedelta(days=30)).isoformat()
    post(watcher, media, played(media, timestamp=long_ago), answered(watching.poll(media), timestamp=long_ago))

    for event in (ViewEvent.objects.get(), AnswerEvent.objects.get()):
        assert timezone.now() - event.occurred < datetime.timedelta(hours=1)


def test_attempts_are_known_when_the_events_are_gone(watcher, media, student):
    poll = watching.poll(media)
    give(watcher, poll, "a")
    folding.read_media_anew([media])
    AnswerEvent.objects.all().delete()

    assert give(watcher, poll, "b").status_code == 422


def test_any_number_of_attempts(watcher, media):
    poll = watching.poll(media, attempts=0)

    assert [give(watcher, poll, "a").status_code for _ in range(3)] == [302, 302, 302]


def test_a_late_answer_is_told_and_keeps_nothing_back(watcher, media):
    closed = watching.poll(media, closes_at=timezone.now() - datetime.timedelta(minutes=1))

    answer = post(watcher, media, played(media), answered(closed))

    assert answer.status_code == 200
    assert "This question is closed. Answers are no longer taken." in answer.json()["polls"][str(closed.uuid)]
    assert [one["verb"]["id"] for one in stored()] == [watching.PLAYED]


def test_an_anonymous_answer_says_nothing_of_whose_it_is(watcher, media, student):
    poll = watching.poll(media, anonymous=True)
    sent = answered(poll, context={"extensions": {f"{watching.X}session-id": str(uuid.uuid4())}})

    post(watcher, media, played(media), sent)

    [_, one] = stored()
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    assert one["actor"] == {
        "objectType": "Agent",
        "account": {"homePage": "http://testserver", "name": "anonymous"},
    }
    assert datetime.datetime.fromisoformat(one["timestamp"]) == hour
    assert one["context"] == {"contextActivities": {"parent": [{"id": media.activity.iri}]}}
    assert one["id"] != sent["id"]
    assert student.email not in json.dumps(one)
    assert "poll" not in json.dumps(dict(watcher.session))


def test_an_anonymous_answer_is_given_to_no_reader(watcher, media):
    give(watcher, watching.poll(media, anonymous=True), "b")
    give(watcher, watching.poll(media), "b")

    sender = Sender(watcher, credentials()[1])

    assert [one["actor"] for one in json.loads(sender.get().content)["statements"]] == [stored()[1]["actor"]]


def test_an_anonymous_answer_counts_once_per_person_and_browser(watcher, media, person, section):
    poll, key = watching.poll(media, anonymous=True), uuid.uuid4()
    give(watcher, poll, "a", key=key)
    give(watcher, poll, "a", key=key)
    assert give(watcher, poll, "b").status_code == 422
    assert "You have answered this question." not in text_of(watcher, media)
    assert "Your answer is counted." in text_of(watcher, media)

    second = person("second@example.edu")
    watching.enrol(second, section)
    watcher.force_login(second)
    give(watcher, poll, "c")

    assert [one["result"]["response"] for one in stored()] == ["a", "c"]


def test_anonymous_answers_of_one_request_are_counted_too(watcher, media):
    poll = watching.poll(media, anonymous=True)

    post(watcher, media, answered(poll, "a"), answered(poll, "b"))

    assert [one["result"]["response"] for one in stored()] == ["a"]


# --- Results --------------------------------------------------------------------------------------------
def others_answer(poll, *responses):
    for response in responses:
        learner = Learner.objects.create()
        PollAnswer.objects.create(
            section_id=poll.media.section_id,
            poll_id=poll.pk,
            learner_id=learner.pk,
            attempts=1,
            **{
                f"{which}_{name}": value
                for which in ("first", "latest")
                for name, value in {
                    "response": response,
                    "correct": poll.grade(response),
                    "at": timezone.now(),
                }.items()
            },
            first_statement=uuid.uuid4(),
        )


def test_results_after_answering(watcher, media):
    poll = watching.poll(media, results=Poll.Results.ANSWERED)
    others_answer(poll, "a", "b", "b", "b", "b")
    assert "answers</h4>" not in text_of(watcher, media)

    give(watcher, poll, "a")

    text = text_of(watcher, media)
    assert "Not right." in text
    assert "You answered: Answer A" in text
    assert "All 5 answers" in text
    assert "80&nbsp;%" in text
    assert "New answers, yours too, are counted within a minute." in text


def test_what_others_answered_helps_with_no_next_attempt(watcher, media):
    poll = watching.poll(media, attempts=2, results="answered")
    others_answer(poll, "b", "b", "b", "a")
    give(watcher, poll, "a")
    folding.fold_all()
    assert "Not right." in text_of(watcher, media)
    assert "answers</h4>" not in text_of(watcher, media)

    give(watcher, poll, "b")
    folding.fold_all()

    assert "All 5 answers" in text_of(watcher, media)


def test_after_a_right_answer_another_is_not_asked_for(watcher, media):
    poll = watching.poll(media, attempts=0, results="answered")
    give(watcher, poll, "b")

    assert "<summary>Answer again</summary>" in text_of(watcher, media)


def test_the_answer_of_nobody_to_a_named_poll_is_no_other_answer(watcher, media):
    poll = watching.poll(media, results="answered")
    others_answer(poll, "b", "b", "b", "b")
    viewing.answered(poll, None, "c")
    give(watcher, poll, "b")
    folding.fold_all()

    assert "All 5 answers" in text_of(watcher, media)


def test_few_answers_are_not_broken_down(watcher, media):
    poll = watching.poll(media, results=Poll.Results.ANSWERED)
    others_answer(poll, "a", "b")

    give(watcher, poll, "b")

    assert "Right." in text_of(watcher, media)
    assert "What others answered is shown from five answers on." in text_of(watcher, media)


def test_results_never_or_not_yet(watcher, media):
    for results in (Poll.Results.NEVER, Poll.Results.CLOSED):
        poll = watching.poll(media, results=results)
        others_answer(poll, *"abbbb")
        give(watcher, poll, "b")

    text = text_of(watcher, media)
    assert text.count("Your answer is counted.") >= 2
    for shown in ("Right.", "You answered", "answers</h4>"):
        assert shown not in text

    Poll.objects.update(closes_at=timezone.now())
    assert text_of(watcher, media).count("You answered: Answer B") == 1


def test_the_words_of_others_are_shown_to_no_student(watcher, media):
    poll = watching.poll(media, "open", results=Poll.Results.ANSWERED)
    others_answer(poll, *["Private words"] * 6)

    give(watcher, poll, "Mine")

    assert "You answered: Mine" in text_of(watcher, media)
    assert "All 6 answers" in text_of(watcher, media)
    assert "Private words" not in text_of(watcher, media)


def test_questions_of_other_systems_are_not_asked_here(watcher, media):
    poll = watching.poll(media, activity=Activity.of("https://h5p.example.org/1"))

    assert poll.question not in text_of(watcher, media)
    assert give(watcher, poll, "b").status_code == 404
    assert post(watcher, media, answered(poll)).status_code == 400


def test_the_key_is_never_on_the_page(watcher, media):
    watching.poll(media, "short", correct=["Secretkey"])

    assert "Secretkey" not in text_of(watcher, media)


def test_one_poll_and_three_cost_the_same(watcher, media, django_assert_num_queries):
    watching.poll(media, results=Poll.Results.CLOSED, closes_at=timezone.now())
    text_of(watcher, media)
    with django_assert_num_queries(QUERIES):
        text_of(watcher, media)
    for _ in range(2):
        watching.poll(media, results=Poll.Results.CLOSED, closes_at=timezone.now())
    with django_assert_num_queries(QUERIES):
        text_of(watcher, media)


QUERIES = 15
