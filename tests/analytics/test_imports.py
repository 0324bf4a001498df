"""Views and answers from CSV files: their own form, and Echo360's export."""

from __future__ import annotations

import csv
import datetime
import html
import io
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from analytics import erasure, folding
from analytics.csv_files import Answers, Views, moment, seconds
from analytics.figures.selection import zone
from analytics.models import Learner, Media, Poll, PollAnswer, Statement, ViewUser, ViewUserDay
from schedules.csv_files import importing
from schedules.csv_files.outcome import Kind, Outcome
from tests.support import timetable, viewing

pytestmark = pytest.mark.django_db
ECHO360 = (
    "media_id,media_name,create_date,duration,owner_name,course,user_name,email_address,total_views,total_view_time,"
    "average_view_time,on_demand_views,live_view_count,downloads,last_viewed"
)


def days_ago(days: int) -> datetime.date:
    return timezone.now().date() - datetime.timedelta(days=days)


def file_of(*rows: dict[str, str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)))
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


@pytest.fixture
def section(db):
    return timetable.section(code="ALG1")


@pytest.fixture
def ada(section):
    return viewing.student(section, name="Ada", email="ada@example.edu", lms_user_id="1042")


@pytest.fixture
def take(admin):
    """Checks and saves; what became of the rows."""

    def take(kind: Any, content: bytes, *, good_only: bool = False) -> list[Outcome]:
        job = importing.upload(kind, "file.csv", content, user=admin)
        before = Statement.objects.count(), Media.objects.count()
        found = importing.check(kind, content, user=admin)
        assert (Statement.objects.count(), Media.objects.count()) == before, "the check saved something"
        if good_only or all(row.kind != Kind.REFUSED for row in found):
            importing.save(job, user=admin, good_only=good_only)
        folding.fold_all()
        return found

    return take


def view(**cells: str) -> dict[str, str]:
    row = {"course": "ALG1", "media": "Week 1", "email": "ada@example.edu"}
    return row | {"started": f"{days_ago(3)} 18:30", "from": "0:00", "to": "5:00"} | cells


def problem(outcomes: list[Outcome]) -> str:
    (row,) = [one for one in outcomes if one.kind == Kind.REFUSED]
    return "; ".join(one.reason for one in row.problems)


# --- Views ----------------------------------------------------------------------------------------------
@pytest.fixture
def series(section):
    """As a weekly schedule makes them."""
    return [
        viewing.media(section, "Week 1", recorded_at=timezone.now() - datetime.timedelta(days=days))
        for days in (3, 10)
    ]


def test_of_several_media_with_one_title_the_day_tells_which_is_meant(series, ada, take):
    assert "2 media of the section have this title" in problem(take(Views, file_of(view())))
    assert "None of this title was recorded on" in problem(take(Views, file_of(view(recorded=f"{days_ago(4)}"))))

    take(Views, file_of(view(recorded=f"{days_ago(10)}")))

    assert ViewUser.objects.get().media_id == series[1].pk


def test_of_several_media_with_one_title_echo360s_own_day_tells_which_is_meant(series, ada, take):
    header = ECHO360.split(",")
    cells = dict.fromkeys(header, "") | {
        "media_name": "Week 1",
        "duration": "0:10:00",
        "course": "ALG1",
        "email_address": "ada@example.edu",
        "total_views": "1",
        "total_view_time": "0:05:00",
        "last_viewed": f"{days_ago(1):%m/%d/%Y}",
    }
    assert "2 media of the section" in problem(take(Views, file_of(cells)))

    take(Views, file_of(cells | {"create_date": f"{days_ago(10):%m/%d/%Y}"}))

    assert ViewUser.objects.get().media_id == series[1].pk


def test_what_cannot_have_been_watched_is_refused(section, ada, take):
    viewing.media(section, "Week 1", seconds=600)

    assert "The media ends at 10:00" in problem(take(Views, file_of(view(**{"from": "11:40", "to": "13:20"}))))
    assert "It ends at 3:00" in problem(take(Views, file_of(view(**{"from": "12:30", "to": "3:00"}))))


