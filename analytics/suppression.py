"""Small groups in tables that are meant for more eyes than a teacher's (docs/analytics.md, "Privacy").

A number about few people says something of each of them. It is hidden, and with it so much that it cannot be found
by subtracting what is shown from a total.
"""

from __future__ import annotations

from collections.abc import Sequence


def hidden(sizes: Sequence[int], fewest: int) -> set[int]:
    """The places in `sizes`, groups whose total is shown, that must not be shown.

    A group of nobody hides nothing. If the hidden ones are together fewer than `fewest`, or one alone, the next
    smallest are hidden too, until what is missing from the total says nothing of a small group.
    """
    found = {place for place, size in enumerate(sizes) if 0 < size < fewest}
    others = sorted((size, place) for place, size in enumerate(sizes) if size and place not in found)
    while found and (len(found) < 2 or sum(sizes[place] for place in found) < fewest) and others:
        found.add(others.pop(0)[1])
    return found


def total_is_hidden(sizes: Sequence[int], fewest: int) -> bool:
    """Where all of it is small, or nothing is left to hide a single small group behind."""
    found = hidden(sizes, fewest)
    return bool(found) and (len(found) < 2 or sum(sizes[place] for place in found) < fewest)


def blunt(share: float) -> float:
    """Between 5 and 95 %: nearly nobody and nearly everybody name somebody."""
    return min(max(share, 0.05), 0.95)
