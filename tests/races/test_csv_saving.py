"""Two presses of Save at once: one saves, the other hears of it."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from schedules.csv_files import importing, registry
from schedules.models import Change, Term
from tests.support.csv_files import written


@pytest.mark.django_db(transaction=True)
def test_a_file_is_saved_once(admin):
    rows = [f"Term {number}|2045-10-02|2045-12-22" for number in range(200)]
    content = written("term|starts_on|ends_on", *rows)
    job = importing.upload(registry.kind_of("terms"), "terms.csv", content, user=admin)
    gate, heard = threading.Barrier(4), []

    def press():
        gate.wait()
        try:
            importing.save(job, user=admin, good_only=False)
            heard.append("saved")
        except importing.SavedAlready:
            heard.append("saved already")
        finally:
            connection.close()

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(heard) == ["saved", *["saved already"] * 3]
    assert (Term.objects.count(), Change.objects.count()) == (200, 200)
