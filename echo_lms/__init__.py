"""The Django project: settings, URL map, Celery app, start-up checks, health. It wires and decides nothing."""

from __future__ import annotations

from .celery import app as celery_app

__all__ = ["celery_app"]
