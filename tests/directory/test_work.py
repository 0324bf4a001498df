"""A run against the sandbox Canvas over HTTP: what the directory knows afterwards, whatever happened meanwhile."""

from __future__ import annotations

import datetime
import sys

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from configurations.authorization import disconnect
from configurations.models import ApiConfiguration, Authorization
from directory import runs
from directory.models import Directory, LmsCourse, LmsInstructor, RefreshRun
from directory.work import HOPELESS_AFTER, LEASE, Work
from tests.directory.conftest import INSTRUCTOR, courses_of_person
from tests.support.consent import authorize

pytestmark = pytest.mark.django_db(transaction=True)
Outcome = RefreshRun.Outcome
ALGEBRA, BOTANY = "ALG101", "BOT102"
OTHER = "canvas-admin@demo.example"
TWO = {ALGEBRA: "teacher", BOTANY: "teacher"}


# --- What a run finds -----------------------------------------------------------------------------------
def test_a_run_finds_the_teachers_and_their_courses(refreshed, sandbox):
    run = refreshed()

    assert courses_of_person() == TWO
    assert (run.outcome, run.teachers, run.planned, run.refreshed, run.failed) == (Outcome.COMPLETE, 1, 1, 1, 0)
    course = LmsCourse.objects.get(code=ALGEBRA)
    assert (course.name, course.workflow_state) == ("Algebra I", "available")
    assert course.term_name.startswith("Term ")
    # The list of teachers, the list of assistants, one person.
    assert len(sandbox.log()) == run.requests == 3


def test_a_course_added_in_canvas_appears_and_a_removed_one_is_marked_gone(refreshed, university):
    refreshed()
    university.add_course("CHE103")
    university.remove(INSTRUCTOR, BOTANY)

    refreshed()

    assert courses_of_person() == {ALGEBRA: "teacher", "CHE103": "teacher"}
    gone = LmsCourse.objects.get(code=BOTANY)
    assert gone.gone_at is not None
    assert gone.state == "Gone"


def test_a_course_that_returns_has_its_old_identity(refreshed, university, sandbox):
    refreshed()
    before = LmsCourse.objects.get(code=BOTANY).pk
    enrollment = university.enrollment(INSTRUCTOR, BOTANY)
    sandbox.edit(enrollment={"id": enrollment, "state": "deleted"})
    refreshed()
    sandbox.edit(enrollment={"id": enrollment, "state": "active"})

    refreshed()

    assert LmsCourse.objects.get(code=BOTANY, gone_at=None).pk == before
    assert courses_of_person() == TWO


def test_courses_are_locked_by_id_and_never_by_a_query_inside_the_query(refreshed, university):
    """Which would have every course of the configuration read, for each batch of people."""
    refreshed()
    university.remove(INSTRUCTOR, BOTANY)

    with CaptureQueriesContext(connection) as captured:
        refreshed()

    locks = [
        one["sql"] for one in captured if 'FROM "directory_lmscourse"' in one["sql"] and "FOR UPDATE" in one["sql"]
    ]
    by_id = [sql for sql in locks if '"lms_id" IN' in sql]
    assert by_id
    assert not any("(SELECT" in sql for sql in by_id)


def test_while_a_run_goes_on_threads_take_short_turns_and_afterwards_the_usual_ones(refreshed, canvas):
    usual, during = sys.getswitchinterval(), []
    run = runs.start_run(canvas, everything=True)

    Work(run, seconds=60, on_progress=lambda _run: during.append(sys.getswitchinterval())).do()

    assert min(during) < usual
    assert sys.getswitchinterval() == usual


def test_renamed_people_and_courses_keep_their_rows(refreshed, university, sandbox):
    refreshed()
    person, course = LmsInstructor.objects.get().pk, LmsCourse.objects.get(code=ALGEBRA).pk
    sandbox.edit(person={"id": university.person(INSTRUCTOR), "name": "Ira New", "email": "new@demo.example"})
    sandbox.edit(course={"id": university.course(ALGEBRA), "name": "Algebra for All", "code": "ALG1"})

    refreshed()

    renamed = LmsInstructor.objects.get()
    assert (renamed.pk, renamed.name, renamed.email) == (person, "Ira New", "new@demo.example")
    assert LmsCourse.objects.get(pk=course).name == "Algebra for All"


