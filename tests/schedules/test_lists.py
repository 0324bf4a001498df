"""Lists of captures and schedules, the day of a building, the search: what is found, by whom, at what cost."""

from __future__ import annotations

import datetime
import re

import pytest
import time_machine
from django.contrib.auth.models import Group
from django.urls import reverse

from configurations.models import ApiConfiguration
from directory.models import LmsCourse
from schedules import captures as one_capture
from schedules import lists
from schedules.models import Capture, CaptureSchedule, ListPreference, NonTeachingDay
from schedules.models.courses import Department, Organization, SchedulerScope
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db
State = Capture.State


@pytest.fixture
def desk(client, scheduler):
    client.force_login(scheduler)
    return client


@pytest.fixture
def algebra(instructor, scheduler):
    room = timetable.room("Theatre", on=timetable.campus("North"))
    section = timetable.section(instructor, code="ALG1", term=timetable.term("Autumn"))
    return timetable.schedule(section, in_room=room, title="Algebra", presenter=instructor, user=scheduler)


@pytest.fixture
def botany(other_instructor):
    room = timetable.room("Hall", on=timetable.campus("South", time_zone="America/New_York"))
    section = timetable.section(other_instructor, code="BOT1", term=timetable.term("Spring"))
    return timetable.schedule(section, in_room=room, title="Botany", presenter=other_instructor, starts_on=MONDAY)


def titles(answer):
    return sorted({str(row) if isinstance(row, CaptureSchedule) else row.title for row in answer.context["rows"]})


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


# --- Filters ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["captures", "schedules"])
@pytest.mark.parametrize(
    "given",
    [
        {"q": "algebra"},
        {"q": "ALG1"},
        {"q": "Theatre"},
        {"q": "instructor@example.edu algebra"},
        {"instructor": "instructor@example.edu", "course": "ALG1"},
        {"course": "alg1 001"},
        {"campus": "the campus"},
        {"building": "the building"},
        {"term": "the term"},
        {"linked": "yes"},
        {"scheduled_by": "scheduler@"},
    ],
)
def test_each_filter_finds_what_it_says(name, given, desk, algebra, botany):
    keys = {
        "the campus": algebra.room.building.campus_id,
        "the building": algebra.room.building_id,
        "the term": algebra.sections.get().term_id,
    }
    configuration = ApiConfiguration.objects.create(
        name="Canvas", base_url="https://canvas.example.edu", client_id="1", client_secret="secret-of-a-key"
    )
    lms_course = LmsCourse.objects.create(configuration=configuration, lms_id="7", name="Algebra")
    timetable.link(algebra.sections.get(), lms_course)

    answer = desk.get(reverse(name), {one: keys.get(value, value) for one, value in given.items()})

    assert titles(answer) == ["Algebra"]


@pytest.mark.parametrize("name", ["captures", "schedules"])
def test_a_room_is_chosen_after_its_building(name, desk, algebra, botany):
    given = {"building": algebra.room.building_id, "room": algebra.room_id}

    assert titles(desk.get(reverse(name), given)) == ["Algebra"]


def test_captures_by_state_and_date(desk, algebra, scheduler):
    one_capture.cancel_capture(algebra.captures.first(), user=scheduler)

    cancelled = desk.get(reverse("captures"), {"state": "cancelled"})
    between = desk.get(reverse("captures"), {"first": "2045-10-09", "last": "2045-10-16"})

    assert [row.rule_date.day for row in cancelled.context["rows"]] == [2]
    assert [row.rule_date.day for row in between.context["rows"]] == [9, 16]


def test_an_instructor_in_two_rooms_is_found_as_a_conflict(desk, algebra, botany, instructor):
    timetable.schedule(title="Twice", presenter=instructor, ends_on=MONDAY)

    answer = desk.get(reverse("captures"), {"conflict": "yes"})

    assert [(row.title, row.rule_date.day) for row in answer.context["rows"]] == [("Algebra", 2), ("Twice", 2)]


def test_a_capture_that_was_renamed_is_found_by_its_own_title(desk, algebra, scheduler):
    row = algebra.captures.first()
    one_capture.change_capture(
        row,
        title="Guest lecture",
        room=algebra.room,
        starts_at=row.starts_at,
        duration=datetime.timedelta(hours=1),
        user=scheduler,
    )

    assert titles(desk.get(reverse("captures"), {"q": "guest"})) == ["Guest lecture"]


def test_without_filters_it_begins_today(desk, algebra):
    with time_machine.travel(datetime.datetime(2045, 10, 9, 12, tzinfo=datetime.UTC), tick=False):
        client = type(desk)()
        client.force_login(algebra.created_by)
        answer = client.get(reverse("captures"))

    assert [row.rule_date.day for row in answer.context["rows"]] == [9, 16, 23]
    assert "captures from today on" in text(answer)


