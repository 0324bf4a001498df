"""`courses_of`: what the rest of echo_lms asks the directory. The answer comes from the database at once, with its
age and with whatever may be missing from it; only a person whom it does not know is looked up in the LMS.
"""

from __future__ import annotations

import datetime
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from celery import current_app
from django.db.models import Prefetch
from django.utils import timezone
from kombu.exceptions import OperationalError

from canvas.client import Client
from canvas.errors import CanvasError
from canvas.lookup import find_instructor
from configurations.connection import connected
from configurations.models import ApiConfiguration
from configurations.status import status_of

from . import recording
from .models import Directory, LmsInstructor, Teaching
from .reading import read_person
from .work import with_subjects

logger = logging.getLogger(__name__)

# For a person who waits: a Canvas that has asked to slow down is not waited for longer than this.
LIVE_PATIENCE = 3.0
# Seconds for each of the two or three requests of a live look-up.
LIVE_READ_TIMEOUT = 5.0
# An answer younger than this is not worth another request.
FRESH_FOR = datetime.timedelta(minutes=10)

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Note:
    """Why an answer may be incomplete, and what to do about it."""

    level: Level
    code: str
    text: str
    advice: str = ""


@dataclass(frozen=True)
class Answer:
    """The courses of everybody with one e-mail address.

    `as_of`: when the oldest part of it was read in the LMS, None if nothing was. `refreshing`: a newer answer is
    on its way. `notes`: empty if the answer is whole and fresh.
    """

    email: str
    people: tuple[LmsInstructor, ...] = ()
    as_of: datetime.datetime | None = None
    live: bool = False
    refreshing: bool = False
    notes: tuple[Note, ...] = ()

    @cached_property
    def teachings(self) -> tuple[Teaching, ...]:
        """Each course once, by name; `course`, `role` and `instructor` are loaded."""
        by_course: dict[int, Teaching] = {}
        for person in self.people:
            for teaching in person.present_teachings:  # type: ignore[attr-defined]  # set by _known
                by_course.setdefault(teaching.course_id, teaching)
        return tuple(sorted(by_course.values(), key=lambda one: (one.course.name.lower(), one.course.code)))

    @property
    def age(self) -> datetime.timedelta | None:
        return timezone.now() - self.as_of if self.as_of else None


def courses_of(configuration: ApiConfiguration, email: str, *, fresh: bool = False) -> Answer:
    """The LMS courses of the instructor with this e-mail address, matched exactly but for letter case.

    From the directory in two queries. An address that it does not know is looked up live, within a time limit; a
    list that is not quite fresh is given at once and refreshed behind it. `fresh` asks the LMS first and falls
    back on what is known. Several people with one address: the courses of all, with a note. Never raises
    CanvasError: what went wrong is a note. Raises ValueError if this is no e-mail address.
    """
    email = email.strip()
    people = _known(configuration, email)
    read = [one for one in people if one.refreshed_at]
    if fresh or len(read) < len(people) or not people:
        return _live(configuration, email, people)
    answer = _answer(configuration, email, people)
    connected_now = not any(note.code == "not_connected" for note in answer.notes)
    stale = answer.age is not None and answer.age >= FRESH_FOR
    return _refresh_behind(answer) if stale and connected_now else answer


def known_courses_of(configuration: ApiConfiguration, email: str) -> Answer:
    """As `courses_of`, from the directory alone: nothing is asked of the LMS, now or behind the answer."""
    email = email.strip()
    people = _known(configuration, email)
    return _answer(configuration, email, people) if people else Answer(email)


def _known(configuration: ApiConfiguration, email: str) -> list[LmsInstructor]:
    """By address; only if nobody has it as the address, by sign-in name (docs/canvas.md §3.5)."""
    teachings = Teaching.objects.filter(gone_at=None).select_related("course").order_by("course__name", "pk")
    found = list(
        LmsInstructor.objects.present()
        .known_as(email)
        .filter(configuration=configuration)
        .select_related("configuration__directory", "configuration__authorization")
        .prefetch_related(Prefetch("teachings", queryset=teachings, to_attr="present_teachings"))
        .order_by("pk")
    )
    by_email = [one for one in found if one.email.lower() == email.lower()]
    return by_email or found


def _answer(
    configuration: ApiConfiguration, email: str, people: Sequence[LmsInstructor], *notes: Note, live: bool = False
) -> Answer:
    configuration = people[0].configuration if people else configuration
    read = [one.refreshed_at for one in people if one.refreshed_at]
    said = [*notes, *_notes_about(configuration, people, unasked=not live)]
    return Answer(email, tuple(people), min(read, default=None), live, notes=tuple(said))


