"""Making, changing, cutting short and deleting schedules (one capture alone: `captures.py`).

Each function is one transaction, records what it changed, and does all of it or nothing. A time that somebody else
has taken raises `RoomTaken`, whether it was found beforehand or only by the database.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from psycopg import errors

from . import conflicts, planning
from .conflicts import Clash, Wanted
from .models import Capture, CaptureSchedule, Change, Publication, Room, Term
from .models.changes import Difference, difference
from .planning import Plan, Planned, Times

if TYPE_CHECKING:
    from accounts.models import User

State = Capture.State


class RoomTaken(Exception):
    """`clashes`: what is in the way, by the date of the rule; empty if it came between check and saving."""

    def __init__(self, clashes: dict[datetime.date, list[Clash]] | None = None) -> None:
        self.clashes = clashes or {}
        super().__init__(self.headline)

    @property
    def headline(self) -> str:
        if not self.clashes:
            return "Somebody else took the room in this moment. Nothing was saved. Look at the preview again."
        count = len(self.clashes)
        return f"The room is taken on {'1 date' if count == 1 else f'{count} dates'}. Nothing was saved."


class TooLate(Exception):
    """The capture has begun, or is over."""


@contextmanager
def refusing_overlaps() -> Iterator[None]:
    """The transaction inside which captures are written: the constraint's refusal becomes RoomTaken."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if isinstance(error.__cause__, errors.ExclusionViolation):
            raise RoomTaken from error
        raise


def hold_rooms(*rooms: Room) -> dict[int, Room]:
    """Until the transaction ends, nobody else schedules in these rooms: the second sees what the first saved.

    Without it the constraint would refuse the second all the same, but without a name, or as a deadlock. Gives the
    rooms as they are now, by key: their gap or their campus may have changed since they were read. Raises
    ValidationError if one was deleted.
    """
    held = Room.objects.filter(pk__in={room.pk for room in rooms}).order_by("pk")
    list(held.select_for_update(no_key=True, of=("self",)))
    found = {room.pk: room for room in held.with_place()}
    if any(room.pk not in found for room in rooms):
        raise ValidationError({"room": "This room was deleted meanwhile. Choose another one."})
    return found


def _held(schedule: CaptureSchedule) -> CaptureSchedule:
    """The row as it is now. Until the transaction ends nobody else changes it or its captures, nor do recorders.

    Everybody takes rooms first, then the schedule, then captures: no two wait for each other. Names are read once
    the row is held: a join that was made before a wait would lose the row if its room is another one by now.
    """
    CaptureSchedule.objects.select_for_update().get(pk=schedule.pk)
    list(schedule.captures.select_for_update().order_by("pk").values_list("pk", flat=True))
    return CaptureSchedule.objects.with_names().get(pk=schedule.pk)


# --- Making --------------------------------------------------------------------------------------------
def create_schedule(
    schedule: CaptureSchedule, publications: Sequence[Publication], *, user: User | None
) -> CaptureSchedule:
    """Saves an unsaved schedule, its publications and its captures, in a fixed number of queries.

    Raises ValidationError for a rule that makes no sense or captures in the past, RoomTaken for a conflict.
    """
    with refusing_overlaps():
        schedule.room = hold_rooms(schedule.room)[schedule.room.pk]
        check_inputs(schedule)
        plan = planning.plan(schedule, terms_of(publications))
        if not plan.captures:
            raise ValidationError("Every date is left out: there is nothing to record.")
        planning.check_not_past(plan.captures)
        refuse_clashes(plan.captures, schedule.room, user=user)
        schedule.created_by = user
        schedule.save()
        for one in publications:
            one.schedule = schedule
        Publication.objects.bulk_create(publications)
        Capture.objects.bulk_create([new_capture(schedule, one) for one in plan.captures])
        count = len(plan.captures)
        action = f"Scheduled {'1 capture' if count == 1 else f'{count} captures'}"
        section_id = publications[0].section_id if publications else None
        described = _described(schedule, publications)
        Change.record(
            schedule,
            action,
            actor=user,
            schedule_id=schedule.pk,
            section_id=section_id,
            differences=described,
        )
    return schedule


