"""Where, when and for whom recordings are made (docs/data-model.md)."""

from __future__ import annotations

from .bulk import BulkChange
from .captures import Capture, CaptureSchedule, Publication
from .changes import Change
from .courses import (
    Consent,
    Course,
    Department,
    LmsCourseLink,
    Organization,
    SchedulerScope,
    Section,
    SectionInstructor,
)
from .feeds import Feed
from .imports import ImportJob
from .places import Building, Campus, ConsentPolicy, Input, Room
from .preferences import ListPreference
from .submissions import Submission
from .terms import NonTeachingDay, Term

__all__ = [
    "Building",
    "BulkChange",
    "Campus",
    "Capture",
    "CaptureSchedule",
    "Change",
    "Consent",
    "ConsentPolicy",
    "Course",
    "Department",
    "Feed",
    "ImportJob",
    "Input",
    "ListPreference",
    "LmsCourseLink",
    "NonTeachingDay",
    "Organization",
    "Publication",
    "Room",
    "SchedulerScope",
    "Section",
    "SectionInstructor",
    "Submission",
    "Term",
]
