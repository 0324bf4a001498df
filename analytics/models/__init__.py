from __future__ import annotations

from .documents import Document
from .events import (
    AnswerEvent,
    EventSource,
    RawDrop,
    Statement,
    StatementAttachment,
    StatementBatch,
    StatementVoid,
    Verb,
    ViewEvent,
)
from .media import Activity, Media, Poll, SectionFigures
from .people import Erasure, Identity, Learner, RosterLearner, StudentLook
from .rollups import PollAnswer, ViewSession, ViewUser, ViewUserDay

__all__ = [
    "Activity",
    "AnswerEvent",
    "Document",
    "Erasure",
    "EventSource",
    "Identity",
    "Learner",
    "Media",
    "Poll",
    "PollAnswer",
    "RawDrop",
    "RosterLearner",
    "SectionFigures",
    "Statement",
    "StatementAttachment",
    "StatementBatch",
    "StatementVoid",
    "StudentLook",
    "Verb",
    "ViewEvent",
    "ViewSession",
    "ViewUser",
    "ViewUserDay",
]
