"""Places, terms, courses and limits in the admin: what is saved, refused, said and remembered."""

from __future__ import annotations

import datetime
import html

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from configurations.models import ApiConfiguration
from directory.models import LmsCourse
from schedules import rearranging
from schedules.models import (
    Building,
    Campus,
    Capture,
    Change,
    Course,
    Department,
    LmsCourseLink,
    NonTeachingDay,
    Organization,
    Room,
    SchedulerScope,
    Section,
    SectionInstructor,
    Term,
)
from schedules.scheduling import RoomTaken
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db
WEEK = datetime.timedelta(weeks=1)


@pytest.fixture
def signed_in(client, admin):
    client.force_login(admin)
    return client


def address(model, what, *arguments):
    return reverse(f"admin:schedules_{model.__name__.lower()}_{what}", args=arguments)


def text_of(answer):
    return html.unescape(answer.content.decode())


def inline(name, *rows, initial=0):
    data = {f"{name}-TOTAL_FORMS": len(rows), f"{name}-INITIAL_FORMS": initial}
    return data | {
        f"{name}-{number}-{key}": value for number, row in enumerate(rows) for key, value in row.items()
    }


def room_row(room, **fields):
    row = {"name": room.name, "building": room.building_id, "inputs": room.inputs, "turnaround_minutes": "0"}
    return row | fields


def campus_row(campus, *days, **fields):
    row = {"name": campus.name, "time_zone": campus.time_zone, "lead_seconds": 0, "tail_seconds": 0}
    return row | {"consent": "none"} | inline("non_teaching_days", *days) | fields


def section_row(section, *instructors, initial=0, **fields):
    row = {"course": section.course.code, "number": section.number, "term": section.term_id}
    return row | inline("teaching", *instructors, initial=initial) | inline("links") | fields


def term_row(*days, initial=0, **fields):
    row = {"name": "Winter", "starts_on": "2045-10-02", "ends_on": "2045-12-24"}
    return row | inline("non_teaching_days", *days, initial=initial) | fields


# --- Rooms ------------------------------------------------------------------------------------------------
def test_a_room_is_added_with_the_inputs_that_were_ticked(signed_in, admin):
    building = Building.objects.create(campus=timetable.campus(), name="Main")
    assert 'type="checkbox" name="inputs" value="audio"' in text_of(signed_in.get(address(Room, "add")))

    row = {"name": "R1", "building": building.pk, "inputs": ["display", "audio"], "turnaround_minutes": "5"}
    signed_in.post(address(Room, "add"), row)

    room = Room.objects.get()
    assert (room.inputs, room.lead_seconds) == (["display", "audio"], None)
    change = Change.objects.about(room).get()
    assert (change.action, change.actor) == ("Added", admin)
    assert ["Inputs", "", "Display, Audio only"] in change.differences


def test_a_room_without_an_input_is_refused(signed_in):
    room = timetable.room()
    shown = text_of(signed_in.post(address(Room, "change", room.pk), room_row(room, inputs=[])))
    assert "Choose at least one input." in shown


def test_a_room_says_how_many_captures_got_new_times(signed_in):
    room = timetable.room()
    timetable.schedule(in_room=room)

    row = room_row(room, lead_seconds="60")
    shown = text_of(signed_in.post(address(Room, "change", room.pk), row, follow=True))

    assert "4 captures that have not begun got new recording times." in shown
    history = text_of(signed_in.get(address(Room, "history", room.pk)))
    assert "What was changed" in history
    assert "Captures with new recording times: <ins>4</ins>" in history
    assert "Start early by (seconds): <ins>60</ins>" in history


def test_a_room_names_the_captures_that_would_overlap(signed_in):
    room = timetable.room()
    timetable.schedule(in_room=room, title="Early")
    timetable.schedule(in_room=room, title="Late", start_time=datetime.time(10))

    row = room_row(room, turnaround_minutes="1")
    shown = text_of(signed_in.post(address(Room, "change", room.pk), row))

    assert "4 pairs of captures would overlap" in shown
    assert "“Early”, Mon 2 October 2045, 09:00–10:00 and “Late”, Mon 2 October 2045, 10:00–11:00" in shown
    assert not Change.objects.about(room).exists()
    room.refresh_from_db()
    assert room.turnaround_minutes == 0


