"""Rooms, with their buildings and campuses."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.db import models

from schedules.models import Building, Campus, CaptureSchedule, Input, Room
from schedules.models.changes import Difference

from . import cells as written
from .base import ADDED, CHANGED, Cells, Column, FileKind, external_id, merge
from .outcome import Kind, refuse
from .places import Places

if TYPE_CHECKING:
    from accounts.models import User


class Rooms(FileKind):
    name = "rooms"
    title = "Rooms"
    sentence = (
        "Where recordings are made. Campuses and buildings that are not known yet are added with their rooms."
    )
    columns = (
        Column("campus", "Name of the campus, or its external id.", "North Campus", key=True),
        Column("building", "Name of the building, or its external id.", "Main Building", key=True),
        Column("room", "Name of the room.", "Lecture Hall 1", key=True),
        Column(
            "time_zone",
            "Time zone of the campus, for example `Europe/London`; a new campus needs it. Empty: as the "
            "campus has it. It cannot be changed here once the campus has schedules.",
            "Europe/London",
        ),
        Column("capture_agent", "The name by which the recorder in the room is known.", "hall-1"),
        Column(
            "inputs",
            "What the recorder can record, apart by semicolons: `display`, `camera`, `alternate`, `document`,"
            " `audio`. A new room without this column gets `display; camera`.",
            "display; camera",
        ),
        Column("notes", "Anything people should know of the room.", "Key at the porter's"),
        external_id("R-101"),
    )

    def prepare(self) -> None:
        self.places = Places(Room.objects.select_related("building__campus"))

    def column(self, field: str) -> str:
        return {"name": "room"}.get(field, field)

    def carry_out(self, cells: Cells) -> tuple[Kind, models.Model, str, list[Difference]]:
        values: dict[str, Any] = {}
        cells.put(values, "capture_agent")
        cells.put(values, "inputs", reader=_inputs, empty=[])
        cells.put(values, "notes")
        cells.put(values, "external_id")
        cells.check()
        room = self.places.rooms.by_external_id(cells.text("external_id"))
        moved = room is not None
        entries: list[Difference] = []
        building, zone = self._building(cells, room)
        entries += zone
        if room is None:
            room = self.places.rooms.find(building.pk, cells.text("room"))
        if room is not None:
            self.touch(room, cells)
        if not values.get("inputs", True):
            if room is not None and room.inputs:
                raise refuse("inputs", "Name at least one input.")
            del values["inputs"]
        kind = Kind.CREATED if room is None else Kind.CHANGED
        changed = copy.copy(room) if room is not None else Room()
        if room is None or moved:
            if cells.has("room"):
                values = {"name": cells.text("room"), **values}
            values = {"building": building, **values}
        differences = self.save_fields(changed, values)
        if differences:
            self.record(changed, ADDED if kind == Kind.CREATED else CHANGED, differences)
        self.fresh(self.places.rooms, changed)
        entries = merge(differences, entries)
        if kind == Kind.CHANGED and not entries:
            kind = Kind.UNCHANGED
        return kind, changed, changed.place, entries

    def _building(self, cells: Cells, room: Room | None) -> tuple[Building, list[Difference]]:
        """Where the file puts the room; made if it is not known. For a known room, where it is already."""
        if room is not None and not cells.text("campus") and not cells.text("building"):
            campus = self.places.campuses.get(room.building.campus_id) or room.building.campus
            return room.building, self._zone(cells, campus)
        for column in ("campus", "building", "room"):
            if not cells.text(column):
                raise refuse(column, f"Enter the {column}.")
        campus_known = self.places.campus(cells.text("campus"))
        if campus_known is None:
            campus_known = self._new_campus(cells)
            zone: list[Difference] = [("New campus", "", f"{campus_known} ({campus_known.time_zone})")]
        else:
            zone = self._zone(cells, campus_known)
        campus = self.places.campuses.get(campus_known.pk) or campus_known
        building = self.places.building(campus, cells.text("building"))
        if building is None:
            building = Building(campus=campus)
            self.record(building, ADDED, self.save_fields(building, {"name": cells.text("building")}))
            self.fresh(self.places.buildings, building)
            zone = [*zone, ("New building", "", str(building))]
        building.campus = campus
        return building, zone

    def _new_campus(self, cells: Cells) -> Campus:
        if not cells.text("time_zone"):
            raise refuse("time_zone", "This campus is new: enter its time zone, for example Europe/London.")
        campus = Campus()
        values = {"name": cells.text("campus"), "time_zone": cells.text("time_zone")}
        self.record(campus, ADDED, self.save_fields(campus, values))
        self.fresh(self.places.campuses, campus)
        self.say(("campus", campus.pk), campus.time_zone, cells, "time_zone")
        return campus

    def _zone(self, cells: Cells, campus: Campus) -> list[Difference]:
        zone = cells.text("time_zone")
        if not zone:
            return []
        self.say(("campus", campus.pk), zone, cells, "time_zone")
        if zone == campus.time_zone:
            return []
        if CaptureSchedule.objects.filter(room__building__campus=campus).exists():
            reason = f"{campus} has schedules by the clock of {campus.time_zone}. Its zone is not changed here."
            raise refuse("time_zone", reason)
        changed = copy.copy(campus)
        differences = self.save_fields(changed, {"time_zone": zone}, label=" of the campus")
        self.record(changed, CHANGED, differences)
        self.fresh(self.places.campuses, changed)
        return differences

    @classmethod
    def export(cls, user: User) -> Iterator[list[str]]:
        for room in Room.objects.manageable_by(user).with_place().iterator(chunk_size=500):
            campus = room.building.campus
            yield [
                campus.name,
                room.building.name,
                room.name,
                campus.time_zone,
                room.capture_agent,
                written.joined(room.inputs),
                room.notes,
                room.external_id,
            ]


def _inputs(cell: str) -> list[str]:
    found = [written.choice(item, Input) for item in written.parts(cell)]
    return list(dict.fromkeys(found))
