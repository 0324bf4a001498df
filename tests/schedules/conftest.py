from __future__ import annotations

from tests.directory.conftest import canvas, refreshed, university

__all__ = ["canvas", "refreshed", "university"]
