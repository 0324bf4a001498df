"""A caller of the sandbox's API that knows nothing of the product's client."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
import requests

from tests.support.consent import consent
from tests.support.sandbox import Sandbox

BACK = "http://localhost:8000/lms/api/oauth2/complete"
SCOPES = (
    "url:GET|/api/v1/users/:user_id/courses",
    "url:GET|/api/v1/accounts/:account_id/users",
    "url:GET|/api/v1/courses/:course_id/enrollments",
)


class Caller:
    """A developer key and, after `authorize()`, its token."""

    def __init__(self, sandbox: Sandbox, **key: Any) -> None:
        self.sandbox = sandbox
        self.key = sandbox.create_key(**{"redirect_uris": [BACK], "on": True, **key})
        self.http = requests.Session()
        self.http.headers["User-Agent"] = "tests of the sandbox"
        self.token = ""
        self.refresh_token = ""

    def address(self, **changes: str | None) -> str:
        parameters: dict[str, str | None] = {
            "client_id": self.key["id"],
            "response_type": "code",
            "redirect_uri": BACK,
            "state": "the-state",
            "scope": " ".join(SCOPES),
        }
        parameters |= changes
        given = {name: value for name, value in parameters.items() if value is not None}
        return f"{self.sandbox.url}/login/oauth2/auth?{urlencode(given)}"

    def ask(self, **changes: str | None) -> requests.Response:
        return requests.get(self.address(**changes), timeout=10, allow_redirects=False)

    def code(self, *, login: str = "", **changes: str | None) -> str:
        return consent(self.sandbox, self.address(**changes), login=login)["code"]

    def at_token_endpoint(self, **form: str) -> requests.Response:
        sent = {"client_id": self.key["id"], "client_secret": self.key["secret"], **form}
        return self.http.post(
            f"{self.sandbox.url}/login/oauth2/token", data=sent, timeout=10, allow_redirects=False
        )

    def exchange(self, code: str, **form: str) -> requests.Response:
        return self.at_token_endpoint(grant_type="authorization_code", code=code, **form)

    def authorize(self, *, login: str = "", **changes: str | None) -> Caller:
        answer = self.exchange(self.code(login=login, **changes)).json()
        self.token, self.refresh_token = answer["access_token"], answer["refresh_token"]
        return self

    def renew(self) -> requests.Response:
        return self.at_token_endpoint(grant_type="refresh_token", refresh_token=self.refresh_token)

    def get(self, path: str, *, strings: bool = False, **query: str | list[str]) -> requests.Response:
        accept = "application/json+canvas-string-ids, application/json" if strings else "application/json"
        parameters = {name.replace("__", "[]"): value for name, value in query.items()}
        headers = {"Authorization": f"Bearer {self.token}", "Accept": accept}
        address = path if path.startswith("http") else f"{self.sandbox.url}/api/v1/{path}"
        return self.http.get(address, params=parameters, headers=headers, timeout=10, allow_redirects=False)


def returned(answer: requests.Response) -> dict[str, str]:
    """The parameters with which the browser is sent back."""
    assert answer.headers["location"].startswith(BACK)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


@pytest.fixture
def university(sandbox_process: Sandbox) -> Iterator[Sandbox]:
    """The sandbox with its demo university."""
    sandbox_process.reset("demo")
    yield sandbox_process
    sandbox_process.clear_faults()


@pytest.fixture
def caller(university: Sandbox) -> Iterator[Callable[..., Caller]]:
    made: list[Caller] = []

    def make(**key: Any) -> Caller:
        made.append(Caller(university, **key))
        return made[-1]

    yield make
    for one in made:
        one.http.close()
