"""Staying below Canvas's limit (docs/canvas.md §7): asked before each request, told of each answer."""

from __future__ import annotations

import math
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from . import errors

# What a running request holds of the budget, and how fast the budget comes back, per second.
UP_FRONT = 50.0
OUTFLOW = 10.0
# Kept free for others who use the same token.
LOW_REMAINING = 100.0
FIRST_BACK_OFF = 5.0
LONGEST_BACK_OFF = 120.0
LONGEST_RETRY_AFTER = 3600.0
LONGEST_PAUSE = 5.0
PATIENCE = 20.0


@dataclass(frozen=True)
class Outcome:
    """How a request ended. Without a word about it from Canvas, `remaining` is None and `cost` 0."""

    remaining: float | None = None
    cost: float = 0.0
    throttled: bool = False
    retry_after: float | None = None

    @property
    def pause(self) -> float:
        """Seconds to wait before the next request, while little remains."""
        if self.remaining is None:
            return 0.0
        return min(max(0.0, LOW_REMAINING - self.remaining) / OUTFLOW, LONGEST_PAUSE)

    def back_off(self, strikes: int) -> float:
        """Seconds to leave Canvas alone after the nth refusal in a row: as it says, else longer each time."""
        if self.retry_after and self.retry_after > 0:
            return min(self.retry_after, LONGEST_RETRY_AFTER)
        longer = min(FIRST_BACK_OFF * 2.0 ** min(strikes - 1, 10), LONGEST_BACK_OFF)
        return longer * random.uniform(0.75, 1.25)  # noqa: S311 - jitter


class Throttle(Protocol):
    def acquire(self) -> str:
        """Returns a ticket when a request may be made. May wait; raises BackingOff if that would take too long."""

    def release(self, ticket: str, outcome: Outcome) -> None:
        """The request that `acquire` allowed is over, however it ended."""


class LocalThrottle:
    """For one process: few requests in parallel, slower while little of the budget remains, none in a back-off."""

    def __init__(
        self,
        parallel: int = 2,
        *,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._slots = threading.BoundedSemaphore(parallel)
        self._patience = patience
        self._sleep = sleep
        self._clock = clock
        self._quiet_until = 0.0
        self._strikes = 0

    def acquire(self) -> str:
        wait = self._quiet_until - self._clock()
        if wait > self._patience:
            raise errors.BackingOff(wait)
        if wait > 0:
            self._sleep(wait)
        self._slots.acquire()
        return ""

    def release(self, ticket: str, outcome: Outcome) -> None:
        self._strikes = self._strikes + 1 if outcome.throttled else 0
        quiet = outcome.back_off(self._strikes) if outcome.throttled else outcome.pause
        if quiet:
            self._quiet_until = max(self._quiet_until, self._clock() + quiet)
        self._slots.release()


def cost_of(headers: Mapping[str, str]) -> float:
    """`X-Request-Cost`: what the request took from the budget; 0 if Canvas does not say."""
    try:
        cost = float(headers["X-Request-Cost"])
    except (KeyError, ValueError):
        return 0.0
    return cost if math.isfinite(cost) else 0.0


def remaining_of(headers: Mapping[str, str]) -> float | None:
    """`X-Rate-Limit-Remaining`, which can be negative; None if Canvas does not say."""
    try:
        remaining = float(headers["X-Rate-Limit-Remaining"])
    except (KeyError, ValueError):
        return None
    return remaining if math.isfinite(remaining) else None
