"""Walks through the sandbox's own pages as a browser would: signs in, opens the consent page, answers it."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

import requests


def consent(sandbox_url: str, address: str, *, login: str, password: str, accept: bool = True) -> dict[str, str]:
    """From the address of Canvas's consent to the parameters with which the callback would be called."""
    with requests.Session() as browser:
        browser.trust_env = False
        browser.headers["User-Agent"] = "echo_lms demo"
        login_page = browser.get(f"{sandbox_url}/login", timeout=10)
        person = {"login": login, "password": password}
        browser.post(f"{sandbox_url}/login", data=_hidden(login_page.text) | person, timeout=10)
        answer = browser.get(address, timeout=10, allow_redirects=False)
        while answer.is_redirect and answer.headers["location"].startswith(("/", sandbox_url)):
            location = answer.headers["location"]
            location = location if location.startswith("http") else sandbox_url + location
            answer = browser.get(location, timeout=10, allow_redirects=False)
        if not answer.is_redirect:
            if accept:
                accepted = f"{sandbox_url}/login/oauth2/accept"
                answer = browser.post(accepted, data=_hidden(answer.text), timeout=10, allow_redirects=False)
            else:
                answer = browser.get(f"{sandbox_url}/login/oauth2/deny", timeout=10, allow_redirects=False)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def _hidden(page: str) -> dict[str, str]:
    fields = re.findall(r"<input[^>]*type=\"hidden\"[^>]*>", page)
    found = ((re.search(r'name="([^"]*)"', one), re.search(r'value="([^"]*)"', one)) for one in fields)
    return {name[1]: value[1] for name, value in found if name and value}