@pytest.mark.parametrize("name", ["captures", "schedules"])
@pytest.mark.parametrize(
    "nonsense",
    [
        {"room": "x"},
        {"building": "9" * 30},
        {"after": "nonsense"},
        {"after": "2045-99-99_1"},
        {"after": "2045-10-01T00:00:00_5"},
        {"before": "T_1"},
        {"first": "no date"},
        {"first": "0001-01-01", "last": "9999-12-31"},
        {"after": "9999-12-31T23:59:59-01:00_5"},
        {"before": "0001-01-01T00:00:00+14:00_5"},
        {"state": "x"},
        {"sort": "password"},
        {"q": "\x00"},
        {"q": "%_\\"},
        {"term": "-1"},
    ],
)
def test_strange_addresses_do_no_harm(name, nonsense, desk, algebra):
    assert desk.get(reverse(name), nonsense).status_code == 200


# --- Pages, sorting, what is remembered -------------------------------------------------------------------
def test_pages_follow_each_other_without_gap_or_repetition(desk, monkeypatch, algebra, botany):
    monkeypatch.setattr(lists, "PAGE", 3)
    seen, address = [], reverse("captures")
    while address:
        answer = desk.get(address)
        seen.append([row.pk for row in answer.context["rows"]])
        onwards = answer.context["next_page"]
        address = reverse("captures") + onwards if onwards else ""
    back = desk.get(reverse("captures") + answer.context["previous_page"])

    in_order = list(Capture.objects.order_by("starts_at", "pk").values_list("pk", flat=True))
    assert [key for page in seen for key in page] == in_order
    assert [len(page) for page in seen] == [3, 3, 2]
    assert [row.pk for row in back.context["rows"]] == seen[-2]


def test_newest_first_turns_the_pages_round(desk, monkeypatch, algebra, botany):
    monkeypatch.setattr(lists, "PAGE", 3)
    first = desk.get(reverse("captures"), {"sort": "-when"})
    second = desk.get(reverse("captures") + first.context["next_page"])

    keys = [row.pk for row in [*first.context["rows"], *second.context["rows"]]]
    assert keys == list(Capture.objects.order_by("-starts_at", "-pk").values_list("pk", flat=True))[:6]


@pytest.mark.parametrize(
    ("sort", "first"), [("title", "Algebra"), ("-title", "Botany"), ("room", "Botany"), ("-room", "Algebra")]
)
def test_sorting_by_a_column(sort, first, desk, algebra, botany):
    assert desk.get(reverse("captures"), {"sort": sort}).context["rows"][0].title == first


def test_too_many_rows_are_not_sorted_by_another_column(desk, monkeypatch, algebra, botany):
    monkeypatch.setattr(lists, "COUNTED", 5)

    answer = desk.get(reverse("captures"), {"sort": "title"})

    assert "Too many to sort by that column" in text(answer)
    assert "more than 5" in text(answer)


def test_columns_are_chosen_and_remembered(desk, algebra):
    desk.post(reverse("choose_columns"), {"column": ["campus", "recorder", "forged"]})

    page = text(desk.get(reverse("captures")))

    assert "North" in page
    assert "09:00:00 – 10:00:00" in page
    assert ListPreference.objects.get().columns == ["campus", "recorder"]


def test_the_last_filters_are_offered_and_not_applied(desk, algebra, botany):
    desk.get(reverse("captures"), {"q": "algebra"})

    answer = desk.get(reverse("captures"))

    assert titles(answer) == ["Algebra", "Botany"]
    assert 'href="?q=algebra"' in text(answer)


def test_times_name_their_zone_where_there_are_several(desk, algebra, botany):
    both = text(desk.get(reverse("captures")))
    one = text(desk.get(reverse("captures"), {"q": "algebra"}))

    assert "America/New_York" in both
    assert "Times by the clock of Europe/London." in one


# --- Cost -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("name", "queries"), [("captures", 16), ("schedules", 16)])
@pytest.mark.parametrize("rows", [1, 3])
def test_more_rows_cost_no_more_queries(name, queries, rows, desk, instructor, django_assert_num_queries):
    for _ in range(rows):
        timetable.schedule(timetable.section(instructor), ends_on=MONDAY, presenter=instructor)

    with django_assert_num_queries(queries):
        answer = desk.get(reverse(name))

    assert len(answer.context["rows"]) == rows


@pytest.mark.parametrize("rows", [1, 3])
def test_a_day_costs_the_same_for_more_rooms(rows, desk, instructor, django_assert_num_queries):
    room = timetable.room()
    for number in range(rows):
        place = timetable.room(f"R{number}", building=room.building)
        timetable.schedule(timetable.section(instructor), in_room=place, ends_on=MONDAY, presenter=instructor)

    with django_assert_num_queries(13):
        answer = desk.get(reverse("day"), {"building": room.building_id, "date": "2045-10-02"})

    assert sum(len(found) for _, found in answer.context["lists"]) == rows


# --- Who sees what ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["captures", "schedules"])
def test_instructors_see_their_own_and_change_nothing_here(name, client, algebra, botany, instructor):
    client.force_login(instructor)

    answer = client.get(reverse(name))

    assert titles(answer) == ["Algebra"]
    assert "checkbox" not in text(answer).partition("</table>")[0]


