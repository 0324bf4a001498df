from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from accounts.models import User

pytestmark = pytest.mark.django_db


def test_email_is_stored_trimmed_and_in_lower_case():
    made = User.objects.create_user("  Grace@Example.EDU ")
    assert made.email == "grace@example.edu"
    assert User.objects.values_list("email", flat=True).get() == "grace@example.edu"


@pytest.mark.parametrize("typed", ["grace@example.edu", "GRACE@example.edu", " Grace@Example.Edu"])
def test_person_is_found_whatever_the_case(typed):
    made = User.objects.create_user("grace@example.edu")
    assert User.objects.get(email=typed) == made
    assert User.objects.get_by_natural_key(typed) == made


def test_second_person_with_the_same_email_in_another_case_is_refused():
    User.objects.create_user("grace@example.edu")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("GRACE@EXAMPLE.EDU")
    with pytest.raises(ValidationError) as refusal:
        User(email="Grace@example.edu", password="x").full_clean()
    assert refusal.value.message_dict == {"email": ["Somebody with this e-mail exists already."]}


@pytest.mark.parametrize("written", ["Grace@example.edu", " grace@example.edu"])
def test_database_itself_refuses_an_email_in_another_form(written):
    person = User.objects.create_user("other@example.edu")
    with (
        pytest.raises(IntegrityError, match="email_is_trimmed_and_lower_case"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE accounts_user SET email = %s WHERE id = %s", [written, person.pk])


def test_person_without_an_email_is_refused():
    with pytest.raises(ValueError, match=r"^A person needs an e-mail address\.$"):
        User.objects.create_user("")


@pytest.mark.parametrize("zone", ["Europe/Londres", "../etc/passwd", "GMT+25", ""])
def test_unknown_time_zone_is_refused(zone):
    with pytest.raises(ValidationError) as refusal:
        User(email="grace@example.edu", password="x", time_zone=zone).full_clean()
    assert list(refusal.value.message_dict) == ["time_zone"]


@pytest.mark.parametrize(
    ("fields", "name"),
    [({"full_name": "Grace Hopper"}, "Grace Hopper"), ({}, "grace@example.edu")],
)
def test_person_is_called_by_name_else_by_email(fields, name):
    assert str(User(email="grace@example.edu", **fields)) == name
