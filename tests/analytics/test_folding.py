"""Rollups are what the events say, whatever the order, repetition and batching in which these arrive."""

from __future__ import annotations

import ast
import datetime
import itertools
import uuid
from collections import defaultdict
from math import floor
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from analytics import folding, identities, playback
from analytics.models import Activity, Identity, Media, Poll, PollAnswer, RawDrop, StatementBatch
from analytics.models.media import MAX_SECONDS
from analytics.playback import Kind
from tests.support import timetable, viewing
from tests.support.viewing import NOON

pytestmark = pytest.mark.django_db
SECOND = datetime.timedelta(seconds=1)


# --- What the figures are ---------------------------------------------------------------------------------
def sums(table: str = "viewuser", of: Media | None = None) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """By learner (and day): views, of at least 5 %, seconds, ranges."""
    who = "learner_id, day" if table == "viewuserday" else "learner_id"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {who}, views, views_5, seconds, watched::text,"  # noqa: S608 - our own
            f" watched_seconds = analytics_covered(watched) FROM analytics_{table}"
            " WHERE %(media)s::int IS NULL OR media_id = %(media)s",
            {"media": of.pk if of else None},
        )
        rows = cursor.fetchall()
    assert all(row[-1] for row in rows)
    width = len(who.split())
    return {row[:width]: row[width:-1] for row in rows}


def figures_of(learner: Any) -> tuple[Any, ...]:
    return sums()[(learner and learner.pk,)]


@pytest.fixture
def lecture(db):
    return viewing.media(timetable.section(), seconds=600)


@pytest.fixture
def student(lecture):
    return viewing.student(lecture.section)


def told(lecture, *events: tuple[Any, ...], session: uuid.UUID | None = None) -> list[dict[str, Any]]:
    """From (seconds after noon, kind, at, to) tuples."""
    session = session or uuid.uuid4()
    return [
        {
            "activity_id": lecture.activity_id,
            "session_id": session,
            "statement_id": uuid.uuid4(),
            "occurred": NOON + SECOND * after,
            "kind": kind,
            "at": rest[0] if rest else None,
            "to": rest[1] if len(rest) > 1 else None,
        }
        for after, kind, *rest in events
    ]


def test_played_and_paused_is_a_view_with_its_seconds(lecture, student):
    viewing.watched(lecture, student, (0, 60))

    assert figures_of(student) == (1, 1, 60, "{[0,60)}")


def test_a_replay_counts_in_the_seconds_and_not_in_what_was_seen(lecture, student):
    viewing.watched(lecture, student, (0, 60), (30, 90))

    assert figures_of(student) == (1, 1, 120, "{[0,90)}")


def test_less_than_five_per_cent_is_a_view_and_not_one_of_five_per_cent(lecture, student):
    viewing.watched(lecture, student, (0, 29))
    assert figures_of(student)[:2] == (1, 0)
    viewing.watched(lecture, student, (0, 30))
    assert figures_of(student)[:2] == (2, 1)


def test_a_jump_ends_a_stretch_and_playing_goes_on_from_where_it_landed(lecture, student):
    events = told(
        lecture,
        (0, Kind.PLAYED, 0),
        (10, Kind.SEEKED, 10, 300),
        (30, Kind.INTERACTED, 320),
        (40, Kind.PAUSED, 330),
    )
    viewing.store(events, student)
    folding.fold_all()

    assert figures_of(student) == (1, 1, 40, "{[0,10),[300,330)}")


def test_a_jump_while_it_is_paused_plays_nothing(lecture, student):
    events = told(lecture, (0, Kind.PLAYED, 0), (10, Kind.PAUSED, 10), (20, Kind.SEEKED, 10, 300))
    viewing.store(events, student)
    folding.fold_all()

    assert figures_of(student) == (1, 0, 10, "{[0,10)}")


def test_completed_in_the_middle_does_not_end_the_playing(lecture, student):
    events = told(lecture, (0, Kind.PLAYED, 0), (570, Kind.COMPLETED, 570), (600, Kind.TERMINATED, 600))
    viewing.store(events, student)
    folding.fold_all()

    assert figures_of(student)[2] == 600


def test_a_closed_tab_keeps_what_the_heartbeats_told(lecture, student):
    viewing.store(told(lecture, (0, Kind.PLAYED, 0), (15, Kind.INTERACTED, 15)), student)
    folding.fold_all()

    assert figures_of(student)[2] == 15


def test_a_play_of_which_nothing_more_is_heard_is_a_view_of_one_second(lecture, student):
    viewing.store(told(lecture, (0, Kind.PLAYED, 590.2)), student)
    folding.fold_all()

    assert figures_of(student) == (1, 0, 1, "{[590,591)}")


