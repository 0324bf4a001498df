"""What administrators see of the directory, and what they may ask of it."""

from __future__ import annotations

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from configurations.authorization import disconnect
from configurations.models import ApiConfiguration
from directory import runs, tasks
from directory.models import Directory, LmsCourse, LmsInstructor, RefreshRun
from tests.directory.conftest import INSTRUCTOR

pytestmark = pytest.mark.django_db(transaction=True)
DIRECTORIES = "admin:directory_directory_changelist"
INSTRUCTORS = "admin:directory_lmsinstructor_changelist"
COURSES = "admin:directory_lmscourse_changelist"
RUNS = "admin:directory_refreshrun_changelist"


@pytest.fixture
def signed_in(client, admin):
    client.force_login(admin)
    return client


@pytest.fixture
def ordered(monkeypatch):
    """What was handed to the workers; here there are none."""
    sent: list[tuple[object, ...]] = []
    for task in (tasks.work_on, tasks.refresh_instructors):
        monkeypatch.setattr(task, "apply_async", lambda *arguments, **_: sent.append(arguments))
    return sent


def page(client, name, *arguments, **query):
    return client.get(reverse(name, args=arguments), query).content.decode()


# --- Directories ------------------------------------------------------------------------------------------
def test_every_configuration_has_a_directory_in_the_list(signed_in, configuration):
    shown = page(signed_in, DIRECTORIES)

    assert "Sandbox" in shown
    assert "Not refreshed: not authorized" in shown


def test_a_fresh_directory_says_what_it_knows(signed_in, refreshed):
    refreshed()

    shown = page(signed_in, DIRECTORIES)

    assert ">Fresh<" in shown
    assert "1 instructor<" in shown
    assert "2 courses<" in shown


def situation_not_read(canvas, sandbox, refreshed): ...


def situation_old(canvas, sandbox, refreshed):
    refreshed()
    RefreshRun.objects.update(finished_at=timezone.now() - datetime.timedelta(hours=49))


def situation_partial(canvas, sandbox, refreshed):
    refreshed()
    sandbox.faults(empty=1, path="/api/v1/users")
    refreshed()


def situation_stopped(canvas, sandbox, refreshed):
    refreshed()
    runs.finish(runs.start_run(canvas, everything=True), runs.Outcome.STOPPED, "Nothing but web pages.")


def situation_lost(canvas, sandbox, refreshed):
    refreshed()
    sandbox.faults(forget_tokens=1)
    refreshed()


def situation_off(canvas, sandbox, refreshed):
    refreshed()
    Directory.objects.update(enabled=False)


def situation_running(canvas, sandbox, refreshed):
    runs.start_run(canvas)


@pytest.mark.parametrize(
    ("situation", "label"),
    [
        (situation_not_read, "Not read yet"),
        (situation_old, "Older than 48 hours"),
        (situation_partial, "The last refresh met errors"),
        (situation_stopped, "The last refresh was stopped"),
        (situation_lost, "Not refreshed: authorization lost"),
        (situation_off, "Not refreshed in the background"),
        (situation_running, "Refreshing now"),
    ],
)
def test_each_state_is_said_in_words(situation, label, signed_in, canvas, sandbox, refreshed):
    situation(canvas, sandbox, refreshed)
    directory = Directory.of(ApiConfiguration.objects.get())

    for shown in (
        page(signed_in, DIRECTORIES),
        page(signed_in, "admin:directory_directory_change", directory.pk),
        page(signed_in, "admin:configurations_apiconfiguration_changelist"),
    ):
        assert label in shown


def test_refresh_everything_now_begins_a_run_that_a_worker_does(signed_in, canvas, admin, ordered):
    directory = Directory.of(canvas)

    answer = signed_in.post(reverse("admin:directory_directory_refresh", args=[directory.pk]), follow=True)

    assert "everybody's courses are being read again" in answer.content.decode().replace("&#x27;", "'")
    run = RefreshRun.objects.get()
    assert (run.trigger, run.requested_by, run.horizon) == (RefreshRun.Trigger.PERSON, admin, run.started_at)
    assert ordered == [((canvas.pk,),)]
    tasks.work_on(canvas.pk)
    run.refresh_from_db()
    assert run.outcome == RefreshRun.Outcome.COMPLETE


def test_refresh_now_of_a_lost_connection_says_why_not(signed_in, canvas, ordered):
    directory = Directory.of(canvas)
    disconnect(canvas, user=None)

    answer = signed_in.post(reverse("admin:directory_directory_refresh", args=[directory.pk]), follow=True)

    assert "Sandbox: Not authorized." in answer.content.decode()
    assert not RefreshRun.objects.exists()


def test_the_progress_asks_again_only_while_a_run_is_under_way(signed_in, canvas, refreshed):
    refreshed()
    address = "admin:directory_directory_progress"
    directory = Directory.of(canvas)
    assert "hx-get" not in page(signed_in, address, directory.pk)

    run = runs.start_run(canvas, everything=True)
    RefreshRun.objects.filter(pk=run.pk).update(planned=2000, refreshed=1200, failed=3, requests=1234, throttles=2)
    shown = page(signed_in, address, directory.pk)

    assert "hx-get" in shown
    assert "1,203 of 2,000 instructors read" in shown
    assert "1,234 requests made, 2 of them throttled; 3 instructors failed." in shown


