"""`/healthz`: the process answers. `/readyz`: it can do its work; if not, the JSON names what is missing."""

from __future__ import annotations

import logging
from collections.abc import Callable

import redis
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from . import heartbeats

logger = logging.getLogger(__name__)


@login_not_required
@never_cache
@require_safe
def healthz(_request: HttpRequest) -> HttpResponse:
    return JsonResponse({"status": "ok"})


@login_not_required
@never_cache
@require_safe
def readyz(_request: HttpRequest) -> HttpResponse:
    """200 when everything is there, else 503; `checks` has "ok" or one plain sentence for each part."""
    checks = {name: check() for name, check in CHECKS.items()}
    missing = [name for name, outcome in checks.items() if outcome != "ok"]
    status = {"status": "ready" if not missing else "not ready", "missing": missing, "checks": checks}
    return JsonResponse(status, status=503 if missing else 200)


def _database() -> str:
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return "The database lacks migrations. Run: manage.py migrate"
    except DatabaseError:
        logger.warning("readyz: the database does not answer", exc_info=True)
        return "PostgreSQL does not answer. Check DATABASE_URL and the server."
    return "ok"


def _redis() -> str:
    try:
        heartbeats.connection().ping()
    except redis.RedisError:
        logger.warning("readyz: Redis does not answer", exc_info=True)
        return "Redis does not answer. Check REDIS_URL and the server."
    return "ok"


def _heartbeat(key: str, missing: str) -> str:
    try:
        return "ok" if heartbeats.connection().exists(key) else missing
    except redis.RedisError:
        return "Unknown while Redis does not answer."


def _worker() -> str:
    return _heartbeat(heartbeats.WORKER, "No worker has been heard of for a minute. Start one.")


def _beat() -> str:
    return _heartbeat(heartbeats.BEAT, "Beat has sent nothing for a minute. Start it, and a worker.")


CHECKS: dict[str, Callable[[], str]] = {
    "database": _database,
    "redis": _redis,
    "worker": _worker,
    "beat": _beat,
}
