"""What is hidden cannot be worked out from what is shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.suppression import blunt, hidden, total_is_hidden

FEWEST = 10


@pytest.mark.parametrize(
    ("sizes", "wanted"),
    [
        ([], set()),
        ([20, 30], set()),
        ([0, 20], set()),
        ([3, 20, 30], {0, 1}),
        ([3, 4, 30], {0, 1, 2}),
        ([6, 7, 30], {0, 1}),
        ([30, 3, 20, 0], {1, 2}),
        ([5], {0}),
    ],
)
def test_small_groups_and_what_would_give_them_away(sizes, wanted):
    assert hidden(sizes, FEWEST) == wanted


@given(st.lists(st.integers(0, 60), max_size=8))
def test_nothing_small_is_shown_and_nothing_can_be_subtracted(sizes):
    found = hidden(sizes, FEWEST)
    assert all(place in found for place, size in enumerate(sizes) if 0 < size < FEWEST)
    if found and not total_is_hidden(sizes, FEWEST):
        # What an attacker gets from the total: the sum of at least two groups, and of at least ten people.
        assert len(found) >= 2
        assert sum(sizes[place] for place in found) >= FEWEST


@given(st.lists(st.integers(FEWEST, 60), max_size=8))
def test_large_groups_are_all_shown(sizes):
    assert hidden(sizes, FEWEST) == set()
    assert not total_is_hidden(sizes, FEWEST)


@pytest.mark.parametrize(("share", "shown"), [(0, 0.05), (0.02, 0.05), (0.5, 0.5), (0.97, 0.95), (1, 0.95)])
def test_shares_are_cut_at_both_ends(share, shown):
    assert blunt(share) == shown
