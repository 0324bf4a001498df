from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from schedules import captures
from schedules.csv_files import publishing
from schedules.models import (
    Capture,
    CaptureSchedule,
    Change,
    Department,
    NonTeachingDay,
    Organization,
    Publication,
    SchedulerScope,
)
from tests.support import timetable
from tests.support.csv_files import cells, check, differences, kinds, problems, save, written
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db
HEADER = (
    "title|campus|building|room|starts_on|ends_on|start_time|end_time|repeats|interval_weeks|weekdays|"
    "excluded_dates|course_code|term|section_number|instructor_email|input_1|input_2|quality|live|publish|external_id"
)
ROW = (
    "Cells|North|Main|101|2045-10-02|2045-10-29|09:00|10:30|weekly|1|Mon; wednesday|2045-10-09|"
    "BIO1|Autumn|001|instructor@example.edu|display|none|high|yes|after 2 days|C1"
)
SHORT = "title|room|starts_on|start_time"


@pytest.fixture
def hall():
    campus = timetable.campus("North")
    room = timetable.room("101", on=campus, external_id="R1")
    room.building.name = "Main"
    room.building.save()
    return room


@pytest.fixture
def biology(instructor):
    return timetable.section(instructor, code="BIO1", term=timetable.term("Autumn"), external_id="S1")


@pytest.fixture
def ready(hall, biology):
    return hall, biology


def one() -> CaptureSchedule:
    return CaptureSchedule.objects.with_names().get()


def test_a_row_makes_schedule_captures_and_publication(ready, scheduler, instructor):
    outcomes = save("schedules", written(HEADER, ROW), scheduler)
    assert kinds(outcomes) == ["created"]
    assert differences(outcomes[0])["Captures"] == ("", "7")
    made = one()
    assert timetable.starts(made)[:3] == ["2045-10-02 09:00", "2045-10-04 09:00", "2045-10-11 09:00"]
    assert (made.duration_minutes, made.quality, made.live) == (90, "high", True)
    assert (made.presenter, made.created_by, made.input_1, made.input_2) == (instructor, scheduler, "display", "")
    publication = made.publications.get()
    assert (str(publication.section), publication.available_days) == ("BIO1 · 001 · Autumn", 2)
    assert Change.objects.get(subject_type="captureschedule").actor == scheduler
    assert kinds(save("schedules", written(HEADER, ROW), scheduler)) == ["unchanged"]
    assert Change.objects.count() == 1


def test_only_what_must_be_there(ready, admin):
    content = written(f"{SHORT}|end_time", "Once|R1|2045-10-02|09:00|10:00")
    assert kinds(save("schedules", content, admin)) == ["created"]
    made = one()
    assert (made.repeats, made.ends_on, made.quality, made.live) == ("none", MONDAY, "standard", False)
    assert (made.input_1, made.input_2, made.publications.count()) == ("display", "camera", 0)
    assert kinds(save("schedules", content, admin)) == ["unchanged"]


def test_inputs_are_what_the_room_has(admin):
    timetable.room("Radio", inputs=["audio"])
    save("schedules", written(f"{SHORT}|end_time", "Once|Radio|2045-10-02|09:00|10:00"), admin)
    assert (one().input_1, one().input_2) == ("audio", "")


def test_a_missing_column_keeps_and_an_empty_cell_clears(ready, scheduler):
    save("schedules", written(HEADER, ROW), scheduler)
    keys = "Cells|North|Main|101|2045-10-02|09:00"
    header = "title|campus|building|room|starts_on|start_time"
    assert kinds(save("schedules", written(header, keys), scheduler)) == ["unchanged"]
    content = written(f"{header}|excluded_dates|instructor_email|live|publish", f"{keys}||||")
    outcomes = save("schedules", content, scheduler)
    assert differences(outcomes[0]) == {
        "Left out": ("9 Oct 2045", ""),
        "Presenter": ("Instructor", ""),
        "Live stream": ("yes", "no"),
        "Published to BIO1 · 001 · Autumn": ("available 2 days after the recording", "available at once"),
        "Captures": ("", "1 added"),
    }
    assert one().external_id == "C1"


