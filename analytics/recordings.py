"""Recorded captures become media, one for each section that they are published to."""

from __future__ import annotations

import datetime

from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from schedules.models import Capture, Publication

from .models import Media

# Recorders report within hours. What is reported later still: ./run manage make_media --all.
LOOK_BACK = datetime.timedelta(days=14)
BATCH = 500


def make_media(*, everything: bool = False) -> int:
    """Makes what is missing, of captures of the last two weeks or of all; returns how many."""
    captures = Capture.objects.filter(state=Capture.State.RECORDED)
    if not everything:
        captures = captures.filter(starts_at__gt=timezone.now() - LOOK_BACK)
    made = Media.objects.filter(capture=OuterRef("pk"), section=OuterRef("published_to"))
    missing = (
        captures.annotate(
            publication=F("schedule__publications"), published_to=F("schedule__publications__section")
        )
        .filter(~Exists(made), publication__isnull=False)
        .select_related("room__building__campus")
        .order_by("starts_at", "pk")
    )
    count = 0
    while found := list(missing[:BATCH]):
        publications = Publication.objects.in_bulk([getattr(one, "publication") for one in found])  # noqa: B009
        for capture in found:
            _make(capture, publications[getattr(capture, "publication")])  # noqa: B009
        count += len(found)
    return count


def _make(capture: Capture, publication: Publication) -> None:
    published, until = _available(capture, publication)
    Media.objects.create(
        section_id=publication.section_id,
        capture=capture,
        title=capture.title,
        duration_seconds=int((capture.ends_at - capture.starts_at).total_seconds()),
        recorded_at=capture.starts_at,
        published_at=published,
        available_until=until,
    )


def _available(
    capture: Capture, publication: Publication
) -> tuple[datetime.datetime | None, datetime.datetime | None]:
    """From when and until when, by the clock of the room; None: held back, or for ever."""
    published = until = None
    if publication.available == Publication.Available.NOW:
        published = capture.ends_at
    elif publication.available == Publication.Available.AFTER_DAYS:
        published = capture.ends_at + datetime.timedelta(days=publication.available_days or 0)
    elif publication.available == Publication.Available.ON_DATE and publication.available_on:
        published = _midnight(capture, publication.available_on)
    if publication.until == Publication.Until.AFTER_DAYS:
        until = (published or capture.ends_at) + datetime.timedelta(days=publication.until_days or 0)
    elif publication.until == Publication.Until.ON_DATE and publication.until_on:
        until = _midnight(capture, publication.until_on + datetime.timedelta(days=1))
    return published, until


def _midnight(capture: Capture, date: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(date, datetime.time(), tzinfo=capture.zone)
