"""The lists people work from: what can be filtered, searched and sorted, over a million rows.

Filters first become small sets of rooms and schedules; captures are then read along an index. Pages follow the
last row of the one before (keyset), and counting stops at COUNTED.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import django_filters as filters
from django import forms
from django.db.models import Exists, F, Model, OuterRef, Q, QuerySet
from django.utils import timezone

from .models import Building, Campus, Capture, CaptureSchedule, LmsCourseLink, Publication, Room, Term
from .planning import NEAR_ENOUGH, YEARS, date_in

if TYPE_CHECKING:
    from accounts.models import User

PAGE = 50
COUNTED = 1000
FEW = 500
State = Capture.State
R = TypeVar("R", bound=Model)


class DateInput(forms.DateInput):
    input_type = "date"


# --- Filters -------------------------------------------------------------------------------------------
def schedules_about(text: str) -> QuerySet[CaptureSchedule]:
    """Whose title, external id, presenter, room or sections have every word of the text."""
    found = CaptureSchedule.objects.all()
    for word in text.split():
        published = Publication.objects.filter(
            Q(section__course__code__icontains=word)
            | Q(section__course__name__icontains=word)
            | Q(section__external_id__iexact=word)
        )
        found = found.filter(
            Q(title__icontains=word)
            | Q(external_id__iexact=word)
            | Q(guest_presenter__icontains=word)
            | Q(presenter__email__icontains=word)
            | Q(presenter__full_name__icontains=word)
            | Q(room__in=rooms_about(word))
            | Q(pk__in=published.values("schedule"))
        )
    return found


def rooms_about(word: str) -> QuerySet[Room]:
    return Room.objects.filter(
        Q(name__icontains=word) | Q(building__name__icontains=word) | Q(external_id__iexact=word)
    )


def schedules_of_person(text: str) -> QuerySet[CaptureSchedule]:
    """Presented by somebody with this name or address, or published to a section they teach."""
    named = Q(presenter__email__icontains=text) | Q(presenter__full_name__icontains=text)
    taught = Publication.objects.filter(
        Q(section__teaching__user__email__icontains=text) | Q(section__teaching__user__full_name__icontains=text)
    )
    guests = Q(guest_presenter__icontains=text)
    return CaptureSchedule.objects.filter(named | guests | Q(pk__in=taught.values("schedule")))


def schedules_of_course(text: str) -> QuerySet[CaptureSchedule]:
    found = Publication.objects.all()
    for word in text.split():
        found = found.filter(
            Q(section__course__code__icontains=word)
            | Q(section__course__name__icontains=word)
            | Q(section__number__iexact=word)
        )
    return CaptureSchedule.objects.filter(pk__in=found.values("schedule"))


def linked_schedules() -> QuerySet[CaptureSchedule]:
    linked = Publication.objects.filter(section__in=LmsCourseLink.objects.values("section"))
    return CaptureSchedule.objects.filter(pk__in=linked.values("schedule"))


def few_or_all(rows: QuerySet[Any]) -> list[int] | QuerySet[Any]:
    """The keys if they are few, else the query for them.

    Told the few keys, PostgreSQL goes straight to their captures; from the query alone it expects many, and walks
    along the whole index of times to find them.
    """
    keys = list(rows.order_by().values_list("pk", flat=True)[: FEW + 1])
    return keys if len(keys) <= FEW else rows.values("pk")


YES_NO = [("yes", "Yes"), ("no", "No")]


class ListFilter(filters.FilterSet):  # type: ignore[misc]  # it has no types
    """What both lists can be filtered by. `user`: choices are what this person may see."""

    # How a capture or a schedule names its schedule.
    of_schedule = "schedule__in"

    q = filters.CharFilter(label="Search", method="by_text")
    campus = filters.ModelChoiceFilter(
        label="Campus", queryset=Campus.objects.all(), field_name="room__building__campus", empty_label="Any"
    )
    building = filters.ModelChoiceFilter(
        label="Building",
        queryset=Building.objects.select_related("campus"),
        field_name="room__building",
        empty_label="Any",
    )
    room = filters.ModelChoiceFilter(label="Room", queryset=Room.objects.with_place(), empty_label="Any")
    instructor = filters.CharFilter(label="Instructor", method="by_instructor")
    course = filters.CharFilter(label="Course or section", method="by_course")
    term = filters.ModelChoiceFilter(
        label="Term", queryset=Term.objects.all(), method="by_term", empty_label="Any"
    )
    linked = filters.ChoiceFilter(
        label="Linked to an LMS course", choices=YES_NO, method="by_link", empty_label="Any"
    )
    scheduled_by = filters.CharFilter(label="Scheduled by (e-mail)", method="by_creator")

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        campuses = Campus.objects.manageable_by(user)
        if campuses.exists():
            self.filters["campus"].queryset = campuses
            self.filters["building"].queryset = Building.objects.filter(campus__in=campuses).select_related(
                "campus"
            )
            self.filters["room"].queryset = Room.objects.manageable_by(user).with_place()
        else:
            for name in ("campus", "building", "room", "scheduled_by"):
                del self.filters[name]
        building = self.data.get("building", "")
        if "room" in self.filters:
            rooms = self.filters["room"].queryset
            narrow = rooms.filter(building_id=int(building)) if building.isdigit() and len(building) < 19 else None
            # Thousands of rooms are no list to choose from: first the building.
            self.filters["room"].queryset = (
                narrow if narrow is not None else rooms.filter(pk=_key(self.data.get("room")))
            )

    def _of(self, rows: QuerySet[R], schedules: QuerySet[CaptureSchedule]) -> QuerySet[R]:
        return rows.filter(**{self.of_schedule: few_or_all(schedules)})

    def by_text(self, rows: QuerySet[R], _name: str, text: str) -> QuerySet[R]:
        return self._of(rows, schedules_about(text[:200]))

    def by_instructor(self, rows: QuerySet[R], _name: str, text: str) -> QuerySet[R]:
        return self._of(rows, schedules_of_person(text.strip()[:200]))

    def by_course(self, rows: QuerySet[R], _name: str, text: str) -> QuerySet[R]:
        return self._of(rows, schedules_of_course(text[:200]))

    def by_term(self, rows: QuerySet[R], _name: str, term: Term) -> QuerySet[R]:
        found = Publication.objects.filter(section__term=term)
        return self._of(rows, CaptureSchedule.objects.filter(pk__in=found.values("schedule")))

    def by_link(self, rows: QuerySet[R], _name: str, wanted: str) -> QuerySet[R]:
        linked = linked_schedules()
        if wanted == "yes":
            return self._of(rows, linked)
        return self._of(rows, CaptureSchedule.objects.exclude(pk__in=linked.values("pk")))

    def by_creator(self, rows: QuerySet[R], _name: str, text: str) -> QuerySet[R]:
        return self._of(rows, CaptureSchedule.objects.filter(created_by__email__icontains=text.strip()[:200]))


def _key(given: Any) -> int:
    return int(given) if isinstance(given, str) and given.isdigit() and len(given) < 19 else 0


class CaptureFilter(ListFilter):
    state = filters.ChoiceFilter(label="State", choices=State.choices, empty_label="Any")
    first = filters.DateFilter(label="From", method="by_first", widget=DateInput(), validators=NEAR_ENOUGH)
    last = filters.DateFilter(label="To", method="by_last", widget=DateInput(), validators=NEAR_ENOUGH)
    conflict = filters.ChoiceFilter(
        label="Instructor elsewhere at that time",
        choices=[("yes", "Yes")],
        method="by_conflict",
        empty_label="Any",
    )

    class Meta:
        model = Capture
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Any], _name: str, text: str) -> QuerySet[Any]:
        """What was renamed by hand is found by its own title as well."""
        renamed = Capture.objects.filter(edited=True)
        for word in text[:200].split():
            renamed = renamed.filter(title__icontains=word)
        own = Q(pk__in=few_or_all(renamed)) | Q(external_id=text.strip()[:255])
        return rows.filter(Q(schedule__in=few_or_all(schedules_about(text[:200]))) | own)

    def by_first(self, rows: QuerySet[Any], _name: str, date: datetime.date) -> QuerySet[Any]:
        return rows.filter(starts_at__gte=_midnight(date))

    def by_last(self, rows: QuerySet[Any], _name: str, date: datetime.date) -> QuerySet[Any]:
        return rows.filter(starts_at__lt=_midnight(date + datetime.timedelta(days=1)))

    def by_conflict(self, rows: QuerySet[Any], _name: str, _wanted: str) -> QuerySet[Any]:
        same = Capture.objects.filter(
            schedule__presenter=OuterRef("schedule__presenter"),
            starts_at__lt=OuterRef("ends_at"),
            ends_at__gt=OuterRef("starts_at"),
            state__in=Capture.TAKES_THE_ROOM,
        ).exclude(room=OuterRef("room"))
        return rows.filter(Exists(same), state__in=Capture.TAKES_THE_ROOM)


class ScheduleFilter(ListFilter):
    of_schedule = "pk__in"

    when = filters.ChoiceFilter(
        label="When",
        choices=[("now", "Not over yet"), ("over", "Over")],
        method="by_when",
        empty_label="Any time",
    )

    class Meta:
        model = CaptureSchedule
        fields: list[str] = []

    def by_when(self, rows: QuerySet[Any], _name: str, wanted: str) -> QuerySet[Any]:
        today = timezone.localdate()
        return rows.filter(ends_on__gte=today) if wanted == "now" else rows.filter(ends_on__lt=today)


def _midnight(date: datetime.date) -> datetime.datetime:
    """In the reader's own zone, in which the page is shown."""
    zone = timezone.get_current_timezone()
    return datetime.datetime.combine(date, datetime.time(), tzinfo=zone)


