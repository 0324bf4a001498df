"""Our own schedules file; Echo360's is taken in its place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.db import models

from accounts.roles import Role
from schedules.models import CaptureSchedule, Input, Room, Section
from schedules.models.captures import Quality
from schedules.models.changes import Difference

from . import cells as written
from . import echo360, publishing
from .base import Cells, Column, FileKind, external_id
from .outcome import Kind, Refusal
from .publishing import Availability
from .schedule_saving import ScheduleKind, Wanted

if TYPE_CHECKING:
    from accounts.models import User

    from .reading import Table


class Schedules(ScheduleKind):
    name = "schedules"
    title = "Schedules"
    sentence = "What is recorded where and when, and who gets it. Dates and times are by the clock of the campus."
    importers = (Role.SCHEDULERS,)
    columns = (
        Column("title", "What the recordings are called.", "BIO101 Cell Biology", True),
        Column(
            "campus", "Name of the campus, or its external id. Empty if `room` is an external id.", "North Campus"
        ),
        Column(
            "building",
            "Name of the building, or its external id. Empty if `room` is an external id.",
            "Main Building",
        ),
        Column("room", "Name of the room, or its external id.", "Lecture Hall 1", True),
        Column("starts_on", "First date.", "2045-10-02", True),
        Column("ends_on", "Last date. A weekly schedule needs it.", "2045-12-18"),
        Column("start_time", "Start of the lecture, 24 hours, in the time zone of the campus.", "09:00", True),
        Column(
            "end_time", "End of the lecture. Before the start: on the next day. A new schedule needs it.", "10:00"
        ),
        Column(
            "repeats", "`none` (once) or `weekly`. Empty on a new one: weekly if `weekdays` has days.", "weekly"
        ),
        Column("interval_weeks", "Every how many weeks, from 1 to 26. Empty on a new one: 1.", "1"),
        Column(
            "weekdays",
            "Apart by semicolons: `Mon; Wed`. Whole names and 1 (Monday) to 7 are read too.",
            "Mon; Wed",
        ),
        Column(
            "excluded_dates",
            "Dates that are left out, apart by semicolons. With a + before it, a date is recorded although it"
            " is a non-teaching day: `2045-10-09; +2045-10-25`.",
            "2045-10-09",
        ),
        Column(
            "course_code",
            "Course of the section that gets the recordings. Several sections: in each of these three columns"
            " one for all or one for each, apart by semicolons. All three empty: published to nobody "
            "(administrators only).",
            "BIO101",
        ),
        Column("term", "Term of the section.", "Autumn 2045"),
        Column(
            "section_number",
            "Number of the section, `001` if empty; or the section's external id, with `course_code` and "
            "`term` empty.",
            "001",
        ),
        Column("instructor_email", "E-mail or external id of whom the recordings belong to.", "ira@example.edu"),
        Column(
            "input_1",
            "First input: `display`, `camera`, `alternate`, `document`, `audio`, as the room offers; or `none`.",
            "display",
        ),
        Column("input_2", "Second input, or `none`.", "camera"),
        Column("quality", "`standard`, `high` or `highest`.", "standard"),
        Column("live", "`yes` or `no`: whether it can be watched while it happens.", "no"),
        Column(
            "publish",
            "From when the section has the recordings: `now`, `after 3 days`, `on 2045-10-05` or `held` "
            "(until the instructor releases it); then perhaps until when: `now for 30 days`, `after 3 days "
            "until 2046-01-31`. Several sections: one for all or one for each. Empty: `now`.",
            "after 1 days",
        ),
        external_id("C-2045-77"),
    )

    @classmethod
    def fitting(cls, table: Table) -> type[FileKind]:
        return echo360.Echo360Schedules if echo360.is_theirs(table.header) else cls

    def column(self, field: str) -> str:
        renamed = {
            "duration_minutes": "end_time",
            "presenter": "instructor_email",
            "left_out": "excluded_dates",
            "put_back": "excluded_dates",
            "section": "course_code",
        }
        return renamed.get(field, field)

    def key_parts(self, cells: Cells) -> tuple[str, ...]:
        return (*super().key_parts(cells), cells.text("campus").lower(), cells.text("building").lower())

    def describe(self, cells: Cells) -> str:
        parts = (cells.text(name) for name in ("title", "room", "starts_on", "start_time"))
        return ", ".join(filter(None, parts)) or cells.text("external_id")

    def prepare(self) -> None:
        names = self.accept_header(self.table.header)
        self.rows = rows = [self.cells_of(row, names) for row in self.table.rows]
        codes = {code for row in rows for code in written.parts(row.text("course_code"))}
        titles, ids = {row.text("title") for row in rows}, {row.text("external_id") for row in rows}
        self.read_known(titles, ids, codes)

    def mentioned(self) -> Iterator[Room]:
        for row in self.rows:
            with contextlib.suppress(Refusal):
                yield self.places.room(row.text("campus"), row.text("building"), row.text("room"))

    def carry_out(self, cells: Cells) -> tuple[Kind, models.Model, str, list[Difference]]:
        fields = self._fields(cells)
        wanted = Wanted(fields, cells.read("end_time", written.time))
        availability = cells.read("publish", _availability, [Availability()])
        wanted.availability = availability if cells.has("publish") else None
        cells.check()
        if cells.text("room"):
            fields["room"] = self.places.room(cells.text("campus"), cells.text("building"), cells.text("room"))
        schedule = self.existing(fields)
        if any(cells.has(column) for column in ("course_code", "section_number")):
            wanted.sections = self._sections(cells, schedule)
        return self.save_row(cells, wanted, schedule)

    def _fields(self, cells: Cells) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        cells.put(fields, "external_id")
        for column, reader in (
            ("title", str),
            ("starts_on", written.date),
            ("start_time", written.time),
            ("ends_on", written.date),
            ("repeats", _repeats),
        ):
            if cells.text(column):
                cells.put(fields, column, reader=reader, empty=None)
        cells.put(fields, "interval_weeks", reader=_number, empty=1)
        cells.put(fields, "weekdays", reader=written.weekdays, empty=[])
        if cells.has("excluded_dates"):
            left_out, put_back = cells.read("excluded_dates", _excluded, ([], []))
            fields |= {"left_out": left_out, "put_back": put_back}
        cells.put(fields, "presenter", "instructor_email", self.person, None)
        cells.put(fields, "input_1", reader=_input)
        cells.put(fields, "input_2", reader=_input)
        cells.put(fields, "quality", reader=lambda cell: written.choice(cell, Quality), empty=Quality.STANDARD)
        cells.put(fields, "live", reader=written.yes_or_no, empty=False)
        return fields

    def _sections(self, cells: Cells, schedule: CaptureSchedule | None) -> list[Section]:
        columns = ("course_code", "term", "section_number")
        lists = {column: written.parts(cells.text(column)) for column in columns}
        count = max(len(items) for items in (lists["course_code"], lists["section_number"]))
        also = [one.section for one in schedule.publications.all()] if schedule else []
        rows = [
            cells.read(column, lambda cell: written.each(written.parts(cell), count), [""] * count)
            for column in columns
        ]
        cells.check()
        found = [self.section(code, term, number, also) for code, term, number in zip(*rows, strict=True)]
        return list({one.pk: one for one in found}.values())

    @classmethod
    def export(cls, user: User) -> Iterator[list[str]]:
        for schedule in CaptureSchedule.objects.manageable_by(user).with_names().iterator(chunk_size=500):
            published = list(schedule.publications.all())
            sections = [one.section for one in published]
            dates = [
                *map(str, sorted(set(schedule.left_out))),
                *(f"+{on}" for on in sorted(set(schedule.put_back))),
            ]
            campus = schedule.room.building.campus
            yield [
                schedule.title,
                campus.name,
                schedule.room.building.name,
                schedule.room.name,
                str(schedule.starts_on),
                str(schedule.ends_on),
                written.written_time(schedule.start_time),
                written.written_time(schedule.end_time),
                schedule.repeats,
                str(schedule.interval_weeks),
                written.written_weekdays(schedule.weekdays),
                written.joined(dates),
                written.joined(one.course.code for one in sections),
                written.joined(one.term.name for one in sections),
                written.joined(one.number for one in sections),
                schedule.presenter.email if schedule.presenter else "",
                schedule.input_1 or "none",
                schedule.input_2 or "none",
                schedule.quality,
                written.written_yes(schedule.live),
                written.joined(publishing.written(Availability.of(one)) for one in published),
                schedule.external_id,
            ]


def _availability(cell: str) -> list[Availability]:
    return [publishing.read(item) for item in written.parts(cell)]


def _repeats(cell: str) -> str:
    return written.choice(cell, CaptureSchedule.Repeats)


def _input(cell: str) -> str:
    return "" if cell.lower() == "none" else written.choice(cell, Input)


def _number(cell: str) -> int:
    if not cell.isdecimal() or len(cell) > 4:
        raise ValueError(f"“{cell}” is not a whole number.")
    return int(cell)


def _excluded(cell: str) -> tuple[list[Any], list[Any]]:
    items = written.parts(cell)
    put_back = [item[1:].strip() for item in items if item.startswith("+")]
    return written.dates(item for item in items if not item.startswith("+")), written.dates(put_back)
