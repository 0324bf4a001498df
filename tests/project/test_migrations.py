from __future__ import annotations

import json
import zlib
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

OURS = ("accounts", "configurations", "directory", "schedules", "analytics")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("label", OURS)
def test_migrations_go_back_and_forth(label, django_db_serialized_rollback):
    try:
        call_command("migrate", label, "zero", verbosity=0)
        tables = connection.introspection.table_names()
        assert [name for name in tables if name.startswith(f"{label}_")] == []
    finally:
        call_command("migrate", verbosity=0)

    executor = MigrationExecutor(connection)
    assert executor.migration_plan(executor.loader.graph.leaf_nodes()) == []
    models = {model._meta.db_table for model in apps.get_app_config(label).get_models()}
    assert models <= set(connection.introspection.table_names())


# --- What is there stays what it was -----------------------------------------------------------------------
OLD, NEW = ("analytics", "0002_first_stored_problem_login"), ("analytics", "0004_sessions_remember")


@pytest.mark.django_db(transaction=True)
def test_statements_and_sessions_of_before_keep_what_they_say(django_db_serialized_rollback):
    told: list[dict[str, Any] | None] = [
        {
            "actor": MEMBERS,
            "object": {"id": "https://e.org/a"},
            "context": {"instructor": {"mbox": "mailto:c@e.org"}},
        },
        {"actor": {"mbox": "mailto:a@e.org"}, "object": {"objectType": "StatementRef", "id": str(UUID(int=9))}},
        None,
    ]
    statements = [
        one and {"id": str(UUID(int=key)), "verb": {"id": "https://e.org/v"}} | one for key, one in enumerate(told)
    ]
    try:
        MigrationExecutor(connection).migrate([OLD])
        with connection.cursor() as cursor:
            body = zlib.compress(json.dumps(statements).encode())
            cursor.execute(BATCH, [body])
            for key, agents in enumerate(([1, 2, 3], [1], [])):
                cursor.execute(STATEMENT, [UUID(int=key), key, b"" if key == 2 else b"x" * 16, agents])
            cursor.execute(SESSION)
            cursor.execute(USER_DAY)

        MigrationExecutor(connection).migrate([NEW])
        with connection.cursor() as cursor:
            cursor.execute("SELECT about, refers, erased FROM analytics_statement ORDER BY position")
            assert cursor.fetchall() == [(2, None, False), (1, UUID(int=9), False), (0, None, True)]
            cursor.execute("SELECT plays, watched_seconds, state FROM analytics_viewsession")
            assert [(plays, seconds, bytes(state)) for plays, seconds, state in cursor.fetchall()] == [
                ([5, 10, 0, 7], 10, b"")
            ]
            cursor.execute("SELECT watched_seconds FROM analytics_viewuserday")
            assert cursor.fetchall() == [(15,)]

        MigrationExecutor(connection).migrate([OLD])
        with connection.cursor() as cursor:
            cursor.execute("SELECT digest = '' FROM analytics_statement ORDER BY position")
            assert cursor.fetchall() == [(False,), (False,), (True,)]
            cursor.execute("SELECT plays::text FROM analytics_viewsession")
            assert cursor.fetchall() == [('{"[5,10)","[0,7)"}',)]
    finally:
        with connection.cursor() as cursor:
            for table in ("statement", "statementbatch", "viewsession", "viewuserday"):
                cursor.execute(f"TRUNCATE analytics_{table}")
        call_command("migrate", verbosity=0)


MEMBERS = {
    "objectType": "Group",
    "member": [{"mbox": "mailto:a@e.org"}, {"mbox": "mailto:b@e.org"}],
}
BATCH = """
INSERT INTO analytics_statementbatch (id, stored, source_id, statements, version, body)
VALUES (1, now(), 1, 3, '1.0.3', %s)
"""
STATEMENT = """
INSERT INTO analytics_statement (id, stored, batch_id, position, digest, verb_id, agents, activities)
VALUES (%s, now(), 1, %s, %s, 1, %s::int[], '{}')
"""
SESSION = """
INSERT INTO analytics_viewsession
    (section_id, media_id, learner_id, session_id, started, first_stored, day, last_at, last_statement, playing,
     plays, inferred, claimed, seconds, watched)
VALUES (1, 1, 1, gen_random_uuid(), now(), now(), current_date, now(), gen_random_uuid(), false,
        '{"[5,10)","[0,7)"}', false, '{}', 12, '{[0,10)}')
"""
USER_DAY = """
INSERT INTO analytics_viewuserday
    (section_id, day, media_id, learner_id, views, views_5, seconds, last_at, watched)
VALUES (1, current_date, 1, 1, 2, 2, 30, now(), '{[0,10),[20,25)}')
"""
