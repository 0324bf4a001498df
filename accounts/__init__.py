"""People, their roles, and how they sign in."""

from __future__ import annotations
