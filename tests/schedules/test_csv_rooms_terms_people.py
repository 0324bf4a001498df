from __future__ import annotations

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from schedules.csv_files.reading import Unreadable
from schedules.models import (
    Building,
    Campus,
    Change,
    Department,
    NonTeachingDay,
    Organization,
    Room,
    SchedulerScope,
    Term,
)
from tests.support import timetable
from tests.support.csv_files import cells, check, differences, kinds, problems, save, written

pytestmark = pytest.mark.django_db
ROOMS = "campus|building|room|time_zone|capture_agent|inputs|notes|external_id"
NEW_CAMPUS = "This campus is new: enter its time zone, for example Europe/London."
LONG = "Ensure this value has at most 255 characters (it has 256)."
FULL = "North|Main|101|Europe/London|agent-1|display; audio|Key at the porter's|R1"


# --- Rooms ----------------------------------------------------------------------------------------------
def test_rooms_are_added_with_building_and_campus(admin):
    outcomes = save("rooms", written(ROOMS, FULL, "North|Main|102||||"), admin, good_only=True)
    assert kinds(outcomes) == ["created", "refused"]  # the second has too few cells
    room = Room.objects.with_place().get()
    assert (room.place, room.zone.key, room.capture_agent) == ("North › Main › 101", "Europe/London", "agent-1")
    assert (room.inputs, room.notes, room.external_id) == (["display", "audio"], "Key at the porter's", "R1")
    assert set(Change.objects.values_list("subject", "action", "actor")) == {
        ("North", "Added by a CSV file", admin.pk),
        ("North › Main", "Added by a CSV file", admin.pk),
        ("Main 101", "Added by a CSV file", admin.pk),
    }


def test_the_check_saves_nothing(admin):
    assert kinds(check("rooms", written(ROOMS, FULL), admin)) == ["created"]
    assert not Campus.objects.exists()
    assert not Change.objects.exists()


def test_the_same_file_again_changes_nothing(admin):
    save("rooms", written(ROOMS, FULL), admin)
    before = Change.objects.count()
    assert kinds(save("rooms", written(ROOMS, FULL.replace("North|Main", "NORTH|main")), admin)) == ["unchanged"]
    assert Change.objects.count() == before


def test_a_missing_column_keeps_and_an_empty_cell_clears(admin):
    save("rooms", written(ROOMS, FULL), admin)
    outcomes = save("rooms", written("campus|building|room|notes", "North|Main|101|"), admin)
    assert differences(outcomes[0]) == {"Notes": ("Key at the porter's", "")}
    room = Room.objects.get()
    assert (room.capture_agent, room.inputs, room.external_id) == ("agent-1", ["display", "audio"], "R1")


def test_an_empty_cell_of_a_new_room_is_the_usual(admin):
    save("rooms", written(ROOMS, "North|Main|101|UTC||||"), admin)
    assert Room.objects.get().inputs == ["display", "camera"]
    found = problems(check("rooms", written("campus|building|room|inputs", "North|Main|101|"), admin))
    assert found == [(2, "inputs", "Name at least one input.")]


def test_with_an_external_id_a_room_can_be_renamed_and_moved(admin):
    save("rooms", written(ROOMS, FULL), admin)
    outcomes = save("rooms", written("campus|building|room|external_id", "North|New|201|R1"), admin)
    assert differences(outcomes[0]) == {
        "New building": ("", "North › New"),
        "Building": ("North › Main", "North › New"),
        "Name": ("101", "201"),
    }
    assert Room.objects.with_place().get().place == "North › New › 201"
    assert kinds(save("rooms", written("external_id|notes", "R1|Moved"), admin)) == ["changed"]


