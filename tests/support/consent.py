"""Walks through the sandbox's own pages as a browser would, without one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from configurations import authorization
from demo import consent as pages

if TYPE_CHECKING:
    from accounts.models import User
    from configurations.models import ApiConfiguration
    from tests.support.sandbox import Sandbox

SESSION = "session-of-the-test"


def consent(sandbox: Sandbox, address: str, *, login: str = "", accept: bool = True) -> dict[str, str]:
    """Signs in to the sandbox, opens the consent page, accepts or denies; the callback's parameters."""
    people = sandbox.state()["people"]
    person = next(one for one in people if one["login"] == login) if login else people[0]
    return pages.consent(sandbox.url, address, login=person["login"], password=person["password"], accept=accept)


def authorize(configuration: ApiConfiguration, sandbox: Sandbox, user: User, *, login: str = "") -> None:
    """The whole flow up to stored tokens."""
    address = authorization.start_authorization(configuration, user=user, session_key=SESSION)
    parameters = consent(sandbox, address, login=login)
    completion = authorization.complete_authorization(parameters, user=user, session_key=SESSION)
    assert completion.ok, (completion.headline, completion.advice)