def test_to_the_very_end_can_be_watched(section, ada, take):
    viewing.media(section, "Week 1", seconds=600)
    take(Views, file_of(view(to="10:00.4"), view(**{"to": "", "from": "8:00", "seconds": "120"})))
    assert (ViewUser.objects.get().seconds, ViewUser.objects.get().watched_seconds) == (720, 600)


def test_what_is_refused_is_blamed_on_the_column_that_says_it(section, ada, take):
    viewing.media(section, "Week 1", seconds=600)
    outcomes = take(Views, file_of(view(to="11:00"), view(to="", seconds="660")))
    assert [one.problems[0].column for one in outcomes] == ["to", "seconds"]


def test_a_media_is_not_added_for_a_row_that_is_longer(section, ada, take):
    outcomes = take(Views, file_of(view(length="0:03:00"), view(length="0:30:00")), good_only=True)
    assert [one.kind for one in outcomes] == [Kind.REFUSED, Kind.CREATED]
    assert Media.objects.get().duration_seconds == 1800


def test_sittings_are_counted_where_they_were(section, ada, take):
    media = viewing.media(section, "Week 1")
    outcomes = take(
        Views, file_of(view(), view(**{"from": "2:00", "to": "10:00"}), view(started=f"{days_ago(2)}"))
    )
    assert [one.kind for one in outcomes] == [Kind.CREATED] * 3
    seen = ViewUser.objects.get()
    assert (seen.media_id, seen.learner_id) == (media.pk, ada.pk)
    assert (seen.views, seen.seconds, seen.watched_seconds) == (3, 300 + 480 + 300, 600)
    assert sorted(ViewUserDay.objects.values_list("day", flat=True)) == [days_ago(3), days_ago(2)]


def test_the_same_file_again_changes_nothing(section, ada, take):
    viewing.media(section, "Week 1")
    content = file_of(view(), view(started=f"{days_ago(1)}"))
    take(Views, content)
    before = list(ViewUser.objects.values())
    assert [one.kind for one in take(Views, content)] == [Kind.UNCHANGED] * 2
    assert list(ViewUser.objects.values()) == before


def test_the_second_of_two_rows_about_the_same_is_refused_however_it_is_written(section, ada, take):
    viewing.media(section, "Week 1")
    same = view(course="alg1", media="WEEK 1", email="ADA@example.edu", to="300", section="001")
    content = file_of(view() | {"section": ""}, view() | {"section": ""}, same, view(to="6:00") | {"section": ""})
    outcomes = take(Views, content, good_only=True)
    assert [one.kind for one in outcomes] == [Kind.CREATED, Kind.REFUSED, Kind.REFUSED, Kind.CREATED]
    assert {one.problems[0].reason for one in outcomes[1:3]} == {"Line 2 is about the same. Keep one of them."}
    assert [one.kind for one in take(Views, content)] == [
        Kind.UNCHANGED, Kind.REFUSED, Kind.REFUSED, Kind.UNCHANGED,
    ]  # fmt: skip


def test_a_row_is_no_repetition_of_one_that_cannot_be_used(section, ada, take):
    viewing.media(section, "Week 1", seconds=600)
    outcomes = take(Views, file_of(view(to="11:00"), view(to="11:00")))
    assert ["beyond its end" in one.problems[0].reason for one in outcomes] == [True, True]


def test_media_that_are_not_known_are_added_if_their_length_is(section, ada, take):
    assert "length" in problem(take(Views, file_of(view())))
    take(Views, file_of(view(length="50:00"), view(media="Week 2", length="3000", to="", seconds="60")))
    assert sorted(Media.objects.values_list("title", "duration_seconds")) == [("Week 1", 3000), ("Week 2", 3000)]
    assert sorted(ViewUser.objects.values_list("seconds", flat=True)) == [60, 300]


