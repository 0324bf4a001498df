"""The linking page as a form: what it shows in every state of the look-up, what it prefills, what Save does."""

from __future__ import annotations

import datetime
import re
import uuid

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from configurations.authorization import disconnect
from configurations.models import Authorization
from directory.models import LmsCourse, LmsInstructor
from schedules.models import (
    Capture,
    CaptureSchedule,
    Course,
    LmsCourseLink,
    NonTeachingDay,
    Section,
    Submission,
    Term,
)
from schedules.models.courses import Department, Organization, SchedulerScope
from tests.directory.conftest import INSTRUCTOR
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
LINK = "/schedules/link/"
WEEKLY = {
    "title": "Algebra",
    "starts_on": "2045-10-02",
    "ends_on": "2045-10-29",
    "start_time": "09:00",
    "end_time": "10:00",
    "repeats": "weekly",
    "interval_weeks": "1",
    "weekdays": "1",
    "input_1": "display",
    "input_2": "camera",
    "quality": "standard",
    "own-available": "now",
    "own-until": "always",
    "record": "yes",
}


@pytest.fixture
def desk(client, scheduler):
    client.force_login(scheduler)
    return client


class Visit:
    """One visit of the page: what was typed travels from answer to answer, as in the form."""

    def __init__(self, client, **data):
        self.client = client
        answer = client.get(LINK)
        self.data = {"key": str(answer.context["page"].key)} | data

    def press(self, action, **data):
        self.data |= data
        answer = self.client.post(LINK, self.data | {"action": action})
        if answer.status_code == 200:
            sent = answer.context["page"].data
            self.data |= {name: sent.getlist(name) for name in sent if name != "action"}
        self.text = re.sub(r"\s+", " ", answer.content.decode())
        self.page = answer.context["page"] if answer.context else None
        return answer


@pytest.fixture
def room():
    return timetable.room("Theatre")


@pytest.fixture
def visit(desk, room):
    return Visit(desk)


def place(room):
    return {"building": str(room.building_id), "room": str(room.pk)}


@pytest.fixture
def new_section(room):
    """Everything that Save needs for a section that is made without an LMS course."""
    term = timetable.term("Autumn 2045")
    section = {"section_mode": "new", "course_code": "ALG1", "course_name": "Algebra", "number": "001"}
    return WEEKLY | section | {"term": str(term.pk)} | place(room)


def course_of(visit, code):
    return next(one.course for one in visit.page.courses if one.course.code == code)


# --- The look-up in every state ---------------------------------------------------------------------------
def test_without_a_configuration_it_says_whom_to_ask(desk):
    answer = desk.get(LINK)

    assert "No LMS is connected" in answer.content.decode()


def test_a_configuration_that_was_never_authorized_says_so(visit, configuration):
    visit.press("find", email=INSTRUCTOR)

    assert "authorize" in visit.text.lower()
    assert visit.page.courses == []


def test_a_lost_authorization_is_said_and_the_known_courses_stay(visit, refreshed, canvas):
    refreshed()
    Authorization.objects.update(status="lost", lost_at=timezone.now(), lost_reason="Canvas refused the token.")

    visit.press("find", email=INSTRUCTOR)

    assert "The courses are those known from before." in visit.text
    assert [one.course.code for one in visit.page.courses] == ["ALG101", "BOT102"]


def test_a_disconnected_configuration_with_an_unknown_instructor(visit, canvas, admin):
    disconnect(canvas, user=admin)

    visit.press("find", email=INSTRUCTOR)

    assert visit.page.courses == []
    assert "Authorize" in visit.text or "authorize" in visit.text


def test_nobody_under_this_address(visit, canvas):
    visit.press("find", email="nobody@demo.example")

    assert "Nobody in Canvas was found under this e-mail address." in visit.text


def test_somebody_without_an_active_course(visit, canvas, sandbox):
    visit.press("find", email="canvas-admin@demo.example")

    assert "This person teaches no active course." in visit.text


def test_an_invitation_that_is_pending(visit, canvas, university):
    university.add_course("INV1", state="invited")

    visit.press("find", email=INSTRUCTOR)

    assert "1 invitation is not accepted yet." in visit.text


def test_canvas_away_while_the_directory_answers(visit, refreshed, canvas, sandbox):
    refreshed()
    sandbox.faults(error=503)

    visit.press("refresh", email=INSTRUCTOR)

    assert "Not refreshed" in visit.text
    assert [one.course.code for one in visit.page.courses] == ["ALG101", "BOT102"]


