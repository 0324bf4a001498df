"""One change of several captures at once: a second press changes nothing, and an undo is exact."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone


class BulkChange(models.Model):
    """`key` is drawn when the page is opened: a double click or a reload sends the same one again."""

    key = models.UUIDField(primary_key=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    # What was done, as a sentence without its subject: "Moved to Main › Hall 2".
    action = models.CharField(max_length=200)
    # By the capture's key: its values before, and those that were written (`schedules.moving.values_of`).
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.action
