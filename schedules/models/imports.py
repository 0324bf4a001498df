"""A CSV file between its check and its saving."""

from __future__ import annotations

import datetime

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone

KEPT_FOR = datetime.timedelta(days=1)


class ImportJobQuerySet(models.QuerySet["ImportJob"]):
    def current(self) -> ImportJobQuerySet:
        return self.filter(created_at__gte=timezone.now() - KEPT_FOR)

    def expired(self) -> ImportJobQuerySet:
        return self.filter(created_at__lt=timezone.now() - KEPT_FOR)


class ImportJob(models.Model):
    """An uploaded file and what its check found. It is saved once, and forgotten after a day."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    file_name = models.CharField(max_length=255)
    # Empty once it is saved.
    content = models.BinaryField()
    created_at = models.DateTimeField(default=timezone.now)
    checked_at = models.DateTimeField(default=timezone.now)
    saved_at = models.DateTimeField(null=True, blank=True)
    # What the check found, and after saving what was saved: rows as `csv_files.outcome` writes them.
    report = models.JSONField(default=list)

    objects = ImportJobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["created_at"])]

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        return reverse("file_job", args=[self.pk])
