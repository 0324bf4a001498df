"""Several captures at once: the rules, judged on the result; the pages; the undo."""

from __future__ import annotations

import datetime
import re
import threading
import uuid
from typing import Any

import pytest
import time_machine
from django.core.exceptions import ValidationError
from django.db import connections
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schedules import captures, moving
from schedules.models import BulkChange, Capture, CaptureSchedule, Change, SchedulerScope
from schedules.moving import Cancel, Restore, Shift, Swap, ToRoom
from schedules.scheduling import RoomTaken, TooLate
from tests.support import timetable
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db
State = Capture.State
MOVE = "/schedules/captures/move/"


@pytest.fixture
def campus():
    return timetable.campus()


@pytest.fixture
def hall(campus):
    return timetable.room("Hall", on=campus)


@pytest.fixture
def lab(campus):
    return timetable.room("Lab", on=campus)


@pytest.fixture
def algebra(hall, scheduler):
    return timetable.schedule(user=scheduler, in_room=hall, title="Algebra")


@pytest.fixture
def botany(lab, scheduler):
    return timetable.schedule(user=scheduler, in_room=lab, title="Botany")


def at(year, month, day, hour=0, minute=0):
    moment = datetime.datetime(year, month, day, hour, minute, tzinfo=datetime.UTC)
    return time_machine.travel(moment, tick=False)


def rows(*schedules):
    found = Capture.objects.filter(schedule__in=schedules) if schedules else Capture.objects.all()
    return list(found.with_names().order_by("starts_at", "pk"))


def keys(*schedules):
    return [one.pk for one in rows(*schedules)]


def carry_out(schedules, action, user):
    return moving.carry_out(keys(*schedules), action, user, key=uuid.uuid4())


def everything():
    """Of every capture what a change may change."""
    return {one.pk: moving.values_of(one) for one in Capture.objects.all()}


def places():
    """Like `everything`, without the marks of who changed it."""
    return {
        key: {name: value for name, value in values.items() if name not in ("edited", "cancelled_by")}
        for key, values in everything().items()
    }


# --- What each action does ---------------------------------------------------------------------------------
def test_several_are_cancelled_with_a_reason_and_restored(algebra, scheduler):
    bulk = carry_out([algebra], Cancel("Strike"), scheduler)

    assert bulk.action == "Cancelled: Strike"
    assert timetable.starts(algebra) == []
    first = rows(algebra)[0]
    assert (first.cancelled_by, first.note, first.edited, first.sequence) == (scheduler, "Strike", True, 1)
    carry_out([algebra], Restore(), scheduler)
    first = rows(algebra)[0]
    assert (first.cancelled_by, first.note, first.sequence) == (None, "", 2)
    assert len(timetable.starts(algebra)) == 4


def test_another_room_brings_its_own_times_of_the_recorder(algebra, campus, scheduler):
    room = timetable.room("Aula", on=campus, lead_seconds=300, tail_seconds=60, turnaround_minutes=10)

    carry_out([algebra], ToRoom(room), scheduler)

    one = rows(algebra)[0]
    assert (one.room, one.when.time) == (room, "09:00–10:00")
    assert one.starts_at - one.recording_starts_at == datetime.timedelta(minutes=5)
    assert one.occupied.upper - one.ends_at == datetime.timedelta(minutes=11)


def test_a_schedule_s_own_times_of_the_recorder_stay(hall, lab, scheduler):
    made = timetable.schedule(in_room=hall, lead_seconds=120, tail_seconds=0)

    carry_out([made], ToRoom(lab), scheduler)

    one = rows(made)[0]
    assert one.starts_at - one.recording_starts_at == datetime.timedelta(minutes=2)


def test_a_shift_keeps_the_clock_s_time_when_the_clocks_change(algebra, scheduler):
    """London goes back an hour on 29 October 2045: 14 days on, the last two lectures are in winter time."""
    carry_out([algebra], Shift(days=14, minutes=-30), scheduler)

    assert timetable.starts(algebra) == [
        "2045-10-16 08:30",
        "2045-10-23 08:30",
        "2045-10-30 08:30",
        "2045-11-06 08:30",
    ]
    assert {one.ends_at - one.starts_at for one in rows(algebra)} == {datetime.timedelta(hours=1)}


