"""What is known from the LMS. Rows are marked gone and never deleted: a link or a schedule may still rest on them.
Only `recording.py` writes what Canvas says.
"""

from __future__ import annotations

import datetime
from typing import Self

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone

from configurations.models import ApiConfiguration


def default_minutes() -> int:
    return settings.LMS_REFRESH_MINUTES


class Directory(models.Model):
    """The directory of one configuration: how it is kept fresh."""

    configuration = models.OneToOneField(ApiConfiguration, on_delete=models.CASCADE, related_name="directory")
    enabled = models.BooleanField(
        "Refresh in the background",
        default=True,
        help_text="While this is off, course lists are read only when somebody looks an instructor up.",
    )
    refresh_minutes = models.PositiveIntegerField(
        "Refresh every (minutes)",
        default=default_minutes,
        validators=[MinValueValidator(1), MaxValueValidator(7 * 24 * 60)],
        help_text="How often every instructor's courses are read again: about one request for each instructor.",
    )
    warn_hours = models.PositiveIntegerField(
        "Warn when older than (hours)",
        default=48,
        validators=[MinValueValidator(1), MaxValueValidator(60 * 24)],
        help_text="Course lists older than this are shown with a warning.",
    )
    teaching_assistants = models.BooleanField(
        "Include teaching assistants",
        default=True,
        help_text="Lists the people who assist in a course as well, and for everybody the courses they assist in.",
    )

    class Meta:
        verbose_name = "directory"
        verbose_name_plural = "directories"
        ordering = ["configuration__name"]

    def __str__(self) -> str:
        return self.configuration.name

    @classmethod
    def of(cls, configuration: ApiConfiguration) -> Directory:
        """Every configuration has one from the moment somebody asks."""
        try:
            return configuration.directory
        except Directory.DoesNotExist:
            return cls.objects.get_or_create(configuration=configuration)[0]

    @classmethod
    def of_enabled(cls) -> list[Self]:
        """Those of the configurations that are in use, by name: what a look-up can choose from."""
        new = ApiConfiguration.objects.filter(directory=None, enabled=True)
        cls.objects.bulk_create([cls(configuration=one) for one in new], ignore_conflicts=True)
        found = cls.objects.filter(configuration__enabled=True)
        return list(found.select_related("configuration__authorization").order_by("configuration__name"))

    @property
    def interval(self) -> datetime.timedelta:
        return datetime.timedelta(minutes=self.refresh_minutes)

    @property
    def warn_after(self) -> datetime.timedelta:
        return datetime.timedelta(hours=self.warn_hours)


class InstructorQuerySet(models.QuerySet["LmsInstructor"]):
    def present(self) -> InstructorQuerySet:
        return self.filter(gone_at=None)

    def known_as(self, email: str) -> InstructorQuerySet:
        """With this e-mail address or sign-in name, but for letter case (docs/canvas.md §3.5)."""
        sought = email.strip().lower()
        return self.annotate(email_lower=Lower("email"), login_lower=Lower("login_id")).filter(
            Q(email_lower=sought) | Q(login_lower=sought)
        )

    def beginning_with(self, text: str) -> InstructorQuerySet:
        """Whose address or name begins with this, but for letter case."""
        return self.filter(Q(email__istartswith=text) | Q(name__istartswith=text))

    def due(self, run: RefreshRun) -> InstructorQuerySet:
        """Whom the run has still to read: the most wanted first, then those read longest ago."""
        unread = Q(refreshed_at=None) | Q(refreshed_at__lt=run.horizon)
        untried = Q(attempted_at=None) | Q(attempted_at__lt=run.started_at)
        return (
            self.present()
            .filter(unread, untried, configuration=run.configuration_id)
            .order_by("-priority", F("refreshed_at").asc(nulls_first=True), "pk")
        )


