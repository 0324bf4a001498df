"""The page of one student, their own page, and who may see which."""

from __future__ import annotations

import datetime
import re

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone

from analytics.models import Poll, SectionFigures, StudentLook
from tests.support import timetable, viewing
from tests.support.figures import page_of, rows_of, table_in, words_of
from tests.support.viewing import NOON

pytestmark = pytest.mark.django_db


@pytest.fixture
def section(instructor):
    return timetable.section(instructor, code="ALG1")


@pytest.fixture
def other_section(other_instructor):
    return timetable.section(other_instructor, code="BOT1")


@pytest.fixture
def ada(section, other_section):
    """A student of both sections."""
    return viewing.student(section, other_section, name="Ada", email="ada@example.edu")


@pytest.fixture
def lectures(section, ada):
    """One of two watched by half, with two polls of which one was answered; an anonymous one beside them."""
    first, second = viewing.media(section, "Week 1"), viewing.media(section, "Week 2")
    viewing.watched(first, ada, (0, 300), (0, 60))
    poll = viewing.poll(first, question="Why sets?")
    viewing.answered(poll, ada, "a", at=viewing.NOON)
    viewing.answered(poll, ada, "b", at=viewing.NOON.replace(hour=13))
    viewing.poll(second, question="Why groups?")
    viewing.poll(first, question="Too fast?", anonymous=True, correct=[])
    return first, second


@pytest.fixture
def as_instructor(client: Client, instructor) -> Client:
    client.force_login(instructor)
    return client


def address(learner, table: str = "") -> str:
    return f"/analytics/students/{learner.pk}/{table}"


def test_what_was_seen_and_what_was_not(lectures, ada, as_instructor):
    page = page_of(as_instructor, address(ada))

    seen = table_in(page, "seen")
    assert [row[:5] for row in seen] == [
        ["Week 1", "ALG1 · 001", "1", "50 %", "Watched 0:00–5:00: 50 % 0:00–5:00"],
        ["Week 2", "ALG1 · 001", "0", "0 %", "Not watched nothing"],
    ]
    assert "Watched 0:00–5:00: 50 %" in page
    words = words_of(page)
    assert "Media watched 50 % 1 of 2" in words
    assert "Minutes 6" in words
    assert "Polls answered 50 % 1 of 2" in words
    assert "Active on 1 day" in words


def test_answers_first_and_latest_and_never_to_anonymous_polls(lectures, ada, as_instructor):
    page = page_of(as_instructor, address(ada))
    assert [row[:2] + row[3:6] for row in table_in(page, "own-answers")] == [
        ["Why sets?", "Week 1", "Choice a", "Choice b", "Yes"],
        ["Why groups?", "Week 2", "", "", ""],
    ]
    assert "Too fast?" not in page


def test_every_look_is_recorded(lectures, ada, as_instructor, instructor):
    as_instructor.get(address(ada))
    rows_of(as_instructor, address(ada, "seen.csv"))
    looks = StudentLook.objects.all()
    assert [(look.viewer, look.learner, look.what) for look in looks] == [(instructor, ada, "ALG1 · 001")] * 2
    as_instructor.get(address(ada, "nothing.csv"))
    assert looks.count() == 2


def test_files(lectures, ada, as_instructor):
    seen = rows_of(as_instructor, address(ada, "seen.csv"))
    assert [(row["title"], row["seen"], row["watched"]) for row in seen] == [
        ("Week 1", "0:00–5:00", "50.0"),
        ("Week 2", "", "0.0"),
    ]
    assert len(rows_of(as_instructor, address(ada, "own-answers.csv"))) == 2
    assert rows_of(as_instructor, address(ada, "active-days.csv"))[0]["views"] == "1"


def test_every_table_leads_to_its_file_and_is_sorted_by_the_address(lectures, ada, as_instructor):
    page = page_of(as_instructor, address(ada, "?seen_sort=-watched"))
    for table in ("seen", "own-answers", "active-days"):
        assert f'href="{address(ada, table)}.csv?seen_sort=-watched">CSV' in page

    assert 'aria-sort="descending"><a href="?seen_sort=watched#seen">Watched' in page
    for wanted, titles in (("watched", ["Week 2", "Week 1"]), ("-watched", ["Week 1", "Week 2"])):
        page = page_of(as_instructor, address(ada, f"?seen_sort={wanted}"))
        assert [row[0] for row in table_in(page, "seen")] == titles
        file = as_instructor.get(address(ada, f"seen.csv?bom=0&seen_sort={wanted}"))
        lines = b"".join(file.streaming_content).decode().splitlines()
        assert [line.partition(",")[0] for line in lines[1:]] == titles


def test_more_media_and_polls_cost_no_more_queries(lectures, ada, as_ada, section, django_assert_num_queries):
    for _ in range(2):
        for made in ("/my-viewing/", "/my-viewing/seen.csv"):
            as_ada.get(made)
        with django_assert_num_queries(PAGE):
            page_of(as_ada, "/my-viewing/?seen_sort=title")
        with django_assert_num_queries(FILE):
            rows_of(as_ada, "/my-viewing/own-answers.csv")
        for _ in range(3):
            viewing.poll(viewing.media(section))