def test_a_play_that_was_stopped_at_once_is_no_view(lecture, student):
    session = uuid.uuid4()
    viewing.store(told(lecture, (0, Kind.PLAYED, 0), session=session), student)
    folding.fold_all()
    viewing.store(told(lecture, (1, Kind.PAUSED, 0.2), session=session), student)
    folding.fold_all()

    assert sums() == {}
    assert sums("viewuserday") == {}


def test_what_the_sender_claims_was_seen_adds_to_it_and_not_to_the_seconds(lecture, student):
    events = told(lecture, (0, Kind.PLAYED, 0), (10, Kind.PAUSED, 10))
    events[1]["segments"] = [0, 10, 100, 150]
    viewing.store(events, student)
    folding.fold_all()

    assert figures_of(student) == (1, 1, 10, "{[0,10),[100,150)}")


def test_a_sender_that_only_claims_is_believed(lecture, student):
    events = told(lecture, (0, Kind.TERMINATED, 50))
    events[0]["segments"] = [0, 20.4, 30, 50]
    viewing.store(events, student)
    folding.fold_all()

    assert figures_of(student) == (1, 1, 40, "{[0,20),[30,50)}")


def test_nothing_is_watched_beyond_the_end(lecture, student):
    viewing.watched(lecture, student, (500, 900), (-20, 10))

    assert figures_of(student) == (1, 1, 110, "{[0,10),[500,600)}")


def test_nobody_in_particular_has_a_row_of_their_own(lecture):
    viewing.watched(lecture, None, (0, 60))
    viewing.watched(lecture, None, (0, 60))

    assert sums() == {(None,): (2, 2, 120, "{[0,60)}")}


def test_sessions_of_two_days_that_are_folded_at_once_count_once_each(lecture, student):
    for days in (0, 1):
        viewing.store(viewing.events_of(lecture, (0, 60), at=NOON + datetime.timedelta(days=days)), student)
    folding.fold_all()

    assert figures_of(student) == (2, 2, 120, "{[0,60)}")
    assert [row[:3] for row in sums("viewuserday").values()] == [(1, 1, 60)] * 2


def test_a_session_over_midnight_belongs_to_the_day_on_which_it_began(lecture, student, settings):
    settings.INSTITUTION_TIME_ZONE = "America/New_York"
    late = datetime.datetime(2026, 5, 7, 3, 58, tzinfo=datetime.UTC)
    viewing.watched(lecture, student, (0, 300), at=late)

    assert [day for _, day in sums("viewuserday")] == [datetime.date(2026, 5, 6)]


def test_a_media_that_is_added_after_its_events_gets_them(lecture, student):
    viewing.store(told(lecture, (0, Kind.PLAYED, 0), (60, Kind.PAUSED, 60)), student)
    activity, section = lecture.activity, lecture.section
    lecture.delete()
    folding.fold_all()
    assert sums() == {}

    later = viewing.media(section, seconds=600, activity=activity)
    folding.read_media_anew([later])

    assert figures_of(student) == (1, 1, 60, "{[0,60)}")


def test_a_media_that_became_shorter_is_cut(lecture, student):
    viewing.watched(lecture, student, (0, 400))
    lecture.duration_seconds = 300
    lecture.save()
    folding.read_media_anew([lecture])

    assert figures_of(student) == (1, 1, 300, "{[0,300)}")


def test_figures_are_fresh_until_the_oldest_batch_that_waits(lecture, student):
    stored = NOON + SECOND
    viewing.store(told(lecture, (0, Kind.PLAYED, 0)), student, stored=stored)
    viewing.store(told(lecture, (0, Kind.PLAYED, 0)), student, stored=NOON + 2 * SECOND)

    assert folding.fresh_until() == stored
    folding.fold(1)
    assert folding.fresh_until() == NOON + 2 * SECOND


def test_who_was_erased_leaves_nothing_when_figures_are_read_anew(lecture, student):
    viewing.watched(lecture, student, (0, 60))
    student.identities.all().delete()
    folding.read_media_anew([lecture])

    assert sums() == {}


