"""Media, students and what they watched, for tests: events as ingest stores them, then folded."""

from __future__ import annotations

import datetime
import itertools
import json
import uuid
import zlib
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.utils import timezone

from analytics import folding, identities
from analytics.models import (
    AnswerEvent,
    Identity,
    Learner,
    Media,
    Poll,
    Statement,
    StatementBatch,
    StatementVoid,
    ViewEvent,
)
from analytics.playback import Kind
from configurations.models import ApiConfiguration
from directory.models import LmsCourse, RosterEntry

from . import timetable

if TYPE_CHECKING:
    from schedules.models import Section

_numbers = itertools.count(1)
# Of the tests' lectures; a Wednesday, in a summer term.
NOON = datetime.datetime(2026, 5, 6, 12, tzinfo=datetime.UTC)


# --- Media, polls, people -------------------------------------------------------------------------------
def lms_course(section: Section | None = None, **fields: Any) -> LmsCourse:
    """Linked to the section, if there is one."""
    configuration, _ = ApiConfiguration.objects.get_or_create(
        name="Canvas", defaults={"base_url": "https://canvas.example.edu", "client_id": "1", "client_secret": "x"}
    )
    number = next(_numbers)
    fields.setdefault("name", f"LMS course {number}")
    made = LmsCourse.objects.create(configuration=configuration, lms_id=f"v{number}", **fields)
    if section is not None:
        timetable.link(section, made)
    return made


def media(section: Section | None = None, title: str = "", *, seconds: int = 600, **fields: Any) -> Media:
    """Published, recorded at NOON, ten minutes long."""
    fields.setdefault("recorded_at", NOON)
    fields.setdefault("published_at", NOON)
    return Media.objects.create(
        section=section or timetable.section(),
        title=title or f"Lecture {next(_numbers)}",
        duration_seconds=seconds,
        **fields,
    )


def poll(of: Media, kind: str = Poll.Kind.ONE, correct: list[str] | None = None, **fields: Any) -> Poll:
    """One choice of a, b and c; right is b unless told otherwise. `correct=[]`: not graded."""
    if kind in (Poll.Kind.ONE, Poll.Kind.SEVERAL):
        fields.setdefault("choices", [{"id": one, "text": f"Choice {one}"} for one in "abc"])
    fields.setdefault("question", f"Question {next(_numbers)}?")
    fields.setdefault("attempts", 0)
    return Poll.objects.create(media=of, kind=kind, correct=["b"] if correct is None else correct, **fields)


def student(*sections: Section, name: str = "", email: str = "", **entry: Any) -> Learner:
    """On the roster of each section, by way of an LMS course linked to it (made if there is none)."""
    number = next(_numbers)
    name, email = name or f"Student {number:03}", email or f"student{number}@example.edu"
    entry = {"role": "StudentEnrollment", "state": "active", "lms_user_id": f"u{number}"} | entry
    for section in sections:
        link = section.links.first()
        course = link.lms_course if link else lms_course(section)
        RosterEntry.objects.create(course=course, name=name, login_id=email, **entry)
    identities.match_rosters()
    return Learner.objects.get(identities__key=identities.mailto(email))


def stranger(email: str = "") -> Learner:
    """Known by a statement alone, on no roster."""
    email = email or f"stranger{next(_numbers)}@example.org"
    made = Learner.objects.create(name="", email=email)
    Identity.objects.create(key=identities.mailto(email), learner=made)
    return made


# --- Statements -----------------------------------------------------------------------------------------
def events_of(
    what: Media, *stretches: tuple[float, float], at: datetime.datetime | None = None
) -> list[dict[str, Any]]:
    """A sitting: each stretch is played in real time, with ten seconds between one and the next."""
    moment, session, told = at or NOON, uuid.uuid4(), []
    for first, last in stretches:
        told.append({"kind": Kind.PLAYED, "at": first, "occurred": moment})
        moment += datetime.timedelta(seconds=last - first)
        told.append({"kind": Kind.PAUSED, "at": last, "occurred": moment})
        moment += datetime.timedelta(seconds=10)
    shared = {"activity_id": what.activity_id, "session_id": session}
    return [shared | {"statement_id": uuid.uuid4()} | one for one in told]


def store(
    events: list[dict[str, Any]], learner: Learner | None = None, *, stored: datetime.datetime | None = None
) -> int:
    """One batch, not folded. An event with a `response` is an answer, one with `voids` voids a statement."""
    stored = stored or timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('analytics_batch_id')")
        batch: int = cursor.fetchone()[0]
    identity = learner.identities.order_by("pk")[0].pk if learner else None
    bodies = []
    for position, event in enumerate(events):
        event = {"identity_id": identity, "statement_id": uuid.uuid4()} | event
        body, key = event.pop("statement", {}), event["statement_id"]
        bodies.append(body)
        Statement.objects.create(id=key, stored=stored, batch_id=batch, position=position, verb_id=0)
        place = {"batch_id": batch, "position": position, "stored": stored}
        if "voids" in event:
            StatementVoid.objects.get_or_create(
                target=event["voids"], defaults={"voided_by": key, "batch_id": batch}
            )
        elif "response" in event:
            AnswerEvent.objects.create(**place, **event)
        else:
            ViewEvent.objects.create(**place, **event)
    StatementBatch.objects.create(
        id=batch,
        stored=stored,
        source_id=0,
        statements=len(events),
        version="1.0.3",
        body=zlib.compress(json.dumps(bodies).encode(), 1),
    )
    return batch


def watched(
    what: Media,
    learner: Learner | None,
    *stretches: tuple[float, float],
    at: datetime.datetime | None = None,
) -> None:
    """One sitting, in the figures at once. Without a learner it was nobody in particular."""
    store(events_of(what, *stretches, at=at), learner)
    folding.fold_all()


def answered(
    what: Poll,
    learner: Learner | None,
    response: str,
    *,
    at: datetime.datetime | None = None,
    success: bool | None = None,
) -> None:
    answer = {"activity_id": what.activity_id, "response": response, "success": success, "occurred": at or NOON}
    store([answer], learner)
    folding.fold_all()