def test_a_media_that_is_added_has_the_day_that_the_file_tells(section, ada, take):
    day = days_ago(6)
    rows = [
        view(media="Second talk", recorded=f"{day}", length="0:30:00"),
        view(media="Second talk", recorded=f"{day}", length="0:30:00", started=f"{days_ago(2)} 11:00"),
        view(media="Second talk", recorded=f"{day}", started=f"{days_ago(1)} 11:00"),
    ]
    assert [one.kind for one in take(Views, file_of(*rows))] == [Kind.CREATED] * 3
    made = Media.objects.get()
    assert (made.recorded_at.astimezone(zone()).date(), made.published_at) == (day, made.recorded_at)
    assert [one.kind for one in take(Views, file_of(*rows))] == [Kind.UNCHANGED] * 3
    assert Media.objects.get() == made


def test_a_media_that_is_watched_on_the_day_it_was_recorded_can_be_watched_by_then(section, ada, take):
    rows = file_of(view(recorded=f"{days_ago(3)}", length="0:30:00", started=f"{days_ago(3)} 08:15"))
    take(Views, rows)
    assert Media.objects.filter(published_at=moment(f"{days_ago(3)} 08:15")).exists()
    assert [one.kind for one in take(Views, rows)] == [Kind.UNCHANGED]


def test_a_long_title_is_the_same_media_again(section, ada, take):
    rows = file_of(view(media="Talk " * 60, length="0:30:00"))
    take(Views, rows)
    assert [one.kind for one in take(Views, rows)] == [Kind.UNCHANGED]
    assert Media.objects.count() == 1


def test_nothing_was_recorded_on_a_day_that_has_not_come(section, ada, take):
    tomorrow = f"{days_ago(-2)}"
    assert f"{tomorrow} has not come yet" in problem(take(Views, file_of(view(recorded=tomorrow, length="30:00"))))
    assert not Media.objects.exists()


def told(outcomes: list[Outcome]) -> list[list[tuple[str, str, str]]]:
    return [list(one.differences) for one in outcomes]


def test_what_views_would_add_is_said_where_it_is_added(section, ada, take):
    viewing.media(section, "Week 1")
    rows = [
        view(),
        view(media="Wek 1", length="0:50:00", recorded=f"{days_ago(9)}"),
        view(media="wek 1", started=f"{days_ago(1)}"),
        view(email="later@example.edu"),
        view(email="Later@example.edu", started=f"{days_ago(1)}"),
        view(email="", lms_id="77"),
    ]
    outcomes = take(Views, file_of(*rows))
    new_media = ("New media", "", f"Wek 1 ({days_ago(9)}, 50:00)")
    assert told(outcomes) == [
        [],
        [new_media],
        [],
        [("New person", "", "later@example.edu")],
        [],
        [("New person", "", "77")],
    ]
    assert told(take(Views, file_of(*rows))) == [[]] * 6


def test_what_a_refused_row_would_have_added_is_said_of_the_next_one(section, take):
    rows = [view(length="0:03:00"), view(length="0:30:00"), view(length="0:30:00", started=f"{days_ago(1)}")]
    outcomes = take(Views, file_of(*rows), good_only=True)
    added = [("New media", "", f"Week 1 ({days_ago(3)}, 30:00)"), ("New person", "", "ada@example.edu")]
    assert told(outcomes) == [[], added, []]


def test_somebody_who_was_erased_is_not_new_when_nothing_is_stored(section, take):
    viewing.media(section, "Week 1")
    content = file_of(view())
    assert told(take(Views, content)) == [[("New person", "", "ada@example.edu")]]
    erasure.erase(Learner.objects.get(), by=None)
    assert [(one.kind, one.differences) for one in take(Views, content)] == [(Kind.UNCHANGED, ())]
    assert not Learner.objects.exists()


def test_by_the_id_in_the_lms(section, ada, take):
    viewing.media(section, "Week 1")
    take(Views, file_of(view(email="", lms_id="1042")))
    assert ViewUser.objects.get().learner_id == ada.pk


