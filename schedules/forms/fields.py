"""Form fields that a schedule needs and Django does not have."""

from __future__ import annotations

import datetime
import re
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.forms.utils import ErrorDict

from accounts.emails import normalised

from ..models.captures import WEEKDAYS


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%Y-%m-%d", **kwargs)


class TimeInput(forms.TimeInput):
    input_type = "time"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", **kwargs)


class DatesField(forms.Field):
    """ISO dates with commas between them, carried along by the page; nobody types them."""

    widget = forms.HiddenInput

    def __init__(self) -> None:
        super().__init__(required=False)

    def prepare_value(self, value: Any) -> str:
        return value if isinstance(value, str) else ",".join(date.isoformat() for date in value or ())

    def to_python(self, value: Any) -> list[datetime.date]:
        try:
            found = {datetime.date.fromisoformat(one) for one in (value or "").split(",") if one}
        except ValueError as error:
            raise ValidationError("These are not dates.") from error
        return sorted(found)


class WeekdaysField(forms.TypedMultipleChoiceField):
    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        choices = list(enumerate(WEEKDAYS, start=1))
        super().__init__(choices=choices, coerce=int, required=False, empty_value=[], **kwargs)


class EmailsField(forms.CharField):
    """E-mail addresses with commas, semicolons or spaces between them."""

    def clean(self, value: Any) -> Any:
        found = []
        for word in filter(None, re.split(r"[\s,;]+", super().clean(value))):
            try:
                validate_email(word)
            except ValidationError as error:
                raise ValidationError(f"{word} is not an e-mail address.") from error
            if normalised(word) not in found:
                found.append(normalised(word))
        return found


class QuietForm(forms.BaseForm):
    """A form that is looked at while it is being filled in: what is still missing then is not an error yet."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            verb = "Choose" if isinstance(field, forms.ChoiceField) else "Enter"
            field.error_messages["required"] = f"{verb} this."

    def hush(self) -> None:
        self.is_valid()
        self._errors = ErrorDict()
