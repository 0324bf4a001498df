"""Section, link and schedule in one step; and what stays when links go, move or are undone."""

from __future__ import annotations

import datetime
import uuid

import pytest
import time_machine
from django.core.exceptions import ValidationError

from accounts.models import User
from configurations.models import ApiConfiguration
from directory.models import LmsCourse
from schedules import linking
from schedules.linking import AlreadyLinked, NewSection, Order, Overtaken, Person
from schedules.models import (
    Capture,
    CaptureSchedule,
    Change,
    Course,
    Department,
    LmsCourseLink,
    Organization,
    Publication,
    SchedulerScope,
    Section,
    Submission,
    Term,
)
from schedules.scheduling import RoomTaken, TooLate
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def configuration_row(db):
    return ApiConfiguration.objects.create(
        name="Canvas", base_url="https://canvas.example.edu", client_id="1", client_secret="secret-of-a-key"
    )


@pytest.fixture
def lms_course(configuration_row):
    return LmsCourse.objects.create(configuration=configuration_row, lms_id="7", name="Algebra")


@pytest.fixture
def department():
    return Department.objects.create(organization=Organization.objects.create(name="School"), name="Law")


@pytest.fixture
def limited(scheduler, department):
    """A scheduler of one department, read anew: limits are remembered for as long as the object lives."""
    SchedulerScope.objects.create(user=scheduler, department=department)
    return User.objects.get(pk=scheduler.pk)


def submit(order, user, key=None):
    return linking.submit(key or uuid.uuid4(), order, user=user)


def whole(lms_course=None, **fields):
    """An order for a new section with a schedule, an instructor and, if one is given, a link."""
    new = {"course_code": "ALG1", "course_name": "Algebra", "term": fields.pop("term", None) or timetable.term()}
    return Order(
        NewSection(**(new | fields.pop("new", {}))),
        lms_course=lms_course,
        instructors=fields.pop("instructors", [Person("New@Example.edu", "New Person")]),
        schedule=timetable.draft(fields.pop("room", None), **fields),
        own=Publication(),
    )


def counts():
    models = (Submission, Course, Section, LmsCourseLink, CaptureSchedule, Capture, Change)
    return {model.__name__: model.objects.count() for model in models}


# --- One step, or none ------------------------------------------------------------------------------------
def test_one_step_makes_course_section_link_and_schedule(lms_course, scheduler):
    done = submit(whole(lms_course), scheduler)

    assert str(done.section) == f"ALG1 · 001 · {done.section.term}"
    assert done.link.lms_course == lms_course
    assert done.link.linked_by == scheduler
    assert timetable.starts(done.schedule) == [f"2045-10-{day} 09:00" for day in ("02", "09", "16", "23")]
    assert [one.section for one in done.schedule.publications.all()] == [done.section]
    person = User.objects.get(email="new@example.edu")
    assert done.made == ["course", "section", f"person:{person.pk}", "link"]


def test_an_order_for_nothing_is_refused(scheduler):
    with pytest.raises(ValidationError, match="Choose an LMS course to link, or enter when and where to record"):
        submit(Order(timetable.section()), scheduler)

    assert not Submission.objects.exists()


def test_the_same_key_again_makes_nothing_more(lms_course, scheduler):
    key, term = uuid.uuid4(), timetable.term()
    first = submit(whole(lms_course, term=term), scheduler, key)
    before = counts()

    second = submit(whole(lms_course, term=term), scheduler, key)

    assert (second.section, second.link, second.schedule) == (first.section, first.link, first.schedule)
    assert counts() == before


def test_somebody_elses_key_shows_nothing_of_theirs(scheduler, admin):
    key, order = uuid.uuid4(), whole()
    submit(order, scheduler, key)

    with pytest.raises(Overtaken, match="Open it again"):
        submit(order, admin, key)


def test_a_taken_room_leaves_nothing_behind_and_the_key_can_be_used_again(lms_course, scheduler):
    room, key, term = timetable.room(), uuid.uuid4(), timetable.term()
    timetable.schedule(in_room=room)
    before = counts()

    with pytest.raises(RoomTaken, match="The room is taken on 4 dates"):
        submit(whole(lms_course, term=term, room=room), scheduler, key)
    assert counts() == before
    assert not User.objects.filter(email="new@example.edu").exists()
    assert not LmsCourse.objects.get().roster_wanted

    done = submit(whole(lms_course, term=term, room=room, start_time=datetime.time(14)), scheduler, key)
    assert done.schedule.captures.count() == 4


def test_a_schedule_that_makes_no_sense_leaves_no_section_behind(scheduler):
    before = counts()

    with pytest.raises(ValidationError):
        submit(whole(duration_minutes=0), scheduler)

    assert counts() == before