@pytest.mark.parametrize(
    ("on", "said", "start"),
    [
        (datetime.date(2045, 3, 26), "The clocks go forward over this time", "02:30"),
        (datetime.date(2045, 10, 29), "This time comes twice that night", "01:30"),
    ],
)
def test_a_shift_into_a_change_of_the_clocks_says_so(on, said, start, hall, scheduler):
    made = timetable.schedule(
        in_room=hall, starts_on=on, ends_on=on, repeats="none", start_time=datetime.time(0, 30)
    )

    planned = moving.plan(rows(made), Shift(minutes=60), scheduler)
    carry_out([made], Shift(minutes=60), scheduler)

    assert said in planned.moves[0].warning
    assert timetable.starts(made) == [f"{on} {start}"]


def test_a_shift_to_and_fro_at_a_time_that_comes_twice_changes_nothing(hall, scheduler):
    on = datetime.date(2045, 10, 29)
    made = timetable.schedule(
        in_room=hall, starts_on=on, ends_on=on, repeats="none", start_time=datetime.time(1, 30)
    )

    planned = moving.plan(rows(made), Shift(days=1, minutes=-24 * 60), scheduler)

    assert not planned.moves
    assert len(planned.unchanged) == 1


def test_two_lectures_in_the_hour_that_comes_twice_are_apart(hall, lab, scheduler):
    """01:30 to 01:30 by the clock, an hour later."""
    on = datetime.date(2045, 10, 29)
    fields: dict[str, Any] = {"starts_on": on, "ends_on": on, "repeats": "none"}
    early = timetable.schedule(in_room=hall, start_time=datetime.time(1, 30), **fields)
    late = timetable.schedule(in_room=lab, start_time=datetime.time(2), **fields)
    Capture.objects.filter(schedule=late).update(**_an_hour(1, 30))

    planned = moving.plan(rows(early, late), ToRoom(lab), scheduler)

    assert [one.capture.schedule for one in planned.moves] == [early]
    assert planned.can_be_done


def _an_hour(hour, minute):
    first = datetime.datetime(2045, 10, 29, hour, minute, tzinfo=datetime.UTC)
    last = first + datetime.timedelta(hours=1)
    times = {"starts_at": first, "ends_at": last, "recording_starts_at": first, "recording_ends_at": last}
    return times | {"occupied": (first, last)}


def test_a_series_is_shifted_onto_its_own_places(algebra, scheduler):
    """Each takes the place of the next one."""
    carry_out([algebra], Shift(days=7), scheduler)

    assert timetable.starts(algebra) == [f"2045-10-{day:02} 09:00" for day in (9, 16, 23, 30)]


def test_two_rooms_are_swapped(algebra, botany, hall, lab, scheduler):
    carry_out([algebra, botany], Swap(hall, lab), scheduler)

    assert {one.room for one in rows(algebra)} == {lab}
    assert {one.room for one in rows(botany)} == {hall}


def test_a_swap_leaves_a_third_room_alone(algebra, botany, campus, hall, lab, scheduler):
    third = timetable.schedule(in_room=timetable.room(on=campus))

    planned = moving.plan(rows(), Swap(hall, lab), scheduler)

    assert {one.schedule_id for one in planned.unchanged} == {third.pk}
    assert len(planned.moves) == 8


def test_what_is_cancelled_moves_too_and_stays_cancelled(algebra, botany, lab, scheduler):
    captures.cancel_capture(rows(algebra)[0], user=scheduler, note="Ill")

    bulk = moving.carry_out([keys(algebra)[0]], ToRoom(lab), scheduler, key=uuid.uuid4())

    first = rows(algebra)[0]
    assert (first.room, first.state, first.note) == (lab, State.CANCELLED, "Ill")
    assert len(bulk.before) == 1


def test_each_capture_records_what_was_changed(algebra, hall, lab, scheduler):
    carry_out([algebra], ToRoom(lab), scheduler)

    latest = Change.objects.latest("pk")
    assert latest.action == f"Moved to {lab.place}"
    assert latest.schedule_id == algebra.pk
    assert latest.actor == scheduler
    assert latest.differences == [["Room", hall.place, lab.place]]
    assert Change.objects.filter(subject_type="capture").count() == 4


def test_a_long_reason_fits(algebra, scheduler):
    bulk = carry_out([algebra], Cancel("x" * 255), scheduler)

    assert len(bulk.action) == 200
    assert rows(algebra)[0].note == "x" * 255


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (Shift(1, 0), "Shifted: 1 day later"),
        (Shift(-2, 15), "Shifted: 2 days earlier and 15 minutes later"),
        (Shift(0, -1), "Shifted: 1 minute earlier"),
    ],
)
def test_a_shift_in_words(action, words):
    assert str(action) == words