def test_somebody_unknown_is_kept_until_they_are_known(section, take):
    viewing.media(section, "Week 1")
    take(Views, file_of(view(email="later@example.edu")))
    later = viewing.student(section, email="later@example.edu")
    assert ViewUser.objects.get().learner_id == later.pk


@pytest.mark.parametrize(
    ("cells", "word"),
    [
        ({"course": "BOT1"}, "No section is called so"),
        ({"email": ""}, "email or lms_id"),
        ({"email": "ada"}, "not an e-mail"),
        ({"started": ""}, "when it was watched"),
        ({"started": "2045"}, "not a date"),
        ({"started": "02/30/2026"}, "not a date"),
        ({"started": "1999-01-01"}, "more than a year ago"),
        ({"started": "2190-01-01"}, "not come yet"),
        ({"to": ""}, "from and to, or seconds"),
        ({"to": "0:00"}, "from and to, or seconds"),
        ({"from": "soon"}, "no length"),
        ({"from": "1:2:3:4"}, "no length"),
        ({"to": "9:99:00"}, "9:99:00"),
        ({"to": "1:60:00"}, "minutes and seconds go to 59"),
        ({"to": "0:00:60"}, "minutes and seconds go to 59"),
        ({"to": "4:60"}, "minutes and seconds go to 59"),
        ({"to": "5:00:00"}, "The media ends at 10:00; 5:00:00 is beyond its end"),
        ({"to": "10:01"}, "The media ends at 10:00; 10:01 is beyond its end"),
        ({"to": "", "from": "9:00", "seconds": "61"}, "The media ends at 10:00; 10:01 is beyond its end"),
    ],
)
def test_rows_that_cannot_be_used_say_why_and_nothing_is_saved(cells, word, section, ada, take):
    viewing.media(section, "Week 1")
    outcomes = take(Views, file_of(view(), view(**cells)))
    assert word in problem(outcomes)
    assert outcomes[1].line == 3
    assert not Statement.objects.exists()
    take(Views, file_of(view(), view(**cells)), good_only=True)
    assert ViewUser.objects.get().views == 1


def test_a_course_in_two_terms_has_to_be_named(section, ada, take):
    viewing.media(section, "Week 1")
    timetable.section(course=section.course, term=section.term, number="002")
    assert "2 sections are meant" in problem(take(Views, file_of(view())))
    take(Views, file_of(view(section="001")))
    assert ViewUser.objects.count() == 1


# --- Echo360 --------------------------------------------------------------------------------------------
def exported(**cells: str) -> bytes:
    usual = {
        "media_id": "6f1", "media_name": "Week 1", "create_date": f"{days_ago(9):%m/%d/%Y}",
        "duration": "00:10:00", "course": "ALG1", "user_name": "Ada",
        "email_address": "ada@example.edu", "total_views": "2",
        "total_view_time": "00:15:00", "average_view_time": "00:07:30", "on_demand_views": "2",
        "live_view_count": "0", "downloads": "0", "last_viewed": f"{days_ago(3):%m/%d/%Y}",
    }  # fmt: skip
    row = usual | cells
    return file_of({name: row.get(name, "") for name in ECHO360.split(",")})


def test_an_export_of_echo360_is_read_as_it_is(section, ada, take):
    assert [one.kind for one in take(Views, exported())] == [Kind.CREATED]
    media = Media.objects.get()
    assert (media.title, media.duration_seconds) == ("Week 1", 600)
    assert media.recorded_at.date() == days_ago(9)
    seen = ViewUser.objects.get()
    assert (seen.learner_id, seen.views, seen.seconds, seen.watched_seconds) == (ada.pk, 2, 900, 450)
    assert ViewUserDay.objects.get().day == days_ago(3)


def test_what_an_export_would_add_is_said(section, ada, take):
    assert told(take(Views, exported(email_address="later@example.edu"))) == [
        [("New media", "", f"Week 1 ({days_ago(9)}, 10:00)"), ("New person", "", "later@example.edu")]
    ]
    (row,) = take(Views, exported(media_name="Week 2", total_views="0", total_view_time="0"))
    assert (row.kind, row.differences) == (
        Kind.CREATED, (("New media", "", f"Week 2 ({days_ago(9)}, 10:00)"),),
    )  # fmt: skip
    again = take(Views, exported(media_name="Week 2", total_views="0", total_view_time="0"))
    assert [(one.kind, one.differences) for one in again] == [(Kind.UNCHANGED, ())]


