from __future__ import annotations

import contextlib

import pytest
from django.core.exceptions import FieldError
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Case, F, Value, When
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from configurations.encryption import EncryptedTextField, Unreadable
from configurations.models import ApiConfiguration
from configurations.rotation import BATCH, encrypted_fields, rotate_keys
from configurations.situations import SecretUnreadable
from configurations.status import status_of
from configurations.transports import key_of

pytestmark = pytest.mark.django_db
CHANGELIST = "admin:configurations_apiconfiguration_changelist"
OLD, NEW = "old-key-old-key-old-key-old-key-old-key", "new-key-new-key-new-key-new-key-new-key"


def make(number: int = 1, secret: str = "secret-of-the-key") -> ApiConfiguration:
    return ApiConfiguration.objects.create(
        name=f"Canvas {number}",
        base_url=f"https://canvas{number}.example.edu",
        client_id="1",
        client_secret=secret,
    )


def stored(configuration: ApiConfiguration) -> bytes:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT client_secret FROM configurations_apiconfiguration WHERE id = %s", [configuration.pk]
        )
        return bytes(cursor.fetchone()[0])


@pytest.fixture
def use_keys(settings):
    """A process with these keys: the package keeps them per field object once used."""

    def forget() -> None:
        for _, column in encrypted_fields():
            for cached in ("keys", "fernet_keys", "fernet"):
                column.__dict__.pop(cached, None)

    def use(*keys: str) -> None:
        settings.FERNET_KEYS = list(keys)
        forget()

    yield use
    forget()


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(text=st.text(alphabet=st.characters(exclude_characters="\x00", exclude_categories=["Cs"])))
def test_any_text_comes_back_as_it_was(text):
    configuration = make(secret="before")
    try:
        configuration.client_secret = text
        configuration.save()

        assert ApiConfiguration.objects.get(pk=configuration.pk).client_secret == text
        assert text == "" or text.encode() not in stored(configuration) or len(text) < 4
    finally:
        configuration.delete()


def test_the_column_holds_no_plain_text():
    assert b"secret-of-the-key" not in stored(make())


def test_bulk_update_stores_the_values_and_not_the_expression():
    one, two = make(1), make(2)
    one.client_secret, two.client_secret = "first", "second"

    ApiConfiguration.objects.bulk_update([one, two], ["client_secret"])

    assert [row.client_secret for row in ApiConfiguration.objects.order_by("pk")] == ["first", "second"]


def test_conditional_updates_store_encrypted_values():
    configuration = make()
    chosen = Case(
        When(pk=configuration.pk, then=Value("chosen", EncryptedTextField())),
        default=Value("other", EncryptedTextField()),
    )

    ApiConfiguration.objects.update(client_secret=chosen)

    assert ApiConfiguration.objects.get().client_secret == "chosen"


def test_a_bare_value_in_an_update_is_encrypted_too():
    configuration = make()

    ApiConfiguration.objects.update(client_secret=Value("plain?"))

    assert b"plain?" not in stored(configuration)
    assert ApiConfiguration.objects.get().client_secret == "plain?"


def test_copying_from_another_column_is_refused():
    make()

    with pytest.raises(FieldError, match="cannot be copied"):
        ApiConfiguration.objects.update(client_secret=F("name"))


def test_searching_for_a_secret_is_refused():
    with pytest.raises(FieldError, match="does not support lookups"):
        ApiConfiguration.objects.filter(client_secret="secret-of-the-key").first()


def test_a_value_under_an_unknown_key_leads_nowhere_and_is_not_overwritten(use_keys):
    use_keys(OLD)
    make()
    use_keys(NEW)

    unreadable = ApiConfiguration.objects.get()

    assert isinstance(unreadable.client_secret, Unreadable)
    assert status_of(unreadable).label == "Secret unreadable"
    with pytest.raises(SecretUnreadable):
        key_of(unreadable, "https://echo-lms.example.edu/lms/api/oauth2/complete")
    with pytest.raises(FieldError), transaction.atomic():
        unreadable.save()
    use_keys(NEW, OLD)
    assert ApiConfiguration.objects.get().client_secret == "secret-of-the-key"