def test_the_lists_cost_the_same_for_one_and_for_many(signed_in, canvas, refreshed):
    refreshed()
    names = (DIRECTORIES, INSTRUCTORS, COURSES, RUNS, "admin:configurations_apiconfiguration_changelist")
    page(signed_in, DIRECTORIES)
    before = {}
    for name in names:
        before[name] = queries_for(signed_in, name)
    for number in range(2, 6):
        configuration = ApiConfiguration.objects.create(
            name=f"Canvas {number}", base_url=f"https://{number}.example.edu", client_id="1", client_secret="x"
        )
        Directory.of(configuration)
        RefreshRun.objects.create(configuration=configuration, finished_at=timezone.now())
        person = LmsInstructor.objects.create(configuration=configuration, lms_id=str(number))
        person.teachings.create(course=LmsCourse.objects.create(configuration=configuration, lms_id=str(number)))

    for name in names:
        assert queries_for(signed_in, name) <= before[name], name


def queries_for(client, name):
    with CaptureQueriesContext(connection) as captured:
        page(client, name)
    return len(captured)


# --- Instructors and courses ------------------------------------------------------------------------------
def test_instructors_can_be_searched_and_filtered(signed_in, refreshed):
    refreshed()

    assert INSTRUCTOR in page(signed_in, INSTRUCTORS, q="ira")
    assert "Nobody was found." in page(signed_in, INSTRUCTORS, q="somebody else")
    assert "Nobody was found." in page(signed_in, INSTRUCTORS, state="failed")
    LmsInstructor.objects.update(last_error="Canvas took too long to answer.", failures=1)
    assert "Canvas took too long to answer." in page(signed_in, INSTRUCTORS, state="failed")


def test_empty_lists_say_when_they_fill(signed_in, db):
    assert "Instructors appear within a minute" in page(signed_in, INSTRUCTORS)
    assert "Courses appear within a minute" in page(signed_in, COURSES)


def test_an_instructor_is_shown_with_the_courses_and_can_be_refreshed_at_once(signed_in, refreshed, university):
    refreshed()
    person = LmsInstructor.objects.get()
    university.add_course("CHE103")
    university.remove(INSTRUCTOR, "BOT102")

    shown = signed_in.post(reverse("admin:directory_lmsinstructor_refresh", args=[person.pk]), follow=True)

    text = shown.content.decode()
    assert "Ira Instructor: courses read just now." in text
    assert text.index("CHE103") < text.index("No longer taught") < text.index("BOT102")


def test_refreshing_without_canvas_says_why_and_keeps_what_is_known(signed_in, refreshed, sandbox):
    refreshed()
    sandbox.faults(error=503)
    person = LmsInstructor.objects.get()

    shown = signed_in.post(reverse("admin:directory_lmsinstructor_refresh", args=[person.pk]), follow=True)

    assert "Canvas is not available just now." in shown.content.decode()
    assert "ALG101" in shown.content.decode()


def test_many_are_refreshed_by_a_worker(signed_in, canvas, ordered):
    people = [LmsInstructor.objects.create(configuration=canvas, lms_id=str(number)) for number in range(30)]
    chosen = {"action": "refresh_now", "_selected_action": [one.pk for one in people]}

    shown = signed_in.post(reverse(INSTRUCTORS), chosen, follow=True)

    assert "30 instructors are being refreshed." in shown.content.decode()
    assert sorted(len(arguments[0][0]) for arguments in ordered) == [5, 25]


def test_a_course_shows_who_teaches_it_and_how_many_are_in_it(signed_in, refreshed, university):
    university.enroll("canvas-admin@demo.example", "ALG101", kind="Student")
    refreshed()
    course = LmsCourse.objects.get(code="ALG101")
    assert "Not read." in page(signed_in, "admin:directory_lmscourse_change", course.pk)

    signed_in.post(reverse(COURSES), {"action": "keep_roster", "_selected_action": [course.pk]})
    refreshed()

    shown = page(signed_in, "admin:directory_lmscourse_change", course.pk)
    assert "Ira Instructor</a>, teacher" in shown
    assert "StudentEnrollment" in shown


def test_what_canvas_calls_people_and_courses_cannot_break_the_pages(signed_in, refreshed, sandbox, university):
    hostile = "<script>alert(1)</script>\u202e"
    sandbox.edit(person={"id": university.person(INSTRUCTOR), "name": hostile})
    sandbox.edit(course={"id": university.course("ALG101"), "name": hostile + "x" * 600})
    refreshed()
    person, course = LmsInstructor.objects.get(), LmsCourse.objects.get(code="ALG101")

    for shown in (
        page(signed_in, INSTRUCTORS),
        page(signed_in, COURSES),
        page(signed_in, "admin:directory_lmsinstructor_change", person.pk),
        page(signed_in, "admin:directory_lmscourse_change", course.pk),
    ):
        assert "<script>alert" not in shown
        assert "\u202e" not in shown


def test_the_runs_can_be_read_and_not_changed(signed_in, refreshed):
    run = refreshed()

    assert "1 of 1" in page(signed_in, RUNS)
    assert signed_in.get(reverse("admin:directory_refreshrun_change", args=[run.pk])).status_code == 200
    assert signed_in.post(reverse("admin:directory_refreshrun_change", args=[run.pk]), {}).status_code == 403
