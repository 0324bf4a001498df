from __future__ import annotations

from .documents import Document
from .events import (
    AnswerEvent,
    AttachedFile,
    EventSource,
    RawDrop,
    Statement,
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
    "AttachedFile",
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
    "StatementBatch",
    "StatementVoid",
    "StudentLook",
    "Verb",
    "ViewEvent",
    "ViewSession",
    "ViewUser",
    "ViewUserDay",
]
