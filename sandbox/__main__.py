"""`python -m sandbox --port 8900`: starts the stand-in Canvas, on loopback only."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from .app import Sandbox
from .state import State, load
from .university import scenario
from .web import Server


def main(arguments: list[str]) -> int:
    options = _options(arguments)
    if options.host not in ("127.0.0.1", "localhost", "::1"):
        print("The sandbox has passwords on its login page, so it listens on loopback only.", file=sys.stderr)
        return 2
    path = Path(options.state) if options.state else None
    try:
        university = load(path) if path is not None and path.exists() else scenario(options.scenario)
        sandbox = Sandbox(State(university, path), options.latency)
        sandbox.state.save()
        server = Server((options.host, options.port), sandbox.answer)
        sandbox.wait = server.stopping.wait
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(
            f"Port {options.port} cannot be used: {error.strerror}. Choose another with --port.", file=sys.stderr
        )
        return 1
    _stop_on_signals(server)
    print(f"Sandbox Canvas listens on http://{options.host}:{server.server_port}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8900, help="0: a free one, printed at the start")
    parser.add_argument("--state", help="file that keeps the state between starts")
    parser.add_argument("--scenario", default="demo", help="demo, tiny or large:N")
    parser.add_argument("--latency", type=int, default=0, help="milliseconds before each API answer")
    return parser.parse_args(arguments)


def _stop_on_signals(server: Server) -> None:
    def stop(*_: object) -> None:
        server.stopping.set()
        threading.Thread(target=server.shutdown).start()  # not from here: serve_forever runs in this thread

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
