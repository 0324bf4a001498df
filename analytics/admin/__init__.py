from __future__ import annotations

from . import media, people, sources  # noqa: F401 - each registers its models
