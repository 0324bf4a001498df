"""How the `publish` column says from when, and until when, a section has the recordings."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass

from schedules.models import Publication, Section

from . import cells

Available, Until = Publication.Available, Publication.Until
_FROM = re.compile(
    r"(?P<now>now|immediate)|(?P<held>held|never)|after (?P<days>\d+) days?|on (?P<on>\S+)", re.IGNORECASE
)
_UNTIL = re.compile(r"for (?P<days>\d+) days?|until (?P<on>\S+)|(?P<always>always)", re.IGNORECASE)
_BOTH = re.compile(r"(?P<start>.*?)(?:\s+(?P<end>(?:for|until)\s.*|always))?", re.IGNORECASE | re.DOTALL)
MANY_DAYS = 32767


@dataclass(frozen=True)
class Availability:
    available: str = Available.NOW
    available_days: int | None = None
    available_on: datetime.date | None = None
    until: str = Until.ALWAYS
    until_days: int | None = None
    until_on: datetime.date | None = None

    @classmethod
    def of(cls, one: Publication) -> Availability:
        """Without what its kind does not use."""
        return cls(
            one.available,
            one.available_days if one.available == Available.AFTER_DAYS else None,
            one.available_on if one.available == Available.ON_DATE else None,
            one.until,
            one.until_days if one.until == Until.AFTER_DAYS else None,
            one.until_on if one.until == Until.ON_DATE else None,
        )

    def to(self, section: Section) -> Publication:
        return Publication(section=section, **self.__dict__)


def read(item: str) -> Availability:
    """`now`, `held`, `after 3 days`, `on 2045-10-05`; then perhaps `for 30 days` or `until 2046-01-31`."""
    both = _BOTH.fullmatch(item.strip())
    start = _FROM.fullmatch(both["start"] if both else "")
    end = _UNTIL.fullmatch(both["end"]) if both and both["end"] else None
    if not start or (both and both["end"] and not end):
        raise ValueError(f"“{item}” is not understood. Write now, after 3 days, on 2045-10-05 or held.")
    fields = _start(start)
    if end:
        fields |= _end(end)
    return Availability(**fields)  # type: ignore[arg-type]  # by kind


def _start(found: re.Match[str]) -> dict[str, object]:
    if found["days"]:
        return {"available": Available.AFTER_DAYS, "available_days": _days(found["days"])}
    if found["on"]:
        return {"available": Available.ON_DATE, "available_on": cells.date(found["on"])}
    return {"available": Available.HELD if found["held"] else Available.NOW}


def _end(found: re.Match[str]) -> dict[str, object]:
    if found["days"]:
        if not int(found["days"]):
            raise ValueError("Recordings are there for one day at least.")
        return {"until": Until.AFTER_DAYS, "until_days": _days(found["days"])}
    if found["on"]:
        return {"until": Until.ON_DATE, "until_on": cells.date(found["on"])}
    return {"until": Until.ALWAYS}


def _days(digits: str) -> int:
    if int(digits) > MANY_DAYS:
        raise ValueError(f"At most {MANY_DAYS} days.")
    return int(digits)


def written(one: Availability) -> str:
    start = {
        Available.NOW: "now",
        Available.HELD: "held",
        Available.AFTER_DAYS: f"after {one.available_days} days",
        Available.ON_DATE: f"on {one.available_on}",
    }[Available(one.available)]
    end = {
        Until.ALWAYS: "",
        Until.AFTER_DAYS: f" for {one.until_days} days",
        Until.ON_DATE: f" until {one.until_on}",
    }[Until(one.until)]
    return start + end
