"""Saving what a row of a schedules file wants, ours or another system's, through `scheduling`."""

from __future__ import annotations

import copy
import datetime
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models

from accounts.models import User
from accounts.roles import is_administrator
from schedules import scheduling
from schedules.models import CaptureSchedule, Course, Publication, Room, Section, Term
from schedules.models.changes import Difference, difference
from schedules.scheduling import RoomTaken

from . import cells as written
from .base import CHANGED, Cells, FileKind, Known
from .outcome import Kind, Problem, refuse
from .places import Places
from .publishing import Availability

Repeats = CaptureSchedule.Repeats
# What is compared, beside room, presenter and publications.
PLAIN = (
    "title",
    "starts_on",
    "ends_on",
    "start_time",
    "duration_minutes",
    "repeats",
    "interval_weeks",
    "input_1",
    "input_2",
    "quality",
    "live",
    "captions",
    "guest_presenter",
)
LISTS = ("weekdays", "left_out", "put_back")


@dataclass
class Wanted:
    """What a row says, and nothing else. `end_time`: instead of a length. `sections`: None leaves them alone.

    `availability`: one for each section; None keeps what is, and is "at once" for a new one.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    end_time: datetime.time | None = None
    sections: list[Section] | None = None
    availability: list[Availability] | None = None


class ScheduleKind(FileKind):
    """Common to our file and Echo360's. The names of columns below are the fields of the model."""

    title_column = "title"
    # A new schedule costs about 15 ms with its captures, and the check of a file is one request.
    at_once = 2_000

    def allow_one_more(self) -> None:
        """Raises Refusal if the file has saved as much as it may; unchanged rows do not count."""
        if self.saved >= self.at_once:
            reason = (
                f"Only {self.at_once:,} schedules are saved at a time. Save the good rows, then upload it again."
            )
            raise refuse(self.title_column, reason)

    def read_known(self, titles: set[str], ids: set[str], codes: set[str]) -> None:
        """`codes`: what the file says of courses; `ids`: external ids of schedules."""
        self.places = Places(Room.objects.manageable_by(self.user).with_place())
        self.people = Known(User.objects.all(), lambda one: (one.email,))
        self.terms = Known(Term.objects.all(), lambda one: (one.name,))
        self.courses = Known(Course.objects.all(), lambda one: (one.code,))
        courses = {
            one.pk for code in codes if (one := self.courses.find(code) or self.courses.by_external_id(code))
        }
        sections = Section.objects.manageable_by(self.user).with_names()
        sections = sections.filter(models.Q(course__in=courses) | ~models.Q(external_id=""))
        self.sections = Known(sections, lambda one: (one.course_id, one.term_id, one.number))
        schedules = CaptureSchedule.objects.manageable_by(self.user).with_names()
        schedules = schedules.filter(models.Q(title__in=titles) | models.Q(external_id__in=ids - {""}))
        self.by_id: dict[str, CaptureSchedule] = {}
        self.by_key: dict[tuple[object, ...], list[CaptureSchedule]] = {}
        for schedule in schedules:
            if schedule.external_id:
                self.by_id[schedule.external_id] = schedule
            self.by_key.setdefault(_key(schedule.__dict__), []).append(schedule)
        # In one order, so that two files at once wait for each other and do not block each other.
        scheduling.hold_rooms(*self.mentioned(), *(one.room for one in schedules))
        self.own_sections = set(Section.objects.manageable_by(self.user).values_list("pk", flat=True))

    @abstractmethod
    def mentioned(self) -> Iterable[Room]:
        """The rooms that the file names."""

    def existing(self, fields: dict[str, Any]) -> CaptureSchedule | None:
        """By external id; else by title, room, first date and start, if it has no other external id."""
        external_id = fields.get("external_id", "")
        if external_id and external_id in self.by_id:
            return self.by_id[external_id]
        room = fields.get("room")
        found = self.by_key.get(_key({**fields, "room_id": room.pk if room else None}), [])
        if external_id:
            found = [one for one in found if not one.external_id]
        if len(found) > 1:
            raise refuse(
                self.title_column,
                f"{len(found)} schedules have this title, room, date and start. Use external_id.",
            )
        return found[0] if found else None

    def save_row(
        self, cells: Cells, wanted: Wanted, schedule: CaptureSchedule | None
    ) -> tuple[Kind, models.Model, str, list[Difference]]:
        if schedule is None:
            self.allow_one_more()
            made = self._create(wanted)
            return Kind.CREATED, made, in_words(made), self._created_in_words(made)
        self.touch(schedule, cells)
        entries = self._change(wanted, schedule)
        return Kind.CHANGED if entries else Kind.UNCHANGED, schedule, in_words(schedule), entries

    # --- Making ---
    def _create(self, wanted: Wanted) -> CaptureSchedule:
        fields = dict(wanted.fields)
        for name, words in (
            ("title", "title"),
            ("room", "room"),
            ("starts_on", "first date"),
            ("start_time", "start"),
        ):
            if not fields.get(name):
                raise refuse(self.column(name), f"Enter the {words}: this schedule is new.")
        fields.setdefault("repeats", Repeats.WEEKLY if fields.get("weekdays") else Repeats.NONE)
        if "ends_on" not in fields:
            if fields["repeats"] == Repeats.WEEKLY:
                raise refuse(self.column("ends_on"), "Enter the last date.")
            fields["ends_on"] = fields["starts_on"]
        self._set_length(fields, wanted, None)
        if not fields.get("duration_minutes"):
            raise refuse(self.column("duration_minutes"), "Enter when it ends.")
        for name, usual in zip(("input_1", "input_2"), usual_inputs(fields["room"]), strict=True):
            fields.setdefault(name, usual)
        schedule = CaptureSchedule(**fields)
        self._clean(schedule, None)
        return scheduling.create_schedule(schedule, self._publications(wanted, None), user=self.user)

    def _created_in_words(self, made: CaptureSchedule) -> list[Difference]:
        count = made.captures.count()
        words = [
            (label, value) for label, value in scheduling.summary(made, list(made.publications.all())) if value
        ]
        shown = ("First date", "Last date", "Time", "Repeats", "Left out", "Presenter", "Published")
        entries: list[Difference] = [(label, "", value) for label, value in words if label.startswith(shown)]
        return [*entries, ("Captures", "", str(count))]

    # --- Changing ---
    def _change(self, wanted: Wanted, schedule: CaptureSchedule) -> list[Difference]:
        fields = dict(wanted.fields)
        before_id = schedule.external_id
        self._set_length(fields, wanted, schedule)
        changed = copy.copy(schedule)
        for name, value in fields.items():
            setattr(changed, name, value)
        if changed.repeats == Repeats.NONE and "ends_on" not in fields and schedule.ends_on == schedule.starts_on:
            changed.ends_on = changed.starts_on
        publications = self._publications(wanted, schedule)
        entries: list[Difference] = []
        if _compared(changed, publications) != _compared(schedule, list(schedule.publications.all())):
            self.allow_one_more()
            self._clean(changed, schedule)
            old = scheduling.summary(schedule, list(schedule.publications.all()))
            effect = scheduling.change_schedule(changed, publications, user=self.user)
            entries += scheduling.differences_between(old, scheduling.summary(changed, publications))
            entries += effect_in_words(effect)
        if changed.external_id != before_id:
            self._clean(changed, schedule)
            changed.save(update_fields=["external_id"])
            renamed = difference("External id", before_id, changed.external_id)
            self.record(changed, CHANGED, renamed, schedule_id=changed.pk)
            entries += renamed
        return entries

    def _set_length(self, fields: dict[str, Any], wanted: Wanted, schedule: CaptureSchedule | None) -> None:
        if wanted.end_time is None:
            return
        start = fields.get("start_time") or (schedule.start_time if schedule else None)
        if start is None:
            return
        try:
            fields["duration_minutes"] = written.minutes_between(start, wanted.end_time)
        except ValueError as error:
            raise refuse(self.column("duration_minutes"), str(error)) from error

    def _clean(self, schedule: CaptureSchedule, before: CaptureSchedule | None) -> None:
        """The fields on their own; the rule and the room are judged by `scheduling`."""
        skipped = {
            one.name
            for one in schedule._meta.fields
            if one.is_relation or (before and getattr(schedule, one.attname) == getattr(before, one.attname))
        }
        try:
            schedule.clean_fields(exclude=skipped | set(LISTS))
        except ValidationError as error:
            raise self.refusal(error) from error

    def _publications(self, wanted: Wanted, schedule: CaptureSchedule | None) -> list[Publication]:
        present = {one.section_id: one for one in schedule.publications.all()} if schedule else {}
        sections = [one.section for one in present.values()] if wanted.sections is None else wanted.sections
        lost = [one.section for pk, one in present.items() if pk not in {section.pk for section in sections}]
        for section in lost:
            if section.pk not in self.own_sections:
                raise refuse(
                    self.column("section"), f"It is published to {section} too, which is not yours to change."
                )
        if not sections and not is_administrator(self.user):
            raise refuse(self.column("section"), "Name the section that gets the recordings.")
        if wanted.availability is not None:
            if len(wanted.availability) not in (len(sections), 1):
                raise refuse(
                    self.column("publish"), f"Write one for all, or one for each of {len(sections)} sections."
                )
            many = (
                wanted.availability
                if len(wanted.availability) == len(sections)
                else wanted.availability * len(sections)
            )
            return [one.to(section) for one, section in zip(many, sections, strict=True)]
        kept = [Availability.of(present[one.pk]) if one.pk in present else Availability() for one in sections]
        return [one.to(section) for one, section in zip(kept, sections, strict=True)]

    # --- Looking up ---
    def person(self, cell: str) -> User:
        found = self.people.find(cell.strip().lower()) or self.people.by_external_id(cell)
        if found is None:
            raise ValueError(f"Nobody here has the e-mail or the external id “{cell}”. Add the person first.")
        return found

    def _course(self, code: str) -> Course | None:
        return self.courses.find(code) or self.courses.by_external_id(code)

    def section(self, code: str, term: str, number: str, also: Iterable[Section] = ()) -> Section:
        """By course, term and number; without course or term by external id. `also`: those it is published to."""
        if not (code and term):
            found = self.sections.by_external_id(number or code)
            if found is not None:
                return found
        number = number or "001"
        course = self._course(code)
        if course is None:
            raise refuse("course_code", f"There is no course “{code}”." if code else "Enter the course.")
        known = self.terms.find(term) or self.terms.by_external_id(term)
        if known is None:
            raise refuse("term", f"There is no term “{term}”." if term else "Enter the term of the section.")
        section = self.sections.find(course.pk, known.pk, number)
        if section is None:
            same = [
                one for one in also if (one.course_id, one.term_id, one.number) == (course.pk, known.pk, number)
            ]
            section = same[0] if same else None
        if section is None:
            raise refuse(
                "section_number", f"{course.code} has no section {number} in {known} that is yours to schedule."
            )
        return section

    def taken(self, error: RoomTaken) -> Sequence[Problem]:
        """Names what is in the way, and in which line it is if it is of this file."""
        column = self.column("room")
        clashes = [clash for found in error.clashes.values() for clash in found]
        if not clashes:
            return [Problem(column, error.headline)]
        told = []
        for clash in clashes[:3]:
            line = self.lines.get(clash.capture.schedule_id)
            told.append(f"{clash}{f' (line {line} of this file)' if line else ''}")
        more = len(clashes) - len(told)
        zone = clashes[0].capture.room.building.campus.time_zone
        rest = f"; and {more} more" if more else ""
        return [Problem(column, f"The room is taken: {'; '.join(told)}{rest}. Times of {zone}.")]


