"""What an xAPI statement must be, its canonical form, and what it says (docs/analytics.md, "Statements").

The rules are those of xAPI 1.0.3, part 2, and of IEEE 9274.1.1 (xAPI 2.0), which allows a few properties more. No
database, no clock.
"""

from __future__ import annotations

import datetime
import math
import re
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from .playback import Kind

MOST_STATEMENTS = 10_000
ADL = "http://adlnet.gov/expapi/verbs"
VIDEO = "https://w3id.org/xapi/video"
VOIDED = f"{ADL}/voided"
ANSWERED = f"{ADL}/answered"
# Played, paused and seeked belong to the Video Profile alone; the others need its category or a video beside them.
VIEWING: dict[str, Kind] = {
    f"{VIDEO}/verbs/played": Kind.PLAYED,
    f"{VIDEO}/verbs/paused": Kind.PAUSED,
    f"{VIDEO}/verbs/seeked": Kind.SEEKED,
    f"{ADL}/initialized": Kind.INITIALIZED,
    f"{ADL}/interacted": Kind.INTERACTED,
    f"{ADL}/completed": Kind.COMPLETED,
    f"{ADL}/terminated": Kind.TERMINATED,
}
MOST_SEGMENTS = 1_000
MOST_LEVELS = 50
# Of a name that is kept in an index.
MOST_BYTES = 2_000


class Malformed(Exception):
    """Why this cannot be a statement, and where."""


# --- What came, taken apart -----------------------------------------------------------------------------
class Person(NamedTuple):
    """An actor, by the one name they have. `home_page` belongs to an account's name only."""

    kind: Literal["mbox", "sha1", "openid", "account"]
    identifier: str
    home_page: str = ""
    name: str = ""
    is_group: bool = False


class View(NamedTuple):
    """Seconds in the media; `segments` flat: from, to, from, to…"""

    activity: str
    kind: Kind
    at: float | None
    to: float | None
    segments: list[float] | None
    session: uuid.UUID | None


class Answer(NamedTuple):
    """`parent`: the media's IRI, where the statement names it."""

    activity: str
    response: str
    success: bool | None
    parent: str | None


class Attached(NamedTuple):
    """What a statement says of a file; `url` is empty where the file comes with the request."""

    usage_type: str
    content_type: str
    sha2: str
    url: str


class Read(NamedTuple):
    """`actor` is None for a group without a name. `target`: what it is about, if that is an activity; `refers`: if
    that is a statement. `people`: all of them; the first `about` are actor and object, and members of either.
    """

    id: uuid.UUID
    timestamp: datetime.datetime | None
    verb: str
    actor: Person | None
    target: str | None
    registration: uuid.UUID | None
    activities: tuple[str, ...]
    people: tuple[Person, ...]
    about: int
    refers: uuid.UUID | None
    voids: uuid.UUID | None
    attached: tuple[Attached, ...]
    view: View | None
    answer: Answer | None


def read(body: bytes) -> tuple[list[dict[str, Any]], list[Read]]:
    """The statements of a request, one object or an array, with an id each; and what they say, in the same order.

    Raises Malformed.
    """
    try:
        told = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Malformed(f"This is not JSON: {error}.") from None
    statements = told if isinstance(told, list) else [told]
    if len(statements) > MOST_STATEMENTS:
        raise Malformed(f"At most {MOST_STATEMENTS:,} statements at a time.")
    reads = []
    for number, statement in enumerate(statements, start=1):
        try:
            reads.append(_read(statement))
        except (msgspec.ValidationError, ValueError, RecursionError) as error:
            where = f"Statement {number}: " if isinstance(told, list) else ""
            raise Malformed(where + _in_words(str(error))) from None
    if len({one.id for one in reads}) < len(reads):
        raise Malformed("Two of these statements have the same id.")
    return statements, reads


