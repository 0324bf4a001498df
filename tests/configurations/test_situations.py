"""What the admin is told in every situation of docs/canvas.md §1.9 (tokens against a changing key), §2.1
(bodies), §3 and §4 (people and courses): the Test window's steps, and the status that stays behind.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from canvas import REQUIRED_SCOPES
from configurations.authorization import complete_authorization, start_authorization
from configurations.connection import run_test
from configurations.models import ApiConfiguration, ConnectionEvent
from configurations.status import status_of
from tests.support.consent import SESSION, authorize, consent

pytestmark = pytest.mark.django_db(transaction=True)
SCOPES = [scope.name for scope in REQUIRED_SCOPES]
INSTRUCTOR = "instructor@demo.example"


@dataclass(frozen=True)
class Case:
    """What happens after the authorization, and what is said about it."""

    happens: Callable[[Any, ApiConfiguration], object]
    step: str  # the first step that is not good; "" if all are
    said: str
    advice: str
    status: str = "Authorized"
    email: str = INSTRUCTOR
    before: dict[str, Any] = field(default_factory=dict)


def key(**fields: Any) -> Callable[[Any, ApiConfiguration], object]:
    return lambda sandbox, configuration: sandbox.update_key(configuration.client_id, **fields)


def fault(**fields: Any) -> Callable[[Any, ApiConfiguration], object]:
    return lambda sandbox, _configuration: sandbox.faults(**fields)


def admin_becomes(**fields: Any) -> Callable[[Any, ApiConfiguration], object]:
    def change(sandbox: Any, _configuration: ApiConfiguration) -> None:
        sandbox.edit(person={"id": sandbox.state()["people"][0]["id"], **fields})

    return change


def admin_teaches(state: str) -> Callable[[Any, ApiConfiguration], object]:
    def change(sandbox: Any, _configuration: ApiConfiguration) -> None:
        course = sandbox.edit(course={"name": "Ceramics", "code": "CER1"})["course"]
        person = sandbox.state()["people"][0]["id"]
        sandbox.edit(enrollment={"user_id": person, "course_id": course["id"], "state": state})

    return change


def all_of(*changes: Callable[[Any, ApiConfiguration], object]) -> Callable[[Any, ApiConfiguration], object]:
    return lambda sandbox, configuration: [change(sandbox, configuration) for change in changes]


def nothing(_sandbox: Any, _configuration: ApiConfiguration) -> None: ...


REAUTHORIZE_KEY_ON = (
    "In Canvas, check that the developer key is On and that the user who authorized still exists. "
    "Then choose Re-authorize."
)
REMOVED = (
    "The authorization was removed in Canvas. Somebody removed it from the user's Approved Integrations, or took "
    "a scope off the developer key. Choose Re-authorize."
)
WRONG_SECRET = (
    "Canvas refuses the client secret. Copy the secret again from Show Key in Canvas, save it in this "
    "configuration, and try again."
)
UNKNOWN_CLIENT = (
    "Canvas does not know this client ID. Check the LMS API Client ID against the Details column in Canvas, and "
    "that the developer key was not deleted. Then choose Authorize again."
)
expired = fault(expire_tokens=1)

CASES = {
    # --- §1.9 -----------------------------------------------------------------------------------------
    "nothing is wrong": Case(nothing, "", "2 active courses.", ""),
    "enforcement with the three scopes and includes": Case(
        key(enforce_scopes=True, scopes=SCOPES, allow_includes=True), "", "2 active courses.", ""
    ),
    "enforcement without Allow Include Parameters": Case(
        key(enforce_scopes=True, scopes=SCOPES),
        "Includes allowed",
        "Canvas leaves e-mail addresses and terms out of its answers.",
        "On the developer key, turn on Allow Include Parameters (it stands below Enforce Scopes); or the Canvas "
        "user who authorized may not view e-mail addresses.",
    ),
    "scopes are added to the key": Case(
        key(scopes=[*SCOPES, "url:GET|/api/v1/accounts"]), "", "2 active courses.", ""
    ),
    "a scope is removed from the key": Case(
        key(scopes=SCOPES[:2]),
        "Token valid",
        "The authorization was lost.",
        REMOVED,
        "Authorization lost",
        before={"scopes": SCOPES},
    ),
    "Enforce Scopes is turned off again": Case(
        key(enforce_scopes=False), "", "2 active courses.", "", before={"enforce_scopes": True, "scopes": SCOPES}
    ),
    "key switched off": Case(
        key(on=False),
        "Token valid",
        "Canvas no longer accepts the authorization.",
        REAUTHORIZE_KEY_ON,
        "Authorization lost",
    ),
    "key deleted": Case(
        key(active=False),
        "Token valid",
        "The authorization was lost.",
        UNKNOWN_CLIENT,
        "Authorization lost",
    ),
    "secret regenerated, token still alive": Case(key(secret="another"), "", "2 active courses.", ""),
    "secret regenerated, token expired": Case(
        all_of(key(secret="another"), expired),
        "Token valid",
        "The authorization was lost.",
        WRONG_SECRET,
        "Authorization lost",
    ),
    "removed in Approved Integrations": Case(
        fault(forget_tokens=1),
        "Token valid",
        "The authorization was lost.",
        REMOVED,
        "Authorization lost",
    ),
    "authorizing user deleted": Case(
        admin_becomes(deleted=True),
        "Token valid",
        "Canvas no longer accepts the authorization.",
        REAUTHORIZE_KEY_ON,
        "Authorization lost",
    ),
    "authorizing user demoted": Case(
        admin_becomes(account=None, rights=[]),
        "Instructor found",
        "The Canvas user who authorized is not permitted to do this.",
        "Give that user the permissions to view the list of users and e-mail addresses in Canvas's root account, "
        "or choose Re-authorize and sign in as an administrator.",
        "Authorized, not as an administrator",
    ),
    "authorizing user may no longer see e-mail addresses": Case(
        admin_becomes(rights=["read_roster", "view_user_logins"]),
        "Includes allowed",
        "Canvas leaves e-mail addresses out of its answers.",
        "Give the Canvas user who authorized the permission to view e-mail addresses. Until then only "
        "instructors whose sign-in name is their address are found.",
    ),
    # --- §2.1 -----------------------------------------------------------------------------------------
    "token expired": Case(expired, "", "2 active courses.", ""),
    "server fault": Case(
        fault(error=500), "Canvas reached", "Canvas reported an error of its own.", "Try again in a few minutes."
    ),
    "maintenance": Case(
        fault(error=503),
        "Canvas reached",
        "Canvas is not available just now.",
        "It may be under maintenance. Try again in a few minutes.",
    ),
    "throttled for good": Case(
        fault(throttle=403, retry_after=0),
        "Canvas reached",
        "Canvas is limiting the number of requests just now.",
        "Wait a minute and try again. Nothing is wrong with the configuration.",
    ),
    "throttled once, with 429": Case(fault(throttle=429, retry_after=0, times=1), "", "2 active courses.", ""),
    "a web page instead of data": Case(
        fault(html=1),
        "Canvas reached",
        "The server answered with a web page instead of data.",
        "Check the Canvas Domain: it may lead to a sign-in page, a proxy or another website.",
    ),
    "connection closed": Case(
        fault(close=1),
        "Canvas reached",
        "Canvas could not be reached.",
        "Try again in a few minutes. If it stays so, check the Canvas Domain and this server's network.",
    ),
    "answer broken off": Case(
        fault(cut=1),
        "Canvas reached",
        "Canvas's answer broke off in the middle.",
        "Try again. If it stays so, look at the proxies between this server and Canvas.",
    ),
    "sent elsewhere": Case(
        fault(redirect=1),
        "Canvas reached",
        "The server sent echo_lms on to another address.",
        "Enter the address that Canvas has in the browser after you have signed in.",
    ),
    "courses cannot be read": Case(
        fault(error=500, path="/api/v1/users"),
        "Courses read",
        "Canvas reported an error of its own.",
        "Try again in a few minutes.",
    ),
    "next page on another site": Case(
        fault(foreign_next=1, path="/api/v1/users"),
        "Courses read",
        "Canvas's list of pages does not make sense, so echo_lms stopped reading.",
        "Try again. If it stays so, look at the proxies between this server and Canvas.",
    ),
    # --- §3.5 and §4.2 --------------------------------------------------------------------------------
    "nobody has this address": Case(
        nothing,
        "Instructor found",
        "Nobody in Canvas was found under this e-mail address.",
        "Check the spelling in the person's Canvas profile. The Canvas user who authorized must be allowed to "
        "view e-mail addresses, or Canvas does not search them.",
        email="nobody@demo.example",
    ),
    "only similar addresses": Case(
        nothing,
        "Instructor found",
        "Nobody in Canvas has exactly this e-mail address; similar ones were found and left out.",
        "Check the spelling in the person's Canvas profile. The Canvas user who authorized must be allowed to "
        "view e-mail addresses, or Canvas does not search them.",
        email="structor@demo.example",
    ),
    "invitation not accepted": Case(
        admin_teaches("invited"),
        "Courses read",
        "No active course; 1 invitation not accepted yet.",
        "Ask the instructor to accept the invitation in Canvas, then search again.",
        email="canvas-admin@demo.example",
    ),
    "enrollment over": Case(
        admin_teaches("completed"),
        "Courses read",
        "This person teaches no active course.",
        "Check in Canvas that they are enrolled as teacher and that the course's dates are not over.",
        email="canvas-admin@demo.example",
    ),
    "several people with one address": Case(
        admin_becomes(email=INSTRUCTOR),
        "Instructor found",
        "Several people in Canvas have this address: ",
        "Merge the accounts in Canvas, or give one of them another address.",
    ),
}


def told(report: Any) -> tuple[str, str, str]:
    """The first step that is not good, with its words; else the outcome of the last."""
    for state in ("failed", "warning"):
        for result in report.results:
            if result.state == state:
                return str(result.step), result.text, result.advice
    return "", report.results[-1].text, ""


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_the_admin_is_told_what_happened_and_what_to_do(case, configuration, sandbox, admin):
    sandbox.update_key(configuration.client_id, **case.before)
    authorize(configuration, sandbox, admin)
    case.happens(sandbox, configuration)

    step, said, advice = told(run_test(configuration, case.email, user=admin))

    assert (step, said if not case.said.endswith(": ") else said[: len(case.said)], advice) == (
        case.step,
        case.said,
        case.advice,
    )
    configuration.refresh_from_db()
    assert status_of(configuration).label == case.status


@pytest.mark.parametrize(
    ("happens", "reason"),
    [
        pytest.param(key(scopes=SCOPES[:2]), REMOVED, id="a scope is removed from the key"),
        pytest.param(fault(forget_tokens=1), REMOVED, id="removed in Approved Integrations"),
        pytest.param(all_of(key(secret="another"), expired), WRONG_SECRET, id="secret regenerated"),
        pytest.param(key(active=False), UNKNOWN_CLIENT, id="key deleted"),
        pytest.param(
            key(on=False),
            f"Canvas no longer accepts the authorization. {REAUTHORIZE_KEY_ON}",
            id="key switched off",
        ),
    ],
)
def test_a_lost_authorization_keeps_its_reason_and_is_noted_once(happens, reason, configuration, sandbox, admin):
    sandbox.update_key(configuration.client_id, scopes=SCOPES)
    authorize(configuration, sandbox, admin)
    happens(sandbox, configuration)

    for _ in range(3):
        run_test(configuration, INSTRUCTOR)

    configuration.refresh_from_db()
    assert status_of(configuration).detail == reason
    assert ConnectionEvent.objects.filter(kind=ConnectionEvent.Kind.LOST).count() == 1


def test_a_token_without_scopes_cannot_be_helped_by_renewing(configuration, sandbox, admin):
    """§1.9, first row: the token of a client that asked for no scopes, and then the key enforces them."""
    address = start_authorization(configuration, user=admin, session_key=SESSION)
    scopeless = re.sub(r"&scope=[^&]*|(?<=\?)scope=[^&]*&", "", address)
    complete_authorization(consent(sandbox, scopeless), user=admin, session_key=SESSION)
    sandbox.update_key(configuration.client_id, enforce_scopes=True, scopes=SCOPES)
    sandbox.clear_log()

    step, said, advice = told(run_test(configuration, INSTRUCTOR))

    assert (step, said, advice) == (
        "Scopes sufficient",
        "The authorization lacks a scope that Canvas now enforces.",
        "In Canvas, give the developer key all three scopes. Then choose Re-authorize.",
    )
    assert [line["path"] for line in sandbox.log()] == ["/api/v1/accounts/self/users"]
    configuration.refresh_from_db()
    assert status_of(configuration).label == "Scopes too narrow"


@pytest.mark.parametrize("version", ["newer", "older"])
def test_an_administrator_without_permission_is_told_apart_from_a_dead_token(
    version, configuration, sandbox, admin
):
    """§2.1: newer Canvas says 403, older ones 401 without a challenge; the token is good in both."""
    sandbox.behave_like(version)
    authorize(configuration, sandbox, admin)
    admin_becomes(account=None, rights=[])(sandbox, configuration)

    step, said, _ = told(run_test(configuration, INSTRUCTOR))

    assert (step, said) == ("Instructor found", "The Canvas user who authorized is not permitted to do this.")
    assert sandbox.state()["tokens"] == 1


def test_a_configuration_that_was_never_authorized_says_so(configuration):
    assert told(run_test(configuration, INSTRUCTOR)) == (
        "Token valid",
        "This configuration has not been authorized yet.",
        "Choose Authorize and sign in to Canvas as an administrator.",
    )


def test_a_disabled_configuration_sends_nothing(configuration, sandbox, admin):
    authorize(configuration, sandbox, admin)
    ApiConfiguration.objects.update(enabled=False)
    sandbox.clear_log()

    assert told(run_test(configuration, INSTRUCTOR))[1] == "This configuration is disabled."
    assert sandbox.log() == []
