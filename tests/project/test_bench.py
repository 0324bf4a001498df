"""`./run bench` works; what it measures is no matter for tests."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from bench.__main__ import NAMES
from demo.environment import ROOT


@pytest.mark.parametrize("name", NAMES)
def test_the_small_version_runs_and_keeps_nothing(name):
    results = ROOT / "bench" / "results" / f"{name}.json"
    before = results.read_bytes()

    # In a database of its own: what one leaves would be in the way of the next.
    own = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
    command = ["-m", "demo", "exec", "--bench", "--", sys.executable, "-m", "bench", name, "--quick"]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=own | {"PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert before == results.read_bytes()
    assert all(":" in line for line in done.stdout.splitlines() if line.startswith("  "))
