"""A stand-in for Canvas: its own process, standard library only, no line shared with the product.

It behaves as `docs/canvas.md` describes (the section numbers in this package are that document's), is seeded with
the demo university, and can be made slow, busy or broken on a switchboard at `/sandbox`.
"""

from __future__ import annotations
