"""What can be watched and answered: media of sections, and the polls in them."""

from __future__ import annotations

import decimal
import re
import uuid
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.urls import reverse
from django.utils import timezone

from schedules.models import Capture, Section

from .events import ViewEvent

if TYPE_CHECKING:
    from accounts.models import User

MAX_SECONDS = 7 * 24 * 3600


def name_of(iri: str) -> str:
    """The address of a media here, as people copy it from their browser, is the media's name but for a slash."""
    return iri.rstrip("/") if iri.startswith(f"{settings.SITE_URL}/watch/") else iri


class ActivityQuerySet(models.QuerySet["Activity"]):
    def without_media(self) -> ActivityQuerySet:
        """Under which something was watched that counts nowhere."""
        watched = Exists(ViewEvent.objects.filter(activity_id=OuterRef("pk")))
        return self.filter(watched, media=None)


class Activity(models.Model):
    """What statements are about, by its IRI. Known from the first statement on, before a media claims it."""

    id = models.AutoField(primary_key=True)
    iri = models.CharField("IRI", max_length=2000, unique=True)
    objects = ActivityQuerySet.as_manager()

    class Meta:
        verbose_name = "name without media"
        verbose_name_plural = "names without media"
        ordering = ["iri"]

    def __str__(self) -> str:
        return self.iri

    @classmethod
    def of(cls, iri: str) -> Self:
        return cls.objects.get_or_create(iri=iri)[0]


class MediaQuerySet(models.QuerySet["Media"]):
    def visible_to(self, user: User) -> MediaQuerySet:
        """Whose figures this person may see: of the sections they teach, whatever else they are."""
        return self.filter(section__in=Section.objects.filter(teaching__user=user).values("pk"))

    def published(self) -> MediaQuerySet:
        """What students can watch now."""
        now = timezone.now()
        return self.filter(Q(available_until=None) | Q(available_until__gt=now), published_at__lte=now)


class Media(models.Model):
    """A recording, or something else to watch, in one section. A capture for two sections makes two."""

    id = models.AutoField(primary_key=True)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    section = models.ForeignKey(Section, on_delete=models.PROTECT, related_name="media")
    capture = models.ForeignKey(
        Capture, null=True, blank=True, on_delete=models.SET_NULL, related_name="media", editable=False
    )
    title = models.CharField(max_length=255)
    duration_seconds = models.PositiveIntegerField(
        "length (seconds)", validators=[MinValueValidator(1), MaxValueValidator(MAX_SECONDS)]
    )
    recorded_at = models.DateTimeField("recorded", default=timezone.now)
    published_at = models.DateTimeField(
        "published", null=True, blank=True, help_text="From then on students can watch it. Empty: not yet."
    )
    available_until = models.DateTimeField("available until", null=True, blank=True, help_text="Empty: always.")
    # Under this name statements speak of it; ours unless another system hosts the media.
    activity = models.OneToOneField(Activity, on_delete=models.PROTECT, related_name="media", editable=False)
    video = models.FileField(upload_to="media/", blank=True, help_text="MP4 or WebM.")
    captions = models.FileField(upload_to="captions/", blank=True, help_text="WebVTT.")

    objects = MediaQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "media"
        ordering = ["-recorded_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["capture", "section"], name="one_media_per_capture_and_section"),
            models.CheckConstraint(condition=Q(duration_seconds__gte=1), name="media_has_a_length"),
        ]
        indexes = [models.Index(fields=["section", "recorded_at"])]

    def __str__(self) -> str:
        return self.title

    def save(self, **kwargs: Any) -> None:
        if not self.activity_id:
            self.is_called("")
        super().save(**kwargs)

    def get_absolute_url(self) -> str:
        """The figures of the media."""
        return reverse("media_figures", args=[self.pk])

    def is_called(self, iri: str) -> None:
        """In statements. Empty: by our own name."""
        self.activity = Activity.of(iri or self.own_iri)

    @property
    def own_iri(self) -> str:
        return f"{settings.SITE_URL}/watch/{self.uuid}"

    @property
    def watch_path(self) -> str:
        return reverse("watch", args=[self.uuid])


