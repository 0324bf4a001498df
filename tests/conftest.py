"""The cast, the sandbox Canvas, the browser."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db.models.signals import post_save

from configurations import budget
from tests.support import planted
from tests.support.sandbox import Sandbox

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page
    from pytest_django.live_server_helper import LiveServer

    from accounts.models import User
    from configurations.models import ApiConfiguration

PASSWORD = "correct-horse-battery"
CHROMIUM = os.environ.get("ECHO_LMS_CHROMIUM", "")
_real_connect = socket.socket.connect


def pytest_configure(config: pytest.Config) -> None:
    # Playwright's synchronous API runs an event loop in this thread, which the ORM would otherwise refuse.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "page" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="NO CHROMIUM: BROWSER TESTS DID NOT RUN (see ./run test)"))


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that would reach out fails, and says so."""

    def connect(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f"A test tried to reach {address[0]}")
        _real_connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(autouse=True)
def fast_passwords(settings: Any) -> None:
    """The real hasher takes a third of a second for each person of the cast, on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_logged() -> Iterator[None]:
    """Over the whole run: nothing that was ever stored encrypted appears in what was logged."""
    logged = planted.Logged()
    logging.getLogger().addHandler(logged)
    post_save.connect(planted.remember)
    yield
    post_save.disconnect(planted.remember)
    logging.getLogger().removeHandler(logged)
    assert not planted.found_in("\n".join(logged.lines)), "A secret was logged in this run."


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """What this process has seen is of another test's database."""
    from analytics import ingest, sources  # noqa: PLC0415 - models need the settings first

    for remembered in (ingest.VERBS, ingest.ACTIVITIES, ingest.PEOPLE):
        remembered.forget()
    sources.forget_all()
    cache.clear()


# --- The cast ---------------------------------------------------------------------------------------------
@pytest.fixture
def person(db: None, django_user_model: type[User]) -> Callable[..., User]:
    """Makes a person with the named roles; the password is PASSWORD."""

    def make(email: str, *roles: str, **fields: Any) -> User:
        fields.setdefault("full_name", email.partition("@")[0].replace("_", " ").title())
        user = django_user_model.objects.create_user(email=email, password=PASSWORD, **fields)
        user.groups.set(Group.objects.filter(name__in=roles))
        return user

    return make


@pytest.fixture
def admin(person: Callable[..., User]) -> User:
    return person("admin@example.edu", "Administrators")


@pytest.fixture
def scheduler(person: Callable[..., User]) -> User:
    return person("scheduler@example.edu", "Schedulers")


@pytest.fixture
def instructor(person: Callable[..., User]) -> User:
    return person("instructor@example.edu", "Instructors")


@pytest.fixture
def other_instructor(person: Callable[..., User]) -> User:
    return person("other_instructor@example.edu", "Instructors")


@pytest.fixture
def outsider(person: Callable[..., User]) -> User:
    """Signed in, without a role."""
    return person("outsider@example.edu")


# --- Canvas -----------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


def forget_budgets() -> None:
    """What an earlier test made echo_lms believe about this Canvas's limit."""
    connection = budget._redis()
    for key in connection.scan_iter("echo_lms:canvas:*"):
        connection.delete(key)


@pytest.fixture
def sandbox(sandbox_process: Sandbox, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """The sandbox Canvas with its tiny university, reachable for the product during this test."""
    monkeypatch.setattr("canvas.throttle.FIRST_BACK_OFF", 0.05)
    sandbox_process.reset("tiny")
    forget_budgets()
    settings.LMS_ALLOWED_INSECURE_HOSTS = [sandbox_process.url.removeprefix("http://")]
    yield sandbox_process
    sandbox_process.clear_faults()


@pytest.fixture
def configuration(db: None, sandbox: Sandbox, settings: Any) -> ApiConfiguration:
    """A configuration for the sandbox with a key that is on; not authorized."""
    from configurations.authorization import redirect_uri  # noqa: PLC0415 - needs the settings of the test
    from configurations.models import ApiConfiguration  # noqa: PLC0415

    key = sandbox.create_key(redirect_uris=[redirect_uri()], on=True)
    return ApiConfiguration.objects.create(
        name="Sandbox", base_url=sandbox.url, client_id=key["id"], client_secret=key["secret"]
    )


# --- The browser ------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    quiet = [
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    arguments = ["--no-sandbox", "--no-first-run", *quiet]
    return browser_type_launch_args | {"executable_path": CHROMIUM or None, "args": arguments}


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    context.set_default_timeout(10_000)
    return context


@pytest.fixture
def site(live_server: LiveServer, settings: Any) -> str:
    """The product over HTTP, as `localhost`: the sandbox is 127.0.0.1, another site for the browser."""
    address = live_server.url.replace("127.0.0.1", "localhost")
    settings.SITE_URL = address
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    return address


@pytest.fixture
def sign_in(site: str) -> Callable[[Page, User], None]:
    def sign_in(page: Page, user: User) -> None:
        page.goto(f"{site}/sign-in")
        page.get_by_label("Email").fill(user.email)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"{site}/")

    return sign_in


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """What axe finds on a page: an empty list is the only good answer."""

    def findings(page: Page) -> list[str]:
        return [
            f"{violation['id']}: {node['html']}"
            for violation in Axe().run(page).response["violations"]
            for node in violation["nodes"]
        ]

    return findings
