"""The engagement score: off until an instructor weighs its parts."""

from __future__ import annotations

from analytics.models import SectionFigures

from .definitions import Part


def score(weights: SectionFigures, watched: float | None, answered: Part, correct: Part) -> float | None:
    """From 0 to 1: the mean of what was watched, answered and right, weighted.

    `watched`: of all published media, the mean of the shares seen; None if none is published. A part of which
    there is nothing to measure is left out, its weight too: a course without polls is not marked down for it. None
    if nothing is left.
    """
    parts = (
        (weights.weight_watched, watched),
        (weights.weight_answered, answered.share),
        (weights.weight_correct, correct.share),
    )
    measured = [(weight, share) for weight, share in parts if weight and share is not None]
    total = sum(weight for weight, _ in measured)
    return sum(weight * share for weight, share in measured) / total if total else None
