"""The control interface for tests and scripts: JSON in, JSON out, below `/sandbox/api/`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .faults import Fault
from .state import Course, Enrollment, Key, University, random_text
from .university import SHARD, scenario
from .web import Request, Response, json_response

if TYPE_CHECKING:
    from .app import Sandbox

IMMEDIATE = ("forget_tokens", "expire_tokens")


def control(sandbox: Sandbox, request: Request, name: str) -> Response:
    action = ACTIONS.get((request.method, name.partition("/")[0]))
    if action is None:
        return json_response({"error": f"There is no {request.method} {name}."}, 404)
    try:
        return json_response(action(sandbox, request, name.partition("/")[2]))
    except (ValueError, KeyError, TypeError) as error:
        return json_response({"error": str(error)}, 400)


def get_state(sandbox: Sandbox, request: Request, _rest: str) -> dict[str, Any]:
    university = sandbox.state.university
    people = [asdict(person) for person in university.people.values()]
    instructor = next((one for one in people if one["email"] == "instructor@demo.example"), None)
    return {
        "people": people,
        "instructor": instructor,
        "keys": [_key_json(key) for key in university.keys.values()],
        "courses": [asdict(course) for course in university.courses.values()],
        "enrollments": [asdict(one) for one in university.enrollments.values()],
        "tokens": len(university.tokens),
        "version": sandbox.state.version,
    }


def _key_json(key: Key) -> dict[str, Any]:
    return asdict(key) | {"id": str(key.id)}


def create_key(sandbox: Sandbox, request: Request, _rest: str) -> dict[str, Any]:
    fields = request.data
    with sandbox.state.changing() as university:
        fields.setdefault("name", "echo_lms")
        key = Key(id=SHARD * 3 + university.new_id(), secret=random_text(64), **fields)
        university.keys[key.id] = key
    return _key_json(key)


def update_key(sandbox: Sandbox, request: Request, number: str) -> dict[str, Any]:
    with sandbox.state.changing() as university:
        key = university.keys[int(number)]
        change_key(university, key, request.data)
    return _key_json(key)


def change_key(university: University, key: Key, fields: dict[str, Any]) -> None:
    """A scope taken away from a key deletes all its tokens (§1.9)."""
    if set(key.scopes) - set(fields.get("scopes", key.scopes)):
        university.drop_tokens(key.id)
    for name, value in fields.items():
        if not hasattr(key, name):
            raise ValueError(f"A key has no {name}.")
        setattr(key, name, value)


def faults(sandbox: Sandbox, request: Request, _rest: str) -> dict[str, Any]:
    """`{"error": 503, "path": "/api/v1/accounts", "after": 1, "times": 2}`; several kinds may be named at once."""
    fields = request.data
    path, times = str(fields.pop("path", "")), fields.pop("times", None)
    retry_after, after = fields.pop("retry_after", None), int(fields.pop("after", 0))
    for kind, value in fields.items():
        if kind in IMMEDIATE:
            at_once(sandbox, kind)
        else:
            sandbox.switchboard.switch_on(Fault(kind, int(value), path, times, retry_after, after))
    return {"faults": [asdict(fault) for fault in sandbox.switchboard.faults]}


def at_once(sandbox: Sandbox, kind: str) -> None:
    with sandbox.state.changing() as university:
        if kind == "forget_tokens":
            university.tokens.clear()
        for token in university.tokens.values():
            token.expires_at = 0.0


def clear_faults(sandbox: Sandbox, _request: Request, _rest: str) -> dict[str, Any]:
    sandbox.switchboard.clear()
    return {"faults": []}


def clock(sandbox: Sandbox, request: Request, _rest: str) -> dict[str, Any]:
    sandbox.state.clock_offset += float(request.data["advance_seconds"])
    return {"offset": sandbox.state.clock_offset}


def version(sandbox: Sandbox, request: Request, _rest: str) -> dict[str, Any]:
    wanted = request.data["version"]
    if wanted not in ("newer", "older"):
        raise ValueError("version is newer or older.")
    sandbox.state.version = wanted
    return {"version": wanted}


def reset(sandbox: Sandbox, request: Request, _rest: str) -> dict[str, Any]:
    made = scenario(str(request.data.get("scenario", "tiny")))
    with sandbox.state.lock:
        sandbox.start_afresh(made)
    return {"people": len(made.people), "courses": len(made.courses)}


def limits(sandbox: Sandbox, request: Request, _rest: str) -> dict[str, Any]:
    """How large the bucket is, for measurements that need one that allows them."""
    sandbox.throttle.high_water = float(request.data["high_water"])
    return {"high_water": sandbox.throttle.high_water}


def get_log(sandbox: Sandbox, _request: Request, _rest: str) -> dict[str, Any]:
    return {"log": list(sandbox.log), "most_parallel": sandbox.most_parallel()}


def clear_log(sandbox: Sandbox, _request: Request, _rest: str) -> dict[str, Any]:
    sandbox.log.clear()
    sandbox.throttle.buckets.clear()
    return {"log": []}


def change_university(sandbox: Sandbox, request: Request, _rest: str) -> dict[str, Any]:
    """`{"person": {"id": 1, "rights": []}}`, `{"course": {…}}`, `{"enrollment": {…}}`: creates without an id,
    changes with one.
    """
    made: dict[str, Any] = {}
    with sandbox.state.changing() as university:
        for kind, fields in request.data.items():
            made[kind] = _change_one(university, kind, dict(fields))
    return made


def _change_one(university: University, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    known: dict[str, dict[int, Any]] = {
        "person": university.people,
        "course": university.courses,
        "enrollment": university.enrollments,
    }
    rows = known[kind]
    if "id" in fields:
        row = rows[int(fields.pop("id"))]
        for name, value in fields.items():
            setattr(row, name, value)
        return asdict(row)
    number = university.new_id()
    if kind == "course":
        fields.setdefault("term_id", list(university.terms)[1])
        row = Course(id=number, **fields)
    elif kind == "enrollment":
        row = Enrollment(id=number, section_id=int(fields["course_id"]) * 10 + 1, **fields)
    else:
        raise ValueError("A new person cannot be made here.")
    rows[number] = row
    return asdict(row)


ACTIONS = {
    ("GET", "state"): get_state,
    ("POST", "keys"): create_key,
    ("PATCH", "keys"): update_key,
    ("POST", "faults"): faults,
    ("DELETE", "faults"): clear_faults,
    ("POST", "clock"): clock,
    ("POST", "version"): version,
    ("POST", "reset"): reset,
    ("POST", "limits"): limits,
    ("GET", "log"): get_log,
    ("DELETE", "log"): clear_log,
    ("POST", "university"): change_university,
}
