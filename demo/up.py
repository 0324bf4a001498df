"""`./run demo`: everything of the product and a sandbox Canvas beside it, as one process tree."""

from __future__ import annotations

import fcntl
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from demo import environment, people, servers
from demo.supervisor import (
    Stopped,
    Tree,
    command_part,
    fresh_logs,
    ignore_signals,
    say,
    server_part,
    stop_on_signals,
)

READY_SECONDS = 120


class DemoError(Exception):
    """The demo cannot start; the text says why and what to do."""


def up(*, empty: bool = False) -> int:
    """`empty`: from a folder of its own, with no Canvas connected and no example term."""
    data = environment.data_folder() / "empty" if empty else environment.data_folder()
    tree = Tree()
    stop_on_signals()
    try:
        with _only_one(data):
            ports = environment.Ports.from_environment()
            _check_free(ports)
            _start(tree, data, ports, empty=empty)
            while True:
                tree.look_after()
                time.sleep(0.5)
    except Stopped:
        say("\nStopping…")
        return 0
    except (DemoError, environment.PortError, servers.ServerError) as error:
        say(f"✗ {error}")
        return 1
    finally:
        ignore_signals()
        tree.stop()
        if tree.parts:
            say("Everything has stopped. What you saved is kept for the next ./run demo.")


def _only_one(data: Path) -> IO[str]:
    data.mkdir(parents=True, exist_ok=True)
    lock = open(data / "demo.lock", "w")  # noqa: SIM115 - the caller closes it
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        lock.close()
        raise DemoError("The demo already runs from this folder. Stop it first (Ctrl-C there).") from error
    return lock


def _check_free(ports: environment.Ports) -> None:
    for name, port in (("PORT", ports.web), ("SANDBOX_PORT", ports.sandbox)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                raise DemoError(
                    f"Port {port} is taken by another program. "
                    f"Stop that program, or choose another port: {name}={port + 1} ./run demo"
                ) from error


def _start(tree: Tree, data: Path, ports: environment.Ports, *, empty: bool) -> None:
    variables = environment.for_demo(data, ports)
    ports.remember(data)
    logs = data / "logs"
    fresh_logs(logs)
    for variable, server in servers.servers(data, throwaway=False):
        say(f"Starting {server.name}…")
        server.start()
        tree.add(server_part(server))
        variables[variable] = server.url
    say("Preparing the database…")
    _step(logs, variables, "manage.py", "migrate", "--no-input")
    _step(logs, variables, "-m", "demo.people")
    _step(logs, variables, "-m", "demo.timetable")
    _step(logs, variables, "manage.py", "collectstatic", "--no-input")
    say("Starting the sandbox Canvas, web, worker and beat…")
    for name, command in _commands(data, ports).items():
        extra = {"BIND": f"127.0.0.1:{ports.web}"} if name == "web" else {}
        tree.add(command_part(name, command, variables | extra, logs))
    _wait_until_ready(tree, ports, logs)
    if not empty:
        say("Looking after the example term (the first time this takes half a minute)…")
        _step(logs, variables, "-m", "demo.term")
    say(_welcome(ports, logs, CONNECT_FIRST if empty else TRY_FIRST))


def _commands(data: Path, ports: environment.Ports) -> dict[str, list[str]]:
    celery = [sys.executable, "-m", "celery", "-A", "echo_lms"]
    return {
        "sandbox": [
            *(sys.executable, "-m", "sandbox", "--port", str(ports.sandbox)),
            *("--state", str(data / "sandbox.json")),
        ],
        "web": [sys.executable, "-m", "gunicorn", "echo_lms.wsgi", "-c", "echo_lms/gunicorn.py"],
        "worker": [*celery, "worker", "--loglevel", "INFO", "--concurrency", "2"],
        "beat": [*celery, "beat", "--loglevel", "INFO", "--pidfile="],
    }


def _step(logs: Path, variables: dict[str, str], *arguments: str) -> None:
    with open(logs / "setup.log", "a") as log:
        done = subprocess.run([sys.executable, *arguments], env=variables, stdout=log, stderr=log, check=False)
    if done.returncode != 0:
        tail = "\n".join((logs / "setup.log").read_text().splitlines()[-12:])
        raise DemoError(f"A preparing step failed:\n{tail}")


def _wait_until_ready(tree: Tree, ports: environment.Ports, logs: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    missing = ["web"]
    while missing:
        if time.monotonic() > deadline:
            raise DemoError(f"Not ready after {READY_SECONDS} s: {', '.join(missing)}. See {logs}.")
        tree.look_after()
        time.sleep(0.25)
        missing = _missing(ports)


def _missing(ports: environment.Ports) -> list[str]:
    try:
        urllib.request.urlopen(f"{ports.sandbox_url}/", timeout=5).close()  # noqa: S310 - our own address
    except OSError:
        return ["sandbox"]
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ports.web}/readyz", timeout=5):
            return []
    except urllib.error.HTTPError as error:
        with error:
            return list(json.load(error)["missing"]) if error.code == 503 else ["web"]
    except OSError:
        return ["web"]


TRY_FIRST = """
Try first: sign in to echo_lms as instructor and open "Analytics": half a term of lectures was watched.
As student, play the lecture that can be watched, and see the instructor's figures change. As scheduler,
"Link and schedule". As admin, see the connected Canvas under "LMS API configurations"; to connect one
yourself, start with ./run demo --empty.
"""
CONNECT_FIRST = """
Try first: sign in to echo_lms as admin, open "LMS API configurations", choose "Add configuration"
and follow the page. The developer key comes from {sandbox}/developer_keys;
the instructor to test with is instructor@demo.example.
"""


def _welcome(ports: environment.Ports, logs: Path, first: str) -> str:
    accounts = ", ".join(email for email, _, _ in people.PEOPLE)
    return f"""
echo_lms is ready:  {ports.site_url}
  accounts:         {accounts}
  password:         {people.PASSWORD}
sandbox Canvas:     {ports.sandbox_url}
  account:          canvas-admin@demo.example, password canvas
{first.format(sandbox=ports.sandbox_url)}
Logs: {logs}   ·   Stop with Ctrl-C"""
