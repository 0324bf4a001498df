"""What was changed here: who, when, what, before and after. Append-only."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.text import Truncator

if TYPE_CHECKING:
    from accounts.models import User

# [what, before, after] in words.
Difference: TypeAlias = tuple[str, str, str]


class ChangeQuerySet(models.QuerySet["Change"]):
    def about(self, row: models.Model) -> ChangeQuerySet:
        """Of this object, newest first; for a schedule those of its captures too, for a section its links'."""
        from .captures import CaptureSchedule  # noqa: PLC0415 - the models know their changes
        from .courses import Section  # noqa: PLC0415

        found = models.Q(subject_type=subject_type(row), subject_id=row.pk)
        if isinstance(row, CaptureSchedule):
            found |= models.Q(schedule_id=row.pk)
        if isinstance(row, Section):
            found |= models.Q(section_id=row.pk)
        return self.filter(found).select_related("actor").order_by("-at", "-pk")


def subject_type(row: models.Model) -> str:
    return str(row._meta.model_name)


class Change(models.Model):
    at = models.DateTimeField(default=timezone.now)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # What was done, as a sentence without its subject: "Moved to Hall 2".
    action = models.CharField(max_length=200)
    subject_type = models.CharField(max_length=40)
    subject_id = models.BigIntegerField()
    subject = models.CharField(max_length=500)
    # Without foreign keys: the record outlives what it is about.
    schedule_id = models.BigIntegerField(null=True, blank=True)
    section_id = models.BigIntegerField(null=True, blank=True)
    differences = models.JSONField(default=list, blank=True)

    objects = ChangeQuerySet.as_manager()

    class Meta:
        ordering = ["-at", "-pk"]
        indexes = [
            models.Index(fields=["subject_type", "subject_id", "-at"]),
            models.Index(fields=["schedule_id"], condition=~models.Q(schedule_id=None), name="change_of_schedule"),
            models.Index(fields=["section_id"], condition=~models.Q(section_id=None), name="change_of_section"),
        ]

    def __str__(self) -> str:
        return f"{self.subject}: {self.action}"

    @classmethod
    def record(
        cls,
        row: models.Model,
        action: str,
        *,
        actor: User | None,
        differences: list[Difference] | None = None,
        schedule_id: int | None = None,
        section_id: int | None = None,
    ) -> Change:
        return cls.objects.create(
            actor=actor,
            action=Truncator(action).chars(200),
            subject_type=subject_type(row),
            subject_id=row.pk,
            subject=str(row)[:500],
            schedule_id=schedule_id,
            section_id=section_id,
            differences=differences or [],
        )


def difference(label: str, before: object, after: object) -> list[Difference]:
    """One entry if they differ, none if they do not."""
    old, new = _shown(before), _shown(after)
    return [(label, old, new)] if old != new else []


def _shown(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
