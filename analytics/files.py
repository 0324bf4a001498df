"""Handing out a file in pieces, as video elements ask for them (RFC 9110 §14)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_cache_control
from django.utils.http import http_date, parse_http_date_safe

if TYPE_CHECKING:
    from django.db.models.fields.files import FieldFile

# How much at most answers "from here to the end". The player asks for more when it needs it; sent in one go, the
# rest of a lecture would keep a thread of the web process until somebody has watched it.
PIECE = 2 * 1024 * 1024
TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm", ".vtt": "text/vtt; charset=utf-8"}


class Unsatisfiable(Exception):
    """No byte of the file lies in the range that was asked for."""


class Part:
    """Some bytes of an open file. No `fileno`, or a server would send the file past the end of the part."""

    def __init__(self, file: Any, start: int, length: int) -> None:
        self.file, self.left = file, length
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        found: bytes = self.file.read(self.left if size < 0 else min(size, self.left))
        self.left -= len(found)
        return found

    def close(self) -> None:
        self.file.close()


def content_type(name: str) -> str:
    return TYPES.get(f".{name.rpartition('.')[2].lower()}", "application/octet-stream")


def wanted(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte; None for the whole file, as for every header that makes no sense or names several."""
    match = re.fullmatch(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*", header)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        first, last = max(size - int(match[2]), 0), size - 1
        if int(match[2]) == 0:
            raise Unsatisfiable
    elif match[2]:
        first, last = int(match[1]), min(int(match[2]), size - 1)
        if int(match[2]) < first:
            return None
    else:
        first = int(match[1])
        last = min(first + PIECE, size) - 1
    if first >= size:
        raise Unsatisfiable
    return first, last


def _still_the_same(request: HttpRequest, etag: str, changed: int) -> bool:
    """`If-Range`: pieces of two versions of a file are never put together."""
    condition = request.headers.get("If-Range", "")
    return condition in ("", etag) or parse_http_date_safe(condition) == changed


def served(request: HttpRequest, file: FieldFile) -> HttpResponseBase:
    """Raises FileNotFoundError."""
    size, changed = file.size, int(file.storage.get_modified_time(str(file.name)).timestamp())
    etag = f'"{changed:x}-{size:x}"'
    answer = _content(request, file, size, etag, changed)
    answer["Accept-Ranges"] = "bytes"
    answer["ETag"] = etag
    answer["Last-Modified"] = http_date(changed)
    patch_cache_control(answer, private=True, no_cache=True)
    return answer


def _content(request: HttpRequest, file: FieldFile, size: int, etag: str, changed: int) -> HttpResponseBase:
    unchanged = get_conditional_response(request, etag=etag, last_modified=changed)
    if unchanged is not None:
        return unchanged
    part = None
    if request.method == "GET" and _still_the_same(request, etag, changed):
        try:
            part = wanted(request.headers.get("Range", ""), size)
        except Unsatisfiable:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    first, last = part or (0, size - 1)
    kind = content_type(str(file.name))
    answer: HttpResponseBase
    if request.method == "HEAD":
        answer = HttpResponse(content_type=kind)
    else:
        content = Part(file.storage.open(str(file.name)), first, last - first + 1)
        answer = FileResponse(content, status=206 if part else 200, content_type=kind)
    answer["Content-Length"] = str(last - first + 1)
    if part:
        answer["Content-Range"] = f"bytes {first}-{last}/{size}"
    return answer
