"""Addresses of calendars: made, found by what is signed in them, read, revoked.

An address for people is as good as the person behind it: whose feed it is, or who made it, has to be active, and
still allowed to make it. A recorder's belongs to its room, and goes on when administrators change.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.conf import settings
from django.core import signing
from django.db import models
from django.db.models import Max, Q, Sum
from django.urls import reverse
from django.utils import timezone

from accounts.roles import is_administrator, is_instructor

from . import calendars, consent
from .calendars import Version
from .models import Capture, CaptureSchedule, Change, Feed, Publication, Room, Section
from .models.captures import CaptureQuerySet

if TYPE_CHECKING:
    from accounts.models import User

Audience = Feed.Audience
# People's calendars show a schedule until this long after its last capture; recorders read a day back.
PEOPLE_SEE = datetime.timedelta(days=180)
RECORDERS_SEE = datetime.timedelta(days=1)
READ_IS_WRITTEN_EVERY = datetime.timedelta(minutes=1)
_signer = signing.Signer(salt="schedules.feeds", sep=".")


# --- Addresses -----------------------------------------------------------------------------------------
def token_of(feed: Feed) -> str:
    return _signer.sign(str(feed.pk))


def address_of(feed: Feed) -> str:
    return settings.SITE_URL + reverse("feed", args=[token_of(feed)])


def find(token: str) -> Feed | None:
    """The feed of an address that is genuine and still good."""
    try:
        key = int(_signer.unsign(token))
    except (signing.BadSignature, ValueError):
        return None
    feed = live().filter(pk=key).first()
    return feed if feed and _is_good(feed) else None


def live() -> models.QuerySet[Feed]:
    """Not revoked, with their names."""
    return Feed.objects.filter(revoked_at=None).select_related(
        "room__building__campus", "section__course", "section__term", "person", "created_by"
    )


def _is_good(feed: Feed) -> bool:
    if feed.audience == Audience.RECORDER:
        return True
    if feed.person:
        return feed.person.is_active
    maker = feed.created_by
    return maker is not None and maker.is_active and may_make(maker, feed.room or feed.section, Audience.PEOPLE)


# --- Making and revoking -------------------------------------------------------------------------------
def may_make(user: User, of: Room | Section | User | None, audience: str) -> bool:
    """People make feeds of what they may see in full; those for recorders are made by administrators."""
    if audience == Audience.RECORDER:
        return isinstance(of, Room) and is_administrator(user)
    if isinstance(of, Room):
        return Room.objects.manageable_by(user).filter(pk=of.pk).exists()
    if isinstance(of, Section):
        return Section.objects.visible_to(user).filter(pk=of.pk).exists()
    return of is not None and of.pk == user.pk and is_instructor(user)


def existing(user: User, of: Room | Section | User, audience: str) -> Feed | None:
    """The address that they have of it already."""
    return live().filter(created_by=user, audience=audience, **_subject(of)).first()


def make(of: Room | Section | User, audience: str, *, user: User) -> Feed:
    """A new address, or the one that they have already. Whether they may is asked before (`may_make`)."""
    feed = existing(user, of, audience)
    if feed is None:
        feed = Feed.objects.create(audience=audience, created_by=user, **_subject(of))
        Change.record(feed, f"Address made: {feed.get_audience_display()}", actor=user, section_id=feed.section_id)
    return feed


def _subject(of: Room | Section | User) -> dict[str, Room | Section | User]:
    if isinstance(of, Room):
        return {"room": of}
    return {"section": of} if isinstance(of, Section) else {"person": of}


def own(user: User) -> models.QuerySet[Feed]:
    return live().filter(Q(created_by=user) | Q(person=user))


def revocable_by(user: User) -> models.QuerySet[Feed]:
    return live() if is_administrator(user) else own(user)


def revoke(feed: Feed, *, user: User) -> None:
    if Feed.objects.filter(pk=feed.pk, revoked_at=None).update(revoked_at=timezone.now()):
        Change.record(feed, "Address revoked", actor=user, section_id=feed.section_id)


# --- Reading -------------------------------------------------------------------------------------------
def text_of(feed: Feed) -> tuple[bytes, datetime.datetime]:
    """What stands at the address now, and when something in it was last changed."""
    now = timezone.now()
    if feed.audience == Audience.RECORDER and feed.room:
        recent = _with_rooms(Capture.objects.filter(room=feed.room, recording_ends_at__gte=now - RECORDERS_SEE))
        # What waits for an instructor's consent is not told to a recorder at all.
        found = consent.recordable(recent)
    else:
        concerned = _concerning(feed)
        schedules = concerned.filter(ends_at__gte=now - PEOPLE_SEE).values("schedule")
        found = list(_with_rooms(concerned.filter(schedule__in=schedules).with_names()))
    versions = versions_of([one.schedule for one in found])
    last = max((one.changed_at for one in versions.values()), default=feed.created_at)
    if feed.audience == Audience.RECORDER and feed.room:
        return calendars.for_recorder(feed.room, found, versions), last
    return calendars.for_people(str(feed.section or feed.room or feed.person), found, versions), last


def _concerning(feed: Feed) -> CaptureQuerySet:
    captures = Capture.objects.all()
    if feed.room:
        return captures.filter(room=feed.room)
    if feed.section:
        return captures.filter(schedule__in=feed.section.publications.values("schedule"))
    if feed.person is None or not is_instructor(feed.person):
        return captures.none()
    theirs = Q(presenter=feed.person) | Q(pk__in=_published_to_classes_of(feed.person))
    return captures.filter(schedule__in=CaptureSchedule.objects.filter(theirs).values("pk"))


def _published_to_classes_of(person: User) -> models.QuerySet[Publication, int]:
    return Publication.objects.filter(section__teaching__user=person).values_list("schedule", flat=True)


def _with_rooms(found: CaptureQuerySet) -> CaptureQuerySet:
    return found.select_related(
        "room__building__campus", "schedule__presenter", "schedule__room__building__campus"
    )


def versions_of(schedules: Sequence[CaptureSchedule]) -> dict[int, Version]:
    """By the schedules' keys, in two queries; of all their captures, whichever of them a feed shows."""
    known = {one.pk: one for one in schedules}
    captures = Capture.objects.filter(schedule__in=known).order_by().values("schedule")
    counted = captures.annotate(sequences=Sum("sequence"), last=Max("changed_at"))
    of_captures = {row["schedule"]: (row["sequences"], row["last"]) for row in counted}
    changes = Change.objects.filter(schedule_id__in=known).order_by().values("schedule_id")
    recorded = dict(changes.annotate(last=Max("at")).values_list("schedule_id", "last"))
    found = {}
    for key, one in known.items():
        sequences, last = of_captures.get(key, (0, one.created_at))  # none if it was deleted a moment ago
        found[key] = Version(one.sequence + sequences, max(last, recorded.get(key, last), one.created_at))
    return found


def mark_read(feed: Feed) -> None:
    """At most once a minute: readers that ask every second do not write every second."""
    now = timezone.now()
    if feed.last_read_at is None or feed.last_read_at <= now - READ_IS_WRITTEN_EVERY:
        Feed.objects.filter(pk=feed.pk).update(last_read_at=now)
