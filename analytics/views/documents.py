"""`/xAPI/activities`, `/xAPI/agents` and the documents about them (xAPI 1.0.3 part 3 §2.2–2.7, IEEE 9274.1.1)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.utils.http import http_date, parse_etags
from django.views.decorators.csrf import csrf_exempt

from .. import documents, entities, retrieval
from ..documents import Conditions, Needed, Place, Sent
from ..models import Document, EventSource
from ..statements import IRI, Malformed, check_size
from . import lrs
from .lrs import Call


@dataclass(frozen=True)
class Resource:
    """The parameters that tell what its documents are about, and `key`, by which they are told apart."""

    key: str
    needed: tuple[str, ...]
    others: tuple[str, ...] = ()


STATES = Resource("stateId", ("activityId", "agent"), ("registration",))
ACTIVITY_PROFILES = Resource("profileId", ("activityId",))
AGENT_PROFILES = Resource("profileId", ("agent",))
Write: TypeAlias = Callable[[Place, str, Sent, Conditions], None]


@csrf_exempt
@login_not_required
def state(request: HttpRequest) -> HttpResponse:
    return _answer(request, STATES)


@csrf_exempt
@login_not_required
def activity_profile(request: HttpRequest) -> HttpResponse:
    return _answer(request, ACTIVITY_PROFILES)


@csrf_exempt
@login_not_required
def agent_profile(request: HttpRequest) -> HttpResponse:
    return _answer(request, AGENT_PROFILES)


@csrf_exempt
@login_not_required
def activity(request: HttpRequest) -> HttpResponse:
    return lrs.answer(request, {"GET": _get_activity})


@csrf_exempt
@login_not_required
def agent(request: HttpRequest) -> HttpResponse:
    return lrs.answer(request, {"GET": _get_agent})


def _answer(request: HttpRequest, resource: Resource) -> HttpResponse:
    handlers = {
        "PUT": partial(_write, documents.put, resource),
        "POST": partial(_write, documents.post, resource),
        "GET": partial(_get, resource),
        "DELETE": partial(_delete, resource),
    }
    return lrs.answer(request, handlers)


# --- In -------------------------------------------------------------------------------------------------
def _write(write: Write, resource: Resource, call: Call, source: EventSource) -> HttpResponse:
    lrs.check_parameters(call.given, (*resource.needed, resource.key), resource.others)
    sent = Sent(call.body(), call.content_type or "application/octet-stream")
    write(_place(call), _key(call, resource), sent, _conditions(call, resource))
    return HttpResponse(status=204)


def _delete(resource: Resource, call: Call, source: EventSource) -> HttpResponse:
    """All states of a place are deleted without naming one; profiles are deleted one by one."""
    if resource is STATES and resource.key not in call.given:
        lrs.check_parameters(call.given, resource.needed, resource.others)
        documents.delete_all(_place(call))
    else:
        lrs.check_parameters(call.given, (*resource.needed, resource.key), resource.others)
        documents.delete(_place(call), _key(call, resource), _conditions(call, resource))
    return HttpResponse(status=204)


def _conditions(call: Call, resource: Resource) -> Conditions:
    return Conditions(_tags(call, "if-match"), _tags(call, "if-none-match"), _needed(call, resource))


def _needed(call: Call, resource: Resource) -> Needed:
    """In 1.0.x conflicts of states are thought unlikely (part 3 §3.1); 2.0 makes no difference (§4.1.4)."""
    if call.method != "PUT":
        return Needed.NEVER
    if call.version != "1.0.3":
        return Needed.TO_REPLACE
    return Needed.NEVER if resource is STATES else Needed.ALWAYS


def _tags(call: Call, header: str) -> list[str] | None:
    if header not in call.headers:
        return None
    tags = parse_etags(call.headers[header])
    if not tags:
        raise Malformed(f'{header} has ETags in quotes, or "*" without them.')
    return tags


# --- Out ------------------------------------------------------------------------------------------------
def _get(resource: Resource, call: Call, source: EventSource) -> HttpResponse:
    lrs.check_may_read(source)
    if resource.key in call.given:
        lrs.check_parameters(call.given, (*resource.needed, resource.key), resource.others)
        return _document(documents.one(_place(call), _key(call, resource)))
    lrs.check_parameters(call.given, resource.needed, (*resource.others, "since"))
    since = retrieval.moment_of(call.given, "since") if "since" in call.given else None
    found = documents.keys(_place(call), since)
    answer = lrs.json(list(found))
    if found:
        answer["Last-Modified"] = http_date(max(found.values()).timestamp())
    return answer


def _document(document: Document) -> HttpResponse:
    answer = HttpResponse(bytes(document.content), content_type=document.content_type)
    answer["ETag"] = document.etag
    answer["Last-Modified"] = http_date(document.updated_at.timestamp())
    # It says what its sender wanted, in whatever language of browsers: it is never a page of ours.
    answer["Content-Security-Policy"] = "sandbox"
    if not documents.is_json(document.content_type):
        answer["Content-Disposition"] = "attachment"
    return answer


def _get_activity(call: Call, source: EventSource) -> HttpResponse:
    lrs.check_may_read(source)
    lrs.check_parameters(call.given, ["activityId"])
    return lrs.json(entities.activity(_iri(call.given["activityId"])))


def _get_agent(call: Call, source: EventSource) -> HttpResponse:
    lrs.check_may_read(source)
    lrs.check_parameters(call.given, ["agent"])
    return lrs.json(entities.person(retrieval.agent_of(call.given["agent"])))


# --- Parameters -----------------------------------------------------------------------------------------
def _place(call: Call) -> Place:
    given = call.given
    return Place(
        activity=_iri(given["activityId"]) if "activityId" in given else "",
        agent=retrieval.agent_of(given["agent"]) if "agent" in given else None,
        registration=retrieval.uuid_of(given["registration"], "registration") if "registration" in given else None,
    )


def _key(call: Call, resource: Resource) -> str:
    return _of_a_size(call.given[resource.key])


def _iri(text: str) -> str:
    if not re.fullmatch(IRI, text):
        raise Malformed("activityId is an IRI.")
    return _of_a_size(text)


def _of_a_size(text: str) -> str:
    try:
        check_size(text)
    except ValueError as problem:
        raise Malformed(str(problem)) from None
    return text
