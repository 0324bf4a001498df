from __future__ import annotations

import datetime
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Group
from django.db.models import ManyToManyField, QuerySet
from django.forms import CheckboxSelectMultiple, ModelMultipleChoiceField
from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format

from .forms import PersonAddForm, PersonChangeForm, PersonPasswordForm
from .in_use import SaysWhatRestsOnIt
from .models import User

admin.site.site_header = "echo_lms"
admin.site.site_title = "echo_lms"
admin.site.index_title = "Administration"
# The header is the site's own, with its navigation.
admin.site.enable_nav_sidebar = False

# Roles come from a migration; sign-in locks and the clock of background work belong to the operator
# (docs/permissions.md names the commands).
admin.site.unregister(Group)
for label in ("axes", "django_celery_beat"):
    for model in filter(admin.site.is_registered, apps.get_app_config(label).get_models()):
        admin.site.unregister(model)


class RoleFilter(admin.RelatedFieldListFilter):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = "role"


@admin.register(User)
class PersonAdmin(SaysWhatRestsOnIt, UserAdmin[User]):
    form = PersonChangeForm
    add_form = PersonAddForm
    change_password_form = PersonPasswordForm
    add_form_template = "admin/accounts/user/add_form.html"
    list_display = ("email", "full_name", "role_names", "is_active", "last_signed_in")
    list_filter = (("groups", RoleFilter), "is_active")
    search_fields = ("email", "full_name", "=external_id")
    ordering = ("email",)
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "full_name", "time_zone", "external_id", "password")}),
        ("What this person may do", {"fields": ("is_active", "groups")}),
        ("Record", {"fields": ("last_signed_in", "added")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "full_name", "time_zone")}),
        ("What this person may do", {"fields": ("groups",)}),
        ("Password", {"fields": ("usable_password", "password1", "password2")}),
    )
    readonly_fields = ("last_signed_in", "added")

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        """What other apps add to the page of a person needs the person to be there."""
        return super().get_inlines(request, obj) if obj is not None else ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description="roles")
    def role_names(self, person: User) -> str:
        return ", ".join(sorted(person.roles)) or "None"

    @admin.display(description="last signed in", ordering="last_login")
    def last_signed_in(self, person: User) -> str:
        return _moment(person.last_login) if person.last_login else "Never"

    @admin.display(description="added", ordering="date_joined")
    def added(self, person: User) -> str:
        return _moment(person.date_joined)

    def formfield_for_manytomany(
        self, db_field: ManyToManyField[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> ModelMultipleChoiceField[Any] | None:
        if db_field.name == "groups":
            kwargs |= {"widget": CheckboxSelectMultiple, "label": "Roles", "help_text": ""}
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Nobody shuts themselves out by mistake: another administrator has to do it."""
        own = ("is_active", "groups") if obj is not None and obj.pk == request.user.pk else ()
        return (*super().get_readonly_fields(request, obj), *own)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._within_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        if obj is not None and obj.pk == request.user.pk:
            return False
        return super().has_delete_permission(request, obj) and self._within_reach(request, obj)

    def _within_reach(self, request: HttpRequest, person: User | None) -> bool:
        """A superuser is made on the command line, and no administrator takes that account over here."""
        return person is None or not person.is_superuser or bool(getattr(request.user, "is_superuser", False))


def _moment(when: datetime.datetime) -> str:
    return date_format(timezone.localtime(when), "j M Y, H:i")