# --- What is refused ---------------------------------------------------------------------------------------
def test_one_conflict_refuses_everything_and_is_named(algebra, lab, scheduler):
    timetable.schedule(in_room=lab, title="Botany", ends_on=MONDAY)
    before = everything()

    planned = moving.plan(rows(algebra), ToRoom(lab), scheduler)
    with pytest.raises(RoomTaken) as caught:
        carry_out([algebra], ToRoom(lab), scheduler)

    assert [str(clash) for one in planned.clashing for clash in one.clashes] == [
        "“Botany”, Mon 2 October 2045, 09:00–10:00"
    ]
    assert list(caught.value.clashes) == [MONDAY]
    assert everything() == before
    assert not BulkChange.objects.exists()


def test_the_results_are_judged_against_each_other(algebra, botany, campus, scheduler):
    third = timetable.room("Aula", on=campus)

    planned = moving.plan(rows(), ToRoom(third), scheduler)

    assert len(planned.clashing) == 8
    assert str(planned.moves[0].clashes[0]) == "“Botany”, Mon 2 October 2045, 09:00–10:00"
    assert planned.moves[0].clashes[0].capture.room == third


def test_what_was_restored_meanwhile_is_in_the_way(algebra, hall, scheduler):
    carry_out([algebra], Cancel(), scheduler)
    timetable.schedule(in_room=hall, title="Botany")

    with pytest.raises(RoomTaken):
        carry_out([algebra], Restore(), scheduler)


def test_another_campus_is_refused(algebra, scheduler):
    with pytest.raises(ValidationError, match="This room is on another campus"):
        carry_out([algebra], ToRoom(timetable.room()), scheduler)


def test_the_past_is_refused(algebra, scheduler):
    with at(2045, 9, 30), pytest.raises(ValidationError, match="This time is in the past"):
        carry_out([algebra], Shift(days=-7), scheduler)


def test_nothing_to_change_is_said(algebra, hall, scheduler):
    with pytest.raises(ValidationError, match="This changes none of these captures"):
        carry_out([algebra], ToRoom(hall), scheduler)


def test_a_missing_input_is_said(algebra, campus, scheduler):
    room = timetable.room("Booth", on=campus, inputs=["audio"])

    planned = moving.plan(rows(algebra), ToRoom(room), scheduler)

    assert "does not offer this input: Display, Camera." in planned.moves[0].warning
    assert planned.can_be_done


def test_what_has_begun_is_left_out_and_said(algebra, lab, scheduler):
    with at(2045, 10, 10):
        planned = moving.plan(rows(algebra), ToRoom(lab), scheduler)
        bulk = carry_out([algebra], ToRoom(lab), scheduler)

    assert [one.when.date for one in planned.begun] == ["Mon 2 Oct 2045", "Mon 9 Oct 2045"]
    assert set(bulk.before) == {str(key) for key in keys(algebra)[2:]}
    assert [one.room == lab for one in rows(algebra)] == [False, False, True, True]


def test_what_is_over_is_left_out_even_if_it_was_to_come(algebra, lab, scheduler):
    Capture.objects.filter(pk=keys(algebra)[0]).update(state=State.FAILED)

    assert len(moving.plan(rows(algebra), ToRoom(lab), scheduler).begun) == 1


def test_all_begun_is_too_late(algebra, lab, scheduler):
    with at(2046, 1, 1), pytest.raises(TooLate):
        carry_out([algebra], ToRoom(lab), scheduler)


def test_what_has_begun_keeps_its_room(algebra, botany, hall, lab, scheduler):
    """Of a running lecture the room is not given away."""
    with at(2045, 10, 2, 8, 30):
        late = timetable.schedule(
            in_room=lab, title="Late", starts_on=MONDAY, ends_on=MONDAY, start_time=datetime.time(10, 30)
        )
        planned = moving.plan(rows(algebra, botany, late), Swap(hall, lab), scheduler)
        assert planned.can_be_done
        shifted = moving.plan(rows(late, botany), Shift(minutes=-45), scheduler)

    assert {one.capture.title for one in shifted.clashing} == {"Late"}


def test_what_was_shown_is_what_is_done(algebra, lab, scheduler):
    seen = moving.plan(rows(algebra), ToRoom(lab), scheduler).key
    captures.cancel_capture(rows(algebra)[0], user=scheduler)

    with pytest.raises(moving.NotSeen):
        moving.carry_out(keys(algebra), ToRoom(lab), scheduler, key=uuid.uuid4(), seen=seen)

    assert not BulkChange.objects.exists()


