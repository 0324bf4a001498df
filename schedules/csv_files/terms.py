"""Terms, with their days without teaching."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from django.db import models

from accounts.roles import Role
from schedules.models import NonTeachingDay, Term
from schedules.models.changes import Difference, difference
from schedules.models.scopes import Scope

from . import cells as written
from .base import ADDED, CHANGED, Cells, Column, FileKind, Known, external_id, merge
from .outcome import Kind, refuse

if TYPE_CHECKING:
    from accounts.models import User

Days: TypeAlias = list[tuple[datetime.date, datetime.date, str]]


class Terms(FileKind):
    name = "terms"
    title = "Terms"
    sentence = "When there is teaching, and on which days there is none."
    importers = (Role.SCHEDULERS,)
    columns = (
        Column("term", "Name of the term.", "Autumn 2045", key=True),
        Column("starts_on", "First day. A new term needs it.", "2045-10-02"),
        Column("ends_on", "Last day. A new term needs it.", "2045-12-22"),
        Column(
            "non_teaching_days",
            "A date, or the first and the last with two dots between, and a name; several apart by "
            "semicolons: `2045-10-23..2045-10-27 Reading week; 2045-11-01 Holiday`. These are the days that "
            "count on every campus; days of one campus stay as they are.",
            "2045-10-23..2045-10-27 Reading week; 2045-11-01 Holiday",
        ),
        external_id("T-2045-1"),
    )

    def prepare(self) -> None:
        self.terms = Known(Term.objects.all(), lambda one: (one.name,))
        self.days: dict[int, list[NonTeachingDay]] = {}
        for day in NonTeachingDay.objects.filter(campus=None):
            self.days.setdefault(day.term_id or 0, []).append(day)
        scope = Scope.of(self.user)
        self.limited = scope.campuses is not None or scope.departments is not None

    def column(self, field: str) -> str:
        return {"name": "term"}.get(field, field)

    def carry_out(self, cells: Cells) -> tuple[Kind, models.Model, str, list[Difference]]:
        values: dict[str, Any] = {}
        cells.put(values, "starts_on", reader=written.date, empty=None)
        cells.put(values, "ends_on", reader=written.date, empty=None)
        cells.put(values, "external_id")
        days: Days | None = None
        if cells.has("non_teaching_days"):
            days = sorted(set(cells.read("non_teaching_days", _days, empty=[])))
        cells.check()
        term = self.terms.by_external_id(cells.text("external_id"))
        if term is not None and cells.has("term"):
            values["name"] = cells.text("term")
        if term is None:
            term = self.terms.find(cells.text("term"))
        if term is not None:
            self.touch(term, cells)
        kind = Kind.CREATED if term is None else Kind.CHANGED
        if term is None:
            values["name"] = cells.text("term")
            changed = Term()
        else:
            changed = copy.copy(term)
        self._check_dates(changed, values)
        differences = merge(self.save_fields(changed, values), self._save_days(changed, days))
        if kind == Kind.CHANGED and not differences:
            return Kind.UNCHANGED, changed, str(changed), []
        if kind == Kind.CHANGED and self.limited:
            reason = "The term exists, and all departments and campuses use it. An administrator can change it."
            raise refuse("term", reason)
        self.record(changed, ADDED if kind == Kind.CREATED else CHANGED, differences)
        self.fresh(self.terms, changed)
        return kind, changed, str(changed), differences

    def _check_dates(self, term: Term, values: dict[str, Any]) -> None:
        for column, words in (("starts_on", "first"), ("ends_on", "last")):
            if values.get(column, getattr(term, column)) is None:
                raise refuse(column, f"Enter the {words} day of the term.")
        if values.get("ends_on", term.ends_on) < values.get("starts_on", term.starts_on):
            raise refuse("ends_on", "The last day is before the first.")

    def _save_days(self, term: Term, days: Days | None) -> list[Difference]:
        rows = self.days.get(term.pk, [])
        present = sorted((row.first, row.last, row.name) for row in rows)
        if days is None or days == sorted(set(present)):
            return []
        kept: Days = []
        for row in rows:
            day = (row.first, row.last, row.name)
            if day in days and day not in kept:
                kept.append(day)
            else:
                row.delete()
        for day in days:
            if day not in kept:
                first, last, name = day
                made = NonTeachingDay(term=term, first=first, last=last)
                self.save_fields(made, {"name": name})
        return difference("Non-teaching days", _written(present), _written(days))

    @classmethod
    def export(cls, user: User) -> Iterator[list[str]]:
        prefetch = models.Prefetch("non_teaching_days", NonTeachingDay.objects.filter(campus=None), "everywhere")
        for term in Term.objects.prefetch_related(prefetch).iterator(chunk_size=500):
            everywhere: list[NonTeachingDay] = term.everywhere  # type: ignore[attr-defined]  # prefetched
            days = sorted((day.first, day.last, day.name) for day in everywhere)
            yield [term.name, str(term.starts_on), str(term.ends_on), _written(days), term.external_id]


def _days(cell: str) -> Days:
    return [written.span(item) for item in written.parts(cell)]


def _written(days: Days) -> str:
    return written.joined(written.written_span(*day) for day in days)
