"""What the kinds of files share: their columns, the cells of a row, looking things up, saving fields."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import models

from accounts.roles import Role
from schedules import rearranging
from schedules.models import Change
from schedules.models.changes import Difference, difference
from schedules.scheduling import RoomTaken

from .outcome import Kind, Outcome, Problem, Refusal
from .reading import Row, Table, Unreadable

if TYPE_CHECKING:
    from accounts.models import User

M = TypeVar("M", bound=models.Model)
ADDED, CHANGED = "Added by a CSV file", "Changed by a CSV file"


@dataclass(frozen=True)
class Column:
    """`key`: the row is known by it, so it must be there, unless external_id is."""

    name: str
    meaning: str
    example: str = ""
    key: bool = False


def external_id(example: str) -> Column:
    return Column("external_id", "The id in another system. With it a row is known by it alone.", example)


@dataclass
class Cells:
    """The cells of a row. What cannot be read is collected, so that a person hears of all of it at once."""

    line: int
    cells: Mapping[str, str]
    problems: list[Problem]

    def has(self, column: str) -> bool:
        return column in self.cells

    def text(self, column: str) -> str:
        return self.cells.get(column, "")

    def read(self, column: str, reader: Callable[[str], Any], empty: Any = None) -> Any:
        """`empty` if the cell is empty, or missing, or cannot be read; the last is noted."""
        cell = self.text(column)
        if not cell:
            return empty
        try:
            return reader(cell)
        except ValidationError as error:
            self.problems += [Problem(column, message) for message in error.messages]
        except ValueError as error:
            self.problems.append(Problem(column, str(error)))
        return empty

    def put(
        self,
        values: dict[str, Any],
        field: str,
        column: str = "",
        reader: Callable[[str], Any] = str,
        empty: Any = "",
    ) -> None:
        """The value of a field, if the file has its column at all."""
        if self.has(column or field):
            values[field] = self.read(column or field, reader, empty)

    def check(self) -> None:
        if self.problems:
            raise Refusal(*self.problems)


class Known(Generic[M]):
    """Rows by natural key and by external id, read once and told of what is saved."""

    def __init__(self, rows: Iterable[M], key: Callable[[M], tuple[Hashable, ...]]) -> None:
        self._key = key
        self._exact: dict[Hashable, M] = {}
        self._folded: dict[Hashable, M] = {}
        self._external: dict[str, M] = {}
        self._rows: dict[int, M] = {}
        for row in rows:
            self.remember(row)

    def get(self, pk: int) -> M | None:
        return self._rows.get(pk)

    def find(self, *key: Hashable) -> M | None:
        """The very same letters first, then whatever their case."""
        return self._exact.get(key) or self._folded.get(_folded(key))

    def by_external_id(self, text: str) -> M | None:
        return self._external.get(text) if text else None

    def remember(self, row: M) -> None:
        old = self._rows.get(row.pk)
        if old is not None:
            self._exact.pop(self._key(old), None)
            self._folded.pop(_folded(self._key(old)), None)
            self._external.pop(old.external_id, None)  # type: ignore[attr-defined]  # all kinds have one
        key = self._key(row)
        self._rows[row.pk] = row
        self._exact[key] = row
        self._folded.setdefault(_folded(key), row)
        if row.external_id:  # type: ignore[attr-defined]
            self._external[row.external_id] = row  # type: ignore[attr-defined]

    def __iter__(self) -> Iterator[M]:
        return iter(self._rows.values())


def _folded(key: tuple[Hashable, ...]) -> tuple[Hashable, ...]:
    return tuple(part.lower() if isinstance(part, str) else part for part in key)


class FileKind(ABC):
    """One kind of file, for one run over one file."""

    name: ClassVar[str]
    title: ClassVar[str]
    sentence: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]]
    importers: ClassVar[tuple[Role, ...]] = ()
    exporters: ClassVar[tuple[Role, ...]] = (Role.SCHEDULERS,)
    has_export: ClassVar[bool] = True
    # Templates show a kind, and would otherwise make an object of it.
    do_not_call_in_templates: ClassVar[bool] = True

    def __init__(self, user: User, table: Table) -> None:
        self.user = user
        self.table = table
        # What the row at hand has saved, for the look-ups of later rows once it has passed.
        self._fresh: list[tuple[Known[Any], models.Model]] = []
        # What rows say of something they share, such as the name of a course: line and value.
        self._said: dict[Hashable, tuple[int, str]] = {}
        self._saying: dict[Hashable, tuple[int, str]] = {}
        # Which line a row of the database was last spoken of in, and the same for keys as the file has them.
        self.lines: dict[int, int] = {}
        # Rows that made or changed something.
        self.saved = 0
        self._keys: dict[Hashable, int] = {}

    # --- To be said by each kind ---
    @abstractmethod
    def prepare(self) -> None:
        """Reads what the rows will be compared with."""

    @abstractmethod
    def carry_out(self, cells: Cells) -> tuple[Kind, models.Model, str, list[Difference]]:
        """Saves one row. Raises Refusal, ValidationError, and what the operations raise."""

    @classmethod
    @abstractmethod
    def export(cls, user: User) -> Iterator[list[str]]:
        """Rows of cells in the order of the columns."""

    # --- Shared ---
    @classmethod
    def fitting(cls, table: Table) -> type[FileKind]:
        """Another system's form of the same file, if the header is that one's."""
        return cls

    def taken(self, error: RoomTaken) -> Sequence[Problem]:
        return [Problem("", error.headline)]

    @classmethod
    def header(cls) -> list[str]:
        return [column.name for column in cls.columns]

    @classmethod
    def key_columns(cls) -> list[str]:
        return [column.name for column in cls.columns if column.key]

    @classmethod
    def accept_header(cls, header: Collection[str]) -> dict[str, str]:
        """Column by name as written. Raises Unreadable for one that is unknown or missing."""
        known = {plain(name): name for name in cls.header()}
        found: dict[str, str] = {}
        for position, name in enumerate(header, start=1):
            if plain(name) not in known:
                reason = f"There is no column “{name}” in this kind of file. Known are: {', '.join(cls.header())}."
                raise Unreadable(reason, line=1, column=position)
            if known[plain(name)] in found.values():
                raise Unreadable(f"The column {known[plain(name)]} is there twice.", line=1, column=position)
            found[name] = known[plain(name)]
        missing = [name for name in cls.key_columns() if name not in found.values()]
        if missing and "external_id" not in found.values():
            many = "The column is" if len(missing) == 1 else "These columns are"
            raise Unreadable(f"{many} missing: {', '.join(missing)}. Download the sample and compare.", line=1)
        return found

    def cells_of(self, row: Row, names: Mapping[str, str]) -> Cells:
        return Cells(row.line, {names[name]: cell for name, cell in row.cells.items()}, [])

    def column(self, field: str) -> str:
        """Where in the file a field of a model comes from."""
        return field

    def describe(self, cells: Cells) -> str:
        """The row in words, if nothing better is known because it is refused."""
        names = " › ".join(filter(None, (cells.text(name) for name in self.key_columns())))
        return names or cells.text(self.column("external_id"))

    def key_parts(self, cells: Cells) -> tuple[str, ...]:
        return tuple(cells.text(name).lower() for name in self.key_columns())

    def key_of(self, cells: Cells) -> Hashable:
        external = cells.text(self.column("external_id"))
        if external:
            return ("external id", external)
        return self.key_parts(cells) if any(cells.text(name) for name in self.key_columns()) else None

    def note_key(self, cells: Cells) -> None:
        """Raises Refusal if an earlier row of the file has the same key."""
        key = self.key_of(cells)
        if key is not None:
            self.note(key, cells)

    def note(self, key: Hashable, cells: Cells) -> None:
        """Raises Refusal if this was noted of an earlier row of the file."""
        earlier = self._keys.setdefault(key, cells.line)
        if earlier != cells.line:
            raise Refusal(Problem(self.first_key, f"Line {earlier} is about the same. Keep one of them."))

    @property
    def first_key(self) -> str:
        return self.column(self.key_columns()[0])

    def touch(self, row: models.Model, cells: Cells) -> None:
        """Raises Refusal if an earlier row was about this object."""
        earlier = self.lines.get(row.pk)
        if earlier is not None:
            raise Refusal(Problem(self.first_key, f"Line {earlier} is about the same. Keep one of them."))

    def fresh(self, known: Known[M], row: M) -> M:
        self._fresh.append((known, row))
        return row

    def say(self, about: Hashable, value: str, cells: Cells, column: str) -> None:
        """Raises Refusal if an earlier row says something else: the file would never agree with itself."""
        line, said = self._said.get(about, (0, value))
        if said != value:
            raise Refusal(Problem(column, f"Line {line} says “{said}” for the same. Make them equal."))
        self._saying[about] = (line or cells.line, value)

    def settle(self, *, passed: bool) -> None:
        if passed:
            for known, row in self._fresh:
                known.remember(row)
            self._said |= self._saying
        self._fresh.clear()
        self._saying.clear()

    def save_fields(self, row: models.Model, values: Mapping[str, Any], *, label: str = "") -> list[Difference]:
        """Sets, validates and saves fields; of a saved row only those that differ. Records nothing.

        `label`: put after the name of each field, if the row is not what the file is about.
        """
        new = row.pk is None
        differing = {name: value for name, value in values.items() if new or getattr(row, name) != value}
        if not differing and not new:
            return []
        entries: list[Difference] = []
        for name, value in differing.items():
            old = "" if new else shown(row, name)
            setattr(row, name, value)
            words = str(row._meta.get_field(name).verbose_name)  # type: ignore[union-attr]
            entries += difference(f"{words[:1].upper()}{words[1:]}{label}", old, shown(row, name))
        # Relations are to rows that were just read or made.
        skipped = {one.name for one in row._meta.fields if one.is_relation or not (new or one.name in differing)}
        try:
            row.clean_fields(exclude=skipped)
            rearranging.arrange(row)  # a room or a campus with its captures
        except ValidationError as error:
            raise self.refusal(error) from error
        return entries

    def refusal(self, error: ValidationError) -> Refusal:
        """The same, with the columns of the file in place of the fields of the model."""
        if not hasattr(error, "error_dict"):
            return Refusal(*[Problem("", message) for message in error.messages])
        found = []
        for field, messages in error.message_dict.items():
            column = "" if field == "__all__" else self.column(field)
            found += [Problem(column, message) for message in messages]
        return Refusal(*found)

    def record(self, row: models.Model, action: str, differences: list[Difference], **about: int) -> None:
        Change.record(row, action, actor=self.user, differences=differences, **about)


def plain(name: str) -> str:
    """A column's name but for case and for blanks in place of underscores."""
    return "_".join(name.lower().replace("_", " ").split())


def shown(row: models.Model, field: str) -> str:
    value = getattr(row, field)
    if isinstance(value, list):
        return "; ".join(str(one) for one in value)
    return "" if value is None else str(value)


def merge(*lists: Iterable[Difference]) -> list[Difference]:
    return [entry for entries in lists for entry in entries]


def refused(line: int, what: str, problems: Iterable[Problem]) -> Outcome:
    return Outcome(line, Kind.REFUSED, what, problems=tuple(problems))
