"""The parts of the Analytics tab. `read` asks the database once; every part is then made from what it found."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.cache import cache
from django.utils import timezone

from analytics.enrolment import Student, students_of
from analytics.models import Media, Poll, SectionFigures
from schedules.models import Section

from .definitions import Part
from .polling import LearnerAnswers, PollAnswers, Polling, polling
from .score import scores_of
from .selection import Selection, zone
from .viewing import Activity, Day, LearnerViews, MediaViews, Viewing, activity, viewed_days, viewing

NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)
DAILY = 92
WEEKLY = 2 * 366
# Seconds.
REMEMBERED = 300
MOST_DIGITS = 18


@dataclass(frozen=True)
class Facts:
    """What the database knows of a selection. `enrolled`: students by section. `asked`: polls that count in it.

    `scores`: of engagement, by learner, if there is one section and it has a score.
    """

    selection: Selection
    sections: dict[int, Section]
    students: list[Student]
    enrolled: Counter[int]
    media: list[Media]
    polls: list[Poll]
    asked: list[Poll]
    viewing: Viewing
    polling: Polling
    scores: Mapping[int, float] | None


def read(selection: Selection, sections: Collection[Section]) -> Facts:
    """Five queries; one more for a single section, and two more if it has a score."""
    students = sorted(students_of(selection.sections), key=lambda one: natural(name_of(one)))
    polls = list(Poll.objects.filter(media__section__in=selection.sections).select_related("media"))
    answers = polling(selection)
    return Facts(
        selection=selection,
        sections={section.pk: section for section in sections},
        students=students,
        enrolled=Counter(section for student in students for section in student.sections),
        media=sorted(Media.objects.filter(section__in=selection.sections), key=_by_course_and_title(sections)),
        polls=polls,
        asked=_asked(polls, selection, answers),
        viewing=viewing(selection),
        polling=answers,
        scores=_scores(selection),
    )


def _scores(selection: Selection) -> Mapping[int, float] | None:
    """Different sections weigh differently: there is none of several."""
    if len(selection.sections) != 1:
        return None
    weights = SectionFigures.objects.filter(section=selection.sections[0]).first()
    return scores_of(weights) if weights is not None and weights.has_score else None


def _asked(polls: Iterable[Poll], selection: Selection, answers: Polling) -> list[Poll]:
    """Those of media that were published in these days, or answered in them."""
    begins = selection.parameters["starts_at"]
    return [poll for poll in polls if poll.pk in answers.polls or _published(poll.media, selection, since=begins)]


def _published(media: Media, selection: Selection, since: datetime.datetime | None = None) -> bool:
    """Before the last of the days is over, and before now."""
    at = media.published_at
    return at is not None and at < selection.published_until and (since is None or since <= at)


# --- Names in their natural order -----------------------------------------------------------------------
def natural(text: str) -> list[tuple[int, int, str]]:
    """A key to sort by: numbers in a text by their size, letters whatever their case; very long ones as text."""
    return [
        (0, int(piece), "") if piece.isdecimal() and len(piece) <= MOST_DIGITS else (1, 0, piece)
        for piece in re.split(r"(\d+)", text.casefold())
        if piece
    ]


def course_of(section: Section) -> str:
    return f"{section.course.code} · {section.number}"


def _by_course_and_title(sections: Collection[Section]) -> Any:
    order = {section.pk: natural(course_of(section)) for section in sections}
    return lambda media: (order.get(media.section_id, []), natural(media.title), media.recorded_at, media.pk)


# --- Cards ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Sums:
    """`average_watched`: None if nobody watched anything."""

    views: int
    viewers: Part
    minutes: float
    average_watched: float | None
    answered: Part
    correct: Part
    anonymous_views: int


def sums(facts: Facts) -> Sums:
    return _sums(facts, facts.viewing, facts.polling, facts.asked)


def sums_before(facts: Facts) -> Sums | None:
    """Of as many days before, of today's students; None where the range has no beginning. Two queries, the first
    time; then remembered for some minutes, as these days are over and what comes late changes little.
    """
    before = facts.selection.before
    if before is None:
        return None
    found: Sums | None = cache.get_or_set(_name_of(before), lambda: _sums_of(before, facts), REMEMBERED)
    return found


def _name_of(selection: Selection) -> str:
    sections = hashlib.sha256(repr(selection.sections).encode()).hexdigest()
    who = "students" if selection.students_only else "everyone"
    return f"sums:{selection.first}:{selection.last}:{who}:{sections}"


def _sums_of(before: Selection, facts: Facts) -> Sums:
    answers = polling(before)
    return _sums(facts, viewing(before), answers, _asked(facts.polls, before, answers))


def _sums(facts: Facts, viewed: Viewing, answers: Polling, asked: Iterable[Poll]) -> Sums:
    rows = viewed.media.values()
    viewers = sum(row.viewers for row in rows)
    given = answers.polls.values()
    return Sums(
        views=sum(row.views for row in rows),
        viewers=Part(len(viewed.students), len(facts.students)),
        minutes=sum(row.seconds for row in rows) / 60,
        average_watched=sum(row.shares for row in rows) / viewers if viewers else None,
        answered=_answered(asked, answers, facts.enrolled),
        correct=Part(sum(one.correct for one in given), sum(one.graded for one in given)),
        anonymous_views=sum(row.anonymous_views for row in rows),
    )


def _answered(polls: Iterable[Poll], answers: Polling, enrolled: Counter[int]) -> Part:
    """Of students, of those that were possible."""
    named = [poll for poll in polls if not poll.anonymous]
    given = sum(answers.polls[poll.pk].students for poll in named if poll.pk in answers.polls)
    return Part(given, sum(enrolled[poll.media.section_id] for poll in named))


# --- Days -----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class DayRow:
    first: datetime.date
    views: int
    viewers: int
    minutes: float
    anonymous_views: int


@dataclass(frozen=True)
class Series:
    """`step`: day, week or month; every one from the first to the last is there."""

    step: str
    rows: list[DayRow]


def views_by_day(selection: Selection) -> Series:
    """By week where there are many days, by month where there are many weeks. One query; two without a first."""
    first = selection.first
    step = step_of(first, selection.last) if first else "month"
    found = viewed_days(selection, step)
    if first is None and found:
        first = found[0].first
        if step_of(first, selection.last) != step:
            step = step_of(first, selection.last)
            found = viewed_days(selection, step)
            first = found[0].first
    if first is None:
        return Series(step, [])
    known = {day.first: day for day in found}
    rows = [known.get(day, Day(day)) for day in steps(floor_of(first, step), selection.last, step)]
    return Series(
        step, [DayRow(row.first, row.views, row.viewers, row.seconds / 60, row.anonymous_views) for row in rows]
    )


def step_of(first: datetime.date, last: datetime.date) -> str:
    days = (last - first).days + 1
    return "day" if days <= DAILY else "week" if days <= WEEKLY else "month"


def floor_of(day: datetime.date, step: str) -> datetime.date:
    if step == "week":
        return day - datetime.timedelta(days=day.weekday())
    return day.replace(day=1) if step == "month" else day


def steps(first: datetime.date, last: datetime.date, step: str) -> Iterable[datetime.date]:
    day = first
    while day <= last:
        yield day
        if step == "month":
            day = (day + datetime.timedelta(days=31)).replace(day=1)
        else:
            day += datetime.timedelta(days=7 if step == "week" else 1)


# --- Media ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class MediaRow:
    """Fields as in `definitions.MEDIA`. `media`: None in the row of sums."""

    media: Media | None
    title: str
    course: str
    recorded: datetime.date | None
    length: int | None
    views: int
    views_5: int
    anonymous_views: int
    viewers: int
    enrolled_viewers: Part
    minutes: float
    average_watched: float | None
    average_of_enrolled: float | None
    completed: Part
    polls: int
    answered: Part
    last_viewed: datetime.datetime | None


def media_table(facts: Facts) -> list[MediaRow]:
    """Also media without views; not those that came after the last of the days."""
    polls, asked = _by_media(facts.polls), _by_media(facts.asked)
    return [
        _media_row(media, facts, len(polls[media.pk]), asked[media.pk])
        for media in facts.media
        if media.pk in facts.viewing.media or (media.published_at or media.recorded_at) < facts.selection.ends_at
    ]


def media_row(media: Media, facts: Facts) -> MediaRow:
    """Of one media, also if it is not published yet."""
    polls, asked = _by_media(facts.polls), _by_media(facts.asked)
    return _media_row(media, facts, len(polls[media.pk]), asked[media.pk])


def _by_media(polls: Iterable[Poll]) -> dict[int, list[Poll]]:
    found = defaultdict(list)
    for poll in polls:
        found[poll.media_id].append(poll)
    return found


def _media_row(media: Media, facts: Facts, polls: int, asked: Iterable[Poll]) -> MediaRow:
    seen = facts.viewing.media.get(media.pk) or MediaViews()
    enrolled = facts.enrolled[media.section_id]
    is_published = _published(media, facts.selection)
    return MediaRow(
        media=media,
        title=media.title,
        course=course_of(facts.sections[media.section_id]),
        recorded=media.recorded_at.astimezone(zone()).date(),
        length=media.duration_seconds,
        views=seen.views,
        views_5=seen.views_5,
        anonymous_views=seen.anonymous_views,
        viewers=seen.viewers,
        enrolled_viewers=Part(seen.students, enrolled),
        minutes=seen.seconds / 60,
        average_watched=seen.shares / seen.viewers if seen.viewers else None,
        average_of_enrolled=seen.student_shares / enrolled if enrolled and is_published else None,
        completed=Part(seen.complete, seen.viewers),
        polls=polls,
        answered=_answered(asked, facts.polling, facts.enrolled),
        last_viewed=seen.last_at,
    )


def media_totals(facts: Facts) -> MediaRow:
    """Over all media; viewers are counted once, however much they watched."""
    seen = facts.viewing.media
    rows, totals = seen.values(), sums(facts)
    published = [media for media in facts.media if _published(media, facts.selection)]
    possible = sum(facts.enrolled[media.section_id] for media in published)
    of_published = sum(seen[media.pk].student_shares for media in published if media.pk in seen)
    return MediaRow(
        media=None,
        title="All media",
        course="",
        recorded=None,
        length=None,
        views=totals.views,
        views_5=sum(row.views_5 for row in rows),
        anonymous_views=totals.anonymous_views,
        viewers=len({*facts.viewing.students, *facts.viewing.others}),
        enrolled_viewers=totals.viewers,
        minutes=totals.minutes,
        average_watched=totals.average_watched,
        average_of_enrolled=of_published / possible if possible else None,
        completed=Part(sum(row.complete for row in rows), sum(row.viewers for row in rows)),
        polls=len(facts.polls),
        answered=totals.answered,
        last_viewed=max((row.last_at for row in rows if row.last_at), default=None),
    )


# --- Polls ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class PollRow:
    """Fields as in `definitions.POLLS`. `answered`: None if nobody can know."""

    poll: Poll
    question: str
    media: str
    course: str
    kind: str
    asked: int | None
    answers: int
    answered: Part | None
    first_correct: Part | None
    correct: Part | None
    wrong_answer: str


def polls_table(facts: Facts) -> list[PollRow]:
    """Those that were asked in these days, in the order of their media."""
    order = {media.pk: position for position, media in enumerate(facts.media)}
    polls = sorted(facts.asked, key=lambda poll: (order[poll.media_id], poll.at_seconds or 0, poll.pk))
    return [_poll_row(poll, facts) for poll in polls]


def _poll_row(poll: Poll, facts: Facts) -> PollRow:
    given = facts.polling.polls.get(poll.pk) or PollAnswers()
    section = facts.sections[poll.media.section_id]
    is_graded = poll.is_graded or given.graded
    most_wrong = given.most_wrong
    return PollRow(
        poll=poll,
        question=poll.question,
        media=poll.media.title,
        course=course_of(section),
        kind=poll.get_kind_display(),
        asked=poll.at_seconds,
        answers=given.answers,
        answered=None if poll.anonymous else Part(given.students, facts.enrolled[section.pk]),
        first_correct=Part(given.first_correct, given.first_graded) if is_graded else None,
        correct=Part(given.correct, given.graded) if is_graded else None,
        wrong_answer=f"{in_words(poll, most_wrong[0])} ({most_wrong[1]})" if most_wrong else "",
    )


def in_words(poll: Poll, response: str) -> str:
    """An answer as the choices call it."""
    names = {choice["id"]: choice["text"] for choice in poll.choices}
    if poll.kind == Poll.Kind.TRUE_FALSE:
        return response.capitalize()
    return "; ".join(names.get(one, one) for one in response.split("[,]"))


def clock(seconds: int) -> str:
    """1:02:03, or 2:03 within the first hour."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


