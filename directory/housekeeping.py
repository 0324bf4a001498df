from __future__ import annotations

import datetime

from django.utils import timezone

from .models import RefreshRun

RUNS_KEPT = datetime.timedelta(days=90)


def forget_old_runs() -> int:
    """Runs are history of the work, not of the directory; how many were forgotten."""
    forgotten, _ = RefreshRun.objects.filter(finished_at__lt=timezone.now() - RUNS_KEPT).delete()
    return forgotten
