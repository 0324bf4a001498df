"""Many callers, one expired token (docs/canvas.md §1.6): without the lock each kills the others' token."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from django.db import connections
from django.utils import timezone

from canvas import errors, oauth
from canvas.endpoints import user_courses
from configurations.authorization import StoredTokens, redirect_uri
from configurations.connection import connected
from configurations.models import Authorization, ConnectionEvent
from configurations.transports import key_of, transport_for
from tests.support.consent import authorize

THREADS = 16
pytestmark = pytest.mark.django_db(transaction=True)


def at_once(action: Callable[[], object]) -> list[object]:
    """Sixteen threads let go together; what each returned or raised."""
    barrier = threading.Barrier(THREADS)
    outcomes: list[object] = []

    def run() -> None:
        try:
            barrier.wait(timeout=30)
            outcomes.append(action())
        except Exception as error:  # noqa: BLE001 - reported to the test
            outcomes.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return outcomes


def refreshes(sandbox) -> int:
    return len([line for line in sandbox.log() if line["path"] == "/login/oauth2/token"])


@pytest.fixture
def expired(configuration, sandbox, admin):
    """An authorized configuration whose token has expired here and at Canvas."""
    authorize(configuration, sandbox, admin)
    sandbox.advance_clock(3700)
    Authorization.objects.update(expires_at=timezone.now())
    sandbox.clear_log()
    return configuration


def test_sixteen_threads_need_one_renewal_and_all_succeed(expired, sandbox):
    def call() -> list[str]:
        with connected(expired) as client:
            return [course.id for course in user_courses(client, "self", enrollment_type=None)]

    outcomes = at_once(call)

    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert len(outcomes) == THREADS
    assert refreshes(sandbox) == 1
    assert ConnectionEvent.objects.filter(kind="refreshed").count() == 1


def test_control_without_the_lock_callers_kill_each_others_tokens(expired, sandbox):
    stored = Authorization.objects.get().refresh_token
    key = key_of(expired, redirect_uri())

    tokens = at_once(lambda: oauth.refresh(transport_for(expired), key, stored).access_token)

    given = [token for token in tokens if isinstance(token, str)]
    assert refreshes(sandbox) == THREADS
    assert len(set(given)) > 1, "several renewals succeeded, each with a token of its own …"
    assert sandbox.state()["tokens"] == 1, "… but only the last one is alive"


def test_sixteen_threads_that_meet_a_dead_refresh_token_mark_the_loss_once(expired, sandbox):
    sandbox.faults(forget_tokens=True)

    outcomes = at_once(StoredTokens(expired).current)

    assert all(isinstance(outcome, errors.CanvasError) for outcome in outcomes)
    assert refreshes(sandbox) == 1
    assert ConnectionEvent.objects.filter(kind="lost").count() == 1
    assert Authorization.objects.get().status == "lost"


def test_sixteen_threads_do_not_queue_up_behind_a_canvas_that_fails(expired, sandbox):
    sandbox.faults(error=503, path="/login/oauth2/token")

    outcomes = at_once(StoredTokens(expired).current)

    assert all(isinstance(outcome, errors.CanvasError) and outcome.transient for outcome in outcomes)
    assert refreshes(sandbox) == 1
    assert Authorization.objects.get().status == "active"
