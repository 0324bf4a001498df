"""Walks through the sandbox's own pages as a browser would, without one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

import requests

from configurations import authorization

if TYPE_CHECKING:
    from accounts.models import User
    from configurations.models import ApiConfiguration
    from tests.support.sandbox import Sandbox

SESSION = "session-of-the-test"


def consent(sandbox: Sandbox, address: str, *, login: str = "", accept: bool = True) -> dict[str, str]:
    """Signs in to the sandbox, opens the consent page, accepts or denies; the callback's parameters."""
    people = sandbox.state()["people"]
    person = next(one for one in people if one["login"] == login) if login else people[0]
    with requests.Session() as browser:
        browser.headers["User-Agent"] = "test browser"
        login_page = browser.get(f"{sandbox.url}/login", timeout=10)
        browser.post(
            f"{sandbox.url}/login",
            data=_hidden(login_page.text) | {"login": person["login"], "password": person["password"]},
            timeout=10,
        )
        answer = browser.get(address, timeout=10, allow_redirects=False)
        while answer.is_redirect and answer.headers["location"].startswith(("/", sandbox.url)):
            answer = browser.get(_absolute(sandbox, answer.headers["location"]), timeout=10, allow_redirects=False)
        if not answer.is_redirect:
            if accept:
                answer = browser.post(
                    f"{sandbox.url}/login/oauth2/accept",
                    data=_hidden(answer.text),
                    timeout=10,
                    allow_redirects=False,
                )
            else:
                answer = browser.get(f"{sandbox.url}/login/oauth2/deny", timeout=10, allow_redirects=False)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def _absolute(sandbox: Sandbox, location: str) -> str:
    return location if location.startswith("http") else sandbox.url + location


def _hidden(page: str) -> dict[str, str]:
    fields = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", page)
    return {
        re.search(r'name="([^"]*)"', field)[1]: re.search(r'value="([^"]*)"', field)[1]  # type: ignore[index]  # both are always there
        for field in fields
    }


def authorize(configuration: ApiConfiguration, sandbox: Sandbox, user: User, *, login: str = "") -> None:
    """The whole flow up to stored tokens."""
    address = authorization.start_authorization(configuration, user=user, session_key=SESSION)
    parameters = consent(sandbox, address, login=login)
    completion = authorization.complete_authorization(parameters, user=user, session_key=SESSION)
    assert completion.ok, (completion.headline, completion.advice)