def test_a_later_export_takes_the_place_of_an_earlier_one(section, ada, take):
    take(Views, exported())
    later = exported(total_views="3", total_view_time="00:20:00", last_viewed=f"{days_ago(1)}")
    assert [one.kind for one in take(Views, later)] == [Kind.CHANGED]
    seen = ViewUser.objects.get()
    assert (seen.views, seen.seconds) == (3, 1200)
    assert [one.kind for one in take(Views, later)] == [Kind.UNCHANGED]
    assert ViewUser.objects.get().seconds == 1200
    assert "later export" in problem(take(Views, exported()))


def test_echo360s_time_may_be_longer_than_the_media(section, ada, take):
    """Its sums hold what was played twice, and its lengths are rounded."""
    rows = exported(total_views="1", duration="00:10:00", total_view_time="00:10:01")
    assert [one.kind for one in take(Views, rows)] == [Kind.CREATED]
    assert ViewUser.objects.get().seconds == 600
    assert "minutes and seconds go to 59" in problem(take(Views, exported(total_view_time="0:75:00")))


def test_of_two_rows_of_an_export_about_one_person_and_media_the_second_is_refused(section, ada, take):
    first, second = exported().decode(), exported(media_id="6f2", total_views="1").decode()
    outcomes = take(Views, (first + second.splitlines()[1]).encode(), good_only=True)
    assert "Line 2 is about the same" in problem(outcomes)
    assert ViewUser.objects.get().views == 2


def test_month_first_and_iso_dates_are_told_apart(section, ada, take):
    day = days_ago(3)
    take(Views, exported(last_viewed=day.isoformat(), create_date=day.isoformat()))
    take(Views, exported(media_name="Week 2", last_viewed=f"{day:%m/%d/%Y} 10:00:00"))
    assert set(ViewUserDay.objects.values_list("day", flat=True)) == {day}
    wrong = exported(media_name="Week 3", last_viewed="25/12/2045")
    assert "There is no 25/12/2045" in problem(take(Views, wrong))


# --- Answers --------------------------------------------------------------------------------------------
def answer(**cells: str) -> dict[str, str]:
    row = {"course": "ALG1", "media": "Week 1", "question": "Why?", "email": "ada@example.edu"}
    return row | {"response": "Choice b", "correct": "", "answered": f"{days_ago(3)} 18:30"} | cells


def test_answers_to_a_poll_that_is_known(section, ada, take):
    poll = viewing.poll(viewing.media(section, "Week 1"), question="Why?")
    rows = [answer(response="a"), answer(answered=f"{days_ago(2)}"), answer(response="d")]
    outcomes = take(Answers, file_of(*rows), good_only=True)
    assert "none of the choices" in problem(outcomes)
    given = PollAnswer.objects.get()
    assert (given.poll_id, given.learner_id, given.attempts) == (poll.pk, ada.pk, 2)
    assert (given.first_response, given.latest_response, given.latest_correct) == ("a", "b", True)


def test_the_second_of_two_rows_about_one_answer_is_refused(section, ada, take):
    viewing.poll(viewing.media(section, "Week 1"), question="Why?")
    other = answer(response="a", answered=f"{days_ago(2)} 18:30")
    outcomes = take(Answers, file_of(answer(response="a"), answer(response="Choice a"), other), good_only=True)
    assert [one.kind for one in outcomes] == [Kind.CREATED, Kind.REFUSED, Kind.CREATED]
    assert "Line 2 is about the same" in problem(outcomes)
    assert PollAnswer.objects.get().attempts == 2


