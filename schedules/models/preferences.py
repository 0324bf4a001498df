"""What a person has chosen to see in a list."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models


class ListPreference(models.Model):
    """`columns`: in the order shown. `query`: the filters of the last visit, as in the address."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    page = models.CharField(max_length=40)
    columns = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    query = models.CharField(max_length=1000, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "page"], name="one_preference_per_list")]

    def __str__(self) -> str:
        return f"{self.user}: {self.page}"
