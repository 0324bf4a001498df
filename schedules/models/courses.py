"""Organization › department › course › section, who teaches it, and which LMS courses it serves."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from accounts.roles import is_instructor
from directory.models import LmsCourse

from .external import ExternalId
from .places import Campus, ConsentPolicy
from .scopes import Scope
from .terms import Term


class Organization(ExternalId):
    name = models.CharField(max_length=255)

    class Meta(ExternalId.Meta):
        ordering = ["name"]
        constraints = [
            *ExternalId.Meta.constraints,
            models.UniqueConstraint(
                Lower("name"),
                name="one_organization_per_name",
                violation_error_message="An organization with this name exists already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class DepartmentQuerySet(models.QuerySet["Department"]):
    def manageable_by(self, user: User) -> DepartmentQuerySet:
        scope = Scope.of(user)
        if not scope.schedules:
            return self.none()
        return self if scope.departments is None else self.filter(pk__in=scope.departments)


class Department(ExternalId):
    organization = models.ForeignKey(Organization, on_delete=models.PROTECT, related_name="departments")
    name = models.CharField(max_length=255)

    consent = models.CharField(
        "consent of instructors",
        max_length=10,
        choices=ConsentPolicy,
        blank=True,
        help_text="Empty: as the campus says.",
    )

    objects = DepartmentQuerySet.as_manager()

    class Meta(ExternalId.Meta):
        ordering = ["organization__name", "name"]
        constraints = [
            *ExternalId.Meta.constraints,
            models.UniqueConstraint(
                "organization",
                Lower("name"),
                name="one_department_per_name",
                violation_error_message="This organization has a department with this name already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SchedulerScope(models.Model):
    """Limits a scheduler to a department or to a campus. Without any, a scheduler may schedule everything."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="scheduler_scopes")
    department = models.ForeignKey(
        Department, null=True, blank=True, on_delete=models.CASCADE, related_name="scheduler_scopes"
    )
    campus = models.ForeignKey(
        Campus, null=True, blank=True, on_delete=models.CASCADE, related_name="scheduler_scopes"
    )

    class Meta:
        verbose_name = "limit of a scheduler"
        verbose_name_plural = "limits of schedulers"
        ordering = ["user__email", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(department=None) ^ Q(campus=None),
                name="scope_is_a_department_or_a_campus",
                violation_error_message="Choose either a department or a campus.",
            ),
            models.UniqueConstraint(
                fields=["user", "department", "campus"], nulls_distinct=False, name="each_scope_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.department or self.campus}"


class Course(ExternalId):
    code = models.CharField(max_length=255)
    name = models.CharField(max_length=500)
    department = models.ForeignKey(
        Department, null=True, blank=True, on_delete=models.PROTECT, related_name="courses"
    )

    class Meta(ExternalId.Meta):
        ordering = ["code"]
        constraints = [
            *ExternalId.Meta.constraints,
            models.UniqueConstraint(
                Lower("code"),
                name="one_course_per_code",
                violation_error_message="A course with this code exists already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}".strip()


class SectionQuerySet(models.QuerySet["Section"]):
    def manageable_by(self, user: User) -> SectionQuerySet:
        """For which this person may schedule."""
        scope = Scope.of(user)
        if not scope.schedules:
            return self.none()
        return self if scope.departments is None else self.filter(course__department__in=scope.departments)

    def visible_to(self, user: User) -> SectionQuerySet:
        """Those they may schedule for, and those they teach."""
        scope = Scope.of(user)
        if scope.schedules and scope.departments is None:
            return self
        nothing = Q(pk__in=[])
        taught = Q(teaching__user=user) if is_instructor(user) else nothing
        managed = Q(course__department__in=scope.departments or ()) if scope.schedules else nothing
        return self.filter(pk__in=Section.objects.filter(taught | managed).values("pk"))

    def with_names(self) -> SectionQuerySet:
        return self.select_related("course", "term")

    def matching(self, text: str) -> SectionQuerySet:
        """Whose code, name, number or term has every word of the text."""
        found = self
        for word in text.split():
            found = found.filter(
                Q(course__code__icontains=word)
                | Q(course__name__icontains=word)
                | Q(term__name__icontains=word)
                | Q(number__iexact=word)
                | Q(external_id__iexact=word)
            )
        return found


class Section(ExternalId):
    """One class of a course in one term: what students call "my course"."""

    course = models.ForeignKey(Course, on_delete=models.PROTECT, related_name="sections")
    term = models.ForeignKey(Term, on_delete=models.PROTECT, related_name="sections")
    number = models.CharField("section number", max_length=50, default="001")
    instructors = models.ManyToManyField(
        settings.AUTH_USER_MODEL, through="SectionInstructor", related_name="sections_taught"
    )
    lms_courses = models.ManyToManyField(LmsCourse, through="LmsCourseLink", related_name="+")

    objects = SectionQuerySet.as_manager()

    class Meta(ExternalId.Meta):
        ordering = ["-term__starts_on", "course__code", "number"]
        constraints = [
            *ExternalId.Meta.constraints,
            models.UniqueConstraint(
                fields=["course", "term", "number"],
                name="one_section_per_number",
                violation_error_message="This course has a section with this number in this term already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.course.code} · {self.number} · {self.term.name}"

    def get_absolute_url(self) -> str:
        return reverse("section", args=[self.pk])

    @property
    def title(self) -> str:
        """What a capture of this section is called unless somebody says otherwise."""
        return f"{self.course.code} {self.course.name}".strip()

    @property
    def primary_instructor(self) -> User | None:
        """The primary one; else the first by name. Reads prefetched `teaching`, `user` included."""
        rows = sorted(self.teaching.all(), key=lambda row: (not row.is_primary, row.user.email))
        return rows[0].user if rows else None


class SectionInstructor(models.Model):
    section = models.ForeignKey(Section, on_delete=models.CASCADE, related_name="teaching")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="teaching",
        verbose_name="instructor",
    )
    is_primary = models.BooleanField("primary", default=False)

    class Meta:
        verbose_name = "instructor"
        ordering = ["-is_primary", "user__email"]
        constraints = [
            models.UniqueConstraint(fields=["section", "user"], name="each_instructor_once"),
            models.UniqueConstraint(
                fields=["section"],
                condition=Q(is_primary=True),
                name="one_primary_instructor",
                violation_error_message="A section has one primary instructor.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.section}"


class Consent(models.Model):
    """What an instructor has said about being recorded in a section, or what staff decided instead."""

    section = models.ForeignKey(Section, on_delete=models.CASCADE, related_name="consents")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", verbose_name="instructor"
    )
    agreed = models.BooleanField()
    # Somebody else than the instructor has to give a reason.
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    recorded_at = models.DateTimeField(default=timezone.now)
    reason = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["recorded_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["section", "user"], name="one_consent_per_instructor")]

    def __str__(self) -> str:
        return f"{self.user}: {'agreed' if self.agreed else 'objected'}"


class LmsCourseLink(models.Model):
    """That an LMS course leads to a section. A section may serve several LMS courses (cross-listing)."""

    section = models.ForeignKey(Section, on_delete=models.PROTECT, related_name="links")
    # Protects the LMS course, and with it the configuration, while something here rests on it.
    lms_course = models.OneToOneField(
        LmsCourse,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name="LMS course",
        error_messages={"unique": "This LMS course is linked to a section already."},
    )
    linked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    linked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "link to an LMS course"
        verbose_name_plural = "links to LMS courses"
        ordering = ["linked_at", "pk"]

    def __str__(self) -> str:
        return f"{self.lms_course} → {self.section}"