def test_with_an_external_id_everything_can_change(ready, scheduler):
    timetable.room("202", on=ready[0].building.campus, building=ready[0].building)
    save("schedules", written(HEADER, ROW), scheduler)
    row = "Cells II|R1|2045-10-03|2045-10-29|10:00|11:00|Tue|C1"
    outcomes = save(
        "schedules",
        written(f"{SHORT.replace('start_time', 'ends_on')}|start_time|end_time|weekdays|external_id", row),
        scheduler,
    )
    assert kinds(outcomes) == ["changed"]
    assert differences(outcomes[0])["Captures"] == ("", "4 added, 7 cancelled")
    assert one().title == "Cells II"
    assert timetable.starts(one())[0] == "2045-10-03 10:00"


def test_captures_changed_by_hand_stay(ready, scheduler):
    save("schedules", written(HEADER, ROW), scheduler)
    captures.cancel_capture(one().captures.get(rule_date=MONDAY), user=scheduler)
    outcomes = save("schedules", written("external_id|end_time", "C1|10:00"), scheduler)
    assert differences(outcomes[0])["Captures"] == ("", "6 changed")
    assert one().captures.get(rule_date=MONDAY).state == Capture.State.CANCELLED


def test_a_schedule_gets_its_external_id_later(ready, scheduler):
    save("schedules", written(HEADER, ROW.removesuffix("C1")), scheduler)
    outcomes = save("schedules", written(HEADER, ROW), scheduler)
    assert differences(outcomes[0]) == {"External id": ("", "C1")}
    assert Change.objects.filter(differences=[["External id", "", "C1"]], actor=scheduler).count() == 1
    assert kinds(save("schedules", written(HEADER, ROW), scheduler)) == ["unchanged"]


def test_non_teaching_days_can_be_put_back(ready, scheduler):
    NonTeachingDay.objects.create(
        term=ready[1].term, first=MONDAY, last=MONDAY + datetime.timedelta(days=6), name="Reading week"
    )
    row = ROW.replace("2045-10-09|", "2045-10-09; +2045-10-02|")
    save("schedules", written(HEADER, row), scheduler)
    assert timetable.starts(one())[:2] == ["2045-10-02 09:00", "2045-10-11 09:00"]
    assert cells("schedules", scheduler)[0]["excluded_dates"] == "2045-10-09; +2045-10-02"


def test_several_sections(ready, scheduler):
    timetable.section(code="BIO2", term=ready[1].term)
    row = ROW.replace("BIO1|Autumn|001", "BIO1; BIO2|Autumn|001").replace(
        "after 2 days", "now; held until 2046-01-31"
    )
    save("schedules", written(HEADER, row), scheduler)
    published = {
        str(one.section): publishing.written(publishing.Availability.of(one)) for one in one().publications.all()
    }
    assert published == {"BIO1 · 001 · Autumn": "now", "BIO2 · 001 · Autumn": "held until 2046-01-31"}
    assert kinds(save("schedules", written(HEADER, row), scheduler)) == ["unchanged"]
    exported = cells("schedules", scheduler)[0]
    assert (exported["course_code"], exported["publish"]) == ("BIO1; BIO2", "now; held until 2046-01-31")


def test_a_section_by_its_external_id(ready, scheduler):
    row = ROW.replace("BIO1|Autumn|001", "||S1")
    assert kinds(save("schedules", written(HEADER, row), scheduler)) == ["created"]
    assert str(one().publications.get().section) == "BIO1 · 001 · Autumn"


def test_a_lecture_over_midnight(ready, admin):
    save("schedules", written(f"{SHORT}|end_time", "Night|R1|2045-10-02|23:30|00:30"), admin)
    assert one().duration_minutes == 60


