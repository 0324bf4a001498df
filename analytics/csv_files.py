"""What was viewed and answered elsewhere, from CSV files: their own form, and Echo360's export as it is.

Each row becomes the statements that a player would have sent, with ids that follow from the row: the same row
again changes nothing. The check saves as well and takes it back (schedules/csv_files/importing.py).
"""

from __future__ import annotations

import datetime
import re
import uuid
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.utils.dateparse import parse_datetime

from schedules.csv_files import cells as written
from schedules.csv_files.base import Cells, Column, FileKind
from schedules.csv_files.outcome import Kind, Problem, Refusal, refuse
from schedules.csv_files.reading import Table
from schedules.models import Section

from . import identities, ingest
from .answering import nobody
from .figures.selection import today, zone
from .figures.tab import clock
from .identities import mailto
from .ingest import Contradiction
from .models import Activity, EventSource, Media, Poll, Statement, StatementVoid, ViewEvent
from .statements import ANSWERED, VIDEO, VOIDED, Malformed

if TYPE_CHECKING:
    from accounts.models import User
    from schedules.models.changes import Difference

_IDS = uuid.UUID("7a1f3c0e-9a52-4a3c-8b1e-2f0a6d9c4e17")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,2}):(\d{2})(?:\.\d+)?")
MOST_VIEWS = 500
SESSIONS_AT_ONCE = 20

COURSE = Column("course", "Code or name of the course.", "ALG101", key=True)
SECTION = Column("section", "Number of the section. May be empty if the course has one only.", "001")
TERM = Column("term", "Name of the term. May be empty if the course is in one only.", "Autumn 2045")
MEDIA = Column("media", "Title of the media.", "Week 1", key=True)
EMAIL = Column("email", "Of the student. Or give lms_id.", "ada@example.edu")
RECORDED = Column(
    "recorded",
    "The day of the recording. Needed where several media of a section have one title.",
    "2045-10-02",
)
LMS_ID = Column("lms_id", "The student's id in the LMS.", "1042")


# --- Cells ----------------------------------------------------------------------------------------------
def seconds(cell: str) -> int:
    """1:02:03, 2:03 or 123; without hours as many minutes as there are: 90:00."""
    if cell.isascii() and cell.isdigit() and len(cell) < 8:
        return int(cell)
    found = _CLOCK.fullmatch(cell)
    if not found:
        raise ValueError(f"“{cell}” is no length. Write 1:02:03, or seconds.")
    hours, minutes, rest = (int(one or 0) for one in found.groups())
    if rest > 59 or (found[1] and minutes > 59):
        raise ValueError(f"“{cell}” is no length: minutes and seconds go to 59. Write 1:02:03, or seconds.")
    return hours * 3600 + minutes * 60 + rest


def moment(cell: str, *, american: bool = False) -> datetime.datetime:
    """ISO 8601; without a zone by the institution's clock; a day alone is its noon. `american`: mm/dd/yyyy too.

    Raises ValueError also for what is too long ago, or has not happened yet: it would be counted as of today.
    """
    found = _moment(cell, american=american)
    now = datetime.datetime.now(datetime.UTC)
    if found > now + ingest.NEWEST:
        raise ValueError(f"{cell} has not come yet.")
    if found < now - ingest.OLDEST + datetime.timedelta(days=1):
        raise ValueError(f"{cell} is more than a year ago: only the last year can be imported.")
    return found


def _moment(cell: str, *, american: bool) -> datetime.datetime:
    day, _, rest = cell.replace("T", " ").partition(" ")
    date = written.date(day, american=american)
    if not rest:
        return _noon(date)
    try:
        found = parse_datetime(f"{date}T{rest}")
    except ValueError:
        found = None
    if found is None:
        time = written.time(rest)
        found = datetime.datetime.combine(date, time)
    return found if found.tzinfo else found.replace(tzinfo=zone())


def _noon(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(12), tzinfo=zone())


def day_recorded(cell: str) -> datetime.date:
    found = written.date(cell)
    if found > today():
        raise ValueError(f"{cell} has not come yet.")
    return found


def number(cell: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) < 6):
        raise ValueError(f"“{cell}” is not a number.")
    return int(cell)


