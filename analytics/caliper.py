"""Caliper 1.1 and 1.2 as statements: who did what to which media or question, and where in it. No database."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils.dateparse import parse_duration

from .statements import ADL, ANSWERED, UUID, VIDEO, Malformed

VERSIONS = {f"http://purl.imsglobal.org/ctx/caliper/v1p{number}" for number in (1, 2)}
ACTIONS = "http://purl.imsglobal.org/vocab/caliper/action#"
PLAYS = {"Started", "Resumed", "Restarted"}
JUMPS = {"JumpedTo", "ForwardedTo", "RewoundTo"}
INTERACTION = "http://adlnet.gov/expapi/activities/cmi.interaction"
# What the kind of an answer says of its question; of all others nobody knows what can be answered.
KINDS = {
    "MultipleChoiceResponse": "choice",
    "MultipleResponseResponse": "choice",
    "MultiselectResponse": "choice",
    "TrueFalseResponse": "true-false",
    "RatingScaleResponse": "likert",
}
# Ids that are no UUIDs become one, always the same.
_IDS = uuid.UUID("2c4a8a5e-6f0b-4a86-9a57-3f6a0b8f5c21")


class UnknownVersion(Malformed):
    """Of Caliper; the sender is told with 422 (Caliper 1.1, endpoint requirements)."""


def statements_of(body: bytes) -> list[dict[str, Any]]:
    """The events of an envelope; entities that are only described are left out. Raises Malformed."""
    try:
        envelope = msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Malformed(f"This is not JSON: {error}.") from None
    wanted = ("sensor", "sendTime", "dataVersion", "data")
    if not isinstance(envelope, dict) or any(name not in envelope for name in wanted):
        raise Malformed(f"An envelope has {', '.join(wanted)}.")
    if str(envelope["dataVersion"]) not in VERSIONS:
        raise UnknownVersion(f"dataVersion is one of {', '.join(sorted(VERSIONS))}.")
    if not isinstance(envelope["data"], list) or not all(isinstance(one, dict) for one in envelope["data"]):
        raise Malformed("data is a list of events.")
    return [_statement(one) for one in envelope["data"] if "action" in one]


def _statement(event: Mapping[str, Any]) -> dict[str, Any]:
    action = str(event["action"]).rpartition("#")[2]
    about = _entity(event.get("object"))
    if event.get("type") == "MediaEvent":
        told = _viewing(action, about, event)
    elif _response(event) is not None:
        told = _answered(about, event)
    else:
        told = {"verb": {"id": f"{ACTIONS}{action}"}}
    return {
        "id": str(_id_of(event)),
        "actor": _actor(_entity(event.get("actor"))),
        "object": {"id": str(about.get("id", ""))},
        "timestamp": event.get("eventTime"),
    } | told


def _entity(value: object) -> Mapping[str, Any]:
    """An entity may be told by its id alone."""
    return value if isinstance(value, dict) else {"id": value}


def _id_of(event: Mapping[str, Any]) -> uuid.UUID:
    """Raises Malformed: without an id a repetition could not be told from another event."""
    told = event.get("id")
    if not isinstance(told, str) or not told:
        raise Malformed("Every event has an id, such as urn:uuid:… (Caliper 1.1, Event).")
    text = told.removeprefix("urn:uuid:")
    return uuid.UUID(text) if re.match(UUID, text) else uuid.uuid5(_IDS, text)


def _actor(person: Mapping[str, Any]) -> dict[str, Any]:
    """By e-mail address where one is told, else by the id, which is an IRI."""
    key = str(person.get("id", ""))
    told = [key.removeprefix("mailto:")] if key.startswith("mailto:") else []
    others = person.get("otherIdentifiers")
    for other in others if isinstance(others, list) else ():
        if isinstance(other, dict) and other.get("identifierType") == "EmailAddress":
            told.append(str(other.get("identifier", "")))
    canvas = _entity(_entity(person.get("extensions")).get("com.instructure.canvas"))
    told.append(str(canvas.get("user_login", "")))
    named = {"name": person["name"]} if isinstance(person.get("name"), str) else {}
    address = next((one for one in told if re.match(r"^[^@\s]+@[^@\s]+$", one)), "")
    return named | ({"mbox": f"mailto:{address}"} if address else {"openid": key})


# --- Media ----------------------------------------------------------------------------------------------
def _viewing(action: str, media: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    at = _seconds(_entity(event.get("target")).get("currentTime"))
    if at is None and action in ("Started", "Restarted"):
        at = 0.0
    if at is None and action == "Ended":
        at = _seconds(media.get("duration"))
    names = {"Paused": f"{VIDEO}/verbs/paused", "Ended": f"{ADL}/terminated"}
    verb = names.get(action, f"{ADL}/interacted")
    told: dict[str, float | None] = {"time": at}
    if action in PLAYS:
        verb = f"{VIDEO}/verbs/played"
    elif action in JUMPS:
        verb, told = f"{VIDEO}/verbs/seeked", {"time-to": at}
    extensions = {f"{VIDEO}/extensions/{name}": value for name, value in told.items() if value is not None}
    session = _entity(event.get("session")).get("id")
    around = {f"{VIDEO}/extensions/session-id": session} if isinstance(session, str) else {}
    return {
        "verb": {"id": verb},
        "result": {"extensions": extensions},
        "context": {"contextActivities": {"category": [{"id": VIDEO}]}, "extensions": around},
    }


def _seconds(value: object) -> float | None:
    """Of an ISO 8601 duration; what is none, or longer than any media could be, is no place in it."""
    try:
        found = parse_duration(value) if isinstance(value, str) else None
    except OverflowError:
        return None
    return None if found is None else found.total_seconds()


# --- Answers --------------------------------------------------------------------------------------------
def _response(event: Mapping[str, Any]) -> str | None:
    """Of an AssessmentItemEvent or a QuestionnaireItemEvent, as xAPI writes it."""
    generated = event.get("generated")
    if not isinstance(generated, dict) or not str(generated.get("type", "")).endswith("Response"):
        return None
    for name in ("value", "values", "selections"):
        given = generated.get(name)
        if isinstance(given, list):
            return "[,]".join(map(str, given))
        if isinstance(given, (str, int, float)):
            return str(given).lower() if isinstance(given, bool) else str(given)
    return None


def _answered(item: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """The first answer to a question describes it, also where it becomes a poll (folding)."""
    parent = _entity(item.get("isPartOf")).get("id")
    around = {"context": {"contextActivities": {"parent": [{"id": parent}]}}} if isinstance(parent, str) else {}
    about = {"id": str(item.get("id", "")), "definition": _described(item, event["generated"])}
    return {"verb": {"id": ANSWERED}, "object": about, "result": {"response": _response(event)}} | around


def _described(item: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    kind = KINDS.get(str(response.get("type")), "fill-in")
    told = {name: item.get(name) for name in ("name", "description")}
    words = {name: {"en": text.replace("\0", "")} for name, text in told.items() if isinstance(text, str) and text}
    return {"type": INTERACTION, "interactionType": kind} | words