# --- Trouble --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("old", "new", "column", "words"),
    [
        ("Cells|", "|", "title", "Enter the title"),
        ("North", "South", "campus", "no campus “South”"),
        ("Main", "Annex", "building", "no building “Annex”"),
        ("|101|", "|102|", "room", "no room “102”"),
        ("2045-10-02", "", "starts_on", "Enter the first date"),
        ("2045-10-02", "2.10.2045", "starts_on", "not a date"),
        ("2045-10-02", "0001-01-01", "starts_on", "cannot be meant"),
        ("2045-10-02|2045-10-29", "2020-10-02|2020-10-29", "starts_on", "in the past"),
        ("2045-10-29", "", "ends_on", "Enter the last date"),
        ("2045-10-29", "2045-10-01", "ends_on", "before the first"),
        ("2045-10-29", "2095-10-01", "ends_on", "three years"),
        ("09:00", "9 o'clock", "start_time", "not a time"),
        ("10:30", "", "end_time", "Enter when it ends"),
        ("10:30", "09:00", "end_time", "same as the start"),
        ("10:30", "20:00", "end_time", "4 hours"),
        ("weekly", "daily", "repeats", "none or weekly"),
        ("|1|Mon", "|0|Mon", "interval_weeks", "greater than or equal to 1"),
        ("|1|Mon", "|x|Mon", "interval_weeks", "whole number"),
        ("Mon; wednesday", "", "weekdays", "at least one day"),
        ("Mon; wednesday", "Mon; T", "weekdays", "“T” is not a day"),
        ("2045-10-09", "2045-10-32", "excluded_dates", "no 2045-10-32"),
        ("BIO1", "BIO9", "course_code", "no course “BIO9”"),
        ("Autumn", "Spring", "term", "no term “Spring”"),
        ("|001|", "|002|", "section_number", "no section 002"),
        ("BIO1|Autumn|001", "||", "course_code", "Name the section"),
        ("instructor@", "nobody@", "instructor_email", "Nobody here"),
        ("display|none", "none|none", "input_1", "at least one input"),
        ("display|none", "display|display", "input_2", "the same"),
        ("display|none", "document|none", "input_1", "does not offer"),
        ("|high|", "|great|", "quality", "none of"),
        ("|yes|", "|maybe|", "live", "neither yes nor no"),
        ("after 2 days", "tomorrow", "publish", "not understood"),
        ("after 2 days", "now; held; now", "publish", "one for all"),
    ],
)
def test_a_row_that_cannot_be_saved_says_where(ready, scheduler, old, new, column, words):
    row = ROW.replace(old, new, 1)
    assert row != ROW
    found = problems(check("schedules", written(HEADER, row), scheduler))
    assert [(line, where) for line, where, _ in found] == [(2, column)]
    assert words in found[0][2]


def test_a_conflict_names_what_is_in_the_way(ready, scheduler, instructor):
    timetable.schedule(ready[1], in_room=ready[0], title="Chemistry", presenter=instructor, weekdays=[3])
    found = problems(check("schedules", written(HEADER, ROW), scheduler))
    assert [(line, column) for line, column, _ in found] == [(2, "room")]
    assert found[0][2] == (
        "The room is taken: “Chemistry” (Instructor), Wed 4 October 2045, 09:00–10:00; "
        "“Chemistry” (Instructor), Wed 11 October 2045, 09:00–10:00; "
        "“Chemistry” (Instructor), Wed 18 October 2045, 09:00–10:00; and 1 more. Times of Europe/London."
    )


def test_a_conflict_inside_the_file_names_the_line(ready, scheduler):
    rows = [
        ROW,
        ROW.replace("Cells", "Genes").replace("weekly|1|Mon; wednesday", "weekly|1|Wed").replace("C1", "C2"),
    ]
    outcomes = save("schedules", written(HEADER, *rows), scheduler, good_only=True)
    assert kinds(outcomes) == ["created", "refused"]
    assert (
        "“Cells” (Instructor), Wed 4 October 2045, 09:00–10:30 (line 2 of this file)" in problems(outcomes)[0][2]
    )
    assert Capture.objects.filter(title="Genes").count() == 0


def test_a_large_file_is_saved_in_parts(ready, scheduler, monkeypatch):
    monkeypatch.setattr("schedules.csv_files.schedule_saving.ScheduleKind.at_once", 2)
    rows = [
        ROW.replace("09:00|10:30", f"{hour}:00|{hour}:30").replace("C1", f"C{hour}") for hour in (9, 11, 13, 15)
    ]
    content = written(HEADER, *rows)
    assert kinds(save("schedules", content, scheduler, good_only=True)) == [
        "created",
        "created",
        "refused",
        "refused",
    ]
    assert kinds(save("schedules", content, scheduler)) == ["unchanged", "unchanged", "created", "created"]


def test_the_same_schedule_twice(ready, scheduler):
    found = problems(check("schedules", written(HEADER, ROW, ROW.replace("Cells", "Genes")), scheduler))
    assert found == [(3, "title", "Line 2 is about the same. Keep one of them.")]


def test_two_schedules_that_look_the_same(ready, admin):
    """Possible by hand: the first has been cancelled in its room."""
    first = timetable.schedule(in_room=ready[0], title="Cells")
    first.captures.update(state=Capture.State.CANCELLED)
    timetable.schedule(in_room=ready[0], title="Cells")
    found = problems(check("schedules", written(f"{SHORT}|live", "Cells|R1|2045-10-02|09:00|yes"), admin))
    assert found == [(2, "title", "2 schedules have this title, room, date and start. Use external_id.")]