# --- What both have -------------------------------------------------------------------------------------
class _Statements(FileKind):
    """Rows of one person and one media. Administrators alone import them; nothing is exported in this form."""

    exporters = ()
    has_export = False

    def __init__(self, user: User, table: Table) -> None:
        super().__init__(user, table)
        self.source = EventSource.of_files()
        self.media: dict[tuple[int, str, datetime.date | None], Media] = {}

    def prepare(self) -> None:
        self.sections: dict[str, list[Section]] = defaultdict(list)
        known = Section.objects.select_related("course", "term")
        for section in known.prefetch_related("links__lms_course__configuration"):
            for name in _names(section):
                self.sections[name].append(section)

    def key_of(self, cells: Cells) -> Hashable:
        """Only who and what is meant by the cells tells whether two rows are about the same: see `note`."""
        return None

    @classmethod
    def export(cls, user: User) -> Iterator[list[str]]:
        return iter(())

    def section_of(self, cells: Cells) -> Section:
        found = self.sections.get(cells.text("course").casefold(), [])
        for column, name in (("section", "number"), ("term", "term.name")):
            given = cells.text(column).casefold()
            if given:
                found = [one for one in found if _attribute(one, name).casefold() == given]
        if not found:
            raise refuse("course", "No section is called so. Write the code or the name of its course.")
        if len(found) > 1:
            raise refuse(
                "course", f"{len(found)} sections are meant by this. Give the term and the section's number."
            )
        return found[0]

    def person_of(self, cells: Cells, section: Section) -> dict[str, Any]:
        email, lms_id = cells.text("email").lower(), cells.text("lms_id")
        if email:
            if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
                raise refuse("email", f"“{email}” is not an e-mail address.")
            return {"mbox": mailto(email)}
        if not lms_id:
            raise refuse("email", "Say whose it is: fill in email or lms_id.")
        link = next(iter(section.links.all()), None)
        if link is None:
            raise refuse("lms_id", "The section is not linked to an LMS course. Give the e-mail address instead.")
        return {"account": {"homePage": link.lms_course.configuration.base_url, "name": lms_id}}

    def media_of(
        self,
        section: Section,
        title: str,
        length: int | None,
        made_at: datetime.datetime,
        *,
        recorded: datetime.date | None,
        is_told: bool = True,
    ) -> tuple[Media, list[Difference]]:
        """By its title, and where several have it by the day of `recorded`; made if there is none and its length
        is told, which is the difference. `is_told`: the day was meant for this, so that a single media of another
        day is another one.
        """
        title = title[:255]
        key = (section.pk, title.casefold(), recorded)
        added: list[Difference] = []
        if key not in self.media:
            found = list(Media.objects.filter(section=section, title__iexact=title).select_related("activity"))
            chosen = found if recorded is None or (len(found) == 1 and not is_told) else _of_day(found, recorded)
            if len(chosen) > 1:
                raise refuse(
                    "media", f"{len(chosen)} media of the section have this title. Give the day: recorded."
                )
            if found and not chosen:
                raise refuse("media", f"None of this title was recorded on {recorded}.")
            if not chosen:
                chosen = [self._added(section, title, length, made_at)]
                added = [("New media", "", _described(chosen[0]))]
            self.media[key] = chosen[0]
        return self.media[key], added

    def _added(self, section: Section, title: str, length: int | None, made_at: datetime.datetime) -> Media:
        if not length:
            raise refuse("media", "There is no such media in the section. Give its length, and it is added.")
        made = Media(section=section, title=title, duration_seconds=length, recorded_at=made_at)
        made.published_at = made_at
        self.save_fields(made, {})
        made.save()
        return made

    def store(self, statements: list[dict[str, Any]], person: Mapping[str, Any]) -> tuple[bool, list[Difference]]:
        """False if all of it was there already; and whom it adds. Raises Refusal."""
        is_known = bool(identities.known([_key_of(person)]))
        keys = [uuid.UUID(one["id"]) for one in statements]
        new = len(keys) - Statement.objects.filter(pk__in=keys).count()
        try:
            ingest.store_statements(self.source, statements)
        except Contradiction:
            raise Refusal(Problem("", "Something else was imported for this row before.")) from None
        except Malformed as error:
            raise Refusal(Problem("", str(error))) from None
        # Who was erased is not met again by what is there already.
        added = [("New person", "", _in_words(person))] if new and not is_known else []
        return bool(new), added

    def settle(self, *, passed: bool) -> None:
        super().settle(passed=passed)
        if not passed:
            self.media.clear()


def _of_day(media: Collection[Media], day: datetime.date) -> list[Media]:
    return [one for one in media if one.recorded_at.astimezone(zone()).date() == day]


def _described(media: Media) -> str:
    day = media.recorded_at.astimezone(zone()).date()
    return f"{media.title} ({day}, {clock(media.duration_seconds)})"


