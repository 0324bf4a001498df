"""What all resources of the learning record store share: version, credentials, the two ways to ask, errors."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec
from django.http import HttpRequest, HttpResponse

from .. import documents, ingest, retrieval, sources
from ..models import EventSource
from ..statements import Malformed
from .bodies import TooLarge, body_of

VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3", "2.0.0")
_FORM = "application/x-www-form-urlencoded"
# A form is taken apart before it is known who sends it.
FORM_BYTES = 256 * 1024
# What stands in a form instead of in the headers (part 3 §1.3).
_AS_HEADERS = (
    "Authorization",
    "X-Experience-API-Version",
    "Content-Type",
    "Content-Length",
    "If-Match",
    "If-None-Match",
)


class Answered(Exception):
    """The request ends here, with this status and sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Call:
    """A request, whichever way it was asked. `headers`: names in lower case. `given`: the parameters."""

    request: HttpRequest
    method: str
    headers: Mapping[str, str]
    given: Mapping[str, str]
    content: bytes | None = None

    @property
    def content_type(self) -> str:
        """With its parameters, as it was told."""
        return self.headers.get("content-type", "")

    @property
    def version(self) -> str:
        return version_of(self.headers.get("x-experience-api-version", ""))

    def body(self) -> bytes:
        """Raises TooLarge."""
        return body_of(self.request) if self.content is None else self.content


def version_of(asked: str) -> str:
    """The one to answer with; empty if it is none that is spoken here."""
    found = re.fullmatch(r"([12])\.0(\.\d+)?", asked, re.ASCII)
    return "" if found is None else "1.0.3" if found[1] == "1" else "2.0.0"


Handler: TypeAlias = Callable[[Call, EventSource], HttpResponse]


def answer(request: HttpRequest, handlers: Mapping[str, Handler]) -> HttpResponse:
    """By the handler of its method; HEAD as GET. Whatever is wrong is told with its status."""
    call = None
    try:
        call = _call(request)
        found = _handled(call, handlers)
    except (Answered, TooLarge) as problem:
        found = error(problem.status, str(problem))
    except sources.Unknown as problem:
        found = error(401, str(problem))
        found["WWW-Authenticate"] = 'Basic realm="echo_lms"'
    except Malformed as problem:
        found = error(400, str(problem))
    except (ingest.Contradiction, documents.Unconditional) as problem:
        found = error(409, str(problem))
    except documents.Changed as problem:
        found = error(412, str(problem))
    except documents.TooLarge as problem:
        found = error(413, str(problem))
    except retrieval.NotThere as problem:
        found = error(404, str(problem) or "There is no such statement.")
    found["X-Experience-API-Version"] = (call.version if call else "") or "1.0.3"
    found["Cache-Control"] = "no-store"
    return found


def _handled(call: Call, handlers: Mapping[str, Handler]) -> HttpResponse:
    handler = handlers.get("GET" if call.method == "HEAD" else call.method)
    if handler is None:
        allowed = ", ".join([*handlers, "HEAD"] if "GET" in handlers else handlers)
        refused = error(405, f"Allowed: {allowed}.")
        refused["Allow"] = allowed
        return refused
    # Whoever sends statements is looked up once more in the moment in which they are stored.
    sends = call.method in ("POST", "PUT") and "DELETE" not in handlers
    source = sources.of_basic(call.headers.get("authorization", ""), may_be_stale=sends)
    if not call.version:
        raise Answered(400, "Send X-Experience-API-Version: 1.0.3 or 2.0.0.")
    return handler(call, source)


def _call(request: HttpRequest) -> Call:
    """Raises Malformed."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    repeated = [name for name, values in request.GET.lists() if len(values) > 1]
    if repeated:
        raise Malformed(f"{repeated[0]} is given twice.")
    given = request.GET.dict()
    is_old = not headers.get("x-experience-api-version", "").startswith("2")
    if request.method == "POST" and "method" in given and is_old:
        return _of_a_form(request, given, headers)
    return Call(request, request.method or "", headers, given)


def _of_a_form(request: HttpRequest, given: Mapping[str, str], headers: dict[str, str]) -> Call:
    """All of it in a form, as browsers once had to ask of other sites (1.0.x, part 3 §1.3). Raises Malformed."""
    if set(given) != {"method"}:
        raise Malformed("With method in the address, everything else is in the form.")
    if headers.get("content-type", "").partition(";")[0].strip() != _FORM:
        raise Malformed(f"With method in the address, send {_FORM}.")
    form = _fields(body_of(request, most=FORM_BYTES))
    del headers["content-type"]
    if "x-experience-api-version" not in headers:
        # A page of another site can send such a form, to which browsers add credentials that were typed once. What
        # it cannot send without our leave is a header of its own.
        headers.pop("authorization", None)
    headers |= {name.lower(): form.pop(name) for name in _AS_HEADERS if name in form}
    if headers.get("x-experience-api-version", "").startswith("2"):
        raise Malformed("Version 2.0 knows no requests in forms.")
    content = form.pop("content", None)
    method = given["method"].upper()
    if method in ("POST", "PUT"):
        if content is None:
            raise Malformed("What is sent is the field content of the form.")
        headers.setdefault("content-type", "application/json")
    return Call(request, method, headers, form, (content or "").encode())


def _fields(body: bytes) -> dict[str, str]:
    """Raises Malformed."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True, max_num_fields=100)
    except ValueError:
        raise Malformed("This form cannot be read.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Malformed("A field of the form is given twice.")
    return fields


def check_parameters(given: Mapping[str, str], needed: Collection[str], others: Collection[str] = ()) -> None:
    """Raises Malformed for one that is missing or none of these (part 3 §3.2), or that no text column can hold."""
    unknown = [name for name in given if name not in (*needed, *others)]
    if unknown:
        raise Malformed(f"There is no parameter {unknown[0]} here.")
    missing = [name for name in needed if name not in given]
    if missing:
        raise Malformed(f"{missing[0]} is missing.")
    if any("\0" in value for value in given.values()):
        raise Malformed("There is a NUL character in a parameter.")


# --- Answers --------------------------------------------------------------------------------------------
def json(content: Any) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(content), content_type="application/json")


def error(status: int, sentence: str) -> HttpResponse:
    return HttpResponse(msgspec.json.encode({"error": sentence}), status=status, content_type="application/json")


def check_again(call: Call) -> None:
    """Where there is nothing to store, which would notice that the source was revoked. Raises Unknown."""
    sources.of_basic(call.headers.get("authorization", ""))


def check_may_read(source: EventSource) -> None:
    """Raises Answered."""
    if not source.may_read:
        raise Answered(403, "This event source may send, and not read what is kept.")
