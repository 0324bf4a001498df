"""The directories in the admin: how fresh they are, whom and what they know, what the refresh did."""

from __future__ import annotations

from typing import Any, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import Count, F, Model, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_POST

from accounts.signed_in import signed_in
from canvas.errors import CanvasError
from configurations.admin import ApiConfigurationAdmin
from configurations.models import ApiConfiguration

from . import lookup, on_demand
from .freshness import Freshness, freshness_of, freshness_of_all
from .models import Directory, LmsCourse, LmsInstructor, RefreshRun, Teaching

RUNS_SHOWN = 10
# More than this are refreshed by a worker, so that nobody waits for a page.
AT_ONCE = 3
M = TypeVar("M", bound=Model)


def _piece(name: str, **context: Any) -> SafeString:
    return mark_safe(render_to_string(f"admin/directory/{name}.html", context))  # noqa: S308 - an escaping template


def _found(row: Model) -> Freshness:
    """What `get_changelist_instance` has found for the rows of a list at once."""
    return row.freshness  # type: ignore[attr-defined,no-any-return]


class ReadOnlyAdmin(admin.ModelAdmin[M]):
    """Only the LMS changes what is known of the LMS."""

    class Media:
        css = {"all": ["configurations/connection.css", "directory/directory.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False


# --- Directories ----------------------------------------------------------------------------------------
@admin.register(Directory)
class DirectoryAdmin(admin.ModelAdmin[Directory]):
    list_display = ("configuration", "state", "known", "last_run")
    list_select_related = ("configuration__authorization",)
    fields = ("enabled", "refresh_minutes", "warn_hours", "teaching_assistants")
    actions = ("refresh_now",)
    ordering = ("configuration__name",)

    class Media:
        css = {"all": ["configurations/connection.css", "directory/directory.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Directory | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Directory]:
        """Every configuration is shown, one that nobody has asked about yet, too."""
        new = ApiConfiguration.objects.filter(directory=None)
        Directory.objects.bulk_create([Directory(configuration=one) for one in new], ignore_conflicts=True)
        return super().get_queryset(request)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        shown = super().get_changelist_instance(request)
        found = freshness_of_all(list(shown.result_list))
        for directory in shown.result_list:
            directory.freshness = found[directory.pk]
        return shown

    @admin.display(description="State")
    def state(self, directory: Directory) -> SafeString:
        return _piece("_freshness", freshness=_found(directory))

    @admin.display(description="Known")
    def known(self, directory: Directory) -> SafeString:
        return _piece("_known", directory=directory, freshness=_found(directory))

    @admin.display(description="Last run")
    def last_run(self, directory: Directory) -> SafeString:
        return _piece("_last_run", freshness=_found(directory))

    @admin.action(description="Refresh everything in the selected directories now", permissions=["change"])
    def refresh_now(self, request: HttpRequest, directories: QuerySet[Directory]) -> None:
        for directory in directories.select_related("configuration__authorization"):
            self._refresh(request, directory)

    def _refresh(self, request: HttpRequest, directory: Directory) -> None:
        outcome = on_demand.refresh_everything(directory.configuration, user=signed_in(request))
        self.message_user(request, outcome.text, messages.SUCCESS if outcome.begun else messages.WARNING)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("<int:pk>/refresh/", view(require_POST(self.refresh_view)), name="directory_directory_refresh"),
            path("<int:pk>/progress/", view(self.progress_view), name="directory_directory_progress"),
            *super().get_urls(),
        ]

    def _get(self, request: HttpRequest, pk: int) -> Directory:
        directory = get_object_or_404(Directory.objects.select_related("configuration__authorization"), pk=pk)
        if not self.has_change_permission(request, directory):
            raise PermissionDenied
        return directory

    def refresh_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        directory = self._get(request, pk)
        self._refresh(request, directory)
        return redirect(reverse("admin:directory_directory_change", args=[pk]))

    def progress_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The state as a piece of the page, which asks for it again while a run is under way."""
        context = self._shown(self._get(request, pk)) | {"out_of_band": True}
        return TemplateResponse(request, "admin/directory/_state.html", context)

    def _shown(self, directory: Directory) -> dict[str, Any]:
        runs = directory.configuration.refresh_runs.select_related("requested_by")[:RUNS_SHOWN]
        return {"directory": directory, "freshness": freshness_of(directory), "runs": runs}

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        directory = kwargs["obj"]
        title = f"Directory of {directory.configuration}"
        context |= self._shown(directory) | {"title": title, "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)


# --- Instructors ----------------------------------------------------------------------------------------
class StateFilter(admin.SimpleListFilter):
    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("failed", "Not refreshed because of an error"), ("unread", "Never read"), ("gone", "Gone")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LmsInstructor]) -> QuerySet[LmsInstructor]:
        chosen = {
            "failed": Q(gone_at=None) & ~Q(last_error=""),
            "unread": Q(gone_at=None, refreshed_at=None),
            "gone": Q(gone_at__isnull=False),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(LmsInstructor)
class LmsInstructorAdmin(ReadOnlyAdmin[LmsInstructor]):
    list_display = ("name_or_address", "email", "courses_taught", "read", "configuration")
    list_display_links = ("name_or_address",)
    list_filter = (StateFilter, "configuration")
    list_select_related = ("configuration",)
    search_fields = ("name", "email", "login_id", "=lms_id")
    search_help_text = "Name, e-mail address, sign-in name or LMS id"
    actions = ("refresh_now",)
    list_per_page = 50
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[LmsInstructor]:
        # Counted for the rows of the page only; a join would count for everybody first.
        present = Teaching.objects.filter(instructor=OuterRef("pk"), gone_at=None).order_by().values("instructor")
        taught = Subquery(present.annotate(number=Count("pk")).values("number"))
        return super().get_queryset(request).annotate(courses_now=Coalesce(taught, 0))

    @admin.display(description="Name", ordering="name")
    def name_or_address(self, instructor: LmsInstructor) -> str:
        return str(instructor)

    @admin.display(description="Courses", ordering="courses_now")
    def courses_taught(self, instructor: LmsInstructor) -> int:
        return int(instructor.courses_now)  # type: ignore[attr-defined]  # annotated by get_queryset

    @admin.display(description="Courses read", ordering=F("refreshed_at").asc(nulls_first=True))
    def read(self, instructor: LmsInstructor) -> SafeString:
        return _piece("_instructor_state", instructor=instructor)

    @admin.action(description="Refresh the selected instructors now", permissions=["view"])
    def refresh_now(self, request: HttpRequest, instructors: QuerySet[LmsInstructor]) -> None:
        chosen = list(instructors.select_related("configuration__authorization"))
        if len(chosen) > AT_ONCE:
            outcome = on_demand.refresh_instructors(chosen)
            self.message_user(request, outcome.text, messages.SUCCESS if outcome.begun else messages.WARNING)
            return
        for one in chosen:
            self._refresh_one(request, one)

    def _refresh_one(self, request: HttpRequest, instructor: LmsInstructor) -> None:
        try:
            lookup.refresh_people(instructor.configuration, [instructor])
        except CanvasError as error:
            self.message_user(request, f"{instructor}: {error.headline} {error.advice}", messages.WARNING)
        else:
            self.message_user(request, f"{instructor}: courses read just now.", messages.SUCCESS)

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.refresh_view))
        return [path("<int:pk>/refresh/", view, name="directory_lmsinstructor_refresh"), *super().get_urls()]

    def refresh_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        instructor = get_object_or_404(LmsInstructor.objects.select_related("configuration"), pk=pk)
        if not self.has_view_permission(request, instructor):
            raise PermissionDenied
        self._refresh_one(request, instructor)
        return redirect(instructor.get_admin_url())

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        instructor = self.get_object(request, object_id)
        if instructor is None or not self.has_view_permission(request, instructor):
            return super().change_view(request, object_id, form_url, extra_context)
        teachings = instructor.teachings.select_related("course__configuration").order_by("course__name", "pk")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": str(instructor),
            "instructor": instructor,
            "present": [one for one in teachings if one.gone_at is None],
            "gone": [one for one in teachings if one.gone_at is not None],
        }
        return TemplateResponse(request, "admin/directory/instructor.html", context)


# --- Courses --------------------------------------------------------------------------------------------
class GoneFilter(admin.SimpleListFilter):
    title = "known now"
    parameter_name = "gone"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "In the LMS"), ("yes", "Gone")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LmsCourse]) -> QuerySet[LmsCourse]:
        chosen = {"no": Q(gone_at=None), "yes": Q(gone_at__isnull=False)}
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(LmsCourse)
class LmsCourseAdmin(ReadOnlyAdmin[LmsCourse]):
    list_display = ("__str__", "code", "term_name", "state", "roster", "configuration")
    list_filter = (GoneFilter, "roster_wanted", "configuration")
    list_select_related = ("configuration",)
    search_fields = ("name", "code", "sis_id", "=lms_id")
    search_help_text = "Name, code, SIS id or LMS id"
    actions = ("keep_roster", "leave_roster")
    list_per_page = 50
    show_full_result_count = False

    @admin.display(description="Roster")
    def roster(self, course: LmsCourse) -> SafeString:
        return _piece("_roster_state", course=course)

    @admin.action(description="Keep the rosters of the selected courses", permissions=["view"])
    def keep_roster(self, request: HttpRequest, courses: QuerySet[LmsCourse]) -> None:
        count = courses.update(roster_wanted=True)
        self.message_user(request, f"{count} rosters will be read with the next refresh.", messages.SUCCESS)

    @admin.action(description="Stop reading the rosters of the selected courses", permissions=["view"])
    def leave_roster(self, request: HttpRequest, courses: QuerySet[LmsCourse]) -> None:
        count = courses.update(roster_wanted=False)
        self.message_user(request, f"{count} rosters will not be read any more; they are kept.", messages.SUCCESS)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        course = self.get_object(request, object_id)
        if course is None or not self.has_view_permission(request, course):
            return super().change_view(request, object_id, form_url, extra_context)
        people = course.roster.filter(gone_at=None).values("role", "state").annotate(people=Count("pk"))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": str(course),
            "course": course,
            "teachings": course.teachings.select_related("instructor").order_by("gone_at", "instructor__name"),
            "roster": people.order_by("role", "state"),
        }
        return TemplateResponse(request, "admin/directory/course.html", context)


# --- Runs -----------------------------------------------------------------------------------------------
@admin.register(RefreshRun)
class RefreshRunAdmin(ReadOnlyAdmin[RefreshRun]):
    list_display = ("started", "configuration", "result", "read", "requests_made", "took", "who")
    list_display_links = ("started",)
    list_filter = ("outcome", "trigger", "configuration")
    list_select_related = ("configuration", "requested_by")
    date_hierarchy = "started_at"
    list_per_page = 50
    fields = (
        "configuration", "trigger", "requested_by", "started_at", "finished_at", "outcome", "teachers", "planned",
        "refreshed", "failed", "rosters", "requests", "throttles", "detail",
    )  # fmt: skip

    @admin.display(ordering="started_at")
    def started(self, run: RefreshRun) -> str:
        return f"{timezone.localtime(run.started_at):%-d %b %Y, %H:%M %Z}"

    @admin.display(description="Outcome", ordering="outcome")
    def result(self, run: RefreshRun) -> SafeString:
        return _piece("_outcome", run=run)

    @admin.display(description="Instructors read")
    def read(self, run: RefreshRun) -> str:
        return f"{run.refreshed:,} of {run.planned:,}" + (f", {run.failed:,} failed" if run.failed else "")

    @admin.display(description="Requests", ordering="requests")
    def requests_made(self, run: RefreshRun) -> str:
        return f"{run.requests:,}" + (f", {run.throttles:,} throttled" if run.throttles else "")

    @admin.display(description="Duration")
    def took(self, run: RefreshRun) -> str:
        seconds = int(run.duration.total_seconds())
        return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min {seconds % 60} s"

    @admin.display(description="Asked for by")
    def who(self, run: RefreshRun) -> str:
        return str(run.requested_by or "") or run.get_trigger_display()


# --- Configurations, with what is known of them -----------------------------------------------------------
admin.site.unregister(ApiConfiguration)


@admin.register(ApiConfiguration)
class ConfigurationAdmin(ApiConfigurationAdmin):
    """The list of configurations shows the directory of each; configurations themselves know of no directory."""

    list_display = (*ApiConfigurationAdmin.list_display[:-1], "directory_state", "connection_actions")

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        shown = super().get_changelist_instance(request)
        configurations = list(shown.result_list)
        directories = list(
            Directory.objects.filter(configuration__in=configurations).select_related(
                "configuration__authorization"
            )
        )
        found = freshness_of_all(directories)
        by_configuration = {one.configuration_id: one for one in directories}
        for configuration in shown.result_list:
            directory = by_configuration.get(configuration.pk)
            configuration.known_directory = directory
            configuration.freshness = found[directory.pk] if directory else None
        return shown

    @admin.display(description="Directory")
    def directory_state(self, configuration: ApiConfiguration) -> SafeString:
        directory = configuration.known_directory  # type: ignore[attr-defined]  # set by get_changelist_instance
        return _piece("_in_configurations", directory=directory, freshness=_found(configuration))
