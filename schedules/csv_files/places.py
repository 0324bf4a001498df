"""Finding campuses, buildings and rooms by what a file calls them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from schedules.models import Building, Campus, Room

from .base import Known
from .outcome import refuse


class Places:
    """By name, or by external id."""

    def __init__(self, rooms: Iterable[Room]) -> None:
        self.campuses = Known(Campus.objects.all(), lambda one: (one.name,))
        self.buildings = Known(Building.objects.all(), lambda one: (one.campus_id, one.name))
        self.rooms = Known(rooms, lambda one: (one.building_id, one.name))

    def campus(self, name: str) -> Campus | None:
        return self.campuses.find(name) or self.campuses.by_external_id(name)

    def building(self, campus: Campus, name: str) -> Building | None:
        found = self.buildings.find(campus.pk, name)
        if found is None:
            found = self.buildings.by_external_id(name)
        return found if found is not None and found.campus_id == campus.pk else None

    def room(self, campus_name: str, building_name: str, name: str) -> Room:
        """Without campus and building: by external id, as “Campus › Building › Room”, or by a unique name.

        Raises Refusal with the columns `campus`, `building` or `room`.
        """
        if not campus_name and not building_name:
            return self._anywhere(name)
        campus = self.campus(campus_name)
        if campus is None:
            raise refuse("campus", f"There is no campus “{campus_name}”. Import it with the rooms first.")
        building = self.building(campus, building_name)
        if building is None:
            raise refuse(
                "building", f"{campus} has no building “{building_name}”. Import it with the rooms first."
            )
        found = self.rooms.find(building.pk, name)
        if found is None:
            other = self.rooms.by_external_id(name)
            found = other if other is not None and other.building_id == building.pk else None
        if found is None:
            raise refuse("room", f"{building} has no room “{name}” that is yours to schedule.")
        return found

    @cached_property
    def _by_name(self) -> dict[str, list[Room]]:
        """Rooms by each of the names that are used for them."""
        found: dict[str, list[Room]] = {}
        for one in self.rooms:
            for name in {one.name.lower(), one.place.lower(), str(one).lower()}:
                found.setdefault(name, []).append(one)
        return found

    def _anywhere(self, name: str) -> Room:
        found = self.rooms.by_external_id(name)
        if found is not None:
            return found
        same = self._by_name.get(name.lower(), [])
        if len(same) == 1:
            return same[0]
        if same:
            raise refuse(
                "room", f"{len(same)} rooms are called “{name}”. Name campus and building, or an external id."
            )
        raise refuse("room", f"There is no room “{name}” that is yours to schedule. Name campus and building too.")
