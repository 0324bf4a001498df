"""What the events of one session say was played (docs/analytics.md, "Session"). No database, no clock."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from math import floor
from typing import NamedTuple, TypeAlias

Stretch: TypeAlias = tuple[int, int]
# Microseconds since 1970: a million of them are read from the database in a third of the time of dates.
Moment: TypeAlias = int


class Kind(IntEnum):
    INITIALIZED = 0
    PLAYED = 1
    PAUSED = 2
    SEEKED = 3
    INTERACTED = 4
    COMPLETED = 5
    TERMINATED = 6


class Event(NamedTuple):
    """Orders by moment, then by the statement's id. `at`, `to`: seconds in the media; `segments` flat."""

    occurred: Moment
    statement: uuid.UUID
    kind: int
    at: float | None = None
    to: float | None = None
    segments: Sequence[float] | None = None

    @property
    def place(self) -> tuple[Moment, uuid.UUID]:
        return self.occurred, self.statement


@dataclass
class Session:
    """Where a session stands after its events so far. Folding the next ones gives what folding all would."""

    length: int
    position: float | None = None
    playing: bool = False
    last: tuple[Moment, uuid.UUID] | None = None
    started: Moment | None = None
    # In their order, replays included; what is played on without a jump is one stretch.
    plays: list[Stretch] = field(default_factory=list)
    claimed: list[Stretch] = field(default_factory=list)
    # When the first of its events was stored here.
    stored: Moment | None = None

    def follows(self, event: Event) -> bool:
        return self.last is None or event.place > self.last

    def fold(self, event: Event) -> None:
        """The next event; it must follow the last one."""
        if self.playing and self.position is not None and event.at is not None:
            self._play(self.position, event.at)
        if event.kind == Kind.PLAYED:
            self.playing = True
        elif event.kind in (Kind.PAUSED, Kind.TERMINATED):
            self.playing = False
        position = event.to if event.kind == Kind.SEEKED else event.at
        if position is not None:
            self.position = position
        elif event.kind == Kind.PLAYED:
            self.position = None
        if event.segments:
            self._claim(event.segments)
        self.started = self.started or event.occurred
        self.last = event.place

    def _play(self, first: float, last: float) -> None:
        stretch = self._cut(first, last)
        if stretch is None:
            return
        if self.plays and self.plays[-1][1] == stretch[0]:
            stretch = self.plays.pop()[0], stretch[1]
        self.plays.append(stretch)

    def _claim(self, segments: Sequence[float]) -> None:
        pairs = zip(segments[::2], segments[1::2], strict=False)
        cut = (self._cut(first, last) for first, last in pairs)
        self.claimed = union([*self.claimed, *(one for one in cut if one)])

    def _cut(self, first: float, last: float) -> Stretch | None:
        low, high = max(whole(first), 0), min(whole(last), self.length)
        return (low, high) if low < high else None

    @property
    def effective_plays(self) -> list[Stretch]:
        """The stretches; without any, what the sender claims was played, or one second of an open play."""
        if self.plays:
            return self.plays
        if self.claimed:
            return self.claimed
        if self.playing:
            second = min(max(whole(self.position or 0), 0), self.length - 1)
            return [(second, second + 1)]
        return []

    @property
    def seconds(self) -> int:
        return total(self.effective_plays)

    @property
    def watched(self) -> list[Stretch]:
        return union([*self.effective_plays, *self.claimed])


def whole(seconds: float) -> int:
    """Halves up: stretches that touch before rounding touch after it."""
    return floor(seconds + 0.5)


def union(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Without overlaps, in order; what touches is one."""
    found: list[Stretch] = []
    for low, high in sorted(stretches):
        if found and low <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return found


def total(stretches: Iterable[Stretch]) -> int:
    return sum(high - low for low, high in stretches)
