"""The control interface for tests and scripts: JSON in, JSON out, below `/sandbox/api/`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .api import BASE_TYPES
from .faults import Fault
from .state import ENROLLMENT_STATES, Course, Enrollment, Key, Person, University, random_text
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
    sandbox.clear_log()
    sandbox.throttle.buckets.clear()
    return {"log": []}


def change_university(sandbox: Sandbox, request: Request, _rest: str) -> dict[str, Any]:
    """`{"person": {"id": 1, "rights": []}}`, `{"course": {…}}`, `{"enrollment": {…}}`: creates without an id,
    changes with one. `{"merge": {"from": 1, "into": 2}}`: the first person's enrollments become the second's.
    """
    made: dict[str, Any] = {}
    with sandbox.state.changing() as university:
        for kind, fields in request.data.items():
            change = _merge if kind == "merge" else _change_one
            made[kind] = change(university, kind, dict(fields))
    return made


def _merge(university: University, _kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    leaving = _row(university, "person", fields["from"])
    staying = _row(university, "person", fields["into"])
    if leaving is staying or staying.deleted:
        raise ValueError("A person is merged into another one, who is not deleted.")
    university.merge(leaving, staying)
    return asdict(staying)


def _rows(university: University, kind: str) -> dict[int, Any]:
    known: dict[str, dict[int, Any]] = {
        "person": university.people,
        "course": university.courses,
        "enrollment": university.enrollments,
    }
    if kind not in known:
        raise ValueError(f"There is no kind {kind!r}. There are: {', '.join(known)}, merge.")
    return known[kind]


def _row(university: University, kind: str, number: Any) -> Any:
    found = _rows(university, kind).get(int(number))
    if found is None:
        raise ValueError(f"There is no {kind} {number}.")
    return found


def _change_one(university: University, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    rows = _rows(university, kind)
    if kind == "enrollment":
        _understand_enrollment(university, fields)
    if "id" in fields:
        row = _row(university, kind, fields.pop("id"))
        for name, value in fields.items():
            if not hasattr(row, name):
                raise ValueError(f"{kind.capitalize()}s have no {name}.")
            setattr(row, name, value)
    else:
        row = _new(university, kind, fields)
        rows[row.id] = row
    if kind == "enrollment" and not fields.keys().isdisjoint(("user_id", "course_id")):
        university.enrollments_moved()
    return asdict(row)


def _understand_enrollment(university: University, fields: dict[str, Any]) -> None:
    """`kind` (teacher, ta, student, observer, designer) stands for type and role; what it names has to exist."""
    if "kind" in fields:
        kind = str(fields.pop("kind")).lower()
        if kind not in BASE_TYPES:
            raise ValueError(f"There is no kind {kind!r} of enrollment. There are: {', '.join(BASE_TYPES)}.")
        fields["type"] = fields["role"] = f"{BASE_TYPES[kind]}Enrollment"
    if fields.get("state", "active") not in ENROLLMENT_STATES:
        raise ValueError(f"The state of an enrollment is one of {', '.join(ENROLLMENT_STATES)}.")
    for kind in ("user", "course"):
        if f"{kind}_id" in fields:
            found = _row(university, "person" if kind == "user" else kind, fields[f"{kind}_id"])
            fields[f"{kind}_id"] = found.id


def _new(university: University, kind: str, fields: dict[str, Any]) -> Any:
    number = university.new_id()
    if kind == "course":
        return Course(id=number, **{"term_id": list(university.terms)[1]} | fields)
    if kind == "enrollment":
        return Enrollment(id=number, **{"section_id": int(fields["course_id"]) * 10 + 1} | fields)
    return Person(id=number, **{"email": None, "login": fields.get("email") or fields["name"]} | fields)


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