def test_a_course_that_leads_elsewhere_leaves_no_section_behind(lms_course, scheduler):
    other = timetable.section()
    timetable.link(other, lms_course)
    before = counts()

    with pytest.raises(AlreadyLinked) as refused:
        submit(whole(lms_course), scheduler)

    assert str(refused.value) == f"This LMS course is linked to {other} already."
    assert refused.value.section == other
    assert counts() == before


def test_others_get_the_recordings_too(scheduler):
    other = timetable.section()
    order = whole()
    held = Publication(section=other, available=Publication.Available.HELD)

    done = submit(Order(order.section, schedule=order.schedule, own=Publication(), publications=[held]), scheduler)

    got = [(one.section, one.available) for one in done.schedule.publications.all()]
    assert got == [(done.section, "now"), (other, "held")]


def test_a_section_that_exists_already_can_be_chosen_but_not_made_again(scheduler):
    section = timetable.section(code="ALG1")

    with pytest.raises(ValidationError, match="Choose it as an existing section") as refused:
        submit(whole(term=section.term), scheduler)
    done = submit(Order(section, schedule=timetable.draft(), own=Publication()), scheduler)

    assert list(refused.value.message_dict) == ["number"]
    assert (done.section, done.made) == (section, [])


@pytest.mark.parametrize("code", ["ALG1", "alg1", "Alg1"])
def test_a_course_is_known_by_its_code_whatever_its_letter_case(code, scheduler):
    course = Course.objects.create(code="ALG1", name="Algebra")

    done = submit(whole(new={"course_code": code, "course_name": "Something else"}), scheduler)

    assert (done.section.course, "course" in done.made) == (course, False)
    assert Course.objects.get().name == "Algebra"


def test_a_new_term_is_made_and_a_known_one_is_taken_by_its_name(scheduler):
    dates = {"term_starts_on": MONDAY, "term_ends_on": MONDAY + datetime.timedelta(weeks=12)}
    term = {"term": None, "term_name": "Autumn 2045"} | dates

    made = submit(whole(new=term), scheduler)
    taken = submit(whole(new=term | {"term_name": "AUTUMN 2045", "number": "002"}), scheduler)

    assert ("term" in made.made, "term" in taken.made) == (True, False)
    assert made.section.term == taken.section.term


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"term_name": ""}, "term"),
        ({"term_starts_on": None}, "term"),
        ({"term_ends_on": None}, "term"),
        ({"term_ends_on": MONDAY - datetime.timedelta(days=1)}, "term_ends_on"),
    ],
)
def test_a_new_term_needs_a_name_and_dates_in_order(wrong, field, scheduler):
    term = {"term": None, "term_name": "Autumn", "term_starts_on": MONDAY, "term_ends_on": MONDAY}

    with pytest.raises(ValidationError) as refused:
        submit(whole(new=term | wrong), scheduler)

    assert list(refused.value.message_dict) == [field]
    assert not Term.objects.filter(name="Autumn").exists()


# --- Who may order what -----------------------------------------------------------------------------------
def test_a_limited_scheduler_makes_courses_of_their_department(limited, department):
    assert submit(whole(new={"department": department}), limited).section.course.department == department


def test_a_limited_scheduler_makes_no_course_of_none_or_another_department(limited, department):
    other = Department.objects.create(organization=department.organization, name="Medicine")

    for chosen in (None, other):
        with pytest.raises(ValidationError) as refused:
            submit(whole(new={"department": chosen}), limited)
        assert list(refused.value.message_dict) == ["department"]
    assert not Course.objects.exists()


def test_a_limited_scheduler_does_not_take_another_departments_course(limited):
    Course.objects.create(code="ALG1", name="Algebra")

    with pytest.raises(ValidationError, match="A course of another department has this code"):
        submit(whole(), limited)


def test_a_schedule_without_a_section_is_for_administrators(admin, scheduler):
    with pytest.raises(ValidationError, match="Choose the section that gets the recordings"):
        submit(Order(None, schedule=timetable.draft()), scheduler)

    done = submit(Order(None, schedule=timetable.draft()), admin)
    assert (done.section, done.schedule.publications.count()) == (None, 0)


def test_an_lms_course_without_a_section_is_refused_and_not_forgotten(lms_course, admin):
    with pytest.raises(ValidationError, match="Choose the section that the LMS course leads to"):
        submit(Order(None, lms_course=lms_course, schedule=timetable.draft()), admin)

    assert not CaptureSchedule.objects.exists()


# --- Instructors ------------------------------------------------------------------------------------------
def test_an_unknown_instructor_becomes_an_account_that_cannot_sign_in(scheduler, client):
    done = submit(whole(instructors=[Person(" New@Example.EDU ", "New Person")]), scheduler)

    account = User.objects.get(email="new@example.edu")
    assert (account.full_name, account.has_usable_password()) == ("New Person", False)
    assert [group.name for group in account.groups.all()] == ["Instructors"]
    for password in ("", account.password):
        client.post("/sign-in/", {"username": account.email, "password": password})
        assert "_auth_user_id" not in client.session
    assert [row.user for row in done.section.teaching.all()] == [account]