def test_a_room_whose_input_is_used_keeps_it(signed_in):
    room = timetable.room()
    timetable.schedule(in_room=room, title="Anatomy")
    row = room_row(room, inputs=["display"])
    shown = text_of(signed_in.post(address(Room, "change", room.pk), row))
    assert "Camera: still used by 1 schedule." in shown
    assert "“Anatomy” records Camera: 4 captures to come" in shown


@pytest.mark.parametrize("error", [RoomTaken(), "Django's"])
def test_what_came_in_between_is_said_on_the_form(signed_in, monkeypatch, error):
    room = timetable.room()
    refusal = error if isinstance(error, RoomTaken) else ValidationError(error)

    def refuse(row):
        raise refusal

    monkeypatch.setattr(rearranging, "arrange", refuse)
    answer = signed_in.post(address(Room, "change", room.pk), room_row(room, name="New"), follow=True)
    assert str(error) in text_of(answer)
    room.refresh_from_db()
    assert room.name != "New"


# --- Campuses and buildings -------------------------------------------------------------------------------
def test_a_campus_and_its_non_teaching_days_are_added_together(signed_in):
    campus = Campus(name="North", time_zone="Europe/London")
    day = {"name": "Holiday", "first": "2045-10-09", "last": ""}

    signed_in.post(address(Campus, "add"), campus_row(campus, day))

    saved = NonTeachingDay.objects.get()
    assert (saved.first, saved.last, str(saved.campus)) == (MONDAY + WEEK, MONDAY + WEEK, "North")
    change = Change.objects.about(Campus.objects.get()).get()
    assert ["Non-teaching day: Holiday", "", "9 Oct 2045"] in change.differences


def test_a_campus_with_captures_keeps_its_zone(signed_in):
    room = timetable.room()
    timetable.schedule(in_room=room)
    campus = room.building.campus
    row = campus_row(campus, time_zone="Asia/Tokyo")
    shown = text_of(signed_in.post(address(Campus, "change", campus.pk), row))
    assert "from Europe/London to Asia/Tokyo under 4 captures that have not begun" in shown


def test_a_building_stays_in_its_zone(signed_in):
    room = timetable.room()
    timetable.schedule(in_room=room)
    far = timetable.campus(time_zone="Asia/Tokyo")
    row = {"name": room.building.name, "campus": far.pk}
    shown = text_of(signed_in.post(address(Building, "change", room.building_id), row))
    assert "under 4 captures that have not begun" in shown


# --- Terms and non-teaching days --------------------------------------------------------------------------
def test_a_term_is_added_with_days_and_says_what_is_planned_on_them(signed_in):
    room = timetable.room()
    timetable.schedule(timetable.section(), in_room=room)
    day = {"name": "Reading week", "first": "2045-10-02", "last": "2045-10-08", "campus": ""}
    shown = text_of(signed_in.post(address(Term, "add"), term_row(day), follow=True))
    assert "was added successfully" in shown
    assert "scheduled on" not in shown  # nothing of this new term
    term = Term.objects.get(name="Winter")
    assert NonTeachingDay.objects.get().term == term

    section = timetable.section(term=term)
    timetable.schedule(section, in_room=room, start_time=datetime.time(14))
    row = {"id": NonTeachingDay.objects.get().pk, "name": "Reading week", "campus": "", "term": term.pk}
    row |= {"first": "2045-10-02", "last": "2045-10-15"}
    data = term_row(row, initial=1)
    shown = text_of(signed_in.post(address(Term, "change", term.pk), data, follow=True))
    # 2 and 9 October; the first was left out when it was scheduled
    assert "1 capture is scheduled on Reading week (2045-10-02) and will be recorded." in shown
    differences = Change.objects.about(term)[0].differences
    assert differences == [
        ["Non-teaching day: Reading week", "2 Oct 2045 – 8 Oct 2045", "2 Oct 2045 – 15 Oct 2045"]
    ]


