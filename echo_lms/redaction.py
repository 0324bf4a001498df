"""Keeps secrets out of logs and error reports.

Two nets, because neither is enough alone: by name (a key called `client_secret`, `code`, `token` …) and by
shape (a bearer header, a token parameter in a URL, a Canvas token, a Fernet token).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any

import structlog
from django.http import HttpRequest
from django.views.debug import ExceptionReporter, SafeExceptionReporterFilter

HIDDEN = "••••"

SECRET_NAME = re.compile(
    r"secret|token|passw|authorization|cookie|csrf|session_?key|fernet|api_?key|credential"
    r"|^code$|^state$|database_url|redis_url|broker_url",
    re.IGNORECASE,
)
_SHAPES = (
    re.compile(r"(?P<keep>\b(?:Bearer|Basic)\s+)[A-Za-z0-9~+/=._-]{8,}", re.IGNORECASE),
    re.compile(
        r"(?P<keep>[?&;\s\"'({,](?:access_token|refresh_token|client_secret|code|state|password|token)"
        r"[\"']?\s*[=:]\s*[\"']?)(?!\d{3}\b)[^&\s\"',;})]+",  # an HTTP status is called `code` too
        re.IGNORECASE,
    ),
    re.compile(r"(?P<keep>^(?:access_token|refresh_token|client_secret|code|state|password|token)=)[^&\s]+"),
    re.compile(r"(?P<keep>\b\w+://[^/\s:@]*:)[^@\s/]+(?=@)"),
    # Addresses of calendars and of recorders are good without signing in.
    re.compile(r"(?P<keep>/schedules/(?:feeds|recorder)/\d+\.)[A-Za-z0-9_-]{20,}"),
    re.compile(r"(?P<keep>)\b\d+~[A-Za-z0-9]{32,}\b"),
    re.compile(r"(?P<keep>)\bgAAAA[A-Za-z0-9_-]{40,}={0,2}"),
    re.compile(r"(?P<keep>)\b(?=[A-Za-z0-9]*\d)(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{60,}\b"),
)
# What every shape above has in it somewhere: most texts are cleared by one look.
_SUSPECT = re.compile(r"[=:~]|\b(?:bearer|basic)\s|/schedules/|gAAAA|[A-Za-z0-9]{60}", re.IGNORECASE)


def redact_text(text: str) -> str:
    """The text with everything that has the shape of a secret replaced by dots."""
    if not _SUSPECT.search(text):
        return text
    for shape in _SHAPES:
        text = shape.sub(lambda match: f"{match['keep']}{HIDDEN}", text)
    return text


def redact(value: object, name: str = "") -> object:
    """The value as it may be logged: hidden by its name, cleaned by its shape, containers walked."""
    if isinstance(value, int | float | bool | None):
        return value  # an HTTP status is called `code` too, and no secret is a number
    if name and SECRET_NAME.search(name) and value:
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, bytes):
        return redact_text(value.decode("utf-8", "replace"))
    if isinstance(value, Mapping):
        return {key: redact(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    return redact_text(str(value))


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: cleans every value of an event except the bookkeeping of logging itself."""
    if isinstance(event.get("request"), str):
        # The address alone: a question may name people.
        event["request"] = event["request"].partition("?")[0]
    for key in [key for key in event if not key.startswith("_")]:
        if key != "exc_info":
            event[key] = redact(event[key], key)
    return event


class RedactingFormatter(logging.Formatter):
    """Last gate of every handler: whatever was formatted, tracebacks included, is cleaned once more."""

    def __init__(self, *, as_json: bool) -> None:
        super().__init__()
        renderer: Any = (
            structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
        )
        self._inner = structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared_processors(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact_event,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )

    def format(self, record: logging.LogRecord) -> str:
        return redact_text(self._inner.format(record))

    def formatException(  # noqa: N802 - logging's own name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return redact_text(super().formatException(ei))


def _shared_processors() -> list[Any]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def configure_structlog() -> None:
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared_processors(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def logging_configuration(level: str, *, as_json: bool) -> dict[str, Any]:
    """Everything to standard error, one line an event, through the redacting formatter."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"redacted": {"()": "echo_lms.redaction.RedactingFormatter", "as_json": as_json}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "redacted"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.server": {"handlers": [], "level": level, "propagate": True},
            # Bodies and headers of Canvas calls are written at DEBUG by these two: never.
            "requests_oauthlib": {"level": "INFO"},
            "oauthlib": {"level": "INFO"},
            "urllib3": {"level": "WARNING"},
        },
    }


class ReporterFilter(SafeExceptionReporterFilter):
    """Django's error reports (debug page and e-mail) with the same two nets over settings, request and frames."""

    hidden_settings = SECRET_NAME

    def cleanse_setting(self, key: str | int, value: Any) -> Any:
        cleansed = super().cleanse_setting(key, value)
        return redact_text(cleansed) if isinstance(cleansed, str) else cleansed

    def get_safe_request_meta(self, request: Any) -> dict[str, Any]:
        return {key: redact(value, key) for key, value in super().get_safe_request_meta(request).items()}

    def get_post_parameters(self, request: HttpRequest | None) -> Any:
        if request is None:
            return {}
        return {key: redact(value, key) for key, value in request.POST.items()}

    def get_traceback_frame_variables(self, request: Any, tb_frame: Any) -> Any:
        variables = super().get_traceback_frame_variables(request, tb_frame)
        return [(name, redact(value, name)) for name, value in variables]


class Reporter(ExceptionReporter):
    """The finished report goes through the second net once more: it shows addresses and source lines too."""

    def get_traceback_data(self) -> dict[str, Any]:
        data = super().get_traceback_data()
        for items in ("request_GET_items", "request_COOKIES_items"):
            data[items] = [(name, redact(value, name)) for name, value in data.get(items, [])]
        return data

    def get_traceback_html(self) -> Any:
        return redact_text(super().get_traceback_html())

    def get_traceback_text(self) -> Any:
        return redact_text(super().get_traceback_text())