# --- Pages ---------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Listing(Generic[R]):
    """One page. `total`: None if there are more than COUNTED. `after`, `before`: keys of the pages next to it."""

    rows: Sequence[R]
    total: int | None
    after: str = ""
    before: str = ""

    @property
    def count_in_words(self) -> str:
        return f"more than {COUNTED:,}" if self.total is None else f"{self.total:,}"


def listing(
    rows: QuerySet[R], *, by: str, descending: bool = False, after: str = "", before: str = ""
) -> Listing[R]:
    """The page that begins behind `after` or ends in front of `before`, by column `by` and then by key.

    Reads PAGE + 1 rows along the index and counts no further than COUNTED.
    """
    total = rows.order_by()[: COUNTED + 1].count()
    backwards = bool(before)
    place = _place(before or after)
    wanted = rows
    if place is not None:
        value, key = place
        sign = "lt" if descending != backwards else "gt"
        # The first condition alone bounds the index scan; the second takes the place apart.
        wanted = rows.filter(**{f"{by}__{sign}e": value}).filter(
            Q(**{f"{by}__{sign}": value}) | Q(**{by: value, f"pk__{sign}": key})
        )
    order = [f"-{by}", "-pk"] if descending != backwards else [by, "pk"]
    found = list(wanted.order_by(*order)[: PAGE + 1])
    more = len(found) > PAGE
    found = found[:PAGE]
    if backwards:
        found.reverse()
    onwards = more if not backwards else True
    back = more if backwards else place is not None
    return Listing(
        found,
        total if total <= COUNTED else None,
        after=_place_of(found[-1], by) if found and onwards else "",
        before=_place_of(found[0], by) if found and back else "",
    )


def _place_of(row: Model, by: str) -> str:
    value = getattr(row, by)
    return f"{value.isoformat()}_{row.pk}"


def _place(text: str) -> tuple[datetime.datetime | datetime.date, int] | None:
    """None for what is no place: an address that was typed wrong begins at the beginning."""
    value, _, key = text.partition("_")
    if not (key.isdigit() and len(key) < 19):
        return None
    try:
        if "T" not in value:
            date = date_in(value)
            return (date, int(key)) if date else None
        moment = datetime.datetime.fromisoformat(value.replace(" ", "+"))
    except ValueError:
        return None
    if moment.year not in YEARS:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)), int(key)


def sorted_rows(rows: QuerySet[R], column: str) -> QuerySet[R] | None:
    """By another column, if there are few enough rows to sort; None if there are more than COUNTED."""
    if rows.order_by()[: COUNTED + 1].count() > COUNTED:
        return None
    return rows.order_by(F(column.removeprefix("-")).desc() if column.startswith("-") else column, "pk")


def zones_of(rows: Sequence[Capture]) -> set[zoneinfo.ZoneInfo]:
    return {row.room.zone for row in rows}