def test_what_cannot_be_read_can_be_seen_and_entered_again(use_keys, client, admin):
    use_keys(OLD)
    configuration = make()
    use_keys(NEW)
    client.force_login(admin)

    assert "Secret unreadable" in client.get(reverse(CHANGELIST)).content.decode()
    page = client.get(configuration.get_admin_url()).content.decode()
    assert "Put the missing key back into FERNET_KEYS" in page
    form = {
        "name": "Renamed",
        "base_url": configuration.base_url,
        "client_id": "1",
        "account_id": "self",
        "enabled": "on",
        "new_secret": "entered-again-0123456789",
    }
    client.post(configuration.get_admin_url(), form)

    assert ApiConfiguration.objects.get().client_secret == "entered-again-0123456789"


def test_rotation_makes_everything_readable_without_the_old_key(use_keys):
    use_keys(OLD)
    for number in range(3):
        make(number, secret=f"secret {number}")

    use_keys(NEW, OLD)
    assert [row.client_secret for row in ApiConfiguration.objects.order_by("pk")] == [
        f"secret {number}" for number in range(3)
    ]
    assert rotate_keys().rotated == 3

    use_keys(NEW)
    assert [row.client_secret for row in ApiConfiguration.objects.order_by("pk")] == [
        f"secret {number}" for number in range(3)
    ]


def test_rotation_walks_through_more_rows_than_one_batch(use_keys):
    use_keys(OLD)
    rows = [
        ApiConfiguration(name=f"{n}", base_url=f"https://c{n}.example.edu", client_id="1", client_secret=f"{n}")
        for n in range(BATCH + 5)
    ]
    ApiConfiguration.objects.bulk_create(rows)
    use_keys(NEW, OLD)

    assert rotate_keys().rotated == BATCH + 5

    use_keys(NEW)
    assert {row.client_secret for row in ApiConfiguration.objects.all()} == {str(n) for n in range(BATCH + 5)}


def test_an_interrupted_rotation_continues_where_it_stopped(use_keys, monkeypatch):
    use_keys(OLD)
    for number in range(4):
        make(number)
    use_keys(NEW, OLD)
    done: list[int] = []

    def killed_at_the_third(model, column, key, *, old, new):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(key)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE configurations_apiconfiguration SET client_secret = %s WHERE id = %s", [new, key]
            )

    with monkeypatch.context() as patch:
        patch.setattr("configurations.rotation._replace", killed_at_the_third)
        patch.setattr("configurations.rotation.transaction.atomic", contextlib.nullcontext)
        with pytest.raises(KeyboardInterrupt):
            rotate_keys()

    outcome = rotate_keys()

    assert (outcome.current, outcome.rotated) == (2, 2)
    use_keys(NEW)
    assert ApiConfiguration.objects.count() == len([row.client_secret for row in ApiConfiguration.objects.all()])


def test_rotation_leaves_a_value_alone_that_changed_meanwhile(use_keys, monkeypatch):
    use_keys(OLD)
    configuration = make()
    use_keys(NEW, OLD)
    from configurations import rotation  # noqa: PLC0415 - patched below

    original = rotation._replace

    def somebody_saves_first(*args, **kwargs):
        ApiConfiguration.objects.filter(pk=configuration.pk).update(client_secret="typed meanwhile")
        original(*args, **kwargs)

    monkeypatch.setattr(rotation, "_replace", somebody_saves_first)
    rotate_keys()

    assert ApiConfiguration.objects.get().client_secret == "typed meanwhile"


def test_the_command_reports_what_it_did(use_keys, capsys):
    use_keys(OLD)
    make()
    use_keys(NEW, OLD)

    call_command("rotate_keys", "--dry-run")
    call_command("rotate_keys")
    call_command("rotate_keys")

    assert capsys.readouterr().out.splitlines() == [
        "1 would be re-encrypted, 0 already under the newest key.",
        "Run without --dry-run before you remove an old key.",
        "1 re-encrypted, 0 already under the newest key.",
        "The older keys can be removed from FERNET_KEYS; then restart web and workers.",
        "0 re-encrypted, 1 already under the newest key.",
        "The older keys can be removed from FERNET_KEYS; then restart web and workers.",
    ]


def test_the_command_fails_and_names_values_that_no_key_fits(use_keys, capsys):
    use_keys(OLD)
    configuration = make()
    use_keys(NEW)

    with pytest.raises(CommandError, match="Add the key these were written with"):
        call_command("rotate_keys")

    place = f"configurations.ApiConfiguration {configuration.pk}, client_secret"
    assert capsys.readouterr().err.strip() == f"Unreadable with every key in FERNET_KEYS: {place}"
