"""What an instructor sets for the figures of a section."""

from __future__ import annotations

from django import forms

from ..models import SectionFigures

WEIGHTS = ("weight_watched", "weight_answered", "weight_correct")


class SectionFiguresForm(forms.ModelForm[SectionFigures]):
    class Meta:
        model = SectionFigures
        fields = ("completion_percent", *WEIGHTS)
        labels = {
            "completion_percent": "Complete from (%)",
            "weight_watched": "Media watched",
            "weight_answered": "Polls answered",
            "weight_correct": "Answers right",
        }
        help_texts = {
            "completion_percent": "Who has seen at least so much of a media has completed it. Usually 95.",
        }