def test_places_are_found_by_their_external_ids(admin):
    campus = timetable.campus("North", external_id="C1")
    Building.objects.create(campus=campus, name="Main", external_id="B1")
    save("rooms", written("campus|building|room", "C1|B1|101"), admin)
    assert Room.objects.with_place().get().place == "North › Main › 101"


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("North|Main||Europe/London||||", (2, "room", "Enter the room.")),
        ("|Main|101|Europe/London||||", (2, "campus", "Enter the campus.")),
        ("North|Main|101|||||", (2, "time_zone", NEW_CAMPUS)),
        (
            "North|Main|101|London|||| ",
            (2, "time_zone", "London is not a time zone. Use a name such as Europe/London."),
        ),
        ("North|Main|101|UTC||display||" + "x" * 256, (2, "external_id", LONG)),
        (
            "North|Main|101|Europe/London||display; piano||",
            (2, "inputs", "“piano” is none of display, camera, alternate, document or audio."),
        ),
    ],
)
def test_a_room_that_cannot_be_saved_says_where(admin, row, problem):
    assert problems(check("rooms", written(ROOMS, row), admin)) == [problem]


def test_every_fault_of_a_row_is_told_at_once(admin):
    content = written("term|starts_on|ends_on|non_teaching_days", "A|2045-13-01|tomorrow|2045-10-01")
    assert [column for _, column, _ in problems(check("terms", content, admin))] == [
        "starts_on",
        "ends_on",
        "non_teaching_days",
    ]


def test_a_refused_row_leaves_nothing_behind(admin):
    """Its campus was made before its inputs were found wrong; the next row must not find it."""
    rows = ["North|Main|101|Europe/London||||" + "x" * 256, "North|Main|102|||||"]
    assert problems(save("rooms", written(ROOMS, *rows), admin, good_only=True)) == [
        (2, "external_id", LONG),
        (3, "time_zone", NEW_CAMPUS),
    ]
    assert not Campus.objects.exists()


def test_the_same_room_twice_in_a_file(admin):
    outcomes = check("rooms", written("campus|building|room|time_zone", *["N|M|1|UTC"] * 2), admin)
    assert problems(outcomes) == [(3, "campus", "Line 2 is about the same. Keep one of them.")]


def test_the_same_room_under_two_keys(admin):
    save("rooms", written(ROOMS, FULL), admin)
    content = written("campus|building|room|external_id|notes", "North|Main|101||a", "North|Main|101|R1|b")
    assert problems(check("rooms", content, admin)) == [
        (3, "campus", "Line 2 is about the same. Keep one of them.")
    ]


def test_a_file_does_not_contradict_itself_about_a_campus(admin):
    content = written("campus|building|room|time_zone", "N|M|1|UTC", "N|M|2|Europe/London", "N|M|3|UTC")
    outcomes = check("rooms", content, admin)
    assert problems(outcomes) == [(3, "time_zone", "Line 2 says “UTC” for the same. Make them equal.")]


def test_the_clock_of_a_campus_with_schedules_stays(admin):
    room = timetable.room()
    timetable.schedule(in_room=room)
    row = f"{room.building.campus}|{room.building.name}|{room.name}|Asia/Tokyo"
    found = problems(check("rooms", written("campus|building|room|time_zone", row), admin))
    assert [(line, column) for line, column, _ in found] == [(2, "time_zone")]


def test_an_external_id_of_another_room(admin):
    room = timetable.room("101", external_id="R1")
    other = timetable.room("102", on=room.building.campus, building=room.building)
    row = f"{room.building.campus}|{room.building.name}|102|R1"
    outcomes = check("rooms", written("campus|building|room|external_id", row), admin)
    assert problems(outcomes) == [(2, "", "This building has a room with this name already.")]
    assert other.external_id == ""


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("campus|building|room|colour", "Line 1, column 4: There is no column “colour”"),
        ("campus|building", "Line 1: The column is missing: room"),
        ("notes", "These columns are missing: campus, building, room"),
        ("campus|building|room|Capture Agent|capture_agent", "Line 1, column 5"),
    ],
)
def test_a_header_that_does_not_fit(admin, header, words):
    with pytest.raises(Unreadable, match=words):
        check("rooms", written(header), admin)