def test_a_day_in_the_list_says_how_many_captures_fall_on_it(signed_in):
    room = timetable.room()
    made = timetable.schedule(in_room=room)
    row = {"name": "Strike", "first": "2045-10-02", "last": "2045-10-09", "campus": room.building.campus_id}

    shown = text_of(signed_in.post(address(NonTeachingDay, "add"), row, follow=True))

    assert "2 captures are scheduled on Strike (2045-10-02) and will be recorded. Cancel them if" in shown
    assert set(made.captures.values_list("state", flat=True)) == {Capture.State.SCHEDULED}
    assert Change.objects.about(NonTeachingDay.objects.get()).get().action == "Added"


@pytest.mark.parametrize(
    ("row", "error"),
    [
        ({}, "Choose a term, a campus, or both."),
        ({"last": "2045-10-01"}, "The last day is before the first."),
        ({"first": ""}, "This field is required."),
    ],
)
def test_a_day_that_makes_no_sense_is_refused(signed_in, row, error):
    data = {"name": "Holiday", "first": "2045-10-02", "last": ""} | row
    if row:
        data["campus"] = timetable.campus().pk
    assert error in text_of(signed_in.post(address(NonTeachingDay, "add"), data))
    assert not NonTeachingDay.objects.exists()


def test_a_term_that_ends_before_it_starts_is_refused(signed_in):
    shown = text_of(signed_in.post(address(Term, "add"), term_row(ends_on="2045-09-01")))
    assert "The last day is before the first." in shown


# --- Sections ---------------------------------------------------------------------------------------------
def test_a_section_is_added_by_the_code_of_its_course_and_addresses(signed_in, instructor, other_instructor):
    course = Course.objects.create(code="PHY101", name="Physics")
    section = Section(course=course, number="002", term=timetable.term())
    rows = [{"user": "Instructor@Example.edu "}, {"user": other_instructor.email, "is_primary": "on"}]

    signed_in.post(address(Section, "add"), section_row(section, *rows, course="phy101"))

    saved = Section.objects.get()
    assert saved.primary_instructor == other_instructor
    assert saved.teaching.count() == 2
    differences = Change.objects.about(saved).get().differences
    assert ["Instructor: other_instructor@example.edu", "", "primary"] in differences


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([{"user": "instructor@example.edu"}], "Nobody of the instructors here are primary."),
        (
            [
                {"user": "instructor@example.edu", "is_primary": "on"},
                {"user": "other_instructor@example.edu", "is_primary": "on"},
            ],
            "2 people of the instructors here are primary.",
        ),
        ([{"user": "who@example.edu", "is_primary": "on"}], "Nobody here has the address who@example.edu."),
        (
            [
                {"user": "instructor@example.edu", "is_primary": "on"},
                {"user": "INSTRUCTOR@example.edu"},
            ],
            "Please correct the duplicate",
        ),
    ],
)
def test_who_teaches_has_to_be_clear(signed_in, instructor, other_instructor, rows, error):
    section = Section(course=Course.objects.create(code="PHY101"), number="1", term=timetable.term())
    shown = text_of(signed_in.post(address(Section, "add"), section_row(section, *rows)))
    assert error in shown
    assert not Section.objects.exists()


@pytest.mark.parametrize("order", [1, -1])
def test_another_instructor_becomes_the_primary_one(signed_in, instructor, other_instructor, order):
    section = timetable.section(instructor, other_instructor)
    rows = [
        {"id": row.pk, "section": section.pk, "user": row.user.email}
        | ({"is_primary": "on"} if row.user == other_instructor else {})
        for row in section.teaching.all()
    ][::order]

    answer = signed_in.post(address(Section, "change", section.pk), section_row(section, *rows, initial=2))

    assert answer.status_code == 302
    assert Section.objects.get().primary_instructor == other_instructor
    assert Change.objects.about(section).get().differences == [
        ["Instructor: instructor@example.edu", "primary", "yes"],
        ["Instructor: other_instructor@example.edu", "yes", "primary"],
    ]


def test_the_primary_one_is_replaced(signed_in, instructor, other_instructor):
    section = timetable.section(instructor)
    rows = [
        {"id": section.teaching.get().pk, "section": section.pk, "user": instructor.email, "DELETE": "on"},
        {"user": other_instructor.email, "is_primary": "on"},
    ]
    signed_in.post(address(Section, "change", section.pk), section_row(section, *rows, initial=1))
    assert SectionInstructor.objects.get().user == other_instructor


