"""What was watched: by media, by person, by day. The rules: docs/analytics.md. The words: definitions.py."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from analytics.enrolment import STUDENTS

from .selection import Selection

PLAN = "SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL work_mem = '32MB'"


@contextmanager
def reading() -> Iterator[CursorWrapper]:
    """A cursor for sums over ten thousands of rows: compiling and parallel workers cost more than they save."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(PLAN)
        yield cursor


# Media of the sections, with what counts as complete, and whether students could watch them.
MEDIA = """
media AS (
    SELECT media.id, media.section_id, media.duration_seconds AS length,
           coalesce(figures.completion_percent, 95) AS complete_percent,
           coalesce(media.published_at < %(published_until)s, false) AS published
    FROM analytics_media media
    LEFT JOIN analytics_sectionfigures figures ON figures.section_id = media.section_id
    WHERE media.section_id = ANY(%(sections)s)
)"""
# Each pair of media and learner once, over all days of the selection. Of a pair that was never seen outside of
# them, the sum over all time stands; of the others the days are added up, and their ranges merged if there are
# several. The two keys in one number, and IN instead of a join: else PostgreSQL expects one match or millions, and
# sorts where it should hash.
PAIRS = """
candidate AS MATERIALIZED (
    SELECT section_id, media_id, learner_id, views, views_5, seconds, watched_seconds AS watched, last_at,
           first_at >= %(starts_at)s AND last_at < %(ends_at)s AS inside
    FROM analytics_viewuser
    WHERE section_id = ANY(%(sections)s) AND first_at < %(ends_at)s AND last_at >= %(starts_at)s
),
pair AS (
    SELECT section_id, media_id, learner_id, views, views_5, seconds, watched, last_at FROM candidate WHERE inside
  UNION ALL
    SELECT seen.section_id, seen.media_id, seen.learner_id,
           sum(seen.views)::int, sum(seen.views_5)::int, sum(seen.seconds)::int,
           CASE count(*) WHEN 1 THEN max(seen.watched_seconds) ELSE
               (SELECT sum(upper(one) - lower(one)) FROM unnest(range_agg(seen.watched)) one)::int END,
           max(seen.last_at)
    FROM analytics_viewuserday seen
    WHERE seen.section_id = ANY(%(sections)s) AND seen.day BETWEEN %(first)s AND %(last)s
      AND (seen.media_id::bigint << 32) + coalesce(seen.learner_id, 0) IN (
        SELECT (media_id::bigint << 32) + coalesce(learner_id, 0) FROM candidate WHERE NOT inside)
    GROUP BY seen.section_id, seen.media_id, seen.learner_id
)"""
# Of the pairs (or days) that count; `student` is NULL for others, and everything of nobody in particular is kept.
OF_THESE = """
LEFT JOIN student ON student.section_id = {0}.section_id AND student.learner_id = {0}.learner_id
WHERE (NOT %(students_only)s OR student.learner_id IS NOT NULL OR {0}.learner_id IS NULL)"""


@dataclass(frozen=True)
class MediaViews:
    """`shares`: the sum over viewers of the share of the media that each has watched."""

    viewers: int = 0
    students: int = 0
    views: int = 0
    views_5: int = 0
    seconds: int = 0
    shares: float = 0.0
    student_shares: float = 0.0
    complete: int = 0
    anonymous_views: int = 0
    last_at: datetime.datetime | None = None


@dataclass(frozen=True)
class LearnerViews:
    """Of one learner over all media. `published`: how many of the media are published."""

    media: int = 0
    published: int = 0
    views: int = 0
    seconds: int = 0
    shares: float = 0.0
    last_at: datetime.datetime | None = None


@dataclass(frozen=True)
class Viewing:
    """`students`: by learner, in the sections of which they are students. `others`: likewise, everybody else."""

    media: Mapping[int, MediaViews] = field(default_factory=dict)
    students: Mapping[int, LearnerViews] = field(default_factory=dict)
    others: Mapping[int, LearnerViews] = field(default_factory=dict)