class LmsInstructor(models.Model):
    """A person who teaches in the LMS. Known by the LMS's id: names and addresses change and are shared."""

    configuration = models.ForeignKey(ApiConfiguration, on_delete=models.CASCADE, related_name="instructors")
    lms_id = models.CharField("LMS id", max_length=40)
    name = models.CharField(max_length=255, blank=True)
    email = models.CharField("e-mail", max_length=254, blank=True)
    login_id = models.CharField("sign-in name", max_length=255, blank=True)
    first_seen_at = models.DateTimeField("first seen", default=timezone.now)
    seen_at = models.DateTimeField("last seen in the list of teachers", null=True, blank=True)
    gone_at = models.DateTimeField("gone since", null=True, blank=True)
    # When the courses were last read whole, and what the last attempt met if that was later.
    refreshed_at = models.DateTimeField("courses read", null=True, blank=True)
    attempted_at = models.DateTimeField("last tried", null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    failures = models.PositiveIntegerField("failures in a row", default=0)
    # None: not asked for.
    invitations = models.PositiveIntegerField("invitations not accepted", null=True, blank=True)
    # Since when Canvas has shown no courses without giving a reason to believe it.
    doubted_since = models.DateTimeField(null=True, blank=True)
    priority = models.PositiveSmallIntegerField(default=0)
    leased_until = models.DateTimeField(null=True, blank=True)

    objects = InstructorQuerySet.as_manager()

    class Meta:
        verbose_name = "LMS instructor"
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["configuration", "lms_id"], name="one_instructor_per_lms_id")
        ]
        indexes = [
            models.Index("configuration", Lower("email"), name="instructor_by_email"),
            models.Index("configuration", Lower("login_id"), name="instructor_by_login"),
            models.Index(
                "configuration",
                F("priority").desc(),
                F("refreshed_at").asc(nulls_first=True),
                "id",
                condition=Q(gone_at=None),
                name="instructor_by_urgency",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.lms_id

    def get_admin_url(self) -> str:
        return reverse("admin:directory_lmsinstructor_change", args=[self.pk])


class CourseQuerySet(models.QuerySet["LmsCourse"]):
    def connected(self) -> CourseQuerySet:
        """Of an LMS that lets us read: its configuration is enabled, and authorized still."""
        return self.filter(
            configuration__enabled=True,
            configuration__authorization__isnull=False,
            configuration__authorization__lost_at=None,
        )

    def roster_due(self, run: RefreshRun) -> CourseQuerySet:
        unread = Q(roster_refreshed_at=None) | Q(roster_refreshed_at__lt=run.horizon)
        untried = Q(roster_attempted_at=None) | Q(roster_attempted_at__lt=run.started_at)
        wanted = self.filter(configuration=run.configuration_id, roster_wanted=True, gone_at=None)
        return wanted.filter(unread, untried).order_by("pk")


class LmsCourse(models.Model):
    configuration = models.ForeignKey(ApiConfiguration, on_delete=models.CASCADE, related_name="lms_courses")
    lms_id = models.CharField("LMS id", max_length=40)
    name = models.CharField(max_length=500, blank=True)
    code = models.CharField(max_length=255, blank=True)
    term_name = models.CharField("term", max_length=255, blank=True)
    starts_at = models.DateTimeField("starts", null=True, blank=True)
    ends_at = models.DateTimeField("ends", null=True, blank=True)
    workflow_state = models.CharField("state", max_length=30, blank=True)
    sis_id = models.CharField("SIS id", max_length=255, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    first_seen_at = models.DateTimeField("first seen", default=timezone.now)
    seen_at = models.DateTimeField("last seen", default=timezone.now)
    # Nobody is known to teach it any more. A course that comes back is this row again.
    gone_at = models.DateTimeField("gone since", null=True, blank=True)
    # Rosters cost a request for every hundred people, so they are read where somebody needs them.
    roster_wanted = models.BooleanField("keep its roster", default=False)
    roster_refreshed_at = models.DateTimeField("roster read", null=True, blank=True)
    roster_attempted_at = models.DateTimeField(null=True, blank=True)
    roster_error = models.CharField(max_length=500, blank=True)
    instructors = models.ManyToManyField(LmsInstructor, through="Teaching", related_name="courses")

    objects = CourseQuerySet.as_manager()

    class Meta:
        verbose_name = "LMS course"
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["configuration", "lms_id"], name="one_course_per_lms_id")]
        indexes = [
            models.Index(fields=["configuration"], condition=Q(roster_wanted=True), name="course_with_roster"),
        ]

    def __str__(self) -> str:
        return self.name or self.code or self.lms_id

    @property
    def state(self) -> str:
        """As Canvas's own pages call it."""
        if self.gone_at:
            return "Gone"
        known = {"available": "Published", "unpublished": "Unpublished"}
        return known.get(self.workflow_state, self.workflow_state.capitalize())

    @property
    def lms_url(self) -> str:
        return f"{self.configuration.base_url}/courses/{self.lms_id}"


class Teaching(models.Model):
    """That an instructor teaches, or assists in, a course."""

    class Role(models.TextChoices):
        TEACHER = "teacher", "Teacher"
        ASSISTANT = "ta", "Teaching assistant"

    instructor = models.ForeignKey(LmsInstructor, on_delete=models.CASCADE, related_name="teachings")
    course = models.ForeignKey(LmsCourse, on_delete=models.CASCADE, related_name="teachings")
    role = models.CharField(max_length=10, choices=Role, default=Role.TEACHER)
    first_seen_at = models.DateTimeField("since", default=timezone.now)
    gone_at = models.DateTimeField("gone since", null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["instructor", "course"], name="one_teaching")]

    def __str__(self) -> str:
        return f"{self.instructor}: {self.course}"


