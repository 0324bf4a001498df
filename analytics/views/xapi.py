"""`/xAPI/statements`: a learning record store, as far as statements go (xAPI 1.0.3 part 3, IEEE 9274.1.1)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import http_date
from django.views.decorators.csrf import csrf_exempt

from .. import ingest, retrieval, sources
from ..models import EventSource
from ..statements import Malformed, read
from .bodies import TooLarge, body_of

VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0")
METHODS = ("GET", "HEAD", "POST", "PUT")
BOUNDARY = "echo-lms-statements"


class Answered(Exception):
    """The request ends here, with this status and sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@csrf_exempt
@login_not_required
def statements(request: HttpRequest) -> HttpResponse:
    version = _version(request)
    try:
        answer = _answer(request)
    except (Answered, TooLarge) as error:
        answer = _error(error.status, str(error))
    except sources.Unknown as error:
        answer = _error(401, str(error))
        answer["WWW-Authenticate"] = 'Basic realm="echo_lms"'
    except Malformed as error:
        answer = _error(400, str(error))
    except ingest.Contradiction as error:
        answer = _error(409, str(error))
    except retrieval.NotThere:
        answer = _error(404, "There is no such statement.")
    answer["X-Experience-API-Version"] = version or "1.0.3"
    answer["Cache-Control"] = "no-store"
    return answer


@csrf_exempt
@login_not_required
def about(request: HttpRequest) -> HttpResponse:
    """Open to anybody, and asked for without a version (part 3 §2.8)."""
    if request.method not in ("GET", "HEAD"):
        answer = _error(405, "Ask with GET.")
    else:
        answer = _json({"version": list(VERSIONS)})
    answer["X-Experience-API-Version"] = _version(request) or "1.0.3"
    return answer


def _answer(request: HttpRequest) -> HttpResponse:
    source = sources.of_basic(
        request.headers.get("Authorization", ""), may_be_stale=request.method in ("POST", "PUT")
    )
    if not _version(request):
        raise Answered(400, "Send X-Experience-API-Version: 1.0.3 or 2.0.0.")
    if request.method not in METHODS:
        answer = _error(405, f"Allowed: {', '.join(METHODS)}.")
        answer["Allow"] = ", ".join(METHODS)
        return answer
    given = _parameters(request)
    answers: dict[str | None, Callable[[HttpRequest, EventSource, Mapping[str, str]], HttpResponse]] = {
        "POST": _post,
        "PUT": _put,
    }
    return answers.get(request.method, _get)(request, source, given)


def _version(request: HttpRequest) -> str:
    """The one to answer with; empty if it is none that is spoken here."""
    asked = request.headers.get("X-Experience-API-Version", "")
    if asked == "1.0" or (asked.startswith("1.0.") and asked[4:].isdigit()):
        return "1.0.3"
    if asked == "2.0" or (asked.startswith("2.0.") and asked[4:].isdigit()):
        return "2.0.0"
    return ""


def _parameters(request: HttpRequest) -> dict[str, str]:
    repeated = [name for name, values in request.GET.lists() if len(values) > 1]
    if repeated:
        raise Malformed(f"{repeated[0]} is given twice.")
    return request.GET.dict()


# --- In -------------------------------------------------------------------------------------------------
def _post(request: HttpRequest, source: EventSource, given: Mapping[str, str]) -> HttpResponse:
    if given:
        raise Malformed(f"POST has no parameter {next(iter(given))}.")
    told, reads = read(_json_body(request))
    ids = ingest.store(source, told, reads, version=_version(request)) if reads else []
    return _json([str(one) for one in ids])


def _put(request: HttpRequest, source: EventSource, given: Mapping[str, str]) -> HttpResponse:
    if set(given) != {"statementId"}:
        raise Malformed("PUT has one parameter, statementId.")
    try:
        wanted = uuid.UUID(given["statementId"])
    except ValueError:
        raise Malformed("The id of a statement is a UUID.") from None
    statement = msgspec.json.decode(_object(_json_body(request)))
    statement.setdefault("id", str(wanted))
    told, reads = read(msgspec.json.encode(statement))
    if reads[0].id != wanted:
        raise Malformed("The statement has another id than statementId.")
    ingest.store(source, told, reads, version=_version(request))
    return HttpResponse(status=204)


def _object(body: bytes) -> bytes:
    """Raises Malformed unless it is one."""
    try:
        if isinstance(msgspec.json.decode(body), dict):
            return body
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Malformed(f"This is not JSON: {error}.") from None
    raise Malformed("Send one statement.")


def _json_body(request: HttpRequest) -> bytes:
    if request.content_type == "multipart/mixed":
        raise Malformed("Files are not taken: send the statements alone, as application/json.")
    if request.content_type != "application/json":
        raise Malformed("Send the statements as application/json.")
    return body_of(request)


# --- Out ------------------------------------------------------------------------------------------------
def _get(request: HttpRequest, source: EventSource, given: Mapping[str, str]) -> HttpResponse:
    if not source.may_read:
        raise Answered(403, "This event source may send statements, and not read them.")
    through = retrieval.consistent_through()
    shape = retrieval.Shape(given.get("format", "exact"), _languages(request))
    if retrieval.asks_for_one(given):
        statement, stored = retrieval.one(given, shape)
        answer = _statements(statement, given)
        answer["Last-Modified"] = http_date(stored.timestamp())
    else:
        page = retrieval.some(given, shape)
        more = f"{reverse('xapi_statements')}?{page.more}" if page.more else ""
        answer = _statements({"statements": page.statements, "more": more}, given)
    answer["X-Experience-API-Consistent-Through"] = through.isoformat(timespec="milliseconds")
    return answer


def _statements(content: object, given: Mapping[str, str]) -> HttpResponse:
    """With attachments=true in parts; there is never more than the first, as no files are taken."""
    if given.get("attachments") != "true":
        return _json(content)
    part = b"".join(
        [
            f"--{BOUNDARY}\r\nContent-Type: application/json\r\n\r\n".encode(),
            msgspec.json.encode(content),
            f"\r\n--{BOUNDARY}--\r\n".encode(),
        ]
    )
    return HttpResponse(part, content_type=f"multipart/mixed; boundary={BOUNDARY}")


def _languages(request: HttpRequest) -> tuple[str, ...]:
    """Of Accept-Language, best first."""
    found = []
    for number, part in enumerate(request.headers.get("Accept-Language", "").split(",")):
        tag, _, quality = part.strip().partition(";q=")
        try:
            found.append((-float(quality or 1), number, tag))
        except ValueError:
            continue
    return tuple(tag for _, _, tag in sorted(found) if tag)


def _json(content: Any) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(content), content_type="application/json")


def _error(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(msgspec.json.encode({"error": sentence}), status=status, content_type="application/json")
