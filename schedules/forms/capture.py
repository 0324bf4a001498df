"""One capture's title, room and time."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

from django import forms

from ..models import Capture, Room
from ..models.captures import max_minutes
from ..planning import NEAR_ENOUGH, in_words
from ..recurrence import in_zone
from .fields import DateInput, TimeInput

if TYPE_CHECKING:
    from accounts.models import User


class CaptureForm(forms.Form):
    """Date and time by the clock of the chosen room's campus."""

    title = forms.CharField(max_length=255)
    room = forms.ModelChoiceField(queryset=Room.objects.none(), empty_label=None)
    date = forms.DateField(widget=DateInput(), validators=NEAR_ENOUGH)
    start_time = forms.TimeField(label="Start", widget=TimeInput())
    duration_minutes = forms.IntegerField(label="Length (minutes)", min_value=1)

    def __init__(self, *args: Any, capture: Capture, user: User, **kwargs: Any) -> None:
        length = capture.ends_at - capture.starts_at
        kwargs["initial"] = {
            "title": capture.title,
            "room": capture.room_id,
            "date": capture.local_start.date(),
            "start_time": capture.local_start.time(),
            "duration_minutes": round(length.total_seconds() / 60),
        }
        super().__init__(*args, **kwargs)
        room: Any = self.fields["room"]
        campus = capture.room.building.campus
        room.queryset = Room.objects.manageable_by(user).with_place().filter(building__campus=campus)
        room.label_from_instance = lambda one: f"{one.building.name} › {one.name}"
        room.help_text = f"On {campus}. To move to another campus, change the schedule."
        self.fields["start_time"].help_text = f"By the clock of {campus.time_zone}."
        self.fields["duration_minutes"].help_text = f"At most {in_words(max_minutes())}."

    def clean_duration_minutes(self) -> int:
        minutes: int = self.cleaned_data["duration_minutes"]
        if minutes > max_minutes():
            raise forms.ValidationError(f"A capture lasts from 1 minute to {in_words(max_minutes())}.")
        return minutes

    def wanted(self) -> dict[str, Any]:
        """For `captures.change_capture`; after `is_valid`."""
        given = self.cleaned_data
        starts_at, _ = in_zone(given["date"], given["start_time"], given["room"].zone)
        return {
            "title": given["title"],
            "room": given["room"],
            "starts_at": starts_at,
            "duration": datetime.timedelta(minutes=given["duration_minutes"]),
        }
