from __future__ import annotations

from .events import AnswerEvent, EventSource, Statement, StatementBatch, StatementVoid, Verb, ViewEvent
from .media import Activity, Media, Poll, SectionFigures
from .people import Identity, Learner, RosterLearner, StudentLook
from .rollups import PollAnswer, ViewSession, ViewUser, ViewUserDay

__all__ = [
    "Activity",
    "AnswerEvent",
    "EventSource",
    "Identity",
    "Learner",
    "Media",
    "Poll",
    "PollAnswer",
    "RosterLearner",
    "SectionFigures",
    "Statement",
    "StatementBatch",
    "StatementVoid",
    "StudentLook",
    "Verb",
    "ViewEvent",
    "ViewSession",
    "ViewUser",
    "ViewUserDay",
]
