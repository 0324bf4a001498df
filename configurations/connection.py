"""Talking to the Canvas of a configuration, and the Test: one instructor's courses, step by step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

from django.conf import settings

from canvas import errors
from canvas.client import Client
from canvas.endpoints import account_users, course_enrollments
from canvas.errors import CanvasError
from canvas.lookup import InstructorCourses, Match, courses_of, find_instructor
from canvas.shapes import Course, User
from canvas.throttle import PATIENCE

from . import situations
from .authorization import HeldTokens, StoredTokens, note_limitation
from .budget import SharedThrottle
from .models import ApiConfiguration, Authorization, ConnectionEvent
from .transports import transport_for

if TYPE_CHECKING:
    from accounts import models as accounts_models

NOT_AN_ADMINISTRATOR = (
    "The Canvas user who authorized may not list the institution's people, so no instructor can be found. "
    "Authorize again as a Canvas administrator who may view the list of users. For an administrator of one "
    "sub-account only, enter its number under More settings › Canvas account first."
)


@contextlib.contextmanager
def connected(
    configuration: ApiConfiguration, *, patience: float = PATIENCE, read_timeout: float | None = None
) -> Iterator[Client]:
    """A client with this configuration's tokens, for a person who waits: one request more than background work
    may run at a time. A Canvas that has asked to slow down is waited for `patience` seconds at most, an answer
    `read_timeout` seconds.
    """
    tokens = StoredTokens(configuration)
    parallel = settings.LMS_PARALLEL_REQUESTS + 1
    throttle = SharedThrottle(configuration.domain, parallel=parallel, patience=patience)
    with losing(tokens):
        yield Client(transport_for(configuration, read_timeout=read_timeout), tokens, throttle)


@contextlib.contextmanager
def losing(tokens: StoredTokens | HeldTokens) -> Iterator[None]:
    """An answer that only a new authorization can cure marks the authorization lost on its way out
    (docs/canvas.md §1.9).
    """
    try:
        yield
    except (errors.TokenRejected, errors.ScopesInsufficient) as error:
        tokens.lose(error)
        raise


class BackgroundConnection:
    """Clients for threads that work in the background and share tokens, connections and the Canvas's budget."""

    def __init__(self, configuration: ApiConfiguration, *, patience: float = PATIENCE) -> None:
        self._tokens = HeldTokens(configuration)
        parallel = settings.LMS_PARALLEL_REQUESTS
        self._transport = transport_for(configuration, pool_size=parallel)
        self._throttle = SharedThrottle(configuration.domain, parallel=parallel, patience=patience)

    @contextlib.contextmanager
    def client(self) -> Iterator[Client]:
        """One for each piece of work: it counts its requests."""
        with losing(self._tokens):
            yield Client(self._transport, self._tokens, self._throttle)


def examine_authorizer(configuration: ApiConfiguration, authorization: Authorization) -> str:
    """Finds out by asking whether the user who just authorized is an administrator (docs/canvas.md §3.3).

    Returns what is wrong in a sentence, or an empty text. A Canvas that does not answer now proves nothing.
    """
    limitation = ""
    try:
        with connected(configuration) as client:
            next(
                iter(account_users(client, account_id=configuration.account_id, per_page=1, max_pages=1)),
                None,
            )
    except errors.NotPermitted:
        limitation = NOT_AN_ADMINISTRATOR
    except CanvasError:
        return ""
    note_limitation(authorization, limitation)
    return limitation


class Step(StrEnum):
    """What the Test checks, in the order in which one thing rests on another."""

    REACHED = "Canvas reached"
    TOKEN = "Token valid"  # noqa: S105 - the name of a step
    SCOPES = "Scopes sufficient"
    INCLUDES = "Includes allowed"
    INSTRUCTOR = "Instructor found"
    COURSES = "Courses read"


State = Literal["ok", "warning", "failed", "not checked"]

_STEP_OF_ERROR: tuple[tuple[type[CanvasError], Step], ...] = (
    (errors.TokenRejected, Step.TOKEN),
    (errors.OAuthError, Step.TOKEN),
    (errors.ScopesInsufficient, Step.SCOPES),
    (situations.ConfigurationDisabled, Step.REACHED),
    (situations.NotAuthorized, Step.TOKEN),
    (situations.AuthorizationLost, Step.TOKEN),
    (situations.RenewalJustFailed, Step.TOKEN),
)
_SAYS_NOTHING_ABOUT_THE_TOKEN = (
    errors.TransportError,
    errors.Throttled,
    errors.ServerFault,
    errors.Unavailable,
)


