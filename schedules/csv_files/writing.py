"""From rows to the lines of a CSV file that a spreadsheet opens without harm: for every app that exports."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence

# A spreadsheet would take a cell that begins like this for a formula (CWE-1236).
FORMULA = ("=", "+", "-", "@", "\t", "\r")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def unguarded(cell: str) -> str:
    """Trimmed, and without the ' that `guarded` put before it."""
    cell = cell.strip(" \r\n\t\u00a0")
    return cell[1:] if _GUARDED.match(cell) else cell


def guarded(cell: str) -> str:
    """What a spreadsheet would take for a formula gets a ' before it; so does what looks as if it had one."""
    return f"'{cell}" if cell.startswith(FORMULA) or _GUARDED.match(cell) else cell


class _Echo:
    """A file that hands back what is written to it, so that rows can be streamed."""

    def write(self, text: str) -> str:
        return text


def written(header: Sequence[str], rows: Iterable[Sequence[str]], *, mark: bool = True) -> Iterator[str]:
    """The lines of a file, with the mark by which Excel knows UTF-8."""
    writer = csv.writer(_Echo())
    yield ("\ufeff" if mark else "") + str(writer.writerow(header))
    for row in rows:
        yield str(writer.writerow([guarded(cell) for cell in row]))
