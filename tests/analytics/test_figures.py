"""Every figure of the tab against a recomputation, second by second, from what was put in."""

from __future__ import annotations

import datetime
import random
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
import time_machine
from django.http import QueryDict

from analytics import folding
from analytics.figures import definitions, tab
from analytics.figures.definitions import Part
from analytics.figures.everything import everything
from analytics.figures.selection import Asked, Range, Selection, sections_of, select
from analytics.models import Media, Poll, SectionFigures
from analytics.playback import Kind
from tests.support import timetable, viewing

if TYPE_CHECKING:
    from schedules.models import Section

pytestmark = pytest.mark.django_db
NOW = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC)
TODAY = NOW.date()


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(NOW, tick=False):
        yield


def days_ago(days: int, hour: int = 12) -> datetime.datetime:
    return datetime.datetime.combine(TODAY - datetime.timedelta(days=days), datetime.time(hour), datetime.UTC)


# --- A small university, and what happened in it --------------------------------------------------------
@dataclass
class Sitting:
    media: Media
    learner: int | None
    at: datetime.datetime
    stretches: list[tuple[int, int]]

    @property
    def seconds(self) -> int:
        return sum(last - first for first, last in self.stretches)

    @property
    def seen(self) -> set[int]:
        return {second for first, last in self.stretches for second in range(first, last)}


@dataclass
class Answer:
    poll: Poll
    learner: int | None
    at: datetime.datetime
    response: str


@dataclass
class World:
    sections: list[Section] = field(default_factory=list)
    media: list[Media] = field(default_factory=list)
    polls: list[Poll] = field(default_factory=list)
    roster: dict[int, set[int]] = field(default_factory=dict)
    sittings: list[Sitting] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    # What a selection is about, naively.
    def counts(self, learner: int | None, section: int, of: Selection) -> bool:
        return learner is None or not of.students_only or learner in self.roster[section]

    def sat(self, of: Selection, *, known: bool = True) -> list[Sitting]:
        return [
            one
            for one in self.sittings
            if one.media.section_id in of.sections
            and (of.first is None or of.first <= one.at.date())
            and one.at.date() <= of.last
            and self.counts(one.learner, one.media.section_id, of)
            and (one.learner is not None) is known
        ]

    def share(self, sittings: list[Sitting], media: Media, learner: int | None) -> float:
        seen = [one.seen for one in sittings if one.media == media and one.learner == learner]
        return len(set().union(*seen)) / media.duration_seconds

    def pairs(self, sittings: list[Sitting]) -> set[tuple[Media, int]]:
        return {(one.media, one.learner) for one in sittings if one.learner is not None}

    def enrolled(self, of: Selection) -> set[int]:
        return set().union(*(self.roster[section] for section in of.sections))

    def published(self, media: Media, of: Selection) -> bool:
        at = media.published_at
        return at is not None and at <= NOW and at.date() <= of.last

    def asked(self, of: Selection) -> list[Poll]:
        found = []
        for poll in self.polls:
            if poll.media.section_id not in of.sections:
                continue
            media = poll.media
            at = media.published_at
            is_new = at and self.published(media, of) and (of.first is None or at.date() >= of.first)
            if is_new or any(
                (of.first is None or last.at.date() >= of.first) and first.at.date() <= of.last
                for first, last in self.given(poll, of).values()
            ):
                found.append(poll)
        return found

    def given(self, poll: Poll, of: Selection) -> dict[Any, tuple[Answer, Answer]]:
        """First and latest by person; of an anonymous poll each answer for itself."""
        found: dict[Any, tuple[Answer, Answer]] = {}
        for position, one in enumerate(self.answers):
            if one.poll != poll or not self.counts(one.learner, poll.media.section_id, of):
                continue
            if one.learner is None and not poll.anonymous:
                continue
            key = position if one.learner is None else ("learner", one.learner)
            first, last = found.get(key, (one, one))
            found[key] = (min(first, one, key=lambda a: a.at), max(last, one, key=lambda a: a.at))
        return {key: pair for key, pair in found.items() if pair[0].at.date() <= of.last}


