"""Any JSON that a server could send in a field."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# Small enough for a busy machine, and the same on every run of the same code.
FEW = settings(
    max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
WORDS = st.sampled_from(
    ["", "active", "2026-09-01T12:00:00Z", "9999-12-31T23:59:59-14:00", "12", "é\u202e\x00\ud800"]
)
LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | WORDS
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "name", "type", "start_at", "enrollment_state"]), inner, max_size=3
        )
    ),
    max_leaves=4,
)
