"""Media and their polls in the admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db import transaction
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.in_use import SaysWhatRestsOnIt, Use

from .. import folding
from ..forms.media import MediaForm, PollForm, PollFormSet
from ..models import Activity, Media, Poll, PollAnswer, ViewSession
from .people import ReadOnly

FILES = ("video", "captions")


class PollInline(admin.StackedInline[Poll, Media]):
    model = Poll
    form = PollForm
    formset = PollFormSet
    extra = 0
    view_on_site = False
    fieldsets = (
        (None, {"fields": (("kind", "at_seconds"), "question", "choices", "correct")}),
        (None, {"fields": (("attempts", "results"), ("closes_at", "anonymous"))}),
    )


class Styled(SaysWhatRestsOnIt):
    """Apart from the class below, in which `Media` is the model."""

    class Media:
        css = {"all": ["configurations/connection.css", "schedules/places.css"]}


@admin.register(Media)
class MediaAdmin(Styled):
    form = MediaForm
    inlines = (PollInline,)
    fieldsets = (
        (None, {"fields": ("section", "title", "duration_seconds", "recorded_at")}),
        ("Who can watch it", {"fields": ("published_at", "available_until")}),
        ("Files", {"fields": FILES}),
        ("Other systems", {"fields": ("iri",)}),
    )
    autocomplete_fields = ("section",)
    list_display = ("title", "section", "recorded_at", "published_at", "has_video", "polls_shown")
    list_filter = ("section__term",)
    list_select_related = ("section__course", "section__term")
    search_fields = ("title", "section__course__code", "section__course__name", "=uuid")
    search_help_text = "Title, or course"
    ordering = ("-recorded_at", "pk")
    list_per_page = 50
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Media]:
        found: QuerySet[Media] = super().get_queryset(request)
        return found.annotate(number_of_polls=Count("polls"))

    @admin.display(description="Video", boolean=True)
    def has_video(self, media: Media) -> bool:
        return bool(media.video)

    @admin.display(description="Polls", ordering="number_of_polls")
    def polls_shown(self, media: Media) -> int:
        return int(media.number_of_polls)  # type: ignore[attr-defined]  # annotated by get_queryset

    def view_on_site(self, media: Media) -> str:
        return media.watch_path

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Without windows over the form: on a telephone they lose what was typed."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and hasattr(field.widget, "can_add_related"):
            field.widget = field.widget.widget
        return field

    def get_readonly_fields(self, request: HttpRequest, obj: Media | None = None) -> tuple[str, ...]:
        """What was watched in one section is not another section's to see."""
        return ("section",) if obj else ()

    def save_model(self, request: HttpRequest, obj: Media, form: Any, change: bool) -> None:
        before = Media.objects.filter(pk=obj.pk).first()
        if "iri" in form.changed_data or not change:
            obj.is_called(form.cleaned_data["iri"])
        super().save_model(request, obj, form, change)
        for name in FILES:
            if before and getattr(before, name) and getattr(before, name) != getattr(obj, name):
                _delete_file(getattr(before, name))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        counts = {"duration_seconds", "iri"} & set(form.changed_data)
        if counts or not change or any(one.has_changed() for one in formsets):
            folding.read_media_anew([form.instance])

    def uses_of(self, objs: Sequence[Media] | QuerySet[Media]) -> list[Use]:
        """Figures are no rows that point to it, but they would hang in the air."""
        keys = [one.pk for one in objs]
        polls = list(Poll.objects.filter(media__in=keys).values_list("pk", flat=True))
        watched = ViewSession.objects.filter(media_id__in=keys)
        answered = PollAnswer.objects.filter(poll_id__in=polls)
        counted = [Use(rows.model, rows.count(), ()) for rows in (watched, answered)]
        return super().uses_of(objs) + [use for use in counted if use.count]

    def delete_model(self, request: HttpRequest, obj: Media) -> None:
        for name in FILES:
            _delete_file(getattr(obj, name))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Media]) -> None:
        for media in queryset:
            self.delete_model(request, media)


@admin.register(Activity)
class NamesWithoutMediaAdmin(ReadOnly):
    """What other players tell of that nobody has added yet."""

    list_display = ("iri", "add_media")
    search_fields = ("iri",)
    search_help_text = (
        "What was watched under these names counts nowhere: no media has them. Add a media with the name, or "
        "write it under Other systems of a media that is here and was not watched yet."
    )
    list_per_page = 50

    def get_queryset(self, request: HttpRequest) -> QuerySet[Activity]:
        return Activity.objects.without_media()

    @admin.display(description="Media")
    def add_media(self, activity: Activity) -> str:
        address = reverse("admin:analytics_media_add", query={"iri": activity.iri})
        return format_html('<a href="{}">Add a media with this name</a>', address)


def _delete_file(file: Any) -> None:
    if file:
        storage, name = file.storage, file.name
        transaction.on_commit(lambda: storage.delete(name))