def test_an_address_that_moves_to_somebody_else_moves_with_the_lms_id(refreshed, university, sandbox):
    university.enroll(OTHER, ALGEBRA)
    refreshed()
    mine, other = university.person(INSTRUCTOR), university.person(OTHER)
    sandbox.edit(person={"id": mine, "email": "former@demo.example"})
    sandbox.edit(person={"id": other, "email": INSTRUCTOR})

    refreshed()

    assert courses_of_person(INSTRUCTOR) == {ALGEBRA: "teacher"}
    assert courses_of_person("former@demo.example") == TWO


def test_assistants_are_included_if_the_admin_chooses(refreshed, canvas, university):
    university.add_course("CHE103", kind="Ta")
    refreshed()
    assert courses_of_person() == TWO | {"CHE103": "ta"}

    Directory.objects.update(teaching_assistants=False)
    refreshed()

    assert courses_of_person() == TWO


def test_an_invitation_is_no_course_and_is_counted_where_nothing_else_is_known(refreshed, university):
    for code in TWO:
        university.remove(INSTRUCTOR, code)
    university.add_course("DRA1", state="invited")

    refreshed()

    assert courses_of_person() == {}
    assert LmsInstructor.objects.get().invitations == 1


def test_somebody_deleted_in_canvas_is_marked_gone_with_the_courses(refreshed, university, sandbox):
    refreshed()
    sandbox.edit(person={"id": university.person(INSTRUCTOR), "deleted": True})

    refreshed()

    assert LmsInstructor.objects.get().gone_at is not None
    assert not LmsCourse.objects.filter(gone_at=None).exists()


def test_somebody_who_no_longer_teaches_is_marked_gone(refreshed, university):
    university.add_course("GEO1", OTHER)
    refreshed()
    for code in TWO:
        university.remove(INSTRUCTOR, code)

    refreshed()

    assert LmsInstructor.objects.get(email=INSTRUCTOR).gone_at is not None


def test_fields_that_canvas_leaves_out_keep_their_values(refreshed, canvas, sandbox):
    """Enforce Scopes without Allow Include Parameters (docs/canvas.md §4.4)."""
    refreshed()
    term = LmsCourse.objects.get(code=ALGEBRA).term_name
    scopes = Authorization.objects.get().scopes
    sandbox.update_key(canvas.client_id, enforce_scopes=True, scopes=scopes)

    run = refreshed()

    assert run.outcome == Outcome.COMPLETE
    assert LmsCourse.objects.get(code=ALGEBRA).term_name == term != ""
    assert LmsInstructor.objects.get().email == INSTRUCTOR


def test_rosters_are_read_for_the_courses_that_want_them(refreshed, university, sandbox):
    university.enroll(OTHER, ALGEBRA, kind="Student")
    refreshed()
    LmsCourse.objects.filter(code=ALGEBRA).update(roster_wanted=True)

    run = refreshed()

    roster = LmsCourse.objects.get(code=ALGEBRA).roster
    assert run.rosters == 1
    assert set(roster.values_list("name", "role", "state")) == {
        ("Ira Instructor", "TeacherEnrollment", "active"),
        ("Cass Canvas", "StudentEnrollment", "active"),
    }
    university.remove(OTHER, ALGEBRA)
    refreshed()
    assert [one.name for one in roster.filter(gone_at=None)] == ["Ira Instructor"]
    assert roster.count() == 2


# --- What must change nothing -----------------------------------------------------------------------------
WRONG_ANSWERS = {
    "server fault": {"error": 500},
    "maintenance": {"error": 503},
    "web page": {"html": 1},
    "broken off": {"cut": 1},
    "half the data": {"truncate": 1},
    "empty list": {"empty": 1},
    "no Link header": {"no_link": 1},
    "another site's next page": {"foreign_next": 1},
    "the same page again": {"repeat_next": 1},
    "redirect": {"redirect": 1},
    "closed connection": {"close": 1},
    "too large": {"huge": 10},
    "throttled": {"throttle": 403},
    "throttled, with 429": {"throttle": 429},
}


@pytest.mark.parametrize("path", ["", "/api/v1/accounts", "/api/v1/users"])
@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_a_wrong_answer_changes_nothing(name, path, refreshed, sandbox, university):
    refreshed()
    university.remove(INSTRUCTOR, BOTANY)
    sandbox.faults(**WRONG_ANSWERS[name], path=path)

    refreshed()

    assert courses_of_person() in (TWO, {ALGEBRA: "teacher"})
    assert LmsInstructor.objects.get().gone_at is None
    sandbox.clear_faults()
    refreshed()
    assert courses_of_person() == {ALGEBRA: "teacher"}


