from __future__ import annotations

import uuid

import django.contrib.postgres.fields
import django.contrib.postgres.fields.ranges
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import analytics.models.rollups

# Django cannot write partitioned tables: these three are made by hand and only described to it.
BATCHES = """
CREATE SEQUENCE analytics_batch_id AS bigint;
CREATE TABLE analytics_statementbatch (
    id bigint NOT NULL,
    stored timestamptz NOT NULL,
    source_id integer NOT NULL,
    statements integer NOT NULL,
    version varchar(10) NOT NULL,
    body bytea NOT NULL,
    folded_at timestamptz,
    PRIMARY KEY (id, stored)
) PARTITION BY RANGE (stored);
ALTER TABLE analytics_statementbatch ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX batch_not_folded ON analytics_statementbatch (id) WHERE folded_at IS NULL;
CREATE INDEX batch_by_time ON analytics_statementbatch (stored);
CREATE TABLE analytics_statementbatch_default PARTITION OF analytics_statementbatch DEFAULT;
"""
VIEW_EVENTS = """
CREATE TABLE analytics_viewevent (
    batch_id bigint NOT NULL,
    "position" smallint NOT NULL,
    stored timestamptz NOT NULL,
    statement_id uuid NOT NULL,
    occurred timestamptz NOT NULL,
    activity_id integer NOT NULL,
    identity_id integer,
    session_id uuid NOT NULL,
    kind smallint NOT NULL,
    "at" double precision,
    "to" double precision,
    segments double precision[],
    PRIMARY KEY (batch_id, "position", stored)
) PARTITION BY RANGE (stored);
CREATE INDEX event_by_session ON analytics_viewevent (activity_id, session_id);
CREATE TABLE analytics_viewevent_default PARTITION OF analytics_viewevent DEFAULT;
"""
ANSWER_EVENTS = """
CREATE TABLE analytics_answerevent (
    batch_id bigint NOT NULL,
    "position" smallint NOT NULL,
    stored timestamptz NOT NULL,
    statement_id uuid NOT NULL,
    occurred timestamptz NOT NULL,
    activity_id integer NOT NULL,
    parent_id integer,
    identity_id integer,
    response text NOT NULL,
    success boolean,
    PRIMARY KEY (batch_id, "position", stored)
) PARTITION BY RANGE (stored);
CREATE INDEX answer_by_poll ON analytics_answerevent (activity_id, identity_id);
CREATE TABLE analytics_answerevent_default PARTITION OF analytics_answerevent DEFAULT;
"""
# How many seconds ranges cover.
COVERED = """
CREATE FUNCTION analytics_covered(int4multirange) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT
RETURN (SELECT coalesce(sum(upper(one) - lower(one)), 0)::integer FROM unnest($1) one);
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("directory", "0001_initial"),
        ("schedules", "0004_changed_by_hand"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(COVERED, reverse_sql="DROP FUNCTION analytics_covered(int4multirange);"),
        migrations.CreateModel(
            name="Activity",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("iri", models.CharField(max_length=2000, unique=True, verbose_name="IRI")),
            ],
            options={
                "verbose_name_plural": "activities",
            },
        ),
        migrations.CreateModel(
            name="Learner",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("name", models.CharField(blank=True, max_length=255)),
                ("email", models.CharField(blank=True, max_length=254, verbose_name="e-mail")),
                (
                    "first_seen_at",
                    models.DateTimeField(default=django.utils.timezone.now, verbose_name="first seen"),
                ),
            ],
            options={
                "ordering": ["name", "pk"],
                "permissions": [
                    (
                        "view_learner_figures",
                        "Can see the figures of single students of sections they do not teach",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RawDrop",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("month", models.DateField(unique=True)),
                ("until", models.DateField()),
                ("batches", models.IntegerField()),
                ("statements", models.IntegerField()),
                ("dropped_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="dropped")),
            ],
            options={
                "verbose_name": "dropped month",
                "ordering": ["-month"],
            },
        ),
        migrations.CreateModel(
            name="SectionFigures",
            fields=[
                (
                    "section",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="figures",
                        serialize=False,
                        to="schedules.section",
                    ),
                ),
                (
                    "completion_percent",
                    models.PositiveSmallIntegerField(
                        default=95,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(100),
                        ],
                        verbose_name="complete from (%)",
                    ),
                ),
                (
                    "weight_watched",
                    models.PositiveSmallIntegerField(
                        default=0,
                        validators=[django.core.validators.MaxValueValidator(100)],
                        verbose_name="media watched",
                    ),
                ),
                (
                    "weight_answered",
                    models.PositiveSmallIntegerField(
                        default=0,
                        validators=[django.core.validators.MaxValueValidator(100)],
                        verbose_name="polls answered",
                    ),
                ),
                (
                    "weight_correct",
                    models.PositiveSmallIntegerField(
                        default=0,
                        validators=[django.core.validators.MaxValueValidator(100)],
                        verbose_name="polls correct",
                    ),
                ),
            ],
            options={
                "verbose_name": "figures of a section",
                "verbose_name_plural": "figures of sections",
            },
        ),
        migrations.CreateModel(
            name="StatementVoid",
            fields=[
                ("target", models.UUIDField(primary_key=True, serialize=False)),
                ("voided_by", models.UUIDField()),
            ],
        ),
        migrations.CreateModel(
            name="Verb",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("iri", models.CharField(max_length=2000, unique=True)),
            ],
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(ANSWER_EVENTS, reverse_sql="DROP TABLE analytics_answerevent;")
            ],
            state_operations=[
                migrations.CreateModel(
                    name="AnswerEvent",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "batch_id",
                                "position",
                                "stored",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("batch_id", models.BigIntegerField()),
                        ("position", models.PositiveSmallIntegerField()),
                        ("stored", models.DateTimeField()),
                        ("statement_id", models.UUIDField()),
                        ("occurred", models.DateTimeField()),
                        ("activity_id", models.IntegerField()),
                        ("parent_id", models.IntegerField(null=True)),
                        ("identity_id", models.IntegerField(null=True)),
                        ("response", models.TextField()),
                        ("success", models.BooleanField(null=True)),
                    ],
                    options={
                        "indexes": [models.Index(fields=["activity_id", "identity_id"], name="answer_by_poll")],
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("statements", models.IntegerField()),
                (
                    "erased_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-at", "-pk"],
            },
        ),
        migrations.CreateModel(
            name="EventSource",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                (
                    "name",
                    models.CharField(
                        error_messages={"unique": "This name is taken."}, max_length=100, unique=True
                    ),
                ),
                ("key", models.CharField(editable=False, max_length=40, unique=True)),
                ("secret_digest", models.BinaryField(max_length=32)),
                (
                    "may_read",
                    models.BooleanField(
                        default=False, help_text="May also ask for statements, those of other sources included."
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name="added"),
                ),
                (
                    "revoked_at",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="revoked"),
                ),
                (
                    "last_used_at",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="last used"),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["name"],
            },
        ),
        migrations.CreateModel(
            name="Identity",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=2400, unique=True)),
                (
                    "learner",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="identities",
                        to="analytics.learner",
                    ),
                ),
            ],
            options={
                "verbose_name_plural": "identities",
            },
        ),
        migrations.CreateModel(
            name="Media",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("title", models.CharField(max_length=255)),
                (
                    "duration_seconds",
                    models.PositiveIntegerField(
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(604800),
                        ],
                        verbose_name="length (seconds)",
                    ),
                ),
                ("recorded_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="recorded")),
                (
                    "published_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="From then on students can watch it. Empty: not yet.",
                        null=True,
                        verbose_name="published",
                    ),
                ),
                (
                    "available_until",
                    models.DateTimeField(
                        blank=True, help_text="Empty: always.", null=True, verbose_name="available until"
                    ),
                ),
                ("video", models.FileField(blank=True, help_text="MP4 or WebM.", upload_to="media/")),
                ("captions", models.FileField(blank=True, help_text="WebVTT.", upload_to="captions/")),
                (
                    "activity",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="media",
                        to="analytics.activity",
                    ),
                ),
                (
                    "capture",
                    models.ForeignKey(
                        blank=True,
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="media",
                        to="schedules.capture",
                    ),
                ),
                (
                    "section",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="media", to="schedules.section"
                    ),
                ),
            ],
            options={
                "verbose_name": "media",
                "verbose_name_plural": "media",
                "ordering": ["-recorded_at", "pk"],
            },
        ),
        migrations.CreateModel(
            name="Poll",
            fields=[
                ("id", models.AutoField(primary_key=True, serialize=False)),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("one", "One choice"),
                            ("several", "Several choices"),
                            ("true_false", "True or false"),
                            ("numeric", "Number"),
                            ("short", "Short text"),
                            ("open", "Open text"),
                        ],
                        max_length=10,
                    ),
                ),
                ("question", models.CharField(max_length=1000)),
                (
                    "at_seconds",
                    models.PositiveIntegerField(
                        blank=True,
                        help_text="Empty: below the video, at any time.",
                        null=True,
                        verbose_name="shown at (seconds)",
                    ),
                ),
                ("choices", models.JSONField(blank=True, default=list)),
                ("correct", models.JSONField(blank=True, default=list)),
                (
                    "attempts",
                    models.PositiveSmallIntegerField(
                        default=1,
                        help_text="0: as many as a student wants. First and latest answers count.",
                        verbose_name="attempts allowed",
                    ),
                ),
                (
                    "results",
                    models.CharField(
                        choices=[("never", "Never"), ("answered", "After answering"), ("closed", "After closing")],
                        default="never",
                        max_length=10,
                        verbose_name="students see results",
                    ),
                ),
                (
                    "anonymous",
                    models.BooleanField(
                        default=False, help_text="Answers are counted, and who gave them is never stored."
                    ),
                ),
                ("closes_at", models.DateTimeField(blank=True, null=True, verbose_name="closes")),
                (
                    "activity",
                    models.OneToOneField(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="poll",
                        to="analytics.activity",
                    ),
                ),
                (
                    "media",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="polls", to="analytics.media"
                    ),
                ),
            ],
            options={
                "ordering": ["media", "at_seconds", "pk"],
            },
        ),
        migrations.CreateModel(
            name="PollAnswer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("section_id", models.BigIntegerField()),
                ("poll_id", models.IntegerField()),
                ("learner_id", models.IntegerField(null=True)),
                ("attempts", models.IntegerField()),
                ("first_statement", models.UUIDField()),
                ("first_response", models.TextField()),
                ("first_correct", models.BooleanField(null=True)),
                ("first_at", models.DateTimeField()),
                ("latest_response", models.TextField()),
                ("latest_correct", models.BooleanField(null=True)),
                ("latest_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["section_id", "poll_id"], name="analytics_p_section_5fb8c1_idx"),
                    models.Index(fields=["learner_id"], name="analytics_p_learner_af5334_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("learner_id__isnull", False)),
                        fields=("poll_id", "learner_id"),
                        name="one_answer_per_person",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("learner_id", None)),
                        fields=("poll_id", "first_statement"),
                        name="anonymous_answers_once",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RosterLearner",
            fields=[
                (
                    "entry",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="directory.rosterentry",
                    ),
                ),
                (
                    "learner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="enrolments",
                        to="analytics.learner",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Statement",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("stored", models.DateTimeField()),
                ("batch_id", models.BigIntegerField()),
                ("position", models.PositiveSmallIntegerField()),
                ("digest", models.BinaryField(max_length=16)),
                ("verb_id", models.IntegerField()),
                ("actor_id", models.IntegerField(null=True)),
                ("object_id", models.IntegerField(null=True)),
                ("registration", models.UUIDField(null=True)),
                (
                    "activities",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), default=list, size=None
                    ),
                ),
                (
                    "agents",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.IntegerField(), default=list, size=None
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["batch_id", "position"], name="analytics_s_batch_i_de42ae_idx"),
                    django.contrib.postgres.indexes.BrinIndex(
                        fields=["stored"], name="analytics_s_stored_a51b5f_brin"
                    ),
                ],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    BATCHES, reverse_sql="DROP TABLE analytics_statementbatch; DROP SEQUENCE analytics_batch_id;"
                )
            ],
            state_operations=[
                migrations.CreateModel(
                    name="StatementBatch",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "id", "stored", blank=True, editable=False, primary_key=True, serialize=False
                            ),
                        ),
                        ("id", models.BigIntegerField()),
                        ("stored", models.DateTimeField()),
                        ("source_id", models.IntegerField()),
                        ("statements", models.IntegerField()),
                        ("version", models.CharField(max_length=10)),
                        ("body", models.BinaryField()),
                        ("folded_at", models.DateTimeField(null=True)),
                    ],
                    options={
                        "indexes": [
                            models.Index(
                                condition=models.Q(("folded_at", None)), fields=["id"], name="batch_not_folded"
                            ),
                            models.Index(fields=["stored"], name="batch_by_time"),
                        ],
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="StudentLook",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("what", models.CharField(max_length=200)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "learner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="looks", to="analytics.learner"
                    ),
                ),
                (
                    "viewer",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "look at a student",
                "verbose_name_plural": "looks at students",
                "ordering": ["-at", "-pk"],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.RunSQL(VIEW_EVENTS, reverse_sql="DROP TABLE analytics_viewevent;")],
            state_operations=[
                migrations.CreateModel(
                    name="ViewEvent",
                    fields=[
                        (
                            "pk",
                            models.CompositePrimaryKey(
                                "batch_id",
                                "position",
                                "stored",
                                blank=True,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("batch_id", models.BigIntegerField()),
                        ("position", models.PositiveSmallIntegerField()),
                        ("stored", models.DateTimeField()),
                        ("statement_id", models.UUIDField()),
                        ("occurred", models.DateTimeField()),
                        ("activity_id", models.IntegerField()),
                        ("identity_id", models.IntegerField(null=True)),
                        ("session_id", models.UUIDField()),
                        (
                            "kind",
                            models.SmallIntegerField(
                                choices=[
                                    (0, "Initialized"),
                                    (1, "Played"),
                                    (2, "Paused"),
                                    (3, "Seeked"),
                                    (4, "Interacted"),
                                    (5, "Completed"),
                                    (6, "Terminated"),
                                ]
                            ),
                        ),
                        ("at", models.FloatField(null=True)),
                        ("to", models.FloatField(null=True)),
                        (
                            "segments",
                            django.contrib.postgres.fields.ArrayField(
                                base_field=models.FloatField(), null=True, size=None
                            ),
                        ),
                    ],
                    options={
                        "indexes": [models.Index(fields=["activity_id", "session_id"], name="event_by_session")],
                    },
                ),
            ],
        ),
        migrations.CreateModel(
            name="ViewSession",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("section_id", models.BigIntegerField()),
                ("media_id", models.IntegerField()),
                ("learner_id", models.IntegerField(null=True)),
                ("session_id", models.UUIDField()),
                ("started", models.DateTimeField()),
                ("day", models.DateField()),
                ("last_at", models.DateTimeField()),
                ("last_statement", models.UUIDField()),
                ("position", models.FloatField(null=True)),
                ("playing", models.BooleanField(default=False)),
                (
                    "plays",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=django.contrib.postgres.fields.ranges.IntegerRangeField(),
                        default=list,
                        size=None,
                    ),
                ),
                ("inferred", models.BooleanField(default=False)),
                ("claimed", analytics.models.rollups.IntegerMultirangeField()),
                ("seconds", models.IntegerField(default=0)),
                ("watched", analytics.models.rollups.IntegerMultirangeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["media_id", "learner_id"], name="analytics_v_media_i_34f8f5_idx"),
                    models.Index(fields=["learner_id"], name="analytics_v_learner_4d9eca_idx"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("media_id", "session_id", "learner_id"),
                        name="one_view_session",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ViewUser",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("section_id", models.BigIntegerField()),
                ("media_id", models.IntegerField()),
                ("learner_id", models.IntegerField(null=True)),
                ("views", models.IntegerField()),
                ("views_5", models.IntegerField()),
                ("seconds", models.IntegerField()),
                ("watched_seconds", models.IntegerField()),
                ("first_at", models.DateTimeField()),
                ("last_at", models.DateTimeField()),
                ("watched", analytics.models.rollups.IntegerMultirangeField()),
            ],
            options={
                "indexes": [models.Index(fields=["learner_id"], name="analytics_v_learner_d24ee5_idx")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("section_id", "media_id", "learner_id"),
                        name="one_user_of_a_media",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="ViewUserDay",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("section_id", models.BigIntegerField()),
                ("day", models.DateField()),
                ("media_id", models.IntegerField()),
                ("learner_id", models.IntegerField(null=True)),
                ("views", models.IntegerField()),
                ("views_5", models.IntegerField()),
                ("seconds", models.IntegerField()),
                ("last_at", models.DateTimeField()),
                ("watched", analytics.models.rollups.IntegerMultirangeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["media_id", "learner_id"], name="analytics_v_media_i_f5c526_idx")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("section_id", "day", "media_id", "learner_id"),
                        name="one_user_day",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="media",
            index=models.Index(fields=["section", "recorded_at"], name="analytics_m_section_c00e16_idx"),
        ),
        migrations.AddConstraint(
            model_name="media",
            constraint=models.UniqueConstraint(
                fields=("capture", "section"), name="one_media_per_capture_and_section"
            ),
        ),
        migrations.AddConstraint(
            model_name="media",
            constraint=models.CheckConstraint(
                condition=models.Q(("duration_seconds__gte", 1)), name="media_has_a_length"
            ),
        ),
        migrations.AddIndex(
            model_name="studentlook",
            index=models.Index(fields=["learner", "at"], name="analytics_s_learner_751f17_idx"),
        ),
    ]
