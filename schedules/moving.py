"""Several captures at once: cancelled, restored, moved to another room or time, rooms swapped. And undone.

`plan` says what would happen, `carry_out` does it in one transaction. Both judge the result: two captures may take
each other's places. What has begun is left out and said.
"""

from __future__ import annotations

import copy
import datetime
import hashlib
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.utils import timezone

from . import conflicts
from .captures import margins_in, shown_values, times_of
from .conflicts import Clash, Wanted
from .models import BulkChange, Capture, Change, Input, Room
from .planning import Times
from .recurrence import ClockNote, in_zone
from .scheduling import RoomTaken, TooLate, differences_between, hold_rooms, refusing_overlaps, set_times

if TYPE_CHECKING:
    from accounts.models import User

State = Capture.State
MOST = 500
MOST_DAYS = 366
MOST_MINUTES = 24 * 60
CLOCK_NOTES = {
    ClockNote.MISSING: "The clocks go forward over this time: it starts later by as much.",
    ClockNote.TWICE: "This time comes twice that night: the first one is taken.",
}


class NotSeen(Exception):
    """What would be done is not what was shown any more, or the key was used for something else."""


# --- What to do ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Placed:
    """Where and when a capture is, and whether it is to be recorded."""

    room: Room
    times: Times
    state: str
    note: str = ""

    @classmethod
    def of(cls, capture: Capture) -> Placed:
        return cls(capture.room, times_of(capture), capture.state, capture.note)

    @property
    def takes_the_room(self) -> bool:
        return self.state in Capture.TAKES_THE_ROOM

    @property
    def state_in_words(self) -> str:
        return f"{State(self.state).label}{f': {self.note}' if self.note else ''}"


class Unfit(Exception):
    """Why one capture cannot get what the action would give it."""


@dataclass(frozen=True)
class Cancel:
    note: str = ""

    def __str__(self) -> str:
        return f"Cancelled{f': {self.note}' if self.note else ''}"[:200]

    def result(self, capture: Capture) -> tuple[Placed, str]:
        """What the capture becomes, and a warning. Raises Unfit."""
        now = Placed.of(capture)
        if capture.state == State.CANCELLED:
            return now, ""
        return Placed(now.room, now.times, State.CANCELLED, self.note), ""


@dataclass(frozen=True)
class Restore:
    def __str__(self) -> str:
        return "Restored"

    def result(self, capture: Capture) -> tuple[Placed, str]:
        now = Placed.of(capture)
        if capture.state == State.SCHEDULED:
            return now, ""
        return Placed(now.room, now.times, State.SCHEDULED), ""


@dataclass(frozen=True)
class ToRoom:
    room: Room

    def __str__(self) -> str:
        return f"Moved to {self.room.place}"[:200]

    def result(self, capture: Capture) -> tuple[Placed, str]:
        return _in_room(capture, self.room)


@dataclass(frozen=True)
class Swap:
    """What is in one of the rooms goes to the other; captures in a third room stay."""

    first: Room
    second: Room

    def __str__(self) -> str:
        return f"Rooms swapped: {self.first} and {self.second}"[:200]

    def result(self, capture: Capture) -> tuple[Placed, str]:
        other = {self.first.pk: self.second, self.second.pk: self.first}.get(capture.room_id)
        return _in_room(capture, other or capture.room)


@dataclass(frozen=True)
class Shift:
    """Later by this much by the clock of the campus, with a minus sign earlier. The length stays."""

    days: int = 0
    minutes: int = 0

    def __str__(self) -> str:
        days = f"{abs(self.days)} day{'' if abs(self.days) == 1 else 's'}"
        minutes = f"{abs(self.minutes)} minute{'' if abs(self.minutes) == 1 else 's'}"
        parts = [(self.days, days), (self.minutes, minutes)]
        said = [f"{words} {'later' if amount > 0 else 'earlier'}" for amount, words in parts if amount]
        return f"Shifted: {' and '.join(said) or 'not at all'}"

    def result(self, capture: Capture) -> tuple[Placed, str]:
        if not self.days and not self.minutes:
            return Placed.of(capture), ""
        by = datetime.timedelta(days=self.days, minutes=self.minutes)
        wall = capture.local_start.replace(tzinfo=None) + by
        starts_at, note = in_zone(wall.date(), wall.time(), capture.zone)
        warning = CLOCK_NOTES[note] if note else ""
        return _placed(capture, capture.room, starts_at), warning


Action = Cancel | Restore | ToRoom | Shift | Swap


