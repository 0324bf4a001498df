"""`/xAPI/statements`: a learning record store (xAPI 1.0.3 part 3, IEEE 9274.1.1). Its documents: documents.py."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Mapping, Sequence

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt

from .. import attachments, ingest, retrieval
from ..attachments import File
from ..models import EventSource
from ..statements import Malformed, read
from . import lrs
from .lrs import Call


@csrf_exempt
@login_not_required
def statements(request: HttpRequest) -> HttpResponse:
    answer = lrs.answer(request, {"POST": _post, "PUT": _put, "GET": _get})
    if "X-Experience-API-Consistent-Through" not in answer:
        _tell_consistency(answer, retrieval.lately_consistent_through())
    return answer


@csrf_exempt
@login_not_required
def about(request: HttpRequest) -> HttpResponse:
    """Open to anybody, and asked for without a version. Whoever says 1.0.x knows no later ones (part 3 §2.8)."""
    version = lrs.version_of(request.headers.get("X-Experience-API-Version", ""))
    if request.method not in ("GET", "HEAD"):
        answer = lrs.error(405, "Ask with GET.")
    else:
        answer = lrs.json({"version": [one for one in lrs.VERSIONS if version != "1.0.3" or one < "2"]})
    answer["X-Experience-API-Version"] = version or "1.0.3"
    return answer


# --- In -------------------------------------------------------------------------------------------------
def _post(call: Call, source: EventSource) -> HttpResponse:
    if call.given:
        raise Malformed(f"POST has no parameter {next(iter(call.given))}.")
    body, files = _taken_apart(call)
    told, reads = read(body)
    attachments.check(told, reads, files)
    if not reads:
        lrs.check_again(call)
        return lrs.json([])
    ids = ingest.store(source, told, reads, version=call.version, files=files)
    return lrs.json([str(one) for one in ids])


def _put(call: Call, source: EventSource) -> HttpResponse:
    if set(call.given) != {"statementId"}:
        raise Malformed("PUT needs the parameter statementId in its address, and no other.")
    try:
        wanted = uuid.UUID(call.given["statementId"])
    except ValueError:
        raise Malformed("The id of a statement is a UUID.") from None
    body, files = _taken_apart(call)
    statement = msgspec.json.decode(_object(body))
    statement.setdefault("id", str(wanted))
    told, reads = read(msgspec.json.encode(statement))
    if reads[0].id != wanted:
        raise Malformed("The statement has another id than statementId.")
    attachments.check(told, reads, files)
    ingest.store(source, told, reads, version=call.version, files=files)
    return HttpResponse(status=204)


def _object(body: bytes) -> bytes:
    """Raises Malformed unless it is one."""
    try:
        if isinstance(msgspec.json.decode(body), dict):
            return body
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Malformed(f"This is not JSON: {error}.") from None
    raise Malformed("Send one statement.")


def _taken_apart(call: Call) -> tuple[bytes, dict[str, File]]:
    """The statements, and the files that came with them. Raises Malformed and TooLarge."""
    kind = call.content_type.partition(";")[0].strip().lower()
    if kind == "multipart/mixed":
        return attachments.taken_apart(call.body(), call.content_type)
    if kind != "application/json":
        raise Malformed("Send the statements as application/json, or with files as multipart/mixed.")
    return call.body(), {}


# --- Out ------------------------------------------------------------------------------------------------
def _get(call: Call, source: EventSource) -> HttpResponse:
    lrs.check_may_read(source)
    given = call.given
    through = retrieval.consistent_through()
    shape = retrieval.Shape(given.get("format", "exact"), _languages(call.headers.get("accept-language", "")))
    if retrieval.asks_for_one(given):
        one = retrieval.one(given, shape)
        answer = _statements(one.statement, one.files, given)
        answer["Last-Modified"] = http_date(one.stored.timestamp())
    else:
        page = retrieval.some(given, shape)
        more = f"{reverse('xapi_statements')}?{page.more}" if page.more else ""
        answer = _statements({"statements": page.statements, "more": more}, page.files, given)
    _tell_consistency(answer, through)
    return answer


def _tell_consistency(answer: HttpResponse, through: datetime.datetime) -> None:
    answer["X-Experience-API-Consistent-Through"] = through.isoformat(timespec="milliseconds")


def _statements(content: object, files: Sequence[File], given: Mapping[str, str]) -> HttpResponse:
    """With attachments=true in parts, the files after the statements."""
    if given.get("attachments") != "true":
        return lrs.json(content)
    boundary = f"echo-lms-{uuid.uuid4()}"  # which is in no file
    body = attachments.put_together(msgspec.json.encode(content), files, boundary)
    return HttpResponse(body, content_type=f"multipart/mixed; boundary={boundary}")


def _languages(accepted: str) -> tuple[str, ...]:
    """Of Accept-Language, best first."""
    found = []
    for number, part in enumerate(accepted.split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            found.append((-float(quality or 1), number, tag))
        except ValueError:
            continue
    return tuple(tag for _, _, tag in sorted(found) if tag)
