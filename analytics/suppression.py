"""Small groups in tables that are meant for more eyes than a teacher's (docs/analytics.md, "Privacy").

A number about few people says something of each of them, and so does the number of those few who are missing from
it. Both are hidden, and with them so much that they cannot be found by subtracting what is shown from a total.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# So many times the room that is needed: what is together in the hidden ones is seldom in the middle of it.
PLENTY = 3


class Group(NamedTuple):
    """So many of all. How many there are in all is known to everybody."""

    part: int
    whole: int


class Hidden(NamedTuple):
    """`places` of the groups whose part is not shown; `total`: neither is the sum of all parts."""

    places: frozenset[int]
    total: bool


def hidden(groups: Sequence[Group], fewest: int) -> Hidden:
    """What must not be shown of a table with a total.

    Hidden are groups in which a few did, or all but a few, and those that are small altogether. So that they
    cannot be worked out from the total, larger groups are hidden with them, and at worst the total.

    Even who knows these rules cannot go through them backwards: which groups cover the small ones depends on sizes
    that everybody knows, and whether the total is shown on the sum alone.
    """
    small = {place for place, group in enumerate(groups) if _is_small(group, fewest)}
    if not small:
        return Hidden(frozenset(), total=False)
    widest = max(1, *(_width(groups[place], fewest) for place in small))
    others = [(place, group) for place, group in enumerate(groups) if place not in small]
    found = small | _covers(others, PLENTY * widest, fewest)
    total = Group(sum(group.part for group in groups), sum(group.whole for group in groups))
    says_nothing = _says_nothing([groups[place] for place in found], widest, fewest)
    return Hidden(frozenset(found), total=_is_small(total, fewest) or not says_nothing)


def _covers(others: Sequence[tuple[int, Group]], room: int, fewest: int) -> set[int]:
    """Places of groups, the smallest first, whose parts have so much room together. Those without any are no help:
    it is known of them what their part is.
    """
    found = set()
    for place, group in sorted(others, key=lambda one: one[1].whole):
        is_known = group.part in (0, group.whole) or not _width(group, fewest)
        if room > 0 and not is_known:
            found.add(place)
            room -= _width(group, fewest)
    return found


def _is_small(group: Group, fewest: int) -> bool:
    """Nobody and everybody of a large group name no one in particular."""
    if group.whole < fewest:
        return group.whole > 0
    return 0 < group.part < fewest or 0 < group.whole - group.part < fewest


def _says_nothing(groups: Iterable[Group], widest: int, fewest: int) -> bool:
    """Whether the sum of these parts leaves each small one wherever it could be without the sum.

    A part could be higher if the others were together as much lower, and the other way round. So they need as much
    room on both sides as the widest range in which a small part can lie.
    """
    below = above = 0
    for group in groups:
        lowest, highest = _bounds(group, fewest)
        below += group.part - lowest
        above += highest - group.part
    return below >= widest and above >= widest


def _width(group: Group, fewest: int) -> int:
    lowest, highest = _bounds(group, fewest)
    return highest - lowest


def _bounds(group: Group, fewest: int) -> tuple[int, int]:
    """Between which the part lies, for somebody who knows whether it is small."""
    if group.whole < fewest:
        return 0, group.whole
    if group.whole < 2 * fewest:
        return 1, group.whole - 1
    if group.part < fewest:
        return 1, fewest - 1
    if group.whole - group.part < fewest:
        return group.whole - fewest + 1, group.whole - 1
    return fewest, group.whole - fewest


def blunt(share: float) -> float:
    """Between 5 and 95 %: nearly nobody and nearly everybody name somebody."""
    return min(max(share, 0.05), 0.95)
