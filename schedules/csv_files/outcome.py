"""What becomes of each row of a file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from schedules.models.changes import Difference


class Kind(StrEnum):
    REFUSED = "refused"
    CREATED = "created"
    CHANGED = "changed"
    UNCHANGED = "unchanged"


@dataclass(frozen=True)
class Problem:
    """`column`: the one it is about; empty if it is about the row."""

    column: str
    reason: str


@dataclass(frozen=True)
class Outcome:
    """`what`: which object, in words. `differences`: before and after. `problems`: why it is refused."""

    line: int
    kind: Kind
    what: str
    differences: tuple[Difference, ...] = ()
    problems: tuple[Problem, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "kind": self.kind.value,
            "what": self.what,
            "differences": [list(one) for one in self.differences],
            "problems": [[one.column, one.reason] for one in self.problems],
        }

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Outcome:
        differences = tuple((str(what), str(old), str(new)) for what, old, new in row["differences"])
        problems = tuple(Problem(column, reason) for column, reason in row["problems"])
        return cls(row["line"], Kind(row["kind"]), row["what"], differences, problems)


class Refusal(Exception):
    """The row cannot be used, for one reason or several."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("; ".join(one.reason for one in problems))


def refuse(column: str, reason: str) -> Refusal:
    return Refusal(Problem(column, reason))
