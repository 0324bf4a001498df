"""The kinds of files, and who may use which."""

from __future__ import annotations

from typing import TYPE_CHECKING

from accounts.roles import Role, roles_of

from .base import FileKind
from .people import Users
from .rooms import Rooms
from .schedule_rows import Schedules
from .sections import Sections
from .terms import Terms

if TYPE_CHECKING:
    from accounts.models import User

# In the order in which a new institution imports them: each refers to those before it.
KINDS: list[type[FileKind]] = [Rooms, Terms, Users, Sections, Schedules]


def register(kind: type[FileKind]) -> None:
    """A kind of an app above this one, for its `AppConfig.ready`."""
    if kind not in KINDS:
        KINDS.append(kind)


def kind_of(name: str) -> type[FileKind]:
    """Raises KeyError."""
    return {kind.name: kind for kind in KINDS}[name]


def may_import(kind: type[FileKind], user: User) -> bool:
    return not roles_of(user).isdisjoint({Role.ADMINISTRATORS, *kind.importers})


def may_export(kind: type[FileKind], user: User) -> bool:
    return kind.has_export and not roles_of(user).isdisjoint({Role.ADMINISTRATORS, *kind.exporters})
