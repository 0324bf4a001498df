"""What to do with several captures: one choice, and the fields that belong to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms

from .. import moving
from ..models import Capture, Room

if TYPE_CHECKING:
    from accounts.models import User

CHOICES = [
    ("cancel", "Cancel"),
    ("restore", "Restore"),
    ("room", "Move to another room"),
    ("shift", "Move to another time"),
    ("swap", "Swap two rooms"),
]
BELONGS = {
    "cancel": ("note",),
    "restore": (),
    "room": ("room",),
    "shift": ("days", "minutes"),
    "swap": ("first", "second"),
}
MISSING = "Choose a room."


class MovingForm(forms.Form):
    what = forms.ChoiceField(
        label="What to do",
        choices=CHOICES,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what to do."},
    )
    note = forms.CharField(label="Reason (optional)", max_length=180, required=False)
    room = forms.ModelChoiceField(label="Room", queryset=Room.objects.none(), required=False, empty_label="Choose")
    days = forms.IntegerField(
        label="Days later",
        min_value=-moving.MOST_DAYS,
        max_value=moving.MOST_DAYS,
        required=False,
        help_text="With a minus sign, earlier.",
    )
    minutes = forms.IntegerField(
        label="Minutes later",
        min_value=-moving.MOST_MINUTES,
        max_value=moving.MOST_MINUTES,
        required=False,
        help_text="With a minus sign, earlier.",
    )
    first = forms.ModelChoiceField(
        label="This room", queryset=Room.objects.none(), required=False, empty_label="Choose"
    )
    second = forms.ModelChoiceField(
        label="With this room", queryset=Room.objects.none(), required=False, empty_label="Choose"
    )

    def __init__(self, *args: Any, captures: Sequence[Capture], user: User, **kwargs: Any) -> None:
        """Offers the rooms of the captures' campuses, and for a swap the rooms of the captures themselves."""
        campuses = {one.room.building.campus_id for one in captures}
        rooms = list(dict.fromkeys(one.room_id for one in captures))
        kwargs["initial"] = {"first": next(iter(rooms), None), "second": next(iter(rooms[1:]), None)}
        super().__init__(*args, **kwargs)
        offered = Room.objects.manageable_by(user).with_place().filter(building__campus__in=campuses)
        for name in ("room", "first", "second"):
            field: Any = self.fields[name]
            field.queryset = offered
            field.label_from_instance = _place if len(campuses) > 1 else _place_on_campus
        self.fields["note"].widget.attrs["autocomplete"] = "off"

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        what = given.get("what", "")
        # What was left in the fields of another choice does not matter.
        for name in set(self.errors) - {"what", *BELONGS.get(what, ())}:
            del self.errors[name]
        if what == "room" and not given.get("room") and "room" not in self.errors:
            self.add_error("room", MISSING)
        if what == "shift" and not self.errors and not (given.get("days") or given.get("minutes")):
            self.add_error("days", "Say by how many days or minutes.")
        if what == "swap":
            self._clean_swap(given.get("first"), given.get("second"))
        return given

    def _clean_swap(self, first: Room | None, second: Room | None) -> None:
        for name, room in (("first", first), ("second", second)):
            if room is None and name not in self.errors:
                self.add_error(name, MISSING)
        if first and second and first == second:
            self.add_error("second", "Choose another room than the first.")
        elif first and second and first.building.campus_id != second.building.campus_id:
            self.add_error("second", "Both rooms have to be on the same campus.")

    def action(self) -> moving.Action:
        """After `is_valid`."""
        given = self.cleaned_data
        match given["what"]:
            case "cancel":
                return moving.Cancel(given["note"])
            case "restore":
                return moving.Restore()
            case "room":
                return moving.ToRoom(given["room"])
            case "swap":
                return moving.Swap(given["first"], given["second"])
        return moving.Shift(given["days"] or 0, given["minutes"] or 0)


def _place(room: Room) -> str:
    return room.place


def _place_on_campus(room: Room) -> str:
    return f"{room.building.name} › {room.name}"
