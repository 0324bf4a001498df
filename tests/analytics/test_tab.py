"""The Analytics tab and its files: who sees what, what is said where nothing is, what it costs."""

from __future__ import annotations

import csv
import datetime
import io
import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from analytics.figures import definitions
from analytics.views.files import ROWS
from configurations.models import ApiConfiguration, Authorization
from tests.support import timetable, viewing

pytestmark = pytest.mark.django_db


def authorize() -> None:
    """All Canvases let us read."""
    for configuration in ApiConfiguration.objects.all():
        Authorization.objects.create(configuration=configuration, authorized_at=timezone.now())


def lose_authorization() -> None:
    Authorization.objects.update(status="lost", lost_at=timezone.now())


def yesterday() -> datetime.datetime:
    return timezone.now() - datetime.timedelta(days=1)


def watched_lecture(instructor: Any, title: str = "Sets", *, code: str = "") -> Any:
    """A section with a roster, a lecture that one of two students has watched, and a poll that they answered."""
    section = timetable.section(instructor, code=code)
    media = viewing.media(section, title, recorded_at=yesterday(), published_at=yesterday())
    student, _ = viewing.student(section, name=f"Ada of {title}"), viewing.student(section, name=f"Ben of {title}")
    viewing.watched(media, student, (0, 300), at=yesterday())
    viewing.answered(viewing.poll(media, question=f"Why {title}?"), student, "c", at=yesterday())
    return section


@pytest.fixture
def signed_in(client: Client, instructor: Any) -> Client:
    client.force_login(instructor, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page_of(client: Client, query: str = "") -> str:
    response = client.get(f"/analytics/{query}")
    assert response.status_code == 200
    return response.content.decode().replace("\u00a0", " ")


def rows_of(client: Client, table: str, query: str = "?bom=0") -> list[dict[str, str]]:
    response = client.get(f"/analytics/{table}.csv{query}")
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]  # it streams
    return list(csv.DictReader(io.StringIO(text, newline="")))