def _read(statement: dict[str, Any]) -> Read:
    """Gives the statement an id if it has none."""
    if not isinstance(statement, dict):
        raise ValueError("A statement is an object.")
    said = msgspec.convert(_with_types(statement), Statement)
    timestamp = None if said.timestamp is UNSET else moment(said.timestamp, "timestamp")
    if said.stored is not UNSET:
        moment(said.stored, "stored")
    key = uuid.uuid4() if said.id is UNSET else uuid.UUID(said.id)
    if said.id is UNSET:
        statement["id"] = str(key)
    # The server's to say (part 2 §2.4.9), and a person of whom nothing must be left after erasing them.
    statement.pop("authority", None)
    target = said.object
    activities, people = _activities(said), _people(said)
    about = len(said.actor.people) + (len(target.people) if isinstance(target, (Agent, Group)) else 0)
    _check_sizes(said.verb.id, activities, people)
    refers = uuid.UUID(target.id) if isinstance(target, StatementRef) else None
    return Read(
        id=key,
        timestamp=timestamp,
        verb=said.verb.id,
        # The actor comes first, unless it is a group without a name.
        actor=people[0] if said.actor.names else None,
        target=target.id if isinstance(target, Activity) else None,
        registration=_registration(said),
        activities=tuple(dict.fromkeys(activities)),
        people=tuple(dict.fromkeys(people)),
        about=len(set(people[:about])),
        refers=refers,
        voids=refers if said.verb.id == VOIDED else None,
        attached=_attached(said),
        view=_view(said),
        answer=_answer(said),
    )


def _check_sizes(verb: str, activities: list[str], people: list[Person]) -> None:
    for name in (verb, *activities, *(one.home_page + one.identifier for one in people)):
        check_size(name)


def check_size(name: str) -> None:
    """In other scripts it has more bytes than letters. Raises ValueError."""
    if len(name) > MOST_BYTES // 4 and len(name.encode()) > MOST_BYTES:
        raise ValueError(f"A name has at most {MOST_BYTES:,} bytes: {name[:40]}…")


def _with_types(said: dict[str, Any]) -> dict[str, Any]:
    """A copy in which actor and object say what they are, as they need not (part 2 §2.4.2, §2.4.4)."""
    typed = dict(said)
    for name, usual in (("actor", "Agent"), ("object", "Activity"), ("authority", "Agent")):
        if isinstance(typed.get(name), dict):
            typed[name] = {"objectType": usual} | typed[name]
    if isinstance(typed.get("object"), dict) and typed["object"]["objectType"] == "SubStatement":
        typed["object"] = _with_types(typed["object"])
    context = typed.get("context")
    if isinstance(context, dict):
        people = {name: context[name] for name in ("instructor", "team") if isinstance(context.get(name), dict)}
        named = {name: {"objectType": "Agent"} | person for name, person in people.items()}
        typed["context"] = context | named
    return typed


def moment(text: str, name: str) -> datetime.datetime:
    """ISO 8601 with a date and a time. Without a zone it is UTC (part 2 §4.5). Raises ValueError."""
    if "T" in text.upper() and not text.endswith(("-00", "-0000", "-00:00")):
        try:
            found = datetime.datetime.fromisoformat(text.upper())
            return (found if found.tzinfo else found.replace(tzinfo=datetime.UTC)).astimezone(datetime.UTC)
        except (ValueError, OverflowError):
            pass
    raise ValueError(f"Expected a moment such as 2026-11-23T09:00:00.000Z - at `$.{name}`")


