"""Terms, and the days without teaching."""

from __future__ import annotations

import datetime
from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from .external import ExternalId
from .places import Campus


class TermQuerySet(models.QuerySet["Term"]):
    def current(self, today: datetime.date) -> TermQuerySet:
        return self.filter(starts_on__lte=today, ends_on__gte=today)

    def not_over(self, today: datetime.date) -> TermQuerySet:
        return self.filter(ends_on__gte=today)


class Term(ExternalId):
    name = models.CharField(max_length=255)
    starts_on = models.DateField("first day")
    ends_on = models.DateField("last day")

    objects = TermQuerySet.as_manager()

    class Meta(ExternalId.Meta):
        ordering = ["-starts_on", "name"]
        constraints = [
            *ExternalId.Meta.constraints,
            models.UniqueConstraint(
                Lower("name"),
                name="one_term_per_name",
                violation_error_message="A term with this name exists already.",
            ),
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on")),
                name="term_ends_after_it_starts",
                violation_error_message="The last day is before the first.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class NonTeachingDayQuerySet(models.QuerySet["NonTeachingDay"]):
    def between(self, first: datetime.date, last: datetime.date) -> NonTeachingDayQuerySet:
        return self.filter(first__lte=last, last__gte=first)

    def applying_to(self, *, campus: Campus, terms: Collection[Term]) -> NonTeachingDayQuerySet:
        """A day of a campus applies in every term, one of a term on every campus, one of both where both fit."""
        here = Q(campus=None) | Q(campus=campus)
        now = Q(term=None) | Q(term__in=terms)
        return self.filter(here, now)


class NonTeachingDay(models.Model):
    """A day, or several in a row, on which nothing is recorded unless a scheduler puts the date back."""

    name = models.CharField(max_length=100)
    first = models.DateField("first day")
    last = models.DateField("last day", help_text="The same as the first for a single day.")
    term = models.ForeignKey(
        Term,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="non_teaching_days",
        help_text="Empty: in every term.",
    )
    campus = models.ForeignKey(
        Campus,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="non_teaching_days",
        help_text="Empty: on every campus.",
    )

    objects = NonTeachingDayQuerySet.as_manager()

    class Meta:
        verbose_name = "non-teaching day"
        ordering = ["first", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(last__gte=F("first")),
                name="non_teaching_days_in_order",
                violation_error_message="The last day is before the first.",
            ),
            models.CheckConstraint(
                condition=Q(term__isnull=False) | Q(campus__isnull=False),
                name="non_teaching_day_of_something",
                violation_error_message="Choose a term, a campus, or both.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.first:%Y-%m-%d})"

    def clean(self) -> None:
        if self.first and not self.last:
            raise ValidationError({"last": "Enter the last day: the same as the first for a single day."})
