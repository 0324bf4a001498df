"""Echo360's own schedule file, with its nineteen columns, taken as it is.

What its ids mean here: an external id, or the name that we give the thing.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db import models

from schedules.models import CaptureSchedule, Input, Publication, Room, Section, Term
from schedules.models.captures import Quality
from schedules.models.changes import Difference

from . import cells as written
from .base import Cells, Column, plain
from .outcome import Kind, Refusal, refuse
from .publishing import MANY_DAYS, Availability
from .schedule_saving import ScheduleKind, Wanted

if TYPE_CHECKING:
    from accounts.models import User

Repeats = CaptureSchedule.Repeats
INPUTS = {"video": Input.CAMERA.value, "video 1": Input.CAMERA.value, "video 2": Input.ALTERNATE.value}
QUALITIES = {"medium": Quality.STANDARD.value}
_NO = {"none", "null", "-"}
_FIELDS = {
    "title": "Name",
    "room": "Room Id",
    "campus": "Room Id",
    "building": "Room Id",
    "starts_on": "Start Date",
    "ends_on": "End Date",
    "start_time": "Start Time",
    "duration_minutes": "Duration Minutes",
    "repeats": "Days Of Week",
    "weekdays": "Days Of Week",
    "left_out": "Exclusion Dates",
    "presenter": "Instructor Id",
    "guest_presenter": "Guest Instructor",
    "captions": "Should Caption",
    "live": "Should Stream Live",
    "input_1": "Input1",
    "input_2": "Input2",
    "quality": "Capture Quality",
    "external_id": "External Id",
    "section": "Sections",
    "course_code": "Sections",
    "section_number": "Sections",
    "term": "Term Id",
    "publish": "Sections",
}


def is_theirs(header: Collection[str]) -> bool:
    """Columns of theirs alone; the external id is ours as well."""
    names = {plain(name) for name in header}
    return names <= {plain(name) for name in Echo360Schedules.header()} and names != {"external_id"}


class Echo360Schedules(ScheduleKind):
    name = "schedules"
    title = "Schedules, as Echo360 writes them"
    sentence = "A schedule file of Echo360, as it is."
    title_column = "Name"
    columns = (
        Column("Start Date", "First date, as 2045-10-02 or 10/02/2045 (month first).", "2045-10-02", True),
        Column("Start Time", "Start, as 09:00 or 09:00:00, by the clock of the campus.", "09:00:00", True),
        Column("End Date", "Last date.", "2045-12-18"),
        Column("Days Of Week", "`MO, WE` or `Monday, Wednesday`. Empty: once.", "MO, WE"),
        Column("Exclusion Dates", "Dates that are left out, apart by commas, semicolons or |.", "2045-10-09"),
        Column("Duration Minutes", "Length in minutes.", "60"),
        Column("Term Id", "External id or name of the term of the sections.", "T-2045-1"),
        Column("Name", "Title.", "BIO101 Cell Biology", True),
        Column("Room Id", "External id of the room, or its name.", "R-101", True),
        Column(
            "Sections",
            "External id of the section, or its course code with Term Id given; then `=immediate`, or "
            "`=relative|3` for three days after. Several apart by commas or semicolons.",
            "S-2045-BIO101=relative|1",
        ),
        Column("Instructor Id", "External id or e-mail of whom the recordings belong to.", "P-1001"),
        Column("Guest Instructor", "Name of somebody without an account.", ""),
        Column("Should Caption", "`TRUE` or `FALSE`.", "FALSE"),
        Column("Should Stream Live", "`TRUE` or `FALSE`.", "FALSE"),
        Column("Input1", "`Display`, `Video` (our camera) or one of our inputs.", "Display"),
        Column("Input2", "The same, or empty.", "Video"),
        Column("Capture Quality", "`Medium` (our standard), `High`, `Highest`.", "Medium"),
        Column("Stream Quality", "Read and not used: a stream has the quality of its recording.", "Medium"),
        Column("External Id", "With it a row is known by it alone.", "C-2045-77"),
    )

    @classmethod
    def accept_header(cls, header: Collection[str]) -> dict[str, str]:
        # The same rules, with their name for external_id.
        names = {plain(name): name for name in cls.header()}
        found = {name: names[plain(name)] for name in header if plain(name) in names}
        if "External Id" in found.values():
            return found
        return super().accept_header(header)

    def column(self, field: str) -> str:
        return _FIELDS.get(field, field)

    @property
    def first_key(self) -> str:
        return "Name"

    def describe(self, cells: Cells) -> str:
        parts = (cells.text(name) for name in ("Name", "Room Id", "Start Date", "Start Time"))
        return ", ".join(filter(None, parts)) or cells.text("External Id")

    def prepare(self) -> None:
        names = self.accept_header(self.table.header)
        self.rows = rows = [self.cells_of(row, names) for row in self.table.rows]
        ids = {name for row in rows for name, _ in _pairs(row.text("Sections"))}
        titles = {row.text("Name") for row in rows}
        self.read_known(titles, {row.text("External Id") for row in rows}, ids)

    def mentioned(self) -> Iterator[Room]:
        for row in self.rows:
            with contextlib.suppress(Refusal):
                yield self._room(row.text("Room Id"))

    def carry_out(self, cells: Cells) -> tuple[Kind, models.Model, str, list[Difference]]:
        fields = self._fields(cells)
        published = cells.read("Sections", _published, [])
        cells.check()
        if cells.text("Room Id"):
            fields["room"] = self._room(cells.text("Room Id"))
        term = self._term(cells.text("Term Id"))
        wanted = Wanted(fields)
        if cells.has("Sections"):
            by_section = {self._section(name, term): availability for name, availability in published}
            wanted.sections = list(by_section)
            wanted.availability = list(by_section.values()) or None
        schedule = self.existing(fields)
        if schedule is not None and wanted.sections is not None and wanted.availability is not None:
            wanted.availability = _keeping_ends(wanted.sections, wanted.availability, schedule)
        return self.save_row(cells, wanted, schedule)

    def _fields(self, cells: Cells) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        cells.put(fields, "external_id", "External Id")
        for name, column, reader in (
            ("title", "Name", str),
            ("starts_on", "Start Date", _date),
            ("start_time", "Start Time", written.time),
            ("ends_on", "End Date", _date),
            ("duration_minutes", "Duration Minutes", _minutes),
        ):
            if cells.text(column):
                cells.put(fields, name, column, reader, None)
        if cells.has("Days Of Week"):
            days = cells.read("Days Of Week", written.weekdays, [])
            fields |= {"weekdays": days, "repeats": Repeats.WEEKLY if days else Repeats.NONE}
        cells.put(fields, "left_out", "Exclusion Dates", _dates, [])
        cells.put(fields, "presenter", "Instructor Id", self.person, None)
        cells.put(fields, "guest_presenter", "Guest Instructor")
        cells.put(fields, "captions", "Should Caption", written.yes_or_no, False)
        cells.put(fields, "live", "Should Stream Live", written.yes_or_no, False)
        cells.put(fields, "input_1", "Input1", _input)
        cells.put(fields, "input_2", "Input2", _input)
        quality = Quality.STANDARD.value
        cells.put(
            fields, "quality", "Capture Quality", lambda cell: written.choice(cell, Quality, QUALITIES), quality
        )
        return fields

    def _room(self, text: str) -> Room:
        try:
            return self.places.room("", "", text)
        except Refusal as error:
            raise refuse("Room Id", error.problems[0].reason) from error

    def _term(self, text: str) -> Term | None:
        if not text:
            return None
        found = self.terms.by_external_id(text) or self.terms.find(text)
        if found is None:
            raise refuse("Term Id", f"There is no term with the external id or the name “{text}”.")
        return found

    @cached_property
    def _by_name(self) -> dict[tuple[int, str], list[Section]]:
        """Sections by their whole name (under 0), and by term and course code."""
        found: dict[tuple[int, str], list[Section]] = {}
        for one in self.sections:
            for key in ((0, str(one).lower()), (one.term_id, one.course.code.lower())):
                found.setdefault(key, []).append(one)
        return found

    def _section(self, name: str, term: Term | None) -> Section:
        """By external id; by what we call it; by course code, if the term has one section of that course."""
        section = self.sections.by_external_id(name)
        if section is None:
            same = self._by_name.get((0, name.lower()), [])
            if not same and term is not None:
                same = self._by_name.get((term.pk, name.lower()), [])
            if len(same) > 1:
                raise refuse("Sections", f"{len(same)} sections fit “{name}”. Use external ids.")
            section = same[0] if same else None
        if section is None:
            raise refuse("Sections", f"There is no section “{name}” that is yours to schedule. Import it first.")
        if term is not None and section.term_id != term.pk:
            raise refuse("Term Id", f"{section} is not in the term {term}.")
        return section

    @classmethod
    def export(cls, user: User) -> Iterator[list[str]]:
        return iter(())  # ours is the file that is written


def _date(cell: str) -> Any:
    return written.date(cell, american=True)


def _dates(cell: str) -> list[Any]:
    return written.dates((item for item in re.split(r"[,;|\s]+", cell) if item), american=True)


def _minutes(cell: str) -> int:
    if not cell.isdecimal() or len(cell) > 4:
        raise ValueError(f"“{cell}” is not a number of minutes.")
    return int(cell)


def _quality(cell: str) -> str:
    return written.choice(cell, Quality, QUALITIES)


def _input(cell: str) -> str:
    return "" if cell.lower() in _NO else written.choice(cell, Input, INPUTS)


def _pairs(cell: str) -> list[tuple[str, str]]:
    """(id, how it is published) of each section."""
    items = [item.strip() for item in re.split(r"[,;\n]", cell) if item.strip()]
    apart = [item.rpartition("=") if "=" in item else (item, "", "") for item in items]
    return [(name.strip(), how.strip()) for name, _, how in apart]


def _published(cell: str) -> list[tuple[str, Availability]]:
    return [(name, _availability(how)) for name, how in _pairs(cell)]


def _availability(how: str) -> Availability:
    if how.lower() in ("", "immediate"):
        return Availability()
    if how.lower() in ("never", "unavailable"):
        return Availability(Publication.Available.HELD)
    found = re.fullmatch(r"relative\|(\d{1,5})", how, re.IGNORECASE)
    if found and int(found[1]) <= MANY_DAYS:
        days = int(found[1])
        return Availability(Publication.Available.AFTER_DAYS, days) if days else Availability()
    concrete = re.fullmatch(r"concrete\|(\S{8,10})(?:T\S*)?", how, re.IGNORECASE)
    if concrete:
        return Availability(Publication.Available.ON_DATE, available_on=_date(concrete[1]))
    raise ValueError(f"“={how}” is not understood. Write =immediate, or =relative|3 for three days after.")


def _keeping_ends(
    sections: list[Section], availability: list[Availability], schedule: CaptureSchedule
) -> list[Availability]:
    """Their file does not say until when: what was chosen here stays."""
    present = {one.section_id: Availability.of(one) for one in schedule.publications.all()}
    kept = []
    for section, new in zip(sections, availability, strict=True):
        old = present.get(section.pk, new)
        kept.append(
            Availability(
                new.available, new.available_days, new.available_on, old.until, old.until_days, old.until_on
            )
        )
    return kept