def terms_of(publications: Sequence[Publication]) -> list[Term]:
    return list({one.section.term_id: one.section.term for one in publications}.values())


def check_inputs(schedule: CaptureSchedule) -> None:
    """Raises ValidationError if nothing would be recorded, or something that the room does not have."""
    chosen = [one for one in (schedule.input_1, schedule.input_2) if one]
    if not chosen:
        raise ValidationError({"input_1": "Choose at least one input."})
    if len(chosen) == 2 and chosen[0] == chosen[1]:
        raise ValidationError({"input_2": "Both inputs are the same. Choose another one, or none."})
    for name, value in (("input_1", schedule.input_1), ("input_2", schedule.input_2)):
        if value and value not in schedule.room.inputs:
            raise ValidationError({name: f"{schedule.room} does not offer this input. Choose another one."})


def new_capture(schedule: CaptureSchedule, one: Planned) -> Capture:
    capture = Capture(schedule=schedule, rule_date=one.on, room=schedule.room, title=schedule.title)
    set_times(capture, one.times)
    return capture


def set_times(capture: Capture, times: Times) -> None:
    capture.starts_at, capture.ends_at = times.starts_at, times.ends_at
    capture.recording_starts_at, capture.recording_ends_at = times.recording_starts_at, times.recording_ends_at
    capture.occupied = times.occupied


def refuse_clashes(
    planned: Sequence[Planned], room: Room, *, user: User | None, leaving: Collection[int] = ()
) -> None:
    """Raises RoomTaken, naming what is in the way, of the others and among these captures themselves."""
    wanted = [Wanted(room, one.times) for one in planned]
    found = conflicts.in_the_way(wanted, user=user, leaving=leaving)
    if found:
        raise RoomTaken({planned[position].on: clashes for position, clashes in found.items()})
    together = conflicts.among(wanted)
    if together:
        first, second = together[0]
        one, other = planned[first].times.starts_at, planned[second].times.starts_at
        raise ValidationError(
            f"The captures of {one:%-d %B %Y, %H:%M} and {other:%-d %B %Y, %H:%M} overlap. Shorten them."
        )


def _described(schedule: CaptureSchedule, publications: Sequence[Publication]) -> list[Difference]:
    """A new schedule in words, as differences from nothing."""
    entries = [(label, "", value) for label, value in summary(schedule, publications)]
    return [entry for entry in entries if entry[2]]


def summary(schedule: CaptureSchedule, publications: Sequence[Publication]) -> list[tuple[str, str]]:
    """What a schedule says, in words: for records of changes and for comparing two versions."""
    left_out = [f"{on:%-d %b %Y}" for on in schedule.left_out]
    put_back = [f"{on:%-d %b %Y}" for on in schedule.put_back]
    inputs = [schedule.get_input_1_display(), schedule.get_input_2_display()]
    return [
        ("Title", schedule.title),
        ("Room", schedule.room.place),
        ("First date", f"{schedule.starts_on:%-d %b %Y}"),
        ("Last date", f"{schedule.ends_on:%-d %b %Y}"),
        (
            "Time",
            f"{schedule.start_time:%H:%M}–{schedule.end_time:%H:%M} ({schedule.room.building.campus.time_zone})",
        ),
        ("Repeats", schedule.rule_in_words),
        ("Left out", ", ".join(left_out)),
        ("Put back", ", ".join(put_back)),
        ("Presenter", conflicts.whose_of(schedule)),
        ("Starts early by", f"{schedule.lead} seconds"),
        ("Ends late by", f"{schedule.tail} seconds"),
        ("Inputs", ", ".join(one for one in inputs if one)),
        ("Quality", schedule.get_quality_display()),
        ("Live stream", "yes" if schedule.live else "no"),
        ("Captions", "yes" if schedule.captions else "no"),
        *[(f"Published to {one.section}", one.in_words) for one in publications],
    ]


# --- Changing ------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Effect:
    """What a change of a schedule does to captures that have not begun. `kept`: changed by hand, left alone."""

    added: tuple[Planned, ...] = ()
    moved: tuple[tuple[Capture, Planned], ...] = ()
    removed: tuple[Capture, ...] = ()
    kept: tuple[Capture, ...] = ()
    unchanged: int = 0
    begun: int = 0

    @property
    def changes_anything(self) -> bool:
        return bool(self.added or self.moved or self.removed)


