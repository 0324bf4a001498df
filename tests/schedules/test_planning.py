"""A rule minus the days that are left out, with the recorder's times."""

from __future__ import annotations

import datetime
from datetime import time
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from schedules import planning
from schedules.models import Building, Campus, NonTeachingDay, Room
from schedules.planning import Times
from schedules.recurrence import ClockNote
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db
WEEK = datetime.timedelta(weeks=1)
DAY = datetime.timedelta(days=1)
NINE = datetime.datetime(2045, 10, 2, 8, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


def on_dates(schedule, *terms):
    return [one.on for one in planning.plan(schedule, terms).captures]


def holiday(name="Holiday", first=MONDAY, last=None, **of):
    return NonTeachingDay.objects.create(name=name, first=first, last=last or first, **of)


# --- What makes no sense ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("minutes", "allowed"), [(-1, False), (0, False), (1, True), (240, True), (241, False), (32000, False)]
)
def test_a_capture_lasts_from_a_minute_to_the_limit(minutes, allowed):
    draft = timetable.draft(duration_minutes=minutes)

    if allowed:
        assert len(planning.plan(draft, []).captures) == 4
    else:
        with pytest.raises(ValidationError, match="A capture lasts from 1 minute to 4 hours") as refused:
            planning.plan(draft, [])
        assert list(refused.value.message_dict) == ["duration_minutes"]


@pytest.mark.parametrize(
    ("limit", "words"),
    [(1, "1 minute"), (45, "45 minutes"), (60, "1 hour"), (61, "1 hour 1 minute"), (150, "2 hours")],
)
def test_the_limit_is_a_setting_and_is_said_in_words(limit, words, settings):
    settings.CAPTURE_MAX_MINUTES = limit

    with pytest.raises(ValidationError, match=f"A capture lasts from 1 minute to {words}"):
        planning.plan(timetable.draft(duration_minutes=limit + 1), [])


def test_everything_that_is_wrong_is_told_at_once():
    draft = timetable.draft(duration_minutes=0, weekdays=[], ends_on=MONDAY - DAY)

    with pytest.raises(ValidationError) as refused:
        planning.plan(draft, [])

    assert set(refused.value.message_dict) == {"duration_minutes", "weekdays", "ends_on"}


@pytest.mark.parametrize(("days", "allowed"), [(3 * 366, True), (3 * 366 + 1, False)])
def test_dates_are_at_most_three_years_apart(days, allowed):
    draft = timetable.draft(ends_on=MONDAY + DAY * days)

    if allowed:
        assert len(on_dates(draft)) == 157
    else:
        with pytest.raises(ValidationError, match="more than three years apart"):
            planning.plan(draft, [])


@pytest.mark.parametrize(("dates", "allowed"), [(400, True), (401, False)])
def test_one_schedule_makes_at_most_four_hundred_captures(dates, allowed):
    draft = timetable.draft(weekdays=[1, 2, 3, 4, 5, 6, 7], ends_on=MONDAY + DAY * (dates - 1))

    if allowed:
        assert len(on_dates(draft)) == 400
    else:
        with pytest.raises(ValidationError, match="These are 401 captures; one schedule makes at most 400"):
            planning.plan(draft, [])


@pytest.mark.parametrize("interval", [0, 27])
def test_an_interval_that_no_week_fits_is_refused_and_does_not_run_for_ever(interval):
    with pytest.raises(ValidationError) as refused:
        planning.plan(timetable.draft(interval_weeks=interval), [])

    assert list(refused.value.message_dict) == ["interval_weeks"]


@pytest.mark.parametrize("weekdays", [[0], [8], [1, 9]])
def test_days_that_no_week_has_are_refused(weekdays):
    with pytest.raises(ValidationError) as refused:
        planning.plan(timetable.draft(weekdays=weekdays), [])

    assert list(refused.value.message_dict) == ["weekdays"]


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize("on", [datetime.date.min, datetime.date.max])
def test_the_first_and_the_last_date_there_is_are_refused_without_a_crash(on, zone):
    room = timetable.room(on=timetable.campus(time_zone=zone, lead_seconds=3600, tail_seconds=3600))

    for start in (time(0, 0), time(23, 59)):
        draft = timetable.draft(room, starts_on=on, ends_on=on, repeats="none", start_time=start)
        with pytest.raises(ValidationError) as refused:
            planning.plan(draft, [])
        assert list(refused.value.message_dict) == ["starts_on"]


def test_a_single_capture_needs_no_day_of_the_week():
    assert on_dates(timetable.draft(repeats="none", weekdays=[])) == [MONDAY]


