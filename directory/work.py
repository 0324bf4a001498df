"""The work on a run, shared by any number of processes (docs/directory.md).

Each lists the teachers if nobody has yet, and then takes people from the run under a lease: what a killed process
held is due again when the lease is over.
"""

from __future__ import annotations

import contextlib
import datetime
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Literal

from django.conf import settings
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import connections, transaction
from django.db.models import F, Q
from django.utils import timezone

from canvas import errors
from canvas.client import Client
from canvas.endpoints import PAGE
from canvas.errors import CanvasError
from canvas.shapes import User as LmsUser
from configurations import situations
from configurations.connection import BackgroundConnection

from . import reading, recording, runs
from .models import Directory, LmsCourse, LmsInstructor, RefreshRun
from .reading import Reading, Roster, Subject

LEASE = datetime.timedelta(seconds=120)
BATCH = 25
# Seconds after which a thread that computes lets others go on. A request needs the interpreter a dozen times, each
# time for a moment; with the usual 5 ms it would often wait for the thread that writes what others have brought.
TURN = 0.0005
# Failures one after the other, from the very first on, that end a run: it is not about single people any more.
HOPELESS_AFTER = 10

# Only a person can mend these: to go on would only annoy Canvas.
STOPPING = (
    situations.ConfigurationDisabled,
    situations.NotAuthorized,
    situations.AuthorizationLost,
    errors.TokenRejected,
    errors.ScopesInsufficient,
    errors.DestinationRefused,
    errors.DomainNotFound,
    errors.CertificateInvalid,
    errors.UserAgentRefused,
    errors.UnexpectedRedirect,
)
# These say nothing about the person who was being read: everybody is left for later.
PAUSING = (
    errors.Throttled,
    errors.Unavailable,
    errors.ConnectionFailed,
    errors.TimedOut,
    errors.OAuthError,
    situations.RenewalJustFailed,
)
NO_TEACHERS = (
    "Canvas lists no teachers at all any more, so nobody was marked gone. Check that the Canvas user who "
    "authorized is still an administrator."
)

State = Literal["finished", "more", "waiting", "stopped"]


@dataclass
class _Piece:
    """What a thread reads, and what came of it."""

    error: CanvasError | None = None
    requests: int = 0
    throttles: int = 0


@dataclass
class _Person(_Piece):
    instructor: LmsInstructor = field(kw_only=True)
    subject: Subject = field(kw_only=True)
    reading: Reading | None = None

    def read(self, client: Client, *, assistants: bool) -> None:
        self.reading = reading.read_person(client, self.subject, assistants=assistants)


@dataclass
class _Course(_Piece):
    course: LmsCourse = field(kw_only=True)
    roster: Roster | None = None

    def read(self, client: Client, *, assistants: bool) -> None:
        self.roster = reading.read_roster(client, self.course.lms_id)


