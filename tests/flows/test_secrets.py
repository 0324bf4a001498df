"""No secret and no token in clear: in the database, the logs, the pages, the history."""

from __future__ import annotations

import logging

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.urls import reverse

from configurations.connection import run_test
from configurations.models import ApiConfiguration, Authorization, ConnectionEvent
from tests.support import planted
from tests.support.consent import consent

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = (
    "home",
    "profile",
    "oauth2_result",
    "admin:index",
    "admin:configurations_apiconfiguration_changelist",
    "admin:configurations_apiconfiguration_add",
    "admin:configurations_connectionevent_changelist",
    "admin:accounts_user_changelist",
)
CONFIGURATION_PAGES = ("change", "delete", "history", "test", "disconnect")


def dump() -> str:
    """Every row of every table, as PostgreSQL prints it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        rows: list[str] = []
        for table in tables:
            cursor.execute(f"SELECT {table}::text FROM {table}")  # noqa: S608 - names from the catalogue
            rows += [text for (text,) in cursor.fetchall()]
    return "\n".join(rows)


@pytest.fixture
def logged():
    handler = planted.Logged()
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield handler.lines
    root.removeHandler(handler)
    root.setLevel(before)


def test_the_whole_procedure_leaves_no_secret_in_clear(client, admin, sandbox, settings, logged):
    settings.SITE_URL = "http://testserver"
    client.force_login(admin)
    key = sandbox.create_key(redirect_uris=["http://testserver/lms/api/oauth2/complete"], on=True)
    pages: list[str] = []

    def seen(answer):
        pages.append(answer.content.decode())
        pages.extend(f"{name}: {value}" for name, value in answer.items() if name != "Location")
        return answer

    entered = {
        "name": "Sandbox",
        "base_url": sandbox.url,
        "client_id": key["id"],
        "new_secret": key["secret"],
        "account_id": "self",
        "enabled": "on",
    }
    wrong = entered | {"client_id": "not a number"}
    seen(client.post(reverse("admin:configurations_apiconfiguration_add"), wrong))
    seen(client.post(reverse("admin:configurations_apiconfiguration_add"), entered, follow=True))
    configuration = ApiConfiguration.objects.get()
    parameters = consent(sandbox, client.get(reverse("authorize", args=[configuration.pk]))["Location"])
    seen(client.get(reverse("oauth2_complete"), parameters, follow=True))
    seen(client.get(reverse("oauth2_complete"), parameters, follow=True))
    run_test(configuration, "instructor@demo.example", user=admin)
    sandbox.faults(expire_tokens=1)
    first = Authorization.objects.get()
    run_test(configuration, "instructor@demo.example", user=admin)
    second = Authorization.objects.get()
    for name in PAGES:
        seen(client.get(reverse(name)))
    for name in CONFIGURATION_PAGES:
        address = f"admin:configurations_apiconfiguration_{name}"
        seen(client.get(reverse(address, args=[configuration.pk])))
    for event in ConnectionEvent.objects.all():
        seen(client.get(reverse("admin:configurations_connectionevent_change", args=[event.pk])))
    sandbox.update_key(key["id"], secret="regenerated-" + key["secret"])
    sandbox.faults(expire_tokens=1)
    run_test(configuration, "instructor@demo.example", user=admin)
    seen(client.get(reverse("admin:configurations_apiconfiguration_changelist")))

    secrets = {
        key["secret"],
        parameters["code"],
        first.access_token,
        first.refresh_token,
        second.access_token,
    }
    assert len(secrets) == 5
    assert first.access_token != second.access_token
    assert ConnectionEvent.objects.count() >= 5
    assert LogEntry.objects.exists()
    for place in (dump(), "\n".join(pages), "\n".join(logged), repr([first, second, configuration])):
        assert len(place) > 50
        assert [secret for secret in secrets if secret in place] == []
    assert parameters["state"] not in dump()


def test_the_scan_finds_what_is_there(configuration):
    """The scan itself: a secret stored in clear would be found."""
    ConnectionEvent.record(configuration, ConnectionEvent.Kind.TESTED, detail=configuration.client_secret)

    assert configuration.client_secret in dump()
    assert configuration.client_secret in planted.known