def test_the_number_of_queries_does_not_grow(algebra, botany, lab, campus, scheduler, django_assert_num_queries):
    third = timetable.room("Aula", on=campus)
    timetable.schedule(in_room=third, title="Chemistry")
    found = rows()
    moving.plan(found, ToRoom(third), scheduler)  # whose roles and scope are remembered
    for count in (4, len(found)):
        with django_assert_num_queries(5):
            moving.plan(found[:count], ToRoom(third), scheduler)


# --- Who may -----------------------------------------------------------------------------------------------
@pytest.fixture
def elsewhere(scheduler, campus):
    """The scheduler is limited to the campus; a schedule on another one."""
    SchedulerScope.objects.create(user=scheduler, campus=campus)
    return timetable.schedule(title="Foreign")


def test_captures_of_others_are_passed_over(algebra, elsewhere, scheduler):
    carry_out([algebra, elsewhere], Cancel(), scheduler)

    assert timetable.starts(algebra) == []
    assert len(timetable.starts(elsewhere)) == 4


def test_a_room_outside_one_s_campuses_is_refused(algebra, elsewhere, lab, scheduler):
    """A capture that an edit of its schedule left behind on another campus."""
    Capture.objects.filter(pk__in=keys(algebra)).update(room=timetable.room(on=elsewhere.room.building.campus))

    with pytest.raises(ValidationError, match="You do not schedule in this room"):
        carry_out([algebra], Shift(days=1), scheduler)


# --- Judged on the result ----------------------------------------------------------------------------------
relaxed = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
hours = st.lists(st.tuples(st.integers(0, 2), st.integers(8, 14)), min_size=2, max_size=8, unique=True)


@pytest.fixture
def three_rooms(campus):
    return [
        timetable.room(f"Room {letter}", on=campus, turnaround_minutes=5 * n) for n, letter in enumerate("ABC")
    ]


def fill(rooms, wanted):
    """Lectures of 50 minutes on one day, each in a room at an hour."""
    Capture.objects.all().delete()
    for room, hour in wanted:
        timetable.schedule(
            in_room=rooms[room], ends_on=MONDAY, start_time=datetime.time(hour), duration_minutes=50
        )
    return rows()


def overlapping(found):
    """By brute force: whether two of these that are to be recorded share a moment of a room."""
    taking = [one for one in found if one.state == State.SCHEDULED]
    return any(
        one.room_id == other.room_id
        and one.occupied.lower < other.occupied.upper
        and other.occupied.lower < one.occupied.upper
        for index, one in enumerate(taking)
        for other in taking[index + 1 :]
    )


def actions(rooms):
    room = st.sampled_from(rooms)
    pair = st.lists(room, min_size=2, max_size=2, unique=True)
    return st.one_of(
        st.builds(ToRoom, room),
        st.builds(Shift, st.integers(-1, 1), st.integers(-120, 120)),
        pair.map(lambda two: Swap(*two)),
        st.builds(Cancel),
        st.builds(Restore),
    )


@relaxed
@given(wanted=hours, data=st.data())
def test_the_judgement_is_that_of_brute_force(three_rooms, scheduler, wanted, data):
    found = fill(three_rooms, wanted)
    Capture.objects.filter(pk__in=data.draw(st.sets(st.sampled_from(keys())))).update(state=State.CANCELLED)
    chosen = data.draw(st.sets(st.sampled_from([one.pk for one in found]), min_size=1))
    action = data.draw(actions(three_rooms))
    found, before = rows(), everything()

    planned = moving.plan([one for one in found if one.pk in chosen], action, scheduler)

    results = {one.capture.pk: one.result for one in planned.moves}
    clash = overlapping([results.get(one.pk, one) for one in found])
    assert bool(planned.clashing) == clash
    if planned.can_be_done:
        bulk = moving.carry_out(chosen, action, scheduler, key=uuid.uuid4(), seen=planned.key)
        assert not overlapping(rows())
        for row in rows():
            if row.pk in results:
                result = results[row.pk]
                assert (row.room, row.occupied, row.state) == (result.room, result.occupied, result.state)
                assert row.sequence == result.sequence + 1
        moving.undo(bulk, scheduler)
    elif planned.moves:
        with pytest.raises(RoomTaken):
            moving.carry_out(chosen, action, scheduler, key=uuid.uuid4())
    assert everything() == before


