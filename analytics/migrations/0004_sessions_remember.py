from __future__ import annotations

import uuid

import django.contrib.postgres.fields
from django.db import migrations, models

import analytics.models.rollups

# In the order in which they are meant if they happen in one moment: pause, jump, play.
KINDS = "UPDATE analytics_viewevent SET kind = CASE kind WHEN 1 THEN 3 WHEN 2 THEN 1 ELSE 2 END WHERE kind IN (1, 2, 3)"
KINDS_BACK = "UPDATE analytics_viewevent SET kind = CASE kind WHEN 3 THEN 1 WHEN 1 THEN 2 ELSE 3 END WHERE kind IN (1, 2, 3)"
WATCHED_DAYS = "UPDATE analytics_viewuserday SET watched_seconds = analytics_covered(watched)"
FLAT = """
ALTER TABLE analytics_viewsession ADD COLUMN flat integer[] NOT NULL DEFAULT '{}';
UPDATE analytics_viewsession SET watched_seconds = analytics_covered(watched), flat = ARRAY(
    SELECT unnest(ARRAY[lower(stretch), upper(stretch)]) FROM unnest(plays) WITH ORDINALITY AS one(stretch, place)
    ORDER BY place);
ALTER TABLE analytics_viewsession DROP COLUMN plays;
ALTER TABLE analytics_viewsession RENAME COLUMN flat TO plays;
ALTER TABLE analytics_viewsession ALTER COLUMN plays DROP DEFAULT;
"""
RANGES = """
ALTER TABLE analytics_viewsession ADD COLUMN ranges int4range[] NOT NULL DEFAULT '{}';
UPDATE analytics_viewsession SET ranges = ARRAY(
    SELECT int4range(plays[place], plays[place + 1]) FROM generate_series(1, cardinality(plays), 2) place
    ORDER BY place);
ALTER TABLE analytics_viewsession DROP COLUMN plays;
ALTER TABLE analytics_viewsession RENAME COLUMN ranges TO plays;
ALTER TABLE analytics_viewsession ALTER COLUMN plays DROP DEFAULT;
"""
PLAYS = django.contrib.postgres.fields.ArrayField(models.IntegerField(), default=list)
# Rows that are written again and again stay on their page, and their indexes as they are.
TABLES = ("viewsession", "viewuserday", "viewuser")
ROOM = [f"ALTER TABLE analytics_{table} SET (fillfactor = 70)" for table in TABLES]
NO_ROOM = [f"ALTER TABLE analytics_{table} RESET (fillfactor)" for table in TABLES]


class Migration(migrations.Migration):
    """Sessions that are there keep their figures. With an empty `state` they are read anew from their events when more
    of these come; after going back, `rebuild_analytics` does that.
    """

    dependencies = [("analytics", "0003_storing")]

    operations = [
        # First, so that what is rewritten below has its room at once.
        migrations.RunSQL(ROOM, NO_ROOM),
        migrations.RunSQL(KINDS, KINDS_BACK),
        migrations.AlterField(
            "viewevent",
            "kind",
            models.SmallIntegerField(
                choices=[
                    (0, "Initialized"),
                    (1, "Paused"),
                    (2, "Seeked"),
                    (3, "Played"),
                    (4, "Interacted"),
                    (5, "Completed"),
                    (6, "Terminated"),
                ]
            ),
        ),
        migrations.AlterModelOptions(
            "activity",
            {
                "ordering": ["iri"],
                "verbose_name": "name without media",
                "verbose_name_plural": "names without media",
            },
        ),
        migrations.AddField("viewsession", "state", models.BinaryField(default=b"")),
        migrations.AlterField("viewsession", "state", models.BinaryField()),
        migrations.AddField("viewsession", "watched_seconds", models.IntegerField(default=0)),
        migrations.AddField("viewuserday", "watched_seconds", models.IntegerField(default=0)),
        migrations.RunSQL(WATCHED_DAYS, migrations.RunSQL.noop),
        migrations.AlterField("viewuserday", "watched_seconds", models.IntegerField()),
        # From, to, from, to…: ranges take PostgreSQL three times as long to read.
        migrations.RunSQL(FLAT, RANGES, state_operations=[migrations.AlterField("viewsession", "plays", PLAYS)]),
        # Defaults for going back alone.
        migrations.AlterField("viewsession", "last_statement", models.UUIDField(default=uuid.UUID(int=0))),
        migrations.AlterField(
            "viewsession", "claimed", analytics.models.rollups.IntegerMultirangeField(default="{}")
        ),
        migrations.RemoveField("viewsession", "last_statement"),
        migrations.RemoveField("viewsession", "position"),
        migrations.RemoveField("viewsession", "playing"),
        migrations.RemoveField("viewsession", "inferred"),
        migrations.RemoveField("viewsession", "claimed"),
    ]
