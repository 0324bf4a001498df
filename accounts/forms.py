from __future__ import annotations

import zoneinfo
from itertools import groupby
from typing import Any

from django import forms
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    AuthenticationForm,
    UserChangeForm,
)

from .emails import normalised
from .models import User


def time_zone_choices() -> list[tuple[str, Any]]:
    """UTC, then the named places, grouped by region."""
    places = sorted(name for name in zoneinfo.available_timezones() if "/" in name)
    regions = groupby(places, key=lambda name: name.partition("/")[0])
    named = [
        (region, [(name, name.partition("/")[2].replace("_", " ")) for name in names])
        for region, names in regions
        if region != "Etc"
    ]
    return [("UTC", "UTC"), *named]


class SignInForm(AuthenticationForm):
    username = forms.EmailField(
        label="Email", widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"})
    )

    error_messages = {
        "invalid_login": "That e-mail and password do not go together. Check both and try again.",
        "inactive": "That e-mail and password do not go together. Check both and try again.",
    }

    def clean_username(self) -> str:
        """In one spelling, or each spelling would have its own five tries."""
        return normalised(self.cleaned_data["username"])


class ProfileForm(forms.ModelForm[User]):
    time_zone = forms.ChoiceField(
        label="Time zone", choices=time_zone_choices, help_text="Dates and times are shown in this zone."
    )

    class Meta:
        model = User
        fields = ["full_name", "time_zone"]
        labels = {"full_name": "Name"}


class PersonAddForm(AdminUserCreationForm[User]):
    time_zone = forms.ChoiceField(label="Time zone", choices=time_zone_choices, initial="UTC")

    class Meta:
        model = User
        fields = ["email", "full_name", "time_zone"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _explain_usable_password(self)


class PersonChangeForm(UserChangeForm[User]):
    time_zone = forms.ChoiceField(label="Time zone", choices=time_zone_choices)

    class Meta:
        model = User
        fields = "__all__"


class PersonPasswordForm(AdminPasswordChangeForm):  # type: ignore[type-arg] # generic in the stubs only
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _explain_usable_password(self)


def _explain_usable_password(form: forms.BaseForm) -> None:
    """Django's own words speak of other ways to sign in; there is none here. Asked of those with a password."""
    if "usable_password" in form.fields:
        usable = form.fields["usable_password"]
        usable.label = "Sign-in with a password"
        usable.help_text = "Without a password the person is known here but cannot sign in. You can set one later."
