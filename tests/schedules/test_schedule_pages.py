"""The pages of a schedule, a capture and a section: what they show, what they change, and who may."""

from __future__ import annotations

import datetime
import re

import pytest
import time_machine
from django.urls import reverse

from accounts.models import User
from configurations.models import ApiConfiguration
from directory.models import LmsCourse
from schedules import captures
from schedules.models import Capture, CaptureSchedule, Change, LmsCourseLink, Section
from schedules.models.courses import Department, Organization, SchedulerScope
from tests.support import timetable

pytestmark = pytest.mark.django_db
State = Capture.State


@pytest.fixture
def desk(client, scheduler):
    client.force_login(scheduler)
    return client


@pytest.fixture
def section(instructor):
    return timetable.section(instructor, code="ALG1")


@pytest.fixture
def schedule(section, scheduler, instructor):
    return timetable.schedule(section, user=scheduler, title="Algebra", presenter=instructor)


@pytest.fixture
def lms_course():
    configuration = ApiConfiguration.objects.create(
        name="Canvas", base_url="https://canvas.example.edu", client_id="1", client_secret="secret-of-a-key"
    )
    return LmsCourse.objects.create(configuration=configuration, lms_id="7", name="Algebra in Canvas")


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def form_of(answer):
    """What the form of a change page would send."""
    page = answer.context["page"]
    form = page.form
    sent = {}
    for name in form.fields:
        value = form[name].value()
        if value not in (None, "", False):
            sent[name] = form.fields[name].prepare_value(value) if name in ("left_out", "put_back") else value
    for one, publication in page.further.rows:
        sent.setdefault("further", []).append(str(one.pk))
        for name in publication.fields:
            value = publication[name].value()
            sent[f"further-{one.pk}-{name}"] = "" if value is None else value
    return sent


def change(desk, schedule, *, action="save", look_first=True, **fields):
    address = reverse("change_schedule", args=[schedule.pk])
    data = form_of(desk.get(address)) | fields
    data = {name: value for name, value in data.items() if value is not None}
    if look_first:
        data["seen"] = desk.post(address, data | {"action": "preview"}).context["page"].effect_key
    return desk.post(address, data | {"action": action})


# --- Changing a series ------------------------------------------------------------------------------------
def test_a_change_says_first_what_it_changes(desk, schedule):
    answer = change(desk, schedule, look_first=False, start_time="10:00", end_time="11:00")

    assert "Look at what changes below, then save." in text(answer)
    assert "4 changed, 0 added, 0 cancelled." in text(answer)
    assert "Mon 2 Oct 2045, 09:00–10:00" in text(answer)
    assert timetable.starts(schedule)[0] == "2045-10-02 09:00"


def test_a_change_is_saved_once_it_was_seen(desk, schedule):
    answer = change(desk, schedule, start_time="10:00", end_time="11:00")

    assert answer.status_code == 302
    assert timetable.starts(schedule) == [f"2045-10-{day:02} 10:00" for day in (2, 9, 16, 23)]
    latest = Change.objects.latest("pk")
    assert latest.action == "Changed: 4 captures changed"
    assert latest.differences == [["Time", "09:00–10:00 (Europe/London)", "10:00–11:00 (Europe/London)"]]


def test_a_change_of_what_is_recorded_needs_no_second_look(desk, schedule):
    answer = change(desk, schedule, look_first=False, quality="highest")

    assert answer.status_code == 302
    assert CaptureSchedule.objects.get().quality == "highest"


def test_this_and_later_ones(desk, schedule):
    change(desk, schedule, start_time="10:00", end_time="11:00", from_date="2045-10-16")

    assert timetable.starts(schedule) == [
        "2045-10-02 09:00",
        "2045-10-09 09:00",
        "2045-10-16 10:00",
        "2045-10-23 10:00",
    ]


def test_what_was_changed_by_hand_stays_unless_asked(desk, schedule, scheduler):
    captures.cancel_capture(schedule.captures.first(), user=scheduler)

    change(desk, schedule, start_time="10:00", end_time="11:00")
    assert timetable.starts(schedule)[0] == "2045-10-09 10:00"

    change(desk, schedule, start_time="11:00", end_time="12:00", by_hand_too="on")
    assert timetable.starts(schedule)[0] == "2045-10-02 11:00"


def test_a_change_into_a_taken_room_is_refused_and_named(desk, schedule):
    timetable.schedule(in_room=schedule.room, title="Botany", start_time=datetime.time(10))

    answer = change(desk, schedule, start_time="10:00", end_time="11:00")

    assert "The room is taken on 4 dates. Nothing was saved." in text(answer)
    assert "“Botany”, 10:00–11:00" in text(answer)
    assert timetable.starts(schedule)[0] == "2045-10-02 09:00"


def test_what_has_begun_is_never_touched(schedule, scheduler, client):
    with time_machine.travel(datetime.datetime(2045, 10, 10, tzinfo=datetime.UTC), tick=False):
        client.force_login(scheduler)
        answer = change(client, schedule, start_time="10:00", end_time="11:00")

    assert answer.status_code == 302
    assert [start[8:] for start in timetable.starts(schedule)] == ["02 09:00", "09 09:00", "16 10:00", "23 10:00"]