def test_the_days_of_the_week_of_a_single_capture_do_not_count():
    assert on_dates(timetable.draft(repeats="none", weekdays=[3, 5])) == [MONDAY]


# --- The past ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("lead", "minutes_before", "past"), [(0, 1, False), (0, 0, True), (600, 11, False), (600, 10, True)]
)
def test_the_past_begins_with_the_recorder(lead, minutes_before, past):
    draft = timetable.draft(lead_seconds=lead)

    with time_machine.travel(NINE - datetime.timedelta(minutes=minutes_before), tick=False):
        found = planning.plan(draft, []).captures
        assert [one.is_past for one in found] == [past, False, False, False]


def test_what_is_past_is_counted_and_the_first_is_named():
    with time_machine.travel(NINE + WEEK, tick=False):
        with pytest.raises(ValidationError) as refused:
            planning.check_not_past(planning.plan(timetable.draft(), []).captures)
        planning.check_not_past(planning.plan(timetable.draft(starts_on=MONDAY + DAY), []).captures[1:])

    assert refused.value.message_dict == {
        "starts_on": ["2 captures are in the past, the first on 2 October 2045, 09:00. Begin later."]
    }


# --- Non-teaching days ------------------------------------------------------------------------------------
def test_a_day_counts_where_its_term_and_its_campus_fit():
    campus, other_campus = timetable.campus(), timetable.campus()
    term, other_term = timetable.term(), timetable.term()
    fits: list[dict[str, Any]] = [{"term": term}, {"campus": campus}, {"term": term, "campus": campus}]
    fails: list[dict[str, Any]] = [
        {"term": other_term},
        {"campus": other_campus},
        {"term": term, "campus": other_campus},
        {"term": other_term, "campus": campus},
    ]
    for week, of in enumerate([*fits, *fails]):
        holiday(f"Holiday {week}", MONDAY + WEEK * week, **of)
    draft = timetable.draft(timetable.room(on=campus), ends_on=MONDAY + WEEK * 6)

    planned = planning.plan(draft, [term])

    assert [one.left_out for one in planned.dates] == ["Holiday 0", "Holiday 1", "Holiday 2", "", "", "", ""]
    assert [one.on for one in planned.left_out] == [MONDAY + WEEK * week for week in range(3)]


def test_a_schedule_for_two_terms_leaves_out_the_days_of_both():
    terms = [timetable.term(), timetable.term()]
    for week, term in enumerate(terms):
        holiday(first=MONDAY + WEEK * week, term=term)

    assert on_dates(timetable.draft(), *terms) == [MONDAY + WEEK * 2, MONDAY + WEEK * 3]


def test_a_schedule_for_no_section_leaves_out_the_days_of_its_campus_alone():
    room = timetable.room()
    holiday(campus=room.building.campus)
    holiday(first=MONDAY + WEEK, term=timetable.term())

    assert on_dates(timetable.draft(room))[0] == MONDAY + WEEK


@pytest.mark.parametrize(
    ("first", "last", "left_out"),
    [(-30, 0, [0]), (0, 0, [0]), (1, 6, []), (7, 14, [1, 2]), (20, 90, [3]), (-30, 90, [0, 1, 2, 3])],
)
def test_several_days_in_a_row_are_left_out_as_far_as_the_schedule_goes(first, last, left_out):
    room = timetable.room()
    holiday(first=MONDAY + DAY * first, last=MONDAY + DAY * last, campus=room.building.campus)

    found = planning.plan(timetable.draft(room), []).left_out

    assert [one.on for one in found] == [MONDAY + WEEK * week for week in left_out]


def test_days_that_overlap_are_one():
    campus = timetable.campus()
    holiday("Reading week", MONDAY, MONDAY + DAY * 6, campus=campus)
    holiday("Strike", MONDAY, campus=campus)

    found = planning.plan(timetable.draft(timetable.room(on=campus)), [])

    assert [one.non_teaching for one in found.left_out] == ["Reading week"]


def test_a_day_is_one_by_the_clock_of_the_campus():
    """Monday 08:00 in Auckland is Sunday in UTC: it is Monday's holiday that counts."""
    room = timetable.room(on=timetable.campus(time_zone="Pacific/Auckland"))
    holiday(campus=room.building.campus)

    assert on_dates(timetable.draft(room, start_time=time(8)))[0] == MONDAY + WEEK


def test_a_date_that_is_put_back_is_recorded_and_still_named():
    room = timetable.room()
    holiday(campus=room.building.campus)

    found = planning.plan(timetable.draft(room, put_back=[MONDAY]), []).dates[0]

    assert (found.left_out, found.non_teaching) == ("", "Holiday")


