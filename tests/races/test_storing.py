"""Statements are stored while others store, erase, revoke and read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test import Client

from analytics import erasure, identities, ingest, retrieval, sources
from analytics.models import AttachedFile, Identity, Learner, Statement
from tests.analytics.test_attachments import file, send, spoken_of
from tests.support.threads import wait_for_a_lock
from tests.support.xapi import Sender, credentials, statement

pytestmark = pytest.mark.django_db(transaction=True)
ADA = {"mbox": "mailto:ada@example.edu"}


def in_a_thread(outcome: list[Any], action: Callable[[], Any]) -> threading.Thread:
    def run() -> None:
        try:
            outcome.append(action())
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_whoever_is_being_erased_is_waited_for_and_met_as_somebody_new():
    source, _ = sources.add("Player")
    ingest.store_statements(source, [statement(actor=ADA)])
    gone = Learner.objects.get(email="ada@example.edu")
    told, outcome = statement(actor=ADA), list[Any]()
    with transaction.atomic():
        erasure.erase(gone, by=None)
        storing = in_a_thread(outcome, lambda: ingest.store_statements(source, [told]))
        wait_for_a_lock(storing)
    storing.join()

    assert Identity.objects.get(pk=Statement.objects.get(pk=told["id"]).actor_id or 0).learner != gone


@pytest.mark.parametrize("with_file", [False, True])
def test_a_request_that_meets_somebody_and_their_erasure_end_both(monkeypatch, with_file):
    """Known by a digest alone, they are told of by address while they are erased."""
    digest = identities.sha1_of("ada@example.edu").removeprefix("sha1:")
    sender = Sender(Client(), credentials()[1])
    assert sender.post(statement(actor={"mbox_sha1sum": digest})).status_code == 200
    gone = Learner.objects.get()
    picture, ask = file(), ingest._ask
    met, erasing = threading.Event(), threading.Event()

    def ask_later(parameters: Any) -> Any:
        met.set()
        assert erasing.wait(30)
        return ask(parameters)

    monkeypatch.setattr(ingest, "_ask", ask_later)
    told, outcome = statement(actor=ADA), list[Any]()
    if with_file:
        told["attachments"] = spoken_of(picture)
        storing = in_a_thread(outcome, lambda: send(sender, told, picture).status_code)
    else:
        storing = in_a_thread(outcome, lambda: sender.post(told).status_code)
    assert met.wait(30)
    with transaction.atomic():
        erasure.erase(gone, by=None)
        erasing.set()
        wait_for_a_lock(storing)
    storing.join()

    assert outcome == [200]
    assert AttachedFile.objects.exists() == with_file
    assert Statement.objects.filter(erased=False).count() == 1


def test_readers_are_told_of_a_request_before_anything_of_it_is_written():
    source, _ = sources.add("Player")
    ingest.store_statements(source, [statement()])
    told, outcome = statement(), list[Any]()
    with transaction.atomic(), connection.cursor() as cursor:
        # Whoever stores has a moment, and waits here before the first row.
        cursor.execute("LOCK TABLE analytics_statement IN EXCLUSIVE MODE")
        storing = in_a_thread(outcome, lambda: ingest.store_statements(source, [told]))
        wait_for_a_lock(storing)
        through = retrieval.consistent_through()
    storing.join()

    assert through <= Statement.objects.get(pk=told["id"]).stored


def test_a_connection_that_was_lost_meanwhile_is_made_anew():
    sender = Sender(Client(), credentials()[1])
    outcome: list[int] = []

    def twice() -> None:
        outcome.append(sender.post(statement()).status_code)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            ours.append(cursor.fetchone()[0])
        stored.set()
        assert cut.wait(30)
        outcome.append(sender.post(statement()).status_code)

    ours: list[int] = []
    stored, cut = threading.Event(), threading.Event()
    thread = in_a_thread([], twice)
    assert stored.wait(30)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", ours)
    cut.set()
    thread.join()

    assert outcome == [200, 200]
    assert Statement.objects.count() == 2
