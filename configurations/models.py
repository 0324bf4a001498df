from __future__ import annotations

import datetime
import hashlib
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

import canvas

from .encryption import EncryptedTextField

if TYPE_CHECKING:
    from accounts.models import User

ATTEMPT_LIFETIME = datetime.timedelta(minutes=30)
EXPIRY_MARGIN = datetime.timedelta(seconds=60)
SHORTEST_HINTED_SECRET = 16


class ApiConfiguration(models.Model):
    """One Canvas and the developer key that echo_lms uses there."""

    name = models.CharField("Name", max_length=100, unique=True)
    lms = models.CharField("LMS", max_length=20, default="canvas", choices=[("canvas", "Canvas")], editable=False)
    base_url = models.CharField("Canvas Domain", max_length=300, unique=True)
    client_id = models.CharField("LMS API Client ID", max_length=40)
    client_secret = EncryptedTextField("LMS API Client Secret")
    account_id = models.CharField(
        "Canvas account",
        max_length=100,
        default="self",
        help_text="The account whose people are searched: self is the whole institution.",
    )
    enabled = models.BooleanField(
        "Enabled",
        default=True,
        help_text="While this is off, nothing is asked of this Canvas; all data is kept.",
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "LMS API configuration"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<ApiConfiguration {self.pk} {self.base_url}>"

    @property
    def domain(self) -> str:
        return self.base_url.partition("://")[2]

    @property
    def secret_hint(self) -> str:
        """The last four characters, so that a person can tell one secret from another."""
        if not self.client_secret:
            return ""
        shown = self.client_secret[-4:] if len(self.client_secret) >= SHORTEST_HINTED_SECRET else ""
        return f"••••{shown}"

    def get_admin_url(self) -> str:
        return reverse("admin:configurations_apiconfiguration_change", args=[self.pk])

    def authorization_or_none(self) -> Authorization | None:
        try:
            return self.authorization
        except Authorization.DoesNotExist:
            return None


class Authorization(models.Model):
    """The tokens that an administrator of that Canvas has granted. Only `authorization.py` writes them."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        LOST = "lost"

    configuration = models.OneToOneField(ApiConfiguration, on_delete=models.CASCADE, related_name="authorization")
    access_token = EncryptedTextField(blank=True)
    refresh_token = EncryptedTextField(blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    scopes = ArrayField(models.CharField(max_length=200), default=list)
    lms_user_id = models.CharField(max_length=40, blank=True)
    lms_user_name = models.CharField(max_length=255, blank=True)
    authorized_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    authorized_at = models.DateTimeField()
    # Raised by every new authorization: a slow process that learns of a loss must not mark a newer one lost.
    generation = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE)
    lost_code = models.CharField(max_length=40, blank=True)
    lost_reason = models.TextField(blank=True)
    lost_at = models.DateTimeField(null=True, blank=True)
    limitation = models.TextField(blank=True)
    renewal_failed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="active", lost_at=None) | Q(status="lost", lost_at__isnull=False),
                name="authorization_lost_has_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.configuration}: {self.status}"

    def __repr__(self) -> str:
        return f"<Authorization {self.pk} {self.status}>"

    @property
    def expired(self) -> bool:
        """True a minute before Canvas says so, so that a token does not die on its way. No expiry: never."""
        return self.expires_at is not None and self.expires_at - EXPIRY_MARGIN <= timezone.now()

    @property
    def missing_scopes(self) -> list[str]:
        return [scope.name for scope in canvas.REQUIRED_SCOPES if scope.name not in self.scopes]


def digest(secret: str) -> str:
    """What is stored of a random value that only has to be recognised again."""
    return hashlib.sha256(secret.encode()).hexdigest()


class AuthorizationAttempt(models.Model):
    """One popup: opened by a person in a browser session for a configuration; its state works once."""

    configuration = models.ForeignKey(ApiConfiguration, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    state_digest = models.CharField(max_length=64, unique=True)
    session_digest = models.CharField(max_length=64)
    redirect_uri = models.CharField(max_length=500)
    created_at = models.DateTimeField(default=timezone.now)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.configuration} at {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def too_old(self) -> bool:
        return self.created_at + ATTEMPT_LIFETIME <= timezone.now()

    def claim(self) -> bool:
        """Uses the attempt up; False if somebody was faster."""
        return bool(AuthorizationAttempt.objects.filter(pk=self.pk, used_at=None).update(used_at=timezone.now()))


class ConnectionEvent(models.Model):
    """The connection's history. Rows are only ever added, and outlive their configuration."""

    class Kind(models.TextChoices):
        ADDED = "added", "Added"
        CHANGED = "changed", "Changed"
        AUTHORIZED = "authorized", "Authorized"
        REFUSED = "refused", "Authorization failed"
        REFRESHED = "refreshed", "Token renewed"
        REFRESH_FAILED = "refresh_failed", "Token not renewed"
        LOST = "lost", "Authorization lost"
        TESTED = "tested", "Tested"
        DISCONNECTED = "disconnected", "Disconnected"
        DELETED = "deleted", "Deleted"

    class Outcome(models.TextChoices):
        OK = "ok", "OK"
        WARNING = "warning", "Warning"
        FAILED = "failed", "Failed"

    configuration = models.ForeignKey(
        ApiConfiguration, null=True, on_delete=models.SET_NULL, related_name="events"
    )
    configuration_name = models.CharField("configuration", max_length=100)
    at = models.DateTimeField("when", default=timezone.now, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name="who"
    )
    kind = models.CharField("what", max_length=20, choices=Kind)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.OK)
    detail = models.TextField(blank=True)

    class Meta:
        verbose_name = "connection event"
        ordering = ["-at", "-pk"]
        indexes = [models.Index(fields=["configuration", "-at"], name="event_by_configuration")]

    def __str__(self) -> str:
        return f"{self.configuration_name}: {self.get_kind_display()}"

    @classmethod
    def record(
        cls,
        configuration: ApiConfiguration,
        kind: Kind,
        *,
        actor: User | None = None,
        outcome: Outcome = Outcome.OK,
        detail: str = "",
        **fields: Any,
    ) -> ConnectionEvent:
        """Adds a line to the history. `detail` is shown to admins: it must never carry a secret or token."""
        return cls.objects.create(
            configuration=configuration,
            configuration_name=configuration.name,
            actor=actor,
            kind=kind,
            outcome=outcome,
            detail=detail,
            **fields,
        )
