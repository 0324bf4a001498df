"""`python -m demo up [--empty]`, and `python -m demo exec [--throwaway | --bench] -- COMMAND…` (see `./run`)."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from demo import environment, servers
from demo.supervisor import Stopped, say, stop_on_signals
from demo.up import up


def main(arguments: list[str]) -> int:
    if arguments in (["up"], ["up", "--empty"]):
        return up(empty="--empty" in arguments)
    if len(arguments) >= 3 and arguments[0] == "exec" and "--" in arguments:
        divider = arguments.index("--")
        options = arguments[:divider]
        throwaway = "--throwaway" in options or "--bench" in options
        return execute(arguments[divider + 1 :], throwaway=throwaway, durable="--throwaway" not in options)
    say(__doc__ or "")
    return 2


def execute(command: list[str], *, throwaway: bool, durable: bool) -> int:
    """Runs the command with DATABASE_URL and REDIS_URL set; returns its exit status.

    `throwaway`: servers of its own, gone afterwards. `durable`: the database waits for its disk, as real ones do.
    """
    data = environment.data_folder()
    data.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="test-", dir=data)) if throwaway else data
    stop_on_signals()
    try:
        with servers.running(folder, throwaway=not durable) as variables:
            settings = environment.for_tests() if throwaway else environment.for_manage(data)
            return _run(command, settings | variables)
    except Stopped:
        return 130
    except (servers.ServerError, environment.PortError) as error:
        say(f"✗ {error}")
        return 1
    finally:
        if throwaway:
            shutil.rmtree(folder, ignore_errors=True)


def _run(command: list[str], variables: dict[str, str]) -> int:
    process = subprocess.Popen(command, env=variables)
    try:
        return process.wait()
    except Stopped:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise


if __name__ == "__main__":
    os.chdir(environment.ROOT)
    sys.exit(main(sys.argv[1:]))