@relaxed
@given(wanted=hours)
def test_swapping_twice_changes_nothing(three_rooms, scheduler, wanted):
    fill(three_rooms, wanted)
    swap = Swap(three_rooms[0], three_rooms[1])
    if not moving.plan(rows(), swap, scheduler).can_be_done:
        return
    before = places()

    moving.carry_out(keys(), swap, scheduler, key=uuid.uuid4())
    assert places() != before
    moving.carry_out(keys(), swap, scheduler, key=uuid.uuid4())

    assert places() == before


# --- Undo --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("action", [Cancel("Strike"), Shift(days=7, minutes=15), "room", "swap"])
def test_undo_gives_each_capture_back_what_it_had(action, algebra, botany, hall, lab, campus, scheduler):
    captures.cancel_capture(rows(algebra)[1], user=scheduler, note="Ill")
    chosen = [algebra] if action == "room" else [algebra, botany]
    action = {"room": ToRoom(timetable.room(on=campus)), "swap": Swap(hall, lab)}.get(action, action)
    before = everything()

    bulk = carry_out(chosen, action, scheduler)
    assert everything() != before
    moving.undo(bulk, scheduler)

    assert everything() == before
    assert rows(algebra)[0].sequence == 2
    assert Change.objects.latest("pk").action == f"Undone: {action}"
    bulk.refresh_from_db()
    assert bulk.undone_at is not None


def test_undo_happens_once(algebra, scheduler):
    bulk = carry_out([algebra], Cancel(), scheduler)
    moving.undo(bulk, scheduler)

    with pytest.raises(TooLate, match="undone already"):
        moving.undo(bulk, scheduler)


def test_undo_after_one_has_begun_is_too_late(algebra, lab, scheduler):
    bulk = carry_out([algebra], ToRoom(lab), scheduler)
    before = everything()

    with at(2045, 10, 2, 8, 30), pytest.raises(TooLate, match="have begun"):
        moving.undo(bulk, scheduler)
    assert everything() == before


def test_undo_does_not_bring_back_the_past(algebra, scheduler):
    bulk = carry_out([algebra], Shift(days=28), scheduler)

    with at(2045, 10, 10), pytest.raises(TooLate, match="would have begun"):
        moving.undo(bulk, scheduler)


def test_undo_after_a_later_change_is_refused(algebra, lab, scheduler):
    bulk = carry_out([algebra], ToRoom(lab), scheduler)
    captures.cancel_capture(rows(algebra)[0], user=scheduler)

    with pytest.raises(TooLate, match="were changed since"):
        moving.undo(bulk, scheduler)


def test_undo_in_turn(algebra, lab, scheduler):
    before = everything()
    first = carry_out([algebra], ToRoom(lab), scheduler)
    second = carry_out([algebra], Shift(days=1), scheduler)

    moving.undo(second, scheduler)
    moving.undo(first, scheduler)

    assert everything() == before


def test_undo_needs_the_room(algebra, hall, lab, scheduler):
    bulk = carry_out([algebra], ToRoom(lab), scheduler)
    timetable.schedule(in_room=hall, title="Botany")

    with pytest.raises(RoomTaken) as caught:
        moving.undo(bulk, scheduler)

    assert len(caught.value.clashes) == 4
    assert {one.room for one in rows(algebra)} == {lab}


def test_undo_when_a_schedule_is_gone(algebra, botany, scheduler):
    bulk = carry_out([algebra, botany], Cancel(), scheduler)
    botany.delete()

    with pytest.raises(TooLate, match="changed since"):
        moving.undo(bulk, scheduler)


def test_undo_when_who_had_cancelled_is_gone(algebra, person, lab, scheduler):
    other = person("gone@example.edu", "Schedulers")
    captures.cancel_capture(rows(algebra)[0], user=other)
    bulk = carry_out([algebra], ToRoom(lab), scheduler)
    other.delete()

    moving.undo(bulk, scheduler)

    assert rows(algebra)[0].cancelled_by is None


def test_undo_when_the_room_is_gone(campus, lab, scheduler):
    room = timetable.room(on=campus)
    made = timetable.schedule(in_room=room, user=scheduler)
    bulk = carry_out([made], ToRoom(lab), scheduler)
    CaptureSchedule.objects.update(room=lab)
    room.delete()

    with pytest.raises(TooLate, match="A room of these captures was deleted since"):
        moving.undo(bulk, scheduler)
    assert moving.done(bulk) == ([], 4)


# --- Twice at once -----------------------------------------------------------------------------------------
def test_the_same_key_changes_once(algebra, scheduler):
    key = uuid.uuid4()
    first = moving.carry_out(keys(algebra), Shift(days=1), scheduler, key=key)

    again = moving.carry_out(keys(algebra), Shift(days=1), scheduler, key=key)

    assert again == first
    assert timetable.starts(algebra)[0] == "2045-10-03 09:00"


