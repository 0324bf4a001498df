"""The one step: section, link and schedule together or not at all; and links taken away, moved and undone."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from psycopg import errors

from accounts.models import User
from accounts.roles import Role, is_administrator
from directory.models import LmsCourse

from .models import (
    CaptureSchedule,
    Change,
    Course,
    Department,
    LmsCourseLink,
    Publication,
    Section,
    SectionInstructor,
    Submission,
    Term,
)
from .models.changes import difference
from .models.scopes import Scope
from .scheduling import TooLate, create_schedule, delete_schedule, refusing_overlaps

if TYPE_CHECKING:
    from django.db.models import Model


class AlreadyLinked(Exception):
    """The LMS course leads to another section."""

    def __init__(self, section: Section) -> None:
        self.section = section
        super().__init__(f"This LMS course is linked to {section} already.")


class Overtaken(Exception):
    """Somebody else saved the same thing in the same moment; nothing was saved here."""


@dataclass(frozen=True)
class Person:
    email: str
    name: str = ""


@dataclass(frozen=True)
class NewSection:
    """A section to make. `term`: an existing one, else one is made of the name and the dates."""

    course_code: str
    course_name: str
    number: str = "001"
    department: Department | None = None
    term: Term | None = None
    term_name: str = ""
    term_starts_on: datetime.date | None = None
    term_ends_on: datetime.date | None = None


@dataclass(frozen=True)
class Order:
    """What Save asks for: a section, new or existing, linked, scheduled, or both.

    `instructors`: the primary one first; added to the section if they are not in it, and to the people here if
    they are unknown. `own`, unsaved and without a section: how this section gets the recordings. `publications`,
    unsaved: which others get them too. `presenter`: whom the recordings belong to. Only administrators may order a
    schedule without a section.
    """

    section: Section | NewSection | None
    lms_course: LmsCourse | None = None
    instructors: Sequence[Person] = ()
    schedule: CaptureSchedule | None = None
    presenter: Person | None = None
    own: Publication | None = None
    publications: Sequence[Publication] = ()


def submit(key: uuid.UUID, order: Order, *, user: User) -> Submission:
    """Carries an order out, once for each key: the same key again gives what the first made.

    Raises AlreadyLinked, RoomTaken, ValidationError or Overtaken; nothing is saved then.
    """
    if order.lms_course is None and order.schedule is None:
        raise ValidationError("Choose an LMS course to link, or enter when and where to record.")
    if order.lms_course is not None and order.section is None:
        raise ValidationError("Choose the section that the LMS course leads to.")
    with _one_at_a_time(), refusing_overlaps():
        submission, first = Submission.objects.get_or_create(key=key, defaults={"created_by": user})
        if not first:
            if submission.created_by_id != user.pk:
                raise Overtaken("This page was sent by somebody else already. Open it again.")
            return submission
        section = _section(order.section, made=submission.made, user=user)
        if section is not None:
            _add_instructors(section, order.instructors, made=submission.made, user=user)
            if order.lms_course is not None:
                existing = link_of(order.lms_course)
                submission.link = link(section, order.lms_course, user=user)
                if existing is None:
                    submission.made.append("link")
        submission.section = section
        submission.schedule = _scheduled(order, section, made=submission.made, user=user)
        submission.save()
    return submission


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    try:
        yield
    except (IntegrityError, OperationalError) as error:
        if isinstance(error.__cause__, errors.UniqueViolation | errors.DeadlockDetected):
            raise Overtaken("Somebody else saved the same in this moment. Look again and save again.") from error
        raise


def _scheduled(order: Order, section: Section | None, *, made: list[str], user: User) -> CaptureSchedule | None:
    if order.schedule is None:
        return None
    publications = list(order.publications)
    if order.presenter is not None:
        order.schedule.presenter = _account(order.presenter, made=made)
    if order.own is not None and section is not None:
        order.own.section = section
        publications.insert(0, order.own)
    return create_schedule(order.schedule, publications, user=user)


# --- Sections ------------------------------------------------------------------------------------------
def _section(wanted: Section | NewSection | None, *, made: list[str], user: User) -> Section | None:
    if wanted is None:
        if not is_administrator(user):
            raise ValidationError("Choose the section that gets the recordings.")
        return None
    if isinstance(wanted, Section):
        return wanted
    course = _course(wanted, made=made, user=user)
    term = wanted.term or _term(wanted, made=made, user=user)
    existing = Section.objects.filter(course=course, term=term, number=wanted.number).first()
    if existing:
        raise ValidationError(
            {"number": f"{existing} exists already. Choose it as an existing section, or enter another number."}
        )
    section = Section.objects.create(course=course, term=term, number=wanted.number)
    made.append("section")
    Change.record(section, "Added", actor=user, section_id=section.pk)
    return section


def _course(wanted: NewSection, *, made: list[str], user: User) -> Course:
    """The course with this code, but for letter case; else a new one."""
    course = Course.objects.filter(code__iexact=wanted.course_code).first()
    departments = Scope.of(user).departments
    if course is not None:
        if departments is not None and course.department_id not in departments:
            raise ValidationError(
                {"course_code": "A course of another department has this code. Enter another one."}
            )
        return course
    if departments is not None and (wanted.department is None or wanted.department.pk not in departments):
        raise ValidationError({"department": "Choose the department that the course belongs to."})
    course = Course.objects.create(code=wanted.course_code, name=wanted.course_name, department=wanted.department)
    made.append("course")
    Change.record(course, "Added", actor=user)
    return course


def _term(wanted: NewSection, *, made: list[str], user: User) -> Term:
    known = Term.objects.filter(name__iexact=wanted.term_name).first()
    if known:
        return known
    if not (wanted.term_name and wanted.term_starts_on and wanted.term_ends_on):
        raise ValidationError({"term": "Choose a term, or enter the name and the dates of a new one."})
    if wanted.term_ends_on < wanted.term_starts_on:
        raise ValidationError({"term_ends_on": "The last day of the term is before the first."})
    dates = {"starts_on": wanted.term_starts_on, "ends_on": wanted.term_ends_on}
    term = Term.objects.create(name=wanted.term_name, **dates)
    made.append("term")
    Change.record(term, "Added", actor=user)
    return term


def instructor_account(person: Person) -> tuple[User, bool]:
    """The account of an instructor, and whether it was made: without a password, nobody can sign in yet."""
    user = User.objects.filter(email=person.email).first()
    made = user is None
    if user is None:
        user = User.objects.create_user(person.email, full_name=person.name)
    user.groups.add(Group.objects.get(name=Role.INSTRUCTORS))
    return user, made


def _account(person: Person, *, made: list[str]) -> User:
    account, is_new = instructor_account(person)
    if is_new:
        made.append(f"person:{account.pk}")
    return account


def _add_instructors(section: Section, people: Sequence[Person], *, made: list[str], user: User) -> None:
    present = {row.user_id for row in section.teaching.all()}
    for person in people:
        account = _account(person, made=made)
        if account.pk not in present:
            SectionInstructor.objects.create(section=section, user=account, is_primary=not present)
            present.add(account.pk)
            Change.record(section, f"Instructor added: {account}", actor=user, section_id=section.pk)


def change_section(
    section: Section,
    people: Sequence[Person],
    *,
    fields: Mapping[str, tuple[object, object]],
    user: User | None,
) -> None:
    """Saves a section's own columns and who teaches it: exactly these people, the first one the primary.

    `fields`: what was changed of its columns, before and after, for the record.
    """
    with transaction.atomic():
        before = _taught_by(section)
        section.save()
        accounts = [instructor_account(person)[0] for person in people]
        section.teaching.exclude(user__in=accounts).delete()
        section.teaching.update(is_primary=False)
        rows = [
            SectionInstructor(section=section, user=account, is_primary=account == accounts[0])
            for account in accounts
        ]
        SectionInstructor.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["section", "user"], update_fields=["is_primary"]
        )
        entries = [entry for name, (old, new) in fields.items() for entry in difference(name, old, new)]
        entries += difference("Instructors", before, _taught_by(section))
        if entries:
            Change.record(section, "Changed", actor=user, section_id=section.pk, differences=entries)


def _taught_by(section: Section) -> str:
    rows = SectionInstructor.objects.filter(section=section).select_related("user").order_by("-is_primary", "pk")
    return ", ".join(row.user.email for row in rows)


# --- Links ---------------------------------------------------------------------------------------------
def link_of(lms_course: LmsCourse) -> LmsCourseLink | None:
    links = LmsCourseLink.objects.select_related("section__course", "section__term")
    return links.filter(lms_course=lms_course).first()


def link(section: Section, lms_course: LmsCourse, *, user: User | None) -> LmsCourseLink:
    """Ties an LMS course to a section; its roster is read from now on. The same link again changes nothing.

    Raises AlreadyLinked if it leads to another section.
    """
    existing = link_of(lms_course)
    if existing is not None:
        if existing.section_id != section.pk:
            raise AlreadyLinked(existing.section)
        return existing
    with transaction.atomic():
        made = LmsCourseLink.objects.create(section=section, lms_course=lms_course, linked_by=user)
        LmsCourse.objects.filter(pk=lms_course.pk).update(roster_wanted=True)
        action = f"Linked to the LMS course {lms_course}"
        Change.record(section, action, actor=user, section_id=section.pk)
    return made


def unlink(link: LmsCourseLink, *, user: User | None) -> None:
    """Takes a link away. Schedules, recordings and what was watched stay; linking again brings it all together."""
    with transaction.atomic():
        if not LmsCourseLink.objects.select_for_update().filter(pk=link.pk).exists():
            return  # somebody was quicker; the course may lead somewhere again by now
        LmsCourse.objects.filter(pk=link.lms_course_id).update(roster_wanted=False)
        action = f"Unlinked from the LMS course {link.lms_course}"
        Change.record(link.section, action, actor=user, section_id=link.section_id)
        LmsCourseLink.objects.filter(pk=link.pk).delete()


def relink(existing: LmsCourseLink, section: Section, *, user: User | None) -> LmsCourseLink:
    """Leads an LMS course to another section."""
    with transaction.atomic():
        unlink(existing, user=user)
        return link(section, existing.lms_course, user=user)


# --- Undo ----------------------------------------------------------------------------------------------
def undo(submission: Submission, *, user: User) -> None:
    """Takes back what one Save made, as long as nothing has been recorded. What others use by now stays.

    Raises TooLate. Accounts that were made stay: they can do nothing yet.
    """
    with transaction.atomic():
        row = Submission.objects.select_for_update().get(pk=submission.pk)
        if row.undone_at is not None:
            raise TooLate("This was undone already.")
        if row.schedule is not None:
            delete_schedule(row.schedule, user=user)
        if row.link is not None and "link" in row.made:
            unlink(row.link, user=user)
        if row.section is not None:
            _forget(row.section, row.made, user=user)
        Submission.objects.filter(pk=row.pk).update(undone_at=timezone.now())


def _forget(section: Section, made: Sequence[str], *, user: User) -> None:
    """Deletes the section, then its course and its term, if they were made with it and nobody uses them."""
    candidates: list[tuple[str, Model]] = [
        ("section", section),
        ("course", section.course),
        ("term", section.term),
    ]
    for name, row in candidates:
        if name in made:
            try:
                with transaction.atomic():
                    section_id = row.pk if name == "section" else None
                    Change.record(row, "Deleted (undone)", actor=user, section_id=section_id)
                    row.delete()
            except ProtectedError:
                continue
