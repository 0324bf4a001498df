from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.debug import sensitive_post_parameters

import canvas
from accounts.in_use import SaysWhatRestsOnIt
from accounts.signed_in import signed_in

from . import authorization, changes, connection
from .forms import ApiConfigurationForm, TestForm
from .models import ApiConfiguration, ConnectionEvent
from .status import status_of

HISTORY_SHOWN = 15


@admin.register(ApiConfiguration)
class ApiConfigurationAdmin(SaysWhatRestsOnIt):
    form = ApiConfigurationForm
    list_display: tuple[str, ...] = ("name", "domain", "status", "last_test", "connection_actions")
    list_display_links = ("name",)
    list_select_related = ("authorization",)
    search_fields = ("name", "base_url")
    actions = ("enable", "disable")
    fieldsets = (
        (None, {"fields": ("name", "base_url", "client_id", "new_secret")}),
        ("More settings", {"fields": ("account_id", "enabled"), "classes": ("collapse",)}),
    )

    class Media:
        css = {"all": ["configurations/connection.css"]}
        js = ["shared/copy.js", "configurations/authorize.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiConfiguration]:
        tests = ConnectionEvent.objects.filter(
            configuration=OuterRef("pk"), kind=ConnectionEvent.Kind.TESTED
        ).order_by("-pk")
        found: QuerySet[ApiConfiguration] = super().get_queryset(request)
        return found.annotate(
            last_event=Max("events__pk"),
            tested_at=Subquery(tests.values("at")[:1]),
            tested_outcome=Subquery(tests.values("outcome")[:1]),
            tested_detail=Subquery(tests.values("detail")[:1]),
        )

    # --- The list ---------------------------------------------------------------------------------------
    @admin.display(description="Canvas Domain", ordering="base_url")
    def domain(self, configuration: ApiConfiguration) -> str:
        return configuration.domain

    @admin.display(description="Status")
    def status(self, configuration: ApiConfiguration) -> SafeString:
        return self._piece("status", configuration)

    @admin.display(description="Last test", ordering="tested_at")
    def last_test(self, configuration: ApiConfiguration) -> SafeString:
        return self._piece("last_test", configuration)

    @admin.display(description="Connection")
    def connection_actions(self, configuration: ApiConfiguration) -> SafeString:
        return self._piece("actions", configuration)

    def _piece(self, name: str, configuration: ApiConfiguration) -> SafeString:
        context = {"configuration": configuration, "status": status_of(configuration)}
        page = f"admin/configurations/apiconfiguration/_{name}.html"
        return mark_safe(render_to_string(page, context))  # noqa: S308 - an escaping template made it

    @admin.action(description="Enable selected configurations", permissions=["change"])
    def enable(self, request: HttpRequest, configurations: QuerySet[ApiConfiguration]) -> None:
        count = changes.set_enabled(list(configurations), True, user=signed_in(request))
        self.message_user(request, f"{count} enabled.", messages.SUCCESS)

    @admin.action(description="Disable selected configurations (nothing is lost)", permissions=["change"])
    def disable(self, request: HttpRequest, configurations: QuerySet[ApiConfiguration]) -> None:
        count = changes.set_enabled(list(configurations), False, user=signed_in(request))
        self.message_user(request, f"{count} disabled. Nothing is sent to them any more.", messages.SUCCESS)

    # --- Add and change ---------------------------------------------------------------------------------
    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        configuration = kwargs.get("obj") or context.get("original")
        context |= self._guide(request)
        if configuration is not None:
            context |= {
                "configuration": configuration,
                "status": status_of(configuration),
                "events": configuration.events.exclude(kind=ConnectionEvent.Kind.REFRESHED).select_related(
                    "actor"
                )[:HISTORY_SHOWN],
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def _guide(self, request: HttpRequest) -> dict[str, Any]:
        return {
            "redirect_uri": authorization.redirect_uri(),
            "scopes": canvas.REQUIRED_SCOPES,
            "site_url": settings.SITE_URL,
        }

    @method_decorator(sensitive_post_parameters("new_secret"))
    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: ApiConfiguration, form: Any, change: bool) -> None:
        if not change:
            changes.add_configuration(obj, user=signed_in(request))
            return
        unconfirmed = functools.partial(self._tell_unconfirmed, request, obj.name)
        user = signed_in(request)
        if changes.save_configuration(obj, changed=form.changed_fields, user=user, unconfirmed=unconfirmed):
            text = (
                "The authorization belonged to the Canvas Domain and Client ID of before and was removed. "
                "Next: choose Authorize."
            )
            self.message_user(request, text, messages.WARNING)

    def get_deleted_objects(
        self, objs: Sequence[ApiConfiguration] | QuerySet[ApiConfiguration], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What a person knows by name. Tokens and attempts go with it, the history stays."""
        _, counted, lacking, protected = super().get_deleted_objects(objs, request)
        return [str(one) for one in objs], counted, lacking, protected

    def delete_model(self, request: HttpRequest, obj: ApiConfiguration) -> None:
        unconfirmed = functools.partial(self._tell_unconfirmed, request, obj.name)
        changes.delete_configuration(obj, user=signed_in(request), unconfirmed=unconfirmed)

    def _tell_unconfirmed(self, request: HttpRequest, name: str) -> None:
        text = (
            f"{name}: the tokens are forgotten here, but Canvas could not be told. To be sure, remove echo_lms in "
            "Canvas under Account › Settings › Approved Integrations."
        )
        self.message_user(request, text, messages.WARNING)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiConfiguration]) -> None:
        for configuration in queryset:
            self.delete_model(request, configuration)

    def response_add(
        self, request: HttpRequest, obj: ApiConfiguration, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Saving is the first of three steps: stay on the page that has the next button."""
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        text = f"{obj.name} is saved. Next: choose Authorize."
        self.message_user(request, text, messages.SUCCESS)
        return redirect(obj.get_admin_url())

    # --- Test and Disconnect ----------------------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/test/", view(self.test_view), name="configurations_apiconfiguration_test"),
            path(
                "<int:pk>/disconnect/",
                view(self.disconnect_view),
                name="configurations_apiconfiguration_disconnect",
            ),
            *super().get_urls(),
        ]

    def _page(
        self, request: HttpRequest, configuration: ApiConfiguration, page: str, title: str, **context: Any
    ) -> TemplateResponse:
        context |= {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": title,
            "configuration": configuration,
            "status": status_of(configuration),
        }
        return TemplateResponse(request, f"admin/configurations/apiconfiguration/{page}.html", context)

    def _get(self, request: HttpRequest, pk: int) -> ApiConfiguration:
        configuration = get_object_or_404(self.get_queryset(request), pk=pk)
        if not self.has_change_permission(request, configuration):
            raise PermissionDenied
        return configuration

    def test_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        configuration = self._get(request, pk)
        form = TestForm(request.POST or None)
        report = None
        if request.method == "POST" and form.is_valid():
            try:
                report = connection.run_test(configuration, form.cleaned_data["email"], user=signed_in(request))
            except ValueError as error:
                form.add_error("email", str(error))
        configuration = self._get(request, pk)  # the test may have found the authorization lost
        page = "_report" if request.headers.get("HX-Request") else "test"
        title = f"Test {configuration.name}"
        return self._page(request, configuration, page, title, form=form, report=report)

    def disconnect_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        configuration = self._get(request, pk)
        if request.method != "POST":
            title = f"Disconnect {configuration.name}?"
            return self._page(request, configuration, "disconnect", title)
        unconfirmed = functools.partial(self._tell_unconfirmed, request, configuration.name)
        if authorization.disconnect(configuration, user=signed_in(request), unconfirmed=unconfirmed).confirmed:
            self.message_user(request, f"{configuration.name} is disconnected.", messages.SUCCESS)
        return redirect(reverse("admin:configurations_apiconfiguration_changelist"))


@admin.register(ConnectionEvent)
class ConnectionEventAdmin(admin.ModelAdmin[ConnectionEvent]):
    """The history, to read."""

    list_display = ("at", "configuration_name", "kind", "outcome", "who", "detail")
    list_filter = ("kind", "outcome", "configuration")
    list_select_related = ("actor", "configuration")
    search_fields = ("configuration_name", "detail", "actor__email")
    date_hierarchy = "at"
    list_per_page = 50

    class Media:
        css = {"all": ["configurations/connection.css"]}

    @admin.display(ordering="actor__full_name")
    def who(self, event: ConnectionEvent) -> str:
        return str(event.actor or "echo_lms")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ConnectionEvent | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ConnectionEvent | None = None) -> bool:
        return False