# Nobody in particular has no part in anything but `anonymous_views`.
_VIEWING = f"""
WITH {STUDENTS}, {MEDIA}, {PAIRS}
SELECT GROUPING(pair.media_id), pair.media_id, pair.learner_id, student.learner_id IS NOT NULL,
       count(pair.learner_id),
       count(student.learner_id),
       count(*) FILTER (WHERE media.published),
       coalesce(sum(views) FILTER (WHERE pair.learner_id IS NOT NULL), 0),
       coalesce(sum(views_5) FILTER (WHERE pair.learner_id IS NOT NULL), 0),
       coalesce(sum(seconds) FILTER (WHERE pair.learner_id IS NOT NULL), 0),
       coalesce(sum(least(watched::float8 / length, 1)) FILTER (WHERE pair.learner_id IS NOT NULL), 0),
       coalesce(sum(least(watched::float8 / length, 1)) FILTER (WHERE student.learner_id IS NOT NULL), 0),
       count(pair.learner_id) FILTER (WHERE watched * 100 >= complete_percent * length),
       coalesce(sum(views) FILTER (WHERE pair.learner_id IS NULL), 0),
       max(last_at) FILTER (WHERE pair.learner_id IS NOT NULL)
FROM pair
JOIN media ON media.id = pair.media_id AND media.section_id = pair.section_id
{OF_THESE.format("pair")}
GROUP BY GROUPING SETS ((pair.media_id), (pair.learner_id, student.learner_id IS NOT NULL))
"""  # noqa: S608 - constants


def viewing(selection: Selection) -> Viewing:
    """One query."""
    with reading() as cursor:
        cursor.execute(_VIEWING, selection.parameters)
        rows = cursor.fetchall()
    media: dict[int, MediaViews] = {}
    students: dict[int, LearnerViews] = {}
    others: dict[int, LearnerViews] = {}
    for by_learner, media_id, learner_id, is_student, viewers, of_students, published, *sums in rows:
        views, views_5, seconds, shares, student_shares, complete, anonymous_views, last_at = sums
        if not by_learner:
            media[media_id] = MediaViews(
                viewers,
                of_students,
                views,
                views_5,
                seconds,
                shares,
                student_shares,
                complete,
                anonymous_views,
                last_at,
            )
        elif learner_id is not None:
            people = students if is_student else others
            people[learner_id] = LearnerViews(viewers, published, views, seconds, shares, last_at)
    return Viewing(media, students, others)


# --- Days -----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Day:
    """Or the week or the month that begins with it."""

    first: datetime.date
    views: int = 0
    viewers: int = 0
    seconds: int = 0
    anonymous_views: int = 0


_DAYS = f"""
WITH {STUDENTS}
SELECT first, coalesce(sum(views) FILTER (WHERE learner_id IS NOT NULL), 0)::bigint, count(learner_id),
       coalesce(sum(seconds) FILTER (WHERE learner_id IS NOT NULL), 0)::bigint,
       coalesce(sum(views) FILTER (WHERE learner_id IS NULL), 0)::bigint
FROM (
    SELECT CASE %(step)s WHEN 'day' THEN seen.day ELSE date_trunc(%(step)s, seen.day)::date END AS first,
           seen.learner_id,
           sum(seen.views) AS views, sum(seen.seconds) AS seconds
    FROM analytics_viewuserday seen
    {OF_THESE.format("seen")}
      AND seen.section_id = ANY(%(sections)s) AND seen.day BETWEEN %(first)s AND %(last)s
    GROUP BY 1, 2
) AS one
GROUP BY first ORDER BY first
"""  # noqa: S608 - constants


def viewed_days(selection: Selection, step: str) -> list[Day]:
    """By `day`, `week` (from Monday) or `month`; those on which nothing was viewed are left out. One query."""
    with reading() as cursor:
        cursor.execute(_DAYS, selection.parameters | {"step": step})
        return [Day(*row) for row in cursor.fetchall()]


# --- Who has not ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Activity:
    """Of a student, over all time: how many published media they opened, and the latest view or answer."""

    opened: int = 0
    last_at: datetime.datetime | None = None


_ACTIVITY = f"""
WITH {STUDENTS}, {MEDIA}
SELECT learner_id, sum(opened)::bigint, max(last_at)
FROM (
    SELECT section_id, learner_id, max(last_at) AS last_at,
           count(*) FILTER (WHERE media_id IN (SELECT id FROM media WHERE published)) AS opened
    FROM analytics_viewuser
    WHERE section_id = ANY(%(sections)s)
    GROUP BY section_id, learner_id
  UNION ALL
    SELECT section_id, learner_id, max(latest_at), 0
    FROM analytics_pollanswer
    WHERE section_id = ANY(%(sections)s)
    GROUP BY section_id, learner_id
) AS one
JOIN student USING (section_id, learner_id)
GROUP BY learner_id
"""  # noqa: S608 - constants


def activity(selection: Selection) -> dict[int, Activity]:
    """By learner; whoever did nothing is left out. Its days do not matter. One query."""
    with reading() as cursor:
        cursor.execute(_ACTIVITY, selection.parameters)
        return {learner: Activity(opened, last_at) for learner, opened, last_at in cursor.fetchall()}
