from __future__ import annotations

import datetime

from celery import shared_task
from django.utils import timezone

from .models import AuthorizationAttempt

KEPT = datetime.timedelta(days=1)


@shared_task(ignore_result=True)
def forget_stale_attempts() -> None:
    """Attempts serve the minutes of a popup; what happened is in the history."""
    AuthorizationAttempt.objects.filter(created_at__lt=timezone.now() - KEPT).delete()
