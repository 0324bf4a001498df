"""Sections whose lectures were watched: events of ten million statements, made by PostgreSQL itself."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from accounts.models import User
from analytics.figures import tab
from analytics.figures.selection import Asked, Range, sections_of, select
from analytics.models import Activity, Identity, Learner, Media, RosterLearner, ViewEvent
from configurations.models import ApiConfiguration
from directory.models import LmsCourse, RosterEntry
from schedules.models import Section, SectionInstructor
from tests.support import timetable

LENGTH = 3000
# One every fifteen seconds; of a media of fifty minutes people watch twenty in one sitting.
STEP = 15
DAYS = 98


@dataclass(frozen=True)
class Size:
    sections: int
    media: int
    students: int
    sittings: int
    steps: int

    @property
    def events(self) -> int:
        return self.sections * self.media * self.students * self.sittings * (self.steps + 1)


FULL = Size(sections=10, media=30, students=200, sittings=2, steps=82)
QUICK = Size(sections=2, media=5, students=20, sittings=2, steps=20)


def make(size: Size) -> int:
    """Media, students and their events, not folded; returns how many events."""
    for number in range(size.sections):
        _section(size, number)
    _events(size)
    return ViewEvent.objects.count()


def _section(size: Size, number: int) -> None:
    section = timetable.section()
    configuration, _ = ApiConfiguration.objects.get_or_create(
        name="Bench Canvas",
        defaults={"base_url": "https://canvas.example.edu", "client_id": "1", "client_secret": "x"},
    )
    course = LmsCourse.objects.create(configuration=configuration, lms_id=f"bench-{number}", name="Lectures")
    timetable.link(section, course)
    now = timezone.now()
    days = [now - datetime.timedelta(days=DAYS * (one + 1) / size.media) for one in range(size.media)]
    activities = Activity.objects.bulk_create(
        Activity(iri=f"https://media.example.edu/bench/{number}/{one}") for one in range(size.media)
    )
    Media.objects.bulk_create(
        Media(
            section=section,
            title=f"Lecture {one}",
            duration_seconds=LENGTH,
            recorded_at=day,
            published_at=day,
            activity=activity,
        )
        for one, (day, activity) in enumerate(zip(days, activities, strict=True))
    )
    learners = Learner.objects.bulk_create(
        Learner(name=f"Student {number}-{one:03}", email=f"s{number}-{one}@example.edu")
        for one in range(size.students)
    )
    Identity.objects.bulk_create(Identity(key=f"mailto:{learner.email}", learner=learner) for learner in learners)
    entries = RosterEntry.objects.bulk_create(
        RosterEntry(
            course=course,
            lms_user_id=f"{number}-{one}",
            name=learner.name,
            role="StudentEnrollment",
            state="active",
        )
        for one, learner in enumerate(learners)
    )
    RosterLearner.objects.bulk_create(
        RosterLearner(entry=entry, learner=learner) for entry, learner in zip(entries, learners, strict=True)
    )


# Every student sits down before every media of the section. The batches are ten thousand statements, in the order
# in which they came.
_EVENTS = """
INSERT INTO analytics_viewevent
    (batch_id, position, stored, statement_id, occurred, activity_id, identity_id, session_id, kind, "at")
SELECT {base} + number / 10000, number % 10000, occurred, gen_random_uuid(), occurred, activity_id, identity_id,
       session_id, CASE step WHEN 0 THEN 3 WHEN {steps} THEN 1 ELSE 4 END, first + step * {gap}
FROM (
    SELECT row_number() OVER (ORDER BY began + step * interval '{gap} s', session_id) - 1 AS number, *,
           began + step * interval '{gap} s' AS occurred
    FROM (
        SELECT media.activity_id, identity.id AS identity_id, gen_random_uuid() AS session_id,
               floor(random() * ({length} - {steps} * {gap})) AS first,
               media.published_at + (now() - media.published_at) * power(random(), 3) * 0.9 AS began
        FROM analytics_media media
        JOIN schedules_lmscourselink link ON link.section_id = media.section_id
        JOIN directory_rosterentry entry ON entry.course_id = link.lms_course_id
        JOIN analytics_rosterlearner known ON known.entry_id = entry.id
        JOIN analytics_identity identity ON identity.learner_id = known.learner_id
        CROSS JOIN generate_series(1, {sittings})
        OFFSET 0
    ) sitting
    CROSS JOIN generate_series(0, {steps}) AS step
) event
"""
_BATCHES = """
INSERT INTO analytics_statementbatch (id, stored, source_id, statements, version, body)
SELECT batch_id, min(stored), 0, count(*), '1.0.3', '' FROM analytics_viewevent WHERE batch_id >= %s
GROUP BY batch_id
"""


def _events(size: Size) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('analytics_batch_id')")
        base = cursor.fetchone()[0]
        cursor.execute(
            _EVENTS.format(base=base, steps=size.steps, gap=STEP, length=LENGTH, sittings=size.sittings)
        )
        cursor.execute(_BATCHES, [base])
        cursor.execute("SELECT setval('analytics_batch_id', (SELECT max(id) FROM analytics_statementbatch))")
        cursor.execute("VACUUM ANALYZE analytics_viewevent, analytics_statementbatch")


_MORE = """
INSERT INTO analytics_viewevent
    (batch_id, position, stored, statement_id, occurred, activity_id, identity_id, session_id, kind, "at")
