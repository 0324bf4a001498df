"""What is hidden cannot be worked out from what is shown."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analytics.suppression import Group, blunt, hidden

FEWEST = 10


@pytest.mark.parametrize(
    ("groups", "places", "total"),
    [
        ([], set(), False),
        ([(20, 40), (30, 60)], set(), False),
        # Nobody and everybody of a large group.
        ([(0, 40), (30, 60), (25, 25)], set(), False),
        # A few did, and all but a few.
        ([(3, 40), (50, 100), (100, 200)], {0, 1}, False),
        ([(39, 40), (50, 100), (100, 200)], {0, 1}, False),
        # A small group, whatever it did.
        ([(0, 4), (50, 100), (100, 200)], {0, 1}, False),
        ([(4, 4), (50, 100), (100, 200)], {0, 1}, False),
        # With ten beside it, one would be known to be one.
        ([(1, 40), (10, 40), (50, 100)], {0, 1, 2}, False),
        # Nobody, everybody, and exactly half of twenty cover nothing.
        ([(3, 40), (0, 30), (30, 30), (10, 20), (50, 100)], {0, 4}, False),
        # Nothing is left to hide it behind.
        ([(3, 40)], {0}, True),
        ([(3, 40), (0, 40)], {0}, True),
        ([(1, 3), (1, 3), (1, 3)], {0, 1, 2}, True),
        # There is nobody.
        ([(0, 0), (30, 60)], set(), False),
    ],
)
def test_small_groups_and_what_would_give_them_away(groups, places, total):
    found = hidden([Group(*one) for one in groups], FEWEST)
    assert (found.places, found.total) == (places, total)


def shown(parts, wholes, fewest):
    """What is on the page."""
    found = hidden([Group(*one) for one in zip(parts, wholes, strict=True)], fewest)
    cells = tuple(None if place in found.places else part for place, part in enumerate(parts))
    return cells, None if found.total else sum(parts)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(3, 4))
@example([1, 1, 8], 4)
def test_whoever_knows_the_rules_and_how_many_students_there_are_finds_no_hidden_number(wholes, fewest):
    """They go through everything that could be, and keep what would look like the page they see."""
    pages: dict[Any, list[tuple[int, ...]]] = {}
    for parts in itertools.product(*(range(whole + 1) for whole in wholes)):
        pages.setdefault(shown(parts, wholes, fewest), []).append(parts)
    for (cells, _), possible in pages.items():
        for place, cell in enumerate(cells):
            assert cell is not None or len({parts[place] for parts in possible}) > 1


@st.composite
def groups(draw, most=200):
    wholes = draw(st.lists(st.integers(0, most), max_size=12))
    return [Group(draw(st.integers(0, whole)), whole) for whole in wholes]


@given(groups())
def test_nothing_small_is_shown(groups):
    found = hidden(groups, FEWEST)
    total = Group(sum(one.part for one in groups), sum(one.whole for one in groups))
    seen = [one for place, one in enumerate(groups) if place not in found.places]
    for part, whole in seen if found.total else [*seen, total]:
        assert whole == 0 or (whole >= FEWEST and not 0 < part < FEWEST and not 0 < whole - part < FEWEST)


@given(groups())
def test_what_is_missing_from_the_total_is_many_on_both_sides(groups):
    found = hidden(groups, FEWEST)
    if found.places and not found.total:
        assert len(found.places) >= 2
        missing = [groups[place] for place in found.places]
        # At least as many as the widest small group could have.
        widest = max(min(one.whole, FEWEST - 2) for one in missing)
        assert sum(one.part for one in missing) >= widest
        assert sum(one.whole - one.part for one in missing) >= widest


@given(st.lists(st.integers(2 * FEWEST, 60), max_size=8))
def test_large_groups_are_all_shown(wholes):
    groups = [Group(FEWEST + (whole - 2 * FEWEST) // 2, whole) for whole in wholes]
    assert hidden(groups, FEWEST) == (frozenset(), False)


@pytest.mark.parametrize(("share", "shown"), [(0, 0.05), (0.02, 0.05), (0.5, 0.5), (0.97, 0.95), (1, 0.95)])
def test_shares_are_cut_at_both_ends(share, shown):
    assert blunt(share) == shown
