"""Who watches and answers. A learner is one person under all the names that statements and rosters give them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from directory.models import RosterEntry


class Learner(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.CharField(max_length=255, blank=True)
    email = models.CharField("e-mail", max_length=254, blank=True)
    first_seen_at = models.DateTimeField("first seen", default=timezone.now)

    class Meta:
        ordering = ["name", "pk"]
        permissions = [
            ("view_learner_figures", "Can see the figures of single students of sections they do not teach")
        ]

    def __str__(self) -> str:
        return self.name or self.email or f"Person {self.pk}"


class Identity(models.Model):
    """One name of a learner. Events refer to it, so that two learners can become one without touching events.

    `key` is the inverse functional identifier of xAPI (docs/analytics.md): `mailto:…`, `sha1:…`, `openid:…` or
    `account:homePage|name`. People of an LMS have `account:https://canvas.example.edu|lms user id`. A group has
    `group:` before it, and is no learner: what it does counts as nobody's.
    """

    id = models.AutoField(primary_key=True)
    key = models.CharField(max_length=2400, unique=True)
    learner = models.ForeignKey(Learner, null=True, on_delete=models.CASCADE, related_name="identities")

    class Meta:
        verbose_name_plural = "identities"

    def __str__(self) -> str:
        return self.key


class RosterLearner(models.Model):
    """Which learner a person on a roster is."""

    entry = models.OneToOneField(RosterEntry, on_delete=models.CASCADE, primary_key=True, related_name="+")
    learner = models.ForeignKey(Learner, on_delete=models.CASCADE, related_name="enrolments")
    # As the roster told them when they were matched; where it tells otherwise now, they are matched again.
    login_id = models.CharField(max_length=255, default="")
    name = models.CharField(max_length=255, default="")

    def __str__(self) -> str:
        return str(self.entry)


class StudentLook(models.Model):
    """That somebody opened the figures of one student."""

    viewer = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    learner = models.ForeignKey(Learner, on_delete=models.CASCADE, related_name="looks")
    what = models.CharField(max_length=200)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "look at a student"
        verbose_name_plural = "looks at students"
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["learner", "at"])]

    def __str__(self) -> str:
        return f"{self.viewer}: {self.learner}, {self.at:%Y-%m-%d %H:%M}"


class Erasure(models.Model):
    """That a person was erased, without saying who it was."""

    erased_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    statements = models.IntegerField()

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M %Z}"