@pytest.mark.parametrize("name", WRONG_ANSWERS)
def test_a_wrong_second_page_changes_nothing(name, refreshed, sandbox, canvas):
    """Of a list of more than a hundred courses."""
    person = sandbox.state()["people"][1]["id"]
    for number in range(100):
        course = sandbox.edit(course={"name": f"Course {number}", "code": f"C{number}"})["course"]
        sandbox.edit(enrollment={"user_id": person, "course_id": course["id"]})
    refreshed()
    before = courses_of_person()
    assert len(before) == 102
    sandbox.faults(**WRONG_ANSWERS[name], path="/api/v1/users", after=1, times=1)

    refreshed()

    assert courses_of_person() == before


def test_an_empty_answer_is_kept_out_for_a_day_and_then_believed(refreshed, sandbox):
    refreshed()
    sandbox.faults(empty=1, path="/api/v1/users")

    run = refreshed()
    assert (run.outcome, run.refreshed, run.failed) == (Outcome.PARTIAL, 0, 1)
    assert courses_of_person() == TWO
    assert "does not confirm it" in LmsInstructor.objects.get().last_error

    with time_machine.travel(timezone.now() + datetime.timedelta(hours=25)):
        refreshed()
        assert courses_of_person() == {}


def test_courses_that_canvas_confirms_to_be_over_are_gone_at_once(refreshed, university):
    refreshed()
    for code in TWO:
        university.remove(INSTRUCTOR, code)

    assert refreshed().failed == 0
    assert not LmsCourse.objects.filter(gone_at=None).exists()


def test_a_list_without_any_teacher_marks_nobody_gone(refreshed, sandbox):
    refreshed()
    sandbox.faults(empty=1, path="/api/v1/accounts")

    run = refreshed()

    assert run.outcome == Outcome.PARTIAL
    assert "Canvas lists no teachers at all" in run.detail
    assert LmsInstructor.objects.get().gone_at is None


def test_an_admin_without_rights_changes_nothing(refreshed, sandbox):
    refreshed()
    sandbox.edit(person={"id": sandbox.state()["people"][0]["id"], "account": None, "rights": []})

    run = refreshed()

    assert run.outcome == Outcome.PARTIAL
    assert "not permitted" in run.detail
    assert courses_of_person() == TWO


def test_the_same_failure_for_everybody_ends_the_run(refreshed, sandbox, admin):
    sandbox.reset("large:40")
    configuration = ApiConfiguration.objects.get()
    key = sandbox.create_key(redirect_uris=["http://localhost:8000/lms/api/oauth2/complete"], on=True)
    ApiConfiguration.objects.update(client_id=key["id"], client_secret=key["secret"])
    configuration.refresh_from_db()
    authorize(configuration, sandbox, admin)
    sandbox.faults(html=1, path="/api/v1/users")
    sandbox.clear_log()

    run = refreshed()

    assert run.outcome == Outcome.STOPPED
    assert "web page" in run.detail
    asked = [line for line in sandbox.log() if line["path"].startswith("/api/v1/users")]
    assert HOPELESS_AFTER <= len(asked) < 40


# --- Stopping, waiting, going on --------------------------------------------------------------------------
def test_a_lost_authorization_stops_the_run_and_authorizing_again_resumes(refreshed, canvas, sandbox, admin):
    sandbox.faults(forget_tokens=1)

    run = refreshed()

    assert run.outcome == Outcome.STOPPED
    assert "The authorization was lost." in run.detail
    assert not runs.refreshable().exists()
    sandbox.clear_log()
    authorize(canvas, sandbox, admin)
    canvas.refresh_from_db()
    resumed = runs.plan(runs.refreshable().get())
    assert resumed is not None
    Work(resumed, seconds=60).do()
    assert courses_of_person() == TWO


@pytest.mark.parametrize("change", ["disabled", "disconnected"])
def test_nothing_is_sent_for_a_configuration_that_was_switched_off(change, refreshed, canvas, sandbox):
    if change == "disabled":
        ApiConfiguration.objects.update(enabled=False)
    else:
        disconnect(canvas, user=None)
    sandbox.clear_log()

    assert refreshed().outcome == Outcome.STOPPED
    assert sandbox.log() == []


def test_a_throttled_run_waits_and_goes_on_later(refreshed, canvas, sandbox):
    sandbox.faults(throttle=429, retry_after=30, path="/api/v1/users")

    run = refreshed()

    assert (run.outcome, run.finished_at) == (Outcome.RUNNING, None)
    assert run.waiting_for.startswith("Canvas")
    assert LmsInstructor.objects.get().leased_until is None
    sandbox.clear_faults()
    sandbox.clear_log()
    Work(run, seconds=60).do()
    assert sandbox.log() == []  # still within the thirty seconds


