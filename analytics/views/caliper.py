"""`/caliper/events`: envelopes of Caliper events (Caliper 1.1, "HTTP API requirements")."""

from __future__ import annotations

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .. import ingest, sources
from ..caliper import UnknownVersion, statements_of
from ..statements import Malformed, read
from .bodies import TooLarge, body_of


@csrf_exempt
@login_not_required
@require_POST
def events(request: HttpRequest) -> HttpResponse:
    """Success has no body; a repeated event is a success."""
    try:
        header = request.headers.get("Authorization", "")
        source = sources.of_bearer(header, may_be_stale=True)
        if request.content_type != "application/json":
            return _error(415, "Send application/json.")
        told, reads = read(msgspec.json.encode(statements_of(body_of(request))))
        if reads:
            ingest.store(source, told, reads, version=ingest.VERSION)
        else:
            # Nothing is stored that would notice that the source was revoked.
            sources.of_bearer(header, may_be_stale=False)
    except sources.Unknown as error:
        answer = _error(401, str(error))
        answer["WWW-Authenticate"] = 'Bearer realm="echo_lms"'
        return answer
    except TooLarge as error:
        return _error(error.status, str(error))
    except UnknownVersion as error:
        return _error(422, str(error))
    except Malformed as error:
        return _error(400, str(error))
    except ingest.Contradiction as error:
        return _error(409, str(error))
    return HttpResponse(status=200)


def _error(status: int, sentence: str) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=status)