def test_canvas_too_slow_for_an_unknown_instructor(visit, canvas, sandbox, settings, monkeypatch):
    monkeypatch.setattr("directory.lookup.LIVE_READ_TIMEOUT", 0.2)
    sandbox.faults(hang=1)

    visit.press("find", email=INSTRUCTOR)

    assert visit.page.courses == []
    assert 'class="notice notice-error"' in visit.text


def test_the_age_of_the_answer_is_shown(visit, refreshed, canvas):
    refreshed()
    LmsInstructor.objects.update(refreshed_at=timezone.now() - datetime.timedelta(hours=3))

    visit.press("find", email=INSTRUCTOR)

    assert "read 3 hours ago" in visit.text
    assert "a fresh list is on its way" in visit.text


def test_a_fresh_list_swaps_in_once_it_is_read(visit, refreshed, canvas, university):
    refreshed()
    LmsInstructor.objects.update(refreshed_at=timezone.now() - datetime.timedelta(hours=3))
    visit.press("find", email=INSTRUCTOR)
    assert visit.page.awaits_fresh_list
    university.add_course("NEW1")
    refreshed()

    visit.press("poll", polls="9")

    assert [one.course.code for one in visit.page.courses] == ["ALG101", "BOT102", "NEW1"]
    assert not visit.page.awaits_fresh_list


def test_typing_asks_canvas_nothing(visit, canvas, sandbox):
    sandbox.clear_log()

    visit.press("", email="unknown@demo.example", title="Typed")

    assert sandbox.log() == []


def test_no_address_is_an_error_that_says_what_to_enter(visit, configuration):
    visit.press("find", email="no address")

    assert "Enter the instructor’s e-mail address." in visit.text


def test_suggestions_are_known_instructors(desk, refreshed, canvas):
    refreshed()

    found = desk.get("/schedules/link/people/", {"email": "IRA"}).content.decode()

    assert found.split() == ["<option", 'value="instructor@demo.example">Ira', "Instructor</option>"]
    assert desk.get("/schedules/link/people/", {"email": "i"}).content.decode().strip() == ""


# --- Prefilling -------------------------------------------------------------------------------------------
def test_choosing_a_course_prefills_the_section_and_the_schedule(visit, refreshed, canvas):
    refreshed()
    lms_course = LmsCourse.objects.get(code="ALG101")
    term = timetable.term(lms_course.term_name)
    visit.press("find", email=INSTRUCTOR)

    visit.press("choose", lms_course=str(lms_course.pk))

    wanted = {"course_code": "ALG101", "course_name": "Algebra I", "number": "001", "term": str(term.pk)}
    assert {name: visit.page.data[name] for name in wanted} == wanted
    assert visit.page.data["title"] == "ALG101 Algebra I"
    assert visit.page.data["presenter_email"] == INSTRUCTOR
    assert (visit.page.data["starts_on"], visit.page.data["ends_on"]) == ("2045-10-02", "2045-12-24")


def test_what_was_typed_since_the_choice_stays(visit, refreshed, canvas):
    refreshed()
    visit.press("find", email=INSTRUCTOR)
    visit.press("choose", lms_course=str(course_of(visit, "ALG101").pk))

    visit.press("choose", title="My own title", course_name="My own name")

    assert visit.page.data["title"] == "My own title"
    assert visit.page.data["course_name"] == "My own name"


def test_a_term_that_is_unknown_here_is_offered_as_a_new_one(visit, refreshed, canvas):
    refreshed()
    visit.press("find", email=INSTRUCTOR)

    visit.press("choose", lms_course=str(course_of(visit, "ALG101").pk))

    assert visit.page.data["term"] == "new"
    assert visit.page.data["term_name"] == course_of(visit, "ALG101").term_name


def test_a_copied_course_gets_a_number_that_is_free(visit, refreshed, canvas):
    refreshed()
    lms_course = LmsCourse.objects.get(code="ALG101")
    timetable.section(code="ALG101", number="003", term=timetable.term(lms_course.term_name))
    visit.press("find", email=INSTRUCTOR)

    visit.press("choose", lms_course=str(lms_course.pk))

    assert visit.page.data["number"] == "004"


