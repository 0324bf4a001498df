"""What rests on a row and keeps it from being deleted, found through the models' own relations: an app that is
asked need not know the apps that point to it.

Counted and shown by example, so that a room with a hundred thousand recordings costs no more than one with three.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.db.models import CASCADE, PROTECT, ForeignKey, Model, ProtectedError, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html

SHOWN = 5
# Django's own book-keeping goes with what it is about; nobody needs to hear of it.
QUIET_APPS = ("admin", "auth", "contenttypes", "sessions", "axes")


@dataclass(frozen=True)
class Use:
    """`examples`: the first few of `count` rows of a model."""

    model: type[Model]
    count: int
    examples: tuple[Model, ...]

    def __str__(self) -> str:
        names = self.model._meta
        return f"{self.count:,} {names.verbose_name if self.count == 1 else names.verbose_name_plural}"


def uses(rows: QuerySet[Any], *, also: Collection[type[Model]] = ()) -> list[Use]:
    """What keeps these rows from being deleted: a relation that protects, of theirs or of what would go with them.

    `also`: models whose rows would go with them, but must not.
    """
    found = []
    for related, protects in _related(rows, set()):
        if protects or related.model in also:
            count = related.count()
            if count:
                found.append(Use(related.model, count, tuple(related.order_by("pk")[:SHOWN])))
    return found


def going_along(rows: QuerySet[Any]) -> list[Use]:
    """What is deleted with these rows."""
    counted = [
        Use(related.model, related.count(), ())
        for related, protects in _related(rows, set())
        if not protects
        and related.model._meta.app_label not in QUIET_APPS
        and not related.model._meta.auto_created
    ]
    return [use for use in counted if use.count]


def _related(rows: QuerySet[Any], seen: set[object]) -> Iterator[tuple[QuerySet[Any], bool]]:
    for relation in rows.model._meta.get_fields(include_hidden=True):
        if not (relation.auto_created and not relation.concrete and (relation.one_to_many or relation.one_to_one)):
            continue
        field: Any = relation.field
        how = relation.on_delete
        if field in seen or how not in (CASCADE, PROTECT):
            continue
        seen.add(field)
        keys = rows.order_by().values("pk")
        related = field.model._base_manager.filter(**{f"{field.name}__in": keys})
        yield related, how is PROTECT
        if how is CASCADE:
            yield from _related(related, seen)


# --- In the admin ---------------------------------------------------------------------------------------
def address_of(row: Model, *, besides: type[Model] | None = None, deeper: bool = True) -> str:
    """Where a row can be looked at: its page, or the page of what it belongs to; empty if there is none yet."""
    try:
        if admin.site.is_registered(type(row)):
            return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
        if hasattr(row, "get_absolute_url"):
            return str(row.get_absolute_url())
    except NoReverseMatch:
        return ""
    for field in row._meta.concrete_fields if deeper else ():
        if isinstance(field, ForeignKey) and field.related_model is not besides:
            target = getattr(row, field.name)
            address = address_of(target, deeper=False) if target is not None else ""
            if address:
                return address
    return ""


def _listed(use: Use, besides: type[Model]) -> list[Any]:
    shown = []
    for row in use.examples:
        address = address_of(row, besides=besides)
        shown.append(format_html('<a href="{}">{}</a>', address, row) if address else str(row))
    if use.count > len(shown):
        shown.append(f"and {use.count - len(shown):,} more")
    return [str(use), shown]


class SaysWhatRestsOnIt(admin.ModelAdmin[Any]):
    """Deleting what is in use says what uses it and deletes nothing."""

    in_use_also: tuple[type[Model], ...] = ()

    def uses_of(self, objs: Sequence[Any] | QuerySet[Any]) -> list[Use]:
        rows = self.model._base_manager.filter(pk__in=[one.pk for one in objs])
        return uses(rows, also=self.in_use_also)

    def get_deleted_objects(
        self, objs: Sequence[Any] | QuerySet[Any], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """What goes, and what is in the way, each by number and example."""
        protected = [part for use in self.uses_of(objs) for part in _listed(use, self.model)]
        if protected:
            return [], {}, set(), protected
        gone: list[Any] = []
        for one in objs:
            along = going_along(self.model._base_manager.filter(pk=one.pk))
            gone += [str(one), [str(use) for use in along]] if along else [str(one)]
        return gone, {str(self.opts.verbose_name_plural): len(objs)}, set(), []

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().delete_view(request, object_id, extra_context)
        except ProtectedError:  # somebody has begun to use it since the page said that nobody does
            text = "Somebody began to use this in the same moment. Nothing was deleted."
            self.message_user(request, text, messages.ERROR)
            return redirect(request.path)
