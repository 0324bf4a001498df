"""Statements as senders write them, and a client that posts them."""

from __future__ import annotations

import base64
import datetime
import json
import uuid
from typing import TYPE_CHECKING, Any

from analytics import sources
from analytics.statements import ADL, VIDEO

if TYPE_CHECKING:
    from django.test import Client

    from analytics.models import EventSource

ADDRESS = "/xAPI/statements"
HOME = "https://lms.example.edu"


def credentials(name: str = "Player", *, may_read: bool = True) -> tuple[EventSource, str]:
    """A source, and its header."""
    source, secret = sources.add(name, may_read=may_read)
    return source, basic(source.key, secret)


def basic(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def account(name: str = "u-1") -> dict[str, Any]:
    return {"account": {"homePage": HOME, "name": name}}


def statement(**parts: Any) -> dict[str, Any]:
    """Any that is valid; `parts` replace, and None takes away."""
    told = {
        "id": str(uuid.uuid4()),
        "actor": account(),
        "verb": {"id": f"{ADL}/experienced"},
        "object": {"id": "https://media.example.edu/page"},
    } | parts
    return {name: value for name, value in told.items() if value is not None}


def viewing(verb: str, media: str, moment: datetime.datetime, session: str = "", **told: Any) -> dict[str, Any]:
    """Of the Video Profile: `told` without the long names, underscores for hyphens."""
    extensions = {f"{VIDEO}/extensions/{name.replace('_', '-')}": value for name, value in told.items()}
    around = {f"{VIDEO}/extensions/session-id": session} if session else {}
    own = verb in ("played", "paused", "seeked")
    return statement(
        verb={"id": f"{VIDEO}/verbs/{verb}" if own else f"{ADL}/{verb}"},
        object={"id": media},
        result={"extensions": extensions} if extensions else None,
        context={"contextActivities": {"category": [{"id": VIDEO}]}, "extensions": around},
        timestamp=moment.isoformat(),
    )


class Sender:
    """`version` and `header` can be changed, or emptied."""

    def __init__(self, client: Client, header: str, version: str = "1.0.3") -> None:
        self.client, self.header, self.version = client, header, version

    def _headers(self) -> dict[str, str]:
        headers = {"Authorization": self.header, "X-Experience-API-Version": self.version}
        return {name: value for name, value in headers.items() if value}

    def post(self, body: Any, *, kind: str = "application/json") -> Any:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(ADDRESS, sent, content_type=kind, headers=self._headers())

    def put(self, key: object, body: Any) -> Any:
        address = f"{ADDRESS}?statementId={key}" if key else ADDRESS
        return self.client.put(address, json.dumps(body), content_type="application/json", headers=self._headers())

    def get(self, **given: Any) -> Any:
        return self.client.get(ADDRESS, given, headers=self._headers())

    def found(self, **given: Any) -> list[str]:
        """The ids that a query gives."""
        answer = self.get(**given)
        assert answer.status_code == 200, answer.content
        return [one["id"] for one in json.loads(answer.content)["statements"]]
