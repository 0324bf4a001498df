"""Whether recording waits for instructors (docs/schedules.md, "Consent").

A department's policy goes before the campus's. A schedule without the consent it needs keeps its room and its
captures; only its recorder is not told to record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Prefetch
from django.utils import timezone

from .models import Campus, Capture, CaptureSchedule, Change, Consent, ConsentPolicy, Section, SectionInstructor

if TYPE_CHECKING:
    from accounts.models import User

Policy = ConsentPolicy


@dataclass(frozen=True)
class Voice:
    """An instructor of a section, and what they have said; None: nothing yet."""

    person: User
    consent: Consent | None

    @property
    def agreed(self) -> bool | None:
        return self.consent.agreed if self.consent else None


@dataclass(frozen=True)
class Standing:
    """Of one section on one campus. `recorded`: whether its lectures may be recorded as things are."""

    policy: ConsentPolicy
    recorded: bool
    text: str
    voices: tuple[Voice, ...] = ()

    @property
    def asks(self) -> bool:
        return self.policy != Policy.NONE


def policy_of(section: Section, campus: Campus) -> ConsentPolicy:
    department = section.course.department
    return Policy((department.consent if department else "") or campus.consent)


def standing_of(section: Section, campus: Campus) -> Standing:
    """Reads `teaching` with `user`, `consents` and the course's department of the section; prefetch them."""
    said = {one.user_id: one for one in section.consents.all()}
    voices = tuple(Voice(row.user, said.get(row.user_id)) for row in section.teaching.all())
    policy = policy_of(section, campus)
    return Standing(policy, *_judged(policy, voices), voices)


def _judged(policy: ConsentPolicy, voices: tuple[Voice, ...]) -> tuple[bool, str]:
    agreed = [one for one in voices if one.agreed]
    objecting = [one for one in voices if one.agreed is False]
    waiting = [str(one.person) for one in voices if one.agreed is None]
    if policy == Policy.NONE:
        return True, "No consent is asked for."
    if objecting:
        return False, f"{', '.join(str(one.person) for one in objecting)} objected to recording."
    if policy == Policy.OPT_OUT:
        return True, "Recorded, because nobody objected."
    if policy == Policy.ONE:
        if agreed:
            return True, f"Recorded, because {agreed[0].person} agreed."
        return False, "Waits until one instructor agrees."
    if voices and not waiting:
        return True, "Recorded, because all instructors agreed."
    return False, f"Waits for the consent of {', '.join(waiting) or 'an instructor: the section has none'}."


def say(section: Section, person: User, *, agreed: bool, by: User, reason: str = "") -> Consent:
    """Records what an instructor decides, or what staff decide instead, with a reason.

    Raises ValueError if somebody else than the instructor gives no reason, or the person does not teach it.
    """
    if not section.teaching.filter(user=person).exists():
        raise ValueError(f"{person} does not teach this section.")
    if by.pk != person.pk and not reason.strip():
        raise ValueError("Enter the reason: you decide for somebody else.")
    with transaction.atomic():
        said = {"agreed": agreed, "recorded_by": by, "recorded_at": timezone.now(), "reason": reason.strip()[:255]}
        consent, _ = Consent.objects.update_or_create(section=section, user=person, defaults=said)
        action = f"{person} {'agreed' if agreed else 'objected'} to recording"
        if by.pk != person.pk:
            action += f" (decided by staff: {reason.strip()})"
        Change.record(section, action[:200], actor=by, section_id=section.pk)
    return consent


def held_back(schedules: Iterable[CaptureSchedule]) -> dict[int, str]:
    """By key of a schedule: why its recorder is not told to record. In four queries, whatever the number."""
    sections = Section.objects.select_related("course__department", "term").prefetch_related(
        Prefetch("teaching", SectionInstructor.objects.select_related("user")), "consents"
    )
    rows = (
        CaptureSchedule.objects.filter(pk__in=[one.pk for one in schedules])
        .select_related("room__building__campus")
        .prefetch_related(Prefetch("sections", sections))
    )
    found: dict[int, str] = {}
    for row in rows:
        for section in row.sections.all():
            standing = standing_of(section, row.room.building.campus)
            if not standing.recorded:
                found.setdefault(row.pk, f"{section}: {standing.text}")
    return found


def recordable(captures: Iterable[Capture]) -> list[Capture]:
    """Those that may be recorded as things are; reads the schedule of each."""
    listed = list(captures)
    held = held_back({one.schedule_id: one.schedule for one in listed}.values())
    return [one for one in listed if one.schedule_id not in held]
