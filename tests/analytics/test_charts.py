"""Charts are drawn to scale and say in words what they show."""

from __future__ import annotations

import re

import pytest

from analytics import charts


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (1, 2), (2, 2), (3, 4), (5, 10), (11, 20), (1952, 2000), (20001, 40000)]
)
def test_the_end_of_a_scale_is_round_and_so_is_its_middle(most, top):
    assert charts.scale_of(most) == top


def test_bars_are_drawn_to_scale_and_what_is_not_nothing_is_seen():
    drawn = [charts.Bar(value, f"{value} <views>") for value in (0, 1, 500, 1000)]

    svg = charts.bars("views", drawn, title="Views & more", finding="Most on Monday.")

    assert re.findall(r' height="([\d.]+)"', svg) == ["0", "1", "50.0", "100.0"]
    assert 'aria-labelledby="views-title views-finding"' in svg
    assert '<title id="views-title">Views &amp; more</title>' in svg
    assert "<title>500 &lt;views&gt;</title>" in svg
