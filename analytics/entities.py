"""What is known of an activity or a person as a whole (xAPI 1.0.3, part 3 §2.4 and §2.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import identities, retrieval
from .models import Identity, Learner
from .statements import Person

# An activity is what these many newest statements with it say.
NEWEST = 100


# --- Activities -----------------------------------------------------------------------------------------
def activity(iri: str) -> dict[str, Any]:
    """The newest definition, with languages and extensions of older ones; without any, its name alone."""
    asked = {"activity": iri, "related_activities": "true", "limit": str(NEWEST)}
    definition: dict[str, Any] = {}
    for statement in reversed(retrieval.some(asked, retrieval.Shape()).statements):
        for one in _activities(statement):
            if one.get("id") == iri and "definition" in one:
                definition = _merged(definition, one["definition"])
    named = {"objectType": "Activity", "id": iri}
    return named | {"definition": definition} if definition else named


def _activities(statement: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Also objects that are none."""
    target = statement["object"]
    yield target
    for some in statement.get("context", {}).get("contextActivities", {}).values():
        yield from some
    if target.get("objectType") == "SubStatement":
        yield from _activities(target)


def _merged(definition: Mapping[str, Any], newer: Mapping[str, Any]) -> dict[str, Any]:
    maps = [name for name in ("name", "description", "extensions") if name in newer]
    return {**definition, **newer, **{name: definition.get(name, {}) | newer[name] for name in maps}}


# --- People ---------------------------------------------------------------------------------------------
def person(agent: Person) -> dict[str, Any]:
    """All names of the learner who this is; of somebody unknown the one that was given."""
    key = identities.key_of(agent)
    learner = Learner.objects.filter(identities__key=key).first()
    others = Identity.objects.filter(learner=learner).exclude(key=key).order_by("key") if learner else ()
    found: dict[str, Any] = {"objectType": "Person"}
    called = [agent.name, learner.name if learner else ""]
    if any(called):
        found["name"] = list(dict.fromkeys(name for name in called if name))
    for one in (agent, *(identities.person_named(other.key) for other in others)):
        name, value = _identifier(one)
        found.setdefault(name, []).append(value)
    return found


def _identifier(one: Person) -> tuple[str, str | dict[str, str]]:
    match one.kind:
        case "mbox":
            return "mbox", f"mailto:{one.identifier}"
        case "sha1":
            return "mbox_sha1sum", one.identifier
        case "openid":
            return "openid", one.identifier
        case "account":
            return "account", {"homePage": one.home_page, "name": one.identifier}
