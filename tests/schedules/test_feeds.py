"""Addresses of calendars: who gets one, what stands there, until when; and what recorders report."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from django.core import signing
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from ical.calendar import Calendar
from ical.calendar_stream import IcsCalendarStream

from echo_lms.redaction import redact_text
from schedules import captures, consent, feeds
from schedules.models import Capture, Change, Department, Feed, Organization, SchedulerScope
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db
PEOPLE, RECORDER = Feed.Audience.PEOPLE, Feed.Audience.RECORDER
State = Capture.State


def path_of(feed: Feed) -> str:
    return reverse("feed", args=[feeds.token_of(feed)])


def read(client: Any, feed: Feed) -> Calendar:
    answer = client.get(path_of(feed))
    assert answer.status_code == 200
    return IcsCalendarStream.calendar_from_ics(answer.content.decode())


def titles(client: Any, feed: Feed) -> set[str | None]:
    return {one.summary for one in read(client, feed).events}


# --- What stands there ---------------------------------------------------------------------------------
def test_a_room_shows_what_is_captured_in_it(client, scheduler):
    room = timetable.room()
    here = timetable.schedule(user=scheduler, in_room=room, title="Here")
    visitor = timetable.schedule(user=scheduler, title="Visitor").captures.all()[1]
    length = datetime.timedelta(hours=1)
    later = visitor.starts_at + 5 * length
    captures.change_capture(visitor, title="Visitor", room=room, starts_at=later, duration=length, user=scheduler)
    away = here.captures.all()[0]
    captures.change_capture(
        away, title="Here", room=timetable.room(), starts_at=away.starts_at, duration=length, user=scheduler
    )

    calendar = read(client, feeds.make(room, PEOPLE, user=scheduler))

    expected = Capture.objects.filter(room=room)
    assert len(expected) == 4
    assert [one.dtstart for one in calendar.timeline] == [one.starts_at for one in expected]


def test_a_section_shows_what_is_published_to_it(client, scheduler):
    section = timetable.section()
    timetable.schedule(section, user=scheduler, title="Mine")
    timetable.schedule(timetable.section(), user=scheduler, title="Another's")

    assert titles(client, feeds.make(section, PEOPLE, user=scheduler)) == {"Mine"}


def test_a_person_sees_what_they_teach_and_what_they_present_at_the_time_of_reading(
    client, scheduler, instructor, other_instructor
):
    section = timetable.section(instructor, other_instructor)
    timetable.schedule(section, user=scheduler, title="Taught")
    timetable.schedule(user=scheduler, title="Presented", presenter=instructor)
    timetable.schedule(timetable.section(other_instructor), user=scheduler, title="Another's")
    feed = feeds.make(instructor, PEOPLE, user=instructor)
    assert titles(client, feed) == {"Taught", "Presented"}

    section.teaching.filter(user=instructor).delete()
    assert titles(client, feed) == {"Presented"}

    instructor.groups.clear()
    assert titles(client, feed) == set()


def test_a_recorder_reads_its_room_from_a_day_ago(client, admin, scheduler):
    made = timetable.schedule(user=scheduler)
    feed = feeds.make(made.room, RECORDER, user=admin)
    with time_machine.travel(datetime.datetime(2045, 10, 10, 8, 30, tzinfo=datetime.UTC)):
        starts = [one.dtstart for one in read(client, feed).events]

    assert starts == [one.recording_starts_at for one in made.captures.all()[1:]]


def test_a_recorder_is_not_told_what_waits_for_consent(client, admin, scheduler, instructor):
    campus = timetable.campus(consent="all")
    section = timetable.section(instructor)
    made = timetable.schedule(section, user=scheduler, in_room=timetable.room(on=campus))
    recorder, people = (feeds.make(made.room, audience, user=admin) for audience in (RECORDER, PEOPLE))

    def told() -> tuple[int, int]:
        return len(read(client, recorder).events), len(list(read(client, people).timeline))

    assert told() == (0, 4)
    consent.say(section, instructor, agreed=True, by=instructor)
    assert told() == (4, 4)
    consent.say(section, instructor, agreed=False, by=instructor)
    assert told() == (0, 4)


def test_people_read_schedules_until_half_a_year_later(client, scheduler):
    made = timetable.schedule(user=scheduler)
    feed = feeds.make(made.room, PEOPLE, user=scheduler)
    last = made.captures.all()[3].ends_at
    for days, count in ((179, 4), (181, 0)):
        with time_machine.travel(last + datetime.timedelta(days=days)):
            assert len(list(read(client, feed).timeline)) == count


def test_queries_do_not_grow_with_what_is_shown(
    client, scheduler, instructor, admin, django_assert_max_num_queries, django_assert_num_queries
):
    room = timetable.room()
    section = timetable.section(instructor)
    SchedulerScope.objects.create(user=scheduler, campus=room.building.campus)
    made = [
        feeds.make(room, PEOPLE, user=scheduler),
        feeds.make(section, PEOPLE, user=scheduler),
        feeds.make(instructor, PEOPLE, user=instructor),
        feeds.make(room, RECORDER, user=admin),
    ]
    timetable.schedule(section, user=scheduler, in_room=room, presenter=instructor)
    needed = []
    for feed in made:
        with django_assert_max_num_queries(12) as counted:
            read(client, feed)
        needed.append(len(counted) - 1)  # the second time nothing is written
    for hour in range(11, 15):
        timetable.schedule(
            section, timetable.section(), user=scheduler, in_room=room, start_time=datetime.time(hour)
        )
    for feed, count in zip(made, needed, strict=True):
        with django_assert_num_queries(count):
            read(client, feed)


# --- The address ---------------------------------------------------------------------------------------
def test_the_answer_says_what_it_is_and_can_be_asked_again(client, scheduler):
    made = timetable.schedule(user=scheduler)
    feed = feeds.make(made.room, PEOPLE, user=scheduler)

    first = client.get(path_of(feed))
    again = client.get(path_of(feed), headers={"if-none-match": first["ETag"]})
    since = client.get(path_of(feed), headers={"if-modified-since": first["Last-Modified"]})
    captures.cancel_capture(made.captures.all()[0], user=scheduler)
    changed = client.get(path_of(feed), headers={"if-none-match": first["ETag"]})

    assert first["Content-Type"] == "text/calendar; charset=utf-8"
    assert "private" in first["Cache-Control"]
    assert (again.status_code, again.content) == (304, b"")
    assert since.status_code == 200
    assert changed.status_code == 200
    assert client.head(path_of(feed)).status_code == 200
    assert client.post(path_of(feed)).status_code == 405
    assert "Set-Cookie" not in first


def test_an_address_is_good_only_as_it_was_made(client, scheduler):
    feed = feeds.make(timetable.room(), PEOPLE, user=scheduler)
    token = feeds.token_of(feed)
    other = feeds.make(timetable.room(), PEOPLE, user=scheduler)
    wrong = [
        "x",
        str(feed.pk),
        token[:-1],
        token.replace(str(feed.pk), str(other.pk), 1),
        signing.Signer(salt="another", sep=".").sign(str(feed.pk)),
        feeds._signer.sign("9999999"),
        feeds._signer.sign("99999999999999999999999"),
        feeds._signer.sign("x"),
    ]

    assert client.get(path_of(feed)).status_code == 200
    assert {client.get(reverse("feed", args=[one])).status_code for one in wrong} == {404}


def test_revoking_ends_it(client, scheduler):
    feed = feeds.make(timetable.room(), PEOPLE, user=scheduler)
    feeds.revoke(feed, user=scheduler)
    feeds.revoke(feed, user=scheduler)

    assert client.get(path_of(feed)).status_code == 404
    assert [one.action for one in Change.objects.about(feed)] == [
        "Address revoked",
        "Address made: For people's calendars",
    ]


def test_an_address_ends_with_its_person(client, instructor, scheduler):
    mine = feeds.make(instructor, PEOPLE, user=instructor)
    room = timetable.room()
    theirs = feeds.make(room, PEOPLE, user=scheduler)
    for person in (instructor, scheduler):
        person.is_active = False
        person.save()

    assert client.get(path_of(mine)).status_code == 404
    assert client.get(path_of(theirs)).status_code == 404


def test_an_address_ends_when_its_maker_may_not_see_the_room_any_more(client, scheduler):
    feed = feeds.make(timetable.room(), PEOPLE, user=scheduler)
    SchedulerScope.objects.create(user=scheduler, campus=timetable.campus())

    assert client.get(path_of(feed)).status_code == 404


def test_a_recorder_goes_on_when_administrators_leave(client, admin):
    feed = feeds.make(timetable.room(), RECORDER, user=admin)
    admin.is_active = False
    admin.save()

    assert client.get(path_of(feed)).status_code == 200


def test_reading_is_noted_at_most_once_a_minute(client, scheduler):
    feed = feeds.make(timetable.room(), PEOPLE, user=scheduler)
    start = datetime.datetime(2045, 9, 1, 12, tzinfo=datetime.UTC)
    noted = []
    for seconds in (0, 30, 59, 61):
        with time_machine.travel(start + datetime.timedelta(seconds=seconds), tick=False):
            client.get(path_of(feed))
        feed.refresh_from_db()
        assert feed.last_read_at is not None
        noted.append((feed.last_read_at - start).total_seconds())

    assert noted == [0, 0, 0, 61]


def test_addresses_are_not_logged(scheduler):
    feed = feeds.make(timetable.room(), PEOPLE, user=scheduler)

    for path in (path_of(feed), reverse("recorder_report", args=[feeds.token_of(feed), 1])):
        assert feeds.token_of(feed).partition(".")[2] not in redact_text(f'"GET {path} HTTP/1.1" 200')


# --- The page ------------------------------------------------------------------------------------------
def make_on_page(client: Any, user: Any, **fields: object) -> int:
    client.force_login(user)
    status: int = client.post(reverse("feeds"), fields).status_code
    return status


def test_who_can_make_what(client, admin, scheduler, instructor, outsider):
    organization = Organization.objects.create(name="University")
    theirs = Department.objects.create(organization=organization, name="Theirs")
    other = timetable.section(department=Department.objects.create(organization=organization, name="Other"))
    room, taught = timetable.room(), timetable.section(instructor, department=theirs)
    SchedulerScope.objects.create(user=scheduler, department=theirs)
    asked: list[dict[str, object]] = [
        {},
        {"room": room.pk},
        {"room": room.pk, "audience": "recorder"},
        {"section": taught.pk},
        {"section": other.pk},
        {"section": other.pk, "audience": "recorder"},
        {"room": room.pk, "audience": "everybody"},
        {"room": "1 or 1"},
    ]
    got = {
        user.email.partition("@")[0]: [make_on_page(client, user, **fields) for fields in asked]
        for user in (admin, scheduler, instructor, outsider)
    }

    assert got == {
        "admin": [403, 302, 302, 302, 302, 403, 403, 404],
        "scheduler": [403, 302, 403, 302, 404, 404, 403, 404],
        "instructor": [302, 404, 404, 302, 404, 404, 404, 404],
        "outsider": [403, 404, 404, 404, 404, 404, 404, 404],
    }
    assert Feed.objects.count() == 4 + 2 + 2
    assert Feed.objects.get(person=instructor).created_by == instructor


def test_making_it_twice_is_the_same_address(client, scheduler):
    room = timetable.room()
    for _ in range(2):
        make_on_page(client, scheduler, room=room.pk)

    assert Feed.objects.count() == 1


def test_the_page_offers_and_lists(client, admin, scheduler, instructor):
    room = timetable.room("Hall 1")
    client.force_login(admin)
    page = client.get(reverse("feeds"), {"room": room.pk}).content.decode()
    assert "For people&#x27;s calendars" in page
    assert "For a recorder" in page

    client.force_login(scheduler)
    page = client.get(reverse("feeds"), {"room": room.pk}).content.decode()
    assert "For a recorder" not in page
    make_on_page(client, scheduler, room=room.pk)
    page = client.get(reverse("feeds"), {"room": room.pk}).content.decode()
    assert feeds.address_of(Feed.objects.get()) in page
    assert "You have its address already" in page
    assert "not read yet" in page

    client.force_login(instructor)
    page = client.get(reverse("feeds")).content.decode()
    assert "My calendar" in page
    assert "Hall 1" not in page
    assert client.get(reverse("feeds"), {"room": room.pk}).status_code == 404

    client.force_login(admin)
    page = client.get(reverse("feeds")).content.decode()
    assert "made by Scheduler" in page
    assert feeds.address_of(Feed.objects.get()) not in page


def test_the_page_asks_no_more_for_more_addresses(client, admin, scheduler):
    def counted() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(reverse("feeds")).status_code == 200
        return len(asked)

    client.force_login(admin)
    for user in (admin, scheduler):
        feeds.make(timetable.room(), PEOPLE, user=user)
    before = counted()
    for user in (admin, scheduler) * 3:
        feeds.make(timetable.room(), PEOPLE, user=user)
        feeds.make(timetable.section(), PEOPLE, user=user)

    assert counted() == before


def test_revoking_asks_first_and_is_for_owners_and_administrators(client, admin, scheduler, instructor):
    feed = feeds.make(timetable.room(), PEOPLE, user=scheduler)
    address = reverse("revoke_feed", args=[feed.pk])
    client.force_login(instructor)
    assert client.post(address).status_code == 404
    client.force_login(scheduler)
    assert "cannot be brought back" in client.get(address).content.decode()
    assert feeds.live().count() == 1
    client.force_login(admin)
    assert client.post(address).status_code == 302
    assert feeds.live().count() == 0
    assert client.post(address).status_code == 404


# --- What recorders report -----------------------------------------------------------------------------
@pytest.fixture
def capture(scheduler) -> Iterator[Capture]:
    """Ten minutes before it begins."""
    made = timetable.schedule(user=scheduler).captures.all()[0]
    with time_machine.travel(made.recording_starts_at - datetime.timedelta(minutes=10), tick=False):
        yield made


@pytest.fixture
def recorder(capture, admin) -> Feed:
    return feeds.make(capture.room, RECORDER, user=admin)


def say(client: Any, feed: Feed, capture: Capture, **fields: str) -> tuple[int, dict[str, Any]]:
    answer = client.post(reverse("recorder_report", args=[feeds.token_of(feed), capture.pk]), fields)
    return answer.status_code, answer.json()


LEGAL = {("scheduled", "recording"), ("scheduled", "recorded"), ("scheduled", "failed")} | {
    ("recording", "recorded"),
    ("recording", "failed"),
}


@pytest.mark.parametrize("state", State.values)
@pytest.mark.parametrize("reported", ["recording", "recorded", "failed"])
def test_only_what_can_follow_is_taken(client, recorder, capture, state, reported):
    Capture.objects.filter(pk=capture.pk).update(state=state)
    changes = Change.objects.count()

    status, answer = say(client, recorder, capture, state=reported)

    capture.refresh_from_db()
    if (state, reported) in LEGAL:
        assert (status, answer, capture.state) == (200, {"capture": capture.pk, "state": reported}, reported)
        assert Change.objects.count() == changes + 1
    elif state == reported:
        assert (status, answer, capture.state) == (200, {"capture": capture.pk, "state": reported}, reported)
        assert Change.objects.count() == changes
    else:
        assert (status, answer["state"], capture.state) == (409, state, state)
        assert "cannot become" in answer["error"]
        assert Change.objects.count() == changes


def test_a_recorder_whose_clock_is_wrong_is_told(client, recorder, capture):
    later = capture.schedule.captures.latest("starts_at")

    status, answer = say(client, recorder, later, state="recorded")

    assert (status, answer["state"]) == (409, "scheduled")
    assert answer["error"] == "This capture begins at 2045-10-23 08:00:00 UTC. Check the recorder's clock."


def test_a_failure_has_a_note_and_is_recorded(client, recorder, capture):
    say(client, recorder, capture, state="recording")
    say(client, recorder, capture, state="failed", note="Disk full")

    capture.refresh_from_db()
    assert (capture.state, capture.note) == ("failed", "Disk full")
    change = Change.objects.about(capture)[0]
    assert change.action == "The recorder reports: failed"
    assert change.differences == [["State", "Recording", "Failed"], ["Note", "", "Disk full"]]
    assert change.actor is None


@pytest.mark.parametrize("state", ["recorded", "failed"])
def test_the_room_is_free_as_soon_as_it_is_over(client, recorder, capture, scheduler, state):
    say(client, recorder, capture, state=state)

    once = timetable.schedule(
        user=scheduler, in_room=capture.room, repeats="none", ends_on=MONDAY, title="At the same time"
    )
    assert once.captures.get().occupied == capture.occupied


def test_json_is_taken_too(client, recorder, capture):
    address = reverse("recorder_report", args=[feeds.token_of(recorder), capture.pk])
    bodies = {
        json.dumps({"state": "recording"}): 200,
        json.dumps({"state": "recorded", "note": "äöü"}): 200,
        "{": 400,
        "[]": 400,
        "null": 400,
        "{}": 400,
        json.dumps({"state": "scheduled"}): 400,
        json.dumps({"state": ["recorded"]}): 400,
        json.dumps({"state": "recorded", "note": 7}): 400,
        json.dumps({"state": "recorded", "note": "n" * 256}): 400,
        json.dumps({"state": "recorded", "note": "a\0b"}): 400,
    }
    got = {body: client.post(address, body, content_type="application/json").status_code for body in bodies}

    assert got == bodies
    assert "at most 255" in client.post(address, {"state": "failed", "note": "n" * 256}).json()["error"]


def test_a_recorder_reports_of_its_own_room_alone(client, recorder, capture, admin):
    elsewhere = timetable.schedule(user=admin).captures.all()[0]
    people = feeds.make(capture.room, PEOPLE, user=admin)

    assert say(client, recorder, elsewhere, state="recorded")[0] == 404
    assert say(client, people, capture, state="recorded")[0] == 404
    feeds.revoke(recorder, user=admin)
    assert say(client, recorder, capture, state="recorded") == (
        404,
        {"error": "There is no recorder with this address, or it was revoked."},
    )
    capture.refresh_from_db()
    assert capture.state == State.SCHEDULED


def test_a_report_needs_no_csrf_token_and_no_session(recorder, capture):
    assert say(Client(enforce_csrf_checks=True), recorder, capture, state="recording")[0] == 200