@pytest.fixture
def world(instructor) -> World:
    """Three sections, one without a roster; staff, strangers and nobody in particular watch as well."""
    chance = random.Random(1)
    made = World()
    made.sections = [timetable.section(instructor, code=code) for code in ("ALG1", "BOT1", "ZOO1")]
    SectionFigures.objects.create(section=made.sections[1], completion_percent=40)
    people = [
        viewing.student(*made.sections[:2], name="Both"),
        *(viewing.student(made.sections[0], name=f"A {number}") for number in (1, 2, 10)),
        *(viewing.student(made.sections[1], name=f"B {number}") for number in (1, 2)),
    ]
    made.roster = {
        made.sections[0].pk: {one.pk for one in people[:4]},
        made.sections[1].pk: {people[0].pk, *(one.pk for one in people[4:])},
        made.sections[2].pk: set(),
    }
    viewing.student(made.sections[0], name="Gone", state="completed")
    teacher = viewing.student(made.sections[0], name="Teacher", role="TeacherEnrollment")
    everybody = [*people[:-1], teacher, viewing.stranger(), None]  # one student never comes
    for section in made.sections:
        for number, ago in (("1", 70), ("2", 20), ("10", 3)):
            at = days_ago(ago, 8)
            seconds = chance.choice((60, 100))
            title = f"Week {number}"
            made.media.append(viewing.media(section, title, seconds=seconds, recorded_at=at, published_at=at))
    made.media.append(viewing.media(made.sections[0], "Later", seconds=60, published_at=None))
    viewing.media(timetable.section(), "Of somebody else")
    for _ in range(120):
        what, who = chance.choice(made.media), chance.choice(everybody)
        stretches = []
        for _ in range(chance.randint(1, 3)):
            first = chance.randrange(what.duration_seconds - 2)
            stretches.append((first, chance.randint(first + 1, what.duration_seconds)))
        at = days_ago(chance.choice((0, 1, 3, 10, 20, 29, 30, 45, 59, 60, 65)), chance.randint(0, 22))
        made.sittings.append(Sitting(what, who.pk if who else None, at, stretches))
        viewing.store(viewing.events_of(what, *stretches, at=at), who)
    for what in made.media[:9]:
        kinds = [viewing.poll(what), viewing.poll(what, correct=[]), viewing.poll(what, anonymous=True)]
        made.polls += kinds
        for _ in range(12):
            poll, who = chance.choice(kinds), chance.choice(everybody)
            who = None if poll.anonymous else who
            at = days_ago(chance.choice((0, 2, 15, 40, 65)), chance.randint(0, 23))
            answer = Answer(poll, who.pk if who else None, at, chance.choice("abbc"))
            made.answers.append(answer)
            told = {"activity_id": poll.activity_id, "response": answer.response, "occurred": at}
            viewing.store([told], who)
    folding.fold_all()
    return made


def selections(world: World) -> list[Selection]:
    every = tuple(one.pk for one in world.sections)
    month = Selection(every, TODAY - datetime.timedelta(days=29), TODAY)
    return [
        month,
        replace(month, students_only=False),
        replace(month, sections=every[:1]),
        replace(month, first=None),
        replace(month, first=None, students_only=False),
        replace(month, first=None, last=TODAY - datetime.timedelta(days=20)),
        replace(month, first=TODAY - datetime.timedelta(days=60), last=TODAY - datetime.timedelta(days=2)),
        replace(month, sections=()),
    ]


@pytest.fixture(params=range(8))
def selection(request, world):
    return selections(world)[request.param]


def near(value: float | None) -> Any:
    return None if value is None else pytest.approx(value)


def mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None


# --- The parts ------------------------------------------------------------------------------------------
def test_cards(world, selection):
    facts = tab.read(selection, world.sections)

    _are_the_sums(tab.sums(facts), world, selection)


def test_cards_of_the_range_before(world, selection):
    before = tab.sums_before(tab.read(selection, world.sections))

    if selection.first is None:
        assert before is None
    else:
        assert before is not None
        day = datetime.timedelta(days=1)
        first = selection.first - (selection.last - selection.first) - day
        _are_the_sums(before, world, replace(selection, first=first, last=selection.first - day))


