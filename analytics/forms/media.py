"""Forms of the admin: media and their polls."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminFileWidget
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.forms import BaseInlineFormSet
from django.urls import reverse

from .. import uploads
from ..models import AnswerEvent, Media, Poll, PollAnswer, ViewSession
from ..statements import IRI, MOST_BYTES

CHOICE = re.compile(r"([A-Za-z0-9_-]{1,20})\s*=\s*(\S.*)")
NUMBER = r"[+-]?\d+(?:[.,]\d+)?"
NUMBERS = re.compile(rf"({NUMBER})(?:\s+to\s+({NUMBER}))?")


def has_answers(poll: Poll) -> bool:
    """Events are dropped some day; the figures stay."""
    events = AnswerEvent.objects.filter(activity_id=poll.activity_id)
    return events.exists() or PollAnswer.objects.filter(poll_id=poll.pk).exists()


# --- Files ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Stored:
    """A file as the widget shows it: its name, and where to look at it."""

    name: str
    url: str

    def __str__(self) -> str:
        return self.name


class StoredFile(AdminFileWidget):
    """Leads to our own view: the files themselves have no address."""

    address = ""

    def format_value(self, value: Any) -> Any:
        return Stored(str(value).rpartition("/")[2], self.address) if self.is_initial(value) else None


class MediaForm(forms.ModelForm[Media]):
    iri = forms.CharField(
        label="Name in statements",
        required=False,
        max_length=2000,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="Only if another system plays it: the IRI by which its xAPI or Caliper statements name it.",
    )

    class Meta:
        model = Media
        fields = (
            "section",
            "title",
            "duration_seconds",
            "recorded_at",
            "published_at",
            "available_until",
            "video",
            "captions",
        )
        widgets = {"video": StoredFile, "captions": StoredFile}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("video", "captions"):
            if self.instance.pk and name in self.fields:
                self.fields[name].widget.address = reverse(f"watch_{name}", args=[self.instance.uuid])
        if self.instance.pk and "iri" in self.fields:
            self.fields["iri"].help_text += f" Empty: {self.instance.own_iri}"
            if self.instance.activity.iri != self.instance.own_iri:
                self.initial["iri"] = self.instance.activity.iri

    def clean_iri(self) -> str:
        iri = str(self.cleaned_data["iri"]).strip()
        if self.instance.pk and iri == self.initial.get("iri", ""):
            return iri
        if self.instance.pk and ViewSession.objects.filter(media_id=self.instance.pk).exists():
            raise ValidationError("It was watched under its present name, which can no longer change.")
        if iri and not (re.match(IRI, iri) and len(iri.encode()) <= MOST_BYTES):
            raise ValidationError("Write an IRI, such as https://media.example.edu/415.")
        if Media.objects.filter(activity__iri=iri).exclude(pk=self.instance.pk).exists():
            raise ValidationError("Another media has this name.")
        return iri

    def clean_video(self) -> Any:
        return _checked(self.cleaned_data["video"], uploads.check_video)

    def clean_captions(self) -> Any:
        return _checked(self.cleaned_data["captions"], uploads.check_captions)


def _checked(file: Any, check: Any) -> Any:
    if isinstance(file, UploadedFile):
        check(file)
    return file


# --- Polls ----------------------------------------------------------------------------------------------
class LinesField(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}), **kwargs)

    def prepare_value(self, value: Any) -> str:
        return value if isinstance(value, str) else "\n".join(self.written(one) for one in value or ())

    def clean(self, value: Any) -> Any:
        lines = str(super().clean(value)).splitlines()
        return [self.read(line.strip()) for line in lines if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.prepare_value(initial).split() != str(data or "").split()

    def written(self, value: Any) -> str:
        return str(value)

    def read(self, line: str) -> Any:
        return line


class ChoicesField(LinesField):
    """One to a line: “a = Left”."""

    def written(self, value: Any) -> str:
        return f"{value['id']} = {value['text']}"

    def read(self, line: str) -> Any:
        match = CHOICE.fullmatch(line)
        if match is None:
            raise ValidationError(f"“{line}”: write each choice as “a = its text”.")
        return {"id": match[1], "text": match[2]}

    def clean(self, value: Any) -> Any:
        choices = super().clean(value)
        ids = [one["id"] for one in choices]
        twice = sorted({one for one in ids if ids.count(one) > 1})
        if twice:
            raise ValidationError(f"{', '.join(twice)}: each choice needs a letter of its own.")
        return choices


class PollForm(forms.ModelForm[Poll]):
    choices = ChoicesField(help_text="For one or several choices. One to a line: a = its text")
    correct = LinesField(
        label="Right answers",
        help_text="One to a line; each line is right by itself. Several choices: a, c. True or false: true. "
        "Number: 4, or 4 to 4.5. Empty: the question is not graded.",
    )

    class Meta:
        model = Poll
        fields = (
            "question",
            "kind",
            "at_seconds",
            "choices",
            "correct",
            "attempts",
            "results",
            "anonymous",
            "closes_at",
        )
        widgets = {"question": forms.Textarea(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.initial["correct"] = [_in_words(one, self.instance.kind) for one in self.instance.correct]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        kind = cleaned.get("kind")
        if kind not in (Poll.Kind.ONE, Poll.Kind.SEVERAL):
            cleaned["choices"] = []
        try:
            cleaned["correct"] = [_pattern(one, kind) for one in cleaned.get("correct", [])]
        except ValidationError as error:
            self.add_error("correct", error)
        self._keep_what_answers_rest_on(cleaned)
        return cleaned

    def _keep_what_answers_rest_on(self, cleaned: dict[str, Any]) -> None:
        """The words may be corrected; what the answers mean, and whose they were said to be, may not change."""
        if not self.instance.pk or not has_answers(self.instance):
            return
        before = Poll.objects.get(pk=self.instance.pk)
        ids = [[one["id"] for one in choices] for choices in (before.choices, cleaned.get("choices", []))]
        changed = {
            "kind": before.kind != cleaned.get("kind"),
            "anonymous": before.anonymous != cleaned.get("anonymous"),
            "choices": not set(ids[0]) <= set(ids[1]),
        }
        for name, is_other in changed.items():
            if is_other and name not in self.errors:
                self.add_error(name, "People have answered: this can no longer change. Make another question.")


def _pattern(line: str, kind: str | None) -> str:
    """A right answer as xAPI writes it."""
    if kind == Poll.Kind.SEVERAL:
        return "[,]".join(sorted(filter(None, re.split(r"[\s,]+", line))))
    if kind == Poll.Kind.TRUE_FALSE:
        if line.lower() not in ("true", "false"):
            raise ValidationError("The right answer is true or false.")
        return line.lower()
    if kind == Poll.Kind.NUMERIC:
        match = NUMBERS.fullmatch(line)
        if match is None:
            raise ValidationError(f"“{line}”: write a number, or two with “to” between them.")
        return "[:]".join(number.replace(",", ".") for number in match.groups() if number)
    return line


def _in_words(pattern: str, kind: str) -> str:
    if kind == Poll.Kind.SEVERAL:
        return pattern.replace("[,]", ", ")
    return pattern.replace("[:]", " to ") if kind == Poll.Kind.NUMERIC else pattern


class PollFormSet(BaseInlineFormSet[Poll, Media, forms.ModelForm[Poll]]):
    def clean(self) -> None:
        super().clean()
        for form in self.deleted_forms:
            if form.instance.pk and has_answers(form.instance):
                raise ValidationError(
                    f"“{form.instance}” has answers and is not deleted. Close it instead: give it a closing time."
                )
