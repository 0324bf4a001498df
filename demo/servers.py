"""Private PostgreSQL and Redis servers as child processes, on unix sockets in a data folder: no TCP port, no
system user, no change outside that folder.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psycopg
import redis

from demo import binaries

NOBODY = 65534
LONGEST_SOCKET_PATH = 90  # the kernel's limit is 107 with the file name
START_SECONDS = 60


class ServerError(Exception):
    """A server could not be found or started; the text says what to do."""


def die_with_parent() -> None:
    """Run in a child before exec: Linux sends it TERM when the process that started it is gone, even by -9."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def socket_folder(data: Path) -> Path:
    """A folder for sockets whose path the kernel accepts: in the data folder, or a short one of our own."""
    folder = data / "run"
    if len(str(folder)) > LONGEST_SOCKET_PATH:
        folder = Path(tempfile.gettempdir()) / f"echo-lms-{os.getuid()}-{zlib.crc32(str(data).encode()):x}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid not in (os.getuid(), NOBODY):
        raise ServerError(f"{folder} belongs to somebody else. Remove it and start again.")
    return folder


def _as_nobody() -> list[str]:
    """PostgreSQL refuses to run as root. `nobody` with the one capability that lets it reach files wherever the
    checkout is needs neither a system user nor other permissions on the folders above.
    """
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise ServerError(
            "As root, PostgreSQL needs the program setpriv (package util-linux). Install it, run as an "
            "ordinary user, or set DATABASE_URL."
        )
    capability = "+dac_override"
    return [
        setpriv,
        f"--reuid={NOBODY}",
        f"--regid={NOBODY}",
        "--clear-groups",
        f"--inh-caps={capability}",
        f"--ambient-caps={capability}",
        "--pdeathsig=TERM",
    ]


class Server:
    """A child process that is started, waited for until it answers, and stopped."""

    name = "server"
    stop_signal = signal.SIGTERM
    start_seconds = START_SECONDS

    def __init__(self, folder: Path, sockets: Path) -> None:
        self.folder = folder
        self.sockets = sockets
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        """Starts the process and returns when it answers; raises ServerError with the end of its log."""
        self.spawn()
        deadline = time.monotonic() + self.start_seconds
        while not self.answers():
            if self.process is None or self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServerError(f"{self.name} did not start.\n{self.log_tail()}")
            time.sleep(0.05)

    def spawn(self) -> subprocess.Popen[bytes]:
        with self.log_file() as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # before any thread is started
            )
        return self.process

    def stop(self) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def log_file(self) -> IO[bytes]:
        return open(self.folder.parent / f"{self.folder.name}.log", "ab")

    def log_tail(self) -> str:
        text = (self.folder.parent / f"{self.folder.name}.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-12:])


class PostgresServer(Server):
    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast shutdown: open connections are closed, nothing is lost

    def __init__(self, folder: Path, sockets: Path, *, throwaway: bool) -> None:
        super().__init__(folder, sockets)
        self.throwaway = throwaway
        self.installation = self._choose()

    def _choose(self) -> binaries.Postgres:
        installations = binaries.postgres_installations()
        version_file = self.folder / "PG_VERSION"
        if version_file.exists():
            major = int(version_file.read_text())
            matching = [one for one in installations if one.major == major]
            if not matching:
                raise ServerError(
                    f"{self.folder} was made by PostgreSQL {major}, which is no longer found. "
                    "Install it again, or move that folder away to start afresh."
                )
            return matching[0]
        if not installations:
            raise ServerError("\n".join(binaries.missing()))
        return installations[0]

    @property
    def url(self) -> str:
        return f"postgres://echo_lms@/echo_lms?host={quote(str(self.sockets))}"

    def _dsn(self, database: str) -> str:
        return psycopg.conninfo.make_conninfo(
            host=str(self.sockets), user="echo_lms", dbname=database, connect_timeout=5
        )

    def _prefix(self, folder: Path) -> list[str]:
        if os.getuid() != 0:
            return []
        for path in (folder, self.sockets):
            os.chown(path, NOBODY, NOBODY)
        return _as_nobody()

    def command(self) -> list[str]:
        settings = {"listen_addresses": "", "unix_socket_directories": str(self.sockets), "timezone": "UTC"}
        if self.throwaway:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [
            *self._prefix(self.folder),
            self.installation.program("postgres"),
            "-D",
            str(self.folder),
            *options,
        ]

    def start(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not any(self.folder.iterdir()):
            self._initialise()
        super().start()
        self._create_database()

    def _initialise(self) -> None:
        """Made beside its place and moved there when complete: a killed first start leaves no half a cluster."""
        scratch = self.folder.with_name(f"{self.folder.name}.new")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700)
        command = [
            *self._prefix(scratch),
            self.installation.program("initdb"),
            f"--pgdata={scratch}",
            "--username=echo_lms",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C",
            *(["--no-sync"] if self.throwaway else []),
        ]
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            raise ServerError(f"PostgreSQL could not make its data folder.\n{made.stderr.strip()}")
        scratch.rename(self.folder)

    def answers(self) -> bool:
        try:
            psycopg.connect(self._dsn("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _create_database(self) -> None:
        with psycopg.connect(self._dsn("postgres"), autocommit=True) as connection:
            exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = 'echo_lms'").fetchone()
            if not exists:
                connection.execute("CREATE DATABASE echo_lms")


class RedisServer(Server):
    name = "Redis"

    def __init__(self, folder: Path, sockets: Path, *, throwaway: bool) -> None:
        super().__init__(folder, sockets)
        self.throwaway = throwaway
        program = binaries.redis_program()
        if program is None:
            raise ServerError("\n".join(binaries.missing()))
        self.program = program

    @property
    def url(self) -> str:
        return f"unix://{self.sockets / 'redis.sock'}?db=0"

    def command(self) -> list[str]:
        keep = ["--appendonly", "no", "--save", ""] if self.throwaway else ["--appendonly", "yes", "--save", ""]
        return [
            self.program,
            *("--port", "0"),
            *("--unixsocket", str(self.sockets / "redis.sock")),
            *("--unixsocketperm", "700"),
            *("--dir", str(self.folder)),
            *keep,
        ]

    def start(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().start()

    def answers(self) -> bool:
        try:
            with contextlib.closing(redis.Redis.from_url(self.url, socket_timeout=2)) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def servers(data: Path, *, throwaway: bool) -> list[tuple[str, Server]]:
    """The private servers needed here, with the variable each one fills; none for a variable already set."""
    sockets = socket_folder(data)
    needed: list[tuple[str, Server]] = []
    if not os.environ.get("DATABASE_URL"):
        needed.append(("DATABASE_URL", PostgresServer(data / "postgres", sockets, throwaway=throwaway)))
    if not os.environ.get("REDIS_URL"):
        needed.append(("REDIS_URL", RedisServer(data / "redis", sockets, throwaway=throwaway)))
    return needed


@contextlib.contextmanager
def running(data: Path, *, throwaway: bool) -> Iterator[dict[str, str]]:
    """The variables to give to a command. Servers that already answer are used; the others are started for as
    long as the block lasts.
    """
    started: list[Server] = []
    variables: dict[str, str] = {}
    try:
        for variable, server in servers(data, throwaway=throwaway):
            if not server.answers():
                started.append(server)
                server.start()
            variables[variable] = server.url
        yield variables
    finally:
        for server in reversed(started):
            server.stop()