def effect_of(
    changed: CaptureSchedule,
    plan: Plan,
    *,
    from_date: datetime.date | None = None,
    by_hand_too: bool = False,
    now: datetime.datetime | None = None,
) -> Effect:
    """What saving `changed`, an edited copy of a saved schedule, would do. Begun captures are never touched.

    `from_date`: captures and dates before it are left as they are. `by_hand_too`: captures that were moved,
    renamed or cancelled by hand follow the schedule again.
    """
    now = now or timezone.now()
    rows = {one.rule_date: one for one in changed.captures.select_related("room__building__campus")}
    planned = {one.on: one for one in plan.captures}
    added, moved, removed, kept, unchanged, begun = [], [], [], [], 0, 0
    for on, capture in sorted(rows.items()):
        if capture.recording_starts_at <= now or capture.state not in (State.SCHEDULED, State.CANCELLED):
            begun += 1
        elif from_date is not None and on < from_date:
            unchanged += 1
        elif capture.edited and not by_hand_too:
            kept.append(capture)
        elif on not in planned:
            if capture.state == State.SCHEDULED:
                removed.append(capture)
        elif _differs(capture, changed, planned[on]):
            moved.append((capture, planned[on]))
        else:
            unchanged += 1
    for on, one in sorted(planned.items()):
        if on not in rows and one.times.recording_starts_at > now and (from_date is None or on >= from_date):
            added.append(one)
    return Effect(tuple(added), tuple(moved), tuple(removed), tuple(kept), unchanged, begun)


def _differs(capture: Capture, schedule: CaptureSchedule, one: Planned) -> bool:
    return (
        capture.state != State.SCHEDULED
        or capture.room_id != schedule.room.pk
        or capture.title != schedule.title
        or capture.occupied != one.times.occupied
        or capture.starts_at != one.times.starts_at.astimezone(datetime.UTC)  # in UTC as in `Times.of`
        or capture.ends_at != one.times.ends_at.astimezone(datetime.UTC)
        or capture.edited
    )


def change_schedule(
    changed: CaptureSchedule,
    publications: Sequence[Publication],
    *,
    user: User | None,
    from_date: datetime.date | None = None,
    by_hand_too: bool = False,
) -> Effect:
    """Saves an edited schedule and does to its captures what `effect_of` says. Nothing begun is touched.

    Captures that fall away are cancelled, not deleted, so that calendars learn of it. Raises as `create_schedule`.
    """
    with refusing_overlaps():
        was_in = CaptureSchedule.objects.select_related("room").get(pk=changed.pk).room
        changed.room = hold_rooms(changed.room, was_in)[changed.room.pk]
        before = _held(changed)
        old = summary(before, list(before.publications.all()))
        check_inputs(changed)
        plan = planning.plan(changed, terms_of(publications))
        effect = effect_of(changed, plan, from_date=from_date, by_hand_too=by_hand_too)
        planning.check_not_past(one for _, one in effect.moved)
        _apply(changed, effect, user=user)
        changed.sequence = before.sequence + 1
        changed.save()
        _replace_publications(changed, publications)
        differences = differences_between(old, summary(changed, publications))
        if differences or effect.changes_anything:
            Change.record(
                changed, _effect_in_words(effect), actor=user, schedule_id=changed.pk, differences=differences
            )
    return effect


def _apply(schedule: CaptureSchedule, effect: Effect, *, user: User | None) -> None:
    leaving = [capture.pk for capture, _ in effect.moved] + [capture.pk for capture in effect.removed]
    refuse_clashes([*effect.added, *(one for _, one in effect.moved)], schedule.room, user=user, leaving=leaving)
    # The rooms of what moves are given up first: captures may take each other's places.
    Capture.objects.filter(pk__in=leaving).update(
        state=State.CANCELLED, sequence=F("sequence") + 1, changed_at=timezone.now(), cancelled_by=user
    )
    moved = []
    for capture, one in effect.moved:
        set_times(capture, one.times)
        capture.room, capture.title, capture.state = schedule.room, schedule.title, State.SCHEDULED
        capture.edited, capture.cancelled_by, capture.note = False, None, ""
        moved.append(capture)
    times = ["starts_at", "ends_at", "recording_starts_at", "recording_ends_at", "occupied"]
    Capture.objects.bulk_update(moved, [*times, "room", "title", "state", "edited", "cancelled_by", "note"])
    Capture.objects.bulk_create([new_capture(schedule, one) for one in effect.added])