# --- Students -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class StudentRow:
    """Fields as in `definitions.STUDENTS`."""

    student: Student
    name: str
    email: str
    courses: str
    media_watched: Part
    minutes: float
    average_watched: float | None
    answered: Part
    correct: Part
    last_activity: datetime.datetime | None
    score: float | None


def students_table(facts: Facts) -> list[StudentRow]:
    """Everybody on the roster, also who did nothing."""
    published = Counter(media.section_id for media in facts.media if _published(media, facts.selection))
    asked = Counter(poll.media.section_id for poll in facts.asked if not poll.anonymous)
    return [_student_row(student, facts, published, asked) for student in facts.students]


def _student_row(student: Student, facts: Facts, published: Counter[int], asked: Counter[int]) -> StudentRow:
    seen = facts.viewing.students.get(student.learner_id) or LearnerViews()
    given = facts.polling.students.get(student.learner_id) or LearnerAnswers()
    possible = sum(published[section] for section in student.sections)
    answered = Part(given.answered, sum(asked[section] for section in student.sections))
    correct = Part(given.correct, given.graded)
    return StudentRow(
        student=student,
        name=name_of(student),
        email=student.email,
        courses=_courses(student, facts),
        media_watched=Part(seen.published, possible),
        minutes=seen.seconds / 60,
        average_watched=seen.shares / seen.media if seen.media else None,
        answered=answered,
        correct=correct,
        last_activity=max((one for one in (seen.last_at, given.last_at) if one), default=None),
        score=facts.scores.get(student.learner_id) if facts.scores is not None else None,
    )


