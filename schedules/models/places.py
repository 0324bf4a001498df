"""Campus › building › room."""

from __future__ import annotations

import zoneinfo
from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from accounts.models import validate_time_zone

from .external import ExternalId
from .scopes import Scope

if TYPE_CHECKING:
    from accounts.models import User

HOUR = 3600
SECONDS = [MinValueValidator(-HOUR), MaxValueValidator(HOUR)]


class Input(models.TextChoices):
    """What a recorder in a room can record."""

    DISPLAY = "display", "Display"
    CAMERA = "camera", "Camera"
    ALTERNATE = "alternate", "Second camera"
    DOCUMENT = "document", "Document camera"
    AUDIO = "audio", "Audio only"


class ConsentPolicy(models.TextChoices):
    """Whether recording waits for the instructors of a section."""

    NONE = "none", "Recorded without asking"
    OPT_OUT = "opt_out", "Recorded unless an instructor objects"
    ONE = "one", "Recorded once one instructor agrees"
    ALL = "all", "Recorded once all instructors agree"


def usual_inputs() -> list[str]:
    return [Input.DISPLAY, Input.CAMERA]


class CampusQuerySet(models.QuerySet["Campus"]):
    def manageable_by(self, user: User) -> CampusQuerySet:
        """Where this person may schedule."""
        scope = Scope.of(user)
        if not scope.schedules:
            return self.none()
        return self if scope.campuses is None else self.filter(pk__in=scope.campuses)


class Campus(ExternalId):
    name = models.CharField(max_length=100)
    time_zone = models.CharField(
        max_length=64,
        validators=[validate_time_zone],
        help_text="Lectures on this campus are planned by the clock of this zone, summer time included.",
    )
    lead_seconds = models.IntegerField(
        "start early by (seconds)",
        default=0,
        validators=SECONDS,
        help_text="Recording starts this long before the lecture; with a minus sign, after its start.",
    )
    tail_seconds = models.IntegerField(
        "end late by (seconds)",
        default=0,
        validators=SECONDS,
        help_text="Recording ends this long after the lecture; with a minus sign, before its end.",
    )

    consent = models.CharField(
        "consent of instructors",
        max_length=10,
        choices=ConsentPolicy,
        default=ConsentPolicy.NONE,
        help_text="A department may say otherwise for its courses.",
    )

    objects = CampusQuerySet.as_manager()

    class Meta(ExternalId.Meta):
        verbose_name_plural = "campuses"
        ordering = ["name"]
        constraints = [
            *ExternalId.Meta.constraints,
            models.UniqueConstraint(
                Lower("name"),
                name="one_campus_per_name",
                violation_error_message="A campus with this name exists already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return zoneinfo.ZoneInfo(self.time_zone)


class Building(ExternalId):
    campus = models.ForeignKey(Campus, on_delete=models.PROTECT, related_name="buildings")
    name = models.CharField(max_length=100)

    class Meta(ExternalId.Meta):
        ordering = ["campus__name", "name"]
        constraints = [
            *ExternalId.Meta.constraints,
            models.UniqueConstraint(
                "campus",
                Lower("name"),
                name="one_building_per_name",
                violation_error_message="This campus has a building with this name already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.campus} › {self.name}"


class RoomQuerySet(models.QuerySet["Room"]):
    def manageable_by(self, user: User) -> RoomQuerySet:
        """Where this person may schedule: a room outside their campuses does not exist for them."""
        scope = Scope.of(user)
        if not scope.schedules:
            return self.none()
        return self if scope.campuses is None else self.filter(building__campus__in=scope.campuses)

    def with_place(self) -> RoomQuerySet:
        return self.select_related("building__campus")


class Room(ExternalId):
    building = models.ForeignKey(Building, on_delete=models.PROTECT, related_name="rooms")
    name = models.CharField(max_length=100)
    capture_agent = models.CharField(
        max_length=100, blank=True, help_text="The name by which the recorder in this room is known."
    )
    inputs = ArrayField(
        models.CharField(max_length=10, choices=Input),
        default=usual_inputs,
        help_text="What the recorder in this room can record.",
    )
    turnaround_minutes = models.PositiveSmallIntegerField(
        "gap after a recording (minutes)",
        default=0,
        validators=[MaxValueValidator(240)],
        help_text="The room stays taken for this long after each recording.",
    )
    lead_seconds = models.IntegerField(
        "start early by (seconds)",
        null=True,
        blank=True,
        validators=SECONDS,
        help_text="Empty: as the campus says.",
    )
    tail_seconds = models.IntegerField(
        "end late by (seconds)",
        null=True,
        blank=True,
        validators=SECONDS,
        help_text="Empty: as the campus says.",
    )
    notes = models.TextField(blank=True)

    objects = RoomQuerySet.as_manager()

    class Meta(ExternalId.Meta):
        ordering = ["building__campus__name", "building__name", "name"]
        constraints = [
            *ExternalId.Meta.constraints,
            models.UniqueConstraint(
                "building",
                Lower("name"),
                name="one_room_per_name",
                violation_error_message="This building has a room with this name already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.building.name} {self.name}"

    @property
    def place(self) -> str:
        """Campus, building and room."""
        return f"{self.building} › {self.name}"

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return self.building.campus.zone

    @property
    def lead(self) -> int:
        """Seconds by which recordings start early, unless a schedule says otherwise."""
        return self.building.campus.lead_seconds if self.lead_seconds is None else self.lead_seconds

    @property
    def tail(self) -> int:
        return self.building.campus.tail_seconds if self.tail_seconds is None else self.tail_seconds