def test_a_known_person_becomes_an_instructor_and_keeps_name_and_roles(scheduler, person):
    person("dean@example.edu", "Schedulers", full_name="The Dean")

    submit(whole(instructors=[Person("DEAN@example.edu", "Somebody Else")]), scheduler)

    account = User.objects.get(email="dean@example.edu")
    assert account.full_name == "The Dean"
    assert {group.name for group in account.groups.all()} == {"Schedulers", "Instructors"}
    assert account.has_usable_password()


def test_the_first_instructor_of_a_new_section_is_the_primary_one(scheduler, instructor, other_instructor):
    people = [Person(other_instructor.email), Person(instructor.email), Person(other_instructor.email.upper())]

    done = submit(whole(instructors=people), scheduler)

    got = {row.user: row.is_primary for row in done.section.teaching.all()}
    assert got == {other_instructor: True, instructor: False}


def test_an_existing_section_keeps_its_primary_instructor(scheduler, instructor, other_instructor):
    section = timetable.section(instructor)
    order = Order(section, schedule=timetable.draft(), instructors=[Person(other_instructor.email)])

    submit(order, scheduler)

    assert {row.user: row.is_primary for row in section.teaching.all()} == {
        instructor: True,
        other_instructor: False,
    }


def test_a_presenter_who_is_unknown_becomes_an_account_too(scheduler):
    order = Order(timetable.section(), schedule=timetable.draft(), presenter=Person("guest@example.edu", "Guest"))

    done = submit(order, scheduler)

    assert done.schedule.presenter.email == "guest@example.edu"
    assert not done.schedule.presenter.has_usable_password()
    assert done.made == [f"person:{done.schedule.presenter.pk}"]


def test_very_long_names_do_not_stop_a_save(configuration_row, scheduler):
    """The record of changes is shorter than the names that it tells of."""
    lms_course = LmsCourse.objects.create(configuration=configuration_row, lms_id="8", name="Long " * 100)
    order = whole(lms_course, title="T" * 255, instructors=[Person("new@example.edu", "N" * 200)])

    done = submit(order, scheduler)
    linking.undo(done, user=scheduler)

    assert all(len(one.action) <= 200 for one in Change.objects.all())
    assert Change.objects.filter(action__startswith="Linked to the LMS course Long Long", action__endswith="…")


# --- Links ------------------------------------------------------------------------------------------------
def test_a_link_has_its_roster_read_from_then_on(lms_course, scheduler):
    section = timetable.section()

    linking.link(section, lms_course, user=scheduler)

    lms_course.refresh_from_db()
    assert lms_course.roster_wanted
    assert Change.objects.about(section)[0].action == "Linked to the LMS course Algebra"


def test_the_same_link_again_changes_nothing(lms_course, scheduler, admin):
    section = timetable.section()
    first = linking.link(section, lms_course, user=scheduler)
    before = Change.objects.count()

    again = linking.link(section, lms_course, user=admin)

    assert (again, again.linked_by, Change.objects.count()) == (first, scheduler, before)


def test_a_section_may_serve_several_lms_courses(configuration_row, lms_course):
    section = timetable.section()
    other = LmsCourse.objects.create(configuration=configuration_row, lms_id="8", name="Algebra, evening")

    for one in (lms_course, other):
        linking.link(section, one, user=None)

    assert set(section.lms_courses.all()) == {lms_course, other}


def test_unlinking_keeps_schedules_and_recordings_and_linking_again_brings_them_together(lms_course, scheduler):
    done = submit(whole(lms_course), scheduler)
    Capture.objects.filter(rule_date=MONDAY).update(state=Capture.State.RECORDED)

    linking.unlink(done.link, user=scheduler)

    lms_course.refresh_from_db()
    assert not lms_course.roster_wanted
    assert not LmsCourseLink.objects.exists()
    assert Change.objects.about(done.section)[0].action == "Unlinked from the LMS course Algebra"
    linking.link(done.section, lms_course, user=scheduler)
    assert [one.state for one in done.section.schedules.get().captures.all()] == ["recorded"] + ["scheduled"] * 3


def test_a_link_that_is_gone_already_is_not_unlinked_again(lms_course, scheduler):
    """Two people press Unlink, and in between somebody links the course anew: the new link keeps its roster."""
    section = timetable.section()
    old = linking.link(section, lms_course, user=scheduler)
    seen_by_the_other = LmsCourseLink.objects.get()
    linking.unlink(old, user=scheduler)
    linking.link(section, lms_course, user=scheduler)
    before = Change.objects.count()

    linking.unlink(seen_by_the_other, user=scheduler)

    lms_course.refresh_from_db()
    assert lms_course.roster_wanted
    assert (LmsCourseLink.objects.count(), Change.objects.count()) == (1, before)