def test_a_linked_course_shows_its_section_and_leads_to_it(visit, refreshed, canvas):
    refreshed()
    section = timetable.section(code="ALG9")
    timetable.link(section, LmsCourse.objects.get(code="ALG101"))
    visit.press("find", email=INSTRUCTOR)
    assert f"Linked to <strong>{section}</strong>" in visit.text

    visit.press("choose", lms_course=str(course_of(visit, "ALG101").pk))

    assert visit.page.section_mode == "existing"
    assert visit.page.section == section
    assert visit.page.data["title"] == section.title


def test_a_course_of_another_department_cannot_be_taken(visit, refreshed, canvas, scheduler):
    refreshed()
    school = Organization.objects.create(name="School")
    mine, other = (Department.objects.create(organization=school, name=name) for name in ("Mine", "Other"))
    SchedulerScope.objects.create(user=scheduler, department=mine)
    section = timetable.section(code="SECRET1", department=other)
    lms_course = LmsCourse.objects.get(code="ALG101")
    timetable.link(section, lms_course)

    visit.press("find", email=INSTRUCTOR)
    visit.press("choose", lms_course=str(lms_course.pk))

    assert "Linked to a section of another department." in visit.text
    assert "SECRET1" not in visit.text
    assert visit.page.choice is None


# --- Saving -----------------------------------------------------------------------------------------------
def test_one_save_makes_course_section_link_schedule_and_captures(visit, refreshed, canvas, room, scheduler):
    refreshed()
    timetable.term(LmsCourse.objects.get(code="ALG101").term_name)
    visit.press("find", email=INSTRUCTOR)
    visit.press("choose", lms_course=str(course_of(visit, "ALG101").pk))

    answer = visit.press("save", **(WEEKLY | place(room)))

    submission = Submission.objects.get()
    assert answer["Location"] == reverse("linked", args=[submission.pk])
    section = Section.objects.get()
    assert str(section.course) == "ALG101 Algebra I"
    assert LmsCourseLink.objects.get().lms_course.code == "ALG101"
    assert LmsCourse.objects.get(code="ALG101").roster_wanted
    schedule = CaptureSchedule.objects.get()
    assert [one.section for one in schedule.publications.all()] == [section]
    assert timetable.starts(schedule) == [f"2045-10-{day:02} 09:00" for day in (2, 9, 16, 23)]
    person = User.objects.get(email=INSTRUCTOR)
    assert (person.full_name, person.has_usable_password()) == ("Ira Instructor", False)
    assert section.primary_instructor == schedule.presenter == person
    page = visit.client.get(answer["Location"]).content.decode()
    assert "4 captures" in page
    assert "unable to sign in" in page


def test_a_double_click_and_a_reload_make_one_of_each(visit, new_section):
    first = visit.press("save", **new_section)
    second = visit.press("save", **new_section)

    assert first["Location"] == second["Location"]
    assert (Section.objects.count(), CaptureSchedule.objects.count(), Capture.objects.count()) == (1, 1, 4)


def test_a_conflict_is_named_and_nothing_is_saved_and_nothing_typed_is_lost(visit, new_section, room, instructor):
    timetable.schedule(in_room=room, title="Botany", presenter=instructor, starts_on=MONDAY, ends_on=MONDAY)

    visit.press("save", **new_section)

    assert "The room is taken on 1 date. Nothing was saved." in visit.text
    assert "Mon 2 Oct 2045: “Botany” (Instructor), 09:00–10:00" in visit.text
    assert not Section.objects.exists()
    assert not Course.objects.exists()
    assert 'value="Algebra"' in visit.text
    assert CaptureSchedule.objects.count() == 1


def test_a_date_left_out_by_a_click_makes_room(visit, new_section, room):
    timetable.schedule(in_room=room, title="Botany", starts_on=MONDAY, ends_on=MONDAY)
    visit.press("preview", **new_section)

    visit.press("toggle:2045-10-02")
    answer = visit.press("save")

    assert answer.status_code == 302
    made = CaptureSchedule.objects.latest("pk")
    assert made.left_out == [MONDAY]
    assert timetable.starts(made)[0] == "2045-10-09 09:00"


def test_a_second_click_puts_the_date_back(visit, new_section):
    visit.press("preview", **new_section)
    visit.press("toggle:2045-10-02")

    visit.press("toggle:2045-10-02")

    assert [row.planned.on.day for row in visit.page.preview.captures] == [2, 9, 16, 23]


