"""One capture alone: cancelled, restored, given another time, room or title, until its recorder would begin;
and what the recorder then says of it."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.roles import is_instructor

from . import conflicts
from .conflicts import Wanted
from .models import Capture, CaptureSchedule, Change, Room
from .models.captures import max_minutes
from .models.changes import difference
from .planning import Times, in_words, later
from .scheduling import RoomTaken, TooLate, differences_between, hold_rooms, refusing_overlaps, set_times

if TYPE_CHECKING:
    from accounts.models import User

State = Capture.State
# What a recorder may say of a capture in each state. Recorded and failed are the end of it.
REPORTS: dict[str, tuple[State, ...]] = {
    State.SCHEDULED: (State.RECORDING, State.RECORDED, State.FAILED),
    State.RECORDING: (State.RECORDED, State.FAILED),
}


# So far ahead a report is believed: clocks differ. Earlier, the recorder's clock or its list is wrong.
EARLIEST_REPORT = datetime.timedelta(minutes=15)


class NotPossible(Exception):
    """A report that the capture's state or time does not allow; `state` is what it is."""

    def __init__(self, capture: Capture, reason: str) -> None:
        self.state = State(capture.state)
        super().__init__(reason)


def _held(capture: Capture) -> Capture:
    """The row as it is now. Its names are read once it is held: they may be others after a wait."""
    Capture.objects.select_for_update().get(pk=capture.pk)
    return Capture.objects.with_names().get(pk=capture.pk)


def _locked(capture: Capture) -> Capture:
    """The row as it is now, nobody else changing it. Raises TooLate if it has begun."""
    row = _held(capture)
    if row.has_begun or row.state not in (State.SCHEDULED, State.CANCELLED):
        raise TooLate("This capture has begun already, so it cannot be changed any more.")
    return row


def cancel_capture(capture: Capture, *, user: User | None, note: str = "") -> Capture:
    """Leaves one capture out; the room is free again. It can be restored until it would begin. Raises TooLate."""
    with transaction.atomic():
        row = _locked(capture)
        if row.state == State.CANCELLED:
            return row
        _save_by_hand(row, state=State.CANCELLED, cancelled_by=user, note=note)
        action = f"Cancelled{f': {note}' if note else ''}"
        Change.record(row, action, actor=user, schedule_id=row.schedule_id)
    return row


def restore_capture(capture: Capture, *, user: User | None) -> Capture:
    """Takes a cancellation back. Raises TooLate, and RoomTaken if somebody else has the room by now."""
    with refusing_overlaps():
        hold_rooms(capture.room)  # before the capture, as whoever changes the room does
        row = _locked(capture)
        if row.state == State.SCHEDULED:
            return row
        _refuse_taken(row, Wanted(row.room, times_of(row)), user=user)
        _save_by_hand(row, state=State.SCHEDULED, cancelled_by=None, note="")
        Change.record(row, "Restored", actor=user, schedule_id=row.schedule_id)
    return row


def times_of(capture: Capture) -> Times:
    return Times(
        capture.starts_at,
        capture.ends_at,
        capture.recording_starts_at,
        capture.recording_ends_at,
        capture.occupied,
    )


def _refuse_taken(row: Capture, wanted: Wanted, *, user: User | None) -> None:
    found = conflicts.in_the_way([wanted], user=user, leaving=[row.pk])
    if found:
        raise RoomTaken({row.rule_date: found[0]})


def _save_by_hand(row: Capture, **fields: object) -> None:
    for name, value in fields.items():
        setattr(row, name, value)
    row.edited, row.sequence, row.changed_at = True, row.sequence + 1, timezone.now()
    row.save(update_fields=[*fields, "edited", "sequence", "changed_at"])