# --- Order, repetition, batching --------------------------------------------------------------------------
def oracle(events: list[dict[str, Any]], length: int) -> dict[int | None, tuple[int, int, set[int]]]:
    """Views, seconds and the seconds seen, by learner: second by second, from the words of docs/analytics.md."""
    sessions = defaultdict(list)
    for event in events:
        sessions[event["identity_id"], event["session_id"]].append(event)
    found: dict[int | None, tuple[int, int, set[int]]] = {}
    for (identity, _), told_ in sessions.items():
        learner = Identity.objects.get(pk=identity).learner_id
        told_.sort(key=_order)
        played: list[int] = []
        claimed: set[int] = set()
        running, place = False, None
        for one in told_:
            if running and place is not None and one["at"] is not None:
                played += [n for n in range(floor(place + 0.5), floor(one["at"] + 0.5)) if 0 <= n < length]
            running = {Kind.PLAYED: True, Kind.PAUSED: False, Kind.TERMINATED: False}.get(one["kind"], running)
            new = one["to"] if one["kind"] == Kind.SEEKED else one["at"]
            if new is not None or one["kind"] == Kind.PLAYED:
                place = new
            for low, high in zip((one.get("segments") or [])[::2], (one.get("segments") or [])[1::2], strict=True):
                claimed |= {n for n in range(floor(low + 0.5), floor(high + 0.5)) if 0 <= n < length}
        if not played:
            played = sorted(claimed)
        if not played and running:
            played = [min(max(floor((place or 0) + 0.5), 0), length - 1)]
        if played:
            views, seconds, seen = found.get(learner, (0, 0, set()))
            found[learner] = (views + 1, seconds + len(played), seen | set(played) | claimed)
    return found


def _order(event: dict[str, Any]) -> tuple[Any, ...]:
    """What happens in one moment: first a pause, then a jump, then playing on; then by where in the media."""
    places = [-1 if event[name] is None else max(floor(event[name] + 0.5), 0) for name in ("at", "to")]
    return (event["occurred"], event["kind"], *places)


def measured(of: Media) -> dict[int | None, tuple[int, int, set[int]]]:
    found = {}
    for (learner,), (views, _, seconds, ranges) in sums(of=of).items():
        seen = {
            n for low, high in ast.literal_eval(f"[{ranges[1:-1].replace('[', '(')}]") for n in range(low, high)
        }
        found[learner] = (views, seconds, seen)
    return found


rounds = itertools.count(1)
moments = st.floats(0, 70, allow_nan=False).map(lambda one: round(one, 1))
event = st.fixed_dictionaries(
    {
        "who": st.sampled_from([0, 0, 0, 1]),
        "sitting": st.sampled_from([0, 0, 0, 1]),
        "after": st.integers(0, 12),
        "kind": st.sampled_from([*Kind, Kind.PLAYED, Kind.PLAYED, Kind.PAUSED, Kind.INTERACTED]),
        "at": st.integers(0, 9).flatmap(lambda one: moments if one else st.none()),
        "to": st.none() | moments,
        "segments": st.sampled_from([None] * 7 + [[0, 4.5], [20, 30]]),
    }
)


@pytest.fixture
def section(db):
    return timetable.section()


@pytest.fixture
def people(section):
    return [viewing.student(section), viewing.stranger()]


@pytest.fixture(params=[1, playback.REMEMBERED])
def remembered(request, monkeypatch):
    """What comes late is put into its place, or the session is read anew from its events."""
    monkeypatch.setattr(playback, "REMEMBERED", request.param)


@hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), stream=st.lists(event, max_size=14) | st.lists(event, min_size=6, max_size=14))
@pytest.mark.usefixtures("remembered")
def test_any_order_and_batching_gives_what_the_events_say_and_so_does_reading_anew(data, stream, section, people):
    lecture = viewing.media(section, seconds=60)
    round_ = next(rounds) << 64
    numbers = data.draw(st.lists(st.integers(0, 99), unique=True, min_size=len(stream), max_size=len(stream)))
    sittings = [uuid.UUID(int=round_ + number) for number in range(3)]
    events = [
        {
            "activity_id": lecture.activity_id,
            "identity_id": people[one["who"]].identities.order_by("pk")[0].pk,
            "session_id": sittings[one["sitting"]],
            "statement_id": uuid.UUID(int=round_ + number),
            "occurred": NOON + SECOND * one["after"],
            **{name: one[name] for name in ("kind", "at", "to", "segments")},
        }
        for one, number in zip(stream, numbers, strict=True)
    ]
    expected = oracle(events, 60)
    mixed = data.draw(st.permutations(events))
    while mixed:
        size = data.draw(st.integers(1, len(mixed)))
        viewing.store(mixed[:size])
        mixed = mixed[size:]
        if data.draw(st.booleans()):
            folding.fold_all()
    folding.fold_all()

    assert measured(lecture) == expected
    before = sums(of=lecture), sums("viewuserday", lecture)
    folding.read_media_anew([lecture])
    assert (sums(of=lecture), sums("viewuserday", lecture)) == before

    if events:
        voided = data.draw(st.lists(st.sampled_from(events), unique_by=lambda one: one["statement_id"]))
        for one in voided:
            viewing.store([{"voids": one["statement_id"]}])
            if data.draw(st.booleans()):
                folding.fold_all()
        folding.fold_all()
        left = [one for one in events if one not in voided]
        assert measured(lecture) == oracle(left, 60)


