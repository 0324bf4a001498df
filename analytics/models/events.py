"""What came in. Append-only; batches and events are partitioned by the month in which they were stored.

`Statement` stands apart from both: its id must be unique over all months.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import zlib
from collections.abc import Sequence
from typing import Any, Self

import msgspec
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone

from ..playback import Kind

# Of what this system says itself.
PLAYER, FILES = OUR_KEYS = ("player", "csv-files")


class EventSource(models.Model):
    """A system that may send statements, with its credentials."""

    name = models.CharField(max_length=100, unique=True, error_messages={"unique": "This name is taken."})
    key = models.CharField(max_length=40, unique=True, editable=False)
    # The secret is 256 random bits: a plain digest cannot be guessed back, and costs nothing per request.
    secret_digest = models.BinaryField(max_length=32, editable=False)
    may_read = models.BooleanField(
        default=False, help_text="May also ask for statements and documents, those of other sources included."
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    created_at = models.DateTimeField("added", default=timezone.now, editable=False)
    revoked_at = models.DateTimeField("revoked", null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def new_secret(self) -> str:
        """Replaces the credentials; the secret is shown once and never stored."""
        secret = secrets.token_urlsafe(32)
        self.key = self.key or secrets.token_hex(10)
        self.secret_digest = digest_of(secret)
        return secret

    def has_secret(self, secret: str) -> bool:
        return hmac.compare_digest(digest_of(secret), bytes(self.secret_digest))

    @property
    def is_active(self) -> bool:
        return self.revoked_at is None

    @classmethod
    def of_the_player(cls) -> Self:
        return cls._of_ours("echo_lms player", PLAYER)

    @classmethod
    def of_files(cls) -> Self:
        return cls._of_ours("CSV files", FILES)

    @classmethod
    def _of_ours(cls, name: str, key: str) -> Self:
        """For what this system says itself. Nobody knows a secret of it."""
        source = cls.objects.filter(key=key).first()
        if source is None:
            source = cls(name=name, key=key)
            source.new_secret()
            defaults = {"name": name, "secret_digest": source.secret_digest}
            source, _ = cls.objects.get_or_create(key=key, defaults=defaults)
        return source


def digest_of(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


class Verb(models.Model):
    id = models.AutoField(primary_key=True)
    iri = models.CharField(max_length=2000, unique=True)

    def __str__(self) -> str:
        return self.iri


class Statement(models.Model):
    """Where a statement is kept, and what it can be found by."""

    id = models.UUIDField(primary_key=True)
    stored = models.DateTimeField()
    batch_id = models.BigIntegerField()
    position = models.PositiveSmallIntegerField()
    # Neither what it said nor about whom is left, but its id, so that it is not stored again.
    erased = models.BooleanField(db_default=False)
    # Keys without constraints: checking four of them would cost more than storing the row.
    verb_id = models.IntegerField()
    actor_id = models.IntegerField(null=True)
    object_id = models.IntegerField(null=True)
    registration = models.UUIDField(null=True)
    # The statement that is its object.
    refers = models.UUIDField(null=True)
    # Every activity and every agent anywhere in it; the first `about` agents are its actor and its object.
    activities = ArrayField(models.IntegerField(), default=list)
    agents = ArrayField(models.IntegerField(), default=list)
    about = models.IntegerField(db_default=0)

    class Meta:
        indexes = [models.Index(fields=["batch_id", "position"]), BrinIndex(fields=["stored"])]

    def __str__(self) -> str:
        return str(self.id)


class AttachedFile(models.Model):
    """A file that came with a request, for those of its statements that speak of it."""

    batch_id = models.BigIntegerField()
    stored = models.DateTimeField(default=timezone.now, db_index=True)
    # In hexadecimal digits.
    sha2 = models.CharField(max_length=128)
    content_type = models.CharField(max_length=255)
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["batch_id", "sha2"], name="one_file_of_a_request")]

    def __str__(self) -> str:
        return self.sha2


class StatementVoid(models.Model):
    """That a statement was voided. It may come before the statement itself."""

    target = models.UUIDField(primary_key=True)
    voided_by = models.UUIDField()
    # The batch of the voiding statement.
    batch_id = models.BigIntegerField(db_index=True)

    def __str__(self) -> str:
        return str(self.target)


class StatementBatch(models.Model):
    """A request as it came, compressed. Waits to be folded into the rollups."""

    pk = models.CompositePrimaryKey("id", "stored")
    id = models.BigIntegerField()
    stored = models.DateTimeField()
    source_id = models.IntegerField()
    statements = models.IntegerField()
    version = models.CharField(max_length=10)
    # zlib; a JSON array.
    body = models.BinaryField()
    folded_at = models.DateTimeField(null=True)
    # Why it could not be folded and was set aside; empty as a rule.
    problem = models.TextField(db_default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=Q(folded_at=None), name="batch_not_folded"),
            models.Index(fields=["stored"], name="batch_by_time"),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @staticmethod
    def packed(statements: Sequence[Any]) -> bytes:
        return zlib.compress(msgspec.json.encode(statements), 1)

    def opened(self) -> list[msgspec.Raw]:
        """The JSON of each statement; null where one was erased. Of ten thousand one may be wanted."""
        return msgspec.json.decode(zlib.decompress(bytes(self.body)), type=list[msgspec.Raw])


class RawDrop(models.Model):
    """That a month of batches and events was dropped, as the retention asks."""

    month = models.DateField(unique=True)
    until = models.DateField()
    batches = models.IntegerField()
    statements = models.IntegerField()
    dropped_at = models.DateTimeField("dropped", default=timezone.now)

    class Meta:
        verbose_name = "dropped month"
        ordering = ["-month"]

    def __str__(self) -> str:
        return f"{self.month:%B %Y}"


class ViewEvent(models.Model):
    """A Video Profile statement, as far as it tells what was played."""

    pk = models.CompositePrimaryKey("batch_id", "position", "stored")
    batch_id = models.BigIntegerField()
    position = models.PositiveSmallIntegerField()
    stored = models.DateTimeField()
    statement_id = models.UUIDField()
    occurred = models.DateTimeField()
    activity_id = models.IntegerField()
    # None: nobody in particular.
    identity_id = models.IntegerField(null=True)
    session_id = models.UUIDField()
    kind = models.SmallIntegerField(choices=[(kind.value, kind.name.capitalize()) for kind in Kind])
    # Seconds in the media: where it happened, and for a jump where it went.
    at = models.FloatField(null=True)
    to = models.FloatField(null=True)
    # `played-segments`, flat: from, to, from, to…
    segments = ArrayField(models.FloatField(), null=True)

    class Meta:
        indexes = [models.Index(fields=["activity_id", "session_id"], name="event_by_session")]

    def __str__(self) -> str:
        return str(self.statement_id)


class AnswerEvent(models.Model):
    """An `answered` statement."""

    pk = models.CompositePrimaryKey("batch_id", "position", "stored")
    batch_id = models.BigIntegerField()
    position = models.PositiveSmallIntegerField()
    stored = models.DateTimeField()
    statement_id = models.UUIDField()
    occurred = models.DateTimeField()
    activity_id = models.IntegerField()
    # The media, where the statement names it.
    parent_id = models.IntegerField(null=True)
    identity_id = models.IntegerField(null=True)
    response = models.TextField()
    success = models.BooleanField(null=True)

    class Meta:
        indexes = [models.Index(fields=["activity_id", "identity_id"], name="answer_by_poll")]

    def __str__(self) -> str:
        return str(self.statement_id)