def test_non_teaching_days_are_left_out_unless_put_back(visit, new_section):
    term = Term.objects.get()
    day = datetime.date(2045, 10, 9)
    NonTeachingDay.objects.create(term=term, first=day, last=day, name="Founders' Day")
    visit.press("preview", **new_section)
    assert [row.planned.left_out for row in visit.page.preview.rows] == ["", "Founders' Day", "", ""]

    visit.press("toggle:2045-10-09")
    visit.press("save")

    assert CaptureSchedule.objects.get().put_back == [day]
    assert Capture.objects.count() == 4


def test_the_link_alone(visit, refreshed, canvas):
    refreshed()
    timetable.term(LmsCourse.objects.get(code="ALG101").term_name)
    visit.press("find", email=INSTRUCTOR)
    visit.press("choose", lms_course=str(course_of(visit, "ALG101").pk))

    answer = visit.press("save", record="no")

    assert answer.status_code == 302
    assert LmsCourseLink.objects.get().section == Section.objects.get()
    assert not CaptureSchedule.objects.exists()


def test_a_schedule_alone_for_a_section_that_exists(visit, room):
    section = timetable.section(code="OLD1")
    visit.press("search", section_mode="existing", section_query="old1")
    assert visit.page.found_sections == [section]

    answer = visit.press("save", section=str(section.pk), **(WEEKLY | place(room)))

    assert answer.status_code == 302
    assert CaptureSchedule.objects.get().publications.get().section == section
    assert Section.objects.count() == 1


def test_one_schedule_for_several_sections_each_with_its_own_availability(visit, new_section):
    other = timetable.section(code="OTHER1")
    visit.press("preview", **new_section)
    visit.press("search_further", further_query="other1")
    assert visit.page.found_further == [other]
    visit.press("choose", further=str(other.pk))
    held = {f"further-{other.pk}-available": "after_days", f"further-{other.pk}-available_days": "7"}

    visit.press(
        "save", **held, **{f"further-{other.pk}-until": "on_date", f"further-{other.pk}-until_on": "2046-01-31"}
    )

    rows = {one.section.course.code: one.in_words for one in CaptureSchedule.objects.get().publications.all()}
    assert rows == {
        "ALG1": "available at once",
        "OTHER1": "available 7 days after the recording, until 31 January 2046",
    }


def test_a_new_term_is_made_with_its_dates(visit, new_section):
    term = {"term": "new", "term_name": "Spring", "term_starts_on": "2045-10-01", "term_ends_on": "2045-12-01"}

    visit.press("save", **(new_section | term))

    assert Section.objects.get().term == Term.objects.get(name="Spring", starts_on="2045-10-01")


def test_a_preview_saves_nothing(visit, new_section):
    visit.press("preview", **new_section)

    assert len(visit.page.preview.captures) == 4
    assert not Section.objects.exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"course_code": ""}, "Enter this."),
        ({"building": "", "room": ""}, "Choose this."),
        ({"weekdays": []}, "Choose at least one day of the week."),
        ({"end_time": ""}, "Enter the end or the length."),
        ({"end_time": "10:00", "duration_minutes": "30"}, "From 09:00 to 10:00 are 60 minutes, not 30."),
        ({"end_time": "15:00"}, "A capture lasts from 1 minute to 4 hours."),
        ({"ends_on": "2045-09-01"}, "The last date is before the first."),
        ({"ends_on": "2206-10-01"}, "The dates are more than three years apart."),
        ({"starts_on": "9999-12-31", "ends_on": "9999-12-31"}, "Enter a date between the years 1970 and 2200."),
        ({"starts_on": "0001-01-01", "ends_on": "0001-01-01"}, "Enter a date between the years 1970 and 2200."),
        ({"end_time": "", "duration_minutes": "9" * 30}, "A capture lasts from 1 minute to 4 hours."),
        ({"starts_on": "2020-10-01", "ends_on": "2020-12-01"}, "in the past"),
        ({"input_1": "", "input_2": ""}, "Choose at least one input."),
        ({"input_2": "display"}, "Both inputs are the same."),
        ({"own-available": "after_days"}, "Enter the number of days."),
        ({"own-available": "on_date"}, "Enter the date."),
        ({"term": "new"}, "Enter this for the new term."),
        ({"lead_seconds": "-3600"}, "leaves nothing to record"),
        ({"instructors": "nonsense"}, "nonsense is not an e-mail address."),
        ({"start_time": "25:99"}, "Enter a valid time."),
        ({"room": "999999"}, "Select a valid choice."),
    ],
)
def test_bad_input_is_told_and_saves_nothing(wrong, said, visit, new_section):
    answer = visit.press("save", **(new_section | wrong))

    assert answer.status_code == 200
    assert said in visit.text
    assert not Section.objects.exists()
    assert not CaptureSchedule.objects.exists()


