"""What the linking page shows, out of what its form has sent."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Count, Q
from django.http import HttpRequest, QueryDict

from accounts.models import User
from accounts.roles import is_administrator
from accounts.signed_in import signed_in
from directory import lookup
from directory.models import Directory, LmsCourse, RosterEntry, Teaching

from .. import linking, planning
from ..forms.publication import FurtherSections, own_form
from ..forms.schedule import ScheduleForm, today_in
from ..forms.section import NewSectionForm, prefilled
from ..linking import AlreadyLinked, Order, Overtaken, Person
from ..models import LmsCourseLink, Section, Submission, Term
from ..preview import Preview, Strip, day_of, preview
from ..scheduling import RoomTaken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from directory.lookup import Answer

MATCHES = 10
# How often the page asks for the fresh list that is read behind the one it shows: every two seconds, so long.
POLLS = 10
DEFAULTS = {
    "repeats": "weekly",
    "interval_weeks": "1",
    "input_1": "display",
    "input_2": "camera",
    "quality": "standard",
    "number": "001",
    "own-available": "now",
    "own-until": "always",
    "record": "yes",
}


@dataclass(frozen=True)
class Choice:
    """An LMS course of the instructor, and to what it leads. `students`: None while its roster is not known."""

    teaching: Teaching
    section: Section | None
    hidden: bool
    students: int | None

    @property
    def course(self) -> LmsCourse:
        return self.teaching.course


class LinkingPage:
    """What the page shows, out of what its form has sent."""

    def __init__(self, request: HttpRequest) -> None:
        self.user = signed_in(request)
        self.sent = request.method == "POST"
        self.data: QueryDict = (request.POST if self.sent else request.GET).copy()
        self.action = self.data.get("action", "") if self.sent else "find"
        self.key = _key(self.data.get("key", ""))
        self.problems: list[str] = []
        self.may_do_without_section = is_administrator(self.user)
        self._prefill()
        self._fill_in()
        if self.action.startswith("toggle:"):
            self._toggle(self.action.removeprefix("toggle:"))

    # --- Who teaches ---------------------------------------------------------------------------------
    @cached_property
    def directories(self) -> list[Directory]:
        return Directory.of_enabled()

    @cached_property
    def directory(self) -> Directory | None:
        chosen = [one for one in self.directories if str(one.pk) == self.data.get("directory")]
        return next(iter(chosen or self.directories), None)

    @property
    def email(self) -> str:
        return self.data.get("email", "").strip()

    @cached_property
    def email_error(self) -> str:
        try:
            validate_email(self.email)
        except ValidationError:
            return "Enter the instructor’s e-mail address." if self.action == "find" and self.sent else ""
        return ""

    @cached_property
    def answer(self) -> Answer | None:
        """Only Find and Refresh ask the LMS; anything else shows what is known by now."""
        try:
            validate_email(self.email)
        except ValidationError:
            return None
        if self.directory is None:
            return None
        configuration = self.directory.configuration
        if self.action == "refresh":
            return lookup.courses_of(configuration, self.email, fresh=True)
        if self.action == "find":
            return lookup.courses_of(configuration, self.email)
        return lookup.known_courses_of(configuration, self.email)

    @property
    def polls_left(self) -> int:
        """While a fresher list is on its way."""
        given = self.data.get("polls", "")
        if self.action == "poll" and given.isdigit():
            return int(given) - 1
        return POLLS if self.answer is not None and self.answer.refreshing else 0

    @property
    def awaits_fresh_list(self) -> bool:
        answer = self.answer
        if answer is None or self.polls_left <= 0:
            return False
        return answer.refreshing or (answer.age is not None and answer.age >= lookup.FRESH_FOR)

    # --- Which LMS course ----------------------------------------------------------------------------
    @cached_property
    def courses(self) -> list[Choice]:
        teachings = self.answer.teachings if self.answer else ()
        keys = [one.course_id for one in teachings]
        links = LmsCourseLink.objects.select_related("section__course", "section__term")
        sections = {one.lms_course_id: one.section for one in links.filter(lms_course__in=keys)}
        mine = set(
            Section.objects.manageable_by(self.user)
            .filter(pk__in=[one.pk for one in sections.values()])
            .values_list("pk", flat=True)
        )
        students = dict(
            RosterEntry.objects.filter(course__in=keys, gone_at=None, role__startswith="Student")
            .order_by()
            .values("course")
            .annotate(number=Count("pk"))
            .values_list("course", "number")
        )
        return [
            Choice(
                one,
                section := sections.get(one.course_id),
                hidden=section is not None and section.pk not in mine,
                students=students.get(one.course_id, 0) if one.course.roster_refreshed_at else None,
            )
            for one in teachings
        ]

    @cached_property
    def choice(self) -> Choice | None:
        wanted = self.data.get("lms_course", "")
        return next((one for one in self.courses if str(one.course.pk) == wanted and not one.hidden), None)

    # --- Which section -------------------------------------------------------------------------------
    @property
    def section_mode(self) -> str:
        mode = self.data.get("section_mode", "")
        allowed = ("new", "existing", "none") if self.may_do_without_section else ("new", "existing")
        return mode if mode in allowed else "new"

    @cached_property
    def section(self) -> Section | None:
        """The existing one that is chosen."""
        wanted = self.data.get("section", "")
        if self.section_mode != "existing" or not wanted.isdigit():
            return None
        sections = Section.objects.manageable_by(self.user).with_names().prefetch_related("teaching__user")
        return sections.filter(pk=wanted).first()

    @cached_property
    def found_sections(self) -> list[Section]:
        found = self._matching("section_query")
        return [self.section, *(one for one in found if one != self.section)] if self.section else found

    @cached_property
    def found_further(self) -> list[Section]:
        taken = {self.section, *self.further.sections}
        return [one for one in self._matching("further_query") if one not in taken]

    def _matching(self, name: str) -> list[Section]:
        text = self.data.get(name, "").strip()
        sections = Section.objects.manageable_by(self.user).with_names()
        return list(sections.matching(text)[:MATCHES]) if text else []

    @property
    def searched_in_vain(self) -> bool:
        return bool(self.data.get("section_query", "").strip()) and not self.found_sections

    @property
    def section_query(self) -> str:
        return self.data.get("section_query", "")

    @property
    def further_query(self) -> str:
        return self.data.get("further_query", "")

    # --- Prefilling ----------------------------------------------------------------------------------
    def _prefill(self) -> None:
        """What follows from the course or the section that was just chosen; what was typed since stays."""
        if not self.sent and self.data.get("section", "").isdigit():
            self.data["section_mode"] = "existing"
            person = self.section.primary_instructor if self.section else None
            self.data.setdefault("email", person.email if person else "")
        if self.choice is not None and self.data.get("prefilled_for") != str(self.choice.course.pk):
            self.data["prefilled_for"] = str(self.choice.course.pk)
            self._prefill_from_course(self.choice)
        if self.section is not None and self.data.get("prefilled_section") != str(self.section.pk):
            self.data["prefilled_section"] = str(self.section.pk)
            self._prefill_from_section(self.section)

    def _prefill_from_course(self, choice: Choice) -> None:
        if choice.section is not None:
            self.data["section_mode"] = "existing"
            self.data["section"] = str(choice.section.pk)
            self.data.pop("prefilled_section", None)
            return
        if self.section_mode != "existing":
            self.data["section_mode"] = "new"
        initial = prefilled(choice.course, user=self.user)
        for name, value in initial.items():
            self.data[name] = "" if value is None else str(value)
        term = Term.objects.filter(pk=initial["term"]).first() if initial["term"].isdigit() else None
        first = term.starts_on if term else initial["term_starts_on"]
        last = term.ends_on if term else initial["term_ends_on"]
        code, name = initial["course_code"], initial["course_name"]
        self._prefill_schedule(name if code == name else f"{code} {name}", self.email, first, last)

    def _prefill_from_section(self, section: Section) -> None:
        person = section.primary_instructor
        self._prefill_schedule(
            section.title, person.email if person else "", section.term.starts_on, section.term.ends_on
        )

    def _prefill_schedule(
        self, title: str, presenter: str, first: datetime.date | None, last: datetime.date | None
    ) -> None:
        self.data["title"] = title[:255]
        self.data["presenter_email"] = presenter
        # Not today: a time of today may be over already.
        tomorrow = today_in(None) + datetime.timedelta(days=1)
        if first is not None and last is not None and last >= tomorrow:
            self.data["starts_on"] = max(first, tomorrow).isoformat()
            self.data["ends_on"] = last.isoformat()

    # --- The forms -----------------------------------------------------------------------------------
    def _fill_in(self) -> None:
        if "repeats" not in self.data:
            for name, value in DEFAULTS.items():
                self.data.setdefault(name, value)
        self.new_section = NewSectionForm(self.data, user=self.user)
        self.own = own_form(self.data)
        self.further = FurtherSections(self.data, user=self.user)
        self.schedule_form = self._schedule_form()

    def _schedule_form(self) -> ScheduleForm:
        form = ScheduleForm(self.data, user=self.user)
        room = form.chosen_room
        if room is not None and self.data.get("room_before") != str(room.pk):
            # Another room may offer other inputs.
            self.data["room_before"] = str(room.pk)
            offered = [*room.inputs, "", ""]
            if self.data.get("input_1") not in offered or self.data.get("input_2") not in offered:
                self.data["input_1"], self.data["input_2"] = offered[:2]
            form = ScheduleForm(self.data, user=self.user)
        return form

    @property
    def records(self) -> bool:
        """Captures are scheduled; otherwise the course is only linked."""
        return self.data.get("record", "yes") == "yes"

    @cached_property
    def terms(self) -> list[Term]:
        own = self.section.term if self.section else None
        if own is None and self.section_mode == "new":
            own = self.new_section.chosen_term
        found = [own, *(one.term for one in self.further.sections)]
        return list({one.pk: one for one in found if one is not None}.values())

    @cached_property
    def people(self) -> list[User]:
        """The presenter and the section's instructors, as far as they have an account."""
        emails = {self.data.get("presenter_email", "").strip().lower(), *self.new_section_emails}
        found = Q(email__in=[one for one in emails if one])
        if self.section is not None:
            found |= Q(teaching__section=self.section)
        return list(User.objects.filter(found).distinct())

    @property
    def new_section_emails(self) -> Sequence[str]:
        return [self.email.lower()] if self.section_mode == "new" else []

    def _toggle(self, iso: str) -> None:
        on, shown = planning.date_in(iso), self.preview
        if on is None or shown is None:
            return
        planning.toggled(shown.schedule, on, [row.planned for row in shown.rows])
        for name in ("left_out", "put_back"):
            self.data[name] = ",".join(date.isoformat() for date in getattr(shown.schedule, name))
        del self.preview
        self.schedule_form = self._schedule_form()

    @cached_property
    def preview(self) -> Preview | None:
        """None while something that it needs is missing or wrong."""
        self.preview_problem = ""
        if not self.schedule_form.is_valid():
            return None
        try:
            return preview(self.schedule_form.instance, self.terms, self.people, user=self.user)
        except ValidationError as error:
            self.preview_problem = " ".join(error.messages)
            self.schedule_form.add_plan_error(error)
            return None

    @cached_property
    def strip(self) -> Strip | None:
        """The chosen room on the first date of the preview, or on the date typed so far."""
        room = self.schedule_form.chosen_room
        if room is None:
            return None
        first = self.preview.first.planned if self.preview and self.preview.first else None
        date = first.on if first else planning.date_in(self.data.get("starts_on", "")) or today_in(room)
        return day_of(room, date, user=self.user, wanted=first)

    # --- Saving --------------------------------------------------------------------------------------
    def save(self) -> Submission | None:
        """None if something is wrong: `problems` and the forms say what."""
        order = self._order()
        if order is None:
            return None
        try:
            return linking.submit(self.key, order, user=self.user)
        except RoomTaken as error:
            self.problems.append(error.headline)
        except (AlreadyLinked, Overtaken) as error:
            self.problems.append(f"{error} Nothing was saved.")
            self._forget_courses()
        except ValidationError as error:
            self._explain(error)
        return None

    def _order(self) -> Order | None:
        valid = (
            [self.schedule_form.is_valid(), self.own.is_valid(), self.further.is_valid()] if self.records else []
        )
        section = self._wanted_section()
        if self.section_mode == "existing" and section is None:
            self.problems.append("Choose the section, or make a new one.")
        if self.section_mode == "new" and self.choice is None and not self.records:
            self.problems.append("Choose the LMS course to link.")
        if self.section_mode == "new":
            valid.append(self.new_section.is_valid())
        if self.preview is None and self.records:
            valid.append(False)
        if not all(valid) or self.problems:
            return None
        given = self.schedule_form.cleaned_data if self.records else {}
        presenter = given.get("presenter_email")
        return Order(
            section=section,
            lms_course=self.choice.course if self.choice and self.section_mode != "none" else None,
            instructors=self._instructors(),
            schedule=self.schedule_form.instance if self.records else None,
            presenter=self._person(presenter) if presenter else None,
            own=self.own.instance if self.records else None,
            publications=self.further.publications() if self.records else [],
        )

    def _wanted_section(self) -> Section | linking.NewSection | None:
        if self.section_mode == "new":
            return self.new_section.wanted() if self.new_section.is_valid() else None
        return self.section

    def _instructors(self) -> list[Person]:
        """The one who was looked up first: the primary one of a new section."""
        if self.section_mode != "new":
            return []
        looked_up = [self._person(self.email)] if self.choice else []
        return [*looked_up, *self.new_section.people()]

    def _person(self, email: str) -> Person:
        """With the name that the LMS knows for this address."""
        people = self.answer.people if self.answer else ()
        names = {one.email.lower(): one.name for one in people}
        name = names.get(email.lower(), "")
        if not name and email.lower() == self.email.lower() and people:
            name = people[0].name
        return Person(email, name)

    def _explain(self, error: ValidationError) -> None:
        if not hasattr(error, "error_dict"):
            self.problems += error.messages
            return
        for name, messages in error.message_dict.items():
            if name in self.new_section.fields:
                self.new_section.add_error(name, messages)
            else:
                self.schedule_form.add_plan_error(ValidationError({name: messages}))

    def _forget_courses(self) -> None:
        """Somebody else has linked one: they are read again."""
        for name in ("courses", "choice"):
            self.__dict__.pop(name, None)

    # --- Showing -------------------------------------------------------------------------------------
    def settle(self) -> None:
        """Before the page is shown: what is still missing is an error only once somebody wanted to save."""
        if self.action in ("save", "preview"):
            self.problems += map(str, self.schedule_form.non_field_errors())
            if self.has_errors and not self.problems:
                self.problems.append("Not saved. Correct what is marked below.")
            return
        # Their own errors are told in the preview.
        _ = self.preview
        for form in (self.schedule_form, self.new_section, self.own, *(form for _, form in self.further.rows)):
            if form.is_bound:
                form.hush()

    @property
    def has_errors(self) -> bool:
        forms = (self.schedule_form, self.own) if self.records else ()
        return any(form.errors for form in forms) or (self.section_mode == "new" and bool(self.new_section.errors))


def _key(given: str) -> uuid.UUID:
    try:
        return uuid.UUID(given)
    except ValueError:
        return uuid.uuid4()