SELECT {base} + number / 10000, number % 10000, now(), gen_random_uuid(), {occurred}, activity_id, identity_id,
       session_id, 4, floor(random() * {length})
FROM (
    SELECT row_number() OVER (ORDER BY {arrival}) - 1 AS number, session.last_at, media.activity_id,
           identity.id AS identity_id, session.session_id, step
    FROM (SELECT * FROM analytics_viewsession ORDER BY random() LIMIT {sessions}) session
    JOIN analytics_media media ON media.id = session.media_id
    JOIN LATERAL (
        SELECT id FROM analytics_identity WHERE learner_id = session.learner_id ORDER BY id LIMIT 1
    ) identity ON true
    CROSS JOIN generate_series(1, {each}) AS step
) event
"""


@dataclass(frozen=True)
class Late:
    """How further events of sessions come in, and when they happened, from the last one that is counted."""

    arrival: str
    occurred: str
    each: int = 8


_NEXT = f"last_at + step * interval '{STEP} s'"
IN_ORDER = Late("step, random()", _NEXT)
# All mixed: of a batch of 10,000 hardly two are of one session, and hardly one comes after the one before it.
SHUFFLED = Late("random()", _NEXT)
# Before the last one that is counted: by less than is remembered of a session, and by more.
LATE = Late("random()", "last_at - random() * interval '100 s'", each=1)
TOO_LATE = Late("random()", "last_at - interval '10 min' - random() * interval '5 min'", each=1)


def more(sessions: int, late: Late) -> int:
    """Further events of so many sessions that exist; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute("SELECT max(id) + 1 FROM analytics_statementbatch")
        base = cursor.fetchone()[0]
        cursor.execute(
            _MORE.format(
                base=base,
                arrival=late.arrival,
                occurred=late.occurred,
                each=late.each,
                length=LENGTH,
                sessions=sessions,
            )
        )
        made: int = cursor.rowcount
        cursor.execute(_BATCHES, [base])
        cursor.execute("SELECT setval('analytics_batch_id', (SELECT max(id) FROM analytics_statementbatch))")
    return made


def taught_by(user: User) -> None:
    for section in Section.objects.filter(media__activity__iri__contains="/bench/").distinct():
        SectionInstructor.objects.get_or_create(section=section, user=user)


_COPIES = """
INSERT INTO analytics_{table} (section_id, media_id, learner_id, {columns})
SELECT section_id + 1000000 * copy, media_id + 1000000 * copy, learner_id + 1000000 * copy, {columns}
FROM analytics_{table} CROSS JOIN generate_series(1, %s) AS copy
WHERE section_id < 1000000 ON CONFLICT DO NOTHING
"""


def others(size: Size, count: int) -> None:
    """The figures of so many further sections, as large as the first; those of an earlier call are among them."""
    with connection.cursor() as cursor:
        for table in ("viewuserday", "viewuser"):
            cursor.execute(
                "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute"
                " WHERE attrelid = %s::regclass AND attnum > 0 AND attname NOT IN ('id', 'section_id', 'media_id',"
                " 'learner_id')",
                [f"analytics_{table}"],
            )
            columns = cursor.fetchone()[0]
            cursor.execute(_COPIES.format(table=table, columns=columns), [max(count // size.sections, 1)])
        # As autovacuum does within a minute.
        cursor.execute("VACUUM ANALYZE")


# --- The same table twice -----------------------------------------------------------------------------------
def media_table() -> object:
    user = User.objects.get(email="bench-instructor@example.edu")
    sections = sections_of(user)
    chosen = select(Asked(range=Range.DAYS_30), sections)
    return tab.media_table(tab.read(chosen.selection, sections))


_FROM_EVENTS = """
WITH stretch AS (
    SELECT activity_id, identity_id, session_id,
           lag("at") OVER session AS low, "at" AS high, kind
    FROM analytics_viewevent WHERE occurred >= %s
    WINDOW session AS (PARTITION BY activity_id, session_id ORDER BY occurred, statement_id)
), seen AS (
    SELECT activity_id, identity_id, count(DISTINCT session_id) AS views, sum(high - low) AS seconds,
           range_agg(int4range(low::int, high::int)) AS watched
    FROM stretch WHERE kind <> 3 AND low < high GROUP BY activity_id, identity_id
)
SELECT activity_id, sum(views), count(*), sum(seconds), avg(analytics_covered(watched))
FROM seen GROUP BY activity_id
"""


def media_table_from_events() -> list[tuple[object, ...]]:
    """Views, viewers, seconds and average watched, of thirty days."""
    with connection.cursor() as cursor:
        cursor.execute(_FROM_EVENTS, [_thirty_days_ago()])
        return list(cursor.fetchall())


def _thirty_days_ago() -> datetime.datetime:
    return timezone.now() - datetime.timedelta(days=30)
