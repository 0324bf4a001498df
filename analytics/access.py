"""Who may watch a media."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils import timezone

from accounts.roles import is_administrator
from schedules.models import LmsCourseLink, SectionInstructor

from .models import Identity, Learner, Media, RosterLearner

if TYPE_CHECKING:
    from accounts.models import User

STUDENT = {"role": "StudentEnrollment", "state": "active", "gone_at": None}


def identity_key(user: User) -> str:
    return f"mailto:{user.email}"


def learner_of(user: User) -> Learner:
    """Made on first need."""
    key = identity_key(user)
    found = Identity.objects.select_related("learner").filter(key=key).first()
    if found:
        return found.learner
    with transaction.atomic():
        made = Learner.objects.create(name=user.full_name, email=user.email)
        identity, is_new = Identity.objects.get_or_create(key=key, defaults={"learner": made})
        if not is_new:  # somebody was faster
            made.delete()
    return identity.learner


def is_student(user: User, section_id: int) -> bool:
    """Whether they are active with the role of a student in one of the LMS courses of the section."""
    return RosterLearner.objects.filter(
        learner__identities__key=identity_key(user),
        entry__course__in=LmsCourseLink.objects.filter(section=section_id).values("lms_course"),
        **{f"entry__{name}": value for name, value in STUDENT.items()},
    ).exists()


def teaches(user: User, section_id: int) -> bool:
    return SectionInstructor.objects.filter(section=section_id, user=user).exists()


def is_published(media: Media) -> bool:
    return media.published_at is not None and media.published_at <= timezone.now()


def may_watch(user: User, media: Media) -> bool:
    """Students of the section once it is published; its instructors and administrators before that too."""
    if is_administrator(user) or teaches(user, media.section_id):
        return True
    return is_published(media) and is_student(user, media.section_id)
