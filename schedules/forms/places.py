"""Forms of the admin: places, terms, sections, limits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet

from accounts.emails import normalised
from accounts.forms import time_zone_choices
from accounts.models import User

from .. import rearranging
from ..models import (
    Building,
    Campus,
    Course,
    Input,
    NonTeachingDay,
    Room,
    SchedulerScope,
    Section,
    SectionInstructor,
)
from ..models.places import usual_inputs


class ByNameField(forms.ModelChoiceField[Any]):
    """A row chosen by typing its code or address: a list of a hundred thousand to choose from is of no use."""

    widget = forms.TextInput(attrs={"class": "vTextField", "autocomplete": "off", "spellcheck": "false"})

    def __init__(self, queryset: QuerySet[Any], *, key: str, **kwargs: Any) -> None:
        super().__init__(queryset, **kwargs)
        self.key = key
        self.rows = queryset

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, int):
            return self.rows.filter(pk=value).values_list(self.key, flat=True).first()
        return getattr(value, self.key) if isinstance(value, Model) else value

    def to_python(self, value: Any) -> Any:
        text = str(value or "").strip()
        if not text:
            return None
        found = self.rows.filter(**{f"{self.key}__iexact": text}).first()
        if found is None:
            raise ValidationError(
                self.error_messages["invalid_choice"], code="invalid_choice", params={"value": text}
            )
        return found


class PersonField(ByNameField):
    def __init__(self, **kwargs: Any) -> None:
        words = {
            "required": "Enter the person's e-mail address.",
            "invalid_choice": "Nobody here has the address %(value)s. Check it, or add the person under People.",
        }
        people = User.objects.all()
        super().__init__(people, key="email", label="E-mail", error_messages=words, **kwargs)

    def to_python(self, value: Any) -> Any:
        return super().to_python(normalised(value) if isinstance(value, str) else value)


class RearrangingForm(forms.ModelForm[Any]):
    """Says on the form what stands in the way of a change (rearranging.py)."""

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # a hook of Django's, unknown to its stubs
        if not self.errors:
            try:
                rearranging.check(self.instance)
            except ValidationError as error:
                self.add_error(None, error)


class CampusForm(RearrangingForm):
    time_zone = forms.ChoiceField(
        label="Time zone",
        choices=[("", "Choose the zone"), *time_zone_choices()],
        help_text="Lectures on this campus are planned by the clock of this zone, summer time included.",
    )

    class Meta:
        model = Campus
        fields = ["name", "time_zone", "lead_seconds", "tail_seconds", "consent", "external_id"]


class BuildingForm(RearrangingForm):
    class Meta:
        model = Building
        fields = ["name", "campus", "external_id"]


class RoomForm(RearrangingForm):
    inputs = forms.MultipleChoiceField(
        label="Inputs",
        choices=Input.choices,
        widget=forms.CheckboxSelectMultiple,
        initial=usual_inputs,
        help_text="What the recorder in this room can record.",
        error_messages={"required": "Choose at least one input."},
    )

    class Meta:
        model = Room
        fields = [
            "name",
            "building",
            "capture_agent",
            "inputs",
            "turnaround_minutes",
            "lead_seconds",
            "tail_seconds",
            "external_id",
            "notes",
        ]
        widgets = {"notes": forms.Textarea(attrs={"rows": 3, "class": "vLargeTextField"})}


class NonTeachingDayForm(forms.ModelForm[NonTeachingDay]):
    class Meta:
        model = NonTeachingDay
        fields = ["name", "first", "last", "term", "campus"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["last"].required = False
        self.fields["last"].help_text = "Empty: a single day."

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if not cleaned.get("last") and "last" not in self.errors:
            cleaned["last"] = cleaned.get("first")
        return cleaned


class DayOfParentForm(NonTeachingDayForm):
    """On the page of the term or campus it belongs to, which may not be saved yet."""

    def _get_validation_exclusions(self) -> set[str]:
        excluded: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # unknown to the stubs
        return excluded | {"term", "campus"}


class SectionForm(forms.ModelForm[Section]):
    course = ByNameField(
        Course.objects.all(),
        key="code",
        label="Course",
        help_text="Its code.",
        error_messages={
            "required": "Enter the code of the course.",
            "invalid_choice": "No course has the code %(value)s. Check it, or add the course under Courses.",
        },
    )

    class Meta:
        model = Section
        fields = ["course", "number", "term", "external_id"]


class SectionInstructorForm(forms.ModelForm[SectionInstructor]):
    user = PersonField()

    class Meta:
        model = SectionInstructor
        fields = ["user", "is_primary"]

    def validate_constraints(self) -> None:
        """That one is primary is for the whole list to say: the row that was primary may be sent along."""
        excluded = self._get_validation_exclusions() | {"is_primary"}  # type: ignore[attr-defined]
        try:
            self.instance.validate_constraints(exclude=excluded)
        except ValidationError as error:
            self._update_errors(error)  # type: ignore[attr-defined]


class InstructorsFormSet(forms.BaseInlineFormSet[SectionInstructor, Section, SectionInstructorForm]):
    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        rows = [
            form.cleaned_data
            for form in self.forms
            if form.cleaned_data.get("user") and form not in self.deleted_forms
        ]
        primary = [row for row in rows if row["is_primary"]]
        if rows and len(primary) != 1:
            what = "Nobody" if not primary else f"{len(primary)} people"
            raise ValidationError(f"{what} of the instructors here are primary. Mark exactly one.")

    def save(self, commit: bool = True) -> Any:
        """Whoever was primary gives that up first: the database looks at each row as it is written."""
        if commit and self.instance.pk:
            self.instance.teaching.filter(is_primary=True).exclude(user__in=self._primary()).update(
                is_primary=False
            )
        return super().save(commit)

    def _primary(self) -> list[User]:
        chosen = [form.cleaned_data for form in self.forms if form not in self.deleted_forms]
        return [row["user"] for row in chosen if row.get("is_primary") and row.get("user")]


class SchedulerScopeForm(forms.ModelForm[SchedulerScope]):
    user = PersonField()

    class Meta:
        model = SchedulerScope
        fields = ["user", "department", "campus"]


class LimitOfPersonForm(forms.ModelForm[SchedulerScope]):
    class Meta:
        model = SchedulerScope
        fields = ["department", "campus"]
