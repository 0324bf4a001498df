"""One day of a building: its rooms side by side."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.roles import Role, role_required
from accounts.signed_in import signed_in

from ..conflicts import Clash, visible_keys
from ..models import Building, Campus, Capture, NonTeachingDay, Room
from ..planning import date_in

# Of the drawing, in its own units.
COLUMN, HOUR, LEFT, TOP = 150, 44, 46, 34
# Drawn even if nothing is on; nights only where there is something in them, or the clocks change.
USUAL_HOURS = (7, 21)


@dataclass(frozen=True)
class Block:
    """One recording as it is drawn. `y`, `height`: of the lecture; `outer_…`: with the recorder and the gap."""

    clash: Clash
    x: int
    y: float
    height: float
    outer_y: float
    outer_height: float


@dataclass(frozen=True)
class Column:
    room: Room
    x: int
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Drawing:
    """Hours as they pass: on a night of a clock change the day has 23 or 25 of them, and the axis says so."""

    columns: tuple[Column, ...]
    hours: tuple[tuple[int, str], ...]
    width: int
    height: int
    clocks: str


@role_required(Role.SCHEDULERS)
@require_safe
def day(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    buildings = list(
        Building.objects.filter(campus__in=Campus.objects.manageable_by(user)).select_related("campus")
    )
    building = next((one for one in buildings if str(one.pk) == request.GET.get("building")), None)
    building = building or next(iter(buildings), None)
    if building is None:
        return render(request, "schedules/day.html", {"buildings": []})
    date = date_in(request.GET.get("date", "")) or timezone.now().astimezone(building.campus.zone).date()
    rooms = list(Room.objects.manageable_by(user).with_place().filter(building=building).order_by("name"))
    first, last = _bounds(date, building)
    found = list(
        Capture.objects.filter(room__in=rooms, occupied__overlap=(first, last))
        .exclude(state=Capture.State.CANCELLED)
        .with_names()
        .order_by("starts_at")
    )
    seen = visible_keys([one.pk for one in found], user)
    clashes = [Clash(one, one.pk not in seen) for one in found]
    one_day = datetime.timedelta(days=1)
    context = {
        "buildings": buildings,
        "building": building,
        "date": date,
        "drawing": drawing(rooms, clashes, first, last),
        "lists": [(room, [one for one in clashes if one.capture.room_id == room.pk]) for room in rooms],
        "before": date - one_day if date > datetime.date.min + one_day else None,
        "after": date + one_day if date < datetime.date.max - one_day else None,
        "non_teaching": NonTeachingDay.objects.filter(campus=building.campus, term=None).between(date, date),
    }
    return render(request, "schedules/day.html", context)


def _bounds(date: datetime.date, building: Building) -> tuple[datetime.datetime, datetime.datetime]:
    midnight, zone = datetime.time(), building.campus.zone
    first = datetime.datetime.combine(date, midnight, tzinfo=zone)
    last = datetime.datetime.combine(date + datetime.timedelta(days=1), midnight, tzinfo=zone)
    return first.astimezone(datetime.UTC), last.astimezone(datetime.UTC)


def drawing(rooms: list[Room], clashes: list[Clash], first: datetime.datetime, last: datetime.datetime) -> Drawing:
    """`first`, `last`: the day's midnights in UTC. What reaches over them is cut."""
    zone = rooms[0].zone if rooms else datetime.UTC
    length = round((last - first).total_seconds() / 3600)
    first, last = _hours_drawn(clashes, first, last)
    drawn = round((last - first).total_seconds() / 3600)
    hours = tuple(
        (TOP + HOUR * step, f"{(first + datetime.timedelta(hours=step)).astimezone(zone):%H:%M}")
        for step in range(drawn)
    )

    def y(moment: datetime.datetime) -> float:
        inside = min(max(moment, first), last)
        return round(TOP + HOUR * (inside - first).total_seconds() / 3600, 1)

    columns = []
    for index, room in enumerate(rooms):
        x = LEFT + COLUMN * index
        blocks = [
            Block(
                one,
                x,
                top := y(one.capture.starts_at),
                max(y(one.capture.ends_at) - top, 2),
                outer := y(one.capture.occupied.lower),
                max(y(one.capture.occupied.upper) - outer, 2),
            )
            for one in clashes
            if one.capture.room_id == room.pk
        ]
        columns.append(Column(room, x, tuple(blocks)))
    change = "" if length == 24 else f"The clocks change on this day: it has {length} hours."
    return Drawing(tuple(columns), hours, LEFT + COLUMN * len(rooms) + 4, TOP + HOUR * drawn + 4, change)


def _hours_drawn(
    clashes: list[Clash], first: datetime.datetime, last: datetime.datetime
) -> tuple[datetime.datetime, datetime.datetime]:
    """Whole hours of the day: the usual ones, and as many more as the recordings take."""
    day, hour = last - first, datetime.timedelta(hours=1)
    if day != 24 * hour:
        return first, last
    low, high = (hour * one for one in USUAL_HOURS)
    for one in clashes:
        low = min(low, (one.capture.occupied.lower - first) // hour * hour)
        high = max(high, -((first - one.capture.occupied.upper) // hour) * hour)
    return first + max(low, 0 * hour), first + min(high, day)
