"""The Celery app and the periodic table: everything that runs by the clock is listed here, in one place."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.schedules import crontab
from celery.signals import heartbeat_sent, setup_logging, worker_process_init

from echo_lms.garbage import leave_alone_what_is_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "echo_lms.settings")

app = Celery("echo_lms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(["echo_lms"], related_name="heartbeats")

app.conf.beat_schedule = {
    "beat heartbeat": {
        "task": "echo_lms.heartbeats.beat_heartbeat",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "keep the directories fresh": {
        "task": "directory.tasks.keep_fresh",
        "schedule": 20.0,
        "options": {"expires": 20},
    },
    "fold events into figures": {
        "task": "analytics.tasks.fold_events",
        "schedule": 15.0,
        "options": {"expires": 15},
    },
    "match rosters with learners": {
        "task": "analytics.tasks.match_rosters",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "make media of recorded captures": {
        "task": "analytics.tasks.make_media",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
    "keep the months of events": {
        "task": "analytics.tasks.keep_months",
        "schedule": crontab(minute=7, hour=3),
        "options": {"expires": 3600},
    },
    "forget old refresh runs": {
        "task": "directory.tasks.forget_old_runs",
        "schedule": crontab(minute=27, hour=3),
        "options": {"expires": 3600},
    },
    "forget old authorization attempts": {
        "task": "configurations.tasks.forget_stale_attempts",
        "schedule": crontab(minute=17, hour=3),
        "options": {"expires": 3600},
    },
    "clear expired sessions": {
        "task": "accounts.tasks.clear_expired_sessions",
        "schedule": crontab(minute=47, hour=3),
        "options": {"expires": 3600},
    },
}


@setup_logging.connect
def use_django_logging(**_: Any) -> None:
    """Celery would install handlers of its own, past the redaction; Django's are already in place."""


@worker_process_init.connect
def begin_work(**_: Any) -> None:
    leave_alone_what_is_loaded()


@heartbeat_sent.connect
def note_worker_heartbeat(**_: Any) -> None:
    from echo_lms.heartbeats import beat_of_worker  # noqa: PLC0415 - needs settings, which need this module

    beat_of_worker()
