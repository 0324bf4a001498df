"""Taking a person out of everything that was stored about their watching and answering."""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from typing import TYPE_CHECKING

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from . import folding, identities
from .attachments import spoken_of
from .models import AttachedFile, Erasure, Learner

if TYPE_CHECKING:
    from accounts.models import User


def erase(learner: Learner, *, by: User | None) -> Erasure:
    """Statements that name the person, events, figures and names go; what others did stays as it was.

    Reads all events once: seconds for millions of them, in which no statements are stored. Somebody who is still
    on a roster is met again as a person without a past; a statement that is sent again after this is accepted and
    not stored, as its id stays known.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        identities.nobody_stores(cursor)
        folding.lock(cursor)
        names = list(learner.identities.values_list("pk", flat=True))
        count = _erase_statements(cursor, names)
        for table in ("analytics_viewevent", "analytics_answerevent"):
            cursor.execute(f"DELETE FROM {table} WHERE identity_id = ANY(%s)", [names])  # noqa: S608
        folding.forget(cursor, learner.pk)
        learner.delete()
        return Erasure.objects.create(erased_by=by, statements=count)


def _erase_statements(cursor: CursorWrapper, identities: list[int]) -> int:
    """Their places in the stored requests become null; their ids stay, so that they are not stored again."""
    cursor.execute(
        "UPDATE analytics_statement SET erased = true, actor_id = NULL, object_id = NULL, agents = '{}',"
        " activities = '{}', registration = NULL, refers = NULL"
        " WHERE actor_id = ANY(%(identities)s) OR agents && %(identities)s::int[]"
        " RETURNING batch_id, position",
        {"identities": identities},
    )
    places: dict[int, list[int]] = defaultdict(list)
    for batch, position in cursor.fetchall():
        places[batch].append(position)
    for batch, positions in places.items():
        cursor.execute("SELECT body FROM analytics_statementbatch WHERE id = %s", [batch])
        row = cursor.fetchone()
        if row is None:  # its month was dropped
            continue
        statements = json.loads(zlib.decompress(bytes(row[0])))
        for position in positions:
            statements[position] = None
        body = zlib.compress(json.dumps(statements, separators=(",", ":")).encode(), 1)
        cursor.execute("UPDATE analytics_statementbatch SET body = %s WHERE id = %s", [body, batch])
        kept = {sha2 for statement in statements if statement for sha2 in spoken_of(statement)}
        AttachedFile.objects.filter(batch_id=batch).exclude(sha2__in=kept).delete()
    return sum(len(positions) for positions in places.values())