def test_the_range_before_is_not_asked_for_at_every_look(world, selection, django_assert_num_queries):
    facts = tab.read(selection, world.sections)
    first = tab.sums_before(facts)

    with django_assert_num_queries(0):
        assert tab.sums_before(facts) == first


def _are_the_sums(found: tab.Sums, world: World, of: Selection) -> None:
    sittings = world.sat(of)
    pairs = world.pairs(sittings)
    viewers = {learner for media, learner in pairs if learner in world.roster[media.section_id]}
    named = [poll for poll in world.asked(of) if not poll.anonymous]
    latest = [pair[1] for poll in world.asked(of) for pair in world.given(poll, of).values()]
    graded = [one for one in latest if one.poll.correct]
    assert found == tab.Sums(
        views=len(sittings),
        viewers=Part(len(viewers), len(world.enrolled(of))),
        minutes=near(sum(one.seconds for one in sittings) / 60),
        average_watched=near(mean([world.share(sittings, *pair) for pair in pairs])),
        answered=Part(
            sum(len(_students(world, poll, of)) for poll in named),
            sum(len(world.roster[poll.media.section_id]) for poll in named),
        ),
        correct=Part(sum(one.response == "b" for one in graded), len(graded)),
        anonymous_views=len(world.sat(of, known=False)),
    )


def _students(world: World, poll: Poll, of: Selection) -> list[Any]:
    roster = world.roster[poll.media.section_id]
    return [key for key in world.given(poll, of) if isinstance(key, tuple) and key[1] in roster]


def test_views_by_day(world, selection):
    rows = tab.views_by_day(selection).rows

    sittings = world.sat(selection)
    assert sum(row.views for row in rows) == len(sittings)
    assert sum(row.minutes for row in rows) == near(sum(one.seconds for one in sittings) / 60)
    assert sum(row.anonymous_views for row in rows) == len(world.sat(selection, known=False))
    if selection.days:
        assert [row.first for row in rows] == [
            selection.first + datetime.timedelta(days=number) for number in range(selection.days)
        ]
        for row in rows:
            of_day = [one for one in sittings if one.at.date() == row.first]
            assert (row.views, row.viewers) == (len(of_day), len({one.learner for one in of_day}))


def test_media(world, selection):
    rows = tab.media_table(tab.read(selection, world.sections))

    sittings = [*world.sat(selection), *world.sat(selection, known=False)]
    by_course = {one.pk: one.course.code for one in world.sections}
    shown = [one for one in world.media if one.section_id in selection.sections]
    shown = [one for one in shown if _is_there(one, selection) or one in {sat.media for sat in sittings}]
    order = ["Later", "Week 1", "Week 2", "Week 10"]
    expected = sorted(shown, key=lambda one: (by_course[one.section_id], order.index(one.title)))
    assert [row.media for row in rows] == expected
    for row, media in zip(rows, expected, strict=True):
        _is_the_row(row, media, world, selection)


def _is_there(media: Media, of: Selection) -> bool:
    return (media.published_at or media.recorded_at).date() <= of.last


def _is_the_row(row: tab.MediaRow, media: Media, world: World, of: Selection) -> None:
    sittings = [one for one in world.sat(of) if one.media == media]
    roster = world.roster[media.section_id]
    viewers = {one.learner for one in sittings}
    shares = {learner: world.share(sittings, media, learner) for learner in viewers}
    threshold = 0.4 if media.section_id == world.sections[1].pk else 0.95
    asked = [poll for poll in world.asked(of) if poll.media == media and not poll.anonymous]
    of_enrolled = sum(shares.get(learner, 0) for learner in roster)
    assert row == replace(
        row,
        views=len(sittings),
        views_5=sum(len(one.seen) * 20 >= media.duration_seconds for one in sittings),
        anonymous_views=sum(one.media == media for one in world.sat(of, known=False)),
        viewers=len(viewers),
        enrolled_viewers=Part(len(viewers & roster), len(roster)),
        minutes=near(sum(one.seconds for one in sittings) / 60),
        average_watched=near(mean(list(shares.values()))),
        average_of_enrolled=near(of_enrolled / len(roster)) if roster and world.published(media, of) else None,
        completed=Part(sum(share >= threshold for share in shares.values()), len(viewers)),
        polls=sum(poll.media == media for poll in world.polls),
        answered=Part(sum(len(_students(world, poll, of)) for poll in asked), len(asked) * len(roster)),
    )
    assert (row.last_viewed is None) == (not sittings)


