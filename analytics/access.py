"""Who may watch a media."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connection

from accounts.roles import is_administrator
from schedules.models import SectionInstructor

from . import enrolment, identities
from .models import Identity, Media

if TYPE_CHECKING:
    from accounts.models import User


def known_learner(user: User) -> int | None:
    """The key of the learner that they are, if they have been met already; looking makes nobody."""
    named = Identity.objects.filter(key=identities.mailto(user.email))
    return named.values_list("learner", flat=True).first()


def is_student(user: User, section_id: int) -> bool:
    learner = known_learner(user)
    return learner is not None and enrolment.is_student(learner, section_id)


def teaches(user: User, section_id: int) -> bool:
    return SectionInstructor.objects.filter(section=section_id, user=user).exists()


def is_published(media: Media) -> bool:
    return Media.objects.published().filter(pk=media.pk).exists()


def may_watch(user: User, media: Media) -> bool:
    """Students of the section while it is published; its instructors and administrators at any time."""
    if is_administrator(user) or teaches(user, media.section_id):
        return True
    return is_published(media) and is_student(user, media.section_id)


_SOMETHING = """
SELECT EXISTS (
    SELECT FROM analytics_identity identity
    JOIN analytics_rosterlearner known ON known.learner_id = identity.learner_id
    JOIN directory_rosterentry entry ON entry.id = known.entry_id
    JOIN schedules_lmscourselink link ON link.lms_course_id = entry.course_id
    JOIN analytics_media media ON media.section_id = link.section_id
    WHERE identity.key = %s AND entry.gone_at IS NULL
      AND entry.role = 'StudentEnrollment' AND entry.state = 'active'
      AND media.published_at <= now() AND (media.available_until IS NULL OR media.available_until > now()))
"""


def has_something_to_watch(user: User) -> bool:
    """Whether they are a student of a section with published media; one small query."""
    with connection.cursor() as cursor:
        cursor.execute(_SOMETHING, [identities.mailto(user.email)])
        return bool(cursor.fetchone()[0])
