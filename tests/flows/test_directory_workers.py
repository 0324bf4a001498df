"""The background refresh with real workers, a real Redis and a real PostgreSQL, each killed in the middle."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.plant import Plant
from tests.support.sandbox import Sandbox

INSTRUCTORS = 120
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
    plant.sandbox.clear_log()
    plant.sandbox.faults(latency=80)
    yield
    for child in plant.children:
        if child.poll() is None:
            plant.kill(child)
    plant.sandbox.clear_faults()


def in_the_middle(plant: Plant) -> bool:
    return 20 <= plant.read() < INSTRUCTORS


def complete(plant: Plant) -> None:
    """The run has ended well, and the directory is what the sandbox has: everything, each thing once."""
    plant.until(plant.finished)
    assert plant.outcomes() == ["complete"]
    assert plant.taught() == plant.truth()
    assert plant.query("SELECT count(*) FROM directory_lmscourse") == [(INSTRUCTORS * 5,)]
    assert plant.sandbox.most_parallel() <= PARALLEL


def test_a_killed_worker_loses_nothing(plant):
    worker = plant.worker()
    plant.until(lambda: in_the_middle(plant))

    plant.kill(worker)
    assert not plant.finished()
    plant.worker(2)
    plant.leases_end()

    complete(plant)


def test_a_killed_redis_loses_nothing(plant):
    plant.worker()
    plant.until(lambda: in_the_middle(plant))

    plant.redis.process.kill()
    plant.redis.process.wait()
    plant.redis.start()
    plant.leases_end()

    complete(plant)


def test_a_restarted_postgresql_loses_nothing(plant):
    plant.worker()
    plant.until(lambda: in_the_middle(plant))

    plant.postgres.stop()
    plant.postgres.start()
    plant.leases_end()

    complete(plant)


def test_four_workers_and_two_beats_do_one_refresh(plant):
    plant.sandbox.faults(latency=30)
    for number in range(1, 5):
        plant.worker(number)
    for _ in range(2):
        plant.beat()

    complete(plant)

    requests = [line for line in plant.sandbox.log() if line["path"].startswith("/api/")]
    assert len(requests) <= 1.1 * INSTRUCTORS
    assert plant.query("SELECT sum(requests) FROM directory_refreshrun") == [(len(requests),)]