def _in_room(capture: Capture, room: Room) -> tuple[Placed, str]:
    if room.pk == capture.room_id:
        return Placed.of(capture), ""
    if room.building.campus_id != capture.room.building.campus_id:
        raise Unfit("This room is on another campus.")
    wanted = (capture.schedule.input_1, capture.schedule.input_2)
    missing = [str(Input(one).label) for one in wanted if one and one not in room.inputs]
    warning = f"{room} does not offer this input: {', '.join(missing)}." if missing else ""
    return _placed(capture, room, capture.local_start), warning


def _placed(capture: Capture, room: Room, starts_at: datetime.datetime) -> Placed:
    # In UTC: of a time that comes twice in its zone, Python says that it equals no moment of another zone.
    starts_at = starts_at.astimezone(datetime.UTC)
    ends_at = starts_at + (capture.ends_at - capture.starts_at)
    lead, tail = margins_in(capture.schedule, room)
    try:
        times = Times.of(starts_at, ends_at, lead=lead, tail=tail, room=room)
    except ValidationError as error:
        raise Unfit(error.messages[0]) from error
    return Placed(room, times, capture.state, capture.note)


# --- What it means -------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Move:
    """One capture, before → after. `clashes`: what is in the way. `problem`: what else forbids it."""

    capture: Capture
    before: Placed
    after: Placed
    clashes: tuple[Clash, ...] = ()
    problem: str = ""
    warning: str = ""

    @cached_property
    def earlier(self) -> Capture:
        """The capture as it was; not to be saved."""
        return _copy(self.capture, self.before)

    @cached_property
    def result(self) -> Capture:
        """The capture as it would be."""
        return _copy(self.capture, self.after)


def _copy(capture: Capture, placed: Placed) -> Capture:
    row = copy.copy(capture)
    row.room, row.state, row.note = placed.room, placed.state, placed.note
    set_times(row, placed.times)
    return row


@dataclass(frozen=True)
class Plan:
    """`begun`: left out, because they have begun or are over. `unchanged`: nothing to do to them."""

    action: Action
    moves: tuple[Move, ...] = ()
    unchanged: tuple[Capture, ...] = ()
    begun: tuple[Capture, ...] = ()

    @property
    def clashing(self) -> tuple[Move, ...]:
        return tuple(one for one in self.moves if one.clashes)

    @property
    def unfit(self) -> tuple[Move, ...]:
        return tuple(one for one in self.moves if one.problem)

    @property
    def can_be_done(self) -> bool:
        return bool(self.moves) and not self.clashing and not self.unfit

    @cached_property
    def key(self) -> str:
        """Names what is shown: if it is not what would be done any more, it is shown again first."""
        said = [
            str(self.action),
            *(
                f"{one.capture.pk} {one.before.room.pk} {one.before.times.occupied} {one.before.state} "
                f"{one.after.room.pk} {one.after.times.starts_at.timestamp()} {one.after.times.occupied}"
                for one in self.moves
            ),
            *(f"-{one.pk}" for one in self.begun),
        ]
        return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


def is_begun(capture: Capture, now: datetime.datetime) -> bool:
    return capture.recording_starts_at <= now or capture.state not in (State.SCHEDULED, State.CANCELLED)


def plan(captures: Iterable[Capture], action: Action, user: User) -> Plan:
    """What the action would do to these captures (`with_names`), in a fixed number of queries."""
    now = timezone.now()
    moves: list[Move] = []
    unchanged, begun = [], []
    theirs = set(Room.objects.manageable_by(user).values_list("pk", flat=True))
    for capture in captures:
        if is_begun(capture, now):
            begun.append(capture)
            continue
        before = Placed.of(capture)
        try:
            after, warning = action.result(capture)
        except Unfit as error:
            moves.append(Move(capture, before, before, problem=str(error)))
            continue
        if after == before:
            unchanged.append(capture)
        else:
            problem = _problem(before, after, now, theirs)
            moves.append(Move(capture, before, after, problem=problem, warning=warning))
    return Plan(action, tuple(_judged(moves, user)), tuple(unchanged), tuple(begun))


def _problem(before: Placed, after: Placed, now: datetime.datetime, theirs: Collection[int]) -> str:
    if after.times.recording_starts_at <= now:
        return "This time is in the past."
    newly_taken = (after.room, after.times) != (before.room, before.times)
    if newly_taken and after.room.pk not in theirs:
        return "You do not schedule in this room."
    return ""


def _judged(moves: Sequence[Move], user: User) -> list[Move]:
    """With the clashes of the result: with what stays, and with each other."""
    taking = [one for one in moves if one.after.takes_the_room and not one.problem]
    wanted = [Wanted(one.after.room, one.after.times) for one in taking]
    leaving = [one.capture.pk for one in moves if not one.problem]
    found: dict[int, list[Clash]] = defaultdict(list)
    for position, clashes in conflicts.in_the_way(wanted, user=user, leaving=leaving).items():
        found[taking[position].capture.pk] += clashes
    for first, second in conflicts.among(wanted):
        one, other = taking[first], taking[second]
        found[one.capture.pk].append(Clash(other.result))
        found[other.capture.pk].append(Clash(one.result))
    return [
        Move(one.capture, one.before, one.after, tuple(found[one.capture.pk]), one.problem, one.warning)
        for one in moves
    ]


