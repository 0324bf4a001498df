"""The background refresh with real workers, a real Redis and a real PostgreSQL, each killed in the middle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.plant import Plant
from tests.support.quiet import kept_quiet
from tests.support.sandbox import Sandbox

INSTRUCTORS = 150
PARALLEL = 3


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    settings = {"LMS_PARALLEL_REQUESTS": str(PARALLEL), "DJANGO_SETTINGS_MODULE": "echo_lms.settings"}
    with (
        Sandbox(scenario=f"large:{INSTRUCTORS}") as sandbox,
        Plant(tmp_path_factory.mktemp("plant"), sandbox, **settings) as plant,
    ):
        yield plant


@pytest.fixture(autouse=True)
def empty_directory(plant: Plant) -> Iterator[None]:
    plant.query("TRUNCATE directory_refreshrun, directory_lmsinstructor, directory_lmscourse CASCADE")
    plant.forget_bells()
    plant.sandbox.clear_log()
    plant.sandbox.faults(latency=60)
    yield
    for child in plant.children:
        if child.poll() is None:
            plant.kill(child)
    plant.sandbox.clear_faults()


def in_the_middle(plant: Plant) -> bool:
    """Some were read, and a process holds some of the others."""
    return 20 <= plant.read() <= INSTRUCTORS / 2 and plant.held() > 0


def requests(plant: Plant) -> list[dict[str, Any]]:
    return [line for line in plant.sandbox.log() if line["path"].startswith("/api/")]


def complete(plant: Plant) -> None:
    """The run has ended well, and the directory is what the sandbox has: everything, each thing once."""
    assert plant.outcomes() == ["complete"]
    assert plant.taught() == plant.truth()
    assert plant.query("SELECT count(*) FROM directory_lmsinstructor") == [(INSTRUCTORS,)]
    assert plant.query("SELECT count(*) FROM directory_lmscourse") == [(INSTRUCTORS * 5,)]
    assert plant.query("SELECT count(*) FROM directory_teaching") == [(INSTRUCTORS * 5,)]
    assert plant.sandbox.most_parallel() <= PARALLEL
    assert len({line["client"] for line in requests(plant)} - {"ip"}) == 1, "not all with the one token"


def test_a_killed_worker_loses_nothing(plant):
    worker = plant.worker()
    plant.until(lambda: in_the_middle(plant))

    plant.kill(worker)
    assert plant.held() > 0
    assert not plant.finished()
    plant.worker(2)
    plant.leases_end()
    plant.slots_end()
    plant.until(plant.finished)

    complete(plant)


def test_a_killed_redis_loses_nothing(plant):
    """The worker goes on meanwhile: no lease has to end for that."""
    plant.worker()
    plant.until(lambda: in_the_middle(plant))

    plant.redis.process.kill()
    plant.redis.process.wait()
    assert not plant.finished()
    plant.redis.start()
    plant.slots_end()
    plant.until(plant.finished)

    complete(plant)


def test_a_restarted_postgresql_loses_nothing(plant):
    plant.worker()
    plant.until(lambda: in_the_middle(plant))

    plant.postgres.stop()
    plant.postgres.start()
    assert not plant.finished()
    plant.leases_end()
    plant.until(plant.finished)

    complete(plant)


def test_four_workers_and_a_storm_of_bells_do_one_refresh(plant):
    """As if many beats rang at the same moment; the real one rings once in twenty seconds."""
    plant.sandbox.faults(latency=120)  # long enough for all four to hear a bell
    plant.workers(4)
    plant.until(plant.finished, rings=8)
    plant.ring(8)
    plant.until(plant.idle, rings=0)

    complete(plant)
    sent = requests(plant)
    assert len({line["user_agent"] for line in sent}) == 4, "not all workers took part"
    assert len(sent) <= 1.1 * INSTRUCTORS
    assert plant.query("SELECT sum(requests) FROM directory_refreshrun") == [(len(sent),)]


def test_every_worker_keeps_the_quiet_that_one_was_asked_for(plant):
    plant.sandbox.faults(latency=150)  # long enough for both to hear a bell
    plant.sandbox.faults(throttle=429, retry_after=3, path="/api/v1/users", after=90, times=1)
    plant.workers(2)
    plant.until(plant.finished, rings=4)

    complete(plant)
    sent = requests(plant)
    refused = next(number for number, line in enumerate(sent) if line["status"] == 429)
    assert len({line["user_agent"] for line in sent[:refused]}) == 2, "not both were at work"
    kept_quiet(sent, seconds=3, parallel=PARALLEL)
