from __future__ import annotations

import pytest

from accounts.models import User
from configurations.models import ApiConfiguration
from directory.models import LmsCourse
from schedules.models import Change, Course, Department, Organization, SchedulerScope, Section
from tests.support import timetable
from tests.support.csv_files import cells, check, differences, kinds, problems, save, written

pytestmark = pytest.mark.django_db
HEADER = (
    "course_code|term|section_number|course_name|instructor_emails|lms_configuration|lms_course_ids|external_id"
)


@pytest.fixture
def autumn():
    return timetable.term("Autumn", external_id="T1")


@pytest.fixture
def canvas():
    def make(name="Canvas", *ids):
        number = ApiConfiguration.objects.count()
        configuration = ApiConfiguration.objects.create(
            name=name,
            base_url=f"http://127.0.0.1:{8900 + number}",
            client_id="1",
            client_secret="secret-of-the-key",
        )
        return [LmsCourse.objects.create(configuration=configuration, lms_id=one, name=f"C{one}") for one in ids]

    return make


def limited(user, *names):
    organization = Organization.objects.create(name="University")
    made = [Department.objects.create(organization=organization, name=name) for name in names]
    for department in made:
        SchedulerScope.objects.create(user=user, department=department)
    return made


def test_a_section_comes_with_course_people_and_links(scheduler, autumn, canvas, instructor):
    canvas("Canvas", "12", "34")
    content = written(HEADER, "BIO1|T1||Biology|new@example.edu; Instructor@example.edu||12; 34|S1")
    assert kinds(save("sections", content, scheduler)) == ["created"]
    section = Section.objects.get()
    assert (str(section), section.external_id) == ("BIO1 · 001 · Autumn", "S1")
    assert [row.user.email for row in section.teaching.all()] == ["new@example.edu", "instructor@example.edu"]
    assert section.teaching.get(is_primary=True).user.email == "new@example.edu"
    assert sorted(link.lms_course.lms_id for link in section.links.all()) == ["12", "34"]
    assert not User.objects.get(email="new@example.edu").has_usable_password()
    assert LmsCourse.objects.filter(roster_wanted=True).count() == 2
    assert set(Change.objects.values_list("actor", flat=True)) == {scheduler.pk}
    assert {"course", "section", "user"} <= set(Change.objects.values_list("subject_type", flat=True))
    assert kinds(save("sections", content, scheduler)) == ["unchanged"]


def test_a_missing_column_keeps_and_an_empty_cell_clears(scheduler, autumn, canvas, instructor):
    canvas("Canvas", "12")
    save("sections", written(HEADER, "BIO1|Autumn|1|Biology|instructor@example.edu|Canvas|12|S1"), scheduler)
    outcomes = save("sections", written("course_code|term|section_number", "bio1|autumn|1"), scheduler)
    assert kinds(outcomes) == ["unchanged"]
    outcomes = save("sections", written("external_id|instructor_emails|lms_course_ids", "S1||"), scheduler)
    assert differences(outcomes[0]) == {"Instructors": ("instructor@example.edu", ""), "LMS courses": ("C12", "")}
    section = Section.objects.get()
    assert not section.teaching.exists()
    assert not section.links.exists()


def test_instructors_are_replaced_and_the_first_is_the_primary(scheduler, autumn, instructor, other_instructor):
    section = timetable.section(instructor, code="BIO1", term=autumn)
    row = f"BIO1|Autumn|{other_instructor.email}; {instructor.email}"
    content = written("course_code|term|instructor_emails", row)
    outcomes = save("sections", content, scheduler)
    assert differences(outcomes[0]) == {
        "Instructors": ("instructor@example.edu", "other_instructor@example.edu; instructor@example.edu")
    }
    assert section.teaching.get(is_primary=True).user == other_instructor
    save(
        "sections", written("course_code|term|instructor_emails", "BIO1|Autumn|instructor@example.edu"), scheduler
    )
    assert [row.user for row in section.teaching.all()] == [instructor]
    assert section.teaching.get().is_primary


