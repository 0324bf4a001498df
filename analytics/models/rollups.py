"""What the pages read. Everything here can be built anew from the events; only `folding.py` writes it.

Seconds are seconds of media, replays counted; `watched` is what was seen at least once, as half-open ranges of
seconds. The section stands first in the keys: the cost of a page follows the instructor, not the institution.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models


class IntegerMultirangeField(models.Field[Any, Any]):
    """`int4multirange`, written and read by SQL alone."""

    def db_type(self, connection: Any) -> str:
        return "int4multirange"


class ViewSession(models.Model):
    """One sitting of one person before one media, and where its playing stands."""

    id = models.BigAutoField(primary_key=True)
    section_id = models.BigIntegerField()
    media_id = models.IntegerField()
    # None: anonymous.
    learner_id = models.IntegerField(null=True)
    session_id = models.UUIDField()
    started = models.DateTimeField()
    # By our clock. If a month was dropped since, the events are not all there to read the session anew.
    first_stored = models.DateTimeField()
    # By the institution's clock; a session over midnight belongs to the day on which it began.
    day = models.DateField()
    last_at = models.DateTimeField()
    # `playback.Session` in msgpack: where its playing stands, and its last events, for those that come late.
    state = models.BinaryField()
    # Stretches played without a jump, in their order, replays included: from, to, from, to…
    plays = ArrayField(models.IntegerField(), default=list)
    seconds = models.IntegerField(default=0)
    watched = IntegerMultirangeField()
    watched_seconds = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["media_id", "session_id", "learner_id"], nulls_distinct=False, name="one_view_session"
            )
        ]
        indexes = [
            models.Index(fields=["media_id", "learner_id"]),
            models.Index(fields=["learner_id"]),
        ]

    def __str__(self) -> str:
        return str(self.session_id)


class ViewUserDay(models.Model):
    id = models.BigAutoField(primary_key=True)
    section_id = models.BigIntegerField()
    day = models.DateField()
    media_id = models.IntegerField()
    learner_id = models.IntegerField(null=True)
    views = models.IntegerField()
    # Of at least five per cent of the media.
    views_5 = models.IntegerField()
    seconds = models.IntegerField()
    watched_seconds = models.IntegerField()
    last_at = models.DateTimeField()
    watched = IntegerMultirangeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["section_id", "day", "media_id", "learner_id"], nulls_distinct=False, name="one_user_day"
            )
        ]
        indexes = [models.Index(fields=["media_id", "learner_id"])]

    def __str__(self) -> str:
        return f"{self.day}, {self.media_id}, {self.learner_id}"


class ViewUser(models.Model):
    id = models.BigAutoField(primary_key=True)
    section_id = models.BigIntegerField()
    media_id = models.IntegerField()
    learner_id = models.IntegerField(null=True)
    views = models.IntegerField()
    views_5 = models.IntegerField()
    seconds = models.IntegerField()
    watched_seconds = models.IntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    watched = IntegerMultirangeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["section_id", "media_id", "learner_id"], nulls_distinct=False, name="one_user_of_a_media"
            )
        ]
        indexes = [models.Index(fields=["learner_id"])]

    def __str__(self) -> str:
        return f"{self.media_id}, {self.learner_id}"


class PollAnswer(models.Model):
    """First and latest answer of one person to one poll; of an anonymous poll one row for each answer."""

    id = models.BigAutoField(primary_key=True)
    section_id = models.BigIntegerField()
    poll_id = models.IntegerField()
    learner_id = models.IntegerField(null=True)
    attempts = models.IntegerField()
    first_statement = models.UUIDField()
    first_response = models.TextField()
    first_correct = models.BooleanField(null=True)
    first_at = models.DateTimeField()
    latest_response = models.TextField()
    latest_correct = models.BooleanField(null=True)
    latest_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["poll_id", "learner_id"],
                condition=models.Q(learner_id__isnull=False),
                name="one_answer_per_person",
            ),
            models.UniqueConstraint(
                fields=["poll_id", "first_statement"],
                condition=models.Q(learner_id=None),
                name="anonymous_answers_once",
            ),
        ]
        indexes = [models.Index(fields=["section_id", "poll_id"]), models.Index(fields=["learner_id"])]

    def __str__(self) -> str:
        return f"{self.poll_id}, {self.learner_id}"
