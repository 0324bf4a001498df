"""Places, terms, courses and limits in the admin. Schedules and captures have pages of their own."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.forms import BaseModelFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.admin import PersonAdmin
from accounts.in_use import SaysWhatRestsOnIt
from accounts.models import User
from accounts.signed_in import signed_in

from . import rearranging
from .forms.fields import DateInput
from .forms.places import (
    BuildingForm,
    CampusForm,
    DayOfParentForm,
    InstructorsFormSet,
    LimitOfPersonForm,
    NonTeachingDayForm,
    RoomForm,
    SchedulerScopeForm,
    SectionForm,
    SectionInstructorForm,
)
from .models import (
    Building,
    Campus,
    Change,
    Course,
    Department,
    Input,
    LmsCourseLink,
    NonTeachingDay,
    Organization,
    Room,
    SchedulerScope,
    Section,
    SectionInstructor,
    Term,
)
from .scheduling import RoomTaken

CHANGES_SHOWN = 100
STYLES = ["configurations/connection.css", "schedules/places.css"]


def _number_of(related: QuerySet[Any], field: str) -> Coalesce:
    """Counted for the rows of the page only; a join would count for all of them first."""
    rows = related.filter(**{field: OuterRef("pk")}).order_by().values(field).annotate(number=Count("pk"))
    return Coalesce(Subquery(rows.values("number")), 0)


def _counted(row: models.Model) -> int:
    return int(row.number_shown)  # type: ignore[attr-defined]  # annotated by get_queryset


def _day(date: datetime.date) -> str:
    return f"{date:%-d %b %Y}"


def _seconds(seconds: int | None) -> str:
    return "–" if seconds is None else f"{seconds} s"


class KeepsRecord(SaysWhatRestsOnIt):
    """Saves and deletes through rearranging.py, which keeps record, and shows the record as history."""

    in_use_also = rearranging.MUST_NOT_GO_ALONG
    formfield_overrides = {
        models.DateField: {"widget": DateInput},
    }
    list_per_page = 50
    show_full_result_count = False

    class Media:
        css = {"all": STYLES}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return _without_pop_ups(super().formfield_for_dbfield(db_field, request, **kwargs))

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except (RoomTaken, ValidationError) as error:  # it became so after the form was found good
            text = str(error) if isinstance(error, RoomTaken) else " ".join(error.messages)
            self.message_user(request, text, messages.ERROR)
            return redirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        form.before = rearranging.described(obj)
        form.arranged = rearranging.arrange(obj)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        arranged: rearranging.Arranged = form.arranged
        rearranging.remember(form.instance, form.before, arranged=arranged, user=signed_in(request))
        if arranged.moved:
            many = "1 capture that has" if arranged.moved == 1 else f"{arranged.moved:,} captures that have"
            self.message_user(request, f"{many} not begun got new recording times.", messages.INFO)
        if arranged.kept:
            many = "1 capture begins" if arranged.kept == 1 else f"{arranged.kept:,} captures begin"
            text = f"{many} too soon for the new times and will be recorded as planned before."
            self.message_user(request, text, messages.WARNING)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        rearranging.delete(obj, user=signed_in(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        changes = Change.objects.about(row)[: CHANGES_SHOWN + 1] if row is not None else []
        found = list(changes)
        context = {
            "title": f"What was changed: {row}",
            "media": self.media,
            "changes": found[:CHANGES_SHOWN],
            "more": len(found) > CHANGES_SHOWN,
        }
        return super().history_view(request, object_id, context | (extra_context or {}))


def _without_pop_ups(field: Any) -> Any:
    """What is missing is added on its own page; a window over the form loses what was typed on a telephone."""
    if field is not None and hasattr(field.widget, "can_add_related"):
        field.widget = field.widget.widget
    return field


class PlainInline(admin.StackedInline[Any, Any]):
    extra = 0
    formfield_overrides = KeepsRecord.formfield_overrides

    class Media:
        css = {"all": STYLES}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        return _without_pop_ups(super().formfield_for_dbfield(db_field, request, **kwargs))


# --- Non-teaching days ----------------------------------------------------------------------------------
def _tell_of_captures_on(
    request: HttpRequest, model_admin: admin.ModelAdmin[Any], days: Sequence[NonTeachingDay]
) -> None:
    """A new day cancels nothing: whoever adds it has to know what is planned on it."""
    for day in days:
        count = rearranging.captures_on(day)
        if count:
            many = "1 capture is" if count == 1 else f"{count:,} captures are"
            them = "it" if count == 1 else "them"
            text = f"{many} scheduled on {day} and will be recorded. Cancel {them} if nothing is to be recorded."
            model_admin.message_user(request, text, messages.WARNING)


class TellsOfCaptures(KeepsRecord):
    """With non-teaching days on its page."""

    def save_formset(
        self, request: HttpRequest, form: Any, formset: BaseModelFormSet[Any, Any], change: bool
    ) -> None:
        super().save_formset(request, form, formset, change)
        changed = [*formset.new_objects, *(row for row, _ in formset.changed_objects)]
        days = [row for row in changed if isinstance(row, NonTeachingDay)]
        _tell_of_captures_on(request, self, days)


class NonTeachingDaysOfTerm(PlainInline):
    model = NonTeachingDay
    form = DayOfParentForm
    fields = (("name", "first", "last", "campus"),)


class NonTeachingDaysOfCampus(PlainInline):
    model = NonTeachingDay
    form = DayOfParentForm
    fields = (("name", "first", "last", "term"),)


@admin.register(NonTeachingDay)
class NonTeachingDayAdmin(KeepsRecord):
    form = NonTeachingDayForm
    list_display = ("name", "first_day", "last_day", "term", "campus")
    list_filter = ("term", "campus")
    list_select_related = ("term", "campus")
    search_fields = ("name",)
    search_help_text = "Name"
    ordering = ("-first", "name")

    @admin.display(description="First day", ordering="first")
    def first_day(self, day: NonTeachingDay) -> str:
        return _day(day.first)

    @admin.display(description="Last day", ordering="last")
    def last_day(self, day: NonTeachingDay) -> str:
        return _day(day.last)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not change or {"first", "last", "term", "campus"} & set(form.changed_data):
            _tell_of_captures_on(request, self, [form.instance])


# --- Places ---------------------------------------------------------------------------------------------
@admin.register(Campus)
class CampusAdmin(TellsOfCaptures):
    form = CampusForm
    fieldsets = (
        (None, {"fields": ("name", "time_zone", "external_id")}),
        ("Recording", {"fields": ("lead_seconds", "tail_seconds", "consent")}),
    )
    inlines = (NonTeachingDaysOfCampus,)
    list_display = ("name", "time_zone", "rooms", "starts_early", "ends_late", "consent")
    list_filter = ("consent",)
    search_fields = ("name", "=external_id")
    search_help_text = "Name or external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Campus]:
        found: QuerySet[Campus] = super().get_queryset(request)
        return found.annotate(number_shown=_number_of(Room.objects.all(), "building__campus"))

    @admin.display(description="Rooms", ordering="number_shown")
    def rooms(self, campus: Campus) -> int:
        return _counted(campus)

    @admin.display(description="Starts early by", ordering="lead_seconds")
    def starts_early(self, campus: Campus) -> str:
        return _seconds(campus.lead_seconds)

    @admin.display(description="Ends late by", ordering="tail_seconds")
    def ends_late(self, campus: Campus) -> str:
        return _seconds(campus.tail_seconds)


@admin.register(Building)
class BuildingAdmin(KeepsRecord):
    form = BuildingForm
    list_display = ("name", "campus", "rooms")
    list_filter = ("campus",)
    list_select_related = ("campus",)
    search_fields = ("name", "campus__name", "=external_id")
    search_help_text = "Name, campus or external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Building]:
        found: QuerySet[Building] = super().get_queryset(request)
        return found.annotate(number_shown=_number_of(Room.objects.all(), "building"))

    @admin.display(description="Rooms", ordering="number_shown")
    def rooms(self, building: Building) -> int:
        return _counted(building)


class InputFilter(admin.SimpleListFilter):
    title = "input"
    parameter_name = "input"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(str(value), str(label)) for value, label in Input.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Room]) -> QuerySet[Room]:
        return queryset.filter(inputs__contains=[self.value()]) if self.value() else queryset


@admin.register(Room)
class RoomAdmin(KeepsRecord):
    form = RoomForm
    fieldsets = (
        (None, {"fields": ("name", "building", "external_id", "notes")}),
        (
            "Recording",
            {"fields": ("capture_agent", "inputs", "turnaround_minutes", "lead_seconds", "tail_seconds")},
        ),
    )
    list_display = ("name", "place", "inputs_shown", "gap", "starts_early", "ends_late", "capture_agent")
    list_filter = ("building__campus", InputFilter)
    list_select_related = ("building__campus",)
    search_fields = ("name", "building__name", "building__campus__name", "capture_agent", "=external_id")
    search_help_text = "Name, building, campus, recorder or external id"

    @admin.display(description="Building", ordering="building__name")
    def place(self, room: Room) -> str:
        return str(room.building)

    @admin.display(description="Inputs")
    def inputs_shown(self, room: Room) -> str:
        return ", ".join(Input(one).label for one in room.inputs)

    @admin.display(description="Gap", ordering="turnaround_minutes")
    def gap(self, room: Room) -> str:
        return f"{room.turnaround_minutes} min"

    @admin.display(description="Starts early by", ordering="lead_seconds")
    def starts_early(self, room: Room) -> str:
        return _seconds(room.lead)

    @admin.display(description="Ends late by", ordering="tail_seconds")
    def ends_late(self, room: Room) -> str:
        return _seconds(room.tail)


# --- Terms ----------------------------------------------------------------------------------------------
class WhenFilter(admin.SimpleListFilter):
    title = "time"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "Now"), ("ahead", "To come"), ("over", "Over")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Term]) -> QuerySet[Term]:
        today = timezone.localdate()
        chosen = {
            "now": Q(starts_on__lte=today, ends_on__gte=today),
            "ahead": Q(starts_on__gt=today),
            "over": Q(ends_on__lt=today),
        }
        return queryset.filter(chosen.get(self.value() or "", Q()))


@admin.register(Term)
class TermAdmin(TellsOfCaptures):
    fields = ("name", "starts_on", "ends_on", "external_id")
    inlines = (NonTeachingDaysOfTerm,)
    list_display = ("name", "first_day", "last_day", "sections")
    list_filter = (WhenFilter,)
    search_fields = ("name", "=external_id")
    search_help_text = "Name or external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Term]:
        found: QuerySet[Term] = super().get_queryset(request)
        return found.annotate(number_shown=_number_of(Section.objects.all(), "term"))

    @admin.display(description="First day", ordering="starts_on")
    def first_day(self, term: Term) -> str:
        return _day(term.starts_on)

    @admin.display(description="Last day", ordering="ends_on")
    def last_day(self, term: Term) -> str:
        return _day(term.ends_on)

    @admin.display(description="Sections", ordering="number_shown")
    def sections(self, term: Term) -> int:
        return _counted(term)


# --- Courses --------------------------------------------------------------------------------------------
@admin.register(Organization)
class OrganizationAdmin(KeepsRecord):
    fields = ("name", "external_id")
    list_display = ("name", "departments")
    search_fields = ("name", "=external_id")
    search_help_text = "Name or external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organization]:
        found: QuerySet[Organization] = super().get_queryset(request)
        return found.annotate(number_shown=_number_of(Department.objects.all(), "organization"))

    @admin.display(description="Departments", ordering="number_shown")
    def departments(self, organization: Organization) -> int:
        return _counted(organization)


@admin.register(Department)
class DepartmentAdmin(KeepsRecord):
    fields = ("name", "organization", "consent", "external_id")
    list_display = ("name", "organization", "courses", "consent")
    list_filter = ("organization", "consent")
    list_select_related = ("organization",)
    search_fields = ("name", "organization__name", "=external_id")
    search_help_text = "Name, organization or external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Department]:
        found: QuerySet[Department] = super().get_queryset(request)
        return found.annotate(number_shown=_number_of(Course.objects.all(), "department"))

    @admin.display(description="Courses", ordering="number_shown")
    def courses(self, department: Department) -> int:
        return _counted(department)


@admin.register(Course)
class CourseAdmin(KeepsRecord):
    fields = ("code", "name", "department", "external_id")
    list_display = ("code", "name", "department", "sections")
    list_filter = ("department",)
    list_select_related = ("department",)
    search_fields = ("code", "name", "=external_id")
    search_help_text = "Code, name or external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Course]:
        found: QuerySet[Course] = super().get_queryset(request)
        return found.annotate(number_shown=_number_of(Section.objects.all(), "course"))

    @admin.display(description="Sections", ordering="number_shown")
    def sections(self, course: Course) -> int:
        return _counted(course)


class Instructors(PlainInline):
    model = SectionInstructor
    form = SectionInstructorForm
    formset: Any = InstructorsFormSet
    fields = (("user", "is_primary"),)
    verbose_name_plural = "instructors"


class Links(PlainInline):
    """To read: links are made and taken away on the pages for linking."""

    model = LmsCourseLink
    template = "admin/schedules/_links.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LmsCourseLink]:
        return super().get_queryset(request).select_related("lms_course", "linked_by")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Section)
class SectionAdmin(KeepsRecord):
    form = SectionForm
    fields = ("course", "number", "term", "external_id")
    inlines = (Instructors, Links)
    list_display = ("code", "number", "term", "course_name", "instructor_names", "links")
    list_display_links = ("code",)
    list_filter = ("term", "course__department")
    list_select_related = ("course", "term")
    search_fields = ("course__code", "course__name", "teaching__user__email", "=external_id")
    search_help_text = "Course, e-mail address of an instructor, or external id"

    def view_on_site(self, section: Section) -> str:
        """Django would go through its table of sites, which is not in use here."""
        return section.get_absolute_url()

    def get_queryset(self, request: HttpRequest) -> QuerySet[Section]:
        found: QuerySet[Section] = super().get_queryset(request)
        found = found.annotate(number_shown=_number_of(LmsCourseLink.objects.all(), "section"))
        return found.select_related("course", "term").prefetch_related("teaching__user")

    @admin.display(description="Course", ordering="course__code")
    def code(self, section: Section) -> str:
        return section.course.code

    @admin.display(description="Name", ordering="course__name")
    def course_name(self, section: Section) -> str:
        return section.course.name

    @admin.display(description="Instructors")
    def instructor_names(self, section: Section) -> str:
        return ", ".join(str(one.user) for one in section.teaching.all()) or "–"

    @admin.display(description="LMS courses", ordering="number_shown")
    def links(self, section: Section) -> int:
        return _counted(section)


# --- Limits of schedulers -------------------------------------------------------------------------------
@admin.register(SchedulerScope)
class SchedulerScopeAdmin(KeepsRecord):
    form = SchedulerScopeForm
    fields = ("user", "department", "campus")
    list_display = ("user", "department", "campus")
    list_filter = ("campus", "department")
    list_select_related = ("user", "department", "campus")
    search_fields = ("user__email", "user__full_name", "department__name", "campus__name")
    search_help_text = "Person, department or campus"


class LimitsFormSet(forms.BaseInlineFormSet[SchedulerScope, User, LimitOfPersonForm]):
    """On the page of a person, which keeps no record of its own."""

    acting: User

    def save_new(self, form: Any, commit: bool = True) -> SchedulerScope:
        row: SchedulerScope = super().save_new(form, commit=False)
        rearranging.save(row, user=self.acting)
        return row

    def save_existing(self, form: Any, obj: SchedulerScope, commit: bool = True) -> SchedulerScope:
        row: SchedulerScope = super().save_existing(form, obj, commit=False)
        rearranging.save(row, user=self.acting)
        return row

    def delete_existing(self, obj: SchedulerScope, commit: bool = True) -> None:
        rearranging.delete(obj, user=self.acting)


class LimitsOfPerson(PlainInline):
    model = SchedulerScope
    form = LimitOfPersonForm
    formset: Any = LimitsFormSet
    fields = (("department", "campus"),)
    verbose_name = "limit"
    verbose_name_plural = "Limits as scheduler (without any: everything)"

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        made = super().get_formset(request, obj, **kwargs)
        return type(made.__name__, (made,), {"acting": signed_in(request)})


# People are known to `accounts`, which knows of no limits.
PersonAdmin.inlines = (*PersonAdmin.inlines, LimitsOfPerson)
