"""One process tree: starts the parts in order, restarts what dies, stops everything in reverse order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from demo.servers import Server, die_with_parent

LARGEST_LOG = 5 * 1024 * 1024
LONGEST_BACK_OFF = 30.0
STEADY_SECONDS = 60.0


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Stopped(Exception):
    """Ctrl-C or TERM arrived."""


def stop_on_signals() -> None:
    """Ctrl-C, TERM and a closed terminal all end in the same orderly stop."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


@dataclass
class Part:
    """One long-running child: a command, or one of the private servers."""

    name: str
    spawn: Callable[[], subprocess.Popen[bytes]]
    stop_seconds: float = 15.0
    stop_signal: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float = 0.0
    back_off: float = field(default=1.0)

    def start(self) -> None:
        self.process = self.spawn()
        self.started_at = time.monotonic()

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Asks politely, waits, then kills the whole process group, so that no grandchild stays behind."""
        if self.process is None:
            return
        if self.alive():
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(timeout=self.stop_seconds)
            except subprocess.TimeoutExpired:
                say(f"  {self.name} did not stop in {self.stop_seconds:.0f} s and is killed")
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def command_part(
    name: str, command: list[str], environment: dict[str, str], logs: Path, *, stop_seconds: float = 15.0
) -> Part:
    def spawn() -> subprocess.Popen[bytes]:
        with open(logs / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,  # this process has one thread
            )

    return Part(name, spawn, stop_seconds=stop_seconds)


def server_part(server: Server) -> Part:
    """A private server that is already running, from now on watched like every other part."""
    part = Part(server.name, server.spawn, stop_signal=server.stop_signal)
    part.process = server.process
    part.started_at = time.monotonic()
    return part


def fresh_logs(folder: Path) -> None:
    """Keeps one older generation of each log that has grown large."""
    folder.mkdir(parents=True, exist_ok=True)
    for log in folder.glob("*.log"):
        if log.stat().st_size > LARGEST_LOG:
            log.replace(log.with_suffix(".log.old"))


class Tree:
    def __init__(self) -> None:
        self.parts: list[Part] = []

    def add(self, part: Part) -> None:
        if part.process is None:
            part.start()
        self.parts.append(part)

    def look_after(self) -> None:
        """One round: notes what has died, and restarts it after a pause that doubles while it keeps dying."""
        now = time.monotonic()
        for part in self.parts:
            if part.alive():
                if now - part.started_at > STEADY_SECONDS:
                    part.back_off = 1.0
                continue
            if not part.restart_at:
                part.restart_at = now + part.back_off
                code = part.process.returncode if part.process else "?"
                say(f"• {part.name} stopped (exit {code}); starting it again in {part.back_off:.0f} s")
            elif now >= part.restart_at:
                part.restart_at = 0.0
                part.back_off = min(part.back_off * 2, LONGEST_BACK_OFF)
                part.start()

    def stop(self) -> None:
        for part in reversed(self.parts):
            part.stop()
