"""What figures are about: which sections, which days, whom. Read from an address, whatever stands in it."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dateutil.relativedelta import relativedelta
from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef
from django.utils import timezone

from analytics.enrolment import STUDENTS
from directory.models import LmsCourse
from schedules.models import LmsCourseLink, Section
from schedules.planning import date_in

if TYPE_CHECKING:
    from django.http import QueryDict

    from accounts.models import User


class Range(StrEnum):
    """From the shortest to the longest; then one's own dates."""

    WEEK = "7"
    DAYS_30 = "30"
    DAYS_60 = "60"
    DAYS_90 = "90"
    YEAR = "12m"
    ALL = "all"
    OWN = "own"

    @property
    def label(self) -> str:
        words = {Range.YEAR: "12 months", Range.ALL: "All time", Range.OWN: "Own dates"}
        return words.get(self) or f"{self.value} days"


USUAL = Range.DAYS_30
# Before anything that could be in the figures.
BEGINNING = datetime.date(1970, 1, 1)
# Where the usual range has nothing: the shortest of these that has something.
WIDER = (Range.DAYS_60, Range.DAYS_90, Range.YEAR, Range.ALL)


def zone() -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(settings.INSTITUTION_TIME_ZONE)


def today() -> datetime.date:
    """By the institution's clock, as all days of figures."""
    return timezone.localdate(timezone=zone())


@dataclass(frozen=True)
class Selection:
    """`sections`: those that are both allowed and chosen. `first`: None, from the beginning."""

    sections: tuple[int, ...]
    first: datetime.date | None
    last: datetime.date
    students_only: bool = True

    @property
    def days(self) -> int | None:
        return None if self.first is None else (self.last - self.first).days + 1

    @property
    def before(self) -> Selection | None:
        """As many days, up to the day before the first."""
        if self.first is None or self.days is None:
            return None
        day = datetime.timedelta(days=1)
        try:
            return replace(self, first=self.first - self.days * day, last=self.first - day)
        except OverflowError:
            return None

    @property
    def always(self) -> Selection:
        """All days up to now."""
        return replace(self, first=None, last=today())

    @cached_property
    def ends_at(self) -> datetime.datetime:
        """The first moment that is not in it."""
        return _midnight(self.last + datetime.timedelta(days=1))

    @cached_property
    def published_until(self) -> datetime.datetime:
        """Media that are published before it could be watched."""
        return min(self.ends_at, timezone.now())

    @property
    def parameters(self) -> dict[str, Any]:
        """For the queries: every one names `sections`."""
        first = self.first or BEGINNING
        return {
            "sections": list(self.sections),
            "first": first,
            "last": self.last,
            "starts_at": _midnight(first),
            "ends_at": self.ends_at,
            "published_until": self.published_until,
            "students_only": self.students_only,
        }


def _midnight(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(), tzinfo=zone())


# --- What an address asks for ---------------------------------------------------------------------------
@dataclass(frozen=True)
class Asked:
    """`sections`, `term`, `range`: None where the address says nothing. `named_range`: also where its days are
    missing. `unreadable`: "first" and "last", where days of one's own are asked for and this one is none.
    """

    sections: frozenset[int] | None = None
    term: int | None = None
    range: Range | None = None
    first: datetime.date | None = None
    last: datetime.date | None = None
    students_only: bool = True
    named_range: Range | None = field(default=None, compare=False)
    unreadable: tuple[str, ...] = field(default=(), compare=False)

    @classmethod
    def of(cls, given: QueryDict) -> Asked:
        """Nothing in an address is an error: what cannot be understood is as if it were not there. Of days it is
        remembered, as other figures are shown without them.
        """
        sections = frozenset(key for key in map(_key, given.getlist("section")) if key is not None)
        first, last = date_in(given.get("first", "")), date_in(given.get("last", ""))
        named_range = next((one for one in Range if one.value == given.get("range")), None)
        days = {"first": first, "last": last}
        unreadable = tuple(name for name, day in days.items() if day is None and given.get(name))
        if first and last and last < first:
            first, last = last, first
        return cls(
            sections=sections or None,
            term=_key(given.get("term", "")),
            range=_range(given.get("range", ""), has_dates=bool(first or last)),
            first=first,
            last=last,
            students_only=given.get("who") != "everyone",
            named_range=named_range,
            unreadable=unreadable if named_range in (None, Range.OWN) else (),
        )

    def choose(self, allowed: Collection[Section]) -> tuple[int, ...]:
        """Of the sections that somebody may see. What is named and not allowed is left out silently."""
        return tuple(
            section.pk
            for section in allowed
            if (self.sections is None or section.pk in self.sections) and self.term in (None, section.term_id)
        )


