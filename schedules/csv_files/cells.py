"""How a cell is read and written: dates, times, yes and no, lists. A reader raises ValueError with a sentence."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Sequence

from django.db.models import Choices

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_TIME = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.0+)?)?\s*([ap]m)?", re.IGNORECASE)
_SPAN = re.compile(r"(\S+?)(?:\.\.(\S+))?\s+(.+)", re.DOTALL)
YES = {"yes", "y", "true", "1", "on"}
NO = {"no", "n", "false", "0", "off"}
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


# --- Lists ---------------------------------------------------------------------------------------------
def parts(cell: str) -> list[str]:
    r"""The items of a list, apart by semicolons, trimmed; `\;` is a semicolon inside an item, `\\` a backslash."""
    items, current, escaped = [], "", False
    for letter in cell:
        if escaped:
            current += letter if letter in ";\\" else f"\\{letter}"
            escaped = False
        elif letter == "\\":
            escaped = True
        elif letter == ";":
            items.append(current)
            current = ""
        else:
            current += letter
    items.append(f"{current}\\" if escaped else current)
    return [item.strip() for item in items if item.strip()]


def joined(items: Iterable[str]) -> str:
    return "; ".join(item.replace("\\", "\\\\").replace(";", "\\;") for item in items)


# --- Dates and times -----------------------------------------------------------------------------------
def date(cell: str, *, american: bool = False) -> datetime.date:
    """yyyy-mm-dd; `american`: mm/dd/yyyy as well."""
    found = _ISO.fullmatch(cell)
    if found:
        year, month, day = (int(one) for one in found.groups())
    else:
        other = _AMERICAN.fullmatch(cell) if american else None
        if not other:
            raise ValueError(f"“{cell}” is not a date. Write it as 2045-10-02.")
        month, day, year = (int(one) for one in other.groups())
    if not 1970 <= year <= 2199:
        raise ValueError(f"The year of {cell} cannot be meant. Write the date as 2045-10-02.")
    try:
        return datetime.date(year, month, day)
    except ValueError:
        raise ValueError(f"There is no {cell} in the calendar. Write year, month, day: 2045-10-02.") from None


def dates(items: Iterable[str], *, american: bool = False) -> list[datetime.date]:
    return sorted({date(item, american=american) for item in items})


def time(cell: str) -> datetime.time:
    found = _TIME.fullmatch(cell)
    try:
        if not found:
            raise ValueError
        hour = int(found[1])
        if found[4]:
            if not 1 <= hour <= 12:
                raise ValueError
            hour = hour % 12 + (12 if found[4].lower() == "pm" else 0)
        return datetime.time(hour, int(found[2]), int(found[3] or 0))
    except ValueError:
        raise ValueError(f"“{cell}” is not a time of day. Write it as 09:00.") from None


def written_time(moment: datetime.time) -> str:
    return f"{moment:%H:%M:%S}" if moment.second else f"{moment:%H:%M}"


def minutes_between(start: datetime.time, end: datetime.time) -> int:
    """An end before the start is on the next day."""
    first, last = (one.hour * 3600 + one.minute * 60 + one.second for one in (start, end))
    seconds = (last - first) % 86400
    if seconds % 60:
        raise ValueError("Start and end must be whole minutes apart.")
    if not seconds:
        raise ValueError("The end is the same as the start.")
    return seconds // 60


def weekdays(cell: str) -> list[int]:
    """Names, their first letters, or 1 (Monday) to 7, apart by anything that is no letter or digit."""
    found = set()
    for word in re.findall(r"\w+", cell):
        day = word.casefold()
        matching = [number for number, name in enumerate(_LONG, start=1) if len(day) > 1 and name.startswith(day)]
        if day in "1234567" and len(day) == 1:
            matching = [int(day)]
        if len(matching) != 1:
            raise ValueError(f"“{word}” is not a day of the week. Write Mon; Wed.")
        found.add(matching[0])
    return sorted(found)


def written_weekdays(days: Iterable[int]) -> str:
    return joined(WEEKDAYS[day - 1] for day in sorted(days))


def span(item: str) -> tuple[datetime.date, datetime.date, str]:
    """`2045-10-23..2045-10-27 Reading week`, or one date and a name."""
    found = _SPAN.fullmatch(item)
    if not found:
        raise ValueError(f"“{item}” needs a date and a name, as in 2045-10-23..2045-10-27 Reading week.")
    first = date(found[1])
    last = date(found[2]) if found[2] else first
    if last < first:
        raise ValueError(f"In “{item}” the last day is before the first.")
    return first, last, found[3].strip()


def written_span(first: datetime.date, last: datetime.date, name: str) -> str:
    days = f"{first}" if first == last else f"{first}..{last}"
    return f"{days} {name}"


# --- Choices -------------------------------------------------------------------------------------------
def yes_or_no(cell: str) -> bool:
    answer = cell.casefold()
    if answer in YES or answer in NO:
        return answer in YES
    raise ValueError(f"“{cell}” is neither yes nor no.")


def written_yes(value: bool) -> str:
    return "yes" if value else "no"


def choice(cell: str, choices: type[Choices], also: dict[str, str] | None = None) -> str:
    """A value or its label, whatever the case. `also`: what other systems call them."""
    wanted = cell.casefold()
    for value, label in choices.choices:
        if wanted in (str(value).casefold(), str(label).casefold()):
            return str(value)
    if also and wanted in also:
        return also[wanted]
    raise ValueError(f"“{cell}” is none of {in_words([str(value) for value in choices.values])}.")


def in_words(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" or {names[-1]}" if len(names) > 1 else "".join(names)


def each(values: Sequence[str], count: int) -> list[str]:
    """One for all, or one for each of `count`."""
    if len(values) == count:
        return list(values)
    if len(values) == 1:
        return [values[0]] * count
    if not values:
        return [""] * count
    raise ValueError(f"Write one for all, or {count}, apart by semicolons: there are {len(values)}.")