def test_the_row_of_sums_agrees_with_the_cards_and_counts_people_once(world, selection):
    facts = tab.read(selection, world.sections)
    totals, rows, cards = tab.media_totals(facts), tab.media_table(facts), tab.sums(facts)

    assert totals.views == sum(row.views for row in rows) == cards.views
    assert totals.views_5 == sum(row.views_5 for row in rows)
    assert totals.minutes == near(sum(row.minutes for row in rows))
    assert totals.completed == sum((row.completed for row in rows), Part(0, 0))
    assert totals.answered == sum((row.answered for row in rows), Part(0, 0)) == cards.answered
    assert totals.viewers == len({one.learner for one in world.sat(selection)})
    assert totals.enrolled_viewers == cards.viewers


def test_polls(world, selection):
    rows = tab.polls_table(tab.read(selection, world.sections))

    assert {row.poll for row in rows} == set(world.asked(selection))
    for row in rows:
        given = world.given(row.poll, selection)
        roster = len(world.roster[row.poll.media.section_id])
        first, latest = ([pair[place] for pair in given.values()] for place in (0, 1))
        assert row.answers == len(given)
        assert row.answered == (
            None if row.poll.anonymous else Part(len(_students(world, row.poll, selection)), roster)
        )
        if row.poll.correct:
            assert row.first_correct == Part(sum(one.response == "b" for one in first), len(first))
            assert row.correct == Part(sum(one.response == "b" for one in latest), len(latest))
            wrong = sorted(one.response for one in latest if one.response != "b")
            often = max(wrong, key=wrong.count) if wrong else ""
            assert row.wrong_answer == (f"Choice {often} ({wrong.count(often)})" if wrong else "")
        else:
            assert (row.first_correct, row.correct, row.wrong_answer) == (None, None, "")


def test_students(world, selection):
    rows = tab.students_table(tab.read(selection, world.sections))

    names = ["A 1", "A 2", "A 10", "B 1", "B 2", "Both"]
    assert {row.student.learner_id for row in rows} == world.enrolled(selection)
    assert [row.name for row in rows] == [name for name in names if name in {row.name for row in rows}]
    for row in rows:
        learner = row.student.learner_id
        taken = [section for section in selection.sections if learner in world.roster[section]]
        sittings = [
            one for one in world.sat(selection) if one.learner == learner and one.media.section_id in taken
        ]
        watched = {one.media for one in sittings}
        published = [one for one in world.media if one.section_id in taken and world.published(one, selection)]
        asked = [one for one in world.asked(selection) if one.media.section_id in taken and not one.anonymous]
        given = [world.given(one, selection) for one in asked]
        own = [one["learner", learner][1] for one in given if ("learner", learner) in one]
        graded = [one for one in own if one.poll.correct]
        assert row.media_watched == Part(len(watched & set(published)), len(published))
        assert row.minutes == near(sum(one.seconds for one in sittings) / 60)
        assert row.average_watched == near(mean([world.share(sittings, one, learner) for one in watched]))
        assert row.answered == Part(len(own), len(asked))
        assert row.correct == Part(sum(one.response == "b" for one in graded), len(graded))


def test_everything_has_a_row_for_each_student_and_published_media(world, selection):
    rows = list(everything(selection, world.sections))

    published = [
        one for one in world.media if one.section_id in selection.sections and world.published(one, selection)
    ]
    assert len(rows) == sum(len(world.roster[one.section_id]) for one in published)
    students = replace(selection, students_only=True)
    of_published = [one for one in world.sat(students) if one.media in published]
    assert sum(row.views for row in rows) == len(of_published)
    assert sum(row.minutes for row in rows) == near(sum(one.seconds for one in of_published) / 60)
    pairs = [(media, learner) for media in published for learner in world.roster[media.section_id]]
    assert sum(row.watched for row in rows) == near(sum(world.share(of_published, *pair) for pair in pairs))


