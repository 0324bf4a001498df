"""Capture schedules, the captures they make, and where these are published."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import ArrayField, DateTimeRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import ngettext

from accounts.roles import is_instructor

from .courses import Section
from .external import ExternalId
from .places import SECONDS, Input, Room
from .scopes import Scope

if TYPE_CHECKING:
    import zoneinfo

    from accounts.models import User

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
# Dates that end up on one schedule by mistake (a typed year of 2206) are stopped here.
MAX_CAPTURES = 400
MOST_WEEKS = 26


def max_minutes() -> int:
    """Less than a day: what is at the same time is looked for among captures that begin within one."""
    return min(settings.CAPTURE_MAX_MINUTES, 24 * 60 - 1)


class Quality(models.TextChoices):
    STANDARD = "standard", "Standard"
    HIGH = "high", "High"
    HIGHEST = "highest", "Highest"


class ScheduleQuerySet(models.QuerySet["CaptureSchedule"]):
    def manageable_by(self, user: User) -> ScheduleQuerySet:
        """In a room of theirs, and published to no section but to theirs."""
        scope = Scope.of(user)
        if not scope.schedules:
            return self.none()
        found = self
        if scope.campuses is not None:
            found = found.filter(room__building__campus__in=scope.campuses)
        if scope.departments is not None:
            published = Publication.objects.filter(section__course__department__in=scope.departments)
            found = found.filter(pk__in=published.values("schedule"))
        return found

    def visible_to(self, user: User) -> ScheduleQuerySet:
        """Those they may change; and for instructors those of their sections and those they present."""
        scope = Scope.of(user)
        if scope.schedules and scope.campuses is None and scope.departments is None:
            return self
        keys = CaptureSchedule.objects.manageable_by(user).values("pk")
        if not is_instructor(user):
            return self.filter(pk__in=keys)
        published = Publication.objects.filter(section__teaching__user=user).values("schedule")
        return self.filter(Q(pk__in=keys) | Q(pk__in=published) | Q(presenter=user))

    def with_names(self) -> ScheduleQuerySet:
        """With what a row of a list shows, in three queries."""
        return self.select_related("room__building__campus", "presenter").prefetch_related(
            "publications__section__course", "publications__section__term"
        )


class CaptureSchedule(ExternalId):
    """A wish to record: once, or weekly on some days. Its rule is kept for editing; its captures are rows."""

    class Repeats(models.TextChoices):
        NONE = "none", "Once"
        WEEKLY = "weekly", "Weekly"

    title = models.CharField(max_length=255)
    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="schedules")
    presenter = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The recordings belong to this person.",
    )
    guest_presenter = models.CharField(
        max_length=200, blank=True, help_text="The name of somebody without an account here."
    )

    # Dates and times of the lecture by the clock of the room's campus.
    starts_on = models.DateField("first date")
    ends_on = models.DateField("last date")
    start_time = models.TimeField("start")
    duration_minutes = models.PositiveSmallIntegerField("length (minutes)", validators=[MinValueValidator(1)])
    repeats = models.CharField(max_length=6, choices=Repeats, default=Repeats.WEEKLY)
    interval_weeks = models.PositiveSmallIntegerField(
        "every (weeks)", default=1, validators=[MinValueValidator(1), MaxValueValidator(MOST_WEEKS)]
    )
    # 1 is Monday, 7 is Sunday (ISO 8601).
    weekdays = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    # Dates of the rule that are left out by hand, and non-teaching days that are put back by hand.
    left_out = ArrayField(models.DateField(), default=list, blank=True)
    put_back = ArrayField(models.DateField(), default=list, blank=True)

    lead_seconds = models.IntegerField("start early by (seconds)", null=True, blank=True, validators=SECONDS)
    tail_seconds = models.IntegerField("end late by (seconds)", null=True, blank=True, validators=SECONDS)

    input_1 = models.CharField(max_length=10, choices=Input, blank=True, default=Input.DISPLAY)
    input_2 = models.CharField(max_length=10, choices=Input, blank=True, default=Input.CAMERA)
    quality = models.CharField(max_length=10, choices=Quality, default=Quality.STANDARD)
    live = models.BooleanField("live stream", default=False, help_text="A recording is made as well.")
    captions = models.BooleanField(default=False, help_text="Ask for captions of every recording.")

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    # Counts the changes that calendars have to notice (RFC 5545 §3.8.7.4).
    sequence = models.PositiveIntegerField(default=0)
    sections = models.ManyToManyField(Section, through="Publication", related_name="schedules")

    objects = ScheduleQuerySet.as_manager()

    class Meta(ExternalId.Meta):
        ordering = ["-starts_on", "title", "pk"]
        constraints = [
            *ExternalId.Meta.constraints,
            models.CheckConstraint(
                condition=Q(ends_on__gte=F("starts_on")),
                name="schedule_ends_after_it_starts",
                violation_error_message="The last date is before the first.",
            ),
            models.CheckConstraint(
                condition=~Q(input_1="", input_2=""),
                name="schedule_records_something",
                violation_error_message="Choose at least one input.",
            ),
        ]
        indexes = [
            models.Index(fields=["presenter", "ends_on"]),
            models.Index(fields=["starts_on", "id"]),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("schedule", args=[self.pk])

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return self.room.zone

    @property
    def duration(self) -> datetime.timedelta:
        return datetime.timedelta(minutes=self.duration_minutes)

    @property
    def end_time(self) -> datetime.time:
        """By the clock, on a day without a change of it."""
        start = datetime.datetime.combine(datetime.date(2000, 1, 1), self.start_time)
        return (start + self.duration).time()

    @property
    def lead(self) -> int:
        return self.room.lead if self.lead_seconds is None else self.lead_seconds

    @property
    def tail(self) -> int:
        return self.room.tail if self.tail_seconds is None else self.tail_seconds

    @property
    def rule_in_words(self) -> str:
        """For example "Every 2 weeks on Monday and Thursday"."""
        if self.repeats == self.Repeats.NONE:
            return "Once"
        days = [WEEKDAYS[day - 1] for day in sorted(self.weekdays)]
        named = " and ".join(filter(None, [", ".join(days[:-1]), *days[-1:]]))
        weeks = ngettext("Every week", "Every %(weeks)d weeks", self.interval_weeks) % {
            "weeks": self.interval_weeks
        }
        return f"{weeks} on {named}"


class Publication(models.Model):
    """Where the recordings of a schedule go, from when, and until when."""

    class Available(models.TextChoices):
        NOW = "now", "At once"
        AFTER_DAYS = "after_days", "Some days after the recording"
        ON_DATE = "on_date", "On a date"
        HELD = "held", "When the instructor releases it"

    class Until(models.TextChoices):
        ALWAYS = "always", "Always"
        AFTER_DAYS = "after_days", "For some days"
        ON_DATE = "on_date", "Until a date"

    schedule = models.ForeignKey(CaptureSchedule, on_delete=models.CASCADE, related_name="publications")
    section = models.ForeignKey(Section, on_delete=models.PROTECT, related_name="publications")
    available = models.CharField(max_length=10, choices=Available, default=Available.NOW)
    available_days = models.PositiveSmallIntegerField("days after", null=True, blank=True)
    available_on = models.DateField("from", null=True, blank=True)
    until = models.CharField(max_length=10, choices=Until, default=Until.ALWAYS)
    until_days = models.PositiveSmallIntegerField(
        "for days", null=True, blank=True, validators=[MinValueValidator(1)]
    )
    until_on = models.DateField("until", null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule", "section"],
                name="each_section_once",
                violation_error_message="This section is chosen already.",
            ),
            models.CheckConstraint(
                condition=~Q(available="after_days", available_days=None)
                & ~Q(available="on_date", available_on=None),
                name="availability_is_complete",
            ),
            models.CheckConstraint(
                condition=~Q(until="after_days", until_days=None) & ~Q(until="on_date", until_on=None),
                name="end_of_availability_is_complete",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.schedule} → {self.section}"

    @property
    def in_words(self) -> str:
        start = {
            self.Available.NOW: "at once",
            self.Available.AFTER_DAYS: f"{self.available_days} days after the recording",
            self.Available.ON_DATE: f"on {self.available_on:%-d %B %Y}" if self.available_on else "",
            self.Available.HELD: "when the instructor releases it",
        }[self.Available(self.available)]
        end = {
            self.Until.ALWAYS: "",
            self.Until.AFTER_DAYS: f", for {self.until_days} days",
            self.Until.ON_DATE: f", until {self.until_on:%-d %B %Y}" if self.until_on else "",
        }[self.Until(self.until)]
        return f"available {start}{end}"


class CaptureQuerySet(models.QuerySet["Capture"]):
    def visible_to(self, user: User) -> CaptureQuerySet:
        """Those of schedules they see; a capture moved to another campus is also seen by who schedules there."""
        scope = Scope.of(user)
        if scope.schedules and scope.campuses is None and scope.departments is None:
            return self
        here = Q()
        if scope.schedules and scope.campuses is not None and scope.departments is None:
            here = Q(room__building__campus__in=scope.campuses)
        return self.filter(here | Q(schedule__in=CaptureSchedule.objects.visible_to(user).values("pk")))

    def manageable_by(self, user: User) -> CaptureQuerySet:
        return self.filter(schedule__in=CaptureSchedule.objects.manageable_by(user).values("pk"))

    def not_begun(self, now: datetime.datetime | None = None) -> CaptureQuerySet:
        """Those that an edit may still change: begun is what its recorder should have begun, too."""
        return self.filter(recording_starts_at__gt=now or timezone.now())

    def taking_rooms(self) -> CaptureQuerySet:
        return self.filter(state__in=Capture.TAKES_THE_ROOM)

    def with_names(self) -> CaptureQuerySet:
        """With what a row of a list shows, in three queries."""
        return self.select_related("room__building__campus", "schedule__presenter").prefetch_related(
            "schedule__publications__section__course", "schedule__publications__section__term"
        )


class Capture(ExternalId):
    """One recording in a room. Its lecture's time is what people see; the recorder's differs by lead and tail."""

    class State(models.TextChoices):
        SCHEDULED = "scheduled", "Scheduled"
        RECORDING = "recording", "Recording"
        RECORDED = "recorded", "Recorded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    TAKES_THE_ROOM = (State.SCHEDULED, State.RECORDING)

    schedule = models.ForeignKey(CaptureSchedule, on_delete=models.CASCADE, related_name="captures")
    # The date that the schedule's rule gave it. It stays when the capture is moved.
    rule_date = models.DateField()
    room = models.ForeignKey(Room, on_delete=models.PROTECT, related_name="captures")
    title = models.CharField(max_length=255)
    starts_at = models.DateTimeField("start")
    ends_at = models.DateTimeField("end")
    recording_starts_at = models.DateTimeField("recording starts")
    recording_ends_at = models.DateTimeField("recording ends")
    # The recording and the gap after it: while this lasts nobody else can have the room.
    occupied = DateTimeRangeField()
    state = models.CharField(max_length=10, choices=State, default=State.SCHEDULED)
    # Changed by hand: an edit of the schedule leaves it alone unless it is told otherwise.
    edited = models.BooleanField(default=False)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    note = models.CharField(max_length=255, blank=True)
    sequence = models.PositiveIntegerField(default=0)
    changed_at = models.DateTimeField(default=timezone.now)

    objects = CaptureQuerySet.as_manager()

    class Meta(ExternalId.Meta):
        ordering = ["starts_at", "pk"]
        constraints = [
            *ExternalId.Meta.constraints,
            models.UniqueConstraint(fields=["schedule", "rule_date"], name="one_capture_per_date_of_the_rule"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="capture_ends_after_it_starts"),
            models.CheckConstraint(
                condition=Q(recording_ends_at__gt=F("recording_starts_at")),
                name="recording_ends_after_it_starts",
            ),
            ExclusionConstraint(
                name="captures_do_not_overlap_in_a_room",
                expressions=[("room", RangeOperators.EQUAL), ("occupied", RangeOperators.OVERLAPS)],
                condition=Q(state__in=["scheduled", "recording"]),
            ),
        ]
        indexes = [
            models.Index(fields=["starts_at", "id"]),
            models.Index(fields=["room", "starts_at"]),
            models.Index(fields=["schedule", "starts_at"]),
            models.Index(fields=["starts_at"], condition=Q(edited=True), name="changed_by_hand"),
            models.Index(fields=["state", "starts_at"], condition=~Q(state="recorded"), name="unrecorded_by_time"),
        ]

    def __str__(self) -> str:
        return f"{self.title}, {self.local_start:%Y-%m-%d %H:%M}"

    def get_absolute_url(self) -> str:
        return reverse("capture", args=[self.pk])

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        return self.room.zone

    @property
    def local_start(self) -> datetime.datetime:
        """By the clock of the room's campus."""
        return self.starts_at.astimezone(self.zone)

    @property
    def local_end(self) -> datetime.datetime:
        return self.ends_at.astimezone(self.zone)

    @property
    def when(self) -> LocalTimes:
        return LocalTimes(self)

    @property
    def recorder_differs(self) -> bool:
        return (self.recording_starts_at, self.recording_ends_at) != (self.starts_at, self.ends_at)

    @property
    def has_begun(self) -> bool:
        return self.recording_starts_at <= timezone.now()


@dataclass(frozen=True)
class LocalTimes:
    """A capture's times in words, by the clock of its room and never of the reader's own zone."""

    capture: Capture

    @property
    def date(self) -> str:
        return f"{self.capture.local_start:%a %-d %b %Y}"

    @property
    def time(self) -> str:
        return f"{self.capture.local_start:%H:%M}–{self.capture.local_end:%H:%M}"

    @property
    def zone(self) -> str:
        return self.capture.zone.key

    @property
    def in_full(self) -> str:
        return f"{self.capture.local_start:%A, %-d %B %Y}, {self.time} ({self.zone})"

    @property
    def recorder(self) -> str:
        first = self.capture.recording_starts_at.astimezone(self.capture.zone)
        last = self.capture.recording_ends_at.astimezone(self.capture.zone)
        return f"{first:%H:%M:%S} – {last:%H:%M:%S}"
