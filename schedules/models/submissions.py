"""One press of Save on the linking page: a second press makes nothing, and an undo is exact."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from .captures import CaptureSchedule
from .courses import LmsCourseLink, Section


class Submission(models.Model):
    """`key` is drawn when the page is opened: a double click or a reload sends the same one again."""

    key = models.UUIDField(primary_key=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    section = models.ForeignKey(Section, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    link = models.ForeignKey(LmsCourseLink, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    schedule = models.ForeignKey(
        CaptureSchedule, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    # "course", "term", "section", "link" and "person:<key>": what did not exist before.
    made = models.JSONField(default=list)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return str(self.key)