def test_links_of_several_configurations(scheduler, autumn, canvas):
    canvas("Canvas; old", "12")
    canvas("New", "12", "13")
    content = written(HEADER, r"BIO1|Autumn|1|Biology||Canvas\; old; New; New|12; 12; 13|")
    assert kinds(save("sections", content, scheduler)) == ["created"]
    assert Section.objects.get().links.count() == 3
    assert kinds(save("sections", content, scheduler)) == ["unchanged"]
    assert cells("sections", scheduler)[0]["lms_configuration"] == r"Canvas\; old; New; New"


@pytest.mark.parametrize(
    ("row", "column", "words"),
    [
        ("|Autumn||X||||", "course_code", "Enter the code"),
        ("BIO1|||X||||", "term", "Enter the term"),
        ("BIO1|Spring||X||||", "term", "no term “Spring”"),
        ("BIO1|Autumn||||||", "course_name", "enter its name"),
        ("BIO1|Autumn||X|P77|||", "instructor_emails", "Nobody here"),
        ("BIO1|Autumn||X|a@b@c|||", "instructor_emails", "valid email"),
        ("BIO1|Autumn||X|||99|", "lms_course_ids", "No LMS course 99"),
        ("BIO1|Autumn||X||Moodle|12|", "lms_course_ids", "“Moodle”"),
        ("BIO1|Autumn||X||Canvas; Canvas|12; 13; 14|", "lms_course_ids", "one for all, or 3"),
    ],
)
def test_a_section_that_cannot_be_saved_says_where(scheduler, autumn, canvas, row, column, words):
    canvas("Canvas", "12")
    found = problems(check("sections", written(HEADER, row), scheduler))
    assert [where for _, where, _ in found] == [column]
    assert words in found[0][2]
    assert not Course.objects.exists()


def test_an_lms_course_that_leads_elsewhere(scheduler, autumn, canvas):
    (course,) = canvas("Canvas", "12")
    timetable.link(timetable.section(code="OTHER", term=autumn), course)
    found = problems(check("sections", written(HEADER, "BIO1|Autumn||X|||12|"), scheduler))
    assert found == [(2, "lms_course_ids", "C12: This LMS course is linked to OTHER · 001 · Autumn already.")]


def test_a_course_has_one_name_in_a_file(scheduler, autumn):
    rows = ["BIO1|Autumn|1|Biology||||", "BIO1|Autumn|2|Botany||||", "BIO1|Autumn|3|Biology||||"]
    outcomes = save("sections", written(HEADER, *rows), scheduler, good_only=True)
    assert problems(outcomes) == [(3, "course_name", "Line 2 says “Biology” for the same. Make them equal.")]
    outcomes = save(
        "sections", written("course_code|term|section_number|course_name", "BIO1|Autumn|1|Zoo"), scheduler
    )
    assert differences(outcomes[0]) == {"Name of the course": ("Biology", "Zoo")}
    assert Course.objects.get().name == "Zoo"


def test_the_same_section_twice(scheduler, autumn):
    rows = ["BIO1|Autumn|001|Biology||||", "bio1|autumn||Biology||||"]
    assert problems(check("sections", written(HEADER, *rows), scheduler)) == [
        (3, "course_code", "Line 2 is about the same. Keep one of them.")
    ]


def test_a_scheduler_of_a_department_keeps_to_it(scheduler, autumn):
    (own,) = limited(scheduler, "Biology")
    other = Department.objects.create(organization=own.organization, name="Chemistry")
    timetable.section(code="CHEM", term=autumn, department=other, external_id="C1")
    rows = ["NEW|Autumn||New||||", "CHEM|Autumn||Mine||||", "OWN|Autumn||Own||||C1"]
    outcomes = save("sections", written(HEADER, *rows), scheduler, good_only=True)
    assert kinds(outcomes) == ["created", "refused", "refused"]
    assert [column for _, column, _ in problems(outcomes)] == ["course_code", "external_id"]
    assert Course.objects.get(code="NEW").department == own
    assert [row["course_code"] for row in cells("sections", scheduler)] == ["NEW"]


def test_a_scheduler_of_several_departments_adds_no_course(scheduler, autumn):
    limited(scheduler, "Biology", "Botany")
    found = problems(check("sections", written(HEADER, "NEW|Autumn||New||||"), scheduler))
    assert [column for _, column, _ in found] == ["course_code"]