# --- Doing it ------------------------------------------------------------------------------------------
def carry_out(
    keys: Collection[int], action: Action, user: User, *, key: uuid.UUID, seen: str | None = None
) -> BulkChange:
    """Does to the captures with these keys what `plan` says, once for each key: the same key again does nothing.

    `seen`: the key of the plan that was shown. Raises NotSeen if it would be another one by now, RoomTaken,
    TooLate if all have begun, ValidationError; nothing is saved then. Captures of others are passed over.
    """
    with refusing_overlaps():
        bulk, first = BulkChange.objects.get_or_create(key=key, defaults={"created_by": user})
        if not first:
            if bulk.created_by_id != user.pk or bulk.action != str(action):
                raise NotSeen
            return bulk
        targets = [getattr(action, name) for name in ("room", "first", "second") if hasattr(action, name)]
        rows = _held(keys, user, targets)
        planned = plan(rows, action, user)
        if seen is not None and seen != planned.key:
            raise NotSeen
        _refuse(planned)
        bulk.action = str(action)
        bulk.before = {str(one.capture.pk): values_of(one.capture) for one in planned.moves}
        _write([_written(one, user) for one in planned.moves], bulk.action, user)
        # Read again, not taken from memory: what an undo will compare with is what the database says.
        bulk.after = {str(row.pk): values_of(row) for row in Capture.objects.filter(pk__in=bulk.before)}
        bulk.save()
    return bulk


def _held(keys: Collection[int], user: User, targets: Sequence[Room] = ()) -> list[Capture]:
    """These captures as they are now, until the transaction ends nobody else's, and neither are their rooms."""
    found = Capture.objects.manageable_by(user).filter(pk__in=keys)
    rooms = Room.objects.filter(pk__in=found.values("room"))
    hold_rooms(*rooms, *targets)
    # Each key first, the names afterwards: a row that was waited for is read as it is then.
    locked = [row.pk for row in found.order_by("pk").select_for_update(of=("self",))]
    return list(Capture.objects.filter(pk__in=locked).with_names().order_by("starts_at", "pk"))


def _refuse(planned: Plan) -> None:
    if planned.unfit:
        one = planned.unfit[0]
        raise ValidationError(f"{one.capture.title}, {one.capture.when.date}: {one.problem} Nothing was saved.")
    if planned.clashing:
        raise RoomTaken(_by_date(planned.clashing))
    if not planned.moves and planned.begun and not planned.unchanged:
        raise TooLate("All of these captures have begun, so they cannot be changed any more.")
    if not planned.moves:
        raise ValidationError("This changes none of these captures. Nothing was saved.")


def _by_date(clashing: Iterable[Move]) -> dict[datetime.date, list[Clash]]:
    found: dict[datetime.date, list[Clash]] = defaultdict(list)
    for one in clashing:
        found[one.result.local_start.date()] += one.clashes
    return dict(found)


def _written(move: Move, user: User) -> Capture:
    row = move.result
    row.edited = True
    if row.state != move.before.state:
        row.cancelled_by = user if row.state == State.CANCELLED else None
    return row


def _write(rows: Sequence[Capture], action: str, user: User) -> None:
    """The places of what moves are given up first: captures may take each other's."""
    keys = [row.pk for row in rows]
    before = {row.pk: row for row in Capture.objects.filter(pk__in=keys).with_names()}
    Capture.objects.filter(pk__in=keys).update(state=State.CANCELLED)
    now = timezone.now()
    for row in rows:
        row.sequence, row.changed_at = before[row.pk].sequence + 1, now
    Capture.objects.bulk_update(rows, [*FIELDS, "sequence", "changed_at"])
    for row in rows:
        differences = differences_between(_shown(before[row.pk]), _shown(row))
        Change.record(row, action, actor=user, schedule_id=row.schedule_id, differences=differences)


def _shown(capture: Capture) -> list[tuple[str, str]]:
    return [*shown_values(capture), ("State", Placed.of(capture).state_in_words)]


# --- Undo ----------------------------------------------------------------------------------------------
MOMENTS = ("starts_at", "ends_at", "recording_starts_at", "recording_ends_at")
FIELDS = (*MOMENTS, "occupied", "room", "state", "edited", "cancelled_by", "note")


