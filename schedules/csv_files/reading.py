"""From the bytes of a CSV file to rows with a line number. Knows nothing of what the cells mean."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .writing import unguarded

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 10_000
MAX_CELL = 20_000


class Unreadable(Exception):
    """The file as a whole cannot be used. `line` and `column` as a person counts them, where they are known."""

    def __init__(self, reason: str, *, line: int | None = None, column: int | None = None) -> None:
        self.reason, self.line, self.column = reason, line, column
        place = f"Line {line}, column {column}: " if line and column else f"Line {line}: " if line else ""
        super().__init__(f"{place}{reason}")


@dataclass(frozen=True)
class Row:
    """`line`: where it begins in the file. `cells`: by the name of the column. `fault`: why it cannot be used."""

    line: int
    cells: dict[str, str]
    fault: str = ""


@dataclass(frozen=True)
class Table:
    """`header`: names as written, trimmed."""

    header: tuple[str, ...]
    rows: tuple[Row, ...]


def read(content: bytes) -> Table:
    """Raises Unreadable."""
    if len(content) > MAX_BYTES:
        raise Unreadable(f"The file is larger than {MAX_BYTES // 1024 // 1024} MB. Split it into several files.")
    text = _decoded(content)
    records = _records(text)
    _, first = next(records, (1, []))
    header = tuple(name.strip() for name in first)
    _check_header(header)
    return Table(header, tuple(_rows(header, records)))


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("The file is UTF-16 text. Save it as “CSV UTF-8” and upload it again.")
    nul = content.find(b"\0")
    if nul >= 0:
        line = content.count(b"\n", 0, nul) + 1
        raise Unreadable("A NUL byte: this is not a CSV file. Save it as “CSV UTF-8” again.", line=line)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        reason = "This is not UTF-8 text. In Excel, choose “CSV UTF-8” when saving, and upload it again."
        raise Unreadable(reason, line=line, column=column) from error


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Lines that are not empty, with the number of the line each begins in."""
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise Unreadable(_in_words(str(error)), line=begins) from error
        if any(cell.strip() for cell in record):
            yield begins, record


def _in_words(error: str) -> str:
    if "field larger" in error:
        return f"A cell is longer than {MAX_CELL} characters. A quotation mark may be missing before it."
    if "unexpected end" in error:
        return "A quotation mark opens here and is never closed. Close it, or write two of them for one."
    return "Something follows a closing quotation mark. Write two quotation marks for one inside a cell."


def _delimiter(text: str) -> str:
    """Comma or semicolon: whichever the header has more of, outside of quotation marks."""
    start = text.lstrip("\r\n")
    header = re.sub(r'"[^"]*"', "", start.splitlines()[0] if start else "")
    return ";" if header.count(";") > header.count(",") else ","


def _check_header(header: Sequence[str]) -> None:
    if not header:
        raise Unreadable("The file is empty. Its first line must name the columns.")
    seen: set[str] = set()
    for position, name in enumerate(header, start=1):
        if not name:
            raise Unreadable("This column has no name.", line=1, column=position)
        if name.casefold() in seen:
            raise Unreadable(f"The column {name} is there twice.", line=1, column=position)
        seen.add(name.casefold())


def _rows(header: Sequence[str], records: Iterator[tuple[int, list[str]]]) -> Iterator[Row]:
    for count, (line, record) in enumerate(records, start=1):
        if count > MAX_ROWS:
            raise Unreadable(f"More than {MAX_ROWS:,} rows. Split the file.", line=line)
        fault = ""
        if len(record) != len(header):
            fault = f"This row has {len(record)} cells, the header has {len(header)}."
        yield Row(line, {name: unguarded(cell) for name, cell in zip(header, record, strict=False)}, fault)