def _notes_about(configuration: ApiConfiguration, people: Sequence[LmsInstructor], *, unasked: bool) -> list[Note]:
    notes = [*_connection_notes(configuration)] if unasked else []
    if len(people) > 1:
        names = ", ".join(f"{one} ({one.lms_id})" for one in people)
        text = f"Several people in Canvas have this address: {names}. The courses of all are shown."
        notes.append(
            Note("warning", "several_people", text, "Look at the instructor of a course before linking it.")
        )
    for one in people:
        notes += _notes_about_one(one, Directory.of(configuration), several=len(people) > 1)
    return notes


def _connection_notes(configuration: ApiConfiguration) -> list[Note]:
    status = status_of(configuration)
    if status.level in ("ok", "warning") and configuration.authorization_or_none():
        return []
    text = f"{configuration}: {status.label.lower()}. The courses are those known from before."
    return [Note("error", "not_connected", text, status.detail)]


def _notes_about_one(one: LmsInstructor, directory: Directory, *, several: bool) -> list[Note]:
    notes = []
    who = f"{one}: " if several else ""
    if one.invitations:
        waiting = "1 invitation is" if one.invitations == 1 else f"{one.invitations} invitations are"
        text = f"{who}{waiting} not accepted yet."
        advice = "The course appears once the instructor has accepted the invitation in Canvas."
        notes.append(Note("warning", "invitations_pending", text, advice))
    if one.last_error:
        notes.append(Note("warning", "not_refreshed", f"{who}The last refresh failed.", one.last_error))
    if one.refreshed_at and timezone.now() - one.refreshed_at > directory.warn_after:
        text = f"{who}This list is older than {directory.warn_hours} hours."
        notes.append(
            Note("warning", "old", text, "Choose Refresh, or ask an administrator why it is not refreshed.")
        )
    if not one.present_teachings and not one.invitations:  # type: ignore[attr-defined]  # set by _known
        text = f"{who}This person teaches no active course."
        advice = "Check in Canvas that they are enrolled as teacher and that the course's dates are not over."
        notes.append(Note("info", "no_active_course", text, advice))
    return notes


# --- Asking the LMS -------------------------------------------------------------------------------------
def _live(configuration: ApiConfiguration, email: str, known: Sequence[LmsInstructor]) -> Answer:
    try:
        if known:
            refresh_people(configuration, known)
        else:
            note = _find(configuration, email)
            if note is not None:
                return Answer(email, live=True, notes=(note,))
    except CanvasError as error:
        if known:
            failed = Note("warning", error.code, f"Not refreshed: {error.headline}", error.advice)
            return _answer(configuration, email, known, failed)
        return Answer(email, notes=(Note("error", error.code, error.headline, error.advice),))
    return _answer(configuration, email, _known(configuration, email), live=True)


def _find(configuration: ApiConfiguration, email: str) -> Note | None:
    """Looks the address up in the LMS and records who has it, and their courses; a note if nobody is found."""
    with connected(configuration, patience=LIVE_PATIENCE, read_timeout=LIVE_READ_TIMEOUT) as client:
        match = find_instructor(client, email, account_id=configuration.account_id)
        if not match.users:
            return _not_found(uncertain=match.kind == "uncertain")
        people = recording.record_people(configuration, match.users)
        _read_and_record(configuration, client, people)
    return None


def _not_found(*, uncertain: bool) -> Note:
    if uncertain:
        return Note(
            "error",
            "uncertain",
            "Canvas hides e-mail addresses, so it cannot be told whether somebody has this one.",
            "Ask an administrator to turn on Allow Include Parameters on the developer key, and to give the "
            "Canvas user who authorized the permission to view e-mail addresses.",
        )
    return Note(
        "error",
        "not_found",
        "Nobody in Canvas was found under this e-mail address.",
        "Check the spelling in the person's Canvas profile.",
    )


def refresh_people(configuration: ApiConfiguration, people: Sequence[LmsInstructor]) -> None:
    """Reads some people's courses now, invitations included. Raises CanvasError."""
    with connected(configuration, patience=LIVE_PATIENCE, read_timeout=LIVE_READ_TIMEOUT) as client:
        _read_and_record(configuration, client, people)


def _read_and_record(configuration: ApiConfiguration, client: Client, people: Sequence[LmsInstructor]) -> None:
    assistants = Directory.of(configuration).teaching_assistants
    readings = [
        read_person(client, subject, assistants=assistants) for _, subject in with_subjects(people, thorough=True)
    ]
    recording.record_readings(configuration, readings)


# --- Refreshing behind an answer --------------------------------------------------------------------------
def _refresh_behind(answer: Answer) -> Answer:
    keys = [one.pk for one in answer.people]
    try:
        # By name, because the tasks rest on this module. Not retried: a person waits for the page.
        current_app.send_task("directory.tasks.refresh_instructors", [keys], expires=60, retry=False)
    except OperationalError:
        logger.warning("Redis is away: nothing is refreshed behind the answer")
        return answer
    return replace(answer, refreshing=True)
