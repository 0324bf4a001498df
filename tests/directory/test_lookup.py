"""`courses_of`: what the rest of echo_lms is told about an instructor, and what it costs."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone
from kombu.exceptions import OperationalError

from configurations.authorization import disconnect
from configurations.models import ApiConfiguration
from directory.lookup import courses_of
from directory.models import Directory, LmsInstructor, Teaching
from directory.tasks import refresh_instructors
from tests.directory.conftest import INSTRUCTOR

pytestmark = pytest.mark.django_db(transaction=True)


def codes(answer):
    return [one.course.code for one in answer.teachings]


def noted(answer):
    return [note.code for note in answer.notes]


@pytest.fixture
def ordered(monkeypatch):
    """What was handed to the workers; here there are none."""
    sent: list[object] = []
    monkeypatch.setattr(
        "celery.current_app.send_task", lambda name, arguments, **_: sent.append((name, arguments))
    )
    return sent


def grow_old(**age):
    LmsInstructor.objects.update(refreshed_at=timezone.now() - datetime.timedelta(**age))


# --- From the directory -----------------------------------------------------------------------------------
def test_a_known_instructor_is_answered_from_the_directory(refreshed, canvas, sandbox):
    refreshed()
    sandbox.clear_log()

    answer = courses_of(canvas, f" {INSTRUCTOR.upper()} ")

    assert codes(answer) == ["ALG101", "BOT102"]
    assert [str(one) for one in answer.people] == ["Ira Instructor"]
    assert answer.age is not None
    assert (answer.live, answer.refreshing, answer.notes) == (False, False, ())
    assert sandbox.log() == []


def test_a_cached_answer_costs_two_queries(refreshed, canvas, django_assert_max_num_queries):
    Directory.of(canvas)
    refreshed()
    configuration = ApiConfiguration.objects.get()

    with django_assert_max_num_queries(2):
        answer = courses_of(configuration, INSTRUCTOR)
        assert codes(answer) == ["ALG101", "BOT102"]
        assert [one.course.term_name[:5] for one in answer.teachings] == ["Term ", "Term "]


def test_a_list_that_is_not_fresh_is_given_at_once_and_refreshed_behind_it(refreshed, canvas, university, ordered):
    refreshed()
    grow_old(minutes=11)
    university.add_course("CHE103")

    answer = courses_of(canvas, INSTRUCTOR)

    assert codes(answer) == ["ALG101", "BOT102"]
    assert answer.refreshing
    ((name, arguments),) = ordered
    assert name == "directory.tasks.refresh_instructors"
    refresh_instructors(*arguments)
    again = courses_of(canvas, INSTRUCTOR)
    assert codes(again) == ["ALG101", "BOT102", "CHE103"]
    assert not again.refreshing


def test_asked_for_twice_it_is_refreshed_once(refreshed, canvas, sandbox, ordered):
    refreshed()
    grow_old(minutes=11)
    for _ in range(2):
        courses_of(canvas, INSTRUCTOR)
    sandbox.clear_log()

    for _, arguments in ordered:
        refresh_instructors(*arguments)

    assert len(sandbox.log()) == 2  # courses, and invitations


def test_without_redis_the_answer_is_given_all_the_same(refreshed, canvas, monkeypatch):
    refreshed()
    grow_old(hours=1)

    def no_broker(*_, **__):
        raise OperationalError

    monkeypatch.setattr("celery.current_app.send_task", no_broker)

    answer = courses_of(canvas, INSTRUCTOR)

    assert codes(answer) == ["ALG101", "BOT102"]
    assert not answer.refreshing


def test_an_old_list_says_so(refreshed, canvas, ordered):
    refreshed()
    grow_old(hours=49)

    answer = courses_of(canvas, INSTRUCTOR)

    assert noted(answer) == ["old"]
    assert "older than 48 hours" in answer.notes[0].text


def test_a_connection_that_was_lost_is_said_and_nothing_is_asked(refreshed, canvas, sandbox, ordered):
    refreshed()
    grow_old(hours=1)
    disconnect(canvas, user=None)
    sandbox.clear_log()

    answer = courses_of(ApiConfiguration.objects.get(), INSTRUCTOR)

    assert codes(answer) == ["ALG101", "BOT102"]
    assert noted(answer) == ["not_connected"]
    assert (sandbox.log(), ordered) == ([], [])


def test_a_failed_refresh_is_said_beside_what_is_known(refreshed, canvas, sandbox):
    refreshed()
    sandbox.faults(empty=1, path="/api/v1/users")
    refreshed()

    answer = courses_of(canvas, INSTRUCTOR)

    assert codes(answer) == ["ALG101", "BOT102"]
    assert noted(answer) == ["not_refreshed"]


def test_two_accounts_with_one_address_give_the_courses_of_both(refreshed, canvas, university, sandbox):
    other = university.person("canvas-admin@demo.example")
    university.add_course("CHE103", "canvas-admin@demo.example")
    sandbox.edit(person={"id": other, "email": INSTRUCTOR})
    refreshed()

    answer = courses_of(canvas, INSTRUCTOR)

    assert codes(answer) == ["ALG101", "BOT102", "CHE103"]
    assert noted(answer) == ["several_people"]


def test_a_course_that_two_of_them_teach_is_listed_once(refreshed, canvas, university, sandbox):
    university.enroll("canvas-admin@demo.example", "ALG101")
    sandbox.edit(person={"id": university.person("canvas-admin@demo.example"), "email": INSTRUCTOR})
    refreshed()

    assert codes(courses_of(canvas, INSTRUCTOR)) == ["ALG101", "BOT102"]


def test_a_sign_in_name_counts_only_where_nobody_has_the_address(refreshed, canvas, sandbox, university):
    sandbox.edit(person={"id": university.person(INSTRUCTOR), "email": None, "login": "ira@demo.example"})
    refreshed()

    assert codes(courses_of(canvas, "ira@demo.example")) == ["ALG101", "BOT102"]


@pytest.mark.parametrize(
    "other", ["nstructor@demo.example", "instructor@demo.example.org", "ınstructor@demo.example"]
)
def test_similar_addresses_are_other_people(other, refreshed, canvas):
    refreshed()

    assert noted(courses_of(canvas, other)) == ["not_found"]


# --- Live ---------------------------------------------------------------------------------------------------
def test_an_unknown_instructor_is_looked_up_live_and_then_known(canvas, sandbox):
    answer = courses_of(canvas, INSTRUCTOR)

    assert codes(answer) == ["ALG101", "BOT102"]
    assert answer.live
    sandbox.clear_log()
    assert codes(courses_of(canvas, INSTRUCTOR)) == ["ALG101", "BOT102"]
    assert sandbox.log() == []


def test_fresh_asks_canvas_first(refreshed, canvas, university):
    refreshed()
    university.add_course("CHE103", state="invited")

    answer = courses_of(canvas, INSTRUCTOR, fresh=True)

    assert answer.live
    assert noted(answer) == ["invitations_pending"]
    assert answer.notes[0].text == "1 invitation is not accepted yet."


@pytest.mark.parametrize(
    ("fault", "code"),
    [({"error": 503}, "unavailable"), ({"close": 1}, "connection_failed"), ({"throttle": 429}, "backing_off")],
)
def test_without_canvas_fresh_falls_back_on_what_is_known(fault, code, refreshed, canvas, sandbox):
    refreshed()
    sandbox.faults(**fault, retry_after=60)

    answer = courses_of(canvas, INSTRUCTOR, fresh=True)

    assert codes(answer) == ["ALG101", "BOT102"]
    assert noted(answer) == [code]
    assert not answer.live


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (lambda sandbox: sandbox.faults(error=503), "unavailable"),
        (lambda sandbox: sandbox.faults(forget_tokens=1), "authorization_lost"),
    ],
)
def test_what_a_live_look_up_meets_is_said(happens, code, canvas, sandbox):
    happens(sandbox)

    answer = courses_of(canvas, INSTRUCTOR)

    assert (codes(answer), noted(answer)) == ([], [code])
    assert answer.notes[0].advice


def test_a_configuration_without_authorization_says_so(configuration):
    answer = courses_of(configuration, INSTRUCTOR)

    assert noted(answer) == ["not_authorized"]


def test_what_is_no_address_is_refused(canvas, sandbox):
    with pytest.raises(ValueError, match="Enter an e-mail address"):
        courses_of(canvas, "ira")
    assert sandbox.log() == []


def test_someone_without_courses_is_known_and_said_to_have_none(canvas, sandbox):
    answer = courses_of(canvas, "canvas-admin@demo.example")

    assert noted(answer) == ["no_active_course"]
    assert not Teaching.objects.exists()