PAGE, FILE = 18, 13


# --- Who may --------------------------------------------------------------------------------------------
def test_an_instructor_sees_only_what_was_done_in_their_own_sections(
    lectures, ada, client, other_instructor, other_section
):
    viewing.watched(viewing.media(other_section, "Leaves"), ada, (0, 60))
    client.force_login(other_instructor)
    page = page_of(client, address(ada))
    assert "Leaves" in page
    assert "Week 1" not in page
    assert "Why sets?" not in page
    assert "ALG1" not in page


def test_somebody_who_is_no_student_of_theirs_does_not_exist(lectures, as_instructor, other_section):
    strangers = [
        viewing.student(other_section),
        viewing.stranger(),
        viewing.student(other_section, role="TaEnrollment"),
    ]
    viewing.watched(lectures[0], strangers[1], (0, 60))
    for learner in strangers:
        assert as_instructor.get(address(learner)).status_code == 404
        assert as_instructor.get(address(learner, "seen.csv")).status_code == 404
    assert as_instructor.get("/analytics/students/0/").status_code == 404
    assert not StudentLook.objects.exists()


def test_who_has_left_the_course_is_no_longer_shown(lectures, ada, as_instructor, section):
    entries = [one.entry for one in ada.enrolments.all()]
    for entry in entries:
        entry.gone_at = timezone.now()
        entry.save()
    assert as_instructor.get(address(ada)).status_code == 404


def test_an_administrator_needs_a_permission_of_their_own(lectures, ada, client, admin):
    client.force_login(admin)
    assert client.get(address(ada)).status_code == 404
    admin.user_permissions.add(Permission.objects.get(codename="view_learner_figures"))
    assert "Week 1" in page_of(client, address(ada))
    assert StudentLook.objects.get().viewer == admin


def test_the_permission_alone_opens_nothing(lectures, ada, client, other_instructor, outsider):
    for person in (other_instructor, outsider):
        person.user_permissions.add(Permission.objects.get(codename="view_learner_figures"))
    client.force_login(other_instructor)
    assert "Week 1" not in page_of(client, address(ada))
    client.force_login(outsider)
    assert client.get(address(ada)).status_code == 403


# --- Their own ------------------------------------------------------------------------------------------
@pytest.fixture
def as_ada(client: Client, person, ada) -> Client:
    client.force_login(person("ada@example.edu"))
    return client


def test_students_see_their_own_and_can_watch(lectures, as_ada, section):
    viewing.media(section, "Draft", published_at=None)
    page = page_of(as_ada, "/my-viewing/")
    assert [row[0] for row in table_in(page, "seen")] == ["Week 1 no video yet", "Week 2 no video yet"]
    assert f'href="{lectures[0].watch_path}"' in page
    assert "Draft" not in page
    assert "Nobody of the staff has opened your figures" in page
    assert not StudentLook.objects.exists()


@pytest.mark.parametrize(
    ("results", "closed", "shown"),
    [("never", True, False), ("answered", False, True), ("closed", False, False), ("closed", True, True)],
)
def test_they_see_what_is_right_as_far_as_the_poll_tells(results, closed, shown, lectures, as_ada):
    past = timezone.now() if closed else None
    Poll.objects.filter(question="Why sets?").update(results=results, closes_at=past)
    page = page_of(as_ada, "/my-viewing/")
    assert table_in(page, "own-answers")[0][5] == ("Yes" if shown else "")
    assert ("Correct 100 % 1 of 1" in words_of(page)) is shown


def test_they_see_how_often_somebody_looked(lectures, ada, as_ada, instructor):
    StudentLook.objects.create(viewer=instructor, learner=ada, what="ALG1")
    page = page_of(as_ada, "/my-viewing/")
    assert "Staff have opened your figures 1 time, last on" in page
    assert instructor.full_name not in page.partition("<main")[2]


def test_nothing_of_others_is_there(lectures, as_ada, section):
    ben = viewing.student(section, name="Ben")
    viewing.watched(lectures[1], ben, (0, 600))
    page = page_of(as_ada, "/my-viewing/")
    assert "Ben" not in page
    assert table_in(page, "seen")[1][2:4] == ["0", "0 %"]


def test_who_is_on_no_roster_is_told_so(client, outsider):
    client.force_login(outsider)
    assert "No courses yet" in page_of(client, "/my-viewing/")
    assert "My viewing" not in client.get("/").content.decode()


