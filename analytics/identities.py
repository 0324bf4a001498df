"""Which learner somebody is: people on rosters, actors of statements, people who sign in here."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Exists, OuterRef

from accounts.models import User
from directory.models import RosterEntry
from schedules.models import LmsCourseLink

from . import folding
from .models import Identity, Learner, RosterLearner
from .statements import Person

BATCH = 2000
# Any number nobody else locks by.
LOCK = 7_305_410_023
# Whoever stores statements holds this together with others, whoever erases alone.
ERASING = 7_305_410_024


def mailto(email: str) -> str:
    return f"mailto:{email.strip().lower()}"


def sha1_of(email: str) -> str:
    """As actors without a name are known: of the whole mailto address (xAPI 1.0.3, part 2 §2.4.2.3)."""
    return "sha1:" + hashlib.sha1(mailto(email).encode(), usedforsecurity=False).hexdigest()


def account(home_page: str, name: str) -> str:
    return f"account:{home_page.rstrip('/')}|{name}"


def key_of(person: Person) -> str:
    """Of an actor. A group never has the key of a person."""
    match person.kind:
        case "mbox":
            key = mailto(person.identifier)
        case "account":
            key = account(person.home_page, person.identifier)
        case "sha1":
            key = f"sha1:{person.identifier}"
        case "openid":
            key = f"openid:{person.identifier}"
    return f"group:{key}" if person.is_group else key


def person_named(key: str) -> Person:
    """Whom a key names that is no group's."""
    kind, _, name = key.partition(":")
    if kind == "account":
        home_page, _, name = name.partition("|")
        return Person("account", name, home_page)
    return Person("mbox" if kind == "mailto" else "sha1" if kind == "sha1" else "openid", name)


def known(keys: Collection[str]) -> dict[str, int]:
    """The identities of those names that are somebody's."""
    # By hand: the ORM takes longer over a hundred parameters than the database over the question.
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, id FROM analytics_identity WHERE key = ANY(%s)", [list(keys)])
        return dict(cursor.fetchall())


def meet(people: Collection[Person]) -> None:
    """Gives everybody an identity, with a learner of their own until a roster tells more.

    One after another: who holds one name and waits for another would block for good whoever does it the other way
    round. In a transaction that is under way all are held to its end, and `_one_at_a_time` keeps those apart.
    """
    groups = sorted({key_of(person) for person in people if person.is_group})
    for key in groups:
        Identity.objects.bulk_create([Identity(key=key)], ignore_conflicts=True)
    single = sorted((_named(person) for person in people if not person.is_group), key=lambda one: one.keys)
    if connection.in_atomic_block:
        with _one_at_a_time():
            _learners(single)
    else:
        for person in single:
            with transaction.atomic():
                _learners([person])


def _named(person: Person) -> _Person:
    if person.kind != "mbox":
        return _Person((key_of(person),), person.name, "")
    return _Person((key_of(person), sha1_of(person.identifier)), person.name, person.identifier.strip().lower())


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """For those who meet many people in one transaction, to its end: an imported file, and the rosters."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield


def identity_of(person: Person) -> int:
    """Their identity; who is new is met."""
    key = key_of(person)
    # Whoever was met may be erased before they are looked up.
    while key not in (found := known([key])):
        meet([person])
    return found[key]


def nobody_is_erased(cursor: CursorWrapper) -> None:
    """Until the transaction ends, as while statements are stored (`analytics_store`, migration 0003)."""
    cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [ERASING])


def nobody_stores(cursor: CursorWrapper) -> None:
    """Until the transaction ends: who is erased in it is in nothing that is being stored."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ERASING])


def learner_of(user: User) -> Learner:
    """The learner that a signed-in person is; made when they are met first."""
    known = Learner.objects.filter(identities__key=mailto(user.email)).first()
    if known is not None:
        return known
    person = _Person((mailto(user.email), sha1_of(user.email)), user.full_name, user.email)
    with transaction.atomic():
        return Learner.objects.get(pk=_learners([person])[0])


