"""The demonstration: private PostgreSQL and Redis, the demo university, and the process tree of `./run demo`."""

from __future__ import annotations