def values_of(capture: Capture) -> dict[str, Any]:
    """What a change of several captures may change, for JSON."""
    period = capture.occupied
    return {
        **{name: _moment(getattr(capture, name)) for name in MOMENTS},
        "occupied": [_moment(period.lower), _moment(period.upper)],
        "room": capture.room_id,
        "state": str(capture.state),
        "edited": capture.edited,
        "cancelled_by": capture.cancelled_by_id,
        "note": capture.note,
    }


def _moment(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat()


def with_values(capture: Capture, values: dict[str, Any], rooms: dict[int, Room]) -> Capture:
    """The capture as it was or became; raises KeyError if its room is gone."""
    row = copy.copy(capture)
    for name in MOMENTS:
        setattr(row, name, datetime.datetime.fromisoformat(values[name]))
    lower, upper = (datetime.datetime.fromisoformat(one) for one in values["occupied"])
    row.occupied = DateTimeTZRange(lower, upper)
    row.room = rooms[values["room"]]
    row.state, row.edited, row.note = values["state"], values["edited"], values["note"]
    row.cancelled_by_id = values["cancelled_by"]
    return row


def done(bulk: BulkChange) -> tuple[list[Move], int]:
    """What a change did, capture by capture, and how many of its captures do not exist any more."""
    rows = list(Capture.objects.filter(pk__in=bulk.before).with_names().order_by("starts_at", "pk"))
    rooms = rooms_of(bulk)
    moves = []
    for row in rows:
        old, new = bulk.before[str(row.pk)], bulk.after[str(row.pk)]
        if old["room"] in rooms and new["room"] in rooms:
            before, after = with_values(row, old, rooms), with_values(row, new, rooms)
            moves.append(Move(row, Placed.of(before), Placed.of(after)))
    moves.sort(key=lambda one: (one.before.times.starts_at, one.capture.pk))
    return moves, len(bulk.before) - len(moves)


def rows_of(bulk: BulkChange, user: User) -> list[Capture]:
    """Its captures as they are now, as far as this person may change them."""
    return list(Capture.objects.manageable_by(user).filter(pk__in=bulk.before))


def rooms_of(bulk: BulkChange) -> dict[int, Room]:
    keys = {values["room"] for values in (*bulk.before.values(), *bulk.after.values())}
    return Room.objects.with_place().in_bulk(list(keys))


def why_not_undone(bulk: BulkChange, rows: Sequence[Capture]) -> str:
    """Empty if the change can be taken back, but for rooms that somebody else has taken."""
    now = timezone.now()
    if bulk.undone_at is not None:
        return "This was undone already."
    if any(is_begun(row, now) for row in rows):
        return "Some of these captures have begun, so this cannot be undone any more."
    if len(rows) < len(bulk.before) or any(_changed_since(row, bulk.after[str(row.pk)]) for row in rows):
        return "Some of these captures were changed since, so this cannot be undone. Change them one by one."
    if {values["room"] for values in bulk.before.values()} - set(rooms_of(bulk)):
        return "A room of these captures was deleted since, so this cannot be undone. Change them one by one."
    starts = [datetime.datetime.fromisoformat(one["recording_starts_at"]) for one in bulk.before.values()]
    if any(start <= now for start in starts):
        return "Some of these captures would have begun by now, so this cannot be undone any more."
    return ""


def _changed_since(row: Capture, written: dict[str, Any]) -> bool:
    """Whether it is elsewhere or in another state by now."""
    now = values_of(row)
    return any(now[name] != written[name] for name in (*MOMENTS, "occupied", "room", "state", "note"))


def undo(bulk: BulkChange, user: User) -> None:
    """Gives each capture back what it had. Raises TooLate, and RoomTaken if somebody else has a room by now."""
    with refusing_overlaps():
        bulk = BulkChange.objects.select_for_update(of=("self",)).get(pk=bulk.pk)
        rooms = rooms_of(bulk)
        rows = _held([int(key) for key in bulk.before], user, list(rooms.values()))
        reason = why_not_undone(bulk, rows)
        if reason:
            raise TooLate(reason)
        restored = [with_values(row, bulk.before[str(row.pk)], rooms) for row in rows]
        _forget_who_is_gone(restored)
        pairs = zip(rows, restored, strict=True)
        moves = [Move(row, Placed.of(row), Placed.of(earlier)) for row, earlier in pairs]
        clashing = [one for one in _judged(moves, user) if one.clashes]
        if clashing:
            raise RoomTaken(_by_date(clashing))
        _write(restored, f"Undone: {bulk.action}", user)
        BulkChange.objects.filter(pk=bulk.pk).update(undone_at=timezone.now())


def _forget_who_is_gone(rows: Sequence[Capture]) -> None:
    people = get_user_model().objects.filter(pk__in=[row.cancelled_by_id for row in rows])
    known = set(people.values_list("pk", flat=True))
    for row in rows:
        if row.cancelled_by_id not in known:
            row.cancelled_by = None