def name_of(student: Student) -> str:
    return student.name or student.email or f"Person {student.learner_id}"


def _courses(student: Student, facts: Facts) -> str:
    return ", ".join(course_of(facts.sections[section]) for section in student.sections)


# --- Who has not ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Missing:
    """When somebody counts as missing: after so many `days` without anything, or under `percent` of the media."""

    days: int = 14
    percent: int = 50


@dataclass(frozen=True)
class MissingRow:
    """Fields as in `definitions.NOT_LATELY`."""

    student: Student
    name: str
    email: str
    courses: str
    why: str
    media_watched: Part
    last_activity: datetime.datetime | None


def not_lately(facts: Facts, missing: Missing) -> list[MissingRow]:
    """Those who never opened anything first, then those who were away longest. One query.

    Over all time, whatever the days of the selection. Where nothing is published nobody is missing.
    """
    now = timezone.now()
    always = facts.selection.always
    published = Counter(media.section_id for media in facts.media if _published(media, always))
    done = activity(always)
    rows = []
    for student in facts.students:
        own = done.get(student.learner_id) or Activity()
        watched = Part(own.opened, sum(published[section] for section in student.sections))
        why = _why(own.last_at, watched, missing, now) if watched.of else ""
        if why:
            person = (student, name_of(student), student.email, _courses(student, facts))
            rows.append(MissingRow(*person, why, watched, own.last_at))
    return sorted(rows, key=lambda row: (row.last_activity or NEVER, natural(row.name)))


def _why(last_at: datetime.datetime | None, watched: Part, missing: Missing, now: datetime.datetime) -> str:
    if last_at is None:
        return "Never opened anything"
    away = (now.astimezone(zone()).date() - last_at.astimezone(zone()).date()).days
    why = []
    if away >= missing.days:
        why.append(f"nothing for {away} day{'s' if away != 1 else ''}")
    if watched.number * 100 < missing.percent * watched.of:
        why.append(f"under {missing.percent} % of the media")
    text = ", ".join(why)
    return text[:1].upper() + text[1:]
