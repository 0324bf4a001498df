from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.figures.definitions import Part
from analytics.figures.score import score
from analytics.models import SectionFigures


def weighed(watched: int, answered: int, correct: int) -> SectionFigures:
    return SectionFigures(weight_watched=watched, weight_answered=answered, weight_correct=correct)


@pytest.mark.parametrize(
    ("weights", "watched", "answered", "correct", "wanted"),
    [
        ((1, 1, 1), 0.6, Part(1, 2), Part(1, 1), 0.7),
        ((3, 1, 0), 1.0, Part(0, 2), Part(0, 0), 0.75),
        ((1, 1, 1), 0.5, Part(0, 0), Part(0, 0), 0.5),
        ((0, 1, 1), 0.5, Part(0, 0), Part(0, 0), None),
        ((0, 0, 0), 1.0, Part(1, 1), Part(1, 1), None),
        ((1, 0, 0), None, Part(1, 1), Part(1, 1), None),
        ((0, 0, 2), None, Part(1, 1), Part(3, 4), 0.75),
    ],
)
def test_score(weights, watched, answered, correct, wanted):
    found = score(weighed(*weights), watched, answered, correct)
    assert found == (None if wanted is None else pytest.approx(wanted))


@given(
    st.tuples(*[st.integers(0, 100)] * 3),
    st.none() | st.floats(0, 1),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(2, 9),
)
def test_it_lies_between_its_parts_and_only_the_ratio_of_weights_counts(weights, watched, answered, asked, times):
    parts = watched, Part(min(answered, asked), asked), Part(0, min(answered, asked))
    found = score(weighed(*weights), *parts)
    assert found is None or 0 <= found <= 1.0000001
    again = score(weighed(*(weight * times for weight in weights)), *parts)
    assert again == (None if found is None else pytest.approx(found))