class RosterEntry(models.Model):
    """A person in a course, whatever the number of its sections: the denominator of every percentage."""

    course = models.ForeignKey(LmsCourse, on_delete=models.CASCADE, related_name="roster")
    lms_user_id = models.CharField("LMS user id", max_length=40)
    name = models.CharField(max_length=255, blank=True)
    login_id = models.CharField("sign-in name", max_length=255, blank=True)
    role = models.CharField(max_length=40, blank=True)
    state = models.CharField(max_length=30, blank=True)
    first_seen_at = models.DateTimeField("since", default=timezone.now)
    gone_at = models.DateTimeField("gone since", null=True, blank=True)

    class Meta:
        verbose_name_plural = "roster entries"
        ordering = ["role", "name", "pk"]
        constraints = [models.UniqueConstraint(fields=["course", "lms_user_id"], name="one_roster_entry")]

    def __str__(self) -> str:
        return f"{self.name or self.lms_user_id} in {self.course}"


class RefreshRun(models.Model):
    """One pass over a directory: the teachers are listed, then the courses of everybody who is due are read."""

    class Trigger(models.TextChoices):
        SCHEDULE = "schedule", "By schedule"
        PERSON = "person", "By a person"
        COMMAND = "command", "By command"

    class Outcome(models.TextChoices):
        RUNNING = "running", "Running"
        COMPLETE = "complete", "Complete"
        PARTIAL = "partial", "With errors"
        STOPPED = "stopped", "Stopped"

    configuration = models.ForeignKey(ApiConfiguration, on_delete=models.CASCADE, related_name="refresh_runs")
    trigger = models.CharField(max_length=10, choices=Trigger, default=Trigger.SCHEDULE)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    started_at = models.DateTimeField("started", default=timezone.now, db_index=True)
    finished_at = models.DateTimeField("finished", null=True, blank=True)
    # Who was read before this moment is read again.
    horizon = models.DateTimeField(default=timezone.now)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.RUNNING)
    # One process at a time lists the teachers; a killed one is followed by another when its time is over.
    listing_until = models.DateTimeField(null=True, blank=True)
    listed_at = models.DateTimeField("teachers listed", null=True, blank=True)
    teachers = models.PositiveIntegerField("teachers found", default=0)
    planned = models.PositiveIntegerField("instructors to read", default=0)
    refreshed = models.PositiveIntegerField("instructors read", default=0)
    failed = models.PositiveIntegerField(default=0)
    rosters = models.PositiveIntegerField("rosters read", default=0)
    requests = models.PositiveIntegerField(default=0)
    throttles = models.PositiveIntegerField("throttled answers", default=0)
    # Why nothing can be done just now; empty while the work goes on.
    waiting_for = models.CharField(max_length=300, blank=True)
    detail = models.TextField(blank=True)

    class Meta:
        verbose_name = "refresh run"
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["configuration"], condition=Q(finished_at=None), name="one_open_run_per_configuration"
            )
        ]

    def __str__(self) -> str:
        return f"{self.configuration}, {timezone.localtime(self.started_at):%Y-%m-%d %H:%M %Z}"

    @property
    def duration(self) -> datetime.timedelta:
        return (self.finished_at or timezone.now()) - self.started_at

    @property
    def done(self) -> int:
        return self.refreshed + self.failed