class Poll(models.Model):
    """A question in a media. Without a key it is not graded, which is not the same as 0 % correct."""

    class Kind(models.TextChoices):
        ONE = "one", "One choice"
        SEVERAL = "several", "Several choices"
        TRUE_FALSE = "true_false", "True or false"
        NUMERIC = "numeric", "Number"
        SHORT = "short", "Short text"
        OPEN = "open", "Open text"

    class Results(models.TextChoices):
        NEVER = "never", "Never"
        ANSWERED = "answered", "After answering"
        CLOSED = "closed", "After closing"

    id = models.AutoField(primary_key=True)
    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    media = models.ForeignKey(Media, on_delete=models.CASCADE, related_name="polls")
    kind = models.CharField(max_length=10, choices=Kind)
    question = models.CharField(max_length=1000)
    at_seconds = models.PositiveIntegerField(
        "shown at (seconds)", null=True, blank=True, help_text="Empty: below the video, at any time."
    )
    # [{"id": "a", "text": "…"}], in the order in which they are shown.
    choices = models.JSONField(default=list, blank=True)
    # Alternatives, each as xAPI writes it (docs/analytics.md): "b", "a[,]c", "true", "4[:]4.5". Empty: not graded.
    correct = models.JSONField(default=list, blank=True)
    attempts = models.PositiveSmallIntegerField(
        "attempts allowed", default=1, help_text="0: as many as a student wants. First and latest answers count."
    )
    results = models.CharField("students see results", max_length=10, choices=Results, default=Results.NEVER)
    anonymous = models.BooleanField(
        default=False, help_text="Answers are counted, and no name is stored with them."
    )
    closes_at = models.DateTimeField("closes", null=True, blank=True)
    activity = models.OneToOneField(Activity, on_delete=models.PROTECT, related_name="poll", editable=False)

    class Meta:
        ordering = ["media", "at_seconds", "pk"]

    def __str__(self) -> str:
        return self.question

    def save(self, **kwargs: Any) -> None:
        if not self.activity_id:
            self.activity = Activity.of(f"{settings.SITE_URL}/polls/{self.uuid}")
        super().save(**kwargs)

    def get_absolute_url(self) -> str:
        return reverse("poll_figures", args=[self.pk])

    def clean(self) -> None:
        known = {choice["id"] for choice in self.choices}
        if self.kind in (self.Kind.ONE, self.Kind.SEVERAL) and len(known) < 2:
            raise ValidationError({"choices": "Give at least two choices."})
        if self.kind in (self.Kind.ONE, self.Kind.SEVERAL):
            stray = {part for pattern in self.correct for part in pattern.split("[,]")} - known
            if stray:
                raise ValidationError({"correct": f"{', '.join(sorted(stray))} is none of the choices."})

    @property
    def is_ours(self) -> bool:
        """Asked here, and not met in the statements of another system."""
        return self.activity.iri.endswith(f"/polls/{self.uuid}")

    @property
    def is_graded(self) -> bool:
        return bool(self.correct) and self.kind != self.Kind.OPEN

    @property
    def is_open(self) -> bool:
        return self.closes_at is None or timezone.now() < self.closes_at

    def shows_results(self, *, answered: bool) -> bool:
        """To a student who has answered, or has not."""
        if self.results == self.Results.ANSWERED:
            return answered
        return self.results == self.Results.CLOSED and not self.is_open

    def grade(self, response: str) -> bool | None:
        """Whether an answer, written as in xAPI, is right; None if the poll is not graded."""
        if not self.is_graded:
            return None
        if self.kind == self.Kind.SEVERAL:
            return set(response.split("[,]")) in [set(pattern.split("[,]")) for pattern in self.correct]
        if self.kind == self.Kind.NUMERIC:
            return any(_within(response, pattern) for pattern in self.correct)
        if self.kind == self.Kind.SHORT:
            # Patterns may begin with such as {case_matters=false} (xAPI 1.0.3, part 2 §2.4.4.1).
            patterns = [re.sub(r"^(\{\w+=\w+\})+", "", pattern) for pattern in self.correct]
            return response.strip().casefold() in [pattern.strip().casefold() for pattern in patterns]
        return response in self.correct


def _within(response: str, pattern: str) -> bool:
    """`4[:]4.5` holds both ends, `[:]3` everything up to 3; a number alone only itself (xAPI 1.0.3, §4.1.4.1)."""
    low, colon, high = pattern.partition("[:]")
    try:
        given = decimal.Decimal(response.strip().replace(",", "."))
        lowest = decimal.Decimal(low) if low else None
        highest = decimal.Decimal(high) if high else None
    except decimal.InvalidOperation:
        return False
    if not all(one is None or one.is_finite() for one in (given, lowest, highest)):
        return False
    if not colon:
        return given == lowest
    return (lowest is None or lowest <= given) and (highest is None or given <= highest)


class SectionFigures(models.Model):
    """What an instructor sets for the figures of a section."""

    section = models.OneToOneField(Section, on_delete=models.CASCADE, related_name="figures", primary_key=True)
    completion_percent = models.PositiveSmallIntegerField(
        "complete from (%)", default=95, validators=[MinValueValidator(1), MaxValueValidator(100)]
    )
    # Weights of the engagement score; all zero: no score is shown.
    weight_watched = models.PositiveSmallIntegerField(
        "media watched", default=0, validators=[MaxValueValidator(100)]
    )
    weight_answered = models.PositiveSmallIntegerField(
        "polls answered", default=0, validators=[MaxValueValidator(100)]
    )
    weight_correct = models.PositiveSmallIntegerField(
        "polls correct", default=0, validators=[MaxValueValidator(100)]
    )

    class Meta:
        verbose_name = "figures of a section"
        verbose_name_plural = "figures of sections"

    def __str__(self) -> str:
        return str(self.section)

    @property
    def has_score(self) -> bool:
        return bool(self.weight_watched or self.weight_answered or self.weight_correct)