def usual_inputs(room: Room) -> tuple[str, str]:
    """Display and camera where the room has them, else the first two that it has."""
    liked = sorted(
        room.inputs, key=lambda one: ("display", "camera").index(one) if one in ("display", "camera") else 2
    )
    first, second, *_ = [*liked, "", ""]
    return first, second


def _key(fields: dict[str, Any]) -> tuple[object, ...]:
    return (fields.get("title"), fields.get("room_id"), fields.get("starts_on"), fields.get("start_time"))


def _compared(schedule: CaptureSchedule, publications: Sequence[Publication]) -> tuple[object, ...]:
    """Equal for two versions of a schedule that mean the same."""
    weekly = schedule.repeats == Repeats.WEEKLY
    plain = [getattr(schedule, name) for name in PLAIN if weekly or name != "interval_weeks"]
    lists = [sorted(set(getattr(schedule, name))) for name in LISTS if weekly or name != "weekdays"]
    published = {one.section_id or one.section.pk: Availability.of(one) for one in publications}
    return (plain, lists, schedule.room_id, schedule.presenter_id, published)


def in_words(schedule: CaptureSchedule) -> str:
    return f"{schedule.title}, {schedule.room}, {schedule.starts_on:%-d %B %Y}, {schedule.start_time:%H:%M}"


def effect_in_words(effect: scheduling.Effect) -> list[Difference]:
    parts = [("added", len(effect.added)), ("changed", len(effect.moved)), ("cancelled", len(effect.removed))]
    told = ", ".join(f"{count} {what}" for what, count in parts if count)
    return [("Captures", "", told)] if told else []
