"""`./run demo` as a whole: it comes up, restarts what dies, stops cleanly and keeps what was saved."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import Retry

from demo.environment import ROOT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def demo(data: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    own = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", "up"],
        cwd=ROOT,
        env=own | {"ECHO_LMS_DATA": str(data)} | variables,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=60)
        assert process.stderr is not None
        process.stderr.close()


def said_until(process: subprocess.Popen[str], words: str) -> str:
    """What the demo prints up to a line with these words."""
    assert process.stderr is not None
    lines: list[str] = []
    for line in process.stderr:
        lines.append(line)
        if words in line:
            break
    return "".join(lines)


def of_this_demo(data: Path) -> list[str]:
    """The processes whose environment or command line names its data folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(data).encode() in text:
            found.append(folder.name)
    return found


def child(parent: int, *words: str) -> int:
    """The process below `parent` whose command line has these words."""
    listed = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    wanted = "\0".join(words).encode()
    return next(int(number) for number in listed if wanted in Path(f"/proc/{number}/cmdline").read_bytes())


@pytest.mark.skipif(sys.platform != "linux", reason="LOOKS INTO /proc, WHICH ONLY LINUX HAS")
def test_the_demo_comes_up_restarts_what_dies_keeps_what_was_saved_and_leaves_nothing(tmp_path):
    data = tmp_path / "data"
    ports = {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
    site, sandbox = f"http://127.0.0.1:{ports['PORT']}", f"http://127.0.0.1:{ports['SANDBOX_PORT']}"

    with demo(data, **ports) as first:
        welcome = said_until(first, "Stop with Ctrl-C")
        for words in (f"http://localhost:{ports['PORT']}", sandbox, "admin@demo.example", "demo-pass"):
            assert words in welcome
        assert requests.get(f"{site}/readyz", timeout=10).json()["missing"] == []
        os.kill(child(first.pid, "-m", "sandbox"), signal.SIGKILL)
        assert "sandbox stopped (exit -9)" in said_until(first, "sandbox stopped")
        _patiently(f"{sandbox}/sandbox/api/keys", {"name": "kept"})
        second = subprocess.run(
            [sys.executable, "-m", "demo", "up"],
            cwd=ROOT,
            env=os.environ | ports | {"ECHO_LMS_DATA": str(data)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (second.returncode, "already runs" in second.stderr) == (1, True)
    assert first.returncode == 0
    assert of_this_demo(data) == []

    with demo(data, **ports) as again:
        said_until(again, "Stop with Ctrl-C")
        keys = requests.get(f"{sandbox}/sandbox/api/state", timeout=10).json()["keys"]
        assert "kept" in [key["name"] for key in keys]
    assert of_this_demo(data) == []


def _patiently(address: str, body: dict[str, str]) -> None:
    """Until the restarted sandbox answers; the supervisor starts it again after a second."""
    retries = Retry(total=12, backoff_factor=0.1, allowed_methods=None)
    with requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=retries))
        session.post(address, json=body, timeout=10).raise_for_status()


def test_a_taken_port_is_named_with_a_way_out(tmp_path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with demo(tmp_path / "data", PORT=str(port), SANDBOX_PORT=str(free_port())) as process:
            said = said_until(process, "taken")
            assert process.wait(timeout=30) == 1
    assert f"Port {port} is taken by another program." in said
    assert f"PORT={port + 1} ./run demo" in said
