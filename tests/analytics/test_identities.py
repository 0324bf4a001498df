"""Who is who: met once, by whatever names, and without waiting for one another for good."""

from __future__ import annotations

import threading
import zlib

import pytest
from django.db import connections, transaction

from accounts.models import User
from analytics import access, erasure, identities, ingest
from analytics.models import EventSource, Identity, Learner, StatementBatch
from analytics.statements import Person
from directory.models import RosterEntry
from schedules.models import LmsCourseLink
from tests.support import timetable, viewing
from tests.support.xapi import statement

ADA = "ada@example.edu"


def met(*addresses: str) -> dict[Person, int]:
    people = {identities.key_of(person): person for person in (Person("mbox", one) for one in addresses)}
    identities.meet([person for key, person in people.items() if key not in identities.known(people)])
    return {people[key]: identity for key, identity in identities.known(people).items()}


# --- Rosters --------------------------------------------------------------------------------------------
@pytest.fixture
def entry(db):
    """Of a roster that was read with a token that does not tell sign-in names."""
    section = timetable.section()
    made = RosterEntry.objects.create(
        course=viewing.lms_course(section),
        lms_user_id="7",
        name="Ada",
        login_id="",
        role="StudentEnrollment",
        state="active",
    )
    identities.match_rosters()
    return made


def test_a_sign_in_name_that_is_told_later_is_matched(entry):
    ada = User.objects.create_user(email=ADA, password="x")
    section = LmsCourseLink.objects.get(lms_course=entry.course).section_id
    assert not access.is_student(ada, section)

    RosterEntry.objects.filter(pk=entry.pk).update(login_id=ADA, name="Ada Lovelace")

    assert identities.match_rosters() == 1
    assert access.is_student(ada, section)
    assert Learner.objects.get().name == "Ada Lovelace"
    assert identities.match_rosters() == 0


def test_the_rosters_name_stays_whatever_somebody_calls_themselves(entry):
    RosterEntry.objects.update(login_id=ADA)
    identities.match_rosters()
    own = User.objects.create_user(email=ADA, password="x", full_name="The Best")

    assert identities.learner_of(own).name == "Ada"

    met("ben@example.edu")
    ingest.store_statements(EventSource.of_files(), [statement(actor={"mbox": f"mailto:{ADA}", "name": "X"})])
    assert set(Learner.objects.values_list("name", flat=True)) == {"Ada", ""}


def test_who_is_known_is_found_without_a_lock(entry, django_assert_num_queries):
    RosterEntry.objects.update(login_id=ADA)
    identities.match_rosters()
    own = User.objects.create_user(email=ADA, password="x")

    with django_assert_num_queries(1):
        identities.learner_of(own)


# --- Erased ---------------------------------------------------------------------------------------------
@pytest.mark.django_db
def test_a_statement_of_somebody_erased_brings_nobody_back_when_it_is_repeated():
    told = statement(actor={"mbox": f"mailto:{ADA}", "name": "Ada"})
    source = EventSource.of_files()
    ingest.store_statements(source, [told])
    erasure.erase(Learner.objects.get(), by=None)

    ingest.store_statements(source, [told])
    known = statement()
    ingest.store_statements(source, [known])
    with pytest.raises(ingest.Contradiction):
        ingest.store_statements(source, [known | {"actor": {"mbox": f"mailto:{ADA}"}}])

    assert not Learner.objects.filter(email=ADA).exists()


@pytest.mark.django_db
def test_whose_authority_a_statement_names_is_not_kept():
    told = statement(authority={"mbox": f"mailto:{ADA}", "objectType": "Agent"})
    ingest.store_statements(EventSource.of_files(), [told])

    assert ADA.encode() not in zlib.decompress(bytes(StatementBatch.objects.get().body))


# --- At the same time -----------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_a_file_and_a_request_that_bring_the_same_people_do_not_block_each_other():
    held, ended = threading.Event(), []

    def file() -> None:
        """One transaction, one row after another."""
        try:
            with transaction.atomic():
                met(ADA)
                held.set()
                # The request waits for Ada by now, or is about to; whoever it has met, it does not hold.
                while not _somebody_waits() and request.is_alive():
                    pass
                met("ben@example.edu")
            ended.append("file")
        finally:
            connections.close_all()

    def ask() -> None:
        try:
            held.wait(30)
            met("ben@example.edu", ADA)
            ended.append("request")
        finally:
            connections.close_all()

    request = threading.Thread(target=ask)
    threads = [threading.Thread(target=file), request]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(ended) == ["file", "request"]
    assert sorted(Learner.objects.values_list("email", flat=True)) == [ADA, "ben@example.edu"]
    assert not Learner.objects.exclude(pk__in=Identity.objects.values("learner")).exists()


def _somebody_waits() -> bool:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
        return bool(cursor.fetchone()[0])
