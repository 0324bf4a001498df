"""The questions that the pages ask: plain functions, a Selection in, dataclasses out."""

from __future__ import annotations
