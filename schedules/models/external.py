"""Identities given by other systems."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ExternalId(models.Model):
    """An id from a timetable or student system: accepted in CSV files wherever the row's own id is."""

    external_id = models.CharField(
        "external id",
        max_length=255,
        blank=True,
        help_text="The id in another system, if there is one. It is accepted in CSV files in place of ours.",
    )

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"],
                condition=~Q(external_id=""),
                name="one_%(class)s_per_external_id",
                violation_error_message="Another one has this external id already.",
            )
        ]
