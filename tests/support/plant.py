"""A whole installation in processes of its own: PostgreSQL, Redis and workers, all of which a test may kill."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from demo.servers import PostgresServer, RedisServer, socket_folder
from tests.support.sandbox import ROOT, Sandbox

PATIENCE_SECONDS = 90


class Plant:
    """`with Plant(folder, sandbox) as plant:` migrated, with one configuration, authorized at the sandbox."""

    def __init__(self, folder: Path, sandbox: Sandbox, **settings: str) -> None:
        sockets = socket_folder(folder)
        self.sandbox = sandbox
        self.postgres = PostgresServer(folder / "postgres", sockets, throwaway=False)
        self.redis = RedisServer(folder / "redis", sockets, throwaway=False)
        self.environment = os.environ | {
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.redis.url,
            "LMS_ALLOWED_INSECURE_HOSTS": sandbox.url.removeprefix("http://"),
            **settings,
        }
        self.children: list[subprocess.Popen[bytes]] = []
        self._log = (folder / "children.log").open("ab")

    def __enter__(self) -> Plant:
        self.postgres.start()
        self.redis.start()
        self._python("manage.py", "migrate", "--verbosity", "0")
        self._python("-m", "tests.support.plant_setup", self.sandbox.url)
        self.sandbox.clear_log()
        return self

    def __exit__(self, *_: object) -> None:
        for child in self.children:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        self.redis.stop()
        self.postgres.stop()
        self._log.close()

    def _python(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def made_media(self, iri: str) -> dict[str, str]:
        """The key and the secret of a source for events of it."""
        found: dict[str, str] = json.loads(self._python("-m", "tests.support.plant_media", iri))
        return found

    def worker(self, number: int = 1) -> subprocess.Popen[bytes]:
        """Its number stands in the User-Agent of its requests."""
        name = ("--concurrency", "1", "-n", f"worker{number}@%h")
        child = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "echo_lms", "worker", *name, "--loglevel", "INFO"],
            cwd=ROOT,
            env=self.environment | {"LMS_CONTACT": f"worker{number}"},
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self.children.append(child)
        return child

    def web(self, port: int) -> subprocess.Popen[bytes]:
        """Answers soon after; who asks has to ask again."""
        child = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "echo_lms.wsgi", "-c", "echo_lms/gunicorn.py"],
            cwd=ROOT,
            env=self.environment | {"BIND": f"127.0.0.1:{port}", "SITE_URL": f"http://127.0.0.1:{port}"},
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self.children.append(child)
        return child

    def crash_postgres(self) -> None:
        """As if the power had gone; it recovers when it is started again."""
        assert self.postgres.process is not None
        os.killpg(self.postgres.process.pid, signal.SIGKILL)
        self.postgres.process.wait()

    def workers(self, count: int) -> None:
        """So many, all of them ready."""
        for number in range(1, count + 1):
            self.worker(number)
        self.until(lambda: self._answering() == count, rings=0)

    def _answering(self) -> int:
        """None while kombu still holds a connection from before Redis was killed: it is gone the next time."""
        try:
            with self._celery() as bell:
                return len(bell.control.ping(timeout=1) or ())
        except (OperationalError, redis.RedisError):
            return 0

    @contextlib.contextmanager
    def _celery(self) -> Iterator[Celery]:
        """With connections of its own: those from before Redis was killed are dead. Not this process's app."""
        address = self.redis.url.replace("unix://", "redis+socket://").split("?")[0]
        with Celery(broker=address, set_as_current=False) as app:
            yield app

    def kill(self, child: subprocess.Popen[bytes]) -> None:
        """With everything that it has started, and without a word."""
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()

    def ring(self, times: int = 1, task: str = "directory.tasks.keep_fresh") -> None:
        """What beat does every twenty seconds, or several beats at once. Redis may be away."""
        try:
            with self._celery() as bell:
                for _ in range(times):
                    bell.send_task(task, expires=5, retry=False)
        except (OperationalError, redis.RedisError):
            return

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.url.replace("postgres://", "postgresql://")) as connection:
            answer = connection.execute(sql.encode())
            return answer.fetchall() if answer.description else []

    def until(
        self, condition: Callable[[], object], *, rings: int = 1, task: str = "directory.tasks.keep_fresh"
    ) -> None:
        """Waits for something to become true, ringing so many times every second meanwhile."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        next_ring = 0.0
        while not condition():
            assert time.monotonic() < deadline, "it did not happen: " + self._tail()
            if time.monotonic() >= next_ring:
                self.ring(rings, task)
                next_ring = time.monotonic() + 1
            time.sleep(0.05)

    def _tail(self) -> str:
        self._log.flush()
        return "\n".join(Path(self._log.name).read_text(errors="replace").splitlines()[-25:])

    # --- What the directory says ------------------------------------------------------------------------
    def read(self) -> int:
        """How many instructors were read so far."""
        return int(self.query("SELECT count(*) FROM directory_lmsinstructor WHERE refreshed_at IS NOT NULL")[0][0])

    def finished(self) -> bool:
        return bool(self.query("SELECT 1 FROM directory_refreshrun WHERE finished_at IS NOT NULL"))

    def held(self) -> int:
        """How many people some process has taken and not given back."""
        return int(self.query("SELECT count(*) FROM directory_lmsinstructor WHERE leased_until > now()")[0][0])

    def leases_end(self) -> None:
        """The two minutes are over for what killed processes held. Shortening them by a setting would put a knob
        into the product that nobody should turn: a lease below the time of a slow request is read twice.
        """
        self.query("UPDATE directory_lmsinstructor SET leased_until = now() WHERE leased_until IS NOT NULL")
        self.query("UPDATE directory_refreshrun SET listing_until = now() WHERE listing_until IS NOT NULL")

    def slots_end(self) -> None:
        """The minute is over for the requests of which nobody told Redis that they ended."""
        with contextlib.closing(redis.Redis.from_url(self.redis.url)) as client:
            for key in client.scan_iter("echo_lms:canvas:*:slots"):
                client.delete(key)

    def forget_bells(self) -> None:
        """Those that killed workers held would ring again minutes later."""
        with contextlib.closing(redis.Redis.from_url(self.redis.url)) as client:
            client.flushall()

    def idle(self) -> bool:
        """Whether every bell was answered."""
        with contextlib.closing(redis.Redis.from_url(self.redis.url)) as client:
            return not client.llen("celery") and not client.hlen("unacked")

    def outcomes(self) -> list[str]:
        return [row[0] for row in self.query("SELECT outcome FROM directory_refreshrun ORDER BY id")]

    def taught(self) -> set[tuple[str, str]]:
        """Who teaches what, by e-mail and code, as the directory knows it."""
        return set(
            self.query(
                "SELECT i.email, c.code FROM directory_teaching t JOIN directory_lmsinstructor i ON i.id ="
                " t.instructor_id JOIN directory_lmscourse c ON c.id = t.course_id"
                " WHERE t.gone_at IS NULL AND c.gone_at IS NULL AND i.gone_at IS NULL"
            )
        )

    def truth(self) -> set[tuple[str, str]]:
        """The same as the sandbox knows it."""
        state = self.sandbox.state()
        people = {one["id"]: one["email"] for one in state["people"]}
        courses = {one["id"]: one["code"] for one in state["courses"]}
        return {
            (people[one["user_id"]], courses[one["course_id"]])
            for one in state["enrollments"]
            if one["state"] == "active"
        }
