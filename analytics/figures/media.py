"""One media: who watched it, which of its passages, and how far. Over all time, as the roster is today."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from analytics.enrolment import STUDENTS, Student, students_of
from analytics.models import Media
from schedules.models import Section

from . import tab
from .definitions import Part
from .selection import Selection, today
from .viewing import reading

MOST_PASSAGES = 120
SHORTEST_PASSAGE = 5
# Who has reached this much of the end has reached the end: players stop counting a moment earlier.
END_SECONDS = 5
QUARTERS = ((25, "a quarter"), (50, "half"), (75, "three quarters"), (100, "the end"))


@dataclass(frozen=True)
class Viewer:
    """Fields as in `definitions.VIEWERS`. `ranges`: what was seen at least once; `reached`: its last second."""

    learner_id: int
    name: str
    email: str
    role: str
    views: int
    minutes: float
    watched: float
    completed: str
    last_viewed: datetime.datetime
    reached: int
    ranges: list[tuple[int, int]]


@dataclass(frozen=True)
class Missing:
    """Fields as in `definitions.NOT_WATCHED`."""

    learner_id: int
    name: str
    email: str


@dataclass(frozen=True)
class Passage:
    """Fields as in `definitions.PASSAGES`: seconds `first` to `last` of the media."""

    first: int
    last: int
    viewers: int
    replays: int

    @property
    def passage(self) -> str:
        return f"{tab.clock(self.first)}–{tab.clock(self.last)}"


@dataclass(frozen=True)
class Reached:
    """Fields as in `definitions.REACHED`."""

    part: str
    reached: Part


@dataclass(frozen=True)
class MediaFigures:
    facts: tab.Facts
    row: tab.MediaRow
    polls: list[tab.PollRow]
    viewers: list[Viewer]
    missing: list[Missing]
    passages: list[Passage]
    reached: list[Reached]


def media_figures(media: Media, section: Section, *, students_only: bool) -> MediaFigures:
    """Seven queries."""
    selection = Selection((section.pk,), None, today(), students_only)
    facts = tab.read(selection, [section])
    viewers = _viewers(media, selection)
    seen = {one.learner_id for one in viewers}
    return MediaFigures(
        facts=facts,
        row=tab.media_row(media, facts),
        polls=[row for row in tab.polls_table(facts) if row.poll.media_id == media.pk],
        viewers=viewers,
        missing=missing_of(students_of([section.pk]), seen),
        passages=_passages(media, viewers, _plays(media, seen)),
        reached=[
            Reached(
                word.capitalize(), Part(sum(_has_reached(one, media, percent) for one in viewers), len(viewers))
            )
            for percent, word in QUARTERS
        ],
    )


# --- Who ------------------------------------------------------------------------------------------------
_VIEWERS = f"""
WITH {STUDENTS}
SELECT seen.learner_id, learner.name, learner.email, student.learner_id IS NOT NULL, seen.views, seen.seconds,
       seen.watched_seconds, coalesce(figures.completion_percent, 95), seen.last_at,
       ARRAY(SELECT ARRAY[lower(one), upper(one)] FROM unnest(seen.watched) one)
FROM analytics_viewuser seen
JOIN analytics_learner learner ON learner.id = seen.learner_id
LEFT JOIN student ON student.section_id = seen.section_id AND student.learner_id = seen.learner_id
LEFT JOIN analytics_sectionfigures figures ON figures.section_id = seen.section_id
WHERE seen.section_id = ANY(%(sections)s) AND seen.media_id = %(media)s
  AND (NOT %(students_only)s OR student.learner_id IS NOT NULL)
"""  # noqa: S608 - constants


def _viewers(media: Media, selection: Selection) -> list[Viewer]:
    with reading() as cursor:
        cursor.execute(_VIEWERS, selection.parameters | {"media": media.pk})
        rows = cursor.fetchall()
    viewers = [
        Viewer(
            learner_id=learner,
            name=tab.name_of(Student(learner, name, email, ())),
            email=email,
            role="Student" if is_student else "Other",
            views=views,
            minutes=seconds / 60,
            watched=min(watched / media.duration_seconds, 1),
            completed="Yes" if watched * 100 >= percent * media.duration_seconds else "No",
            last_viewed=last_at,
            reached=max((high for _, high in ranges), default=0),
            ranges=[(low, high) for low, high in ranges],
        )
        for learner, name, email, is_student, views, seconds, watched, percent, last_at, ranges in rows
    ]
    return sorted(viewers, key=lambda one: tab.natural(one.name))


def missing_of(students: Iterable[Student], done: Collection[int | None]) -> list[Missing]:
    """Students who are not among these learners."""
    missing = [one for one in students if one.learner_id not in done]
    rows = [Missing(one.learner_id, tab.name_of(one), one.email) for one in missing]
    return sorted(rows, key=lambda one: tab.natural(one.name))


def _has_reached(viewer: Viewer, media: Media, percent: int) -> bool:
    wanted = media.duration_seconds * percent / 100
    return viewer.reached >= (wanted if percent < 100 else max(wanted - END_SECONDS, 1))


# --- Which passages -------------------------------------------------------------------------------------
def _plays(media: Media, learners: Collection[int]) -> list[tuple[int, int]]:
    """Stretches as they were played, replays included, of these learners."""
    with reading() as cursor:
        cursor.execute(
            "SELECT plays[place], plays[place + 1] FROM analytics_viewsession,"
            " generate_series(1, cardinality(plays), 2) place"
            " WHERE media_id = %s AND learner_id = ANY(%s)",
            [media.pk, list(learners)],
        )
        return list(cursor.fetchall())


def _passages(media: Media, viewers: Sequence[Viewer], plays: Iterable[tuple[int, int]]) -> list[Passage]:
    """Equal ones, of a whole number of five seconds."""
    length = media.duration_seconds
    step = -(-length // (MOST_PASSAGES * SHORTEST_PASSAGE)) * SHORTEST_PASSAGE
    count = -(-length // step)
    watched, played = [0] * count, [0] * count
    for viewer in viewers:
        touched = {place for low, high in viewer.ranges for place in _touched(low, high, step, count)}
        for place in touched:
            watched[place] += 1
    for low, high in plays:
        for place in _touched(low, high, step, count):
            played[place] += 1
    return [
        Passage(
            place * step, min((place + 1) * step, length), watched[place], max(played[place] - watched[place], 0)
        )
        for place in range(count)
    ]


def _touched(low: int, high: int, step: int, count: int) -> range:
    return range(low // step, min(-(-high // step), count))
