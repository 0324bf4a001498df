"""Every secret that the test run has made, and everything that it has logged."""

from __future__ import annotations

import logging
from typing import Any

from echo_lms.redaction import RedactingFormatter

SHORTEST = 16  # shorter ones are words of the tests
_SECRETS: dict[str, tuple[str, ...]] = {
    "ApiConfiguration": ("client_secret",),
    "Authorization": ("access_token", "refresh_token"),
}
known: set[str] = set()


def remember(sender: Any, instance: Any, **_: Any) -> None:
    """A post_save receiver."""
    values = (getattr(instance, name) for name in _SECRETS.get(sender.__name__, ()))
    known.update(value for value in values if len(value) >= SHORTEST)


def found_in(text: str) -> set[str]:
    return {secret for secret in known if secret in text}


class Logged(logging.Handler):
    """What the product's handlers would have written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(RedactingFormatter(as_json=True))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
