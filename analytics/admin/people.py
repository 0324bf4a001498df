"""People in the admin: who is known, erasing somebody, and what was recorded about looking and dropping."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from accounts.models import User
from accounts.signed_in import signed_in

from .. import erasure
from ..models import Erasure, Identity, Learner, RawDrop, StudentLook

FOLDER = "admin/analytics/learner"


class ReadOnly(admin.ModelAdmin[Any]):
    """What is recorded is not changed."""

    show_full_result_count = False
    list_display_links: tuple[str, ...] | None = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class IdentityInline(admin.TabularInline[Identity, Learner]):
    model = Identity
    fields = readonly_fields = ("key",)
    extra = 0
    can_delete = False
    verbose_name_plural = "known as"

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Learner)
class LearnerAdmin(ReadOnly):
    list_display = ("name", "email", "first_seen_at", "names")
    list_display_links = ("name", "email")
    search_fields = ("name", "email", "=identities__key")
    search_help_text = "Name or e-mail"
    fields = ("name", "email", "first_seen_at")
    inlines = (IdentityInline,)
    change_form_template = f"{FOLDER}/change_form.html"
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Learner]:
        found: QuerySet[Learner] = super().get_queryset(request)
        return found.annotate(number_of_names=Count("identities", distinct=True))

    @admin.display(description="Known as")
    def names(self, learner: Learner) -> str:
        number: int = learner.number_of_names  # type: ignore[attr-defined]  # annotated by get_queryset
        return f"{number} name{'s' if number != 1 else ''}"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.erase)
        return [path("<int:key>/erase/", view, name="analytics_learner_erase"), *super().get_urls()]

    def erase(self, request: HttpRequest, key: int) -> HttpResponse:
        """Asks, and does it. What is done cannot be undone."""
        if not request.user.has_perm("analytics.delete_learner"):
            raise PermissionDenied
        learner = get_object_or_404(Learner, pk=key)
        if request.method == "POST":
            done = erasure.erase(learner, by=signed_in(request))
            messages.success(request, f"The person is erased, with {_statements(done.statements)}.")
            return redirect("admin:analytics_learner_changelist")
        account = User.objects.filter(email__iexact=learner.email).first() if learner.email else None
        context = self.admin_site.each_context(request) | {
            "title": f"Erase {learner}",
            "learner": learner,
            "account": account,
            "is_enrolled": learner.enrolments.exists(),
            "opts": self.opts,
        }
        return TemplateResponse(request, f"{FOLDER}/erase.html", context)


def _statements(number: int) -> str:
    return f"{number:,} statement{'s' if number != 1 else ''}"


@admin.register(Erasure)
class ErasureAdmin(ReadOnly):
    list_display = ("at", "erased_by", "statements")
    list_select_related = ("erased_by",)


@admin.register(StudentLook)
class StudentLookAdmin(ReadOnly):
    list_display = ("at", "viewer", "learner", "what")
    list_select_related = ("viewer", "learner")
    search_fields = ("viewer__email", "learner__name", "learner__email")
    date_hierarchy = "at"


@admin.register(RawDrop)
class RawDropAdmin(ReadOnly):
    list_display = ("__str__", "batches", "statements", "dropped_at")
