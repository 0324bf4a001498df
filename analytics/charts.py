"""Charts as SVG, drawn on the server: they need no script, print, and are described in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH = 10
HEIGHT = 100
GAP = 2
RECT = '<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>'


@dataclass(frozen=True)
class Bar:
    """`label`: what the pointer shows on it."""

    value: float
    label: str


def bars(name: str, drawn: Sequence[Bar], *, title: str, finding: str) -> SafeString:
    """As wide as its place and as high as its style says; scale and days stand beside it, in the page's own text.

    `name`: unique on the page. `finding`: the sentence that somebody who cannot see the chart gets instead.
    """
    top = scale_of(max((bar.value for bar in drawn), default=0))
    return format_html(
        '<svg class="bars" role="img" aria-labelledby="{0}-title {0}-finding" viewBox="0 0 {1} {2}"'
        ' preserveAspectRatio="none"><title id="{0}-title">{3}</title><desc id="{0}-finding">{4}</desc>'
        '<path class="bars-grid" d="M0 0H{1}M0 {5}H{1}M0 {2}H{1}"/>{6}</svg>',
        name,
        len(drawn) * WIDTH,
        HEIGHT,
        title,
        finding,
        HEIGHT // 2,
        format_html_join("", RECT, _rects(drawn, top)),
    )


def share(value: float) -> SafeString:
    """A bar as long as its share of the place it has; the number stands beside it in words."""
    return format_html(
        '<svg class="share" aria-hidden="true" viewBox="0 0 100 10" preserveAspectRatio="none">'
        '<rect class="share-all" width="100" height="10"/><rect width="{}" height="10"/></svg>',
        round(value * 100, 1),
    )


def strip(name: str, ranges: Sequence[tuple[int, int]], length: int, *, finding: str) -> SafeString:
    """From the beginning of a media to its end, filled where it was seen. `finding`: the same in words."""
    return format_html(
        '<svg class="strip" role="img" aria-labelledby="{0}" viewBox="0 0 {1} 10" preserveAspectRatio="none">'
        '<title id="{0}">{2}</title><rect class="share-all" width="{1}" height="10"/>{3}</svg>',
        name,
        length,
        finding,
        format_html_join("", '<rect x="{}" width="{}" height="10"/>', ((low, high - low) for low, high in ranges)),
    )


def _rects(drawn: Sequence[Bar], top: float) -> list[tuple[float, float, float, float, str]]:
    """What is not nothing can be seen."""
    heights = [max(round(bar.value / top * HEIGHT, 1), 1) if bar.value else 0 for bar in drawn]
    return [
        (position * WIDTH + GAP / 2, round(HEIGHT - height, 1), WIDTH - GAP, height, bar.label)
        for position, (bar, height) in enumerate(zip(drawn, heights, strict=True))
    ]


def scale_of(most: float) -> int:
    """The end of the scale: 2, 4, 10, 20, 40, 100… so that its middle is a whole number."""
    step = 1
    while True:
        for leading in (2, 4, 10):
            if leading * step >= most:
                return leading * step
        step *= 10
