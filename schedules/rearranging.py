"""Changing rooms, campuses and terms under schedules that rest on them: what an administrator may change, and what
that does to captures. Only the future is touched: what has begun, or should have, keeps the times it was given.

`arrange` saves one row with its consequences, `remember` records what was changed, `save` does both; `delete`
removes what nothing rests on. Each is all or nothing, in as many queries for a campus of a hundred thousand
captures as for one of three.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import Count, DateField, F, Func, Model, ProtectedError, Q, QuerySet
from django.db.models.functions import Cast
from django.utils import timezone

from accounts.in_use import uses

from .conflicts import Clash
from .models import (
    Building,
    Campus,
    Capture,
    CaptureSchedule,
    Change,
    Input,
    NonTeachingDay,
    Room,
    SchedulerScope,
    Section,
    Term,
)
from .scheduling import differences_between, refusing_overlaps

if TYPE_CHECKING:
    from accounts.models import User

NAMED = 5
# Without its campus or department this row would let a scheduler schedule everything.
MUST_NOT_GO_ALONG = (SchedulerScope,)


@dataclass(frozen=True)
class Arranged:
    """`moved`: captures with new recording times. `kept`: those that begin too soon for that."""

    moved: int = 0
    kept: int = 0


# --- Saving ---------------------------------------------------------------------------------------------
def save(row: Model, *, user: User | None) -> Arranged:
    """Saves a new or changed row with its consequences and records it. Raises as `arrange`."""
    with transaction.atomic():
        before = described(row)
        arranged = arrange(row)
        remember(row, before, arranged=arranged, user=user)
    return arranged


def arrange(row: Model) -> Arranged:
    """Saves a row; for a room, a building or a campus its captures that have not begun get their new times.

    Raises ValidationError, by field, for what `check` refuses; RoomTaken if a capture came in between.
    """
    if row.pk is None or not isinstance(row, Room | Building | Campus):
        row.save()
        return Arranged()
    with refusing_overlaps():
        now = timezone.now()
        _lock(row)
        check(row, now=now)
        rooms = _rooms_with_other_margins(row)
        row.save()
        return _move(rooms, now) if rooms else Arranged()


def check(row: Model, *, now: datetime.datetime | None = None) -> None:
    """Raises ValidationError, by field, if a saved row cannot become what `row`, a changed copy of it, says."""
    if row.pk is None or not isinstance(row, Room | Building | Campus):
        return
    now = now or timezone.now()
    before = type(row)._base_manager.filter(pk=row.pk).first()
    if before is None:
        return
    _check_zone(before, row, now)
    if isinstance(row, Room):
        _check_inputs(before, row, now)
    rooms = _rooms_with_other_margins(row)
    if rooms:
        _check_times(rooms, now)


def _campus_of(row: Room | Building | Campus) -> Campus:
    if isinstance(row, Room):
        row = row.building
    return row.campus if isinstance(row, Building) else row


def _rooms_of(row: Room | Building | Campus) -> QuerySet[Room]:
    """Those that are saved as lying in it."""
    names = {Room: "pk", Building: "building", Campus: "building__campus"}
    return Room.objects.filter(**{names[type(row)]: row.pk})


def _lock(row: Room | Building | Campus) -> None:
    """Whoever is about to add a capture to one of these rooms waits, and is then seen: its key has to be there."""
    type(row)._base_manager.select_for_update().filter(pk=row.pk).first()
    list(_rooms_of(row).select_for_update().order_by("pk").values_list("pk", flat=True))


def _check_zone(before: Room | Building | Campus, after: Room | Building | Campus, now: datetime.datetime) -> None:
    old, new = _campus_of(before), _campus_of(after)
    if old.time_zone == new.time_zone:
        return
    count = Capture.objects.not_begun(now).filter(room__in=_rooms_of(after), state=Capture.State.SCHEDULED).count()
    if not count:
        return
    field = {Room: "building", Building: "campus", Campus: "time_zone"}[type(after)]
    many = "capture that has" if count == 1 else "captures that have"
    raise ValidationError(
        {
            field: f"The clock would change from {old.time_zone} to {new.time_zone} under {count:,} {many} not "
            "begun. End or cancel them first, and schedule them again afterwards."
        }
    )


def _check_inputs(before: Any, after: Room, now: datetime.datetime) -> None:
    removed = [one for one in before.inputs if one not in after.inputs]
    if not removed:
        return
    ahead = Q(captures__room=after, captures__state=Capture.State.SCHEDULED, captures__recording_starts_at__gt=now)
    using = (
        CaptureSchedule.objects.filter(Q(input_1__in=removed) | Q(input_2__in=removed))
        .annotate(ahead=Count("captures", filter=ahead))
        .filter(ahead__gt=0)
        .order_by("title", "pk")
    )
    count = using.count()
    if not count:
        return
    lines = []
    for one in using[:NAMED]:
        used = [Input(value).label for value in (one.input_1, one.input_2) if value in removed]
        ahead_of_it: int = one.ahead  # type: ignore[attr-defined]  # annotated
        captures = "1 capture" if ahead_of_it == 1 else f"{ahead_of_it:,} captures"
        lines.append(f"“{one.title}” records {' and '.join(used)}: {captures} to come")
    if count > NAMED:
        lines.append(f"and {count - NAMED:,} more")
    names = " and ".join(Input(value).label for value in removed)
    many = "1 schedule" if count == 1 else f"{count:,} schedules"
    headline = f"{names}: still used by {many}. Change the inputs there first."
    raise ValidationError({"inputs": [headline, *lines]})


# --- Recording times ------------------------------------------------------------------------------------
def _margins(room: Room) -> tuple[int, int, int]:
    return room.lead, room.tail, room.turnaround_minutes


def _rooms_with_other_margins(row: Room | Building | Campus) -> list[Room]:
    """The rooms, as they will be, in which recording will start or end, or leave the room, at another time."""
    saved = list(_rooms_of(row).select_related("building__campus").order_by("pk"))
    before = {room.pk: _margins(room) for room in saved}
    for room in saved:
        if isinstance(row, Building):
            room.building = row
        elif isinstance(row, Campus):
            room.building.campus = row
    after = [row] if isinstance(row, Room) else saved
    return [room for room in after if room.pk in before and _margins(room) != before[room.pk]]


# What the captures of some rooms that have not begun would be, with other margins in these rooms. Those that would
# have to begin at once, or would have begun, stay as they are: `first > now`. What is cancelled moves along, to be
# right when it is restored.
_PLANNED = """
    place AS (
        SELECT * FROM unnest(%(rooms)s::bigint[], %(leads)s::int[], %(tails)s::int[], %(gaps)s::int[])
            AS place (room_id, lead, tail, gap)
    ),
    planned AS (
        SELECT capture.id, capture.room_id, capture.state, capture.occupied AS was,
               capture.recording_starts_at AS first_was, capture.recording_ends_at AS last_was, place.gap,
               capture.starts_at - make_interval(secs => COALESCE(schedule.lead_seconds, place.lead)) AS first,
               capture.ends_at + make_interval(secs => COALESCE(schedule.tail_seconds, place.tail)) AS last
        FROM place
        JOIN schedules_capture AS capture ON capture.room_id = place.room_id
        JOIN schedules_captureschedule AS schedule ON schedule.id = capture.schedule_id
        WHERE capture.recording_starts_at > %(now)s AND capture.state IN ('scheduled', 'cancelled')
    ),
    moving AS (
        SELECT id, room_id, state, was, first, last,
               tstzrange(first, last + make_interval(mins => gap)) AS becomes
        FROM planned
        WHERE first > %(now)s AND last > first
          AND (first_was <> first OR last_was <> last
               OR was <> tstzrange(first, last + make_interval(mins => gap)))
    )