def test_a_statement_that_is_voided_before_it_comes_never_counts(lecture, student):
    events = told(lecture, (0, Kind.PLAYED, 0), (60, Kind.PAUSED, 60))
    viewing.store([{"voids": one["statement_id"]} for one in events])
    folding.fold_all()
    viewing.store(events, student)
    folding.fold_all()

    assert sums() == {}


# --- Answers ----------------------------------------------------------------------------------------------
def answers() -> list[tuple[Any, ...]]:
    found = PollAnswer.objects.order_by("latest_at", "pk")
    return [
        (one.attempts, one.first_response, one.first_correct, one.latest_response, one.latest_correct)
        for one in found
    ]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_first_and_latest_answer_are_by_their_time_and_not_by_their_arrival(order, lecture, student):
    question = viewing.poll(lecture)
    for number in order:
        viewing.answered(question, student, "abc"[number], at=NOON + SECOND * number)

    assert answers() == [(3, "a", False, "c", False)]


def test_our_own_key_decides_and_without_one_the_sender(lecture, student):
    viewing.answered(viewing.poll(lecture), student, "b", success=False)
    viewing.answered(viewing.poll(lecture, correct=[]), student, "b", success=True, at=NOON + SECOND)
    viewing.answered(viewing.poll(lecture, correct=[]), student, "b", at=NOON + 2 * SECOND)

    assert [one[2] for one in answers()] == [True, True, None]


def test_anonymous_answers_are_counted_one_by_one(lecture):
    question = viewing.poll(lecture, anonymous=True)
    for response in "abb":
        viewing.answered(question, None, response)

    assert sorted(one[1] for one in answers()) == ["a", "b", "b"]


def test_a_voided_answer_is_taken_back(lecture, student):
    question = viewing.poll(lecture)
    key = uuid.uuid4()
    viewing.answered(question, student, "a", at=NOON)
    answer = {"activity_id": question.activity_id, "response": "b", "success": None, "statement_id": key}
    viewing.store([answer | {"occurred": NOON + SECOND}], student)
    folding.fold_all()
    assert answers() == [(2, "a", False, "b", True)]

    viewing.store([{"voids": key}])
    folding.fold_all()

    assert answers() == [(1, "a", False, "a", False)]


def test_a_question_of_another_system_becomes_a_poll(lecture, student):
    activity = Activity.of("https://h5p.example.edu/7")
    definition = {
        "type": "http://adlnet.gov/expapi/activities/cmi.interaction",
        "interactionType": "choice",
        "description": {"de": "Was?", "en-US": "<p>Which are <b>prime</b>?</p>"},
        "correctResponsesPattern": ["0[,]2"],
        "choices": [{"id": "0", "description": {"en": "2"}}, {"id": "1"}, {"id": "2", "description": {"en": "3"}}],
    }
    answer = {
        "activity_id": activity.pk,
        "parent_id": lecture.activity_id,
        "response": "2[,]0",
        "success": None,
        "occurred": NOON,
        "statement": {"object": {"definition": definition}},
    }
    viewing.store([answer], student)
    folding.fold_all()

    made = Poll.objects.get()
    assert (made.kind, made.question, made.media) == (Poll.Kind.SEVERAL, "Which are prime?", lecture)
    assert [one["text"] for one in made.choices] == ["2", "1", "3"]
    assert answers() == [(1, "2[,]0", True, "2[,]0", True)]


@pytest.mark.parametrize(("success", "correct"), [(True, True), (False, False), (None, True)])
def test_of_other_systems_questions_the_sender_knows_best_what_is_right(success, correct, lecture, student):
    activity = Activity.of("https://h5p.example.edu/8")
    definition = {
        "interactionType": "fill-in",
        "description": {"en": "A fruit?"},
        "correctResponsesPattern": ["{case_matters=false}{lang=en}apple"],
    }
    answer = {
        "activity_id": activity.pk,
        "parent_id": lecture.activity_id,
        "response": "Apple",
        "success": success,
    }
    viewing.store([answer | {"occurred": NOON, "statement": {"object": {"definition": definition}}}], student)
    folding.fold_all()

    assert answers() == [(1, "Apple", correct, "Apple", correct)]


