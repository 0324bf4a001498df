"""Calendar feeds: addresses that can be read without signing in, and taken back."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from .courses import Section
from .places import Room


class Feed(models.Model):
    """One address. It is signed (`feeds.py`); revoking the row ends it for whoever has it."""

    class Audience(models.TextChoices):
        PEOPLE = "people", "For people's calendars"
        RECORDER = "recorder", "For a recorder"

    audience = models.CharField(max_length=10, choices=Audience, default=Audience.PEOPLE)
    room = models.ForeignKey(Room, null=True, blank=True, on_delete=models.CASCADE, related_name="feeds")
    section = models.ForeignKey(Section, null=True, blank=True, on_delete=models.CASCADE, related_name="feeds")
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="+"
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["created_at", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(room__isnull=False, section=None, person=None)
                | Q(room=None, section__isnull=False, person=None)
                | Q(room=None, section=None, person__isnull=False),
                name="feed_of_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"Feed of {self.room or self.section or self.person}"