class Work:
    """What one process does for a run, for some seconds. `state` afterwards: the run is over (`finished`,
    `stopped`), time was up (`more`), or nothing can be done just now (`waiting`), with the reason in `detail`.
    """

    def __init__(
        self, run: RefreshRun, *, seconds: float, on_progress: Callable[[RefreshRun], None] | None = None
    ) -> None:
        self.run = run
        self.configuration = run.configuration
        self.directory = Directory.of(run.configuration)
        self.state: State = "more"
        self.detail = ""
        self._on_progress = on_progress or (lambda _run: None)
        self._deadline = time.monotonic() + seconds
        self._leased: deque[_Person | _Course] = deque()
        self._ended = False
        self._any_success = False
        self._failures_in_a_row = 0

    @property
    def _time_is_up(self) -> bool:
        return time.monotonic() >= self._deadline

    def do(self) -> State:
        try:
            self._canvas = BackgroundConnection(self.configuration)
            with _short_turns():
                if self._list_teachers():
                    self._read_everybody()
        except (*STOPPING, *PAUSING) as error:
            self._end(error)
        self._progress()
        return self.state

    def _end(self, error: CanvasError) -> None:
        """Stops the run, or leaves it open for the next process to come."""
        self._ended = True
        if isinstance(error, PAUSING):
            self.state, self.detail = "waiting", error.headline
            RefreshRun.objects.filter(pk=self.run.pk, finished_at=None).update(waiting_for=error.headline)
        else:
            self.state, self.detail = "stopped", f"{error.headline} {error.advice}"
            runs.finish(self.run, runs.Outcome.STOPPED, self.detail)

    def _progress(self) -> None:
        self.run.refresh_from_db()
        self._on_progress(self.run)

    def _count(self, **counts: int) -> None:
        changes = {name: F(name) + count for name, count in counts.items()}
        RefreshRun.objects.filter(pk=self.run.pk).update(**changes, waiting_for="")

    # --- The list of teachers ---------------------------------------------------------------------------
    def _list_teachers(self) -> bool:
        """True if the list is known; False while another process fetches it."""
        self.run.refresh_from_db()
        if self.run.listed_at is not None:
            return True
        now = timezone.now()
        free = Q(listing_until=None) | Q(listing_until__lte=now)
        if not RefreshRun.objects.filter(free, pk=self.run.pk).update(listing_until=now + LEASE):
            self.state, self.detail = "waiting", "Another process lists the teachers."
            return False
        detail = self._fetch_teachers(now)
        runs.set_priorities(self.configuration)
        RefreshRun.objects.filter(pk=self.run.pk).update(listed_at=now, listing_until=None, detail=detail)
        runs.count_planned(self.run)
        self._progress()
        return True

    def _fetch_teachers(self, now: datetime.datetime) -> str:
        """Records page after page; what was wrong with the list, if anything, in words."""
        known = LmsInstructor.objects.present().filter(configuration=self.configuration).exists()
        found = 0
        with self._canvas.client() as client:
            try:
                account, assistants = self.configuration.account_id, self.directory.teaching_assistants
                listed = reading.teachers(client, account, assistants=assistants)
                for page in _one_ahead(_chunks(listed, PAGE)):
                    recording.record_people(self.configuration, page, now)
                    found += len(page)
                    RefreshRun.objects.filter(pk=self.run.pk).update(
                        listing_until=timezone.now() + LEASE, teachers=found
                    )
            except (*STOPPING, *PAUSING):
                RefreshRun.objects.filter(pk=self.run.pk).update(listing_until=None)
                raise
            except CanvasError as error:
                return f"The list of teachers could not be read whole: {error.headline} {error.advice}"
            finally:
                self._count(requests=client.requests_made, throttles=client.throttles_met)
        return NO_TEACHERS if known and not found else ""

    # --- People and rosters -----------------------------------------------------------------------------
    def _read_everybody(self) -> None:
        """Threads read while this one writes: what a handful has brought is recorded while others still read."""
        threads = settings.LMS_PARALLEL_REQUESTS
        running: set[Future[_Person | _Course]] = set()
        read: list[_Person | _Course] = []
        with ThreadPoolExecutor(threads) as pool:
            while True:
                while len(running) < 4 * threads and (piece := self._next_piece()):
                    running.add(pool.submit(self._read, piece))
                if not running:
                    break
                done, running = wait(running, return_when=FIRST_COMPLETED)
                read += [future.result() for future in done]
                if len(read) >= BATCH:
                    self._record(read)
                    read = []
        self._record(read)
        self._release(self._leased)
        if not self._ended and not self._time_is_up:
            self._conclude()

    def _next_piece(self) -> _Person | _Course | None:
        """People and then courses, leased in batches, until nothing is due or time is up."""
        if not self._leased and not self._time_is_up and not self._ended:
            self._leased.extend(self._lease_people() or self._lease_courses())
        return self._leased.popleft() if self._leased and not self._ended else None

    def _lease_people(self) -> Sequence[_Person | _Course]:
        now = timezone.now()
        with transaction.atomic():
            free = Q(leased_until=None) | Q(leased_until__lte=now)
            due = LmsInstructor.objects.due(self.run).filter(free)
            people = list(due.select_for_update(skip_locked=True)[:BATCH])
            LmsInstructor.objects.filter(pk__in=[one.pk for one in people]).update(leased_until=now + LEASE)
        return [_Person(instructor=one, subject=subject) for one, subject in with_subjects(people)]

    def _lease_courses(self) -> Sequence[_Person | _Course]:
        with transaction.atomic():
            courses = list(LmsCourse.objects.roster_due(self.run).select_for_update(skip_locked=True)[:BATCH])
            keys = [one.pk for one in courses]
            LmsCourse.objects.filter(pk__in=keys).update(roster_attempted_at=timezone.now())
        return [_Course(course=one) for one in courses]

    def _read(self, piece: _Person | _Course) -> _Person | _Course:
        """In a thread: asks Canvas, and keeps what came of it."""
        if self._ended:
            return piece
        try:
            with self._canvas.client() as client:
                try:
                    piece.read(client, assistants=self.directory.teaching_assistants)
                finally:
                    piece.requests, piece.throttles = client.requests_made, client.throttles_met
        except CanvasError as error:
            piece.error = error
            self._ended = self._ended or isinstance(error, (*STOPPING, *PAUSING))
        finally:
            connections.close_all()  # a token that was read or renewed here opened one for this thread
        return piece

    def _record(self, pieces: Sequence[_Person | _Course]) -> None:
        people = [one for one in pieces if isinstance(one, _Person)]
        courses = [one for one in pieces if isinstance(one, _Course)]
        recorded = recording.record_readings(self.configuration, [one.reading for one in people if one.reading])
        failed = recorded.doubted
        for person in people:
            if person.error is not None and not self._ends(person.error):
                recording.record_failure(person.instructor, person.error)
                failed += 1
        for one in courses:
            if one.roster is not None:
                recording.record_roster(one.course, one.roster)
            elif one.error is not None and not self._ends(one.error):
                recording.record_roster_failure(one.course, one.error)
        self._note_hopelessness(pieces)
        self._release(one for one in pieces if one.requests == 0 or self._ends(one.error))
        self._count(
            refreshed=recorded.instructors,
            rosters=sum(one.roster is not None for one in courses),
            failed=failed,
            requests=sum(one.requests for one in pieces),
            throttles=sum(one.throttles for one in pieces),
        )
        for error in [one.error for one in pieces if one.error is not None and self._ends(one.error)][:1]:
            self._end(error)
        self._progress()

    @staticmethod
    def _ends(error: CanvasError | None) -> bool:
        return isinstance(error, (*STOPPING, *PAUSING))

    def _release(self, pieces: Iterable[_Person | _Course]) -> None:
        """They were not read and are due as before."""
        left = list(pieces)
        people = [one.instructor.pk for one in left if isinstance(one, _Person)]
        courses = [one.course.pk for one in left if isinstance(one, _Course)]
        LmsInstructor.objects.filter(pk__in=people).update(leased_until=None)
        LmsCourse.objects.filter(pk__in=courses).update(roster_attempted_at=None)

    def _note_hopelessness(self, pieces: Sequence[_Person | _Course]) -> None:
        """The same failure for everybody is about Canvas or what stands before it, not about people."""
        for one in pieces:
            self._any_success = self._any_success or (one.error is None and one.requests > 0)
            self._failures_in_a_row = self._failures_in_a_row + 1 if one.error else 0
            hopeless = not self._any_success and self._failures_in_a_row >= HOPELESS_AFTER
            if one.error is not None and hopeless and not self._ended:
                self._end(one.error)

    def _conclude(self) -> None:
        if LmsInstructor.objects.due(self.run).exists():  # others hold them, or held them and were killed
            self.state, self.detail = "waiting", "Other processes are reading the rest."
            return
        self.run.refresh_from_db()
        if self.run.listed_at and not self.run.detail:
            recording.mark_unlisted_gone(self.configuration, self.run.listed_at)
        whole = not self.run.failed and not self.run.detail
        runs.finish(self.run, runs.Outcome.COMPLETE if whole else runs.Outcome.PARTIAL, self.run.detail)
        self.state = "finished"


