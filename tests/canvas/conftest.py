"""A Canvas that gives plain answers, and a client for it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import responses

from canvas.client import Client
from canvas.destinations import Destinations, Origin
from canvas.throttle import LocalThrottle
from canvas.transport import Transport
from tests.canvas.recorders import Recorder, Tokens

ORIGIN = Origin("https", "canvas.example")


@pytest.fixture
def canvas() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture
def transport() -> Transport:
    return Transport(ORIGIN, destinations=Destinations(), user_agent="echo_lms/test")


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def throttle() -> Recorder:
    return Recorder()


@pytest.fixture
def client(transport: Transport, tokens: Tokens, throttle: Recorder) -> Client:
    return Client(transport, tokens, throttle)


@pytest.fixture
def slept() -> list[float]:
    """How long the patient client would have slept, each time."""
    return []


@pytest.fixture
def patient(transport: Transport, tokens: Tokens, slept: list[float]) -> Client:
    """A client with a throttle of its own, whose clock goes on only while it sleeps."""
    throttle = LocalThrottle(sleep=slept.append, clock=lambda: sum(slept))
    return Client(transport, tokens, throttle)