def test_answers_from_before_a_media_was_added_become_its_polls(student):
    question, name = Activity.of("https://h5p.example.edu/9"), Activity.of("https://media.example.edu/9")
    answer = {"activity_id": question.pk, "parent_id": name.pk, "response": "true", "success": True}
    definition = {"interactionType": "true-false", "description": {"en": "Is it?"}}
    viewing.store([answer | {"occurred": NOON, "statement": {"object": {"definition": definition}}}], student)
    folding.fold_all()
    assert not Poll.objects.exists()

    folding.read_media_anew([viewing.media(activity=name)])

    assert Poll.objects.get().question == "Is it?"
    assert answers() == [(1, "true", True, "true", True)]


# --- Wrong data -----------------------------------------------------------------------------------------
def test_nul_characters_and_odd_numbers_in_a_question_harm_nobody(lecture, student):
    for number, (kind, text, pattern) in enumerate(
        [("choice", "Evil\0question", "a\0"), ("numeric", "Number", "nan[:]5"), ("fill-in", "\0", "sNaN")]
    ):
        activity = Activity.of(f"https://h5p.example.edu/wrong/{number}")
        definition = {
            "interactionType": kind,
            "description": {"en": text},
            "correctResponsesPattern": [pattern],
            "choices": [{"id": "a\0"}],
        }
        answer = {"activity_id": activity.pk, "parent_id": lecture.activity_id, "response": "3", "success": None}
        viewing.store([answer | {"occurred": NOON, "statement": {"object": {"definition": definition}}}], student)
    folding.fold_all()

    assert [one[2] for one in answers()] == [False] * 3
    assert not StatementBatch.objects.exclude(problem="").exists()


def test_a_request_that_cannot_be_folded_is_set_aside_and_those_behind_it_are_counted(lecture, student, caplog):
    viewing.store(told(lecture, (0, Kind.PLAYED, 0), (60, Kind.PAUSED, 60)), student)
    # More seconds than a figure can hold.
    far = [(n, Kind.PLAYED if n % 2 == 0 else Kind.PAUSED, 0 if n % 2 == 0 else MAX_SECONDS) for n in range(8000)]
    endless = viewing.media(lecture.section, seconds=MAX_SECONDS)
    viewing.store(told(endless, *far), student)
    viewing.store(told(lecture, (0, Kind.PLAYED, 100), (60, Kind.PAUSED, 160)), student)

    assert folding.fold_all() == 8004

    aside = StatementBatch.objects.exclude(problem="")
    assert [batch.statements for batch in aside] == [8000]
    assert "out of range" in aside[0].problem
    assert figures_of(student)[2] == 120
    assert "set aside" in caplog.text
    assert folding.fold_all() == 0


# --- What was dropped -----------------------------------------------------------------------------------
def test_an_old_view_that_was_stored_after_the_last_dropped_month_can_be_taken_back(lecture, student):
    RawDrop.objects.create(month="2026-07-01", until="2026-08-01", batches=1, statements=1)
    events = viewing.events_of(lecture, (0, 100), at=NOON)
    viewing.store(events, student, stored=datetime.datetime(2026, 9, 1, tzinfo=datetime.UTC))
    folding.fold_all()
    assert figures_of(student)[2] == 100

    viewing.store([{"voids": event["statement_id"]} for event in events])
    folding.fold_all()

    assert not sums()


# --- One person under several names -----------------------------------------------------------------------
def test_somebody_known_by_address_who_appears_on_a_roster_brings_their_views(lecture):
    visitor = viewing.stranger("late@example.edu")
    viewing.watched(lecture, visitor, (0, 60))

    joined = viewing.student(lecture.section, name="Late Comer", email="late@example.edu")

    assert joined.pk == visitor.pk
    assert (joined.name, figures_of(joined)[2]) == ("Late Comer", 60)


def test_two_who_turn_out_to_be_one_have_their_figures_together(lecture, student):
    question = viewing.poll(lecture)
    other = viewing.stranger("second@example.edu")
    viewing.watched(lecture, student, (0, 60))
    viewing.watched(lecture, other, (30, 90))
    viewing.answered(question, student, "a", at=NOON)
    viewing.answered(question, other, "b", at=NOON + SECOND)

    identities.merge(student.pk, other.pk)

    assert sums() == {(student.pk,): (2, 2, 120, "{[0,90)}")}
    assert answers() == [(2, "a", False, "b", True)]
    before = sums("viewuserday")
    folding.rebuild()
    assert sums("viewuserday") == before
