"""The leaky bucket of §7: one for each token; the token endpoint's is the caller's address."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

HIGH_WATER = 600.0
MAXIMUM = 800.0
OUTFLOW = 10.0
UP_FRONT = 50.0
ORDINARY_COST = 0.5
TOKEN_COST = 200.0


@dataclass
class Bucket:
    level: float = 0.0
    touched: float = field(default_factory=time.monotonic)
    running: int = 0

    def leak(self) -> None:
        now = time.monotonic()
        self.level = max(0.0, self.level - OUTFLOW * (now - self.touched))
        self.touched = now


class Throttle:
    """Not thread-safe by itself: the caller holds the state's lock."""

    def __init__(self) -> None:
        self.buckets: dict[str, Bucket] = {}
        self.high_water = HIGH_WATER

    def bucket_of(self, client: str) -> Bucket:
        return self.buckets.setdefault(client, Bucket())

    def enter(self, bucket: Bucket) -> bool:
        """Takes the up-front cost; False if the bucket is full."""
        bucket.leak()
        if bucket.level >= self.high_water:
            return False
        bucket.level = min(bucket.level + UP_FRONT, max(MAXIMUM, self.high_water))
        bucket.running += 1
        return True

    def leave(self, bucket: Bucket, cost: float) -> float:
        """Gives the up-front cost back, takes the real one; what remains below the high-water mark."""
        bucket.leak()
        bucket.running -= 1
        bucket.level = max(0.0, bucket.level - UP_FRONT + cost)
        return self.high_water - bucket.level

    def remaining(self, bucket: Bucket) -> float:
        bucket.leak()
        return max(0.0, self.high_water - bucket.level)
