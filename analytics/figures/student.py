"""One student: what they have seen of every media, and what they answered. Over all time."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import connection
from django.utils import timezone

from analytics.models import Learner, Media, Poll, SectionFigures
from schedules.models import Section

from .definitions import Part
from .score import scores_of
from .tab import clock, course_of, floor_of, in_words, natural, step_of, steps


@dataclass(frozen=True)
class SeenMedia:
    """Fields as in `definitions.SEEN`. `ranges`: what was seen at least once, in seconds."""

    media: Media
    title: str
    course: str
    length: int
    views: int
    minutes: float
    watched: float
    seen: str
    last_viewed: datetime.datetime | None
    ranges: list[tuple[int, int]]
    is_published: bool
    can_be_watched: bool


@dataclass(frozen=True)
class GivenAnswer:
    """Fields as in `definitions.OWN_ANSWERS`. `right`: None if it was not answered or is not graded."""

    poll: Poll
    question: str
    media: str
    course: str
    first: str
    latest: str
    correct: str
    answered_at: datetime.datetime | None
    right: bool | None


@dataclass(frozen=True)
class ActiveDay:
    """Fields as in `definitions.ACTIVE_DAYS`."""

    day: datetime.date
    views: int
    minutes: float


@dataclass(frozen=True)
class StudentFigures:
    """`average_watched`: of the media that they opened; `scores`: by section, where one is weighed."""

    media_watched: Part
    minutes: float
    average_watched: float | None
    answered: Part
    correct: Part
    last_activity: datetime.datetime | None
    scores: list[tuple[Section, float]]
    media: list[SeenMedia]
    answers: list[GivenAnswer]
    days: list[ActiveDay]


def student_figures(learner: Learner, sections: Sequence[Section], *, as_student: bool = False) -> StudentFigures:
    """Of the sections given, and of nothing else; who asks has to know that they may. Six queries.

    `as_student`: without media that are not published, and without what the poll does not tell students.
    """
    keys = [section.pk for section in sections]
    media = _media(learner, sections)
    answers = _answers(learner, sections)
    scores = _scores(learner, sections, answers, as_student=as_student)
    if as_student:
        media = [one for one in media if one.is_published]
        shown = {one.media.pk for one in media}
        answers = [_as_student(one) for one in answers if one.poll.media_id in shown]
    opened = [one for one in media if one.views]
    published = [one for one in media if one.is_published]
    graded = [one for one in answers if one.right is not None]
    moments = [one.last_viewed for one in media if one.last_viewed]
    moments += [one.answered_at for one in answers if one.answered_at]
    return StudentFigures(
        media_watched=Part(sum(bool(one.views) for one in published), len(published)),
        minutes=sum(one.minutes for one in media),
        average_watched=sum(one.watched for one in opened) / len(opened) if opened else None,
        answered=Part(sum(one.answered_at is not None for one in answers), len(answers)),
        correct=Part(sum(bool(one.right) for one in graded), len(graded)),
        last_activity=max(moments, default=None),
        scores=scores,
        media=media,
        answers=answers,
        days=_days(learner, keys),
    )


def charted(days: Sequence[ActiveDay]) -> tuple[str, list[ActiveDay]]:
    """Every day from the first to the last, or every week or month, with the step's name."""
    if not days:
        return "day", []
    step = step_of(days[0].day, days[-1].day)
    found = {day: ActiveDay(day, 0, 0) for day in steps(floor_of(days[0].day, step), days[-1].day, step)}
    for one in days:
        first = floor_of(one.day, step)
        found[first] = ActiveDay(first, found[first].views + one.views, found[first].minutes + one.minutes)
    return step, list(found.values())


_SEEN = """
SELECT media_id, views, seconds, watched_seconds, last_at,
       ARRAY(SELECT ARRAY[lower(one), upper(one)] FROM unnest(watched) one)
FROM analytics_viewuser WHERE learner_id = %s AND section_id = ANY(%s)
"""