@contextlib.contextmanager
def _short_turns() -> Iterator[None]:
    """For the whole process, and as before afterwards."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(min(usual, TURN))
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


def _chunks(items: Iterator[LmsUser], size: int) -> Iterator[list[LmsUser]]:
    chunk: list[LmsUser] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _one_ahead(pages: Iterator[list[LmsUser]]) -> Iterator[list[LmsUser]]:
    """The same pages, each fetched while the one before is being recorded."""

    def fetch() -> list[LmsUser] | None:
        try:
            return next(pages, None)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as ahead:
        coming = ahead.submit(fetch)
        while (page := coming.result()) is not None:
            coming = ahead.submit(fetch)
            yield page


def with_subjects(
    people: Sequence[LmsInstructor], *, thorough: bool = False
) -> list[tuple[LmsInstructor, Subject]]:
    """Each person with what has to be known to read and to judge the answer; one query for all."""
    present = Q(teachings__gone_at=None, teachings__isnull=False)
    known = dict(
        LmsInstructor.objects.filter(pk__in=[one.pk for one in people])
        .annotate(known=ArrayAgg("teachings__course__lms_id", filter=present, default=[]))
        .values_list("pk", "known")
    )
    return [
        (one, Subject(one.lms_id, tuple(known.get(one.pk, ())), one.refreshed_at is not None, thorough))
        for one in people
    ]