def _names(section: Section) -> set[str]:
    course = section.course
    names = (course.code, course.name, section.title, str(section), f"{course.code} - {section.number}")
    return {name.casefold() for name in (*names, section.external_id) if name}


def _attribute(section: Section, name: str) -> str:
    return section.term.name if name == "term.name" else section.number


def _id(*parts: object) -> uuid.UUID:
    return uuid.uuid5(_IDS, "\n".join(map(str, parts)))


def _name_of(person: Mapping[str, Any]) -> str:
    return str(person["mbox"] if "mbox" in person else "|".join(person["account"].values()))


def _key_of(person: Mapping[str, Any]) -> str:
    if "mbox" in person:
        return str(person["mbox"])
    return identities.account(person["account"]["homePage"], person["account"]["name"])


def _in_words(person: Mapping[str, Any]) -> str:
    return str(person["mbox"]).removeprefix("mailto:") if "mbox" in person else str(person["account"]["name"])


# --- Views ----------------------------------------------------------------------------------------------
class Views(_Statements):
    name = "views"
    title = "Views"
    sentence = (
        "What was watched in another system: one row for each sitting. Echo360's own export is read as it is."
    )
    columns: ClassVar[tuple[Column, ...]] = (
        COURSE,
        SECTION,
        TERM,
        MEDIA,
        RECORDED,
        Column(
            "length",
            "Of the media. With it, media that are not known are added, with the day of `recorded` or else of "
            "`started`.",
            "0:50:00",
        ),
        EMAIL,
        LMS_ID,
        Column(
            "started",
            "Day and time, in the institution's time zone unless one is given; within the last year.",
            "2045-10-02 18:30",
            key=True,
        ),
        Column("from", "Where in the media it began.", "0:00"),
        Column("to", "Where it ended.", "12:30"),
        Column("seconds", "Instead of from and to: how long was watched. It counts from the beginning.", ""),
    )

    @classmethod
    def fitting(cls, table: Table) -> type[FileKind]:
        return Echo360Views if set(Echo360Views.needed) <= {name.lower() for name in table.header} else cls

    def carry_out(self, cells: Cells) -> tuple[Kind, models.Model, str, list[Difference]]:
        started = cells.read("started", moment)
        length, recorded = cells.read("length", seconds), cells.read("recorded", day_recorded)
        first, last = cells.read("from", seconds, 0), cells.read("to", seconds)
        watched = cells.read("seconds", seconds)
        cells.check()
        if started is None:
            raise refuse("started", "Say when it was watched.")
        section = self.section_of(cells)
        person = self.person_of(cells, section)
        if last is None:
            last = first + watched if watched is not None else None
        if last is None or last == first:
            raise refuse("to", "Say what was watched: from and to, or seconds.")
        if last < first:
            raise refuse("to", f"It ends at {clock(last)}, and began at {clock(first)} only.")
        made_at = _made_at(recorded, started)
        media, added = self.media_of(section, cells.text("media"), length, made_at, recorded=recorded)
        if first >= media.duration_seconds:
            raise refuse("from", f"The media ends at {clock(media.duration_seconds)}.")
        if last > media.duration_seconds:
            reason = f"The media ends at {clock(media.duration_seconds)}; {clock(last)} is beyond its end."
            raise refuse("to" if cells.text("to") else "seconds", reason)
        session = _id("view", media.activity.iri, _name_of(person), started.isoformat(), first, last)
        self.note(session, cells)
        new, met = self.store(_sitting(media, person, session, started, first, last), person)
        what = f"{media.title}: {_in_words(person)}, {clock(first)}–{clock(last)}"
        return Kind.CREATED if new else Kind.UNCHANGED, media, what, added + met


def _made_at(recorded: datetime.date | None, started: datetime.datetime) -> datetime.datetime:
    """When a media that is added was recorded, as far as the row tells: not after it was watched that day."""
    if recorded is None or recorded == started.astimezone(zone()).date():
        return started
    return _noon(recorded)


def _sitting(
    media: Media, person: Mapping[str, Any], session: uuid.UUID, began: datetime.datetime, first: int, last: int
) -> list[dict[str, Any]]:
    ended = began + datetime.timedelta(seconds=last - first)
    return [
        _viewing(media, person, session, verb, at, place)
        for verb, at, place in (("played", began, first), ("paused", ended, last))
    ]


