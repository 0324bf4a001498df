"""What was acknowledged is there, once, whatever is killed meanwhile: web, worker and PostgreSQL."""

from __future__ import annotations

import contextlib
import datetime
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.support import xapi
from tests.support.plant import Plant
from tests.support.sandbox import Sandbox

CLIENTS = 4
SITTINGS = 60
FOLD = "analytics.tasks.fold_events"
MEDIA = "https://media.example.edu/1"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    settings = {"DJANGO_SETTINGS_MODULE": "echo_lms.settings", "SECURE_SSL_REDIRECT": "False"}
    with (
        Sandbox(scenario="tiny") as sandbox,
        Plant(tmp_path_factory.mktemp("plant"), sandbox, **settings) as plant,
    ):
        yield plant


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Players:
    """Clients that send sitting after sitting, and each again until it is acknowledged."""

    def __init__(self, address: str, source: dict[str, str]) -> None:
        self.address = address
        self.auth = source["key"], source["secret"]
        self.sent: list[list[str]] = []
        self.failures = 0
        self.gave_up = False
        self.threads = [threading.Thread(target=self._play, args=[number]) for number in range(CLIENTS)]

    def __enter__(self) -> Players:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self.threads:
            thread.join(timeout=120)

    def _play(self, client: int) -> None:
        with requests.Session() as http:
            http.trust_env = False
            http.auth = self.auth
            http.headers["X-Experience-API-Version"] = "1.0.3"
            for number in range(SITTINGS):
                told = sitting(f"u-{client}", number)
                if not self._delivered(http, told):
                    self.gave_up = True
                    return
                self.sent.append([one["id"] for one in told])

    def _delivered(self, http: requests.Session, told: list[dict[str, Any]]) -> bool:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(requests.RequestException):
                answer = http.post(f"{self.address}{xapi.ADDRESS}", json=told, timeout=10)
                if answer.status_code == 200:
                    return True
                assert answer.status_code >= 500, answer.text
            self.failures += 1
            time.sleep(0.05)
        return False


def sitting(person: str, number: int) -> list[dict[str, Any]]:
    """Ten seconds of a media."""
    began = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)
    ended = began + datetime.timedelta(seconds=10)
    session = str(uuid.uuid4())
    told = [
        xapi.viewing("played", MEDIA, began, session, time=number * 10),
        xapi.viewing("paused", MEDIA, ended, session, time=number * 10 + 10),
    ]
    return [one | {"actor": xapi.account(person)} for one in told]


def test_nothing_that_was_acknowledged_is_lost_or_counted_twice(plant, port):
    source = plant.made_media(MEDIA)
    web, worker = plant.web(port), plant.worker()

    def accepted() -> int:
        return int(plant.query("SELECT count(*) FROM analytics_statement")[0][0])

    with Players(f"http://127.0.0.1:{port}", source) as players:
        plant.until(lambda: accepted() > 40, task=FOLD)
        plant.kill(web)
        web = plant.web(port)
        reached = accepted()
        plant.until(lambda: accepted() > reached + 40, task=FOLD)
        plant.kill(worker)
        plant.worker(2)
        plant.crash_postgres()
        plant.postgres.start()
        reached = accepted()
        plant.until(lambda: accepted() > reached + 40, task=FOLD)

    assert not players.gave_up
    assert players.failures, "nothing was in the way"
    stored = {str(key) for (key,) in plant.query("SELECT id FROM analytics_statement")}
    acknowledged = {key for told in players.sent for key in told}
    assert len(acknowledged) == CLIENTS * SITTINGS * 2
    assert acknowledged == stored
    assert plant.query("SELECT count(*) FROM analytics_viewevent") == [(len(stored),)]
    plant.until(
        lambda: plant.query("SELECT count(*) FROM analytics_statementbatch WHERE folded_at IS NULL") == [(0,)],
        task=FOLD,
    )
    seen = plant.query("SELECT views, seconds, watched_seconds FROM analytics_viewuser")
    assert seen == [(SITTINGS, SITTINGS * 10, SITTINGS * 10)] * CLIENTS
