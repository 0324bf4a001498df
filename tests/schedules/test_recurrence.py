"""Dates and moments of a rule, against a calendar that is walked day by day."""

from __future__ import annotations

import datetime
import itertools
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schedules import recurrence
from schedules.recurrence import ClockNote, Rule

LONDON = ZoneInfo("Europe/London")
# Half an hour of summer time, a skipped day, odd offsets, changes at midnight, a winter that is the exception.
ZONES = (
    "Europe/London",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "Pacific/Chatham",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "Asia/Tehran",
    "America/Havana",
    "UTC",
)
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)

rules = st.builds(
    lambda first, days, start, minutes, weekdays, weeks: Rule(
        first, first + DAY * days, start, datetime.timedelta(minutes=minutes), frozenset(weekdays), weeks
    ),
    st.dates(datetime.date(2005, 1, 1), datetime.date(2036, 1, 1)),
    st.integers(0, 3 * 366),
    st.times().map(lambda time: time.replace(second=0, microsecond=0)),
    st.integers(1, 240),
    st.sets(st.integers(1, 7), max_size=7),
    st.integers(1, 26),
)
zones = st.sampled_from(ZONES).map(ZoneInfo)


def walked(rule: Rule) -> list[datetime.date]:
    """Every day is looked at; weeks are counted from the Monday of the first one."""
    if not rule.weekdays:
        return [rule.starts_on]
    monday = rule.starts_on - DAY * rule.starts_on.weekday()
    found, day = [], rule.starts_on
    while day <= rule.ends_on:
        week = (day - monday).days // 7
        if day.isoweekday() in rule.weekdays and week % rule.interval_weeks == 0:
            found.append(day)
        day += DAY
    return found


def shown_at(wall: datetime.datetime, zone: ZoneInfo) -> datetime.datetime | None:
    """The first moment at which the clocks show this, looked for minute by minute around it; None if never."""
    guess = wall.replace(tzinfo=datetime.UTC)
    for minutes in range(-27 * 60, 27 * 60 + 1):
        moment = guess + datetime.timedelta(minutes=minutes)
        if moment.astimezone(zone).replace(tzinfo=None) == wall:
            return moment
    return None


@given(rules)
def test_the_dates_are_those_of_the_calendar(rule):
    assert recurrence.dates_of(rule) == walked(rule)


@given(st.dates(datetime.date(2005, 1, 2), datetime.date(2036, 1, 1)), st.times(), zones)
def test_a_moment_is_the_first_at_which_the_clocks_show_it(on, at, zone):
    at = at.replace(second=0, microsecond=0)

    moment, note = recurrence.in_zone(on, at, zone)

    expected = shown_at(datetime.datetime.combine(on, at), zone)
    if expected is None:
        assert note == ClockNote.MISSING
    else:
        assert moment.astimezone(datetime.UTC) == expected
        assert note in (None, ClockNote.TWICE)


def offset_at(moment: datetime.datetime, zone: ZoneInfo) -> datetime.timedelta:
    return moment.astimezone(zone).utcoffset() or datetime.timedelta()


def changes_of(zone: ZoneInfo, year: int) -> list[tuple[datetime.datetime, datetime.timedelta]]:
    """The moments at which the offset changes in a year, and by how much."""
    found = []
    moment = datetime.datetime(year, 1, 1, tzinfo=datetime.UTC)
    before = offset_at(moment, zone)
    while moment.year == year:
        after = offset_at(moment, zone)
        if after != before:
            found.append((moment, after - before))
        before, moment = after, moment + HOUR / 4
    return found


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("year", [2011, 2018, 2027])
def test_every_change_of_the_clocks_follows_the_stated_rule(name, year):
    """In a gap by as much later; in a repeated stretch the first time."""
    zone = ZoneInfo(name)
    for moment, jump in changes_of(zone, year):
        half = abs(jump) / 2
        if jump > datetime.timedelta():
            asked = (moment - HOUR / 4).astimezone(zone).replace(tzinfo=None) + HOUR / 4 + half
            got, note = recurrence.in_zone(asked.date(), asked.time(), zone)
            assert (note, got.replace(tzinfo=None)) == (ClockNote.MISSING, asked + jump)
        else:
            asked = (moment + half).astimezone(zone).replace(tzinfo=None)
            got, note = recurrence.in_zone(asked.date(), asked.time(), zone)
            assert (note, got.astimezone(datetime.UTC)) == (ClockNote.TWICE, moment - half)


@given(rules, zones)
def test_a_lecture_lasts_its_length_as_it_passes(rule, zone):
    for one in recurrence.occurrences(rule, zone):
        assert one.ends_at.astimezone(datetime.UTC) - one.starts_at.astimezone(datetime.UTC) == rule.duration


@given(rules, zones)
def test_a_change_is_marked_where_the_offset_differs_from_the_date_before(rule, zone):
    found = recurrence.occurrences(rule, zone)

    offsets = [one.starts_at.utcoffset() for one in found]
    changed = [False, *(before != after for before, after in itertools.pairwise(offsets))]
    assert [one.clocks_changed for one in found] == changed[: len(found)]


def test_half_past_one_does_not_exist_in_london_on_the_night_the_clocks_go_forward():
    moment, note = recurrence.in_zone(datetime.date(2027, 3, 28), datetime.time(1, 30), LONDON)

    assert (f"{moment:%H:%M %Z}", note) == ("02:30 BST", ClockNote.MISSING)


def test_half_past_one_comes_twice_in_london_on_the_night_they_go_back():
    moment, note = recurrence.in_zone(datetime.date(2027, 10, 31), datetime.time(1, 30), LONDON)

    assert (f"{moment:%H:%M %Z}", note) == ("01:30 BST", ClockNote.TWICE)


def test_nine_stays_nine():
    rule = Rule(datetime.date(2027, 3, 22), datetime.date(2027, 4, 4), datetime.time(9), HOUR, frozenset({1}))

    found = recurrence.occurrences(rule, LONDON)

    assert [f"{one.starts_at:%d %H:%M %Z}" for one in found] == ["22 09:00 GMT", "29 09:00 BST"]
    assert [one.clocks_changed for one in found] == [False, True]


def test_a_lecture_over_midnight_ends_on_the_next_day():
    rule = Rule(datetime.date(2027, 1, 4), datetime.date(2027, 1, 4), datetime.time(23), HOUR * 2)

    assert recurrence.occurrences(rule, LONDON)[0].ends_at.isoformat() == "2027-01-05T01:00:00+00:00"


@pytest.mark.parametrize(
    ("days", "said"), [(-1, "The last date is before the first."), (4000, "more than three years apart")]
)
def test_dates_that_make_no_sense_are_refused(days, said):
    first = datetime.date(2027, 1, 1)

    with pytest.raises(ValueError, match=said):
        recurrence.dates_of(Rule(first, first + DAY * days, datetime.time(9), HOUR, frozenset({1})))
