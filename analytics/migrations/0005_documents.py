from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("analytics", "0004_sessions_remember")]

    operations = [
        migrations.AlterField(
            "eventsource",
            "may_read",
            models.BooleanField(
                default=False,
                help_text="May also ask for statements and documents, those of other sources included.",
            ),
        ),
        migrations.CreateModel(
            "Document",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "activity",
                    models.ForeignKey(
                        "analytics.Activity",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        db_index=False,
                    ),
                ),
                (
                    "identity",
                    models.ForeignKey(
                        "analytics.Identity",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                    ),
                ),
                ("registration", models.UUIDField(null=True)),
                ("key", models.TextField()),
                ("content_type", models.CharField(max_length=255)),
                ("content", models.BinaryField()),
                ("updated_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["activity", "identity", "registration", "key"],
                        nulls_distinct=False,
                        name="one_document_of_a_name",
                    ),
                    models.CheckConstraint(
                        condition=Q(activity__isnull=False, identity__isnull=False)
                        | Q(activity__isnull=False, registration=None)
                        | Q(identity__isnull=False, registration=None),
                        name="document_is_a_state_or_a_profile",
                    ),
                ],
            },
        ),
    ]
