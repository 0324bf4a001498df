"""What happens in another thread meanwhile."""

from __future__ import annotations

import threading

from django.db import connection


def wait_for_a_lock(thread: threading.Thread) -> None:
    """Until it waits for what this thread's transaction has; fails if it ends instead."""
    with connection.cursor() as cursor:
        waiting = 0
        while thread.is_alive() and not waiting:
            thread.join(0.01)
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            waiting = cursor.fetchone()[0]
    assert thread.is_alive()