def test_a_course_is_led_to_another_section_and_both_say_so(lms_course, scheduler):
    old, new = timetable.section(), timetable.section()

    led = linking.relink(linking.link(old, lms_course, user=None), new, user=scheduler)

    lms_course.refresh_from_db()
    assert (led.section, LmsCourseLink.objects.get(), lms_course.roster_wanted) == (new, led, True)
    assert Change.objects.about(old)[0].action == "Unlinked from the LMS course Algebra"
    assert Change.objects.about(new)[0].action == "Linked to the LMS course Algebra"


def test_a_course_that_somebody_led_elsewhere_meanwhile_stays_there(lms_course, scheduler):
    section, theirs, mine = (timetable.section() for _ in range(3))
    shown = linking.link(section, lms_course, user=None)
    linking.relink(LmsCourseLink.objects.get(), theirs, user=None)

    with pytest.raises(AlreadyLinked):
        linking.relink(shown, mine, user=scheduler)

    lms_course.refresh_from_db()
    assert (LmsCourseLink.objects.get().section, lms_course.roster_wanted) == (theirs, True)


# --- Undo -------------------------------------------------------------------------------------------------
def test_undo_takes_back_what_was_made_but_the_accounts(lms_course, scheduler):
    dates = {"term_starts_on": MONDAY, "term_ends_on": MONDAY}
    done = submit(whole(lms_course, new={"term": None, "term_name": "Autumn"} | dates), scheduler)

    linking.undo(done, user=scheduler)

    for model in (Course, Section, LmsCourseLink, CaptureSchedule, Capture):
        assert not model.objects.exists()
    assert not Term.objects.filter(name="Autumn").exists()
    assert not LmsCourse.objects.get().roster_wanted
    assert User.objects.filter(email="new@example.edu").exists()
    assert Submission.objects.get().undone_at is not None


def test_undo_keeps_what_was_there_before(scheduler, instructor):
    section = timetable.section(instructor)
    done = submit(Order(section, schedule=timetable.draft(), own=Publication()), scheduler)

    linking.undo(done, user=scheduler)

    assert Section.objects.get() == section
    assert not CaptureSchedule.objects.exists()


def test_undo_keeps_a_link_that_was_there_before(lms_course, scheduler):
    section = timetable.section()
    before = linking.link(section, lms_course, user=None)
    done = submit(Order(section, lms_course=lms_course, schedule=timetable.draft(), own=Publication()), scheduler)

    linking.undo(done, user=scheduler)

    lms_course.refresh_from_db()
    assert (LmsCourseLink.objects.get(), lms_course.roster_wanted) == (before, True)


def test_undo_keeps_what_others_use_by_now(lms_course, scheduler):
    done = submit(whole(lms_course), scheduler)
    timetable.schedule(done.section)

    linking.undo(done, user=scheduler)

    assert Section.objects.get() == done.section
    assert Course.objects.get() == done.section.course
    assert not LmsCourseLink.objects.exists()
    assert CaptureSchedule.objects.count() == 1


def test_undo_keeps_a_course_that_has_another_section_by_now(scheduler):
    done = submit(whole(), scheduler)
    other = timetable.section(course=done.section.course, number="002")

    linking.undo(done, user=scheduler)

    assert Section.objects.get() == other


def test_undo_leaves_a_link_that_was_led_elsewhere(lms_course, scheduler):
    done = submit(whole(lms_course), scheduler)
    other = timetable.section()
    linking.relink(done.link, other, user=None)

    linking.undo(Submission.objects.get(), user=scheduler)

    assert LmsCourseLink.objects.get().section == other
    assert list(Section.objects.all()) == [other]


def test_nothing_is_undone_twice(scheduler):
    done = submit(whole(), scheduler)
    linking.undo(done, user=scheduler)

    with pytest.raises(TooLate, match="undone already"):
        linking.undo(done, user=scheduler)


def test_nothing_is_undone_once_something_has_begun(lms_course, scheduler):
    done = submit(whole(lms_course), scheduler)
    before = counts()

    with (
        time_machine.travel(datetime.datetime(2045, 10, 2, 8, 0, tzinfo=datetime.UTC), tick=False),
        pytest.raises(TooLate, match="have begun"),
    ):
        linking.undo(done, user=scheduler)

    assert counts() == before
    assert Submission.objects.get().undone_at is None


def test_a_key_that_was_undone_makes_nothing_again(scheduler):
    key, order = uuid.uuid4(), whole()
    linking.undo(submit(order, scheduler, key), user=scheduler)

    again = submit(order, scheduler, key)

    assert again.undone_at is not None
    assert not CaptureSchedule.objects.exists()
