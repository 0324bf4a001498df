"""Which part of the institution a person may schedule for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from accounts.roles import is_administrator, is_scheduler

if TYPE_CHECKING:
    from accounts.models import User


@dataclass(frozen=True)
class Scope:
    """`schedules`: whether they may at all. `campuses`, `departments`: keys they are limited to, or None.

    A scheduler with several campuses may use each; one who is limited both ways needs both to fit.
    """

    schedules: bool
    campuses: frozenset[int] | None = None
    departments: frozenset[int] | None = None

    @classmethod
    def of(cls, user: User) -> Scope:
        """One query the first time a scheduler is asked about, then remembered for as long as the object lives."""
        known: Scope | None = getattr(user, "_scope", None)
        if known is None:
            known = cls._read(user)
            user._scope = known  # type: ignore[attr-defined]  # ours
        return known

    @classmethod
    def _read(cls, user: User) -> Scope:
        if is_administrator(user):
            return cls(schedules=True)
        if not is_scheduler(user):
            return cls(schedules=False)
        rows = list(user.scheduler_scopes.values_list("campus", "department"))
        campuses = frozenset(campus for campus, _ in rows if campus)
        departments = frozenset(department for _, department in rows if department)
        return cls(True, campuses or None, departments or None)
