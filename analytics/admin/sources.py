"""The systems that may send statements, in the admin."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from accounts.signed_in import signed_in

from .. import sources
from ..models import EventSource
from ..models.events import OUR_KEYS

FOLDER = "admin/analytics/eventsource"


@admin.register(EventSource)
class EventSourceAdmin(admin.ModelAdmin[EventSource]):
    """Adding, renewing and revoking. What a source sent refers to it, so none is deleted."""

    fields = ("name", "may_read")
    list_display = ("name", "key", "may_read", "state", "last_used_at")
    list_filter = ("may_read",)
    search_fields = ("name", "key")
    show_full_result_count = False
    change_form_template = f"{FOLDER}/change_form.html"

    @admin.display(description="State")
    def state(self, source: EventSource) -> str:
        return "In use" if source.is_active else "Revoked"

    def get_queryset(self, request: HttpRequest) -> QuerySet[EventSource]:
        """Without what this system says itself: nobody knows a secret of it, and nobody can take it away."""
        found: QuerySet[EventSource] = super().get_queryset(request)
        return found.exclude(key__in=OUR_KEYS)

    def has_delete_permission(self, request: HttpRequest, obj: EventSource | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        view, name = self.admin_site.admin_view, "analytics_eventsource"
        return [
            path("<int:key>/renew/", view(self.renew), name=f"{name}_renew"),
            path("<int:key>/revoke/", view(self.revoke), name=f"{name}_revoke"),
            *super().get_urls(),
        ]

    def save_model(self, request: HttpRequest, obj: EventSource, form: object, change: bool) -> None:
        if not change:
            obj.created_by = signed_in(request)
            obj.secret_once = obj.new_secret()  # type: ignore[attr-defined]  # for the answer to this request alone
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: EventSource, post_url_continue: str | None = None
    ) -> HttpResponse:
        return self._with_secret(request, obj, obj.secret_once)  # type: ignore[attr-defined]

    def renew(self, request: HttpRequest, key: int) -> HttpResponse:
        source = self._changed(request, key)
        if request.method == "POST":
            secret = sources.renew(source)
            self.log_change(request, source, "Made a new secret.")
            return self._with_secret(request, source, secret)
        what = (
            f"The secret that {source.name} uses now ends at once: it can send nothing until it has the new one."
        )
        return self._confirm(request, source, "Make a new secret", what)

    def revoke(self, request: HttpRequest, key: int) -> HttpResponse:
        source = self._changed(request, key)
        if request.method == "POST":
            sources.revoke(source)
            self.log_change(request, source, "Revoked the credentials.")
            messages.success(request, f"{source.name} can send nothing any more. What it sent stays.")
            return redirect("admin:analytics_eventsource_changelist")
        what = f"{source.name} can send nothing any more, from the next request on. What it sent stays."
        return self._confirm(request, source, "Revoke", what)

    def _changed(self, request: HttpRequest, key: int) -> EventSource:
        return get_object_or_404(self.get_queryset(request), pk=key)

    def _confirm(self, request: HttpRequest, source: EventSource, action: str, what: str) -> HttpResponse:
        context = self.admin_site.each_context(request) | {
            "title": f"{action}: {source.name}",
            "source": source,
            "action": action,
            "what": what,
            "opts": self.opts,
        }
        return TemplateResponse(request, f"{FOLDER}/confirm.html", context)

    def _with_secret(self, request: HttpRequest, source: EventSource, secret: str) -> HttpResponse:
        """Straight in the answer: a message would wait in the session or in a cookie."""
        context = self.admin_site.each_context(request) | {
            "title": f"Credentials of {source.name}",
            "source": source,
            "secret": secret,
            "endpoint": request.build_absolute_uri(reverse("xapi_statements")).removesuffix("statements"),
            "caliper": request.build_absolute_uri(reverse("caliper_events")),
            "opts": self.opts,
        }
        answer = TemplateResponse(request, f"{FOLDER}/secret.html", context)
        answer["Cache-Control"] = "no-store"
        return answer
