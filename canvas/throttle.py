"""Staying below Canvas's limit (docs/canvas.md §7): asked before each request, told of each answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Protocol

LOW_REMAINING = 100.0
SLOWEST_PAUSE = 5.0


class Throttle(Protocol):
    def acquire(self) -> None:
        """Returns when a request may be made; may wait, or raise Throttled."""

    def observe(self, status: int, headers: Mapping[str, str], *, throttled: bool) -> None:
        """Learns from an answer."""

    def release(self) -> None:
        """The request that `acquire` allowed is over, however it ended."""


class NoThrottle:
    def acquire(self) -> None: ...

    def observe(self, status: int, headers: Mapping[str, str], *, throttled: bool) -> None: ...

    def release(self) -> None: ...


class LocalThrottle:
    """For one process: few requests in parallel, and slower while little of the budget remains."""

    def __init__(self, parallel: int = 2, sleep: Callable[[float], None] = time.sleep) -> None:
        self._slots = threading.BoundedSemaphore(parallel)
        self._sleep = sleep
        self._pause = 0.0

    def acquire(self) -> None:
        self._slots.acquire()
        if self._pause:
            self._sleep(self._pause)

    def observe(self, status: int, headers: Mapping[str, str], *, throttled: bool) -> None:
        remaining = remaining_of(headers)
        if remaining is not None:
            self._pause = SLOWEST_PAUSE * max(0.0, 1 - max(remaining, 0.0) / LOW_REMAINING)

    def release(self) -> None:
        self._slots.release()


def remaining_of(headers: Mapping[str, str]) -> float | None:
    """`X-Rate-Limit-Remaining`, which can be negative; None if Canvas does not say."""
    try:
        return float(headers["X-Rate-Limit-Remaining"])
    except (KeyError, ValueError):
        return None
