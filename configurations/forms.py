from __future__ import annotations

import re
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from canvas.destinations import InvalidDomain, parse_origin
from canvas.errors import CanvasError

from .models import ApiConfiguration
from .transports import destinations

# A number, a number on another shard, or a SIS id (docs/canvas.md §8).
_ACCOUNT = re.compile(r"self|\d{1,20}|\d{1,20}~\d{1,20}|sis_account_id:[\w.-]{1,200}", re.ASCII)


class ApiConfigurationForm(forms.ModelForm[ApiConfiguration]):
    """Add and change. The secret is write-only: it is never sent back, and an empty field keeps it."""

    base_url = forms.CharField(
        label="Canvas Domain",
        max_length=500,
        widget=forms.TextInput(
            attrs={"class": "vTextField", "placeholder": "school.instructure.com", "spellcheck": "false"}
        ),
        help_text="Your institution's Canvas address. You can paste it from the browser.",
    )
    client_id = forms.CharField(
        label="LMS API Client ID",
        max_length=40,
        widget=forms.TextInput(attrs={"class": "vTextField", "inputmode": "numeric", "autocomplete": "off"}),
        help_text="The number in the Details column of Canvas's Developer Keys page.",
    )
    new_secret = forms.CharField(
        label="LMS API Client Secret",
        max_length=500,
        required=False,
        widget=forms.PasswordInput(
            render_value=False, attrs={"class": "vTextField", "autocomplete": "new-password"}
        ),
        help_text="Behind the Show Key button on that page.",
    )

    class Meta:
        model = ApiConfiguration
        fields = ["name", "base_url", "client_id", "account_id", "enabled"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].help_text = "Your own name for it, for example the institution's."
        if self.instance.pk:
            kept = f"Saved; it ends in {self.instance.secret_hint}. Leave empty to keep it."
            self.fields["new_secret"].help_text = kept
        if self.is_bound and self.data.get("new_secret"):
            again = "Not saved yet. Enter it again: it is never sent back to the browser."
            self.fields["new_secret"].help_text = again
        if self.instance.pk and self.instance.authorization_or_none():
            for name in ("base_url", "client_id"):
                self.fields[name].help_text += " Changing it removes the authorization."

    def clean_base_url(self) -> str:
        try:
            origin = parse_origin(
                self.cleaned_data["base_url"], insecure_hosts=settings.LMS_ALLOWED_INSECURE_HOSTS
            )
            if str(origin) != self.instance.base_url:  # each connection checks it again anyway
                destinations().connectable(origin.host, origin.effective_port)
        except InvalidDomain as error:
            raise ValidationError(str(error)) from error
        except CanvasError as error:
            raise ValidationError(f"{error.headline} {error.advice}") from error
        return str(origin)

    def clean_client_id(self) -> str:
        text = str(self.cleaned_data["client_id"]).strip()
        if not (text.isascii() and text.isdecimal()):
            raise ValidationError(
                "A client ID is a number. In Canvas it stands in the Details column, above the Show Key button."
            )
        return text

    def clean_new_secret(self) -> str:
        text = str(self.cleaned_data["new_secret"]).strip()
        if not text and not self.instance.pk:
            raise ValidationError("Enter the client secret of the developer key.")
        return text

    def clean_account_id(self) -> str:
        text = str(self.cleaned_data["account_id"]).strip() or "self"
        if not _ACCOUNT.fullmatch(text):
            raise ValidationError("Enter the number of a Canvas account, or self for the root account.")
        return text

    @property
    def changed_fields(self) -> list[str]:
        """The model's fields that the person has changed; a secret that was entered counts, whatever it is."""
        changed = [name for name in self.changed_data if name != "new_secret"]
        return [*changed, "client_secret"] if self.cleaned_data["new_secret"] else changed

    def save(self, commit: bool = True) -> ApiConfiguration:
        if self.cleaned_data["new_secret"]:
            self.instance.client_secret = self.cleaned_data["new_secret"]
        return super().save(commit)


class TestForm(forms.Form):
    __test__ = False  # a form called Test, not a test

    email = forms.EmailField(
        label="Email",
        max_length=254,
        widget=forms.EmailInput(attrs={"class": "vTextField", "autocomplete": "off", "autofocus": True}),
        error_messages={"invalid": "Enter an e-mail address such as name@school.edu."},
        help_text="The address in the instructor's Canvas profile.",
    )