def _replace_publications(schedule: CaptureSchedule, publications: Sequence[Publication]) -> None:
    schedule.publications.exclude(section__in=[one.section for one in publications]).delete()
    Publication.objects.bulk_create(
        [
            Publication(
                schedule=schedule,
                section=one.section,
                available=one.available,
                available_days=one.available_days,
                available_on=one.available_on,
                until=one.until,
                until_days=one.until_days,
                until_on=one.until_on,
            )
            for one in publications
        ],
        update_conflicts=True,
        unique_fields=["schedule", "section"],
        update_fields=["available", "available_days", "available_on", "until", "until_days", "until_on"],
    )


def differences_between(before: list[tuple[str, str]], after: list[tuple[str, str]]) -> list[Difference]:
    old, new = dict(before), dict(after)
    labels = [*old, *(label for label in new if label not in old)]
    return [entry for label in labels for entry in difference(label, old.get(label), new.get(label))]


def _effect_in_words(effect: Effect) -> str:
    parts = [
        ("added", len(effect.added)),
        ("changed", len(effect.moved)),
        ("cancelled", len(effect.removed)),
    ]
    told = [f"{count} {'capture' if count == 1 else 'captures'} {what}" for what, count in parts if count]
    return f"Changed: {', '.join(told) or 'no capture'}"


def cut_short(schedule: CaptureSchedule, last: datetime.date, *, user: User | None) -> Effect:
    """Ends a schedule after `last`: what has not begun after it is cancelled, captures changed by hand as well."""
    with transaction.atomic():
        schedule = _held(schedule)
        before = schedule.ends_on
        falling = schedule.captures.not_begun().filter(rule_date__gt=last, state=State.SCHEDULED)
        removed = tuple(falling)
        schedule.captures.filter(pk__in=[one.pk for one in removed]).update(
            state=State.CANCELLED, sequence=F("sequence") + 1, changed_at=timezone.now(), cancelled_by=user
        )
        schedule.ends_on = max(last, schedule.starts_on)
        if last < schedule.starts_on:  # a rule has one date at least
            schedule.left_out = sorted({*schedule.left_out, schedule.starts_on})
        schedule.sequence += 1
        schedule.save(update_fields=["ends_on", "left_out", "sequence"])
        action = f"Ended after {last:%-d %B %Y}: {len(removed)} captures cancelled"
        changed = difference("Last date", before, schedule.ends_on)
        Change.record(schedule, action, actor=user, schedule_id=schedule.pk, differences=changed)
    return Effect(removed=removed)


# --- Deleting ------------------------------------------------------------------------------------------
def undoable(schedule: CaptureSchedule) -> bool:
    """Nothing of it has begun, so that it can go without a trace but the record of changes."""
    captures = schedule.captures.all()
    touched = captures.exclude(state__in=[State.SCHEDULED, State.CANCELLED])
    begun = captures.filter(recording_starts_at__lte=timezone.now(), state=State.SCHEDULED)
    return not touched.exists() and not begun.exists()


def delete_schedule(schedule: CaptureSchedule, *, user: User | None) -> None:
    """Deletes a schedule of which nothing has begun. Raises TooLate otherwise: end it instead."""
    with transaction.atomic():
        row = _held(schedule)
        if not undoable(row):
            raise TooLate("Some of its captures have begun. End the schedule instead: what is recorded stays.")
        publications = list(row.publications.all())
        gone = [(label, value, "") for label, value in summary(row, publications) if value]
        Change.record(row, "Deleted", actor=user, schedule_id=row.pk, differences=gone)
        for one in publications:
            action = f"The schedule “{row}” was deleted"
            Change.record(one.section, action, actor=user, section_id=one.section_id)
        row.delete()
