"""How Canvas is spoken to: three endpoints and OAuth2 over one guarded transport. Knows no Django.

`docs/canvas.md` describes the behaviour that the docstrings refer to.
"""

from __future__ import annotations

from .scopes import REQUIRED_SCOPES, SCOPE_PARAMETER, Scope

__all__ = ["REQUIRED_SCOPES", "SCOPE_PARAMETER", "Scope"]
