"""What other systems keep here about activities and people (xAPI 1.0.3, part 3 §2.2)."""

from __future__ import annotations

import hashlib

from django.db import models
from django.db.models import Q

from .media import Activity
from .people import Identity


class Document(models.Model):
    """Of an activity and a person together it is a state, of one of them alone a profile."""

    id = models.BigAutoField(primary_key=True)
    # No index of its own: the constraint below begins with it.
    activity = models.ForeignKey(Activity, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    # It goes with its person (erasure.py).
    identity = models.ForeignKey(Identity, null=True, on_delete=models.CASCADE, related_name="+")
    registration = models.UUIDField(null=True)
    # `stateId` or `profileId`.
    key = models.TextField()
    content_type = models.CharField(max_length=255)
    content = models.BinaryField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["activity", "identity", "registration", "key"],
                nulls_distinct=False,
                name="one_document_of_a_name",
            ),
            models.CheckConstraint(
                condition=Q(activity__isnull=False, identity__isnull=False)
                | Q(activity__isnull=False, registration=None)
                | Q(identity__isnull=False, registration=None),
                name="document_is_a_state_or_a_profile",
            ),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def etag(self) -> str:
        """As clients of 1.0.x may work it out themselves (part 3 §3.1)."""
        return f'"{hashlib.sha1(bytes(self.content), usedforsecurity=False).hexdigest()}"'