def test_bad_input_is_told_and_changes_nothing(desk, schedule):
    answer = change(desk, schedule, look_first=False, title="", ends_on="2045-09-01")

    assert "Not saved. Correct what is marked below." in text(answer)
    assert CaptureSchedule.objects.get().title == "Algebra"


def test_another_section_is_added_and_taken_out(desk, schedule):
    other = timetable.section(code="OTHER1")
    change(desk, schedule, look_first=False, further=[str(schedule.sections.get().pk), str(other.pk)])
    assert {one.section.course.code for one in schedule.publications.all()} == {"ALG1", "OTHER1"}

    change(desk, schedule, look_first=False, drop_section=str(other.pk))

    assert {one.section.course.code for one in schedule.publications.all()} == {"ALG1"}


# --- Ending and deleting ----------------------------------------------------------------------------------
def test_ending_says_first_what_falls_away(desk, schedule):
    address = reverse("end_schedule", args=[schedule.pk])

    assert "2 captures will be cancelled" in text(desk.get(address, {"last": "2045-10-09"}))
    assert len(timetable.starts(schedule)) == 4
    desk.post(address, {"last": "2045-10-09"})

    assert len(timetable.starts(schedule)) == 2
    assert schedule.captures.filter(state=State.CANCELLED).count() == 2


def test_a_schedule_that_has_not_begun_is_deleted(desk, schedule):
    schedule_page = reverse("delete_schedule", args=[schedule.pk])
    assert "4 captures go" in text(desk.get(schedule_page))

    desk.post(schedule_page)

    assert not CaptureSchedule.objects.exists()
    assert Change.objects.filter(action="Deleted").exists()


def test_a_schedule_that_has_begun_is_not_deleted(schedule, scheduler, client):
    with time_machine.travel(datetime.datetime(2045, 10, 10, tzinfo=datetime.UTC), tick=False):
        client.force_login(scheduler)
        answer = client.post(reverse("delete_schedule", args=[schedule.pk]))

    assert answer.status_code == 409
    assert "End the schedule instead" in text(answer)
    assert CaptureSchedule.objects.exists()


# --- One capture ------------------------------------------------------------------------------------------
def test_one_capture_gets_another_time_room_and_title(desk, schedule):
    room = timetable.room("Hall", building=schedule.room.building)
    capture = schedule.captures.first()
    fields = {
        "title": "Guest",
        "room": room.pk,
        "date": "2045-10-03",
        "start_time": "14:00",
        "duration_minutes": "30",
    }

    desk.post(reverse("change_capture", args=[capture.pk]), fields)

    capture.refresh_from_db()
    assert (capture.title, capture.room, capture.when.in_full, capture.edited) == (
        "Guest",
        room,
        "Tuesday, 3 October 2045, 14:00–14:30 (Europe/London)",
        True,
    )
    assert {label for label, _, _ in Change.objects.latest("pk").differences} == {"Title", "Room", "Time"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"title": ""}, "This field is required."),
        ({"duration_minutes": "241"}, "A capture lasts from 1 minute to 4 hours."),
        ({"date": "2020-01-01"}, "This time is in the past."),
        ({"date": "2045-10-09"}, "The room is taken"),
        ({"date": "9999-12-31", "start_time": "23:59"}, "Enter a date between the years 1970 and 2200."),
        ({"date": "0001-01-01", "start_time": "00:00"}, "Enter a date between the years 1970 and 2200."),
        ({"duration_minutes": "9" * 30}, "A capture lasts from 1 minute to 4 hours."),
    ],
)
def test_a_wrong_change_of_one_capture_is_told(wrong, said, desk, schedule):
    capture = schedule.captures.first()
    fields = {"title": "Guest", "room": capture.room_id, "date": "2045-10-03", "start_time": "09:00"}

    answer = desk.post(reverse("change_capture", args=[capture.pk]), fields | {"duration_minutes": "30"} | wrong)

    assert said in text(answer)
    assert timetable.starts(schedule)[0] == "2045-10-02 09:00"


def test_a_capture_is_cancelled_with_a_reason_and_restored(desk, schedule):
    capture = schedule.captures.first()

    page = desk.post(reverse("cancel_capture", args=[capture.pk]), {"note": "Strike"}, follow=True)
    assert "Cancelled by Scheduler: Strike" in text(page)
    page = desk.post(reverse("restore_capture", args=[capture.pk]), follow=True)

    assert "Scheduled" in text(page)
    assert len(timetable.starts(schedule)) == 4


def test_a_restored_capture_needs_its_room(desk, schedule, scheduler):
    capture = captures.cancel_capture(schedule.captures.first(), user=scheduler)
    timetable.schedule(in_room=schedule.room, title="Botany", ends_on=timetable.MONDAY)

    answer = desk.post(reverse("restore_capture", args=[capture.pk]))

    assert answer.status_code == 409
    assert "The room is taken: “Botany”" in text(answer)


