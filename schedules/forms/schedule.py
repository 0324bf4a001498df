"""When, where, what: the fields of a schedule, on the linking page and on the page that changes one."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from ..models import Building, CaptureSchedule, Input, Room
from ..models.captures import max_minutes
from ..planning import in_words
from .fields import DateInput, DatesField, QuietForm, TimeInput, WeekdaysField

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from accounts.models import User

DAY = 24 * 60


class ScheduleForm(QuietForm, forms.ModelForm[CaptureSchedule]):
    """Leaves an instance as the draft that `planning.plan` and `preview` take, saved or not."""

    building = forms.ModelChoiceField(queryset=Building.objects.none(), empty_label="Choose a building")
    room = forms.ModelChoiceField(queryset=Room.objects.none(), empty_label="Choose a room")
    end_time = forms.TimeField(label="End", required=False, widget=TimeInput())
    duration_minutes = forms.IntegerField(
        label="or length (minutes)", required=False, min_value=1, help_text="In place of the end."
    )
    weekdays = WeekdaysField(label="On")
    interval_weeks = forms.IntegerField(
        label="Every … weeks", min_value=1, max_value=26, initial=1, required=False
    )
    ends_on = forms.DateField(label="Last date", required=False, widget=DateInput())
    left_out = DatesField()
    put_back = DatesField()
    presenter_email = forms.EmailField(
        label="Presenter (e-mail)",
        required=False,
        help_text="The recordings belong to this person. An unknown one is added and cannot sign in yet.",
    )

    class Meta:
        model = CaptureSchedule
        fields = [
            "title", "room", "starts_on", "ends_on", "start_time", "repeats", "interval_weeks", "weekdays",
            "left_out", "put_back", "lead_seconds", "tail_seconds", "input_1", "input_2", "quality", "live",
            "captions", "guest_presenter", "external_id",
        ]  # fmt: skip
        widgets = {
            "starts_on": DateInput(),
            "start_time": TimeInput(),
            "repeats": forms.RadioSelect,
        }
        labels = {
            "starts_on": "First date",
            "start_time": "Start",
            "input_1": "Input 1",
            "input_2": "Input 2",
            "guest_presenter": "Guest presenter (name)",
            "external_id": "External id",
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rooms = Room.objects.manageable_by(user)
        self._choices("building").queryset = Building.objects.filter(
            pk__in=rooms.values("building")
        ).select_related("campus")
        building = self._chosen_building()
        in_building = rooms.filter(building_id=int(building)) if building else rooms.none()
        self._choices("room").queryset = in_building.with_place()
        self._choices("room").label_from_instance = lambda one: one.name
        room = self.chosen_room
        for name, label in (("input_1", "Nothing"), ("input_2", "Nothing")):
            field = self.fields[name]
            offered = [choice for choice in Input.choices if room is None or choice[0] in room.inputs]
            field.choices = [("", label), *offered]  # type: ignore[attr-defined]  # a ChoiceField
            field.required = False
        for name in ("lead_seconds", "tail_seconds"):
            inherited = getattr(room, name.removesuffix("_seconds")) if room else None
            known = "" if inherited is None else f" Empty: {inherited}, as the room says."
            self.fields[name].help_text = f"Negative shortens the recording.{known}"

    def _choices(self, name: str) -> Any:
        return self.fields[name]

    def _given(self, name: str) -> str:
        if self.is_bound:
            return str(self.data.get(self.add_prefix(name), ""))
        value = self.get_initial_for_field(self.fields[name], name)
        value = getattr(value, "pk", value)
        return str(value) if value not in (None, "") else ""

    def _chosen_building(self) -> str:
        given = self._given("building")
        return given if given.isdigit() else ""

    @property
    def chosen_room(self) -> Room | None:
        """Known as soon as it is chosen, whatever else is still missing."""
        given = self._given("room")
        rooms: QuerySet[Room] = self._choices("room").queryset
        return rooms.filter(pk=given).first() if given.isdigit() else None

    @property
    def zone_name(self) -> str:
        room = self.chosen_room
        return room.zone.key if room else ""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("repeats") == CaptureSchedule.Repeats.NONE:
            cleaned["ends_on"] = cleaned.get("starts_on")
        else:
            if "ends_on" in cleaned and not cleaned["ends_on"]:
                self.add_error("ends_on", "Enter the last date.")
            if not cleaned.get("weekdays"):
                self.add_error("weekdays", "Choose at least one day of the week.")
        first, last = cleaned.get("starts_on"), cleaned.get("ends_on")
        if first and last and last < first:
            self.add_error("ends_on", "The last date is before the first.")
        if not cleaned.get("input_1") and not cleaned.get("input_2"):
            self.add_error("input_1", "Choose at least one input.")
        cleaned["interval_weeks"] = cleaned.get("interval_weeks") or 1
        self._clean_length(cleaned)
        return cleaned

    def _clean_length(self, cleaned: dict[str, Any]) -> None:
        start, end, minutes = (cleaned.get(name) for name in ("start_time", "end_time", "duration_minutes"))
        if start is None or "end_time" in self.errors or "duration_minutes" in self.errors:
            return
        if end is None and minutes is None:
            self.add_error("end_time", "Enter the end or the length.")
            return
        if end is not None:
            until_end = minutes_between(start, end)
            if minutes is not None and minutes != until_end:
                span = f"From {start:%H:%M} to {end:%H:%M} are {until_end} minutes, not {minutes}."
                self.add_error("end_time", f"{span} Clear one of them.")
                return
            minutes = until_end
        if minutes is None or not 1 <= minutes <= max_minutes():
            name = "end_time" if end is not None else "duration_minutes"
            self.add_error(name, f"A capture lasts from 1 minute to {in_words(max_minutes())}.")
            return
        cleaned["duration_minutes"] = minutes

    def _post_clean(self) -> None:
        for name in ("ends_on", "duration_minutes"):
            if self.cleaned_data.get(name) is not None:
                setattr(self.instance, name, self.cleaned_data[name])
        super()._post_clean()  # type: ignore[misc]  # not in the stubs

    def _get_validation_exclusions(self) -> set[str]:
        """A draft without its length is not asked for it in the model's words as well."""
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # not in the stubs
        return excluded | {"duration_minutes"} if "duration_minutes" not in self.cleaned_data else excluded

    def add_plan_error(self, error: ValidationError) -> None:
        """What the rules say against the plan, at the fields it is about."""
        if not hasattr(error, "error_dict"):
            self.add_error(None, error)
            return
        for name, messages in error.message_dict.items():
            shown = "end_time" if name == "duration_minutes" else name
            self.add_error(shown if shown in self.fields else None, messages)


def minutes_between(start: datetime.time, end: datetime.time) -> int:
    """To the next time that the clock shows `end`: from 23:00 to 01:00 are two hours."""
    minutes = (end.hour - start.hour) * 60 + end.minute - start.minute
    return minutes if minutes > 0 else minutes + DAY


def initial_of(schedule: CaptureSchedule) -> dict[str, Any]:
    """What the form shows of a saved schedule beyond its own columns."""
    return {
        "building": schedule.room.building_id,
        "room": schedule.room_id,
        "end_time": schedule.end_time,
        "presenter_email": schedule.presenter.email if schedule.presenter else "",
    }


def today_in(room: Room | None) -> datetime.date:
    return timezone.now().astimezone(room.zone if room else timezone.get_current_timezone()).date()
