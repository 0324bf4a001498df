from __future__ import annotations

import contextlib
import json
import zlib
from typing import Any

import django.utils.timezone
from django.db import migrations, models

# A request of statements, in one trip to the database and one plan for all requests. The numbers of the locks and the
# outcomes are those of `identities.py` and `ingest.py`.
STORE = """
CREATE FUNCTION analytics_store(
    by_source integer, with_digest bytea, in_version text, how_many integer, whole bytea, people integer[], said json
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    batch bigint;
    moment timestamptz;
BEGIN
    -- Until this ends nobody is erased. What follows sees who was erased while it waited for this.
    PERFORM pg_advisory_xact_lock_shared(7305410024);
    IF NOT EXISTS (
        SELECT FROM analytics_eventsource source
        WHERE source.id = by_source AND source.secret_digest = with_digest AND source.revoked_at IS NULL
    ) THEN
        RETURN 'refused';
    END IF;
    IF EXISTS (
        SELECT FROM unnest(people) AS person(id)
        WHERE NOT EXISTS (SELECT FROM analytics_identity identity WHERE identity.id = person.id)
    ) THEN
        RETURN 'erased';
    END IF;
    -- With a number of its own this transaction is seen by readers, who are told of nothing later than its beginning.
    PERFORM pg_current_xact_id();
    batch := nextval('analytics_batch_id');
    moment := clock_timestamp();
    -- One query for all tables: every table is written in the order of its keys. All wait for the statements, by
    -- counting them: PostgreSQL would begin with the last ones, and a repetition would be noticed at the end.
    WITH told AS MATERIALIZED (
        SELECT * FROM json_to_recordset(said) AS row(
            id uuid, position smallint, verb int, actor int, object int, registration uuid, refers uuid,
            activities int[], agents int[], about int, voids uuid, occurred timestamptz, session uuid, kind smallint,
            "at" float8, "to" float8, segments float8[], parent int, response text, success bool)
    ), statements AS (
        INSERT INTO analytics_statement (id, stored, batch_id, position, verb_id, actor_id, object_id, registration,
                                         refers, activities, agents, about)
        SELECT id, moment, batch, position, verb, actor, object, registration, refers, activities, agents, about
        FROM told ORDER BY id
        RETURNING 1
    ), stored AS (
        SELECT count(*) AS number FROM statements
    ), views AS (
        INSERT INTO analytics_viewevent (batch_id, stored, position, statement_id, occurred, activity_id,
                                         identity_id, session_id, kind, "at", "to", segments)
        SELECT batch, moment, position, id, coalesce(occurred, moment), object, actor, session, kind, "at", "to",
               segments
        FROM told WHERE kind IS NOT NULL AND (SELECT number FROM stored) > 0
    ), answers AS (
        INSERT INTO analytics_answerevent (batch_id, stored, position, statement_id, occurred, activity_id,
                                           parent_id, identity_id, response, success)
        SELECT batch, moment, position, id, coalesce(occurred, moment), object, parent, actor, response, success
        FROM told WHERE response IS NOT NULL AND (SELECT number FROM stored) > 0
    ), voids AS (
        INSERT INTO analytics_statementvoid (target, voided_by, batch_id)
        SELECT voids, id, batch FROM told WHERE voids IS NOT NULL AND (SELECT number FROM stored) > 0 ORDER BY voids
        ON CONFLICT (target) DO NOTHING
    )
    INSERT INTO analytics_statementbatch (id, stored, source_id, statements, version, body)
    SELECT batch, moment, by_source, how_many, in_version, whole FROM stored WHERE number > 0;
    RETURN 'stored';
EXCEPTION
    -- Of the statements' ids alone: the other tables have no key that two requests could share.
    WHEN unique_violation THEN
        RETURN 'known';
END
$$;
"""
DROP_STORE = "DROP FUNCTION analytics_store(integer, bytea, text, integer, bytea, integer[], json);"
# An erased statement was told by its empty digest.
ERASED = "UPDATE analytics_statement SET erased = true WHERE digest = ''"
DIGESTS = (
    "UPDATE analytics_statement SET digest = CASE WHEN erased THEN ''::bytea ELSE sha256(id::text::bytea) END"
)
VOIDED_IN = """
UPDATE analytics_statementvoid void SET batch_id = statement.batch_id
FROM analytics_statement statement WHERE statement.id = void.voided_by
"""


def tell_about_and_refers(apps: Any, _schema_editor: Any) -> None:
    """Of statements that are there, from what they say."""
    from analytics.statements import Malformed, read  # noqa: PLC0415 - only here; pure rules, no models of today

    statements = apps.get_model("analytics", "Statement").objects
    for batch in apps.get_model("analytics", "StatementBatch").objects.order_by("id").iterator(chunk_size=100):
        told = json.loads(zlib.decompress(bytes(batch.body)))
        for row in statements.filter(batch_id=batch.id, erased=False):
            row.about = len(row.agents)
            with contextlib.suppress(Malformed, IndexError):
                one = read(json.dumps(told[row.position]).encode())[1][0]
                row.about, row.refers = min(one.about, len(row.agents)), one.refers
            row.save(update_fields=["about", "refers"])


class Migration(migrations.Migration):
    """Going back: what the digests were made of is compared no more. A repetition of an earlier statement is then a
    contradiction.
    """

    dependencies = [("analytics", "0002_first_stored_problem_login")]

    operations = [
        migrations.AddField("statementvoid", "batch_id", models.BigIntegerField(default=0, db_index=True)),
        migrations.RunSQL(VOIDED_IN, migrations.RunSQL.noop),
        migrations.AlterField("statementvoid", "batch_id", models.BigIntegerField(db_index=True)),
        migrations.AddField("statement", "erased", models.BooleanField(db_default=False)),
        # Going back: what a digest was made of is not there any more; any tells that a statement is not erased.
        migrations.RunSQL(ERASED, DIGESTS),
        migrations.AlterField("statement", "digest", models.BinaryField(max_length=16, default=b"")),
        migrations.RemoveField("statement", "digest"),
        migrations.AddField("statement", "refers", models.UUIDField(null=True)),
        migrations.AddField("statement", "about", models.IntegerField(db_default=0)),
        migrations.RunPython(tell_about_and_refers, migrations.RunPython.noop),
        migrations.CreateModel(
            "AttachedFile",
            [
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("batch_id", models.BigIntegerField()),
                ("stored", models.DateTimeField(default=django.utils.timezone.now, db_index=True)),
                ("sha2", models.CharField(max_length=128)),
                ("content_type", models.CharField(max_length=255)),
                ("content", models.BinaryField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=["batch_id", "sha2"], name="one_file_of_a_request")]
            },
        ),
        migrations.RunSQL(STORE, DROP_STORE),
    ]