def test_their_own_tables_are_files_of_what_the_page_shows(lectures, ada, as_ada, section, other_section):
    viewing.media(section, "Draft", published_at=None)
    viewing.poll(lectures[1], question="=1+1")
    Poll.objects.filter(question="Why sets?").update(results="never")
    ben = viewing.student(section, name="Ben")
    viewing.watched(lectures[1], ben, (0, 600))
    page = page_of(as_ada, "/my-viewing/")
    for table in ("seen", "own-answers", "active-days"):
        assert f'href="/my-viewing/{table}.csv' in page

    seen, answers, days = (
        rows_of(as_ada, f"/my-viewing/{table}.csv") for table in ("seen", "own-answers", "active-days")
    )

    assert [(row["title"], row["watched"]) for row in seen] == [("Week 1", "50.0"), ("Week 2", "0.0")]
    assert [(row["question"], row["latest"], row["correct"]) for row in answers] == [
        ("Why sets?", "Choice b", ""),
        ("Why groups?", "", ""),
        ("'=1+1", "", ""),
    ]
    assert [row["views"] for row in days] == ["1"]
    assert as_ada.get("/my-viewing/viewers.csv").status_code == 404
    assert not StudentLook.objects.exists()


def test_who_is_no_student_has_no_files_of_their_own(lectures, client, outsider, instructor, admin):
    for user in (outsider, instructor, admin):
        client.force_login(user)
        assert client.get("/my-viewing/seen.csv").status_code == 404


def test_students_find_it_on_their_home_page(lectures, as_ada):
    page = page_of(as_ada, "/")
    assert 'href="/my-viewing/"' in page
    assert "You have no role yet" not in page


# --- Score and completion ---------------------------------------------------------------------------------
def test_the_score_is_off_until_it_is_weighed(lectures, ada, as_instructor, section):
    query = f"/analytics/?section={section.pk}&range=all"
    assert "Engagement" not in page_of(as_instructor, query)
    assert "Engagement" not in page_of(as_instructor, address(ada))

    saved = as_instructor.post(
        f"/analytics/sections/{section.pk}/",
        {"completion_percent": "50", "weight_watched": "1", "weight_answered": "2", "weight_correct": "1"},
    )

    assert saved["Location"] == f"/analytics/?section={section.pk}"
    # (1 × 25 % watched of both + 2 × 50 % answered + 1 × 100 % right) / 4
    assert table_in(page_of(as_instructor, query), "students")[0][-1] == "56 %"
    assert "Engagement 56 % ALG1 · 001" in words_of(page_of(as_instructor, address(ada)))


def test_of_several_courses_there_is_no_common_score(lectures, as_instructor, instructor, section):
    SectionFigures.objects.create(section=section, weight_watched=1)
    viewing.media(timetable.section(instructor, code="GEO1"))
    page = page_of(as_instructor, "/analytics/?range=all")
    assert "Engagement" not in page.partition('id="students"')[2]


@pytest.mark.parametrize(
    "wrong", [{"completion_percent": "0"}, {"completion_percent": "101"}, {"weight_watched": "-1"},
              {"weight_correct": "101"}, {"weight_answered": "x"}]
)  # fmt: skip
def test_weights_that_are_none_are_refused(wrong, section, as_instructor):
    right = {"completion_percent": "95", "weight_watched": "0", "weight_answered": "0", "weight_correct": "0"}
    answer = as_instructor.post(f"/analytics/sections/{section.pk}/", right | wrong)
    assert answer.status_code == 422
    assert not SectionFigures.objects.exists()


def test_what_counts_is_set_by_those_who_teach_it(section, other_section, as_instructor):
    assert as_instructor.get(f"/analytics/sections/{other_section.pk}/").status_code == 404
    assert as_instructor.post(f"/analytics/sections/{other_section.pk}/", {}).status_code == 404
    assert Poll.objects.count() == 0


def test_the_score_is_the_same_on_both_pages_whatever_days_are_chosen(client, instructor):
    section = timetable.section(instructor)
    student = viewing.student(section)
    now = timezone.now()
    for days in (100, 60, 5):
        moment = now - datetime.timedelta(days=days)
        media = viewing.media(section, published_at=moment, recorded_at=moment)
        viewing.watched(media, student, (0, 600), at=moment + datetime.timedelta(hours=1))
    # What nobody can watch yet has no part in it.
    viewing.watched(viewing.media(section, published_at=None), student, (0, 600), at=now)
    viewing.answered(viewing.poll(media), student, "b", at=now)
    viewing.poll(media)
    SectionFigures.objects.create(section=section, weight_watched=1, weight_answered=1)
    client.force_login(instructor)

    own = words_of(page_of(client, f"/analytics/students/{student.pk}/"))
    for chosen in ("30", "all", "7"):
        (row,) = table_in(page_of(client, f"/analytics/?range={chosen}"), "students")
        assert row[-1] == "75 %"
    assert "Engagement 75 %" in own


def test_days_without_anything_have_their_place_in_the_chart(client, instructor):
    section = timetable.section(instructor)
    student, media = viewing.student(section), viewing.media(section)
    for day in (0, 4):
        viewing.watched(media, student, (0, 60), at=NOON + datetime.timedelta(days=day))
    client.force_login(instructor)

    page = page_of(client, f"/analytics/students/{student.pk}/")

    titles = re.findall(r"<title>(\w{3} \d+ \w+: \d+ views)</title>", page)
    assert titles == [
        f"{day}: {views} views"
        for day, views in zip(
            ("Wed 6 May", "Thu 7 May", "Fri 8 May", "Sat 9 May", "Sun 10 May"), (1, 0, 0, 0, 1), strict=True
        )
    ]