def _viewing(
    media: Media, person: Mapping[str, Any], session: uuid.UUID, verb: str, at: datetime.datetime, place: int
) -> dict[str, Any]:
    return {
        "id": str(_id(session, verb, at.isoformat(), place)),
        "actor": person,
        "verb": {"id": f"{VIDEO}/verbs/{verb}"},
        "object": {"id": media.activity.iri},
        "result": {"extensions": {f"{VIDEO}/extensions/time": place}},
        "context": {
            "contextActivities": {"category": [{"id": VIDEO}]},
            "extensions": {f"{VIDEO}/extensions/session-id": str(session)},
        },
        "timestamp": at.astimezone(datetime.UTC).isoformat(),
    }


class Echo360Views(Views):
    """Echo360's export of a course: sums of each media and person (docs/analytics.md, "Importing").

    What it cannot tell is where in a media somebody watched, and on which days but the last. So its views all
    count on the last day, each from the beginning. A later export of the course takes the place of an earlier one.
    """

    needed = ("media_name", "duration", "course", "email_address", "total_views", "total_view_time", "last_viewed")
    columns = (
        Column("media_id", ""),
        Column("media_name", "", key=True),
        Column("create_date", ""),
        Column("duration", ""),
        Column("owner_name", ""),
        Column("course", "", key=True),
        Column("user_name", ""),
        Column("email_address", "", key=True),
        Column("total_views", ""),
        Column("total_view_time", ""),
        Column("average_view_time", ""),
        Column("on_demand_views", ""),
        Column("live_view_count", ""),
        Column("downloads", ""),
        Column("last_viewed", ""),
    )

    def carry_out(self, cells: Cells) -> tuple[Kind, models.Model, str, list[Difference]]:
        length = cells.read("duration", seconds)
        made_at = cells.read("create_date", lambda cell: _moment(cell, american=True))
        last_viewed = cells.read("last_viewed", lambda cell: moment(cell, american=True))
        views, watched = cells.read("total_views", number, 0), cells.read("total_view_time", seconds, 0)
        cells.check()
        if last_viewed is None:
            raise refuse("last_viewed", "Say when it was viewed last.")
        if views > MOST_VIEWS:
            raise refuse("total_views", f"More than {MOST_VIEWS} views of one person cannot be meant.")
        section = self.section_of(cells)
        own = Cells(cells.line, {"email": cells.text("email_address")}, cells.problems)
        person = self.person_of(own, section)
        media, added = self.media_of(
            section,
            cells.text("media_name"),
            length,
            made_at or last_viewed,
            recorded=made_at.astimezone(zone()).date() if made_at else None,
            is_told=False,
        )
        self.note((media.pk, _name_of(person)), cells)
        what = f"{media.title}: {_in_words(person)}, {views} view{'s' if views != 1 else ''}, {clock(watched)}"
        statements = self._sittings(media, person, last_viewed, views, watched)
        keys = {uuid.UUID(one["id"]) for one in statements}
        if StatementVoid.objects.filter(target__in=keys).exists():
            raise refuse("last_viewed", "A later export was imported for this already.")
        replaced = self._replaced(media, person, keys)
        new, met = self.store(statements + replaced, person) if statements or replaced else (False, [])
        kind = Kind.UNCHANGED if not (new or added) else Kind.CHANGED if replaced else Kind.CREATED
        return kind, media, what, added + met

    def _sittings(
        self, media: Media, person: Mapping[str, Any], day: datetime.datetime, views: int, watched: int
    ) -> list[dict[str, Any]]:
        """As many as there were views; the time in equal parts, of which none is longer than the media: the sums
        are rounded and hold what was played twice.
        """
        told = []
        for number_, session in enumerate(_sessions(media, person, views)):
            part = min(watched * (number_ + 1) // views - watched * number_ // views, media.duration_seconds)
            told += _sitting(media, person, session, day, 0, part)
        return told

    def _replaced(
        self, media: Media, person: Mapping[str, Any], new: Collection[uuid.UUID]
    ) -> list[dict[str, Any]]:
        """Voids what an earlier export said of the same media and person."""
        before = [key for key in self._imported(media, person) if key not in new]
        voided = set(StatementVoid.objects.filter(target__in=before).values_list("target", flat=True))
        return [
            {
                "id": str(_id("voids", key, *sorted(map(str, new)))),
                "actor": nobody(),
                "verb": {"id": VOIDED},
                "object": {"objectType": "StatementRef", "id": str(key)},
            }
            for key in sorted(set(before) - voided)
        ]

    def _imported(self, media: Media, person: Mapping[str, Any]) -> Iterator[uuid.UUID]:
        """Statements of earlier exports. Their sessions are numbered without a gap: some at a time, to the end."""
        for after in range(0, MOST_VIEWS, SESSIONS_AT_ONCE):
            sessions = list(_sessions(media, person, SESSIONS_AT_ONCE, after=after))
            events = ViewEvent.objects.filter(activity_id=media.activity_id, session_id__in=sessions)
            found = list(events.values_list("statement_id", flat=True))
            yield from found
            if not found:
                return


def _sessions(media: Media, person: Mapping[str, Any], count: int, *, after: int = 0) -> Iterator[uuid.UUID]:
    numbers = range(after, after + count)
    return (_id("echo360", media.activity.iri, _name_of(person), number_) for number_ in numbers)


# --- Answers --------------------------------------------------------------------------------------------
class Answers(_Statements):
    name = "answers"
    title = "Answers"
    sentence = (
        "What was answered in another system: one row for each answer. Questions that are not known are added."
    )
    columns = (
        COURSE,
        SECTION,
        TERM,
        MEDIA,
        RECORDED,
        Column("question", "As it was asked.", "Which of these is a group?", key=True),
        EMAIL,
        LMS_ID,
        Column("response", "The answer: of a choice its text or its letter; several apart by semicolons.", "Z"),
        Column("correct", "`yes`, `no`, or empty. Where the question has a key here, the key decides.", "yes"),
        Column(
            "answered",
            "Day and time, in the institution's time zone unless one is given; within the last year.",
            "2045-10-02 18:35",
            key=True,
        ),
    )

    needed: ClassVar[dict[str, str]] = {
        "question": "Say what was asked.",
        "response": "Say what was answered.",
        "answered": "Say when it was answered.",
    }

    def carry_out(self, cells: Cells) -> tuple[Kind, models.Model, str, list[Difference]]:
        answered = cells.read("answered", moment)
        correct = cells.read("correct", written.yes_or_no)
        recorded = cells.read("recorded", day_recorded)
        question, response = cells.text("question"), cells.text("response")
        for column, reason in self.needed.items():
            if not cells.text(column):
                cells.problems.append(Problem(column, reason))
        cells.check()
        section = self.section_of(cells)
        person = self.person_of(cells, section)
        media, _ = self.media_of(section, cells.text("media"), None, answered, recorded=recorded)
        poll = Poll.objects.filter(media=media, question__iexact=question).select_related("activity").first()
        if poll is not None and poll.anonymous:
            raise refuse("question", "This poll is anonymous: nothing may be stored of who answered it.")
        said = _as_stored(poll, response) if poll else response
        iri = poll.activity.iri if poll else str(_id("poll", media.activity.iri, question.casefold()).urn)
        statement = {
            "id": str(_id("answer", iri, _name_of(person), answered.isoformat(), said)),
            "actor": person,
            "verb": {"id": ANSWERED},
            "object": {"id": iri, "definition": _definition(question)},
            "result": {"response": said} | ({} if correct is None else {"success": correct}),
            "context": {"contextActivities": {"parent": [{"id": media.activity.iri}]}},
            "timestamp": answered.astimezone(datetime.UTC).isoformat(),
        }
        self.note(statement["id"], cells)
        # What was imported a moment ago becomes a poll when it is folded.
        is_known = poll is not None or Activity.objects.filter(iri=iri).exists()
        asked: list[Difference] = [] if is_known else [("New question", "", question[:500])]
        new, met = self.store([statement], person)
        what = f"{question}: {_in_words(person)}, {response}"
        return Kind.CREATED if new else Kind.UNCHANGED, media, what[:500], asked + met


def _definition(question: str) -> dict[str, Any]:
    return {
        "type": "http://adlnet.gov/expapi/activities/cmi.interaction",
        "interactionType": "long-fill-in",
        "description": {"en": question[:1000]},
    }


def _as_stored(poll: Poll, response: str) -> str:
    """A choice by its id, whether its text or its id is written. Raises Refusal."""
    if poll.kind == Poll.Kind.TRUE_FALSE:
        return response.lower()
    if poll.kind not in (Poll.Kind.ONE, Poll.Kind.SEVERAL):
        return response
    ids = {choice["id"].casefold(): choice["id"] for choice in poll.choices}
    ids |= {choice["text"].casefold(): choice["id"] for choice in poll.choices}
    parts = written.parts(response) if poll.kind == Poll.Kind.SEVERAL else [response]
    unknown = [part for part in parts if part.casefold() not in ids]
    if unknown:
        raise refuse("response", f"“{unknown[0]}” is none of the choices.")
    return "[,]".join(sorted(ids[part.casefold()] for part in parts))