"""


def _parameters(rooms: Sequence[Room], now: datetime.datetime) -> dict[str, Any]:
    margins = [_margins(room) for room in rooms]
    return {
        "now": now,
        "rooms": [room.pk for room in rooms],
        "leads": [lead for lead, _, _ in margins],
        "tails": [tail for _, tail, _ in margins],
        "gaps": [gap for _, _, gap in margins],
    }


def _check_times(rooms: Sequence[Room], now: datetime.datetime) -> None:
    """Raises ValidationError if a capture would have nothing left to record, or two would overlap; names them."""
    parameters = _parameters(rooms, now)
    nothing_left = f"""
        WITH {_PLANNED}
        SELECT id, count(*) OVER () FROM planned WHERE last <= first AND state = 'scheduled'
        ORDER BY first LIMIT {NAMED}
    """  # noqa: S608 - our own text
    # Neighbours by their beginning: where any two overlap, two neighbours do.
    overlapping = f"""
        WITH {_PLANNED},
        taken AS (
            SELECT id, room_id, becomes AS period FROM moving WHERE state = 'scheduled'
            UNION ALL
            SELECT capture.id, capture.room_id, capture.occupied
            FROM place JOIN schedules_capture AS capture ON capture.room_id = place.room_id
            WHERE capture.state IN ('scheduled', 'recording') AND capture.occupied && tstzrange(%(now)s, NULL)
              AND NOT EXISTS (SELECT 1 FROM moving WHERE moving.id = capture.id)
        ),
        neighbours AS (
            SELECT lag(id) OVER by_time AS one, lag(period) OVER by_time AS its_period, id AS other, period
            FROM taken WINDOW by_time AS (PARTITION BY room_id ORDER BY lower(period), id)
        )
        SELECT one, other, count(*) OVER () FROM neighbours WHERE its_period && period
        ORDER BY lower(period), other LIMIT {NAMED}
    """  # noqa: S608 - our own text
    with connection.cursor() as cursor:
        cursor.execute(nothing_left, parameters)
        empty = cursor.fetchall()
        cursor.execute(overlapping, parameters)
        pairs = cursor.fetchall()
    if empty:
        count = empty[0][1]
        many = "1 capture" if count == 1 else f"{count:,} captures"
        headline = f"{many} would have nothing left to record. Choose times that cut less off."
        raise ValidationError([headline, *_named([(key,) for key, _ in empty], count)])
    if pairs:
        count = pairs[0][2]
        many = "2 captures" if count == 1 else f"{count:,} pairs of captures"
        headline = (
            f"{many} would overlap, so nothing was changed. Choose less time before, after or between recordings, "
            "or move or cancel one of each pair:"
        )
        raise ValidationError([headline, *_named([(one, other) for one, other, _ in pairs], count)])


def _named(groups: Sequence[tuple[int, ...]], count: int) -> list[str]:
    """One line for each group of captures: room, which, whose, when."""
    found = Capture.objects.with_names().in_bulk([key for group in groups for key in group])
    lines = []
    for group in groups:
        captures = [found[key] for key in group if key in found]
        lines.append(f"{captures[0].room}: {' and '.join(str(Clash(one)) for one in captures)}")
    if count > len(groups):
        lines.append(f"and {count - len(groups):,} more")
    return lines


def _move(rooms: Sequence[Room], now: datetime.datetime) -> Arranged:
    """Gives the captures their new times. The constraint looks at each row as it is written, so those that give up
    time do so first: a neighbour may need it.
    """
    parameters = _parameters(rooms, now) | {"changed": timezone.now()}
    kept = f"""
        WITH {_PLANNED} SELECT count(*) FROM planned WHERE first <= %(now)s AND first <> first_was
        AND state = 'scheduled'
    """  # noqa: S608 - our own text
    give_up = f"""
        WITH {_PLANNED}
        UPDATE schedules_capture AS capture SET occupied = 'empty' FROM moving
        WHERE moving.id = capture.id AND moving.state = 'scheduled' AND NOT moving.was <@ moving.becomes
    """  # noqa: S608 - our own text
    take = f"""
        WITH {_PLANNED},
        written AS (
            UPDATE schedules_capture AS capture
            SET recording_starts_at = moving.first, recording_ends_at = moving.last, occupied = moving.becomes,
                sequence = capture.sequence + 1, changed_at = %(changed)s
            FROM moving WHERE moving.id = capture.id
            RETURNING capture.state
        )
        SELECT count(*) FROM written WHERE state = 'scheduled'
    """  # noqa: S608 - our own text
    with connection.cursor() as cursor:
        cursor.execute(kept, parameters)
        late = cursor.fetchone()[0]
        cursor.execute(give_up, parameters)
        cursor.execute(take, parameters)
        return Arranged(moved=cursor.fetchone()[0], kept=late)


# --- Non-teaching days ----------------------------------------------------------------------------------
def captures_on(day: NonTeachingDay) -> int:
    """How many captures that have not begun fall on it, by the clock of their room; what was put back is meant."""
    around = datetime.timedelta(days=2)
    first = datetime.datetime.combine(day.first, datetime.time(), datetime.UTC) - around
    last = datetime.datetime.combine(day.last, datetime.time(), datetime.UTC) + around
    zone = F("room__building__campus__time_zone")
    captures = (
        Capture.objects.not_begun()
        .filter(state=Capture.State.SCHEDULED, starts_at__range=(first, last))
        .annotate(on=Cast(Func(zone, F("starts_at"), function="timezone"), DateField()))
        .filter(on__range=(day.first, day.last))
        .exclude(schedule__put_back__contains=[F("rule_date")])
    )
    if day.campus_id is not None:
        captures = captures.filter(room__building__campus=day.campus_id)
    if day.term_id is not None:
        of_term = CaptureSchedule.objects.filter(sections__term=day.term_id)
        captures = captures.filter(schedule__in=of_term.values("pk"))
    return captures.count()


# --- Deleting -------------------------------------------------------------------------------------------
def delete(row: Model, *, user: User | None) -> None:
    """Deletes what nothing rests on, and records it. Raises ProtectedError otherwise."""
    with transaction.atomic():
        found = uses(type(row)._base_manager.filter(pk=row.pk), also=MUST_NOT_GO_ALONG)
        if found:
            raise ProtectedError(f"{row} is in use.", {example for use in found for example in use.examples})
        gone = [(label, value, "") for label, value in described(row) if value]
        section_id = row.pk if isinstance(row, Section) else None
        Change.record(row, "Deleted", actor=user, differences=gone, section_id=section_id)
        row.delete()


# --- What was changed -----------------------------------------------------------------------------------
def described(row: Model) -> list[tuple[str, str]]:
    """What is saved of a row, in words, with what is edited on its page; nothing for a row that is not saved."""
    saved = type(row)._base_manager.filter(pk=row.pk).first() if row.pk is not None else None
    if saved is None:
        return []
    fields = [
        (_label(field.verbose_name), _in_words(saved, field))
        for field in saved._meta.concrete_fields
        if not field.primary_key
    ]
    return [*fields, *_contents(saved)]


def _label(verbose_name: Any) -> str:
    name = str(verbose_name)
    return name[:1].upper() + name[1:]


def _in_words(row: Model, field: Any) -> str:
    value = getattr(row, field.name)
    if isinstance(field, ArrayField):
        labels = dict(field.base_field.flatchoices)
        return ", ".join(str(labels.get(one, one)) for one in value)
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(value, datetime.date):
        return f"{value:%-d %b %Y}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)


def _contents(row: Model) -> list[tuple[str, str]]:
    if isinstance(row, Term | Campus):
        days: dict[str, list[str]] = {}
        for day in row.non_teaching_days.select_related("term", "campus"):
            other = day.campus if isinstance(row, Term) else day.term
            days.setdefault(day.name, []).append(f"{_days(day)}{f' ({other})' if other else ''}")
        return [(f"Non-teaching day: {name}", ", ".join(dates)) for name, dates in days.items()]
    if isinstance(row, Section):
        rows = row.teaching.select_related("user")
        return [(f"Instructor: {one.user.email}", "primary" if one.is_primary else "yes") for one in rows]
    return []


def _days(day: NonTeachingDay) -> str:
    if day.first == day.last:
        return f"{day.first:%-d %b %Y}"
    return f"{day.first:%-d %b %Y} – {day.last:%-d %b %Y}"


def remember(
    row: Model, before: Iterable[tuple[str, str]], *, arranged: Arranged | None = None, user: User | None
) -> None:
    """Records how a row differs from `before`, which `described` told; nothing if it does not."""
    old = list(before)
    differences = differences_between(old, described(row))
    if not differences:
        return
    if arranged is not None and arranged.moved:
        differences.append(("Captures with new recording times", "", f"{arranged.moved:,}"))
    section_id = row.pk if isinstance(row, Section) else None
    action = "Changed" if old else "Added"
    Change.record(row, action, actor=user, differences=differences, section_id=section_id)
