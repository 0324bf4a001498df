"""Media, polls, students and what was stored of them: for tests of the watch page."""

from __future__ import annotations

import itertools
import json
import uuid
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.files.base import ContentFile
from django.utils import timezone

from analytics import identities
from analytics.models import Media, Poll, StatementBatch
from directory.models import RosterEntry

from . import timetable, viewing

if TYPE_CHECKING:
    from accounts.models import User
    from schedules.models import Section

CLIP = Path(__file__).resolve().parents[2] / "demo" / "media" / "lecture.webm"
CAPTIONS = CLIP.with_suffix(".vtt")
CLIP_SECONDS = 120
X = "https://w3id.org/xapi/video/extensions/"
PLAYED = "https://w3id.org/xapi/video/verbs/played"
ANSWERED = "http://adlnet.gov/expapi/verbs/answered"
_numbers = itertools.count(1)


def media(section: Section | None = None, *, with_files: bool = False, **fields: Any) -> Media:
    """Published. With files: two minutes of slides, and captions; set MEDIA_ROOT first."""
    fields.setdefault("published_at", timezone.now())
    made = Media.objects.create(
        section=section or timetable.section(),
        title=fields.pop("title", f"Lecture {next(_numbers)}"),
        duration_seconds=fields.pop("duration_seconds", CLIP_SECONDS),
        **fields,
    )
    if with_files:
        made.video.save("lecture.webm", ContentFile(CLIP.read_bytes()))
        made.captions.save("lecture.vtt", ContentFile(CAPTIONS.read_bytes()))
    return made


def poll(of: Media, kind: str = "one", **fields: Any) -> Poll:
    """One choice of three, of which b is right, unless the kind is another."""
    if kind in ("one", "several"):
        fields.setdefault("choices", [{"id": one, "text": f"Answer {one.upper()}"} for one in "abc"])
        fields.setdefault("correct", ["b"] if kind == "one" else ["a[,]c"])
    fields.setdefault("question", f"Question {next(_numbers)}?")
    return Poll.objects.create(media=of, kind=kind, **fields)


def enrol(user: User, section: Section, **fields: Any) -> RosterEntry:
    """An active student of the section, unless the fields say otherwise."""
    link = section.links.first()
    entry = RosterEntry.objects.create(
        course=link.lms_course if link else viewing.lms_course(section),
        lms_user_id=f"w{next(_numbers)}",
        name=user.full_name,
        login_id=user.email,
        **({"role": "StudentEnrollment", "state": "active"} | fields),
    )
    identities.match_rosters()
    return entry


def stored() -> list[dict[str, Any]]:
    """Every statement that was stored, in its order."""
    batches = StatementBatch.objects.order_by("id")
    return [one for batch in batches for one in json.loads(zlib.decompress(batch.body))]


def played(of: Media, seconds: float = 0, **more: Any) -> dict[str, Any]:
    """As the page says it."""
    return {
        "id": str(uuid.uuid4()),
        "verb": {"id": PLAYED},
        "object": {"id": of.activity.iri},
        "result": {"extensions": {f"{X}time": seconds}},
        "context": {"extensions": {f"{X}session-id": str(uuid.uuid4())}},
        "timestamp": timezone.now().isoformat(),
    } | more


def answered(to: Poll, response: str = "b", **more: Any) -> dict[str, Any]:
    return {
        "id": str(uuid.uuid4()),
        "verb": {"id": ANSWERED},
        "object": {"id": to.activity.iri},
        "result": {"response": response},
        "timestamp": timezone.now().isoformat(),
    } | more