def change_capture(
    capture: Capture,
    *,
    title: str,
    room: Room,
    starts_at: datetime.datetime,
    duration: datetime.timedelta,
    user: User | None,
) -> Capture:
    """Gives one capture another title, room or time. Raises TooLate, RoomTaken, ValidationError."""
    if not 1 <= duration.total_seconds() / 60 <= max_minutes():
        limit = in_words(max_minutes())
        raise ValidationError({"duration_minutes": f"A capture lasts from 1 minute to {limit}."})
    with refusing_overlaps():
        room = hold_rooms(capture.room, room)[room.pk]
        row = _locked(capture)
        before = shown_values(row)
        lead, tail = margins_in(row.schedule, room)
        ends_at = later(starts_at, duration.total_seconds())
        times = Times.of(starts_at, ends_at, lead=lead, tail=tail, room=room)
        if times.recording_starts_at <= timezone.now():
            raise ValidationError({"starts_on": "This time is in the past. Choose a later one."})
        if row.state == State.SCHEDULED:
            _refuse_taken(row, Wanted(room, times), user=user)
        set_times(row, times)
        row.room, row.title = room, title
        fields = ("starts_at", "ends_at", "recording_starts_at", "recording_ends_at", "occupied", "room", "title")
        differences = differences_between(before, shown_values(row))
        if differences:
            _save_by_hand(row, **{name: getattr(row, name) for name in fields})
            Change.record(row, "Changed", actor=user, schedule_id=row.schedule_id, differences=differences)
    return row


def margins_in(schedule: CaptureSchedule, room: Room) -> tuple[int, int]:
    lead = room.lead if schedule.lead_seconds is None else schedule.lead_seconds
    tail = room.tail if schedule.tail_seconds is None else schedule.tail_seconds
    return lead, tail


def shown_values(capture: Capture) -> list[tuple[str, str]]:
    zone = capture.room.building.campus.time_zone
    return [
        ("Title", capture.title),
        ("Room", capture.room.place),
        ("Time", f"{capture.local_start:%-d %b %Y, %H:%M}–{capture.local_end:%H:%M} ({zone})"),
    ]


# --- Who may -------------------------------------------------------------------------------------------
def may_leave_out(capture: Capture, user: User) -> bool:
    """Staff any capture that they may schedule, instructors one of a section they teach, until it begins."""
    if capture.has_begun or capture.state != State.SCHEDULED:
        return False
    return _manages(capture, user) or _teaches(capture, user)


def may_restore(capture: Capture, user: User) -> bool:
    """Staff any cancelled capture, instructors what they have left out themselves, until it would begin."""
    if capture.has_begun or capture.state != State.CANCELLED:
        return False
    return _manages(capture, user) or (capture.cancelled_by_id == user.pk and _teaches(capture, user))


def _manages(capture: Capture, user: User) -> bool:
    return Capture.objects.manageable_by(user).filter(pk=capture.pk).exists()


def _teaches(capture: Capture, user: User) -> bool:
    if not is_instructor(user):
        return False
    taught = capture.schedule.publications.filter(section__teaching__user=user).exists()
    return taught or capture.schedule.presenter_id == user.pk


# --- What recorders report -----------------------------------------------------------------------------
def report(capture: Capture, state: State, *, note: str = "") -> Capture:
    """A recorder has begun, has finished or has failed. Said twice it is the same. Raises NotPossible.

    Recorded or failed, the capture gives the room free at once, however early that is.
    """
    with transaction.atomic():
        row = _held(capture)
        if row.state == state:
            return row
        if state not in REPORTS.get(row.state, ()):
            was, wanted = State(row.state).label.lower(), state.label.lower()
            raise NotPossible(row, f"This capture is {was}: it cannot become {wanted}.")
        if timezone.now() < row.recording_starts_at - EARLIEST_REPORT:
            begins = f"{row.recording_starts_at.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"
            raise NotPossible(row, f"This capture begins at {begins}. Check the recorder's clock.")
        differences = [
            *difference("State", State(row.state).label, state.label),
            *difference("Note", row.note, note or row.note),
        ]
        row.state, row.note, row.changed_at = state, note or row.note, timezone.now()
        row.save(update_fields=["state", "note", "changed_at"])
        action = f"The recorder reports: {state.label.lower()}"
        Change.record(row, action, actor=None, schedule_id=row.schedule_id, differences=differences)
    return row