def table_in(page: str, name: str) -> list[list[str]]:
    """The texts of the rows of the table, its sums included."""
    part = page.partition(f'<section id="{name}"')[2].partition("</section>")[0]
    body = part.partition("<tbody>")[2].partition("</table>")[0]
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in body.split("</tr>")]
    return [[re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", cell)).strip() for cell in row] for row in cells if row]


# --- What it shows --------------------------------------------------------------------------------------
def test_the_tab_shows_every_part(signed_in, instructor):
    section = watched_lecture(instructor)
    authorize()

    page = page_of(signed_in)

    values = re.findall(r'figure-value">([^<]+)</span>(?: <span class="figure-note">([^<]+))?', page)
    assert values == [
        ("1", ""),
        ("1", "of 2, 50 %"),
        ("5", ""),
        ("50 %", ""),
        ("50 %", "1 of 2"),
        ("0 %", "0 of 1"),
    ]
    course = f"{section.course.code} · 001"
    (media, totals), (poll,), students, missing = (
        table_in(page, name) for name in ("media", "polls", "students", "not-lately")
    )
    assert media[:2] == ["Sets", course]
    assert media[3:13] == ["10:00", "1", "1", "1", "50 % 1 of 2", "5", "50 %", "25 %", "0 % 0 of 1", "1"]
    assert totals[0] == "All media"
    assert poll == [
        "Why Sets?",
        "Sets",
        course,
        "One choice",
        "any time",
        "1",
        "50 % 1 of 2",
        "0 % 0 of 1",
        "0 % 0 of 1",
        "Choice c (1)",
    ]
    assert [row[:3] for row in students] == [
        ["Ada of Sets", course, "100 % 1 of 1"],
        ["Ben of Sets", course, "0 % 0 of 1"],
    ]
    assert [row[:3] for row in missing] == [["Ben of Sets", course, "Never opened anything"]]
    assert "1 view; most on" in page
    assert "students only" in page
    assert "Everything that arrived before" in page


def test_what_is_still_to_be_counted_is_said(signed_in, instructor):
    watched_lecture(instructor)
    media = viewing.media(timetable.section())
    viewing.store(
        viewing.events_of(media, (0, 5)), stored=datetime.datetime(2026, 5, 6, 12, 34, tzinfo=datetime.UTC)
    )

    assert "Everything that arrived before 6 May 2026, 12:34 is counted." in page_of(signed_in)


def test_every_column_is_explained_where_it_stands(signed_in, instructor):
    watched_lecture(instructor)

    page = page_of(signed_in)

    # Of several courses there is no score, and without anonymous views nothing to say of them.
    left_out = {"score", "anonymous_views"}
    for name in ("media", "polls", "students", "not-lately"):
        part = page.partition(f'<section id="{name}"')[2].partition("</section>")[0]
        heads = re.findall(r"<th scope=\"col\"[^>]*><a [^>]*>([^<]+?)\s*(?:<|$)", part)
        assert heads == re.findall(r"<dt>([^<]+)</dt>", part), name
        columns = definitions.TABLES[name]
        assert len(heads) == len(
            [column for column in columns if not column.csv_only and column.name not in left_out]
        )


def test_tables_are_sorted_and_turned_by_the_address(signed_in, instructor):
    section = timetable.section(instructor)
    students = [viewing.student(section, name=f"Student {number}") for number in range(1, 28)]
    for number in (2, 10, 1):
        media = viewing.media(section, f"Week {number}", recorded_at=yesterday(), published_at=yesterday())
        viewing.watched(media, students[0], (0, 10 * number), at=yesterday())

    def media_in(query: str) -> list[str]:
        return [row[0] for row in table_in(page_of(signed_in, query), "media")]

    assert media_in("?media_sort=title") == ["Week 1", "Week 2", "Week 10", "All media"]
    assert media_in("?media_sort=-average_watched") == ["Week 10", "Week 2", "Week 1", "All media"]
    assert len(media_in("?media_sort=nothing-of-the-kind&media_page=99")) == 4
    page = page_of(signed_in, "?students_page=2&media_sort=title")
    assert [row[0] for row in table_in(page, "students")] == ["Student 26", "Student 27"]
    assert 'aria-sort="ascending"><a href="?students_page=2&amp;media_sort=-title#media">Title' in page
    assert 'rel="prev" href="?media_sort=title#students"' in page


def test_students_only_or_everyone(signed_in, instructor):
    section = watched_lecture(instructor)
    viewing.watched(section.media.get(), viewing.stranger(), (0, 600), at=yesterday())
    viewing.watched(section.media.get(), None, (0, 600), at=yesterday())

    students, everyone = (table_in(page_of(signed_in, query), "media")[0] for query in ("", "?who=everyone"))

    assert (students[4], students[6], students[7], students[8]) == ("1", "1", "1", "50 % 1 of 2")
    assert (everyone[4], everyone[6], everyone[7], everyone[8]) == ("2", "1", "2", "50 % 1 of 2")


def test_the_terms_and_courses_narrow_what_is_shown(signed_in, instructor):
    first, second = watched_lecture(instructor, "Sets"), watched_lecture(instructor, "Maps")

    def media_in(query: str) -> set[str]:
        return {row["title"] for row in rows_of(signed_in, "media", f"?bom=0&{query}")}

    assert media_in("") == {"Sets", "Maps"}
    assert media_in(f"section={first.pk}") == {"Sets"}
    assert media_in(f"section={first.pk}&section={second.pk}") == {"Sets", "Maps"}
    assert media_in(f"term={second.term_id}") == {"Maps"}
    assert media_in(f"term={second.term_id}&section={first.pk}") == set()


def test_the_widened_range_is_said(signed_in, instructor):
    section = timetable.section(instructor)
    long_ago = timezone.now() - datetime.timedelta(days=40)
    viewing.watched(viewing.media(section), viewing.student(section), (0, 30), at=long_ago)

    page = page_of(signed_in)

    assert "There is nothing in the last 30 days; this is the shortest range that has something." in page
    assert '<option value="60" selected>60 days</option>' in page


# --- Whose figures --------------------------------------------------------------------------------------
@pytest.mark.parametrize("table", [*ROWS, "everything"])
def test_nothing_of_a_foreign_section_is_in_a_file(signed_in, instructor, other_instructor, table):
    watched_lecture(instructor, "Own")
    foreign = watched_lecture(other_instructor, "Foreign")
    other = Client()
    other.force_login(other_instructor, backend="django.contrib.auth.backends.ModelBackend")
    named = f"?section={foreign.pk}&term={foreign.term_id}&range=all&who=everyone&bom=0"

    assert rows_of(other, table, named) != []
    assert table == "days" or "Foreign" in str(rows_of(other, table, named))
    assert [row for row in rows_of(signed_in, table, named) if row.get("views") != "0"] == []
    assert "Foreign" not in str(rows_of(signed_in, table))


def test_nothing_of_a_foreign_section_is_on_the_page(signed_in, instructor, other_instructor):
    watched_lecture(instructor, "Own")
    foreign = watched_lecture(other_instructor, "Foreign")

    assert "Foreign" not in page_of(signed_in, f"?section={foreign.pk}&who=everyone&range=all")
    assert "None of your courses is chosen" in page_of(signed_in, f"?section={foreign.pk}")
    assert "Foreign" not in page_of(signed_in)


def test_an_administrator_sees_no_figures_of_others(client, admin, instructor):
    watched_lecture(instructor)
    client.force_login(admin, backend="django.contrib.auth.backends.ModelBackend")

    page = page_of(client)

    assert "You teach no section here yet" in page
    assert "Sets" not in page
    assert rows_of(client, "media") == []


def test_no_such_file(signed_in):
    assert signed_in.get("/analytics/nothing.csv").status_code == 404


# --- Where something is missing -------------------------------------------------------------------------
def test_without_a_section_the_page_says_whom_to_ask(signed_in):
    page = page_of(signed_in)

    assert "You teach no section here yet" in page
    assert '<form method="get"' not in page


def test_without_a_link_the_page_says_so(signed_in, instructor):
    section = timetable.section(instructor)
    assert "None of your courses is linked yet" in page_of(signed_in)

    viewing.media(section, "Sets")

    page = page_of(signed_in)
    assert "They are not linked to an LMS course" in page
    assert "Sets" in page


def test_without_an_authorization_the_page_says_so_and_keeps_the_figures(signed_in, instructor):
    section = timetable.section(instructor)
    viewing.lms_course(section)
    assert "The LMS is not connected" in page_of(signed_in)

    viewing.media(section, "Sets")

    page = page_of(signed_in)
    assert "The LMS does not let echo_lms read who is enrolled" in page
    assert "Sets" in page
    viewing.student(section)
    assert "The LMS does not let echo_lms read just now" in page_of(signed_in)


def test_without_media_views_or_students_the_page_says_so(signed_in, instructor):
    section = timetable.section(instructor)
    viewing.lms_course(section)
    authorize()
    assert "No media yet" in page_of(signed_in)

    viewing.media(section, "Sets")

    page = page_of(signed_in)
    assert page.count('class="notice') == 1
    assert "Nobody has watched or answered anything in these days." in page
    assert "No students are known of these courses" in page
    assert table_in(page, "media")[0][0] == "Sets"
    viewing.student(section)
    assert "No students are known" not in page_of(signed_in)


@pytest.mark.parametrize(
    "query",
    [
        "?range=own&first=1970-01-01&last=2200-12-31",
        "?range=all&media_page=0&students_page=-1&polls_page=999999999999",
        "?days=0&percent=99999999999&section=x&term=x&who=x&range=x",
        "?not-lately_sort=-last_activity&days=1&percent=100&media_sort=-last_viewed&polls_sort=wrong_answer",
        "?range=12m",
        "?range=7&students_sort=answered",
    ],
)
def test_no_address_breaks_the_page(signed_in, instructor, query):
    watched_lecture(instructor)

    assert "Ada of Sets" in page_of(signed_in, query)


# --- The navigation -------------------------------------------------------------------------------------
def in_navigation(client: Client) -> bool:
    page = client.get("/profile/").content.decode()
    return '<a href="/analytics/"' in page.partition('<nav class="site-nav"')[2].partition("</nav>")[0]


def test_the_entry_appears_with_a_section_a_link_and_an_authorization(signed_in, instructor):
    assert not in_navigation(signed_in)
    section = timetable.section(instructor)
    assert not in_navigation(signed_in)
    viewing.lms_course(section)
    assert not in_navigation(signed_in)
    authorize()
    assert in_navigation(signed_in)
    lose_authorization()
    assert not in_navigation(signed_in)


def test_the_entry_goes_with_the_configuration(signed_in, instructor):
    viewing.lms_course(timetable.section(instructor))
    authorize()
    ApiConfiguration.objects.update(enabled=False)

    assert not in_navigation(signed_in)


def test_the_entry_is_not_for_those_who_teach_nothing_themselves(client, scheduler, admin, instructor):
    viewing.lms_course(timetable.section(instructor))
    authorize()
    for person in (scheduler, admin):
        client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
        assert not in_navigation(client)


def test_the_home_page_leads_to_what_is_missing(signed_in, instructor):
    assert "Something is missing for it yet" in signed_in.get("/").content.decode()
    viewing.lms_course(timetable.section(instructor))
    authorize()

    page = signed_in.get("/").content.decode()

    assert "Something is missing for it yet" not in page
    assert page.count('href="/analytics/"') == 2


# --- Files ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("table", ["media", "polls", "students", "not-lately", "days", "everything"])
def test_a_file_has_the_columns_that_are_defined(signed_in, instructor, table):
    watched_lecture(instructor)

    rows = rows_of(signed_in, table)

    assert rows
    assert list(rows[0]) == [name for column in definitions.TABLES[table] for name in column.headers]


def test_the_columns_of_all_files_are_a_file(signed_in):
    rows = rows_of(signed_in, "columns")

    described = [(row["file"], row["column"]) for row in rows]
    assert described == [
        (f"{name}.csv", header)
        for name, columns in definitions.TABLES.items()
        for column in columns
        for header in column.headers
    ]


def test_a_file_is_filtered_and_sorted_as_the_page(signed_in, instructor):
    section = watched_lecture(instructor)
    viewing.media(section, "Older", recorded_at=yesterday(), published_at=yesterday())

    assert [row["title"] for row in rows_of(signed_in, "media", "?bom=0&media_sort=-title")] == ["Sets", "Older"]
    assert [row["views"] for row in rows_of(signed_in, "media", "?bom=0&media_sort=title")] == ["0", "1"]
    assert [row["views"] for row in rows_of(signed_in, "days", "?bom=0&range=7")] == ["0"] * 5 + ["1", "0"]


def test_numbers_in_files_are_plain(signed_in, instructor):
    watched_lecture(instructor)

    (row,) = rows_of(signed_in, "media")

    assert row["length"] == "600"
    assert row["minutes"] == "5.0"
    assert row["average_watched"] == "50.0"
    assert (row["enrolled_viewers"], row["enrolled"]) == ("1", "2")
    assert row["last_viewed"].endswith("+00:00")


def test_when_a_poll_is_asked_is_a_clock_on_the_page_and_seconds_in_the_file(signed_in, instructor):
    section = timetable.section(instructor)
    media = viewing.media(section, "Sets", seconds=3600, recorded_at=yesterday(), published_at=yesterday())
    for question, second in (("Late?", 1321), ("Below?", None), ("At once?", 0), ("Early?", 605)):
        viewing.poll(media, question=question, at_seconds=second)

    shown = [(row[0], row[4]) for row in table_in(page_of(signed_in, "?polls_sort=asked"), "polls")]
    kept = [(row["question"], row["asked"]) for row in rows_of(signed_in, "polls", "?bom=0&polls_sort=asked")]

    assert shown == [("At once?", "0:00"), ("Early?", "10:05"), ("Late?", "22:01"), ("Below?", "any time")]
    assert kept == [("At once?", "0"), ("Early?", "605"), ("Late?", "1321"), ("Below?", "")]
    (told,) = [
        row for row in rows_of(signed_in, "columns") if (row["file"], row["column"]) == ("polls.csv", "asked")
    ]
    assert "in CSV files seconds" in told["meaning"]


def test_everything_has_those_who_never_opened_anything(signed_in, instructor):
    watched_lecture(instructor)

    rows = rows_of(signed_in, "everything")

    assert [(row["student"], row["views"], row["watched"], row["answered"]) for row in rows] == [
        ("Ada of Sets", "1", "50.0", "1"),
        ("Ben of Sets", "0", "0.0", "0"),
    ]


def test_the_mark_for_excel_can_be_left_out(signed_in, instructor):
    watched_lecture(instructor)

    with_mark, without = (
        b"".join(signed_in.get(f"/analytics/media.csv{query}").streaming_content) for query in ("", "?bom=0")
    )

    assert with_mark == b"\xef\xbb\xbf" + without
    assert without.startswith(b"title,course,")


@pytest.mark.parametrize("dangerous", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("x")'])
def test_no_cell_is_a_formula(signed_in, instructor, dangerous):
    section = timetable.section(instructor)
    media = viewing.media(section, dangerous, recorded_at=yesterday(), published_at=yesterday())
    student = viewing.student(section, name=dangerous)
    choices = [{"id": "a", "text": dangerous}, {"id": "b", "text": "right"}]
    poll = viewing.poll(media, question=dangerous, choices=choices)
    viewing.answered(poll, student, "a", at=yesterday())

    for table in ("media", "polls", "students", "not-lately", "everything"):
        cells = [cell for row in rows_of(signed_in, table) for cell in row.values()]
        assert f"'{dangerous}" in cells, table
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


# --- What it costs --------------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 3])
def test_the_page_costs_the_same_for_one_course_and_for_three(
    signed_in, instructor, count, django_assert_num_queries
):
    for number in range(count):
        watched_lecture(instructor, f"Lecture {number}")
    authorize()

    # Of one course alone the weights of its score are read.
    with django_assert_num_queries(QUERIES + (count == 1)):
        page_of(signed_in)


# Session, person, roles; the sections, and whether there is anything; the roster, media, polls; freshness; the
# entry in the navigation. Six sum up, and in a test take four each (savepoint, plan, query, release): what was
# watched and answered, the same before, days, and who was active.
QUERIES = 34
