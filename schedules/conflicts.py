"""What is in the way: captures in the same room, and the same instructor elsewhere.

The database refuses two captures in a room at once, whatever is asked here (`captures_do_not_overlap_in_a_room`);
this module says beforehand which, whose and when.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection

from .models import Capture, CaptureSchedule, Publication, Room
from .planning import Planned, Times

if TYPE_CHECKING:
    from accounts.models import User


@dataclass(frozen=True)
class Wanted:
    """A time in a room that somebody would like to have."""

    room: Room
    times: Times


@dataclass(frozen=True)
class Clash:
    """`capture`: what is there already. `hidden`: its names are not for this person to see."""

    capture: Capture
    hidden: bool = False

    def __str__(self) -> str:
        """Which, whose, when. Times by the clock of its room."""
        return f"{self.what}, {self.capture.local_start:%a %-d %B %Y}, {self.capture.when.time}"

    @property
    def what(self) -> str:
        """Which and whose."""
        if self.hidden:
            return "another department's recording"
        whose = whose_of(self.capture.schedule)
        return f"“{self.capture.title}”{f' ({whose})' if whose else ''}"

    @property
    def same_day(self) -> str:
        """Which, whose, and the time alone: where the date is told already."""
        return f"{self.what}, {self.capture.when.time}"


def whose_of(schedule: CaptureSchedule) -> str:
    return schedule.guest_presenter or (str(schedule.presenter) if schedule.presenter else "")


def in_the_way(
    wanted: Sequence[Wanted], *, user: User | None, leaving: Collection[int] = ()
) -> dict[int, list[Clash]]:
    """By position in `wanted`: the captures whose time in the room overlaps it, earliest first.

    `leaving`: keys of captures that will not be there any more (those that are being moved). In a fixed
    number of queries, each of which reads no more than what overlaps.
    """
    pairs = _overlapping(wanted)
    keys = {key for _, key in pairs} - set(leaving)
    captures = Capture.objects.with_names().in_bulk(list(keys)) if keys else {}
    seen = visible_keys(keys, user)
    found: dict[int, list[Clash]] = defaultdict(list)
    for position, key in pairs:
        if key in captures:
            found[position].append(Clash(captures[key], hidden=key not in seen))
    for clashes in found.values():
        clashes.sort(key=lambda one: one.capture.starts_at)
    return dict(found)


def visible_keys(keys: Collection[int], user: User | None) -> set[int]:
    if user is None or not keys:
        return set(keys)
    return set(Capture.objects.visible_to(user).filter(pk__in=keys).values_list("pk", flat=True))


def _overlapping(wanted: Sequence[Wanted]) -> list[tuple[int, int]]:
    """(position, key of a capture) for every overlap: one look into the constraint's index for each time."""
    if not wanted:
        return []
    table = connection.ops.quote_name(Capture._meta.db_table)
    statement = f"""
        SELECT wanted.position - 1, capture.id
        FROM unnest(%s::bigint[], %s::tstzrange[]) WITH ORDINALITY AS wanted (room, period, position)
        JOIN LATERAL (
            SELECT id FROM {table}
            WHERE room_id = wanted.room AND occupied && wanted.period AND state IN ('scheduled', 'recording')
        ) AS capture ON true
    """  # noqa: S608 - the table's name comes from the model
    rooms = [one.room.pk for one in wanted]
    periods = [one.times.occupied for one in wanted]
    with connection.cursor() as cursor:
        cursor.execute(statement, [rooms, periods])
        return [(int(position), int(key)) for position, key in cursor.fetchall()]


def among(wanted: Sequence[Wanted]) -> list[tuple[int, int]]:
    """Pairs of positions that are in each other's way: in one room, at one time."""
    pairs = []
    by_room: dict[int, list[int]] = defaultdict(list)
    for position, one in enumerate(wanted):
        by_room[one.room.pk].append(position)
    for positions in by_room.values():
        positions.sort(key=lambda position: wanted[position].times.occupied.lower)
        for index, first in enumerate(positions):
            for second in positions[index + 1 :]:
                if wanted[second].times.occupied.lower >= wanted[first].times.occupied.upper:
                    break
                pairs.append((min(first, second), max(first, second)))
    return pairs


def elsewhere(
    presenters: Iterable[User],
    planned: Sequence[Planned],
    *,
    room: Room,
    user: User | None,
    schedule: CaptureSchedule | None = None,
) -> dict[int, list[Clash]]:
    """By position in `planned`: lectures of the same people at the same time in another room. A warning, no more.

    Of the presenters themselves and of the sections they teach; in a fixed number of queries. The times of the
    captures decide, not the dates of their schedules: those are of other zones, and captures are moved by hand.
    """
    people = [person.pk for person in presenters if person.pk]
    if not people or not planned:
        return {}
    presented = CaptureSchedule.objects.filter(presenter__in=people).values("pk")
    taught = Publication.objects.filter(section__teaching__user__in=people).values("schedule")
    keys = {*presented.values_list("pk", flat=True), *taught.values_list("schedule", flat=True)}
    pairs = _at_the_same_time(keys - {schedule.pk if schedule else None}, planned, room)
    captures = Capture.objects.with_names().in_bulk([key for _, key in pairs])
    seen = visible_keys(captures.keys(), user)
    clashes: dict[int, list[Clash]] = defaultdict(list)
    for position, key in pairs:
        clashes[position].append(Clash(captures[key], hidden=key not in seen))
    return {
        position: sorted(found, key=lambda one: one.capture.starts_at)
        for position, found in sorted(clashes.items())
    }


def _at_the_same_time(schedules: Collection[int], planned: Sequence[Planned], room: Room) -> list[tuple[int, int]]:
    """(position, key of a capture) of these schedules in other rooms, while a planned lecture lasts."""
    if not schedules:
        return []
    table = connection.ops.quote_name(Capture._meta.db_table)
    # Both ends of the range that is read along the index: no capture lasts a day.
    statement = f"""
        SELECT wanted.position - 1, capture.id
        FROM unnest(%s::timestamptz[], %s::timestamptz[]) WITH ORDINALITY AS wanted (first, last, position)
        JOIN {table} AS capture
          ON capture.schedule_id = ANY (%s) AND capture.room_id <> %s
         AND capture.starts_at > wanted.first - interval '1 day' AND capture.starts_at < wanted.last
         AND capture.ends_at > wanted.first AND capture.state IN ('scheduled', 'recording')
    """  # noqa: S608 - the table's name comes from the model
    first = [one.times.starts_at for one in planned]
    last = [one.times.ends_at for one in planned]
    with connection.cursor() as cursor:
        cursor.execute(statement, [first, last, list(schedules), room.pk])
        return [(int(position), int(key)) for position, key in cursor.fetchall()]
