"""Sections, with their courses, who teaches them, and the LMS courses they serve."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from django.core.validators import validate_email
from django.db import models
from django.db.models import F

from accounts.emails import normalised
from accounts.models import User
from accounts.roles import Role
from directory.models import LmsCourse
from schedules import linking
from schedules.models import Course, Department, LmsCourseLink, Section, SectionInstructor, Term
from schedules.models.changes import Difference, difference
from schedules.models.scopes import Scope

from . import cells as written
from .base import ADDED, CHANGED, Cells, Column, FileKind, Known, external_id, merge
from .outcome import Kind, refuse

USUAL_NUMBER = "001"


class Sections(FileKind):
    name = "sections"
    title = "Sections"
    sentence = "Classes of a course in a term, who teaches them, and which LMS courses lead to them."
    importers = (Role.SCHEDULERS,)
    columns = (
        Column(
            "course_code",
            "Code of the course, or its external id. A course that is not known yet is added.",
            "BIO101",
            True,
        ),
        Column("term", "Name of the term, or its external id. It must exist.", "Autumn 2045", True),
        Column("section_number", "Number of the section. Empty or without this column: `001`.", "001"),
        Column("course_name", "Name of the course. A new course needs it.", "Cell Biology"),
        Column(
            "instructor_emails",
            "E-mails, or external ids of people, apart by semicolons, the primary instructor first. These are"
            " all who teach it: one that is left out is taken away. Somebody unknown is added, without a "
            "password.",
            "ira@example.edu",
        ),
        Column(
            "lms_configuration",
            "Name of the configuration that the LMS courses are in. It may be left empty while there is one "
            "only. For courses of several: one name for each, apart by semicolons.",
        ),
        Column(
            "lms_course_ids",
            "Ids of LMS courses (the number in the course's address), apart by semicolons. These are all that"
            " lead to the section: one that is left out is unlinked.",
        ),
        external_id("S-2045-BIO101"),
    )

    def prepare(self) -> None:
        names = self.accept_header(self.table.header)
        rows = [self.cells_of(row, names) for row in self.table.rows]
        self.terms = Known(Term.objects.all(), lambda one: (one.name,))
        self.courses = Known(Course.objects.all(), lambda one: (one.code,))
        courses = {found.pk for row in rows if (found := self._course_of(row.text("course_code")))}
        ids = {row.text("external_id") for row in rows} - {""}
        wanted = Section.objects.manageable_by(self.user).with_names()
        wanted = wanted.filter(models.Q(course__in=courses) | models.Q(external_id__in=ids))
        self.sections = Known(wanted, lambda one: (one.course_id, one.term_id, one.number))
        keys = [one.pk for one in self.sections]
        self.teaching: dict[int, list[SectionInstructor]] = defaultdict(list)
        for teaching in SectionInstructor.objects.filter(section__in=keys).select_related("user"):
            self.teaching[teaching.section_id].append(teaching)
        self.links: dict[int, list[LmsCourseLink]] = defaultdict(list)
        for link in with_configuration(LmsCourseLink.objects.filter(section__in=keys)):
            self.links[link.section_id].append(link)
        self.people = Known(User.objects.all(), lambda one: (one.email,))
        self._read_lms_courses({item for row in rows for item in written.parts(row.text("lms_course_ids"))})
        self.departments = Scope.of(self.user).departments

    def _read_lms_courses(self, ids: set[str]) -> None:
        found = LmsCourse.objects.filter(lms_id__in=ids)
        names = dict(found.values_list("pk", "configuration__name"))
        self.lms_courses = {(names[one.pk], one.lms_id): one for one in found}
        self.configurations = list(
            LmsCourse.objects.order_by("configuration__name")
            .values_list("configuration__name", flat=True)
            .distinct()
        )

    def column(self, field: str) -> str:
        return {"code": "course_code", "name": "course_name", "number": "section_number"}.get(field, field)

    def key_parts(self, cells: Cells) -> tuple[str, ...]:
        return (*super().key_parts(cells), cells.text("section_number").lower() or USUAL_NUMBER)

    def describe(self, cells: Cells) -> str:
        number = cells.text("section_number") or USUAL_NUMBER
        parts = [cells.text("course_code"), number, cells.text("term")]
        return " · ".join(filter(None, parts)) if cells.text("course_code") else cells.text("external_id")

    def carry_out(self, cells: Cells) -> tuple[Kind, models.Model, str, list[Difference]]:
        values: dict[str, Any] = {}
        cells.put(values, "external_id")
        people = cells.read("instructor_emails", self._people, empty=[])
        configuration = cells.text("lms_configuration")
        lms = cells.read("lms_course_ids", lambda cell: self._lms_courses(cell, configuration), [])
        cells.check()
        section = self.sections.by_external_id(cells.text("external_id"))
        known_by_id = section is not None
        course, entries = self._course(cells, section)
        term = self._term(cells, section)
        number = cells.text("section_number") or USUAL_NUMBER
        if section is None:
            section = self.sections.find(course.pk, term.pk, number)
        if section is not None:
            self.touch(section, cells)
        kind = Kind.CREATED if section is None else Kind.CHANGED
        changed = copy.copy(section) if section is not None else Section()
        if section is None or known_by_id:
            values |= {"course": course, "term": term}
            if section is None or cells.has("section_number"):
                values["number"] = number
        changes = self.save_fields(changed, values)
        changes += self._save_instructors(changed, people) if cells.has("instructor_emails") else []
        linked = self._save_links(changed, lms) if cells.has("lms_course_ids") else []
        if changes:
            action = ADDED if kind == Kind.CREATED else CHANGED
            self.record(changed, action, changes, section_id=changed.pk)
        self.fresh(self.sections, changed)
        entries = merge(changes, linked, entries)
        if kind == Kind.CHANGED and not entries:
            kind = Kind.UNCHANGED
        return kind, changed, str(changed), entries

    # --- Course and term ---
    def _course_of(self, name: str) -> Course | None:
        return self.courses.find(name) or self.courses.by_external_id(name)

    def _course(self, cells: Cells, section: Section | None) -> tuple[Course, list[Difference]]:
        """The course the file names, made or renamed if the file says so."""
        if section is not None and not cells.text("course_code"):
            course = self.courses.get(section.course_id) or section.course
        else:
            if not cells.text("course_code"):
                raise refuse("course_code", "Enter the code of the course.")
            known = self._course_of(cells.text("course_code"))
            if known is None:
                return self._new_course(cells)
            if self.departments is not None and known.department_id not in self.departments:
                raise refuse("course_code", "A course of another department has this code. Enter another one.")
            course = known
        return self._renamed(cells, course)

    def _new_course(self, cells: Cells) -> tuple[Course, list[Difference]]:
        if not cells.text("course_name"):
            raise refuse("course_name", "This course is new: enter its name.")
        values: dict[str, Any] = {"code": cells.text("course_code"), "name": cells.text("course_name")}
        if self.departments is not None:
            if len(self.departments) > 1:
                reason = "This course is new, and you schedule for several departments. Link it by hand first."
                raise refuse("course_code", reason)
            values["department"] = Department.objects.get(pk__in=self.departments)
        course = Course()
        self.record(course, ADDED, self.save_fields(course, values))
        self.fresh(self.courses, course)
        self.say(("course", course.pk), course.name, cells, "course_name")
        return course, [("New course", "", str(course))]

    def _renamed(self, cells: Cells, course: Course) -> tuple[Course, list[Difference]]:
        name = cells.text("course_name")
        if not cells.has("course_name"):
            return course, []
        self.say(("course", course.pk), name, cells, "course_name")
        if name == course.name:
            return course, []
        if not name:
            raise refuse("course_name", "A course needs a name. Without this column it keeps the one it has.")
        changed = copy.copy(course)
        differences = self.save_fields(changed, {"name": name}, label=" of the course")
        self.record(changed, CHANGED, differences)
        self.fresh(self.courses, changed)
        return changed, differences

    def _term(self, cells: Cells, section: Section | None) -> Term:
        name = cells.text("term")
        if section is not None and not name:
            return section.term
        if not name:
            raise refuse("term", "Enter the term.")
        found = self.terms.find(name) or self.terms.by_external_id(name)
        if found is None:
            raise refuse("term", f"There is no term “{name}”. Import it with the terms first.")
        return found

    # --- Instructors ---
    def _people(self, cell: str) -> list[User | str]:
        """People, and the addresses of those who are not known yet."""
        found: list[User | str] = []
        for item in written.parts(cell):
            person = self.people.find(normalised(item)) or self.people.by_external_id(item)
            if person is None:
                if "@" not in item:
                    raise ValueError(f"Nobody here has the e-mail or the external id “{item}”.")
                validate_email(normalised(item))
            one: User | str = person or normalised(item)
            if one not in found:
                found.append(one)
        return found

    def _save_instructors(self, section: Section, people: list[User | str]) -> list[Difference]:
        rows = self.teaching.get(section.pk, [])
        present = [row.user.email for row in sorted(rows, key=lambda row: (not row.is_primary, row.user.email))]
        wanted = [person if isinstance(person, str) else person.email for person in people]
        if set(present) == set(wanted) and present[:1] == wanted[:1]:
            return []
        by_email = {row.user.email: row for row in rows}
        SectionInstructor.objects.filter(section=section).exclude(user__email__in=wanted).delete()
        SectionInstructor.objects.filter(section=section).update(is_primary=False)
        for person in people:
            email = person if isinstance(person, str) else person.email
            if email not in by_email:
                account, made = linking.instructor_account(linking.Person(email))
                if made:
                    self.record(account, ADDED, [("Email", "", email)])
                    self.fresh(self.people, account)
                SectionInstructor.objects.create(section=section, user=account)
        SectionInstructor.objects.filter(section=section, user__email__in=wanted[:1]).update(is_primary=True)
        new = [person for person in people if isinstance(person, str)]
        entries = difference("Instructors", written.joined(present), written.joined(wanted))
        return [*entries, *(("New person", "", email) for email in new)]

    # --- LMS courses ---
    def _lms_courses(self, cell: str, configuration: str) -> list[LmsCourse]:
        ids = written.parts(cell)
        names = written.parts(configuration)
        if not names:
            if len(self.configurations) != 1:
                raise ValueError("Enter in lms_configuration which configuration these courses are in.")
            names = self.configurations
        found = []
        for lms_id, name in zip(ids, written.each(names, len(ids)), strict=True):
            course = self.lms_courses.get((name, lms_id))
            if course is None:
                raise ValueError(f"No LMS course {lms_id} is known in “{name}”. Look its instructor up first.")
            found.append(course)
        return found

    def _save_links(self, section: Section, courses: list[LmsCourse]) -> list[Difference]:
        links = self.links.get(section.pk, [])
        present = {link.lms_course_id for link in links}
        wanted = {course.pk for course in courses}
        if present == wanted:
            return []
        for link in links:
            if link.lms_course_id not in wanted:
                linking.unlink(link, user=self.user)
        for course in courses:
            try:
                linking.link(section, course, user=self.user)
            except linking.AlreadyLinked as error:
                raise refuse("lms_course_ids", f"{course}: {error}") from error
        before = [str(link.lms_course) for link in links]
        return difference("LMS courses", written.joined(before), written.joined(str(course) for course in courses))

    # --- Export ---
    @classmethod
    def export(cls, user: User) -> Iterator[list[str]]:
        sections = (
            Section.objects.manageable_by(user)
            .with_names()
            .prefetch_related(
                models.Prefetch("teaching", SectionInstructor.objects.select_related("user")),
                models.Prefetch("links", with_configuration(LmsCourseLink.objects.all())),
            )
        )
        for section in sections.iterator(chunk_size=500):
            teaching = sorted(section.teaching.all(), key=lambda row: (not row.is_primary, row.user.email))
            links = list(section.links.all())
            configurations: list[str] = [link.configuration_name for link in links]  # type: ignore[attr-defined]
            if len(set(configurations)) == 1:
                configurations = configurations[:1]
            yield [
                section.course.code,
                section.term.name,
                section.number,
                section.course.name,
                written.joined(row.user.email for row in teaching),
                written.joined(configurations),
                written.joined(link.lms_course.lms_id for link in links),
                section.external_id,
            ]


def with_configuration(links: models.QuerySet[LmsCourseLink]) -> Any:
    """With the name of the configuration, but none of its secrets."""
    return links.select_related("lms_course", "section__course", "section__term").annotate(
        configuration_name=F("lms_course__configuration__name")
    )
