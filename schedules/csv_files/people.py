"""People and their roles."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group
from django.db import models

from accounts.emails import normalised
from accounts.models import User
from accounts.roles import Role
from schedules.models.changes import Difference, difference

from . import cells as written
from .base import ADDED, CHANGED, Cells, Column, FileKind, Known, external_id, merge
from .outcome import Kind, refuse

if TYPE_CHECKING:
    from .reading import Table


class Users(FileKind):
    name = "users"
    title = "People"
    sentence = (
        "Who may sign in, and what they may do. New people get no password: an administrator sets one in "
        "People, or they come through single sign-on."
    )
    exporters = ()
    columns = (
        Column("email", "E-mail address, whatever its case.", "ira@example.edu", key=True),
        Column("full_name", "Name as shown to others.", "Ira Instructor"),
        Column(
            "roles",
            "Apart by semicolons: `Administrators`, `Schedulers`, `Instructors`. All roles the person shall "
            "have: one that is left out is taken away. Nobody takes a role from themselves.",
            "Instructors",
        ),
        Column(
            "time_zone",
            "In which the person sees dates and times, for example `Europe/London`. A new person without it "
            "gets `UTC`.",
            "Europe/London",
        ),
        external_id("P-1001"),
    )

    def __init__(self, user: User, table: Table) -> None:
        super().__init__(user, table)
        self.groups = {Role(group.name): group for group in Group.objects.filter(name__in=list(Role))}

    def prepare(self) -> None:
        self.people = Known(User.objects.prefetch_related("groups"), lambda one: (one.email,))

    def carry_out(self, cells: Cells) -> tuple[Kind, models.Model, str, list[Difference]]:
        values: dict[str, Any] = {}
        cells.put(values, "full_name")
        if cells.text("time_zone") or cells.has("time_zone"):
            values["time_zone"] = cells.text("time_zone") or "UTC"
        cells.put(values, "external_id")
        roles: set[Role] | None = None
        if cells.has("roles"):
            roles = set(cells.read("roles", _roles, empty=[]))
        cells.check()
        person = self.people.by_external_id(cells.text("external_id"))
        if person is not None and cells.has("email"):
            values["email"] = normalised(cells.text("email"))
        if person is None:
            person = self.people.find(normalised(cells.text("email")))
        if person is not None:
            self.touch(person, cells)
        kind = Kind.CREATED if person is None else Kind.CHANGED
        changed = copy.copy(person) if person is not None else User()
        changed.__dict__.pop("roles", None)
        if person is None:
            values["email"] = normalised(cells.text("email"))
            changed.set_unusable_password()
        differences = merge(self.save_fields(changed, values), self._save_roles(changed, person, roles))
        if kind == Kind.CHANGED and not differences:
            return Kind.UNCHANGED, changed, changed.email, []
        if person is not None and person.is_superuser and not self.user.is_superuser:
            raise refuse("email", "This person is a superuser. Only a superuser can change one.")
        self.record(changed, ADDED if kind == Kind.CREATED else CHANGED, differences)
        self.fresh(self.people, changed)
        return kind, changed, changed.email, differences

    def _save_roles(self, person: User, before: User | None, roles: set[Role] | None) -> list[Difference]:
        held = _held(before) if before is not None else set()
        if roles is None or roles == held:
            return []
        lost = held - roles
        if lost and person.pk == self.user.pk:
            raise refuse("roles", "Nobody takes a role from themselves. Another administrator has to do it.")
        person.groups.remove(*(self.groups[role] for role in lost))
        person.groups.add(*(self.groups[role] for role in roles - held))
        if Role.ADMINISTRATORS in lost and not _administrators_left():
            raise refuse("roles", "This is the last administrator. Give the role to somebody else first.")
        # The look-ups of later rows read the roles from the object.
        person._prefetched_objects_cache = {}  # type: ignore[attr-defined]
        return difference("Roles", _in_words(held), _in_words(roles))

    @classmethod
    def export(cls, user: User) -> Iterator[list[str]]:
        for person in User.objects.prefetch_related("groups").iterator(chunk_size=500):
            yield [
                person.email,
                person.full_name,
                _in_words(_held(person)),
                person.time_zone,
                person.external_id,
            ]


def _held(person: User) -> set[Role]:
    """By membership; what a superuser may do besides is in no file."""
    names = {group.name for group in person.groups.all()}
    return {role for role in Role if role.value in names}


def _in_words(roles: set[Role]) -> str:
    return written.joined(role.value for role in Role if role in roles)


def _administrators_left() -> bool:
    group = models.Q(groups__name=Role.ADMINISTRATORS)
    return User.objects.filter(group | models.Q(is_superuser=True), is_active=True).exists()


def _roles(cell: str) -> list[Role]:
    found = []
    for item in written.parts(cell):
        name = item.lower().removesuffix("s")
        role = next((role for role in Role if role.value.lower().removesuffix("s") == name), None)
        if role is None:
            raise ValueError(f"“{item}” is no role. Roles are {written.in_words([role.value for role in Role])}.")
        found.append(role)
    return found