def test_column_names_are_read_in_any_case_and_order(admin):
    assert kinds(
        check("rooms", written("Room;CAMPUS;Time zone;Building".replace(";", "|"), "1|N|UTC|M"), admin)
    ) == ["created"]


def test_ten_thousand_rows_are_checked(admin):
    rows = [f"N|Building {number % 50}|Room {number}|UTC" for number in range(10_000)]
    content = written("campus|building|room|time_zone", *rows, "N|Building 1|room 1|UTC")
    with pytest.raises(Unreadable, match="More than 10,000 rows"):
        check("rooms", content, admin)
    outcomes = check("rooms", written("campus|building|room|time_zone", *rows[:-1], "n|building 1|room 1|"), admin)
    assert set(kinds(outcomes[:-1])) == {"created"}
    assert problems(outcomes) == [(10_001, "campus", "Line 3 is about the same. Keep one of them.")]


def queries_of_a_check(content, user):
    with CaptureQueriesContext(connection) as queries:
        check("rooms", content, user)
    return len(queries)


def test_a_row_that_changes_nothing_costs_no_look_up(admin):
    rows = [f"N|M|{number}|UTC" for number in range(30)]
    save("rooms", written("campus|building|room|time_zone", *rows), admin)
    few, many = (
        queries_of_a_check(written("campus|building|room|time_zone", *rows[:count]), admin) for count in (10, 30)
    )
    assert many - few == 20 * 2  # the savepoint of each row


# --- Terms ----------------------------------------------------------------------------------------------
TERMS = "term|starts_on|ends_on|non_teaching_days|external_id"
AUTUMN = "Autumn|2045-10-02|2045-12-22|2045-10-23..2045-10-27 Reading week; 2045-11-01 Holiday|T1"


def test_terms_come_with_their_days(scheduler):
    assert kinds(save("terms", written(TERMS, AUTUMN), scheduler)) == ["created"]
    days = [(str(day.first), str(day.last), day.name) for day in Term.objects.get().non_teaching_days.all()]
    assert days == [("2045-10-23", "2045-10-27", "Reading week"), ("2045-11-01", "2045-11-01", "Holiday")]
    assert kinds(save("terms", written(TERMS, AUTUMN), scheduler)) == ["unchanged"]


def test_days_are_replaced_and_those_of_a_campus_stay(scheduler):
    save("terms", written(TERMS, AUTUMN), scheduler)
    on = datetime.date(2045, 11, 5)
    NonTeachingDay.objects.create(
        term=Term.objects.get(), campus=timetable.campus(), first=on, last=on, name="Fireworks"
    )
    outcomes = save("terms", written("term|non_teaching_days", "autumn|2045-11-01 Holiday"), scheduler)
    assert differences(outcomes[0]) == {
        "Non-teaching days": ("2045-10-23..2045-10-27 Reading week; 2045-11-01 Holiday", "2045-11-01 Holiday")
    }
    assert set(NonTeachingDay.objects.values_list("name", flat=True)) == {"Holiday", "Fireworks"}


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("A||2045-10-02||", "starts_on", "Enter the first day"),
        ("A|2045-10-02|2045-10-01||", "ends_on", "before the first"),
        ("A|10/02/2045|2045-12-01||", "starts_on", "not a date"),
        ("A|2045-02-30|2045-12-01||", "starts_on", "no 2045-02-30 in the calendar"),
        ("A|2045-10-02|2045-12-01|2045-10-09..2045-10-01 X|", "non_teaching_days", "before the first"),
        ("A|2045-10-02|2045-12-01|2045-10-09|", "non_teaching_days", "needs a date and a name"),
    ],
)
def test_a_term_that_cannot_be_saved_says_where(scheduler, row, column, words):
    found = problems(check("terms", written(TERMS, row), scheduler))
    assert [(line, where) for line, where, _ in found] == [(2, column)]
    assert words in found[0][2]


