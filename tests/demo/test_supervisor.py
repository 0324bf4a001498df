"""The process tree: what dies is started again, what is stopped leaves nothing behind."""

from __future__ import annotations

import itertools
import os
import select
import signal
import subprocess
import sys
import time

import pytest

from demo import supervisor
from demo.supervisor import Part, Tree, command_part, fresh_logs


@pytest.fixture
def clock(monkeypatch):
    """The supervisor's own time, moved by the test."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(time, "monotonic", lambda: Clock.now)
    return Clock


def short_lived() -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    process.wait()
    return process


def test_what_dies_is_started_again_after_a_pause_that_grows(clock, capsys):
    started: list[float] = []

    def spawn() -> subprocess.Popen[bytes]:
        started.append(clock.now)
        return short_lived()

    tree = Tree()
    tree.add(Part("worker", spawn))
    for _ in range(40):
        clock.now += 0.5
        tree.look_after()

    pauses = [later - earlier for earlier, later in itertools.pairwise(started)]
    assert pauses[:4] == [1.5, 2.5, 4.5, 8.5]  # the pause itself and the round that noticed the death
    assert "• worker stopped (exit 3); starting it again in 1 s" in capsys.readouterr().err


def test_the_pause_is_short_again_after_a_steady_minute(clock):
    part = Part("web", short_lived, back_off=16.0)
    tree = Tree()
    tree.add(part)
    part.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    clock.now += supervisor.STEADY_SECONDS + 1

    tree.look_after()
    part.process.communicate()

    assert part.back_off == 1.0


def test_stopping_takes_grandchildren_along(tmp_path):
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    part = command_part("parent", [sys.executable, "-u", "-c", script], dict(os.environ), tmp_path)
    part.start()
    while not (text := (tmp_path / "parent.log").read_text()).endswith("\n"):
        pass
    grandchild = int(text)

    part.stop()

    assert part.process is not None
    assert part.process.returncode == -signal.SIGTERM
    assert _ends(grandchild)


def _ends(number: int) -> bool:
    """Whether a process that was just killed is gone, as the kernel tells."""
    try:
        watched = os.pidfd_open(number)
    except ProcessLookupError:
        return True
    with open(watched, "rb"):
        return bool(select.select([watched], [], [], 10)[0])


def test_what_ignores_term_is_killed(tmp_path, capsys):
    script = (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True)\nsignal.pause()\n"
    )
    part = command_part("deaf", [sys.executable, "-c", script], dict(os.environ), tmp_path, stop_seconds=0.01)
    part.start()
    while not (tmp_path / "deaf.log").read_text():
        pass

    part.stop()

    assert part.process is not None
    assert part.process.returncode == -signal.SIGKILL
    assert "deaf did not stop" in capsys.readouterr().err


def test_large_logs_are_put_aside_once(tmp_path):
    (tmp_path / "web.log").write_bytes(b"x" * (supervisor.LARGEST_LOG + 1))
    (tmp_path / "beat.log").write_text("short")

    fresh_logs(tmp_path)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["beat.log", "web.log.old"]