@pytest.mark.parametrize("name", ["captures", "schedules"])
def test_a_scheduler_of_one_campus_sees_that_campus(name, desk, algebra, botany, scheduler):
    SchedulerScope.objects.create(user=scheduler, campus=algebra.room.building.campus)

    answer = desk.get(reverse(name))

    assert titles(answer) == ["Algebra"]
    assert "South" not in text(answer)


@pytest.mark.parametrize("name", ["captures", "schedules"])
def test_a_scheduler_of_one_department_sees_that_department(name, desk, algebra, botany, scheduler):
    department = Department.objects.create(organization=Organization.objects.create(name="School"), name="Law")
    section = timetable.section(department=department, code="LAW1")
    timetable.schedule(section, title="Law")
    SchedulerScope.objects.create(user=scheduler, department=department)

    assert titles(desk.get(reverse(name))) == ["Law"]


def test_who_schedules_and_teaches_sees_both(client, algebra, botany, instructor):
    instructor.groups.add(Group.objects.get(name="Schedulers"))
    SchedulerScope.objects.create(user=instructor, campus=botany.room.building.campus)
    client.force_login(instructor)

    assert titles(client.get(reverse("schedules"))) == ["Algebra", "Botany"]


# --- The day ----------------------------------------------------------------------------------------------
def test_a_day_shows_its_rooms_with_what_is_in_them(desk, algebra):
    NonTeachingDay.objects.create(campus=algebra.room.building.campus, first=MONDAY, last=MONDAY, name="Holiday")

    page = text(desk.get(reverse("day"), {"building": algebra.room.building_id, "date": "2045-10-02"}))

    assert "Monday, 2 October 2045" in page
    assert "Times by the clock of Europe/London." in page
    assert "09:00–10:00 <a" in page
    assert "Holiday: no teaching." in page


def test_what_was_cancelled_is_not_in_the_day(desk, algebra, scheduler):
    one_capture.cancel_capture(algebra.captures.first(), user=scheduler)

    assert "Free all day." in text(
        desk.get(reverse("day"), {"building": algebra.room.building_id, "date": "2045-10-02"})
    )


@pytest.mark.parametrize(
    ("start", "first", "last"),
    [
        (datetime.time(9), "07:00", "20:00"),
        (datetime.time(5, 30), "05:00", "20:00"),
        (datetime.time(21, 15), "07:00", "22:00"),
        (datetime.time(23, 30), "07:00", "23:00"),
    ],
)
def test_the_night_is_drawn_only_where_something_is_on(start, first, last, desk):
    made = timetable.schedule(timetable.section(), start_time=start, duration_minutes=60)
    answer = desk.get(reverse("day"), {"building": made.room.building_id, "date": "2045-10-02"})

    labels = [label for _, label in answer.context["drawing"].hours]
    assert (labels[0], labels[-1]) == (first, last)


@pytest.mark.parametrize(
    ("date", "hours", "labels"),
    [("2027-03-28", 23, ["00:00", "02:00", "03:00"]), ("2027-10-31", 25, ["00:00", "01:00", "01:00"])],
)
def test_on_the_night_of_a_clock_change_the_axis_does_not_lie(date, hours, labels, desk, algebra):
    answer = desk.get(reverse("day"), {"building": algebra.room.building_id, "date": date})

    drawing = answer.context["drawing"]
    assert [label for _, label in drawing.hours][:3] == labels
    assert len(drawing.hours) == hours
    assert f"it has {hours} hours" in text(answer)


@pytest.mark.parametrize(
    "given", [{"date": "nonsense"}, {"date": "9999-12-31"}, {"building": "x"}, {"building": "9" * 30}, {}]
)
def test_a_day_with_strange_parameters_shows_a_day(given, desk, algebra):
    assert desk.get(reverse("day"), given).status_code == 200


def test_without_rooms_the_day_says_who_adds_them(desk):
    assert "An administrator adds campuses, buildings and rooms." in text(desk.get(reverse("day")))


def test_a_recording_of_another_department_is_only_taken_time(desk, algebra, scheduler):
    department = Department.objects.create(organization=Organization.objects.create(name="School"), name="Law")
    SchedulerScope.objects.create(user=scheduler, department=department)

    page = text(desk.get(reverse("day"), {"building": algebra.room.building_id, "date": "2045-10-02"}))

    assert "Taken by another department" in page
    assert "Algebra" not in page


# --- Search -----------------------------------------------------------------------------------------------
def test_one_box_finds_everything(desk, algebra, botany):
    def groups(q):
        return [group.title for group in desk.get(reverse("search"), {"q": q}).context["groups"]]

    assert groups("alg1") == ["Sections", "Schedules", "Captures to come"]
    assert groups("theatre") == ["Rooms", "Schedules", "Captures to come"]
    assert groups("other_instructor@") == ["People", "Schedules", "Captures to come"]
    assert groups("nothing of the kind") == []


def test_an_instructor_finds_only_what_is_theirs(client, algebra, botany, instructor):
    client.force_login(instructor)

    assert client.get(reverse("search"), {"q": "BOT1"}).context["groups"] == []
    assert client.get(reverse("search"), {"q": "ALG1"}).context["groups"] != []
