"""Whether a back-off was kept, by the sandbox's own log."""

from __future__ import annotations

from typing import Any

# A refusal is on its way for a moment, and a request that was allowed before it arrived is sent all the same.
ON_ITS_WAY = 0.5


def kept_quiet(log: list[dict[str, Any]], *, seconds: float, parallel: int) -> None:
    """After the one refusal of the log: hardly a request while it is on its way, none until the back-off is over,
    and then the rest.
    """
    [refused] = [line["at"] for line in log if line["status"] == 429]
    since = [line["at"] - refused for line in log if line["at"] > refused]
    assert [moment for moment in since if ON_ITS_WAY < moment < seconds] == []
    assert len([moment for moment in since if moment <= ON_ITS_WAY]) <= 2 * parallel
    assert len([moment for moment in since if moment >= seconds]) > 2 * parallel