# --- The parts ------------------------------------------------------------------------------------------
_WORDS = {
    (IRI := r"^[A-Za-z][A-Za-z0-9+.\-]*:[^\s\x00-\x20<>\"{}|\\^`]+$"): "an IRI",
    (MAILBOX := r"^mailto:[^@\s\x00]+@[^@\s\x00]+$"): "an address such as mailto:someone@example.edu",
    (SHA1 := r"^[0-9A-Fa-f]{40}$"): "a SHA-1 of 40 hexadecimal digits",
    (UUID := r"^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$"): "a UUID",
    (LANGUAGE := r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$"): "a language tag such as en-GB",
    (VERSION := r"^(1|2)\.0(\.\d{1,4})?$"): "version 1.0.x or 2.0.x",
    (WITHOUT_NUL := r"^[^\x00]*$"): "text without NUL characters",
    (
        DURATION := (
            r"^P(?=\d|T)(\d+(\.\d+)?W|(\d+(\.\d+)?Y)?(\d+(\.\d+)?M)?(\d+(\.\d+)?D)?"
            r"(T(?=\d)(\d+(\.\d+)?H)?(\d+(\.\d+)?M)?(\d+(\.\d+)?S)?)?)$"
        )
    ): "a duration such as PT1H30M",
}
Iri: TypeAlias = Annotated[str, Meta(pattern=IRI, max_length=2000)]
Uuid: TypeAlias = Annotated[str, Meta(pattern=UUID)]
Language: TypeAlias = Annotated[str, Meta(pattern=LANGUAGE)]
Words: TypeAlias = dict[Language, str]
Extensions: TypeAlias = dict[Iri, Any]
Text: TypeAlias = str | UnsetType
Sha1: TypeAlias = Annotated[str, Meta(pattern=SHA1)]


def _in_words(error: str) -> str:
    for pattern, words in _WORDS.items():
        error = error.replace(f"`str` matching regex {pattern!r}", words)
    return error.replace("`$.", "`").replace("- at `$`", "").strip()


def _check_nesting(extensions: Extensions | UnsetType) -> None:
    """Everything else has a depth of its own. Who reads it later may have less room than who took it in."""
    level = [one for one in extensions.values() if isinstance(one, (dict, list))] if extensions else []
    depth = 0
    while level:
        depth += 1
        if depth > MOST_LEVELS:
            raise ValueError(f"An extension has at most {MOST_LEVELS} levels")
        inside = [value for one in level for value in (one.values() if isinstance(one, dict) else one)]
        level = [value for value in inside if isinstance(value, (dict, list))]


class Part(Struct, forbid_unknown_fields=True, rename="camel", frozen=True):
    """Nothing but what the specification names, in exactly that spelling; null is no value (part 2 §2.2)."""


class Account(Part, frozen=True):
    home_page: Iri
    name: Annotated[str, Meta(pattern=WITHOUT_NUL, max_length=300)]


class _Named(Part, frozen=True):
    """Inverse functional identifiers (part 2 §2.4.2.3)."""

    name: Text = UNSET
    mbox: Annotated[str, Meta(pattern=MAILBOX, max_length=320)] | UnsetType = UNSET
    mbox_sha1sum: Sha1 | UnsetType = msgspec.field(default=UNSET, name="mbox_sha1sum")
    openid: Iri | UnsetType = UNSET
    account: Account | UnsetType = UNSET

    @property
    def names(self) -> int:
        told = (
            self.mbox is not UNSET,
            self.mbox_sha1sum is not UNSET,
            self.openid is not UNSET,
            self.account is not UNSET,
        )
        return sum(told)

    def _person(self, *, is_group: bool) -> Person | None:
        called = "" if self.name is UNSET else self.name.replace("\0", "").strip()[:255]
        if self.account is not UNSET:
            return Person("account", self.account.name, self.account.home_page, called, is_group)
        if self.mbox is not UNSET:
            return Person("mbox", self.mbox.removeprefix("mailto:"), "", called, is_group)
        if self.mbox_sha1sum is not UNSET:
            return Person("sha1", self.mbox_sha1sum.lower(), "", called, is_group)
        if self.openid is not UNSET:
            return Person("openid", self.openid, "", called, is_group)
        return None


class Agent(_Named, frozen=True, tag_field="objectType", tag="Agent"):
    def __post_init__(self) -> None:
        if self.names != 1:
            raise ValueError("An agent has exactly one of mbox, mbox_sha1sum, openid and account")

    @property
    def person(self) -> Person | None:
        return self._person(is_group=False)

    @property
    def people(self) -> list[Person]:
        person = self.person
        return [person] if person else []


class Group(_Named, frozen=True, tag_field="objectType", tag="Group"):
    member: list[Agent] | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.names > 1:
            raise ValueError("A group has at most one of mbox, mbox_sha1sum, openid and account")
        if not self.names and self.member is UNSET:
            raise ValueError("A group without an identifier lists its members")

    @property
    def person(self) -> Person | None:
        return self._person(is_group=True)

    @property
    def people(self) -> list[Person]:
        person = self.person
        return ([person] if person else []) + [found for one in self.member or () for found in one.people]


def person_of(told: object) -> Person:
    """An agent or an identified group. Raises ValueError."""
    if not isinstance(told, dict):
        raise ValueError("Expected an agent")
    person = msgspec.convert({"objectType": "Agent"} | told, Agent | Group).person
    if person is None:
        raise ValueError("A group without an identifier is nobody in particular")
    check_size(person.home_page + person.identifier)
    return person


class Verb(Part, frozen=True):
    id: Iri
    display: Words | UnsetType = UNSET


class Component(Part, frozen=True):
    id: Annotated[str, Meta(min_length=1)]
    description: Words | UnsetType = UNSET


INTERACTIONS: dict[str, tuple[str, ...]] = {
    "true-false": (),
    "choice": ("choices",),
    "fill-in": (),
    "long-fill-in": (),
    "matching": ("source", "target"),
    "performance": ("steps",),
    "sequencing": ("choices",),
    "likert": ("scale",),
    "numeric": (),
    "other": (),
}
COMPONENTS = ("choices", "scale", "source", "target", "steps")


class Definition(Part, frozen=True):
    name: Words | UnsetType = UNSET
    description: Words | UnsetType = UNSET
    type: Iri | UnsetType = UNSET
    more_info: Iri | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET
    interaction_type: Text = UNSET
    correct_responses_pattern: list[str] | UnsetType = UNSET
    choices: list[Component] | UnsetType = UNSET
    scale: list[Component] | UnsetType = UNSET
    source: list[Component] | UnsetType = UNSET
    target: list[Component] | UnsetType = UNSET
    steps: list[Component] | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_nesting(self.extensions)
        if self.interaction_type is UNSET:
            told = self.correct_responses_pattern, self.choices, self.scale, self.source, self.target, self.steps
            if any(one is not UNSET for one in told):
                raise ValueError("An interaction says its interactionType")
            return
        lists = {name: getattr(self, name) for name in COMPONENTS if getattr(self, name) is not UNSET}
        if self.interaction_type not in INTERACTIONS:
            raise ValueError(f"interactionType is one of {', '.join(INTERACTIONS)}")
        for name, components in lists.items():
            if name not in INTERACTIONS[self.interaction_type]:
                raise ValueError(f"{self.interaction_type} has no {name}")
            if len({one.id for one in components}) < len(components):
                raise ValueError(f"Two of the {name} have the same id")


class Activity(Part, frozen=True, tag_field="objectType", tag="Activity"):
    id: Iri
    definition: Definition | UnsetType = UNSET


class StatementRef(Part, frozen=True, tag_field="objectType", tag="StatementRef"):
    id: Uuid


class Score(Part, frozen=True):
    scaled: Annotated[float, Meta(ge=-1, le=1)] | UnsetType = UNSET
    raw: float | UnsetType = UNSET
    min: float | UnsetType = UNSET
    max: float | UnsetType = UNSET

    def __post_init__(self) -> None:
        told = [one for one in (self.min, self.raw, self.max) if one is not UNSET]
        if told != sorted(told) or (self.min is not UNSET and self.min == self.max):
            raise ValueError("min is less than max, and raw is between them")


class Result(Part, frozen=True):
    score: Score | UnsetType = UNSET
    success: bool | UnsetType = UNSET
    completion: bool | UnsetType = UNSET
    response: Text = UNSET
    duration: Annotated[str, Meta(pattern=DURATION)] | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_nesting(self.extensions)


Some: TypeAlias = Activity | list[Activity] | UnsetType


class ContextActivities(Part, frozen=True):
    parent: Some = UNSET
    grouping: Some = UNSET
    category: Some = UNSET
    other: Some = UNSET

    @property
    def all(self) -> list[Activity]:
        return [
            one for some in (self.parent, self.grouping, self.category, self.other) if some for one in listed(some)
        ]


def listed(some: Some) -> Sequence[Activity]:
    if some is UNSET:
        return ()
    return [some] if isinstance(some, Activity) else some


class ContextAgent(Part, frozen=True, tag_field="objectType", tag="contextAgent"):
    agent: Agent
    relevant_types: Annotated[list[Iri], Meta(min_length=1)] | UnsetType = UNSET


class ContextGroup(Part, frozen=True, tag_field="objectType", tag="contextGroup"):
    group: Group
    relevant_types: Annotated[list[Iri], Meta(min_length=1)] | UnsetType = UNSET


class Context(Part, frozen=True):
    registration: Uuid | UnsetType = UNSET
    instructor: Agent | Group | UnsetType = UNSET
    team: Group | UnsetType = UNSET
    context_activities: ContextActivities | UnsetType = UNSET
    context_agents: list[ContextAgent] | UnsetType = UNSET
    context_groups: list[ContextGroup] | UnsetType = UNSET
    revision: Text = UNSET
    platform: Text = UNSET
    language: Language | UnsetType = UNSET
    statement: StatementRef | UnsetType = UNSET
    extensions: Extensions | UnsetType = UNSET

    def __post_init__(self) -> None:
        _check_nesting(self.extensions)

    @property
    def people(self) -> list[Person]:
        found = []
        if self.instructor is not UNSET:
            found += self.instructor.people
        if self.team is not UNSET:
            found += self.team.people
        for agent in self.context_agents or ():
            found += agent.agent.people
        for group in self.context_groups or ():
            found += group.group.people
        return found


class Attachment(Part, frozen=True):
    usage_type: Iri
    display: Words
    content_type: str
    length: Annotated[int, Meta(ge=0)]
    sha2: str
    description: Words | UnsetType = UNSET
    file_url: Iri | UnsetType = UNSET


class _Said(Part, frozen=True, kw_only=True):
    actor: Agent | Group
    verb: Verb
    result: Result | UnsetType = UNSET
    context: Context | UnsetType = UNSET
    timestamp: Text = UNSET
    attachments: list[Attachment] | UnsetType = UNSET

    def _check(self, target: Struct) -> None:
        if self.context is not UNSET and not isinstance(target, Activity):
            for name in ("revision", "platform"):
                if getattr(self.context, name) is not UNSET:
                    raise ValueError(f"A context has a {name} only where the object is an activity")
        if self.verb.id == VOIDED and not isinstance(target, StatementRef):
            raise ValueError("What is voided is told by a StatementRef")


class SubStatement(_Said, frozen=True, kw_only=True, tag_field="objectType", tag="SubStatement"):
    object: Activity | Agent | Group | StatementRef

    def __post_init__(self) -> None:
        self._check(self.object)
        if self.timestamp is not UNSET:
            moment(self.timestamp, "object.timestamp")


class Statement(_Said, frozen=True, kw_only=True):
    object: Activity | Agent | Group | StatementRef | SubStatement
    id: Uuid | UnsetType = UNSET
    # What the server says itself is read and left out.
    stored: Text = UNSET
    authority: Agent | Group | UnsetType = UNSET
    version: Annotated[str, Meta(pattern=VERSION)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        self._check(self.object)
        if isinstance(self.authority, Group) and (self.authority.names or len(self.authority.member or ()) != 2):
            raise ValueError("An authority that is a group has no name and two members")


# --- What it says ---------------------------------------------------------------------------------------
def _registration(said: Statement) -> uuid.UUID | None:
    if said.context is UNSET or said.context.registration is UNSET:
        return None
    return uuid.UUID(said.context.registration)


def _activities(said: Statement | SubStatement) -> list[str]:
    found = []
    if isinstance(said.object, Activity):
        found.append(said.object.id)
    elif isinstance(said.object, SubStatement):
        found += _activities(said.object)
    if said.context is not UNSET and said.context.context_activities is not UNSET:
        found += [one.id for one in said.context.context_activities.all]
    return found


def _attached(said: Statement) -> tuple[Attached, ...]:
    files = list(said.attachments or ())
    if isinstance(said.object, SubStatement):
        files += said.object.attachments or ()
    return tuple(
        Attached(one.usage_type, one.content_type, one.sha2.lower(), "" if one.file_url is UNSET else one.file_url)
        for one in files
    )


def _people(said: Statement | SubStatement) -> list[Person]:
    found = said.actor.people
    if isinstance(said.object, (Agent, Group)):
        found += said.object.people
    elif isinstance(said.object, SubStatement):
        found += _people(said.object)
    if said.context is not UNSET:
        found += said.context.people
    return found


_TIME, _TIME_FROM, _TIME_TO, _PLAYED_SEGMENTS, _SESSION_ID = (
    f"{VIDEO}/extensions/{name}" for name in ("time", "time-from", "time-to", "played-segments", "session-id")
)


def _view(said: Statement) -> View | None:
    kind = VIEWING.get(said.verb.id)
    if kind is None or not isinstance(said.object, Activity) or not _is_of_a_video(said):
        return None
    told = {} if said.result is UNSET else said.result.extensions or {}
    around = {} if said.context is UNSET else said.context.extensions or {}
    at, to = _number(told.get(_TIME)), None
    if kind == Kind.SEEKED:
        at, to = _number(told.get(_TIME_FROM)), _number(told.get(_TIME_TO))
    return View(
        activity=said.object.id,
        kind=kind,
        at=at,
        to=to,
        segments=_segments(told.get(_PLAYED_SEGMENTS)),
        session=_session(around.get(_SESSION_ID)),
    )


def _is_of_a_video(said: Statement) -> bool:
    if said.verb.id.startswith(VIDEO):
        return True
    target = said.object
    definition = target.definition if isinstance(target, Activity) else UNSET
    if definition is not UNSET and definition.type == f"{VIDEO}/activity-type/video":
        return True
    if said.context is UNSET or said.context.context_activities is UNSET:
        return False
    return any(one.id == VIDEO for one in listed(said.context.context_activities.category))


def _number(value: object) -> float | None:
    """Some senders write numbers as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


# As nearly all are.
_REGULAR_SEGMENTS = re.compile(
    r"\d{1,9}(\.\d{1,9})?\[\.\]\d{1,9}(\.\d{1,9})?(\[,\]\d{1,9}(\.\d{1,9})?\[\.\]\d{1,9}(\.\d{1,9})?)*", re.ASCII
)


def _segments(value: object) -> list[float] | None:
    """`0[.]12.5[,]14[.]21`; a piece that is none is left out."""
    if not isinstance(value, str):
        return None
    if _REGULAR_SEGMENTS.fullmatch(value):
        return [
            float(one) for one in value.replace("[,]", "[.]").split("[.]", 2 * MOST_SEGMENTS)[: 2 * MOST_SEGMENTS]
        ]
    found: list[float] = []
    for piece in value.split("[,]", MOST_SEGMENTS)[:MOST_SEGMENTS]:
        first, _, last = piece.partition("[.]")
        low, high = _number(first), _number(last)
        if low is not None and high is not None:
            found += (low, high)
    return found or None


# A session-id that is no UUID becomes one, always the same.
_UUID = re.compile(UUID)
_SESSIONS = uuid.UUID("6b1e2cf0-3d57-4bb1-9d0c-8f3a3a6d8b64")


def _session(value: object) -> uuid.UUID | None:
    if not isinstance(value, str) or not value:
        return None
    return uuid.UUID(value) if _UUID.match(value) else uuid.uuid5(_SESSIONS, value)


def _answer(said: Statement) -> Answer | None:
    if said.verb.id != ANSWERED or not isinstance(said.object, Activity) or said.result is UNSET:
        return None
    response = "" if said.result.response is UNSET else said.result.response.replace("\0", "")
    success = None if said.result.success is UNSET else said.result.success
    if not response and success is None:
        return None
    parents: Sequence[Activity] = ()
    if said.context is not UNSET and said.context.context_activities is not UNSET:
        parents = listed(said.context.context_activities.parent)
    return Answer(said.object.id, response, success, parents[0].id if parents else None)


# --- Canonical form -------------------------------------------------------------------------------------
_ADDED = {"id", "stored", "authority", "version"}


def meaning(statement: dict[str, Any]) -> bytes:
    """Equal for valid statements that mean the same (part 2 §2.3.1; docs/analytics.md, "Statements")."""
    kept = _meaning(_with_types(statement))
    if "timestamp" in kept:
        kept["timestamp"] = moment(kept["timestamp"], "timestamp").isoformat()
    return msgspec.json.encode(kept, order="sorted")


def _meaning(said: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: value for name, value in said.items() if name not in _ADDED}
    kept["actor"] = _sorted_members(said["actor"])
    kept["verb"] = said["verb"]["id"]
    kept["object"] = _object_meaning(said["object"])
    if "result" in said:
        kept["result"] = _result_meaning(said["result"])
    if "context" in said:
        kept["context"] = _context_meaning(said["context"])
    if "attachments" in said:
        kept["attachments"] = _sorted(said["attachments"])
    return kept


def _object_meaning(target: Mapping[str, Any]) -> Mapping[str, Any]:
    meanings: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
        "Activity": lambda one: {"id": one["id"]},
        "Group": _sorted_members,
        "SubStatement": _meaning,
    }
    meaning = meanings.get(target["objectType"])
    return meaning(target) if meaning else target


def _result_meaning(result: Mapping[str, Any]) -> Mapping[str, Any]:
    """A duration as it is written, but to the hundredth of a second (IEEE 9274.1.1 §4.2.7)."""
    if "duration" not in result:
        return result
    return {**result, "duration": re.sub(r"(?<=\.\d\d)\d+(?=S$)", "", result["duration"])}


def _context_meaning(context: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(context)
    for name in ("instructor", "team"):
        if name in kept:
            kept[name] = _sorted_members(kept[name])
    if "contextActivities" in kept:
        kept["contextActivities"] = {
            name: [one["id"] for one in (some if isinstance(some, list) else [some])]
            for name, some in kept["contextActivities"].items()
        }
    return kept


def _sorted_members(actor: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**actor, "member": _sorted(actor["member"])} if "member" in actor else actor


def _sorted(things: Iterable[Any]) -> list[Any]:
    return sorted(things, key=lambda one: msgspec.json.encode(one, order="sorted"))