def _key(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _range(text: str, *, has_dates: bool) -> Range | None:
    try:
        wanted = Range(text)
    except ValueError:
        return Range.OWN if has_dates else None
    return None if wanted == Range.OWN and not has_dates else wanted


@dataclass(frozen=True)
class Selected:
    """`widened`: the usual range has nothing, so that another was taken. `empty`: there is nothing at all."""

    selection: Selection
    range: Range
    widened: bool = False
    empty: bool = False


def select(asked: Asked, allowed: Sequence[Section]) -> Selected:
    """At most five small queries, and one where somebody looks at the usual range and it has something."""
    sections = asked.choose(allowed)
    if asked.range == Range.OWN:
        last = asked.last or max(today(), asked.first or today())
        chosen = Selection(sections, asked.first, last, asked.students_only)
        return Selected(chosen, Range.OWN, empty=not has_something(chosen))
    usual = Selected(_of_range(asked.range or USUAL, sections, asked), asked.range or USUAL)
    if has_something(usual.selection):
        return usual
    for wider in WIDER if asked.range is None else ():
        selection = _of_range(wider, sections, asked)
        if has_something(selection):
            return Selected(selection, wider, widened=True)
    return replace(usual, empty=True)


def _of_range(wanted: Range, sections: tuple[int, ...], asked: Asked) -> Selection:
    last = today()
    if wanted == Range.ALL:
        first = None
    elif wanted == Range.YEAR:
        first = last - relativedelta(months=12) + datetime.timedelta(days=1)
    else:
        first = last - datetime.timedelta(days=int(wanted) - 1)
    return Selection(sections, first, last, asked.students_only)


_SOMETHING = f"""
WITH {STUDENTS}
SELECT EXISTS (
    SELECT FROM analytics_viewuserday seen
    WHERE seen.section_id = ANY(%(sections)s) AND seen.day BETWEEN %(first)s AND %(last)s
      AND (NOT %(students_only)s OR seen.learner_id IS NULL OR (seen.section_id, seen.learner_id) IN
           (SELECT section_id, learner_id FROM student))
) OR EXISTS (
    SELECT FROM analytics_pollanswer answer
    WHERE answer.section_id = ANY(%(sections)s)
      AND answer.latest_at >= %(starts_at)s AND answer.first_at < %(ends_at)s
      AND (NOT %(students_only)s OR answer.learner_id IS NULL OR (answer.section_id, answer.learner_id) IN
           (SELECT section_id, learner_id FROM student))
)"""  # noqa: S608 - constants


def has_something(selection: Selection) -> bool:
    """Whether anybody of those it is about has watched or answered anything."""
    with connection.cursor() as cursor:
        cursor.execute(_SOMETHING, selection.parameters)
        return bool(cursor.fetchone()[0])


# --- Who may see what -----------------------------------------------------------------------------------
def sections_of(user: User) -> list[Section]:
    """Those they teach, the newest first, each with `is_linked` and `is_connected`; one query.

    Connected: an LMS course leads to it, and the LMS lets us read.
    """
    links = LmsCourseLink.objects.filter(section=OuterRef("pk"))
    taught = Section.objects.filter(teaching__user=user).with_names()
    return list(
        taught.annotate(
            is_linked=Exists(links),
            is_connected=Exists(links.filter(lms_course__in=LmsCourse.objects.connected())),
        )
    )


def has_connected_section(user: User) -> bool:
    """Whether they teach a section that an LMS course leads to, of an LMS that lets us read; one small query."""
    return LmsCourseLink.objects.filter(
        section__teaching__user=user, lms_course__in=LmsCourse.objects.connected()
    ).exists()
