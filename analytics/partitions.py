"""The months into which batches and events are cut: made ahead, dropped when their time is over."""

from __future__ import annotations

import datetime
import itertools
import logging

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from .models import AnswerEvent, AttachedFile, RawDrop, Statement

logger = logging.getLogger(__name__)

TABLES = ("analytics_statementbatch", "analytics_viewevent", "analytics_answerevent")
# Answers are few, and their first attempt must stay known: they stay until their person is erased.
DROPPED = ("analytics_statementbatch", "analytics_viewevent")
MONTHS_AHEAD = 3
ROWS = 10_000


def months_from(moment: datetime.datetime, count: int) -> list[datetime.date]:
    """The first days of that many months in UTC, that of `moment` first."""
    number = moment.year * 12 + moment.month - 1
    return [datetime.date((number + n) // 12, (number + n) % 12 + 1, 1) for n in range(count)]


def kept_since() -> datetime.date:
    """The first day of the oldest month whose events are kept: EVENTS_KEEP_MONTHS whole ones before this one."""
    now = timezone.now()
    number = now.year * 12 + now.month - 1 - settings.EVENTS_KEEP_MONTHS
    return datetime.date(number // 12, number % 12 + 1, 1)


def make_ahead() -> list[str]:
    """Partitions of this month and the next ones; what already lies in the default partition moves with them."""
    made = []
    for table in TABLES:
        months = months_from(timezone.now(), MONTHS_AHEAD + 1)
        for first, after in itertools.pairwise(months):
            name = f"{table}_{first:%Y_%m}"
            if _make(table, name, first, after):
                made.append(name)
    return made


@transaction.atomic
def _make(table: str, name: str, first: datetime.date, after: datetime.date) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        if cursor.fetchone()[0]:
            return False
        bounds = [f"{first}T00:00Z", f"{after}T00:00Z"]
        cursor.execute(f"LOCK TABLE {table}_default IN SHARE ROW EXCLUSIVE MODE")
        cursor.execute(f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING STORAGE)")
        cursor.execute(
            f"WITH moved AS (DELETE FROM {table}_default WHERE stored >= %s AND stored < %s RETURNING *)"  # noqa: S608
            f" INSERT INTO {name} SELECT * FROM moved",
            bounds,
        )
        cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM (%s) TO (%s)", bounds)
    return True


def drop_before(date: datetime.date) -> list[RawDrop]:
    """Drops the months that ended by `date` (UTC) and whose batches are all folded; figures stay.

    Each is noted: sessions from before a dropped month can no longer be read anew from their events.
    """
    dropped = []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = ANY(%s::regclass[]) ORDER BY 1",
            [list(DROPPED)],
        )
        names = [name for (name,) in cursor.fetchall()]
    for month in sorted({name[-7:] for name in names if not name.endswith("_default")}):
        first = datetime.date.fromisoformat(f"{month.replace('_', '-')}-01")
        end = months_from(datetime.datetime(first.year, first.month, 1, tzinfo=datetime.UTC), 2)[1]
        if end <= date:
            found = _drop(first, end, [name for name in names if name.endswith(month)])
            if found is not None:
                dropped.append(found)
    return dropped


@transaction.atomic
def _drop(first: datetime.date, end: datetime.date, names: list[str]) -> RawDrop | None:
    with connection.cursor() as cursor:
        bounds = [f"{first}T00:00Z", f"{end}T00:00Z"]
        cursor.execute(
            "SELECT count(*), count(*) FILTER (WHERE folded_at IS NULL), coalesce(sum(statements), 0)"
            " FROM analytics_statementbatch WHERE stored >= %s AND stored < %s",
            bounds,
        )
        batches, waiting, statements = cursor.fetchone()
        if waiting:
            logger.warning("Events of %s are not dropped: %d batches are not folded yet", first, waiting)
            return None
        for name in names:
            cursor.execute(f"DROP TABLE {name}")
    found: RawDrop = RawDrop.objects.create(month=first, until=end, batches=batches, statements=statements)
    return found


def forget_dropped_statements() -> int:
    """What dropped months could be found by; some thousand rows at a time.

    The ids of erased statements stay, so that they are not stored again, and those of answers, whose events stay.
    """
    last = RawDrop.objects.order_by("-until").first()
    if last is None:
        return 0
    count = 0
    end = datetime.datetime.combine(last.until, datetime.time(), tzinfo=datetime.UTC)
    AttachedFile.objects.filter(stored__lt=end).delete()
    answers = AnswerEvent.objects.filter(batch_id=OuterRef("batch_id"), position=OuterRef("position"))
    forgettable = Statement.objects.filter(stored__lt=end, erased=False).exclude(Exists(answers))
    while True:
        keys = list(forgettable.values_list("pk", flat=True)[:ROWS])
        if not keys:
            return count
        count += Statement.objects.filter(pk__in=keys).delete()[0]
