"""How a ratio is measured: both ways take turns, so that a busy moment of the machine strikes both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ratio:
    """Medians in milliseconds for one call, their ratio, and between which ratios the middle half lies."""

    name: str
    baseline: str
    ours_ms: float
    baseline_ms: float
    ratio: float
    middle_half: tuple[float, float]
    rounds: int

    def __str__(self) -> str:
        low, high = self.middle_half
        return (
            f"{self.name}: {self.ratio:.2f} × {self.baseline} "
            f"({self.ours_ms:.3f} ms against {self.baseline_ms:.3f} ms; middle half {low:.2f}–{high:.2f}; "
            f"{self.rounds} rounds)"
        )


def compare(
    name: str,
    ours: Callable[[], object],
    baseline: str,
    other: Callable[[], object],
    *,
    rounds: int,
    calls: int = 1,
) -> Ratio:
    """Each round times `calls` calls of both, after one round that is not counted."""
    pairs = [(_timed(ours, calls), _timed(other, calls)) for _ in range(rounds + 1)][1:]
    ratios = [mine / theirs for mine, theirs in pairs]
    low, _, high = statistics.quantiles(ratios, n=4)
    return Ratio(
        name,
        baseline,
        round(statistics.median(mine for mine, _ in pairs), 4),
        round(statistics.median(theirs for _, theirs in pairs), 4),
        round(statistics.median(ratios), 3),
        (round(low, 3), round(high, 3)),
        rounds,
    )


def _timed(call: Callable[[], object], calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) * 1000 / calls
