"""What the care around a look-up costs: our client against bare requests, encrypted columns against plain ones."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from dataclasses import asdict
from urllib.parse import urlencode

import requests
from django.conf import settings

from bench.measure import Ratio, compare
from canvas.lookup import courses_of, find_instructor
from configurations.authorization import StoredTokens, redirect_uri
from configurations.connection import connected
from configurations.models import ApiConfiguration, Authorization
from tests.support.consent import authorize
from tests.support.sandbox import Sandbox

INSTRUCTOR = "instructor@demo.example"
ROWS = 200


def measurements(*, quick: bool) -> dict[str, object]:
    rounds = 5 if quick else 40
    with authorized("tiny") as (configuration, sandbox):
        ratios = [_look_up(configuration, sandbox, rounds), _token(configuration, rounds), _secrets(rounds)]
    for ratio in ratios:
        print(ratio)
    return {"python": platform.python_version(), "measurements": [asdict(ratio) for ratio in ratios]}


@contextlib.contextmanager
def authorized(scenario: str) -> Iterator[tuple[ApiConfiguration, Sandbox]]:
    """A configuration of a sandbox with this university, authorized, in a bucket that measurements do not fill."""
    from accounts.models import User  # noqa: PLC0415 - needs the application registry

    with Sandbox(scenario=scenario) as sandbox:
        settings.LMS_ALLOWED_INSECURE_HOSTS = [sandbox.url.removeprefix("http://")]
        sandbox.allow_many_requests()
        key = sandbox.create_key(redirect_uris=[redirect_uri()], on=True)
        ApiConfiguration.objects.all().delete()
        configuration = ApiConfiguration.objects.create(
            name="Bench", base_url=sandbox.url, client_id=key["id"], client_secret=key["secret"]
        )
        authorize(configuration, sandbox, User.objects.get_or_create(email="bench@demo.example")[0])
        yield configuration, sandbox


def _look_up(configuration: ApiConfiguration, sandbox: Sandbox, rounds: int) -> Ratio:
    token = Authorization.objects.get().access_token
    paths = _paths(configuration, sandbox)

    def ours() -> object:
        with connected(configuration) as client:
            return courses_of(client, find_instructor(client, INSTRUCTOR).users[0])

    def bare() -> object:
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {token}"
            return [session.get(sandbox.url + path, timeout=10).json() for path in paths]

    return compare("look-up of one instructor's courses", ours, "bare requests", bare, rounds=rounds)


def _paths(configuration: ApiConfiguration, sandbox: Sandbox) -> list[str]:
    sandbox.clear_log()
    with connected(configuration) as client:
        courses_of(client, find_instructor(client, INSTRUCTOR).users[0])
    return [f"{line['path']}?{urlencode([tuple(pair) for pair in line['query']])}" for line in sandbox.log()]


def _token(configuration: ApiConfiguration, rounds: int) -> Ratio:
    def ours() -> object:
        return StoredTokens(configuration).current()

    def row() -> object:
        return Authorization.objects.select_related("configuration").defer("access_token", "refresh_token").get()

    return compare("reading a usable token", ours, "reading its row undecrypted", row, rounds=rounds, calls=20)


def _secrets(rounds: int) -> Ratio:
    ApiConfiguration.objects.bulk_create(
        ApiConfiguration(
            name=f"Canvas {n}", base_url=f"https://{n}.example.edu", client_id="1", client_secret=f"{n:064}"
        )
        for n in range(ROWS)
    )
    return compare(
        f"reading {ROWS} configurations with their secrets",
        lambda: list(ApiConfiguration.objects.all()),
        "without their secrets",
        lambda: list(ApiConfiguration.objects.defer("client_secret")),
        rounds=rounds,
    )
