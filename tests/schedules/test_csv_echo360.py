"""Echo360's own schedule file, as it is."""

from __future__ import annotations

import pytest

from schedules.csv_files.echo360 import Echo360Schedules, is_theirs
from schedules.csv_files.publishing import Availability
from schedules.csv_files.publishing import written as in_words
from schedules.csv_files.reading import Unreadable
from schedules.models import CaptureSchedule, Publication
from tests.support import timetable
from tests.support.csv_files import check, kinds, problems, save, written

pytestmark = pytest.mark.django_db
HEADER = (
    "Start Date|Start Time|End Date|Days Of Week|Exclusion Dates|Duration Minutes|Term Id|Name|Room Id|Sections|"
    "Instructor Id|Guest Instructor|Should Caption|Should Stream Live|Input1|Input2|Capture Quality|"
    "Stream Quality|External Id"
)
ROW = (
    "2045-10-02|09:00:00|2045-10-29|MO,WE|2045-10-09|90|T1|Cells|R1|S1=relative#1|P1|Dr Guest|TRUE|FALSE|"
    "Display|Video|Medium|Medium|C1"
)


def theirs(*rows: str) -> bytes:
    return written(HEADER, *rows).replace(b"#", b"|")


@pytest.fixture(autouse=True)
def ready(person):
    instructor = person("ira@example.edu", "Instructors", external_id="P1")
    autumn = timetable.term("Autumn", external_id="T1")
    room = timetable.room("101", on=timetable.campus("North"), external_id="R1")
    section = timetable.section(instructor, code="BIO1", term=autumn, external_id="S1")
    return room, section


def one() -> CaptureSchedule:
    return CaptureSchedule.objects.with_names().get()


def published() -> list[tuple[str, str]]:
    rows = Publication.objects.order_by("section__course__code").select_related("section__course")
    return [(row.section.course.code, in_words(Availability.of(row))) for row in rows]


def test_nineteen_columns():
    assert Echo360Schedules.header() == HEADER.split("|")
    assert is_theirs(HEADER.split("|"))
    assert is_theirs(["room id", "NAME", "Start Date"])
    assert not is_theirs(["title", "room", "starts_on", "external_id"])


def test_their_file_is_taken_as_it_is(scheduler):
    assert kinds(save("schedules", theirs(ROW), scheduler)) == ["created"]
    made = one()
    assert timetable.starts(made)[:3] == ["2045-10-02 09:00", "2045-10-04 09:00", "2045-10-11 09:00"]
    assert (made.title, made.duration_minutes, str(made.presenter)) == ("Cells", 90, "Ira")
    assert (made.input_1, made.input_2, made.quality) == ("display", "camera", "standard")
    assert (made.guest_presenter, made.captions, made.live, made.external_id) == ("Dr Guest", True, False, "C1")
    assert published() == [("BIO1", "after 1 days")]
    assert kinds(save("schedules", theirs(ROW), scheduler)) == ["unchanged"]


def test_a_spreadsheet_has_changed_the_dates(scheduler):
    row = (
        ROW.replace("2045-10-02", "10/2/2045")
        .replace("2045-10-29", "10/29/2045")
        .replace("2045-10-09", "10/09/2045")
    )
    save("schedules", theirs(row.replace("09:00:00", "9:00 AM")), scheduler)
    assert kinds(save("schedules", theirs(ROW), scheduler)) == ["unchanged"]


def test_our_names_in_place_of_ids(scheduler, ready):
    room, section = ready
    row = ROW.replace("|R1|", f"|{room.place}|").replace("|T1|", "|Autumn|").replace("S1=", "bio1=")
    row = row.replace("|P1|", "|ira@example.edu|")
    save("schedules", theirs(row), scheduler)
    assert kinds(save("schedules", theirs(ROW), scheduler)) == ["unchanged"]
    assert kinds(check("schedules", theirs(ROW.replace("S1=", f"{section}=")), scheduler)) == ["unchanged"]


def test_a_missing_column_erases_nothing(scheduler):
    save("schedules", theirs(ROW), scheduler)
    content = written("External Id|Name|Stream Quality", "C1|Cells|High")
    assert kinds(save("schedules", content, scheduler)) == ["unchanged"]
    content = written("Name|Room Id|Start Date|Start Time|Duration Minutes", "Cells|R1|2045-10-02|09:00|60")
    assert kinds(save("schedules", content, scheduler)) == ["changed"]
    made = one()
    assert (made.duration_minutes, made.external_id, made.guest_presenter) == (60, "C1", "Dr Guest")
    assert (made.weekdays, [str(on) for on in made.left_out]) == ([1, 3], ["2045-10-09"])
    assert published() == [("BIO1", "after 1 days")]