# --- Not lately -----------------------------------------------------------------------------------------
def test_not_lately_names_the_absent_first_and_says_why(instructor):
    section = timetable.section(instructor)
    media = [viewing.media(section, seconds=60) for _ in range(4)]
    viewing.media(section, "Not published", published_at=None)
    viewing.student(section, name="Never")
    away, little, good = (viewing.student(section, name=name) for name in ("Away", "Little", "Good"))
    for one in media:
        viewing.watched(one, away, (0, 30), at=days_ago(20))
        viewing.watched(one, good, (0, 30), at=days_ago(13))
    viewing.watched(media[0], little, (0, 30), at=days_ago(1))
    facts = tab.read(Selection((section.pk,), TODAY, TODAY), [section])

    def listed(**missing: int) -> list[tuple[str, str]]:
        return [(row.name, row.why) for row in tab.not_lately(facts, tab.Missing(**missing))]

    assert listed() == [
        ("Never", "Never opened anything"),
        ("Away", "Nothing for 20 days"),
        ("Little", "Under 50 % of the media"),
    ]
    assert listed(days=21, percent=25) == [("Never", "Never opened anything")]
    assert listed(days=13, percent=25)[-1] == ("Good", "Nothing for 13 days")


def test_nobody_is_missing_where_nothing_is_published(instructor):
    section = timetable.section(instructor)
    viewing.media(section, published_at=None)
    viewing.student(section)

    assert tab.not_lately(tab.read(Selection((section.pk,), TODAY, TODAY), [section]), tab.Missing()) == []


# --- Which days, which sections -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("ago", "wanted", "widened"),
    [
        (29, Range.DAYS_30, False),
        (30, Range.DAYS_60, True),
        (75, Range.DAYS_90, True),
        (200, Range.YEAR, True),
        (900, Range.ALL, True),
    ],
)
def test_the_usual_range_is_widened_until_it_has_something(instructor, ago, wanted, widened):
    section = timetable.section(instructor)
    viewing.watched(viewing.media(section), viewing.student(section), (0, 30), at=days_ago(ago))

    found = select(Asked(), sections_of(instructor))

    assert (found.range, found.widened, found.empty) == (wanted, widened, False)


def test_a_range_that_was_asked_for_is_kept_and_so_is_the_usual_one_without_anything(instructor):
    section = timetable.section(instructor)
    nothing = select(Asked(), sections_of(instructor))
    viewing.watched(viewing.media(section), viewing.student(section), (0, 30), at=days_ago(40))
    asked = select(Asked(range=Range.WEEK), sections_of(instructor))

    assert (nothing.range, nothing.widened, nothing.empty) == (Range.DAYS_30, False, True)
    assert (asked.range, asked.widened, asked.empty) == (Range.WEEK, False, True)


def test_staff_do_not_keep_the_usual_range_from_being_widened(instructor):
    section = timetable.section(instructor)
    media, student = viewing.media(section), viewing.student(section)
    viewing.watched(media, viewing.stranger(), (0, 30), at=days_ago(1))
    viewing.watched(media, student, (0, 30), at=days_ago(40))

    assert select(Asked(), sections_of(instructor)).range == Range.DAYS_60
    assert select(Asked(students_only=False), sections_of(instructor)).range == Range.DAYS_30


def test_days_are_those_of_the_institution(instructor, settings):
    settings.INSTITUTION_TIME_ZONE = "Pacific/Auckland"
    section = timetable.section(instructor)
    late = datetime.datetime(2026, 5, 31, 13, tzinfo=datetime.UTC)  # the first of June in Auckland
    viewing.watched(viewing.media(section), viewing.student(section), (0, 30), at=late)
    viewing.watched(
        viewing.media(section), viewing.student(section), (0, 30), at=late - datetime.timedelta(hours=2)
    )

    selection = select(Asked(range=Range.WEEK), sections_of(instructor)).selection

    assert selection.last == datetime.date(2026, 6, 2)
    assert [row.views for row in tab.views_by_day(selection).rows] == [0, 0, 0, 0, 1, 1, 0]


