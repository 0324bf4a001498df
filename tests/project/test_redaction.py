from __future__ import annotations

import io
import logging

import pytest
import structlog
from django.test import RequestFactory

from echo_lms.redaction import HIDDEN, RedactingFormatter, Reporter, redact, redact_text

TOKEN = "1234~" + "aB3dE6gH9" * 7
SECRET = "s3cr3tS3cr3tS3cr3tS3cr3tS3cr3tS3cr3t"


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        (f"Authorization: Bearer {SECRET}", f"Authorization: Bearer {HIDDEN}"),
        (
            f"GET /lms/api/oauth2/complete?code={SECRET}&state=abc",
            f"GET /lms/api/oauth2/complete?code={HIDDEN}&state={HIDDEN}",
        ),
        (
            f"grant_type=refresh_token&refresh_token={SECRET}",
            f"grant_type=refresh_token&refresh_token={HIDDEN}",
        ),
        (f'{{"access_token": "{SECRET}", "a": 1}}', f'{{"access_token": "{HIDDEN}", "a": 1}}'),
        (f"the token {TOKEN} was refused", f"the token {HIDDEN} was refused"),
        ("postgres://echo:p4ss@db/echo", f"postgres://echo:{HIDDEN}@db/echo"),
        ("Canvas answered 401 (invalid_client)", "Canvas answered 401 (invalid_client)"),
        ("GET /admin/configurations/?q=state", "GET /admin/configurations/?q=state"),
    ],
)
def test_text_loses_what_looks_like_a_secret_and_nothing_else(text, cleaned):
    assert redact_text(text) == cleaned


def test_values_are_hidden_by_their_name_at_any_depth():
    value = {"request": {"client_secret": "x", "name": "Sandbox", "steps": [{"code": "y"}]}}

    assert redact(value) == {"request": {"client_secret": HIDDEN, "name": "Sandbox", "steps": [{"code": HIDDEN}]}}


@pytest.fixture
def log() -> tuple[logging.Logger, io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(RedactingFormatter(as_json=True))
    logger = logging.getLogger("tests.redaction")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.DEBUG)
    return logger, stream


def test_the_log_hides_secrets_in_messages_arguments_and_tracebacks(log):
    logger, stream = log

    try:
        raise ValueError(f"refused: Bearer {SECRET}")
    except ValueError:
        logger.exception("calling with %s", f"access_token={SECRET}")

    written = stream.getvalue()
    assert "refused" in written
    assert SECRET not in written


def test_structured_events_hide_secrets_too(log):
    logger, stream = log
    event = structlog.wrap_logger(logger, processors=structlog.get_config()["processors"])

    event.warning("renewed", access_token=SECRET, configuration="Sandbox")

    assert "Sandbox" in stream.getvalue()
    assert SECRET not in stream.getvalue()


def test_of_a_request_the_address_alone_is_logged(log):
    logger, stream = log
    event = structlog.wrap_logger(logger, processors=structlog.get_config()["processors"])

    event.warning("request_failed", request="GET /xAPI/statements?agent=ada@example.edu")

    assert "GET /xAPI/statements" in stream.getvalue()
    assert "ada" not in stream.getvalue()


def test_an_error_report_hides_the_code_of_the_callback_and_local_variables():
    request = RequestFactory().get("/lms/api/oauth2/complete", {"code": SECRET, "state": "abc"})
    try:
        fresh_token = SECRET
        raise RuntimeError(f"exploded with {len(fresh_token)} characters")
    except RuntimeError as error:
        reporter = Reporter(request, type(error), error, error.__traceback__)
        pages = reporter.get_traceback_html() + reporter.get_traceback_text()

    assert "exploded" in pages
    assert SECRET not in pages
