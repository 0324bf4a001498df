"""The section of the linking page: one to make, prefilled from the LMS course."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django import forms

from ..linking import NewSection, Person, change_section
from ..models import Course, Department, Section, Term
from ..models.scopes import Scope
from .fields import DateInput, EmailsField, QuietForm

if TYPE_CHECKING:
    import datetime

    from accounts.models import User
    from directory.models import LmsCourse

NEW_TERM = "new"


class NewSectionForm(QuietForm, forms.Form):
    course_code = forms.CharField(label="Course code", max_length=255)
    course_name = forms.CharField(label="Course name", max_length=500)
    number = forms.CharField(label="Section number", max_length=50, initial="001")
    department = forms.ModelChoiceField(queryset=Department.objects.none(), required=False)
    term = forms.ChoiceField(help_text="Its non-teaching days are left out.")
    term_name = forms.CharField(label="Name of the new term", max_length=255, required=False)
    term_starts_on = forms.DateField(label="First day of the term", required=False, widget=DateInput())
    term_ends_on = forms.DateField(label="Last day of the term", required=False, widget=DateInput())
    instructors = EmailsField(
        label="Further instructors (e-mail)",
        required=False,
        max_length=2000,
        help_text="With commas between them. The instructor found above is the primary one.",
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        terms = [(str(term.pk), described(term)) for term in Term.objects.all()]
        self.fields["term"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            ("", "Choose a term"),
            *terms,
            (NEW_TERM, "A new term …"),
        ]
        department: Any = self.fields["department"]
        department.queryset = Department.objects.manageable_by(user).select_related("organization")
        limited = Scope.of(user).departments is not None
        department.required = limited
        department.empty_label = "Choose a department" if limited else "None"

    @property
    def new_term_wanted(self) -> bool:
        value = self.data.get(self.add_prefix("term")) if self.is_bound else self.initial.get("term")
        return value == NEW_TERM

    @property
    def chosen_term(self) -> Term | None:
        """Known as soon as it is chosen, whatever else is still missing."""
        value = str(self.data.get("term", "") if self.is_bound else self.initial.get("term", ""))
        return Term.objects.filter(pk=value).first() if value.isdigit() else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("term") == NEW_TERM:
            for name in ("term_name", "term_starts_on", "term_ends_on"):
                if not cleaned.get(name) and name not in self.errors:
                    self.add_error(name, "Enter this for the new term.")
            start, end = cleaned.get("term_starts_on"), cleaned.get("term_ends_on")
            if start and end and end < start:
                self.add_error("term_ends_on", "The last day is before the first.")
        return cleaned

    def wanted(self) -> NewSection:
        """After `is_valid`."""
        given = self.cleaned_data
        new = given["term"] == NEW_TERM
        return NewSection(
            course_code=given["course_code"].strip(),
            course_name=given["course_name"].strip(),
            number=given["number"].strip(),
            department=given["department"],
            term=None if new else Term.objects.get(pk=given["term"]),
            term_name=given["term_name"].strip(),
            term_starts_on=given["term_starts_on"],
            term_ends_on=given["term_ends_on"],
        )

    def people(self) -> list[Person]:
        return [Person(email) for email in self.cleaned_data.get("instructors", [])]


def described(term: Term) -> str:
    return f"{term} ({term.starts_on:%-d %b %Y} – {term.ends_on:%-d %b %Y})"


def prefilled(lms_course: LmsCourse, *, user: User) -> dict[str, Any]:
    """What a new section of this LMS course would be called; a number that is free."""
    code = lms_course.code or lms_course.name
    term = Term.objects.filter(name__iexact=lms_course.term_name).first() if lms_course.term_name else None
    course = Course.objects.filter(code__iexact=code).select_related("department").first()
    departments = Scope.of(user).departments
    department = course.department_id if course else None
    if course is None and departments is not None and len(departments) == 1:
        department = next(iter(departments))
    return {
        "course_code": code,
        "course_name": course.name if course else lms_course.name,
        "number": free_number(course, term),
        "department": department,
        "term": str(term.pk) if term else NEW_TERM,
        "term_name": "" if term else lms_course.term_name,
        "term_starts_on": None if term else _date(lms_course.starts_at),
        "term_ends_on": None if term else _date(lms_course.ends_at),
        "instructors": "",
    }


def free_number(course: Course | None, term: Term | None) -> str:
    """001, or the next after the highest number that this course has in this term."""
    if course is None or term is None:
        return "001"
    numbers = Section.objects.filter(course=course, term=term).values_list("number", flat=True)
    highest = max((int(one) for one in numbers if re.fullmatch(r"\d{1,9}", one)), default=0)
    return f"{highest + 1:03}"


def _date(moment: datetime.datetime | None) -> datetime.date | None:
    return moment.date() if moment else None


class SectionForm(forms.ModelForm[Section]):
    instructors = EmailsField(
        label="Instructors (e-mail)",
        required=False,
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text="One on each line, the primary one first. Unknown people are added and cannot sign in yet.",
    )

    class Meta:
        model = Section
        fields = ["number", "external_id"]
        labels = {"number": "Section number", "external_id": "External id"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = sorted(
            self.instance.teaching.select_related("user"), key=lambda row: (not row.is_primary, row.user.email)
        )
        self.initial["instructors"] = "\n".join(row.user.email for row in rows)

    def save_by(self, user: User) -> None:
        """After `is_valid`."""
        changed = {
            str(self.fields[name].label): (self.initial.get(name), self.cleaned_data[name])
            for name in self.changed_data
            if name != "instructors"
        }
        people = [Person(email) for email in self.cleaned_data["instructors"]]
        change_section(self.instance, people, fields=changed, user=user)