def together(*calls):
    """Runs each in a thread with a connection of its own; what each gave or raised."""
    start = threading.Barrier(len(calls))
    results: list[object] = [None] * len(calls)

    def run(position, call):
        try:
            start.wait()
            results[position] = call()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            results[position] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


@pytest.mark.django_db(transaction=True)
def test_a_double_click_changes_once(algebra, scheduler):
    key, chosen = uuid.uuid4(), keys(algebra)

    def press():
        return moving.carry_out(chosen, Shift(days=1), scheduler, key=key)

    assert together(press, press, press) == [BulkChange.objects.get()] * 3
    assert timetable.starts(algebra)[0] == "2045-10-03 09:00"
    assert {one.sequence for one in rows(algebra)} == {1}


@pytest.mark.django_db(transaction=True)
def test_one_of_two_gets_the_room(algebra, botany, campus, scheduler):
    third = timetable.room("Aula", on=campus)
    chosen = [keys(algebra), keys(botany)]

    results = together(
        *(lambda one=one: moving.carry_out(one, ToRoom(third), scheduler, key=uuid.uuid4()) for one in chosen)
    )

    assert sorted(type(one).__name__ for one in results) == ["BulkChange", "RoomTaken"]
    assert not overlapping(rows())


@pytest.mark.django_db(transaction=True)
def test_one_capture_and_several_do_not_wait_for_each_other(algebra, lab, scheduler):
    first, chosen = rows(algebra)[0], keys(algebra)
    change = {"title": "Guest", "starts_at": first.starts_at, "duration": datetime.timedelta(minutes=30)}

    results = together(
        lambda: captures.change_capture(first, **change, room=lab, user=scheduler),
        lambda: moving.carry_out(chosen, Shift(days=1), scheduler, key=uuid.uuid4()),
    )

    assert [type(one) for one in results] == [Capture, BulkChange]


# --- The pages ---------------------------------------------------------------------------------------------
@pytest.fixture
def desk(client, scheduler):
    client.force_login(scheduler)
    return client


def text(answer):
    return re.sub(r"\s+", " ", answer.content.decode())


def save(desk, chosen, **fields):
    """Looks first, then saves what was shown."""
    seen = desk.post(MOVE, {"capture": chosen, "action": "preview"} | fields)
    page, plan = seen.context["page"], seen.context["plan"]
    sent = {"capture": chosen, "key": page.key, "seen": plan.key if plan else "", "action": "save"} | fields
    return desk.post(MOVE, sent)


def test_the_list_s_choice_is_shown_with_what_can_be_done(desk, algebra):
    answer = desk.post(MOVE, {"capture": keys(algebra)})

    page = text(answer)
    assert answer.status_code == 200
    assert "What to do with 4 captures" in page
    assert "Mon 2 Oct 2045" in page
    assert "Choose what to do." not in page
    assert 'value="save"' not in page


def test_looking_changes_nothing_and_says_what_would_change(desk, algebra, lab):
    before = everything()

    page = text(desk.post(MOVE, {"capture": keys(algebra), "what": "room", "room": lab.pk, "action": "preview"}))

    assert "<strong>4 change.</strong> 0 stay as they are." in page
    assert 'Mon 2 Oct 2045, <span class="moment">09:00–10:00</span><br>' in page
    assert f"{lab} · Scheduled" in page
    assert 'value="save"' in page
    assert everything() == before


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ({"what": "cancel", "note": "Strike"}, "Cancelled: Strike"),
        ({"what": "shift", "days": "1", "minutes": ""}, "Shifted: 1 day later"),
    ],
)
def test_saving_leads_to_what_was_done_and_back(fields, action, desk, algebra):
    before = everything()
    answer = save(desk, keys(algebra), **fields)

    bulk = BulkChange.objects.get()
    assert answer["Location"] == f"/schedules/captures/moved/{bulk.pk}/"
    page = text(desk.get(answer["Location"]))
    assert action in page
    assert "What was done: 4 captures" in page
    assert "Undo all of this" in page

    page = text(desk.post(reverse("undo_move", args=[bulk.pk]), follow=True))

    assert "What was saved here has been taken back." in page
    assert "Undo all of this" not in page
    assert everything() == before