@dataclass
class StepResult:
    step: Step
    state: State = "not checked"
    text: str = ""
    advice: str = ""
    code: str = ""


@dataclass
class TestReport:
    """The outcome of every step, and what was found."""

    __test__ = False  # not a test class, whatever its name says to pytest

    email: str
    steps: dict[Step, StepResult] = field(default_factory=lambda: {step: StepResult(step) for step in Step})
    people: tuple[User, ...] = ()
    courses: tuple[Course, ...] = ()
    requests_made: int = 0

    @property
    def results(self) -> list[StepResult]:
        return list(self.steps.values())

    @property
    def state(self) -> State:
        states = {result.state for result in self.results}
        return next((state for state in ("failed", "warning") if state in states), "ok")

    @property
    def summary(self) -> str:
        """One sentence: the first thing that is wrong, else what was found."""
        for state in ("failed", "warning"):
            for result in self.results:
                if result.state == state:
                    return result.text
        return self.steps[Step.COURSES].text

    def passed(self, step: Step, text: str) -> None:
        self.steps[step] = StepResult(step, "ok", text)

    def warned(self, step: Step, text: str, advice: str, code: str) -> None:
        self.steps[step] = StepResult(step, "warning", text, advice, code)

    def failed(self, step: Step, text: str, advice: str, code: str) -> None:
        self.steps[step] = StepResult(step, "failed", text, advice, code)

    def failed_with(self, error: CanvasError, *, during: Step) -> None:
        """Puts the error where it belongs; the steps before it are known to be good if Canvas answered."""
        step = next((place for kind, place in _STEP_OF_ERROR if isinstance(error, kind)), during)
        if isinstance(error, _SAYS_NOTHING_ABOUT_THE_TOKEN):
            step = Step.REACHED if self.steps[Step.REACHED].state == "not checked" else during
        elif error.from_canvas:
            self._passed_before(step)
        elif isinstance(error, situations.AuthorizationLost) and self.requests_made:
            self._passed_before(Step.TOKEN)
        self.failed(step, error.headline, error.advice, error.code)

    def _passed_before(self, failed: Step) -> None:
        for step, text in _PASSED.items():
            if step == failed:
                return
            if self.steps[step].state == "not checked":
                self.passed(step, text)


_PASSED = {
    Step.REACHED: "Canvas answers.",
    Step.TOKEN: "Canvas accepts the token.",
    Step.SCOPES: "The calls are within the token's scopes.",
}


def run_test(
    configuration: ApiConfiguration, email: str, *, user: accounts_models.User | None = None
) -> TestReport:
    """Looks the instructor up live and reports every step; records the outcome in the history.

    Raises ValueError with a plain sentence if the e-mail address is not one. Nothing is cached.
    """
    report = TestReport(email.strip())
    during = Step.INSTRUCTOR
    try:
        with connected(configuration) as client:
            try:
                match = find_instructor(client, report.email, account_id=configuration.account_id)
                _note_match(report, match)
                _judge_again(configuration, "")
                during = Step.COURSES
                if match.kind in ("found", "found_by_login"):
                    _note_courses(report, courses_of(client, match.users[0]))
                    during = Step.SCOPES
                    _check_third_scope(client, report)
            finally:
                report.requests_made = client.requests_made
    except CanvasError as error:
        report.failed_with(error, during=during)
        if isinstance(error, errors.NotPermitted) and during == Step.INSTRUCTOR:
            _judge_again(configuration, NOT_AN_ADMINISTRATOR)
    _record(configuration, report, user)
    return report


def _judge_again(configuration: ApiConfiguration, limitation: str) -> None:
    """What was found out when somebody authorized need not be true any more."""
    authorization = Authorization.objects.filter(configuration=configuration).first()
    if authorization is not None and authorization.limitation != limitation:
        note_limitation(authorization, limitation)


def _note_match(report: TestReport, match: Match) -> None:
    for step, text in _PASSED.items():
        report.passed(step, text)
    report.people = match.users
    _note_includes(report, match)
    names = ", ".join(f"{person.name} ({person.id})" for person in match.users)
    if match.kind == "found":
        report.passed(Step.INSTRUCTOR, f"{names} has exactly this e-mail address.")
    elif match.kind == "found_by_login":
        report.passed(Step.INSTRUCTOR, f"{names} signs in with exactly this address.")
    elif match.kind == "several":
        report.failed(
            Step.INSTRUCTOR,
            f"Several people in Canvas have this address: {names}.",
            "Merge the accounts in Canvas, or give one of them another address.",
            "several_people",
        )
    elif match.kind == "uncertain":
        report.failed(
            Step.INSTRUCTOR,
            f"Canvas found {match.candidates} possible people but hides their e-mail addresses.",
            "Turn on Allow Include Parameters on the developer key, or give the Canvas user who authorized "
            "the permission to view e-mail addresses.",
            "emails_hidden",
        )
    else:
        _note_not_found(report, match)


