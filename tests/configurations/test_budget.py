"""The shared budget of requests, on a real Redis, whose clock counts: tests move the moments and not the clock."""

from __future__ import annotations

import random
import uuid

import pytest
import redis

from canvas.errors import BackingOff
from canvas.throttle import FIRST_BACK_OFF, LONGEST_BACK_OFF, LONGEST_PAUSE, Outcome
from configurations import budget
from configurations.budget import SharedThrottle


@pytest.fixture
def host():
    return f"{uuid.uuid4().hex}.example"


@pytest.fixture
def throttle(host):
    """Builds a throttle of this host that would rather give up than sleep."""

    def make(parallel=2, patience=0.0, **options):
        return SharedThrottle(host, parallel=parallel, patience=patience, **options)

    return make


def quiet(one: SharedThrottle) -> float:
    with pytest.raises(BackingOff) as refused:
        one.acquire()
    return refused.value.retry_after or 0.0


def let_time_pass(host: str) -> None:
    """The back-off is over."""
    budget._redis().set(f"echo_lms:canvas:{host}:quiet_until", "1")


def test_no_more_than_the_allowed_requests_run_at_a_time_over_all_processes(throttle):
    one, another = throttle(), throttle()
    first, _second = one.acquire(), another.acquire()

    with pytest.raises(BackingOff):
        one.acquire()
    another.release(first, Outcome())

    assert one.acquire()


def test_a_person_has_a_slot_that_background_work_leaves_free(throttle):
    background, person = throttle(parallel=1), throttle(parallel=2)
    background.acquire()

    assert person.acquire()
    with pytest.raises(BackingOff):
        background.acquire()


def test_the_slot_of_a_killed_process_becomes_free(throttle, host):
    one = throttle(parallel=1)
    ticket = one.acquire()
    budget._redis().zadd(f"echo_lms:canvas:{host}:slots", {ticket: 1.0})  # its time was over long ago

    assert one.acquire()


def test_one_that_waits_goes_on_when_a_slot_is_free(throttle):
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if len(waited) == 3:
            running.release(ticket, Outcome())

    running = throttle(parallel=1)
    ticket = running.acquire()

    assert throttle(parallel=1, patience=1, sleep=sleep).acquire()
    assert len(waited) == 3


# --- Back-off -------------------------------------------------------------------------------------------
def test_a_refusal_keeps_every_process_quiet(throttle):
    one, another = throttle(), throttle()

    one.release(one.acquire(), Outcome(throttled=True))

    assert quiet(another) == pytest.approx(FIRST_BACK_OFF, rel=0.26)


def test_retry_after_is_honoured(throttle):
    one = throttle()
    one.release(one.acquire(), Outcome(throttled=True, retry_after=33))

    assert quiet(one) == pytest.approx(33, abs=1)


def test_each_further_refusal_doubles_the_quiet_up_to_a_limit(throttle, host):
    one = throttle()
    seen = []
    for _ in range(8):
        one.release(one.acquire(), Outcome(throttled=True))
        seen.append(quiet(one))
        let_time_pass(host)

    expected = [min(FIRST_BACK_OFF * 2**turn, LONGEST_BACK_OFF) for turn in range(8)]
    assert seen == [pytest.approx(wait, rel=0.26) for wait in expected]


def test_requests_refused_together_are_one_strike(throttle):
    one = throttle(parallel=10)
    for ticket in [one.acquire() for _ in range(10)]:
        one.release(ticket, Outcome(throttled=True))

    assert quiet(one) == pytest.approx(FIRST_BACK_OFF, rel=0.26)


def test_a_good_answer_forgives(throttle, host):
    one = throttle()
    for outcome in (Outcome(throttled=True), Outcome(throttled=True), Outcome(700)):
        one.release(one.acquire(), outcome)
        let_time_pass(host)

    one.release(one.acquire(), Outcome(throttled=True))

    assert quiet(one) == pytest.approx(FIRST_BACK_OFF, rel=0.26)


# --- What Canvas says about its budget --------------------------------------------------------------------
def running_together(throttle, parallel, remaining):
    """How many may run after an answer that says `remaining` while `parallel` ran."""
    one = throttle(parallel=parallel)
    tickets = [one.acquire() for _ in range(parallel)]
    one.release(tickets[0], Outcome(remaining))
    for ticket in tickets[1:]:
        one.release(ticket, Outcome())
    count = 0
    for _ in range(parallel):
        try:
            one.acquire()
        except BackingOff:
            break
        count += 1
    return count


@pytest.mark.parametrize(
    ("remaining", "may_run"), [(700.0, 8), (150.0, 8), (50.0, 6), (-50.0, 4), (-150.0, 2), (None, 8)]
)
def test_fewer_run_while_little_remains(throttle, remaining, may_run):
    """Each running request holds 50 of the budget; 100 are left to others (docs/canvas.md §7)."""
    assert running_together(throttle, 8, remaining) == may_run


def test_costly_requests_are_given_more_room(throttle):
    one = throttle(parallel=8)
    tickets = [one.acquire() for _ in range(8)]
    for ticket in tickets:
        one.release(ticket, Outcome(400.0, cost=150.0))

    assert [one.acquire(), one.acquire()]
    with pytest.raises(BackingOff):
        one.acquire()


def test_the_last_one_pauses_while_nothing_is_left(throttle):
    one = throttle(parallel=1)
    one.release(one.acquire(), Outcome(80.0))
    assert quiet(one) == pytest.approx(2, abs=0.5)
    one.release("other", Outcome(-400.0))
    assert quiet(one) == pytest.approx(LONGEST_PAUSE, abs=0.5)


# --- Without Redis ----------------------------------------------------------------------------------------
def test_without_redis_people_are_still_served(throttle, monkeypatch, caplog):
    monkeypatch.setattr(budget, "_run", raising(redis.ConnectionError()))
    one = throttle()

    ticket = one.acquire()
    one.release(ticket, Outcome(700))

    assert ticket == ""
    assert "Redis is away" in caplog.text


def test_redis_that_goes_away_during_a_request_does_no_harm(throttle, monkeypatch, caplog):
    one = throttle()
    ticket = one.acquire()
    monkeypatch.setattr(budget, "_run", raising(redis.TimeoutError()))

    one.release(ticket, Outcome(throttled=True))

    assert "Redis is away" in caplog.text


def raising(error):
    def fail(*_arguments):
        raise error

    return fail


def test_waits_are_spread(throttle):
    """Those who wait for a slot do not come back in step."""
    waited: list[float] = []
    one = throttle(parallel=1, patience=1, sleep=waited.append)
    one.acquire()
    random.seed(1)
    with pytest.raises(BackingOff):
        one.acquire()
    assert len(set(waited)) == len(waited) > 5