def test_an_unknown_course_is_said(signed_in):
    row = section_row(Section(course=Course(code="NONE"), number="1", term=timetable.term()))
    assert "No course has the code NONE." in text_of(signed_in.post(address(Section, "add"), row))


@pytest.fixture
def linked(db):
    configuration = ApiConfiguration.objects.create(name="Canvas", base_url="https://x.example", client_id="1")
    course = LmsCourse.objects.create(configuration=configuration, lms_id="1", name="Algebra in Canvas")
    return timetable.link(timetable.section(), course)


def test_a_section_shows_its_lms_courses_and_leaves_them_alone(signed_in, linked):
    section = linked.section
    shown = text_of(signed_in.get(address(Section, "change", section.pk)))
    assert "Algebra in Canvas</a>" in shown
    assert section.get_absolute_url() in shown

    row = section_row(section, number="7") | inline("links", {"id": linked.pk, "DELETE": "on"}, initial=1)
    signed_in.post(address(Section, "change", section.pk), row)

    assert LmsCourseLink.objects.get() == linked
    assert Section.objects.get().number == "7"


# --- Limits -----------------------------------------------------------------------------------------------
def test_a_limit_is_set_by_address(signed_in, scheduler, admin):
    campus = timetable.campus()
    row = {"user": scheduler.email, "campus": campus.pk, "department": ""}
    signed_in.post(address(SchedulerScope, "add"), row)
    scope = SchedulerScope.objects.get()
    assert (scope.user, scope.campus) == (scheduler, campus)
    assert Change.objects.about(scope).get().actor == admin
    assert "Choose either a department or a campus." in text_of(
        signed_in.post(address(SchedulerScope, "add"), row | {"campus": ""})
    )


def test_limits_are_set_and_taken_away_on_the_page_of_a_person(signed_in, scheduler, admin):
    page = reverse("admin:accounts_user_change", args=[scheduler.pk])
    assert "Limits as scheduler (without any: everything)" in text_of(signed_in.get(page))
    assert "Limits as scheduler" not in text_of(signed_in.get(reverse("admin:accounts_user_add")))
    campus, other = timetable.campus(), timetable.campus()
    person = {"email": scheduler.email, "full_name": "S", "time_zone": "UTC", "is_active": "on"}
    person["groups"] = [group.pk for group in scheduler.groups.all()]

    def post(*rows, initial=0):
        return signed_in.post(page, person | inline("scheduler_scopes", *rows, initial=initial))

    assert post({"campus": campus.pk, "department": ""}).status_code == 302
    scope = SchedulerScope.objects.get()
    row = {"id": scope.pk, "user": scheduler.pk, "campus": other.pk, "department": ""}
    post(row, initial=1)
    assert SchedulerScope.objects.get().campus == other
    post(row | {"DELETE": "on"}, initial=1)
    assert not SchedulerScope.objects.exists()
    told = Change.objects.order_by("pk").values_list("action", "actor", "subject_type")
    assert list(told) == [(what, admin.pk, "schedulerscope") for what in ("Added", "Changed", "Deleted")]


# --- Deleting ---------------------------------------------------------------------------------------------
def test_what_is_in_use_says_what_uses_it_with_links(signed_in):
    room = timetable.room("R1")
    made = timetable.schedule(timetable.section(), in_room=room, ends_on=MONDAY + 7 * WEEK)
    delete = address(Room, "delete", room.pk)

    for answer in (signed_in.get(delete), signed_in.post(delete, {"post": "yes"})):
        shown = text_of(answer)
        assert "is in use, so it was not deleted." in shown
        assert f'1 capture schedule\n\t<ul>\n\t\t<li><a href="{made.get_absolute_url()}">Lecture</a>' in shown
        assert "8 captures" in shown
        assert "and 3 more" in shown
    assert Room.objects.exists()
    campus = room.building.campus
    shown = text_of(signed_in.get(address(Campus, "delete", campus.pk)))
    assert f'<a href="{address(Building, "change", room.building_id)}">' in shown


