"""A token source and a throttle that remember how they were used."""

from __future__ import annotations

from collections.abc import Mapping

from canvas import errors


class Tokens:
    def __init__(self) -> None:
        self.renewed: list[str] = []
        self.lost = False

    def current(self) -> str:
        return "token-0"

    def renew(self, rejected: str) -> str:
        self.renewed.append(rejected)
        if self.lost:
            raise errors.RefreshTokenGone
        return f"token-{len(self.renewed)}"


class Recorder:
    """A throttle: `open` is how many requests it believes to be under way."""

    def __init__(self) -> None:
        self.open = 0
        self.acquired = 0
        self.observed: list[tuple[int, str | None, bool]] = []

    def acquire(self) -> None:
        self.open += 1
        self.acquired += 1

    def observe(self, status: int, headers: Mapping[str, str], *, throttled: bool) -> None:
        self.observed.append((status, headers.get("X-Rate-Limit-Remaining"), throttled))

    def release(self) -> None:
        self.open -= 1