def test_rooms_are_swapped_on_the_page(desk, algebra, botany, hall, lab):
    chosen = keys(algebra, botany)
    opened = desk.post(MOVE, {"capture": chosen}).context["form"]
    assert {opened["first"].value(), opened["second"].value()} == {hall.pk, lab.pk}

    save(desk, chosen, what="swap", first=hall.pk, second=lab.pk)

    assert {one.room for one in rows(algebra)} == {lab}


def test_restoring_on_the_page(desk, algebra, scheduler):
    carry_out([algebra], Cancel(), scheduler)

    save(desk, keys(algebra), what="restore")

    assert len(timetable.starts(algebra)) == 4


def test_saving_what_was_not_seen_shows_it_first(desk, algebra):
    sent = {"capture": keys(algebra), "what": "cancel", "action": "save", "key": uuid.uuid4()}

    answer = desk.post(MOVE, sent)

    assert answer.status_code == 409
    assert "Look at what changes below, then save." in text(answer)
    assert len(timetable.starts(algebra)) == 4


def test_a_double_click_on_the_page_saves_once(desk, algebra):
    seen = desk.post(MOVE, {"capture": keys(algebra), "what": "shift", "days": "1", "action": "preview"}).context
    sent = {"capture": keys(algebra), "what": "shift", "days": "1", "action": "save"}
    sent |= {"key": seen["page"].key, "seen": seen["plan"].key}

    first, second = desk.post(MOVE, sent), desk.post(MOVE, sent)

    assert first["Location"] == second["Location"]
    assert timetable.starts(algebra)[0] == "2045-10-03 09:00"


def test_who_comes_back_and_changes_something_else_sees_it_first(desk, algebra):
    """The browser's Back leads to a page with a key that was used."""
    save(desk, keys(algebra), what="shift", days="1")
    key = BulkChange.objects.get().pk
    sent = {"capture": keys(algebra), "key": key, "what": "shift", "days": "2"}

    answer = desk.post(MOVE, sent | {"action": "save"})
    looked = desk.post(MOVE, sent | {"action": "preview"})

    assert answer.status_code == 409
    assert key not in (answer.context["page"].key, looked.context["page"].key)
    assert timetable.starts(algebra)[0] == "2045-10-03 09:00"


def test_a_key_of_somebody_else_is_not_theirs(algebra, scheduler, person):
    key = carry_out([algebra], Cancel(), scheduler).pk

    with pytest.raises(moving.NotSeen):
        moving.carry_out(keys(algebra), Cancel(), person("other@example.edu", "Schedulers"), key=key)


def test_the_key_stays_while_looking(desk, algebra):
    opened = desk.post(MOVE, {"capture": keys(algebra)}).context["page"].key

    again = desk.post(MOVE, {"capture": keys(algebra), "key": opened, "what": "cancel", "action": "preview"})

    assert again.context["page"].key == opened


def test_conflicts_are_named_and_nothing_is_saved(desk, algebra, botany, lab):
    before = everything()

    answer = save(desk, keys(algebra), what="room", room=lab.pk)

    page = text(answer)
    assert answer.status_code == 409
    assert "The room is taken on 4 dates. Nothing was saved." in page
    assert "Taken: “Botany”, Mon 2 October 2045, 09:00–10:00" in page
    assert "4 in a room that is taken. Nothing can be saved like this." in page
    assert 'value="save"' not in page
    assert everything() == before


def test_what_has_begun_is_named_on_the_page(client, scheduler, algebra):
    with at(2045, 10, 10):
        client.force_login(scheduler)
        page = text(client.post(MOVE, {"capture": keys(algebra), "what": "cancel", "action": "preview"}))

    assert "2 begun or over, left out." in page
    assert "Left out: begun or over" in page


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Choose what to do."),
        ({"what": "steal"}, "Select a valid choice."),
        ({"what": "room"}, "Choose a room."),
        ({"what": "room", "room": "999999"}, "Select a valid choice."),
        ({"what": "shift"}, "Say by how many days or minutes."),
        ({"what": "shift", "days": "0", "minutes": "0"}, "Say by how many days or minutes."),
        ({"what": "shift", "days": "367"}, "less than or equal to 366"),
        ({"what": "shift", "minutes": "soon"}, "Enter a whole number."),
        ({"what": "swap"}, "Choose a room."),
        ({"what": "cancel", "note": "x" * 181}, "at most 180 characters"),
    ],
)
def test_wrong_input_is_told(fields, said, desk, algebra):
    answer = desk.post(MOVE, {"capture": keys(algebra), "action": "save"} | fields)

    assert said in text(answer)
    assert not BulkChange.objects.exists()


