from __future__ import annotations

from django.db import migrations, models

# Of sessions that are there already, from their events, as far as those were not dropped.
FIRST_STORED = """
UPDATE analytics_viewsession session SET first_stored = coalesce(
    (SELECT min(event.stored) FROM analytics_viewevent event
     JOIN analytics_media media ON media.activity_id = event.activity_id
     WHERE media.id = session.media_id AND event.session_id = session.session_id),
    session.started)
"""


class Migration(migrations.Migration):
    dependencies = [("analytics", "0001_initial")]

    operations = [
        migrations.AddField("rosterlearner", "login_id", models.CharField(default="", max_length=255)),
        migrations.AddField("rosterlearner", "name", models.CharField(default="", max_length=255)),
        migrations.AddField("statementbatch", "problem", models.TextField(blank=True, db_default="")),
        migrations.AddField("viewsession", "first_stored", models.DateTimeField(null=True)),
        migrations.RunSQL(FIRST_STORED, migrations.RunSQL.noop),
        migrations.AlterField("viewsession", "first_stored", models.DateTimeField()),
        migrations.AlterField(
            "poll",
            "anonymous",
            models.BooleanField(default=False, help_text="Answers are counted, and no name is stored with them."),
        ),
    ]