def test_a_room_with_many_captures_is_not_read_whole(signed_in):
    room = timetable.room()
    timetable.schedule(in_room=room)
    delete = address(Room, "delete", room.pk)
    signed_in.get(delete)

    def cost():
        with CaptureQueriesContext(connection) as captured:
            signed_in.get(delete)
        return len(captured)

    before = cost()
    for hour in range(11, 18):
        timetable.schedule(in_room=room, start_time=datetime.time(hour), weekdays=[1, 2, 3])
    # what each example is called is read with it, of five examples at most
    assert cost() <= before + 20


def test_several_in_the_list_are_refused_together(signed_in):
    used, unused = timetable.room("Used"), timetable.room("Unused")
    timetable.schedule(in_room=used)
    chosen = {"action": "delete_selected", "_selected_action": [used.pk, unused.pk], "post": "yes"}
    shown = text_of(signed_in.post(address(Room, "changelist"), chosen))
    assert "are in use, so nothing was deleted." in shown
    assert Room.objects.count() == 2
    chosen["_selected_action"] = [unused.pk]
    signed_in.post(address(Room, "changelist"), chosen)
    assert list(Room.objects.all()) == [used]
    assert Change.objects.get(action="Deleted").subject.endswith("Unused")


def test_what_nothing_rests_on_goes_with_what_belongs_to_it(signed_in, admin):
    campus = timetable.campus("North")
    NonTeachingDay.objects.create(name="Holiday", first=MONDAY, last=MONDAY, campus=campus)
    delete = address(Campus, "delete", campus.pk)
    shown = text_of(signed_in.get(delete))
    assert "Delete <b>North</b>? This cannot be undone. With it goes:" in shown
    assert "1 non-teaching day" in shown
    signed_in.post(delete, {"post": "yes"})
    assert not Campus.objects.exists()
    change = Change.objects.get()
    assert (change.action, change.subject, change.actor) == ("Deleted", "North", admin)
    assert ["Non-teaching day: Holiday", "2 Oct 2045", ""] in change.differences


def test_a_campus_that_limits_a_scheduler_is_not_deleted(signed_in, scheduler):
    campus = timetable.campus()
    scope = scheduler.scheduler_scopes.create(campus=campus)
    delete = address(Campus, "delete", campus.pk)
    assert address(SchedulerScope, "change", scope.pk) in text_of(signed_in.post(delete, {"post": "yes"}))
    assert scheduler.scheduler_scopes.exists()


def test_a_person_who_presents_or_teaches_is_not_deleted(signed_in, instructor):
    section = timetable.section(instructor)
    timetable.schedule(section, presenter=instructor)
    delete = reverse("admin:accounts_user_delete", args=[instructor.pk])
    for answer in (signed_in.get(delete), signed_in.post(delete, {"post": "yes"})):
        shown = text_of(answer)
        assert "1 capture schedule" in shown
        assert address(Section, "change", section.pk) in shown
        assert "take away <b>Active</b>" in shown
    instructor.refresh_from_db()


def test_a_person_without_ties_is_deleted(signed_in, outsider, django_user_model):
    delete = reverse("admin:accounts_user_delete", args=[outsider.pk])
    assert "Delete <b>Outsider</b>?" in text_of(signed_in.get(delete))
    signed_in.post(delete, {"post": "yes"})
    assert not django_user_model.objects.filter(pk=outsider.pk).exists()


def test_a_configuration_that_a_link_rests_on_is_not_deleted(signed_in, linked):
    """`configurations` knows of no links: the relations say it (accounts/in_use.py)."""
    configuration = ApiConfiguration.objects.get()
    delete = reverse("admin:configurations_apiconfiguration_delete", args=[configuration.pk])
    chosen = {"action": "delete_selected", "_selected_action": [configuration.pk], "post": "yes"}
    several = reverse("admin:configurations_apiconfiguration_changelist")
    for answer in (
        signed_in.get(delete),
        signed_in.post(delete, {"post": "yes"}),
        signed_in.post(several, chosen),
    ):
        shown = text_of(answer)
        assert "1 link to an LMS course" in shown
        assert address(Section, "change", linked.section_id) in shown
        assert "forgets the client secret" not in shown
    assert ApiConfiguration.objects.exists()


