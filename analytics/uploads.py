"""What a video and captions must be. The content decides, not what the browser calls it."""

from __future__ import annotations

from typing import IO, Any

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

VIDEO_MAX = 4 * 1024**3
CAPTIONS_MAX = 2 * 1024**2
WEBM = b"\x1a\x45\xdf\xa3"


def check_video(file: UploadedFile[Any]) -> None:
    """MP4 or WebM by name and by content. Raises ValidationError."""
    ending = _ending(file)
    if ending not in ("mp4", "m4v", "webm"):
        raise ValidationError("Choose an MP4 or WebM file. Other kinds do not play in every browser.")
    _not_larger(file, VIDEO_MAX, "4 GiB")
    start = _start(file, 12)
    if not (start.startswith(WEBM) if ending == "webm" else start[4:8] == b"ftyp"):
        raise ValidationError(f"This is no {ending.upper()} file, whatever its name says.")


def check_captions(file: UploadedFile[Any]) -> None:
    """WebVTT in UTF-8. Raises ValidationError."""
    if _ending(file) != "vtt":
        raise ValidationError("Choose a WebVTT file; its name ends in .vtt.")
    _not_larger(file, CAPTIONS_MAX, "2 MiB")
    try:
        text = _start(file, CAPTIONS_MAX).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValidationError("The captions have to be saved as UTF-8.") from None
    if not text.startswith("WEBVTT"):
        raise ValidationError("This is no WebVTT file: it has to begin with WEBVTT.")


def _ending(file: UploadedFile[Any]) -> str:
    return (file.name or "").rpartition(".")[2].lower()


def _not_larger(file: UploadedFile[Any], limit: int, in_words: str) -> None:
    if (file.size or 0) > limit:
        raise ValidationError(f"The file is larger than {in_words}.")


def _start(file: IO[Any] | UploadedFile[Any], size: int) -> bytes:
    file.seek(0)
    start: bytes = file.read(size)
    file.seek(0)
    return start
