"""Two answers of one person in the same moment."""

from __future__ import annotations

import threading
import uuid

import pytest
from django.db import connections, transaction

from analytics import answering
from analytics.answering import Refused
from analytics.models import AnswerEvent
from tests.support import timetable, watching
from tests.support.threads import wait_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


def test_one_attempt_stays_one(person):
    section = timetable.section()
    user = person("student@example.edu")
    watching.enrol(user, section)
    poll = watching.poll(watching.media(section))
    outcome: list[object] = []

    def answer_again():
        try:
            outcome.append(answering.answer(poll, user, ["b"], key=uuid.uuid4()))
        except Refused as error:
            outcome.append(str(error))
        finally:
            connections.close_all()

    other = threading.Thread(target=answer_again)
    with transaction.atomic():
        answering.answer(poll, user, ["a"], key=uuid.uuid4())
        other.start()
        wait_for_a_lock(other)
    other.join(timeout=30)

    assert outcome == ["You have answered this question."]
    assert AnswerEvent.objects.get().response == "a"
