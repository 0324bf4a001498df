"""Python's collector of cycles, in processes that live for long."""

from __future__ import annotations

import gc


def leave_alone_what_is_loaded() -> None:
    """When a process has loaded its code, and before it works.

    Otherwise the collector walks through all of Django whenever a request or a fold makes some thousand objects: a
    sixth of the time of taking in a hundred statements.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
