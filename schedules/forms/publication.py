"""Which sections get the recordings, from when and until when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from ..models import Publication, Section
from .fields import DateInput, QuietForm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.http import QueryDict

    from accounts.models import User

Available, Until = Publication.Available, Publication.Until


class PublicationForm(QuietForm, forms.ModelForm[Publication]):
    class Meta:
        model = Publication
        fields = ["available", "available_days", "available_on", "until", "until_days", "until_on"]
        widgets = {"available_on": DateInput(), "until_on": DateInput()}
        labels = {
            "available": "Students can watch",
            "available_days": "Days after",
            "available_on": "From",
            "until": "Until",
            "until_days": "For days",
            "until_on": "Until date",
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for choice, needs in (("available", Available), ("until", Until)):
            chosen = cleaned.get(choice)
            if chosen == needs.AFTER_DAYS and cleaned.get(f"{choice}_days") is None:
                self._ask(f"{choice}_days", "Enter the number of days.")
            if chosen == needs.ON_DATE and cleaned.get(f"{choice}_on") is None:
                self._ask(f"{choice}_on", "Enter the date.")
            # What does not belong to the choice is not kept.
            if chosen != needs.AFTER_DAYS:
                cleaned[f"{choice}_days"] = None
            if chosen != needs.ON_DATE:
                cleaned[f"{choice}_on"] = None
        start, end = cleaned.get("available_on"), cleaned.get("until_on")
        if start and end and end < start:
            self._ask("until_on", "This is before it becomes available.")
        return cleaned

    def _ask(self, name: str, text: str) -> None:
        if name not in self.errors:
            self.add_error(name, text)


def own_form(data: QueryDict | None, instance: Publication | None = None) -> PublicationForm:
    """Of the section that the page is about."""
    return PublicationForm(data, prefix="own", instance=instance)


class FurtherSections:
    """The other sections that the recordings go to: one form each, the sections named by hidden fields."""

    def __init__(self, data: QueryDict | None, *, user: User, saved: Sequence[Publication] = ()) -> None:
        existing = {one.section_id: one for one in saved}
        if data is None:
            keys = list(existing)
        else:
            wanted = [int(key) for key in data.getlist("further") if key.isdigit()]
            dropped = data.get("drop_section", "")
            keys = [key for key in dict.fromkeys(wanted) if str(key) != dropped]
        sections = {one.pk: one for one in Section.objects.manageable_by(user).with_names().filter(pk__in=keys)}
        # What a scheduler of another department has added stays on the schedule.
        sections |= {key: existing[key].section for key in keys if key in existing}
        self.rows = [(sections[key], self._form(data, key, existing.get(key))) for key in keys if key in sections]

    @staticmethod
    def _form(data: QueryDict | None, key: int, saved: Publication | None) -> PublicationForm:
        """Only what was shown already was filled in."""
        shown = data is not None and f"further-{key}-available" in data
        return PublicationForm(data if shown else None, prefix=f"further-{key}", instance=saved)

    @property
    def sections(self) -> list[Section]:
        return [section for section, _ in self.rows]

    def is_valid(self) -> bool:
        wrong = [form for _, form in self.rows if form.is_bound and not form.is_valid()]
        return not wrong

    def publications(self) -> list[Publication]:
        """Unsaved copies; after `is_valid`."""
        made = []
        for section, form in self.rows:
            publication = form.instance if form.is_bound else Publication()
            publication.section = section
            made.append(publication)
        return made
