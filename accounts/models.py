from __future__ import annotations

import zoneinfo
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower, Trim
from django.utils import timezone
from django.utils.functional import cached_property

from .emails import NormalisedEmailField
from .roles import Role, is_administrator


def validate_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(
            "%(name)s is not a time zone. Use a name such as Europe/London.", params={"name": name}
        )


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Without a password the person exists but cannot sign in."""
        if not email:
            raise ValueError("A person needs an e-mail address.")
        user = self.model(email=email, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email, password, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    email = NormalisedEmailField(
        "email", unique=True, error_messages={"unique": "Somebody with this e-mail exists already."}
    )
    full_name = models.CharField("name", max_length=200, blank=True)
    time_zone = models.CharField(
        "time zone",
        max_length=64,
        default="UTC",
        validators=[validate_time_zone],
        help_text="Dates and times are shown in this zone.",
    )
    is_active = models.BooleanField(
        "active",
        default=True,
        help_text="While this is off, the person cannot sign in. Their name stays on what they did.",
    )
    external_id = models.CharField(
        "external id",
        max_length=255,
        blank=True,
        help_text="The id in another system, if there is one. It is accepted in CSV files in place of ours.",
    )
    date_joined = models.DateTimeField("added", default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"
        ordering = ["email"]
        constraints = [
            # With the unique column: no two people whose addresses differ only by case.
            models.CheckConstraint(
                condition=models.Q(email=Lower(Trim("email"))), name="email_is_trimmed_and_lower_case"
            ),
            models.UniqueConstraint(
                fields=["external_id"],
                condition=~models.Q(external_id=""),
                name="one_user_per_external_id",
                violation_error_message="Somebody else has this external id already.",
            ),
        ]

    def __str__(self) -> str:
        return self.full_name or self.email

    @cached_property
    def roles(self) -> frozenset[Role]:
        """Membership alone; ask `roles.roles_of`, which also knows who may not sign in."""
        names = {group.name for group in self.groups.all()}
        held = {role for role in Role if role.value in names}
        return frozenset(held | {Role.ADMINISTRATORS} if self.is_superuser else held)

    @property
    def is_staff(self) -> bool:
        """May use Django admin. Derived, so that it cannot disagree with the role."""
        return is_administrator(self)