def test_what_has_begun_is_not_touched(ready, scheduler):
    save("schedules", written(HEADER, ROW), scheduler)
    begun = one().captures.get(rule_date=MONDAY)
    Capture.objects.filter(pk=begun.pk).update(state=Capture.State.RECORDED)
    save("schedules", written("external_id|title", "C1|New title"), scheduler)
    begun.refresh_from_db()
    assert begun.title == "Cells"


def test_a_past_schedule_is_found_unchanged(ready, admin):
    save("schedules", written(HEADER, ROW), admin)
    past = timezone.now() - datetime.timedelta(days=365)
    CaptureSchedule.objects.update(starts_on=past.date(), ends_on=past.date() + datetime.timedelta(days=28))
    row = ROW.replace("2045-10-02", str(one().starts_on)).replace("2045-10-29", str(one().ends_on))
    assert kinds(save("schedules", written(HEADER, row), admin)) == ["unchanged"]


def test_a_scheduler_of_a_department_keeps_to_it(ready, scheduler):
    hall, biology = ready
    organization = Organization.objects.create(name="University")
    own, other = (Department.objects.create(organization=organization, name=name) for name in ("Own", "Other"))
    biology.course.department = own
    biology.course.save()
    chemistry = timetable.section(code="CHEM", term=biology.term, department=other)
    theirs = timetable.schedule(
        chemistry, in_room=hall, title="Secret", start_time=datetime.time(14), external_id="X"
    )
    SchedulerScope.objects.create(user=scheduler, department=own)
    rows = [
        ROW.replace("BIO1", "CHEM"),
        ROW.replace("09:00|10:30", "14:00|15:00").replace("|C1", "|C2"),
        ROW.replace("09:00|10:30", "16:00|17:00").replace("|C1", "|X"),
        ROW.replace("|C1", "|C4"),
    ]
    outcomes = save("schedules", written(HEADER, *rows), scheduler, good_only=True)
    assert [(line, column) for line, column, _ in problems(outcomes)] == [
        (2, "section_number"),
        (3, "room"),
        (4, "external_id"),
    ]
    assert "another department's recording" in problems(outcomes)[1][2]
    assert "Secret" not in str(problems(outcomes))
    theirs.refresh_from_db()
    assert theirs.title == "Secret"
    assert [row["external_id"] for row in cells("schedules", scheduler)] == ["C4"]


def test_a_publication_of_another_department_stays(ready, scheduler):
    hall, biology = ready
    organization = Organization.objects.create(name="University")
    own, other = (Department.objects.create(organization=organization, name=name) for name in ("Own", "Other"))
    biology.course.department = own
    biology.course.save()
    chemistry = timetable.section(code="CHEM", term=biology.term, department=other)
    timetable.schedule(biology, chemistry, in_room=hall, external_id="C1")
    SchedulerScope.objects.create(user=scheduler, department=own)
    content = written("external_id|course_code|term|section_number", "C1|BIO1|Autumn|001")
    assert [column for _, column, _ in problems(check("schedules", content, scheduler))] == ["course_code"]
    assert kinds(save("schedules", written("external_id|title", "C1|Renamed"), scheduler)) == ["changed"]
    assert Publication.objects.filter(section=chemistry).exists()


def test_a_scheduler_of_a_campus_keeps_to_it(ready, scheduler):
    SchedulerScope.objects.create(user=scheduler, campus=timetable.campus("South"))
    assert [column for _, column, _ in problems(check("schedules", written(HEADER, ROW), scheduler))] == ["room"]


@pytest.mark.parametrize(
    "text",
    [
        "now",
        "held",
        "after 3 days",
        "on 2045-10-05",
        "now for 30 days",
        "after 1 days until 2046-01-31",
        "NOW  always",
    ],
)
def test_publish_is_read_and_written(text):
    assert publishing.written(publishing.read(text)) == " ".join(text.lower().removesuffix("always").split())


@pytest.mark.parametrize(
    "text", ["after", "after x days", "now until", "now until 2045", "now for 0 days", "on x", "9"]
)
def test_publish_that_is_not_understood(text):
    with pytest.raises(ValueError, match=r"\S"):
        publishing.read(text)