def test_what_is_left_in_another_choice_s_fields_does_not_matter(desk, algebra):
    save(desk, keys(algebra), what="cancel", days="soon", room="999999")

    assert timetable.starts(algebra) == []


def test_a_room_is_not_swapped_with_itself_nor_with_another_campus(desk, algebra, hall, scheduler):
    far = timetable.schedule(in_room=timetable.room())
    sent = {"capture": keys(algebra, far), "what": "swap", "first": hall.pk, "action": "preview"}

    assert "Choose another room than the first." in text(desk.post(MOVE, sent | {"second": hall.pk}))
    page = text(desk.post(MOVE, sent | {"second": far.room.pk}))
    assert "Both rooms have to be on the same campus." in page


def test_only_rooms_of_the_captures_campus_are_offered(desk, algebra, lab):
    far = timetable.room("Far")

    page = text(desk.post(MOVE, {"capture": keys(algebra)}))

    assert f'<option value="{lab.pk}"' in page
    assert f'<option value="{far.pk}"' not in page


@pytest.mark.parametrize("sent", [[], ["0"], ["x"], ["9" * 19], ["9" * 5000], ["²"], ["-1"]])
def test_nothing_chosen_is_told(sent, desk, algebra):
    answer = desk.post(MOVE, {"capture": sent})

    assert answer.status_code == 200
    assert "Choose at least one capture in the list." in text(answer)


def test_too_many_at_once_are_told(desk, algebra, monkeypatch):
    monkeypatch.setattr(moving, "MOST", 3)

    page = text(desk.post(MOVE, {"capture": keys(algebra), "what": "cancel", "action": "save"}))

    assert "These are 4 captures. Choose at most 3 at once." in page
    assert "<form" not in page.partition("<main")[2].partition("</main>")[0]
    assert len(timetable.starts(algebra)) == 4


def test_five_hundred_at_once(desk, campus, scheduler):
    for number in range(5):
        timetable.schedule(
            in_room=timetable.room(f"Room {number}", on=campus),
            weekdays=[1, 2, 3, 4, 5, 6, 7],
            ends_on=MONDAY + datetime.timedelta(days=99),
        )
    assert len(keys()) == 500

    answer = save(desk, keys(), what="shift", days="1", minutes="15")

    assert answer.status_code == 302
    assert len(BulkChange.objects.get().before) == 500


def test_keys_of_others_are_ignored_on_the_page(desk, algebra, elsewhere):
    save(desk, keys(algebra, elsewhere), what="cancel")

    assert timetable.starts(algebra) == []
    assert len(timetable.starts(elsewhere)) == 4


def test_a_get_leads_to_the_list(desk):
    assert desk.get(MOVE)["Location"] == "/schedules/captures/"


def test_what_somebody_else_did_is_not_shown_nor_undone(client, algebra, scheduler, person, admin):
    bulk = carry_out([algebra], Cancel(), scheduler)
    addresses = reverse("moved_captures", args=[bulk.pk]), reverse("undo_move", args=[bulk.pk])
    client.force_login(person("other@example.edu", "Schedulers"))

    assert client.get(addresses[0]).status_code == 404
    assert client.post(addresses[1]).status_code == 404
    client.force_login(admin)
    assert client.get(addresses[0]).status_code == 200


def test_a_refused_undo_says_why(desk, algebra, hall, lab, scheduler):
    bulk = carry_out([algebra], ToRoom(lab), scheduler)
    timetable.schedule(in_room=hall, title="Botany")

    answer = desk.post(reverse("undo_move", args=[bulk.pk]))

    assert answer.status_code == 409
    assert "The room is taken on 4 dates." in text(answer)
    assert "“Botany”, Mon 2 October 2045, 09:00–10:00" in text(answer)


def test_an_undo_after_something_has_begun_is_not_offered_and_refused(client, algebra, lab, scheduler):
    bulk = carry_out([algebra], ToRoom(lab), scheduler)

    with at(2045, 10, 2, 8, 30):
        client.force_login(scheduler)
        shown = text(client.get(reverse("moved_captures", args=[bulk.pk])))
        refused = client.post(reverse("undo_move", args=[bulk.pk]))

    assert "Undo all of this" not in shown
    assert "Some of these captures have begun" in shown
    assert refused.status_code == 409


def test_what_was_done_is_shown_though_a_schedule_is_gone(desk, algebra, botany, scheduler):
    bulk = carry_out([algebra, botany], Cancel(), scheduler)
    botany.delete()

    page = text(desk.get(reverse("moved_captures", args=[bulk.pk])))

    assert "4 not shown: the capture or its room was deleted since." in page
