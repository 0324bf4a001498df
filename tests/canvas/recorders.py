"""A token source and a throttle that remember how they were used."""

from __future__ import annotations

from canvas import errors
from canvas.throttle import Outcome


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
    """A throttle: `open` are the tickets of requests that it believes to be under way."""

    def __init__(self) -> None:
        self.open: set[str] = set()
        self.outcomes: list[Outcome] = []

    def acquire(self) -> str:
        ticket = f"ticket-{len(self.outcomes) + len(self.open)}"
        self.open.add(ticket)
        return ticket

    def release(self, ticket: str, outcome: Outcome) -> None:
        self.open.remove(ticket)
        self.outcomes.append(outcome)