def test_what_they_do_not_know_stays(scheduler):
    save("schedules", theirs(ROW), scheduler)
    Publication.objects.update(until="after_days", until_days=30)
    CaptureSchedule.objects.update(lead_seconds=60)
    assert kinds(save("schedules", theirs(ROW), scheduler)) == ["unchanged"]
    assert published() == [("BIO1", "after 1 days for 30 days")]


def test_several_sections_and_ways_to_publish(scheduler, ready):
    timetable.section(code="BIO2", term=ready[1].term, external_id="S2")
    save("schedules", theirs(ROW.replace("S1=relative#1", "S1=immediate; S2=relative#14")), scheduler)
    assert published() == [("BIO1", "now"), ("BIO2", "after 14 days")]


def test_a_single_lecture(scheduler):
    row = ROW.replace("MO,WE|2045-10-09", "|").replace("2045-10-29", "")
    save("schedules", theirs(row), scheduler)
    assert timetable.starts(one()) == ["2045-10-02 09:00"]


@pytest.mark.parametrize(
    ("old", "new", "column", "words"),
    [
        ("2045-10-02", "13/02/2045", "Start Date", "calendar"),
        ("2045-10-02", "2/10/45", "Start Date", "not a date"),
        ("09:00:00", "25:00", "Start Time", "not a time"),
        ("2045-10-29", "2045-09-29", "End Date", "before the first"),
        ("MO,WE", "MWF", "Days Of Week", "“MWF”"),
        ("|2045-10-09|", "|some|", "Exclusion Dates", "not a date"),
        ("|90|", "|ninety|", "Duration Minutes", "number of minutes"),
        ("|90|", "|900|", "Duration Minutes", "4 hours"),
        ("|90|", "||", "Duration Minutes", "Enter when it ends"),
        ("|T1|", "|T9|", "Term Id", "T9"),
        ("|R1|", "|R9|", "Room Id", "no room “R9”"),
        ("S1=", "S9=", "Sections", "no section “S9”"),
        ("=relative#1", "=sometime", "Sections", "not understood"),
        ("|P1|", "|P9|", "Instructor Id", "Nobody here"),
        ("|TRUE|", "|perhaps|", "Should Caption", "neither yes nor no"),
        ("|Display|", "|Hologram|", "Input1", "none of"),
        ("|Display|", "|Document|", "Input1", "does not offer"),
        ("|Medium|Medium|", "|Lowest|Medium|", "Capture Quality", "none of"),
        ("|S1=relative#1|", "||", "Sections", "Name the section"),
    ],
)
def test_a_row_that_cannot_be_saved_says_where(scheduler, old, new, column, words):
    assert old in ROW
    found = problems(check("schedules", theirs(ROW.replace(old, new, 1)), scheduler))
    assert [(line, where) for line, where, _ in found] == [(2, column)]
    assert words in found[0][2]


def test_a_room_name_that_two_have(scheduler, ready):
    timetable.room("101")
    found = problems(check("schedules", theirs(ROW.replace("|R1|", "|101|")), scheduler))
    assert [where for _, where, _ in found] == ["Room Id"]


def test_a_section_of_another_term(scheduler):
    timetable.term("Spring", external_id="T2")
    found = problems(check("schedules", theirs(ROW.replace("|T1|", "|T2|")), scheduler))
    assert found == [(2, "Term Id", "BIO1 · 001 · Autumn is not in the term Spring.")]


def test_what_is_in_the_way(scheduler, ready):
    timetable.schedule(in_room=ready[0])
    ((_, column, reason),) = problems(check("schedules", theirs(ROW), scheduler))
    assert column == "Room Id"
    assert "“Lecture”, Mon 2 October 2045, 09:00–10:00" in reason


def test_a_header_that_is_almost_theirs(scheduler):
    with pytest.raises(Unreadable, match="There is no column “Start Date”"):
        check("schedules", written(HEADER + "|Colour", ROW + "|red"), scheduler)
    with pytest.raises(Unreadable, match="missing: Start Time"):
        check("schedules", written("Start Date|Name|Room Id", "2045-10-02|Cells|R1"), scheduler)
