"""Who may watch a media."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