def _note_not_found(report: TestReport, match: Match) -> None:
    if match.candidates:
        text = "Nobody in Canvas has exactly this e-mail address; similar ones were found and left out."
    else:
        text = "Nobody in Canvas was found under this e-mail address."
    advice = (
        "Check the spelling in the person's Canvas profile. The Canvas user who authorized must be allowed to "
        "view e-mail addresses, or Canvas does not search them."
    )
    report.failed(Step.INSTRUCTOR, text, advice, "instructor_not_found")


def _note_includes(report: TestReport, match: Match) -> None:
    if match.includes_stripped:
        report.warned(
            Step.INCLUDES,
            "Canvas leaves e-mail addresses and terms out of its answers.",
            "On the developer key, turn on Allow Include Parameters (it stands below Enforce Scopes); or the "
            "Canvas user who authorized may not view e-mail addresses.",
            "includes_stripped",
        )
    elif match.candidates:
        report.passed(Step.INCLUDES, "E-mail addresses are part of the answers.")


def _note_hidden_addresses(report: TestReport) -> None:
    """Terms are there and addresses are not, so it is the permission and not the key (docs/canvas.md §3.3)."""
    report.warned(
        Step.INCLUDES,
        "Canvas leaves e-mail addresses out of its answers.",
        "Give the Canvas user who authorized the permission to view e-mail addresses. Until then only "
        "instructors whose sign-in name is their address are found.",
        "emails_hidden",
    )


def _note_courses(report: TestReport, found: InstructorCourses) -> None:
    report.courses = found.courses
    if report.steps[Step.INCLUDES].code == "includes_stripped" and any(one.term for one in found.courses):
        _note_hidden_addresses(report)
    count = len(found.courses)
    invitations = _counted(found.invited, "invitation")
    if count and found.invited:
        report.warned(
            Step.COURSES,
            f"{_counted(count, 'active course')}; {invitations} not accepted yet.",
            "A course appears once the instructor has accepted its invitation in Canvas.",
            "invitations_pending",
        )
    elif count:
        report.passed(Step.COURSES, f"{_counted(count, 'active course')}.")
    elif found.invited:
        report.warned(
            Step.COURSES,
            f"No active course; {invitations} not accepted yet.",
            "Ask the instructor to accept the invitation in Canvas, then search again.",
            "only_invitations",
        )
    else:
        report.warned(
            Step.COURSES,
            "This person teaches no active course.",
            "Check in Canvas that they are enrolled as teacher and that the course's dates are not over.",
            "no_active_course",
        )
    if count and report.steps[Step.INCLUDES].state == "not checked":
        report.passed(Step.INCLUDES, "Nothing was left out of the answers.")


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _check_third_scope(client: Client, report: TestReport) -> None:
    """The look-up itself uses two of the three scopes; the third is needed later, so it is tried here."""
    course = next((course for course in report.courses if not course.restricted), None)
    if course is None:
        return
    try:
        next(iter(course_enrollments(client, course.id, per_page=1, max_pages=1)), None)
    except errors.NotPermitted:
        report.warned(
            Step.SCOPES,
            "Canvas does not show the enrollments of this instructor's first course.",
            "Give the Canvas user who authorized the permission to view the list of users in courses. "
            "Rosters, and with them the analytics' percentages, need it.",
            "enrollments_not_permitted",
        )
        return
    report.passed(Step.SCOPES, "All three scopes were used with success.")


def _record(configuration: ApiConfiguration, report: TestReport, user: accounts_models.User | None) -> None:
    outcomes = {
        "ok": ConnectionEvent.Outcome.OK,
        "warning": ConnectionEvent.Outcome.WARNING,
    }
    ConnectionEvent.record(
        configuration,
        ConnectionEvent.Kind.TESTED,
        actor=user,
        outcome=outcomes.get(report.state, ConnectionEvent.Outcome.FAILED),
        detail=f"{report.email}: {report.summary}",
    )
