from __future__ import annotations

import pytest
import redis

from echo_lms import heartbeats


@pytest.fixture(autouse=True)
def no_heartbeats(settings):
    heartbeats.connection.cache_clear()
    heartbeats.connection().delete(heartbeats.WORKER, heartbeats.BEAT)
    yield
    heartbeats.connection.cache_clear()


def test_healthz_answers_anonymous_people_without_a_database(client):
    answer = client.get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_readyz_is_ready_when_everything_answers(client):
    heartbeats.beat_of_worker()
    heartbeats.beat_heartbeat()

    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.json()["checks"] == {"database": "ok", "redis": "ok", "worker": "ok", "beat": "ok"}


@pytest.mark.django_db
def test_readyz_names_the_background_processes_that_are_silent(client):
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["missing"] == ["worker", "beat"]


@pytest.mark.django_db
def test_readyz_names_redis_when_it_is_away(client, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    heartbeats.connection.cache_clear()

    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["missing"] == ["redis", "worker", "beat"]
    assert answer.json()["checks"]["redis"] == "Redis does not answer. Check REDIS_URL and the server."


def test_a_silent_redis_never_stops_the_worker(settings, caplog):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    heartbeats.connection.cache_clear()

    heartbeats.beat_of_worker()

    assert caplog.messages == ["The worker's heartbeat could not be written to Redis"]


def test_the_beat_heartbeat_reports_a_silent_redis(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    heartbeats.connection.cache_clear()

    with pytest.raises(redis.ConnectionError):
        heartbeats.beat_heartbeat()