def test_questions_that_are_not_known_are_added(section, ada, take):
    viewing.media(section, "Week 1")
    take(Answers, file_of(answer(response="Because", correct="yes"), answer(response="Hence", correct="no")))
    poll = Poll.objects.get()
    assert (poll.question, poll.kind, poll.is_graded) == ("Why?", Poll.Kind.OPEN, False)
    assert PollAnswer.objects.get().attempts == 2


@pytest.mark.parametrize("column", ["question", "response", "answered"])
def test_what_an_answer_lacks_is_said_of_its_column(column, section, ada, take):
    viewing.media(section, "Week 1")
    (row,) = take(Answers, file_of(answer(**{column: ""})))
    assert [one.column for one in row.problems] == [column]


def test_everything_that_an_answer_lacks_is_said_at_once(section, ada, take):
    (row,) = take(Answers, file_of(answer(question="", response="", answered="soon")))
    assert [one.column for one in row.problems] == ["answered", "question", "response"]


def test_what_answers_would_add_is_said_where_it_is_added(section, ada, take):
    viewing.poll(viewing.media(section, "Week 1"), question="Why?")
    rows = [
        answer(response="a"),
        answer(question="Wy?"),
        answer(question="wy?", email="later@example.edu"),
        answer(question="Wy?", answered=f"{days_ago(1)}"),
    ]
    assert told(take(Answers, file_of(*rows))) == [
        [],
        [("New question", "", "Wy?")],
        [("New person", "", "later@example.edu")],
        [],
    ]
    assert told(take(Answers, file_of(*rows, answer(question="Wy?", answered=f"{days_ago(2)}")))) == [[]] * 5


def test_an_anonymous_poll_takes_no_names(section, ada, take):
    viewing.poll(viewing.media(section, "Week 1"), question="Why?", anonymous=True)
    assert "anonymous" in problem(take(Answers, file_of(answer(response="a"))))


# --- Cells ----------------------------------------------------------------------------------------------
@given(st.integers(0, 9_999_999))
def test_lengths_in_both_forms(number):
    hours, rest = divmod(number, 3600)
    assert seconds(str(number)) == number
    if hours < 1000:
        assert seconds(f"{hours}:{rest // 60:02}:{rest % 60:02}") == number
    if number < 6000:
        assert seconds(f"{number // 60}:{number % 60:02}") == number


@given(st.integers(2, 360), st.booleans())
def test_a_day_means_the_same_in_both_forms(days, with_time):
    day = days_ago(days)
    suffix = " 12:00:00" if with_time else ""
    assert moment(f"{day:%m/%d/%Y}{suffix}", american=True) == moment(f"{day}{suffix}")


@given(st.text(max_size=30))
def test_nothing_but_value_error_is_raised(text):
    for reader in (seconds, moment):
        try:
            reader(text)
        except ValueError as error:
            found = str(error)
        else:
            found = "read"
        assert found


# --- Page -----------------------------------------------------------------------------------------------
def test_before_saving_the_page_says_what_is_new(section, ada, client, admin):
    viewing.media(section, "Week 1")
    rows = [view(email=f"new{number:02}@example.edu", started=f"{days_ago(1)}") for number in range(12)]
    content = file_of(view(), view(media="Wek <1>", length="0:50:00"), *rows)
    client.force_login(admin)
    file = SimpleUploadedFile("views.csv", content)
    address = client.post(reverse("file_upload", args=["views"]), {"file": file})["Location"]
    notice, rest = text_of(client.get(address)).split("Save 14 rows")
    assert f"New media: Wek <1> ({days_ago(3)}, 50:00)" in notice
    assert "New person: new00@example.edu; new01@example.edu" in notice
    assert "new09@example.edu and 2 more" in notice
    assert "new10@example.edu" not in notice
    assert f"Wek <1>: ada@example.edu, 0:00–5:00 New media: Wek <1> ({days_ago(3)}, 50:00)" in rest

    client.post(address)

    assert "and 2 more" not in text_of(client.get(address))


def text_of(response: Any) -> str:
    page = re.sub(r"<[^>]+>", " ", response.content.decode().partition("<main")[2])
    return html.unescape(" ".join(page.split()))
