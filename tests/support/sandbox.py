"""A sandbox Canvas as a process of its own, for tests."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]


class Sandbox:
    """Starts `python -m sandbox` on a free port; `with Sandbox() as sandbox:`."""

    def __init__(self, *arguments: str, scenario: str = "tiny") -> None:
        command = [sys.executable, "-m", "sandbox", "--port", "0", "--scenario", scenario, *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()  # printed once it listens
        found = re.search(r"http://\S+", line)
        if found is None:
            self.process.wait(timeout=10)
            raise RuntimeError(f"The sandbox did not start: {line!r}")
        self._reach(found[0])

    @classmethod
    def at(cls, url: str) -> Sandbox:
        """One that another process has started."""
        sandbox = cls.__new__(cls)
        sandbox._reach(url)
        return sandbox

    def _reach(self, url: str) -> None:
        self.url = url
        self._http = requests.Session()
        self._http.trust_env = False

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        self._http.close()
        self.process.terminate()
        code = self.process.wait(timeout=10)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        answer = self._http.request(method, f"{self.url}/sandbox/api/{path}", json=body, timeout=30)
        if answer.status_code != 200:
            raise ValueError(answer.json()["error"])
        return answer.json()

    def reset(self, scenario: str = "tiny") -> None:
        self._call("POST", "reset", {"scenario": scenario})

    def state(self) -> Any:
        return self._call("GET", "state")

    def create_key(self, **fields: Any) -> Any:
        return self._call("POST", "keys", fields)

    def update_key(self, number: str, **fields: Any) -> Any:
        return self._call("PATCH", f"keys/{number}", fields)

    def faults(self, **fields: Any) -> None:
        self._call("POST", "faults", fields)

    def clear_faults(self) -> None:
        self._call("DELETE", "faults")

    def advance_clock(self, seconds: float) -> None:
        self._call("POST", "clock", {"advance_seconds": seconds})

    def behave_like(self, version: str) -> None:
        """`newer` or `older`: which generation of Canvas (docs/canvas.md, the differences named there)."""
        self._call("POST", "version", {"version": version})

    def allow_many_requests(self) -> None:
        """A bucket that measurements do not fill (docs/canvas.md §7)."""
        self._call("POST", "limits", {"high_water": 1_000_000})

    def log(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._call("GET", "log")["log"]
        return found

    def most_parallel(self) -> int:
        return int(self._call("GET", "log")["most_parallel"])

    def clear_log(self) -> None:
        self._call("DELETE", "log")

    def edit(self, **fields: Any) -> Any:
        """`edit(person={"id": 1, "account": None})`: changes with an id, creates without."""
        return self._call("POST", "university", fields)
