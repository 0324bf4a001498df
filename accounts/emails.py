"""E-mail addresses name people, whatever the case they are typed in."""

from __future__ import annotations

from typing import Any

from django.db import models


def normalised(email: str) -> str:
    return email.strip().lower()


class NormalisedEmailField(models.EmailField[Any, Any]):
    """Trims and lower-cases, in look-ups too: `filter(email=typed)` finds the person."""

    def to_python(self, value: Any) -> Any:
        return normalised(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        return self.to_python(super().get_prep_value(value))

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = self.to_python(super().pre_save(model_instance, add))
        setattr(model_instance, self.attname, value)
        return value