def _media(learner: Learner, sections: Sequence[Section]) -> list[SeenMedia]:
    names = {section.pk: course_of(section) for section in sections}
    with connection.cursor() as cursor:
        cursor.execute(_SEEN, [learner.pk, list(names)])
        seen = {media: rest for media, *rest in cursor.fetchall()}
    now = timezone.now()
    open_now = set(Media.objects.published().filter(section__in=list(names)).values_list("pk", flat=True))
    found = []
    for media in Media.objects.filter(section__in=list(names)):
        views, seconds, watched, last_at, ranges = seen.get(media.pk, (0, 0, 0, None, []))
        found.append(
            SeenMedia(
                media=media,
                title=media.title,
                course=names[media.section_id],
                length=media.duration_seconds,
                views=views,
                minutes=seconds / 60,
                watched=min(watched / media.duration_seconds, 1),
                seen=in_ranges(ranges),
                last_viewed=last_at,
                ranges=[(low, high) for low, high in ranges],
                is_published=media.published_at is not None and media.published_at <= now,
                can_be_watched=media.pk in open_now,
            )
        )
    return sorted(found, key=lambda one: (natural(one.course), natural(one.title), one.media.pk))


def in_ranges(ranges: Sequence[Sequence[int]]) -> str:
    """0:00–12:30, 40:00–50:00"""
    return ", ".join(f"{clock(low)}–{clock(high)}" for low, high in ranges)


_ANSWERS = """
SELECT poll_id, first_response, latest_response, latest_correct, latest_at
FROM analytics_pollanswer WHERE learner_id = %s AND section_id = ANY(%s)
"""


def _answers(learner: Learner, sections: Sequence[Section]) -> list[GivenAnswer]:
    """Of every poll that was offered and is not anonymous."""
    names = {section.pk: course_of(section) for section in sections}
    with connection.cursor() as cursor:
        cursor.execute(_ANSWERS, [learner.pk, list(names)])
        given = {poll: rest for poll, *rest in cursor.fetchall()}
    polls = Poll.objects.filter(media__section__in=list(names), anonymous=False).select_related("media")
    found = []
    for poll in polls:
        first, latest, right, at = given.get(poll.pk, ("", "", None, None))
        found.append(
            GivenAnswer(
                poll=poll,
                question=poll.question,
                media=poll.media.title,
                course=names[poll.media.section_id],
                first=in_words(poll, first) if at else "",
                latest=in_words(poll, latest) if at else "",
                correct=_correct(poll, right) if at else "",
                answered_at=at,
                right=right,
            )
        )
    return sorted(
        found, key=lambda one: (natural(one.course), natural(one.media), one.poll.at_seconds or 0, one.poll.pk)
    )


def _as_student(one: GivenAnswer) -> GivenAnswer:
    return one if _tells(one) else replace(one, correct="", right=None)


def _tells(one: GivenAnswer) -> bool:
    """Whether the poll tells its students what is right."""
    return one.answered_at is None or one.poll.shows_results(answered=True)


def _correct(poll: Poll, right: bool | None) -> str:
    if right is None:
        return "Not graded"
    return "Yes" if right else "No"


def _days(learner: Learner, sections: list[int]) -> list[ActiveDay]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT day, sum(views), sum(seconds) FROM analytics_viewuserday"
            " WHERE learner_id = %s AND section_id = ANY(%s) GROUP BY day ORDER BY day",
            [learner.pk, sections],
        )
        return [ActiveDay(day, views, seconds / 60) for day, views, seconds in cursor.fetchall()]


def _scores(
    learner: Learner, sections: Sequence[Section], answers: Sequence[GivenAnswer], *, as_student: bool
) -> list[tuple[Section, float]]:
    """One query for each section that has a score."""
    weighed = SectionFigures.objects.in_bulk([section.pk for section in sections])
    silent = {one.poll.media.section_id for one in answers if as_student and not _tells(one)}
    found = []
    for section in sections:
        weights = weighed.get(section.pk)
        if weights is None or not weights.has_score or (weights.weight_correct and section.pk in silent):
            continue
        value = scores_of(weights).get(learner.pk)
        if value is not None:
            found.append((section, value))
    return found
