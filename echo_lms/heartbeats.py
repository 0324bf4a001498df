"""Signs of life of the background processes, kept in Redis with an expiry, read by `/readyz`."""

from __future__ import annotations

import functools
import logging

import redis
from celery import shared_task
from django.conf import settings

WORKER = "echo_lms:heartbeat:worker"
BEAT = "echo_lms:heartbeat:beat"
LIFETIME_SECONDS = 60

logger = logging.getLogger(__name__)


@functools.cache
def connection() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3, socket_connect_timeout=3)


def beat_of_worker() -> None:
    """Called by the worker every two seconds; must never raise into the worker's own loop."""
    try:
        connection().set(WORKER, 1, ex=LIFETIME_SECONDS)
    except redis.RedisError:
        logger.warning("The worker's heartbeat could not be written to Redis")


@shared_task(ignore_result=True)
def beat_heartbeat() -> None:
    """Sent by beat, run by a worker: its mark proves that both are alive and connected."""
    connection().set(BEAT, 1, ex=LIFETIME_SECONDS)
