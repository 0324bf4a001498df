from __future__ import annotations

from . import media, sources  # noqa: F401 - each registers its models