def test_the_midnight_after_the_last_day_is_not_of_it(instructor):
    section = timetable.section(instructor)
    media, student = viewing.media(section), viewing.student(section)
    midnight = days_ago(1, hour=0)
    viewing.watched(media, student, (0, 30), at=days_ago(2))
    began = {"activity_id": media.activity_id, "session_id": uuid.uuid4(), "kind": Kind.PLAYED, "at": 50}
    viewing.store([began | {"occurred": midnight}], student)
    folding.fold_all()

    asked = Asked(range=Range.OWN, first=days_ago(3).date(), last=days_ago(2).date())
    facts = tab.read(select(asked, sections_of(instructor)).selection, [section])

    assert [(row.views, row.minutes * 60) for row in tab.media_table(facts)] == [(1, 30)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Asked()),
        ("section=1&section=2&section=x&section=-3&section=²", Asked(sections=frozenset({1, 2}))),
        ("section=&term=&range=&who=&first=&last=", Asked()),
        ("range=12m&who=everyone&term=7", Asked(term=7, range=Range.YEAR, students_only=False)),
        ("range=31", Asked()),
        ("range=own", Asked()),
        (
            "range=own&first=2026-05-09&last=2026-05-02",
            Asked(range=Range.OWN, first=datetime.date(2026, 5, 2), last=datetime.date(2026, 5, 9)),
        ),
        ("first=2026-05-09", Asked(range=Range.OWN, first=datetime.date(2026, 5, 9))),
        ("first=9999-12-31&last=0001-01-01", Asked()),
        (f"section={'9' * 40}&term={'9' * 40}", Asked()),
    ],
)
def test_an_address_is_read_leniently(query, expected):
    assert Asked.of(QueryDict(query)) == expected


@pytest.mark.parametrize("query", ["first=1970-01-01", "last=2200-12-31", "first=1970-01-01&last=2200-12-31"])
def test_the_most_distant_days_can_be_asked_for(instructor, query):
    section = timetable.section(instructor)
    viewing.watched(viewing.media(section), viewing.student(section), (0, 30), at=days_ago(1))
    selection = select(Asked.of(QueryDict(query)), [section]).selection
    facts = tab.read(selection, [section])

    assert tab.sums(facts).views == 1
    assert (tab.sums_before(facts) or tab.sums(facts)).views in (0, 1)
    assert sum(row.views for row in tab.views_by_day(selection).rows) == 1


def test_a_foreign_section_yields_nothing(instructor, other_instructor):
    own, foreign = timetable.section(instructor), timetable.section(other_instructor)
    for section in (own, foreign):
        viewing.watched(viewing.media(section), viewing.student(section), (0, 30), at=days_ago(1))
    allowed = sections_of(instructor)

    assert [one.pk for one in allowed] == [own.pk]
    assert Asked(sections=frozenset({foreign.pk})).choose(allowed) == ()
    assert Asked(sections=frozenset({own.pk, foreign.pk})).choose(allowed) == (own.pk,)
    assert (
        tab.sums(tab.read(select(Asked(sections=frozenset({foreign.pk})), allowed).selection, allowed)).views == 0
    )


# --- Definitions ----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("media", tab.MediaRow),
        ("polls", tab.PollRow),
        ("students", tab.StudentRow),
        ("not-lately", tab.MissingRow),
        ("days", tab.DayRow),
    ],
)
def test_every_column_is_defined_once_and_exists(name, row):
    columns = definitions.TABLES[name]

    assert {column.name for column in columns} <= set(row.__dataclass_fields__)
    assert all(column.meaning.endswith(".") for column in columns)
    headers = [header for column in columns for header in column.headers]
    assert len(headers) == len(set(headers))


def test_names_are_sorted_as_people_count():
    names = ["Week 10", "week 2", "Week 1", "2nd", "Ärger 3", "Week", "10th"]

    assert sorted(names, key=tab.natural) == ["2nd", "10th", "Week", "Week 1", "week 2", "Week 10", "Ärger 3"]