def test_an_instructor_leaves_out_a_date_of_their_own_section(client, schedule, instructor):
    client.force_login(instructor)
    capture = schedule.captures.first()
    assert "Leave this date out" in text(client.get(capture.get_absolute_url()))

    client.post(reverse("cancel_capture", args=[capture.pk]))
    assert len(timetable.starts(schedule)) == 3
    client.post(reverse("restore_capture", args=[capture.pk]))

    assert len(timetable.starts(schedule)) == 4


def test_an_instructor_does_not_restore_what_staff_have_cancelled(client, schedule, instructor, scheduler):
    capture = captures.cancel_capture(schedule.captures.first(), user=scheduler)
    client.force_login(instructor)

    assert client.post(reverse("restore_capture", args=[capture.pk])).status_code == 403


def test_after_it_has_begun_nothing_is_left_out(schedule, instructor, client):
    with time_machine.travel(datetime.datetime(2045, 10, 2, 9, 30, tzinfo=datetime.UTC), tick=False):
        client.force_login(instructor)
        assert client.post(reverse("cancel_capture", args=[schedule.captures.first().pk])).status_code == 403


# --- Who may ----------------------------------------------------------------------------------------------
PAGES = ("schedule", "change_schedule", "end_schedule", "delete_schedule")


@pytest.mark.parametrize("name", [*PAGES, "capture", "change_capture", "section", "change_section"])
def test_an_instructor_sees_only_what_is_theirs(name, client, schedule, section, instructor, other_instructor):
    rows = {"capture": schedule.captures.first(), "section": section}
    row = next((row for kind, row in rows.items() if kind in name), schedule)
    address = reverse(name, args=[row.pk])

    client.force_login(instructor)
    mine = client.get(address).status_code
    client.force_login(other_instructor)
    foreign = client.get(address).status_code

    readable = name in ("schedule", "capture", "section")
    assert mine == (200 if readable else 403)
    assert foreign == (404 if readable else 403)


def test_what_is_outside_a_schedulers_department_does_not_exist_for_them(desk, schedule, section, scheduler):
    school = Organization.objects.create(name="School")
    SchedulerScope.objects.create(
        user=scheduler, department=Department.objects.create(organization=school, name="X")
    )

    for name in PAGES:
        assert desk.get(reverse(name, args=[schedule.pk])).status_code == 404
    assert desk.get(section.get_absolute_url()).status_code == 404
    assert desk.get(schedule.captures.first().get_absolute_url()).status_code == 404


def test_what_is_outside_a_schedulers_campus_does_not_exist_for_them(desk, schedule, scheduler):
    SchedulerScope.objects.create(user=scheduler, campus=timetable.campus())

    for name in PAGES:
        assert desk.get(reverse(name, args=[schedule.pk])).status_code == 404


# --- Sections and links -----------------------------------------------------------------------------------
def test_the_page_of_a_section_shows_what_hangs_on_it(desk, schedule, section, lms_course):
    timetable.link(section, lms_course)

    page = text(desk.get(section.get_absolute_url()))

    for shown in ("Algebra in Canvas", "Every week on Monday", "Mon 2 Oct 2045", "(primary)"):
        assert shown in page


def test_instructors_of_a_section_are_changed(desk, section, instructor):
    address = reverse("change_section", args=[section.pk])
    assert "instructor@example.edu" in text(desk.get(address))

    desk.post(address, {"number": "002", "instructors": "new@example.edu\ninstructor@example.edu"})

    section = Section.objects.get()
    assert section.number == "002"
    assert section.primary_instructor == User.objects.get(email="new@example.edu")
    assert section.teaching.count() == 2
    latest = Change.objects.latest("pk")
    assert ["Section number", "001", "002"] in latest.differences
    assert [
        "Instructors",
        "instructor@example.edu",
        "new@example.edu, instructor@example.edu",
    ] in latest.differences


def test_unlinking_says_what_it_means_and_keeps_everything(desk, schedule, section, lms_course):
    link = timetable.link(section, lms_course)
    address = reverse("unlink", args=[link.pk])
    assert "4 to come" in text(desk.get(address))

    desk.post(address)

    assert not LmsCourseLink.objects.exists()
    assert len(timetable.starts(schedule)) == 4


def test_an_lms_course_is_led_to_another_section(desk, section, lms_course):
    link = timetable.link(section, lms_course)
    other = timetable.section(code="OTHER1")
    address = reverse("relink", args=[link.pk])
    assert "OTHER1" in text(desk.get(address, {"q": "other1"}))

    desk.post(address, {"section": other.pk})

    assert LmsCourseLink.objects.get().section == other
    lms_course.refresh_from_db()
    assert lms_course.roster_wanted


def test_an_instructor_cannot_unlink(client, section, lms_course, instructor):
    link = timetable.link(section, lms_course)
    client.force_login(instructor)

    assert client.post(reverse("unlink", args=[link.pk])).status_code == 403
    assert LmsCourseLink.objects.exists()