def test_a_date_left_out_by_hand_stays_out_even_if_it_is_put_back():
    room = timetable.room()
    holiday(campus=room.building.campus)

    found = planning.plan(timetable.draft(room, put_back=[MONDAY], left_out=[MONDAY]), []).dates[0]

    assert (found.left_out, found.non_teaching) == ("Left out by hand", "Holiday")


def test_dates_that_the_rule_does_not_have_change_nothing():
    stray = [MONDAY + DAY, MONDAY - WEEK, MONDAY + WEEK * 50]

    assert len(on_dates(timetable.draft(left_out=stray, put_back=stray))) == 4


@pytest.mark.parametrize("days", [0, 3, 30])
def test_a_plan_costs_the_same_however_many_days_are_left_out(days, django_assert_num_queries):
    room, term = timetable.room(), timetable.term()
    for day in range(days):
        holiday(f"Day {day}", MONDAY + DAY * day, campus=room.building.campus)
    draft = timetable.draft(room)

    with django_assert_num_queries(1):
        planning.plan(draft, [term])


# --- A click on a day -------------------------------------------------------------------------------------
def test_a_click_on_a_date_that_is_not_planned_changes_nothing():
    draft = timetable.draft()

    planning.toggled(draft, MONDAY + DAY, planning.plan(draft, []).dates)

    assert (draft.left_out, draft.put_back) == ([], [])


def test_a_click_on_a_date_left_out_by_hand_that_became_a_holiday_puts_it_back():
    room = timetable.room()
    draft = timetable.draft(room, left_out=[MONDAY])
    holiday(campus=room.building.campus)

    planning.toggled(draft, MONDAY, planning.plan(draft, []).dates)

    assert on_dates(draft)[0] == MONDAY


# --- The recorder's times ---------------------------------------------------------------------------------
# Not saved: these rules are about numbers.
ROOM = Room(building=Building(campus=Campus(time_zone="Europe/London")), turnaround_minutes=0)
seconds = st.integers(-3600, 3600)


@given(st.integers(1, 240), seconds, seconds, st.integers(0, 240))
def test_the_room_is_taken_for_the_recording_and_its_gap(minutes, lead, tail, gap):
    length = datetime.timedelta(minutes=minutes)
    room = Room(building=ROOM.building, turnaround_minutes=gap)
    first, last = NINE - datetime.timedelta(seconds=lead), NINE + length + datetime.timedelta(seconds=tail)

    if last <= first:
        with pytest.raises(ValidationError, match="leaves nothing to record"):
            Times.of(NINE, NINE + length, lead=lead, tail=tail, room=room)
        return
    times = Times.of(NINE, NINE + length, lead=lead, tail=tail, room=room)
    assert (times.starts_at, times.ends_at) == (NINE, NINE + length)
    assert (times.recording_starts_at, times.recording_ends_at) == (first, last)
    assert times.occupied.lower == first
    assert times.occupied.upper == last + datetime.timedelta(minutes=gap)
    assert (times.occupied.lower_inc, times.occupied.upper_inc) == (True, False)


def test_times_of_the_recorder_that_leave_nothing_are_told_before_anything_is_saved():
    with pytest.raises(ValidationError, match="leaves nothing to record"):
        planning.plan(timetable.draft(duration_minutes=60, lead_seconds=-1800, tail_seconds=-1800), [])


def test_the_recorder_s_early_start_passes_the_change_of_the_clocks():
    """Clocks go back at 02:00 summer time: an hour before 01:30 winter time is 01:30 summer time."""
    night = datetime.date(2027, 10, 31)
    draft = timetable.draft(
        starts_on=night, ends_on=night, repeats="none", start_time=time(2, 30), lead_seconds=3600, tail_seconds=0
    )

    found = planning.plan(draft, []).dates[0].times

    assert found.recording_ends_at - found.recording_starts_at == HOUR * 2 or (
        found.occupied.upper - found.occupied.lower == HOUR * 2
    )
    assert found.occupied.lower == datetime.datetime(2027, 10, 31, 1, 30, tzinfo=datetime.UTC)


@pytest.mark.parametrize(
    ("on", "start", "note", "shown"),
    [
        (datetime.date(2027, 3, 28), time(1, 30), ClockNote.MISSING, "02:30–03:30"),
        (datetime.date(2027, 10, 31), time(1, 30), ClockNote.TWICE, "01:30–01:30"),
        (datetime.date(2027, 3, 28), time(9), None, "09:00–10:00"),
    ],
)
def test_a_date_on_which_the_clocks_change_says_so(on, start, note, shown):
    draft = timetable.draft(starts_on=on, ends_on=on, repeats="none", start_time=start)

    found = planning.plan(draft, []).dates[0]

    assert (found.note, found.shown_time) == (note, shown)