def test_a_limited_scheduler_adds_terms_and_changes_none(scheduler):
    department = Department.objects.create(
        organization=Organization.objects.create(name="University"), name="Biology"
    )
    SchedulerScope.objects.create(user=scheduler, department=department)
    timetable.term("Old")
    content = written("term|starts_on|ends_on", "Old|2045-10-01|2045-12-01", "New|2045-10-01|2045-12-01")
    outcomes = save("terms", content, scheduler, good_only=True)
    assert kinds(outcomes) == ["refused", "created"]
    assert "An administrator can change it" in problems(outcomes)[0][2]


# --- People ---------------------------------------------------------------------------------------------
USERS = "email|full_name|roles|time_zone|external_id"


def test_people_are_added_without_a_password(admin):
    content = written(USERS, "Ira@Example.EDU|Ira|instructor; Schedulers|Europe/London|P1", "b@example.edu||||")
    assert kinds(save("users", content, admin)) == ["created", "created"]
    ira = User.objects.get(external_id="P1")
    assert (ira.email, ira.full_name, ira.time_zone) == ("ira@example.edu", "Ira", "Europe/London")
    assert sorted(ira.roles) == ["Instructors", "Schedulers"]
    assert not ira.has_usable_password()
    assert User.objects.get(email="b@example.edu").time_zone == "UTC"
    assert kinds(save("users", content, admin)) == ["unchanged", "unchanged"]


def test_roles_are_replaced_only_if_the_file_has_them(admin, scheduler):
    save("users", written("email|full_name", f"{scheduler.email}|Sam"), admin)
    assert sorted(User.objects.get(pk=scheduler.pk).roles) == ["Schedulers"]
    outcomes = save("users", written("email|roles", f"{scheduler.email}|Instructors"), admin)
    assert differences(outcomes[0]) == {"Roles": ("Schedulers", "Instructors")}
    change = Change.objects.get(subject_type="user", differences=[["Roles", "Schedulers", "Instructors"]])
    assert (change.actor, change.subject_id) == (admin, scheduler.pk)
    assert scheduler.check_password("correct-horse-battery")


def test_nobody_takes_a_role_from_themselves(admin):
    found = problems(check("users", written("email|roles", f"{admin.email}|Instructors"), admin))
    assert found == [(2, "roles", "Nobody takes a role from themselves. Another administrator has to do it.")]
    content = written("email|roles", f"{admin.email}|Administrators;Instructors")
    assert kinds(save("users", content, admin)) == ["changed"]


def test_the_last_administrator_stays(admin):
    """Asked by somebody who is one no longer, as in a second window."""
    operator = User.objects.create_superuser("root@example.edu")
    User.objects.filter(pk=operator.pk).update(is_active=False)
    found = problems(check("users", written("email|roles", f"{admin.email}|"), operator))
    assert found == [(2, "roles", "This is the last administrator. Give the role to somebody else first.")]


def test_no_administrator_takes_a_superuser_over(admin):
    User.objects.create_superuser("root@example.edu", external_id="ROOT")
    content = written("email|external_id", "mine@example.edu|ROOT")
    assert [column for _, column, _ in problems(check("users", content, admin))] == ["email"]


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("no-address||||", "email"),
        ("||Instructors||", "email"),
        ("a@example.edu||Teachers||", "roles"),
        ("a@example.edu|||Mars/Base|", "time_zone"),
    ],
)
def test_a_person_that_cannot_be_saved_says_where(admin, row, column):
    assert [where for _, where, _ in problems(check("users", written(USERS, row), admin))] == [column]


def test_an_e_mail_of_somebody_else(admin, scheduler):
    User.objects.create_user("x@example.edu", external_id="X")
    content = written("email|external_id", f"{scheduler.email}|X")
    assert problems(check("users", content, admin)) == [(2, "email", "Somebody with this e-mail exists already.")]


def test_export_of_people(admin, scheduler):
    assert [(row["email"], row["roles"]) for row in cells("users", admin)] == [
        ("admin@example.edu", "Administrators"),
        ("scheduler@example.edu", "Schedulers"),
    ]