def test_a_link_made_in_the_same_moment_is_no_fault(signed_in, linked, monkeypatch):
    monkeypatch.setattr("accounts.in_use.uses", lambda rows, also=(): [])
    delete = reverse("admin:configurations_apiconfiguration_delete", args=[ApiConfiguration.objects.get().pk])
    answer = signed_in.post(delete, {"post": "yes"}, follow=True)
    assert "Somebody began to use this in the same moment. Nothing was deleted." in text_of(answer)
    assert ApiConfiguration.objects.exists()


# --- Lists ------------------------------------------------------------------------------------------------
def made_of_each(number):
    """One row of each list, with parents of its own."""
    word = {1: "Alpha", 2: "Beta", 3: "Gamma"}[number]
    person = User.objects.create_user(f"{word}@example.edu", full_name=f"Teacher {word}")
    organization = Organization.objects.create(name=f"Organization {word}")
    department = Department.objects.create(name=f"Department {word}", organization=organization)
    section = timetable.section(person, code=f"CODE-{word}", department=department)
    configuration = ApiConfiguration.objects.create(
        name=f"Canvas {number}", base_url=f"https://{number}.example.edu", client_id="1"
    )
    timetable.link(section, LmsCourse.objects.create(configuration=configuration, lms_id="1", name="Algebra"))
    room = timetable.room(f"Room {word}")
    campus = room.building.campus
    NonTeachingDay.objects.create(name=f"Day {word}", first=MONDAY, last=MONDAY, campus=campus, term=section.term)
    person.scheduler_scopes.create(campus=campus)


# Five for the person who asks, the number of rows, the rows, and what filters and columns read at once.
QUERIES = {
    Campus: 7,
    Building: 8,
    Room: 8,
    Term: 7,
    NonTeachingDay: 9,
    Organization: 7,
    Department: 8,
    Course: 8,
    Section: 11,
    SchedulerScope: 9,
}


@pytest.mark.parametrize("model", QUERIES)
def test_a_list_costs_the_same_for_one_row_and_for_three(signed_in, django_assert_num_queries, model):
    made_of_each(1)
    signed_in.get(address(model, "changelist"))
    with django_assert_num_queries(QUERIES[model]):
        signed_in.get(address(model, "changelist"))
    made_of_each(2)
    made_of_each(3)
    with django_assert_num_queries(QUERIES[model]):
        shown = signed_in.get(address(model, "changelist"))
    assert shown.context["cl"].result_count == 3


@pytest.mark.parametrize(
    ("model", "query", "found"),
    [
        (Campus, {"q": "campus"}, 3),
        (Building, {"q": "nowhere"}, 0),
        (Room, {"q": "room beta"}, 1),
        (Room, {"input": "camera"}, 3),
        (Room, {"input": "audio"}, 0),
        (Term, {"when": "ahead"}, 3),
        (Term, {"when": "now"}, 0),
        (NonTeachingDay, {"q": "day gamma"}, 1),
        (Organization, {"q": "organization"}, 3),
        (Department, {"q": "Organization Alpha"}, 1),
        (Course, {"q": "code-beta"}, 1),
        (Section, {"q": "gamma@"}, 1),
        (SchedulerScope, {"q": "Teacher Alpha"}, 1),
    ],
)
def test_lists_can_be_searched_and_filtered(signed_in, model, query, found):
    for number in (1, 2, 3):
        made_of_each(number)
    assert signed_in.get(address(model, "changelist"), query).context["cl"].result_count == found


@pytest.mark.parametrize("model", QUERIES)
def test_lists_can_be_sorted_by_each_column(signed_in, model):
    made_of_each(1)
    columns = signed_in.get(address(model, "changelist")).context["cl"].list_display
    for number in range(len(columns)):
        assert signed_in.get(address(model, "changelist"), {"o": number}).status_code == 200


def test_names_cannot_break_the_pages(signed_in):
    hostile = "<script>alert(1)</script>"
    room = timetable.room(hostile)
    timetable.schedule(in_room=room, title=hostile)
    for answer in (
        signed_in.get(address(Room, "changelist")),
        signed_in.get(address(Room, "delete", room.pk)),
        signed_in.post(address(Room, "change", room.pk), room_row(room, inputs=["audio"], notes=hostile)),
        signed_in.post(address(Room, "change", room.pk), room_row(room, notes=hostile), follow=True),
        signed_in.get(address(Room, "history", room.pk)),
    ):
        assert "<script>alert" not in answer.content.decode()