def test_during_a_back_off_nothing_is_sent_and_afterwards_the_run_ends(refreshed, canvas, sandbox):
    sandbox.faults(throttle=403, times=2)

    run = refreshed()

    assert run.outcome == Outcome.COMPLETE
    assert run.throttles == 2
    assert courses_of_person() == TWO


# --- Several processes ----------------------------------------------------------------------------------
def test_what_a_killed_process_held_is_read_when_its_lease_is_over(refreshed, canvas):
    refreshed()
    run = runs.start_run(canvas, everything=True)
    LmsInstructor.objects.update(leased_until=timezone.now() + LEASE)

    assert Work(run, seconds=60).do() == "waiting"
    run.refresh_from_db()
    assert run.finished_at is None

    with time_machine.travel(timezone.now() + LEASE):
        assert Work(run, seconds=60).do() == "finished"


def test_a_killed_lister_is_followed_by_another(canvas):
    run = runs.start_run(canvas, everything=True)
    RefreshRun.objects.update(listing_until=timezone.now() + LEASE)

    assert Work(run, seconds=60).do() == "waiting"

    with time_machine.travel(timezone.now() + LEASE):
        assert Work(run, seconds=60).do() == "finished"
    assert courses_of_person() == TWO


def test_time_up_leaves_the_rest_for_the_next(canvas):
    run = runs.start_run(canvas, everything=True)

    assert Work(run, seconds=0).do() == "more"
    assert Work(run, seconds=60).do() == "finished"


# --- When ---------------------------------------------------------------------------------------------------
def test_a_run_begins_by_itself_and_again_after_the_interval(refreshed, canvas):
    assert runs.plan(canvas) is not None
    refreshed()
    assert runs.plan(canvas) is None

    with time_machine.travel(timezone.now() + datetime.timedelta(hours=12, minutes=1)):
        assert runs.plan(canvas) is not None


def test_a_run_with_errors_is_tried_again_soon_but_only_once(refreshed, canvas, sandbox):
    refreshed()
    sandbox.faults(empty=1, path="/api/v1/users")
    assert refreshed().outcome == Outcome.PARTIAL

    soon = timezone.now() + datetime.timedelta(minutes=16)
    with time_machine.travel(soon):
        assert runs.plan(canvas) is not None
        refreshed()
    with time_machine.travel(soon + datetime.timedelta(minutes=16)):
        assert runs.plan(canvas) is None


def test_the_background_refresh_can_be_switched_off(canvas):
    Directory.of(canvas)
    Directory.objects.update(enabled=False)
    canvas.refresh_from_db()

    assert runs.plan(ApiConfiguration.objects.get()) is None


def test_two_planners_make_one_run(canvas):
    first = runs.start_run(canvas)

    assert runs.start_run(canvas) == first
    assert RefreshRun.objects.count() == 1


def test_asked_for_everybody_an_open_run_is_widened(refreshed, canvas):
    refreshed()
    run = runs.start_run(canvas)
    assert not LmsInstructor.objects.due(run).exists()

    run = runs.start_run(canvas, everything=True)

    assert LmsInstructor.objects.due(run).count() == 1


def test_the_wanted_come_first(canvas, person, sandbox):
    now = timezone.now()
    old = LmsInstructor.objects.create(
        configuration=canvas, lms_id="1", name="read long ago", refreshed_at=now - datetime.timedelta(days=9)
    )
    newer = LmsInstructor.objects.create(
        configuration=canvas, lms_id="2", name="read lately", refreshed_at=now - datetime.timedelta(days=1)
    )
    never = LmsInstructor.objects.create(configuration=canvas, lms_id="3", name="never read")
    active = LmsInstructor.objects.create(
        configuration=canvas,
        lms_id="4",
        email="Active@example.edu",
        refreshed_at=now - datetime.timedelta(hours=20),
    )
    linked = LmsInstructor.objects.create(
        configuration=canvas, lms_id="5", refreshed_at=now - datetime.timedelta(hours=20)
    )
    course = LmsCourse.objects.create(configuration=canvas, lms_id="6", roster_wanted=True)
    linked.teachings.create(course=course)
    person("active@example.edu", last_login=now)

    run = runs.start_run(canvas, everything=True)
    runs.set_priorities(canvas)

    assert list(LmsInstructor.objects.due(run)) == [linked, active, never, old, newer]
