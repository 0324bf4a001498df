"""What the events of one session say was played (docs/analytics.md, "Session"). No database, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum
from math import floor
from typing import Self, TypeAlias

import msgspec

Stretch: TypeAlias = tuple[int, int]
# Microseconds since 1970: a million of them are read from the database in a third of the time of dates.
Moment: TypeAlias = int
# Moment, kind, and seconds in the media: where it happened, and for a jump where it went. In order as tuples are:
# where nothing differs, it means nothing which of two comes first.
Event: TypeAlias = tuple[Moment, int, int, int]
# Where no second was told.
NOWHERE = -1
# So many of its last events, at least, a session remembers one by one: what is late by less is put into its place.
REMEMBERED = 8


class Kind(IntEnum):
    """In the order in which they are meant if they happen in one moment: pause, jump, play on."""

    INITIALIZED = 0
    PAUSED = 1
    SEEKED = 2
    PLAYED = 3
    INTERACTED = 4
    COMPLETED = 5
    TERMINATED = 6


class Playing(msgspec.Struct, array_like=True):
    """Where playing stands after some events."""

    position: int = NOWHERE
    running: bool = False
    last: Event | None = None
    # In their order, replays included; what is played on without a jump is one stretch.
    plays: list[Stretch] = []

    def fold(self, events: Iterable[Event], length: int) -> None:
        """The next events, in order. A stretch is cut where the media ends."""
        position, running, plays, event = self.position, self.running, self.plays, self.last
        for event in events:
            _, kind, at, to = event
            if running and position != NOWHERE and at != NOWHERE:
                end = min(at, length)
                if position < end:
                    if plays and plays[-1][1] == position:
                        plays[-1] = (plays[-1][0], end)
                    else:
                        plays.append((position, end))
            if kind == Kind.SEEKED:
                at = to
            elif kind == Kind.PLAYED:
                running = True
                position = at
            elif kind in _ENDS:
                running = False
            if at != NOWHERE:
                position = at
        self.position, self.running, self.last = position, running, event

    def copy(self) -> Self:
        return type(self)(self.position, self.running, self.last, self.plays.copy())


_ENDS = (Kind.PAUSED, Kind.TERMINATED)


class Session(msgspec.Struct, array_like=True):
    """What is known of a session, however its events came. `stored`: when the first of them was stored here."""

    stored: Moment
    started: Moment
    # After the events that are not remembered any more, and after all.
    settled: Playing
    now: Playing
    recent: list[Event] = []
    # What the sender says was played.
    claimed: list[Stretch] = []

    @classmethod
    def beginning(cls, stored: Moment, events: Sequence[Event]) -> Self:
        return cls(stored, events[0][0], Playing(), Playing())

    def add(self, events: list[Event], length: int) -> bool:
        """More events, in order among themselves. False, and nothing is done: one belongs before those that are
        still remembered, so that the session has to be read anew.
        """
        first, last = events[0], self.now.last
        if last is None or first >= last:
            self.now.fold(events, length)
            self.recent += events
        elif self.settled.last is None or first >= self.settled.last:
            self.recent = sorted(self.recent + events)
            self.started = min(self.started, first[0])
            self.now = self.settled.copy()
            self.now.fold(self.recent, length)
        else:
            return False
        if len(self.recent) > 2 * REMEMBERED:
            self.settled.fold(self.recent[:-REMEMBERED], length)
            self.recent = self.recent[-REMEMBERED:]
        return True

    def claim(self, stretches: Iterable[Stretch], length: int) -> None:
        self.claimed = union(
            [*self.claimed, *((low, min(high, length)) for low, high in stretches if low < length)]
        )

    def plays(self, length: int) -> list[Stretch]:
        """The stretches; without any, what the sender claims was played, or one second of an open play."""
        if self.now.plays:
            return self.now.plays
        if self.claimed:
            return self.claimed
        if self.now.running:
            second = min(max(self.now.position, 0), length - 1)
            return [(second, second + 1)]
        return []

    def watched(self, length: int) -> list[Stretch]:
        return union([*self.plays(length), *self.claimed])


def claims(segments: Sequence[float]) -> list[Stretch]:
    """Of `played-segments`, flat: from, to, from, to…"""
    pairs = [(whole(low), whole(high)) for low, high in zip(segments[::2], segments[1::2], strict=False)]
    return [(low, high) for low, high in pairs if low < high]


def whole(seconds: float) -> int:
    """Halves up: stretches that touch before rounding touch after it. Nothing is before the beginning."""
    return max(floor(seconds + 0.5), 0)


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
