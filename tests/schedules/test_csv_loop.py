"""Export, then import: nothing changes. In an empty place: everything is there again."""

from __future__ import annotations

import datetime
import random

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from configurations.models import ApiConfiguration
from directory.models import LmsCourse
from schedules.csv_files import cells, publishing
from schedules.csv_files.publishing import Availability
from schedules.models import (
    Building,
    Campus,
    CaptureSchedule,
    Change,
    Course,
    Input,
    LmsCourseLink,
    NonTeachingDay,
    Publication,
    Room,
    Section,
    Term,
)
from schedules.models.captures import Quality
from schedules.scheduling import create_schedule
from tests.support import timetable
from tests.support.csv_files import check, exported, kinds, save
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db
MANY = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
ORDER = ("rooms", "terms", "users", "sections", "schedules")
# What could be taken for something else in a cell: formulas, separators, quotes, escapes, line ends.
NASTY = ["=1+1", "+1", "-x", "@cmd", "'=1", "''@", "a;b", "a,b", 'say "so"', "back\\slash", "\\;"]
NASTY += ["ü Ω 漢 🎓", "a\nb", "x..y", "|"]
LETTERS = st.characters(exclude_categories=["C", "Z"])
NAME = st.one_of(st.sampled_from(NASTY), st.text(LETTERS, min_size=1, max_size=12))
NAMES = st.lists(NAME, min_size=3, max_size=3, unique_by=lambda name: name.lower())
DAYS = st.dates(MONDAY, MONDAY + datetime.timedelta(days=80))
AVAILABILITY = st.one_of(
    st.just(Availability()),
    st.just(Availability("held", until="on_date", until_on=MONDAY)),
    st.builds(Availability, st.just("after_days"), st.integers(0, 400)),
    st.builds(lambda on: Availability("on_date", available_on=on, until="after_days", until_days=9), DAYS),
)


def in_full(names: list[str], draw: st.DataObject) -> None:
    """Three rooms, terms, people, sections and schedules, named like that."""
    some = random.Random(draw.draw(st.integers(0, 1000)))
    configurations = [
        ApiConfiguration.objects.create(
            name=name,
            base_url=f"http://127.0.0.1:{8900 + number}",
            client_id="1",
            client_secret="secret-of-the-key",
        )
        for number, name in enumerate(names[:2])
    ]
    for number, name in enumerate(names):
        campus = Campus.objects.create(name=name, time_zone=some.choice(["UTC", "Europe/London", "Asia/Tokyo"]))
        building = Building.objects.create(campus=campus, name=name)
        inputs = some.sample(list(Input.values), some.randint(2, 4))
        room = Room.objects.create(
            building=building,
            name=name,
            inputs=inputs,
            notes=some.choice(names),
            capture_agent=some.choice(["", name]),
            external_id=some.choice(["", f"={name}"]),
        )
        term = timetable.term(name, external_id=some.choice(["", name]))
        for on in draw.draw(st.lists(DAYS, max_size=3, unique=True)):
            NonTeachingDay.objects.create(term=term, first=on, last=on, name=some.choice(names))
        person = User.objects.create_user(f"p{number}@example.edu", full_name=name, external_id=f"-{number}")
        section = timetable.section(person, course=Course.objects.create(code=name, name=names[0]), term=term)
        for configuration in some.sample(configurations, some.randint(0, 2)):
            lms = LmsCourse.objects.create(configuration=configuration, lms_id=f"{number}", name=name)
            timetable.link(section, lms)
        schedule = CaptureSchedule(
            title=some.choice(names),
            room=room,
            presenter=some.choice([None, person]),
            starts_on=MONDAY,
            ends_on=MONDAY + datetime.timedelta(weeks=some.randint(1, 5)),
            start_time=draw.draw(st.times().map(lambda one: one.replace(second=0, microsecond=0))),
            duration_minutes=some.randint(1, 240),
            repeats=some.choice(["weekly", "none"]),
            interval_weeks=some.randint(1, 2),
            weekdays=sorted({1, *some.sample(range(2, 8), 2)}),
            left_out=sorted({MONDAY + datetime.timedelta(days=some.randint(1, 40))}),
            put_back=[MONDAY],
            input_1=inputs[0],
            input_2=some.choice(["", inputs[1]]),
            quality=some.choice(Quality.values),
            live=some.random() < 0.5,
            external_id=some.choice(["", f"@{name}"]),
        )
        sections = some.sample(list(Section.objects.all()), some.randint(0, 1 + number))
        create_schedule(schedule, [draw.draw(AVAILABILITY).to(one) for one in sections], user=None)


@settings(MANY, max_examples=25)
@given(names=NAMES, draw=st.data())
def test_what_is_exported_is_imported_unchanged(admin, names, draw):
    with transaction.atomic():
        in_full(names, draw)
        before = Change.objects.count()
        files = {kind: exported(kind, admin) for kind in ORDER}
        for kind in ORDER:
            outcomes = check(kind, files[kind], admin)
            assert [one for one in outcomes if one.kind != "unchanged"] == []
            assert len(outcomes) >= 3
        assert Change.objects.count() == before
        transaction.set_rollback(True)


@settings(MANY, max_examples=10)
@given(names=NAMES, draw=st.data())
def test_what_is_exported_can_be_imported_into_an_empty_place(admin, names, draw):
    with transaction.atomic():
        in_full(names, draw)
        files = {kind: exported(kind, admin) for kind in ORDER}
        for model in (
            Publication,
            CaptureSchedule,
            LmsCourseLink,
            Section,
            Course,
            NonTeachingDay,
            Term,
            Room,
            Building,
            Campus,
        ):
            model.objects.all().delete()
        User.objects.exclude(pk=admin.pk).delete()
        for kind in ORDER:
            assert "refused" not in kinds(save(kind, files[kind], admin))
            assert set(exported(kind, admin).splitlines()) == set(files[kind].splitlines())
        transaction.set_rollback(True)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20).map(str.strip)


@given(st.lists(TEXT.filter(bool), max_size=5))
def test_lists_are_read_as_they_were_written(items):
    assert cells.parts(cells.joined(items)) == items


@given(DAYS, st.integers(0, 30), TEXT.filter(bool))
def test_spans_are_read_as_they_were_written(first, days, name):
    last = first + datetime.timedelta(days=days)
    assert cells.span(cells.written_span(first, last, name)) == (first, last, name)


@given(AVAILABILITY)
def test_publishing_is_read_as_it_was_written(one):
    assert publishing.read(publishing.written(one)) == one


@given(st.times().map(lambda one: one.replace(microsecond=0)), st.sets(st.integers(1, 7)))
def test_times_and_weekdays_are_read_as_they_were_written(moment, days):
    assert cells.time(cells.written_time(moment)) == moment
    assert cells.weekdays(cells.written_weekdays(days)) == sorted(days)