def test_what_is_still_missing_is_no_error_while_typing(visit):
    visit.press("choose", title="Only a title")

    assert "field-invalid" not in visit.text


def test_an_existing_section_number_says_what_to_do(visit, new_section):
    visit.press("save", **new_section)
    later = new_section | {"start_time": "12:00", "end_time": "13:00", "key": str(uuid.uuid4())}

    visit.press("save", **later)

    assert "exists already. Choose it as an existing section, or enter another number." in visit.text


@pytest.mark.parametrize("nonsense", ["toggle:", "toggle:2045-13-45", "toggle:1999-01-01", "<script>", "save\x00"])
def test_strange_buttons_do_no_harm(nonsense, visit, new_section):
    answer = visit.press(nonsense, **new_section)

    assert answer.status_code == 200
    assert not Section.objects.exists()


@pytest.mark.parametrize(
    "nonsense",
    [
        {"section": "9" * 30, "section_mode": "existing"},
        {"lms_course": "-1"},
        {"directory": "x"},
        {"key": "no uuid"},
        {"further": ["1", "x", "9" * 25]},
        {"building": "9" * 30, "room": "9" * 30},
        {"term": "9" * 30},
        {"title": "\x00"},
        {"left_out": "2045-99-99"},
    ],
)
def test_forged_values_are_refused_without_a_crash(nonsense, visit, new_section):
    answer = visit.press("save", **(new_section | nonsense))

    assert answer.status_code in (200, 302)


def test_only_an_administrator_may_do_without_a_section(visit, new_section, client, admin):
    visit.press("save", **(new_section | {"section_mode": "none"}))
    assert CaptureSchedule.objects.get().publications.count() == 1  # a scheduler's was made for a new section

    client.force_login(admin)
    own = Visit(client)
    own.press("save", **(new_section | {"section_mode": "none", "start_time": "14:00", "end_time": "15:00"}))

    assert CaptureSchedule.objects.latest("pk").publications.count() == 0


def test_from_a_section_its_instructors_courses_are_there_at_once(desk, refreshed, canvas, person):
    refreshed()
    section = timetable.section(person(INSTRUCTOR, "Instructors"))

    page = desk.get(LINK, {"section": section.pk, "record": "no"}).context["page"]

    assert page.section == section
    assert [one.course.code for one in page.courses] == ["ALG101", "BOT102"]
    assert not page.records


def test_an_lms_course_is_linked_to_a_section_that_exists(visit, refreshed, canvas):
    refreshed()
    section = timetable.section()
    visit.press("find", email=INSTRUCTOR, section_mode="existing", section=str(section.pk), record="no")

    answer = visit.press("save", lms_course=str(course_of(visit, "BOT102").pk))

    assert answer.status_code == 302
    assert LmsCourseLink.objects.get().section == section
    assert Section.objects.count() == 1


# --- Undo -------------------------------------------------------------------------------------------------
def test_undo_takes_everything_back(visit, new_section, desk):
    where = visit.press("save", **new_section)["Location"]

    answer = desk.post(f"{where}undo/", follow=True)

    assert "What was saved here has been taken back." in answer.content.decode()
    assert not Section.objects.exists()
    assert not Course.objects.exists()
    assert not Capture.objects.exists()
    assert Term.objects.exists()


def test_undo_is_refused_once_something_has_begun(visit, new_section, desk):
    where = visit.press("save", **new_section)["Location"]

    with time_machine.travel(datetime.datetime(2045, 10, 2, 9, 30, tzinfo=datetime.UTC), tick=False):
        client = type(desk)()
        client.force_login(User.objects.get(email="scheduler@example.edu"))
        answer = client.post(f"{where}undo/")

    assert answer.status_code == 409
    assert Capture.objects.count() == 4


def test_somebody_elses_saving_is_not_shown(visit, new_section, person, client):
    where = visit.press("save", **new_section)["Location"]
    client.force_login(person("other_scheduler@example.edu", "Schedulers"))

    assert client.get(where).status_code == 404
    assert client.post(f"{where}undo/").status_code == 404