def match_rosters() -> int:
    """Gives everybody on the roster of a linked course their learner; returns how many were new or have changed.

    A sign-in name may come later than the person: Canvas tells it only to some tokens (docs/canvas.md).
    """
    linked = LmsCourseLink.objects.values("lms_course")
    as_now = {"entry": OuterRef("pk"), "login_id": OuterRef("login_id"), "name": OuterRef("name")}
    unknown = (
        RosterEntry.objects.filter(course__in=linked)
        .exclude(Exists(RosterLearner.objects.filter(**as_now)))
        .select_related("course__configuration")
        .order_by("pk")[:BATCH]
    )
    with _one_at_a_time():
        entries = list(unknown)
        learners = _learners([_person_of(entry) for entry in entries])
        RosterLearner.objects.bulk_create(
            [
                RosterLearner(entry=entry, learner_id=key, login_id=entry.login_id, name=entry.name)
                for entry, key in zip(entries, learners, strict=True)
            ],
            update_conflicts=True,
            unique_fields=["entry"],
            update_fields=["learner", "login_id", "name"],
        )
    return len(entries)


@dataclass(frozen=True)
class _Person:
    """All names of one person; the first is the surest. `is_sure`: as a roster knows them."""

    keys: tuple[str, ...]
    name: str
    email: str
    is_sure: bool = False


def _person_of(entry: RosterEntry) -> _Person:
    """By the LMS's id, and where the sign-in name is an address, as in most Canvases, by that as well."""
    sure = account(entry.course.configuration.base_url, entry.lms_user_id)
    login = entry.login_id.strip().lower()
    if "@" not in login or " " in login:
        return _Person((sure,), entry.name, "", is_sure=True)
    return _Person((sure, mailto(login), sha1_of(login)), entry.name, login, is_sure=True)


def _learners(people: Sequence[_Person]) -> list[int]:
    """The key of each one's learner. Names that turn out to be one person's become one. Needs a transaction."""
    wanted = sorted({key for person in people for key in person.keys})
    known = _owners(wanted)
    made = set()
    for person in people:
        owner = next((known[key] for key in person.keys if key in known), None)
        if owner is None:
            owner = Learner.objects.create(name=person.name, email=person.email).pk
            made.add(owner)
        for key in person.keys:
            known.setdefault(key, owner)
    # Somebody else may just have met the same people: what is there already stays, after waiting for it.
    Identity.objects.bulk_create(
        [Identity(key=key, learner_id=known[key]) for key in wanted], batch_size=BATCH, ignore_conflicts=True
    )
    known = _owners(wanted)
    Learner.objects.filter(pk__in=made - set(known.values())).delete()
    _one_each(people, known)
    found = [known[person.keys[0]] for person in people]
    _name(people, found)
    return found


def _owners(keys: Collection[str]) -> dict[str, int]:
    return dict(Identity.objects.filter(key__in=keys).values_list("key", "learner"))


def _one_each(people: Iterable[_Person], known: dict[str, int]) -> None:
    for person in people:
        for key in person.keys[1:]:
            staying, leaving = known[person.keys[0]], known[key]
            if staying != leaving:
                merge(staying, leaving)
                known.update({name: staying for name, owner in known.items() if owner == leaving})


def _name(people: Sequence[_Person], learners: Sequence[int]) -> None:
    """A roster knows names and addresses better than a statement, which only fills what is empty."""
    rows = Learner.objects.in_bulk(list(learners))
    changed = []
    for person, key in zip(people, learners, strict=True):
        row = rows[key]
        told, had = (person.name, person.email), (row.name, row.email)
        first, second = (told, had) if person.is_sure else (had, told)
        better = (first[0] or second[0], first[1] or second[1])
        if better != had:
            row.name, row.email = better
            changed.append(row)
    Learner.objects.bulk_update(changed, ["name", "email"], batch_size=BATCH)


def merge(staying: int, leaving: int) -> None:
    """Two learners are one person: names, rosters, sessions and answers become the first one's.

    Needs a transaction. Figures are locked first, as by whoever erases: then neither waits for the other for good.
    """
    with connection.cursor() as cursor:
        folding.lock(cursor)
    Identity.objects.filter(learner=leaving).update(learner=staying)
    RosterLearner.objects.filter(learner=leaving).update(learner=staying)
    folding.move(leaving, staying)
    gone = Learner.objects.get(pk=leaving)
    gone.looks.update(learner=staying)
    gone.delete()
