"""docs/canvas.md §1, row by row: what the sandbox answers is what Canvas answers."""

from __future__ import annotations

import pytest

from .conftest import BACK, SCOPES, returned

INSTRUCTOR = "instructor@demo.example"
OTHER_SCOPE = "url:GET|/api/v1/accounts"
NOT_GRANTED = (
    "A requested scope is invalid, unknown, malformed, or exceeds the scope granted by the resource owner. "
    "The following scopes were requested, but not granted: "
)


# --- §1.3 and §1.4 -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "status", "answer"),
    [
        ({"client_id": "12345"}, 401, {"error": "invalid_client", "error_description": "unknown client"}),
        ({"client_id": "no number"}, 401, {"error": "invalid_client", "error_description": "unknown client"}),
        *(
            (
                {"redirect_uri": address},
                400,
                {
                    "error": "invalid_request",
                    "error_description": "redirect_uri does not match client settings",
                },
            )
            for address in (f"{BACK}/", f"{BACK}?x=1", BACK.replace("8000", "8001"), BACK.upper(), "")
        ),
    ],
)
def test_what_never_comes_back(caller, change, status, answer):
    got = caller().ask(**change)

    assert (got.status_code, got.json()) == (status, answer)


@pytest.mark.parametrize(
    ("legacy", "address", "status"),
    [
        ("https://echo-lms.example.edu/old", "https://echo-lms.example.edu/new?x=1", 302),
        ("https://example.edu", "https://echo-lms.example.edu/new", 302),
        ("https://example.edu", "http://echo-lms.example.edu/new", 400),
        ("https://example.edu", "https://evilexample.edu/new", 400),
    ],
)
def test_the_legacy_field_matches_the_host_and_those_below(caller, legacy, address, status):
    assert caller(legacy_redirect_uri=legacy).ask(redirect_uri=address).status_code == status


@pytest.mark.parametrize(
    ("key", "change", "wanted"),
    [
        (
            {"on": False},
            {},
            {
                "error": "unauthorized_client",
                "error_description": "Client does not have access to the specified Canvas account.",
                "state": "the-state",
            },
        ),
        (
            {},
            {"response_type": "token"},
            {
                "error": "unsupported_response_type",
                "error_description": "Only response_type=code is permitted",
                "state": "the-state",
            },
        ),
        (
            {"enforce_scopes": True, "scopes": list(SCOPES)},
            {"scope": None},
            {"error": "invalid_scope", "error_description": NOT_GRANTED},
        ),
        (
            {"enforce_scopes": True, "scopes": list(SCOPES)},
            {"scope": f"{SCOPES[0]} {OTHER_SCOPE}"},
            {"error": "invalid_scope", "error_description": NOT_GRANTED + OTHER_SCOPE},
        ),
        ({}, {"prompt": "none"}, {"error": "login_required", "state": "the-state"}),
        ({}, {"prompt": "login"}, {"error": "unsupported_prompt_type", "state": "the-state"}),
    ],
)
def test_what_comes_back_with_an_error(caller, key, change, wanted):
    """`invalid_scope` comes without the state."""
    got = {name: value.strip() for name, value in returned(caller(**key).ask(**change)).items()}

    assert got == {name: value.strip() for name, value in wanted.items()}


def test_an_older_canvas_does_not_send_invalid_scope_back(caller, university):
    university.behave_like("older")
    got = caller(enforce_scopes=True, scopes=[]).ask()

    assert (got.status_code, got.json()["error"]) == (400, "invalid_scope")


def test_an_unenforced_key_takes_any_scope(caller):
    assert caller().ask(scope=OTHER_SCOPE).headers["location"] == "/login"


def test_accepting_comes_back_with_code_and_state(caller, university):
    from tests.support.consent import consent  # noqa: PLC0415 - beside its use

    one = caller()
    got = consent(university, one.address())

    assert sorted(got) == ["code", "state"]
    assert (len(got["code"]), got["state"]) == (128, "the-state")
    assert consent(university, one.address(), accept=False)["error"] == "access_denied"


# --- §1.5 and §1.6 -----------------------------------------------------------------------------------------
def test_an_exchange_gives_everything(caller):
    answer = (one := caller()).exchange(one.code(login=INSTRUCTOR)).json()

    assert sorted(answer) == ["access_token", "canvas_region", "expires_in", "refresh_token", "token_type", "user"]
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)
    assert (answer["user"]["name"], answer["user"]["global_id"]) == ("Ira Instructor", "1840000000012345")


@pytest.mark.parametrize(
    ("form", "status", "error", "description"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type", "not currently supported"),
        ({"grant_type": "authorization_code", "client_id": "1"}, 401, "invalid_client", "unknown client"),
        ({"grant_type": "authorization_code", "client_secret": "x"}, 401, "invalid_client", "invalid client"),
        ({"grant_type": "authorization_code"}, 400, "invalid_request", "must provide the code parameter"),
        (
            {"grant_type": "authorization_code", "code": "x"},
            400,
            "invalid_grant",
            "authorization_code not found",
        ),
        ({"grant_type": "refresh_token"}, 400, "invalid_request", "must provide the refresh_token"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, 400, "invalid_grant", "refresh_token not found"),
    ],
)
def test_every_error_of_the_token_endpoint(caller, form, status, error, description):
    got = caller().at_token_endpoint(**form)

    assert (got.status_code, got.json()["error"]) == (status, error)
    assert description in got.json()["error_description"]
    assert ("www-authenticate" in got.headers) == (status == 401)


def test_an_older_canvas_tells_us_to_call_ourselves(caller, university):
    university.behave_like("older")

    got = caller().exchange("x", redirect_uri=BACK)

    assert (got.status_code, got.headers["location"]) == (302, BACK)


def test_a_code_works_once_for_ten_minutes_and_for_its_own_key(caller, university):
    one, other = caller(), caller()
    code = one.code()
    assert other.exchange(code).json()["error_description"] == "incorrect client"
    assert one.exchange(code).status_code == 200
    assert one.exchange(code).json()["error_description"] == "authorization_code not found"

    code = one.code()
    university.advance_clock(601)
    assert one.exchange(code).json()["error_description"] == "authorization_code not found"


def test_a_renewal_kills_the_token_before_and_keeps_the_refresh_token(caller):
    one = caller().authorize()
    before = one.token

    answer = one.renew().json()

    assert "refresh_token" not in answer
    assert one.get("accounts/self/users", search_term="ann@").status_code == 401
    one.token = answer["access_token"]
    assert one.token != before
    assert one.get("accounts/self/users", search_term="ann@").status_code == 200


def test_replace_tokens_deletes_the_users_others(caller, university):
    one = caller()
    for _ in range(2):
        one.exchange(one.code())
    one.exchange(one.code(login=INSTRUCTOR))
    assert university.state()["tokens"] == 3

    one.exchange(one.code(), replace_tokens="1")

    assert university.state()["tokens"] == 2


def test_revoking(caller, university):
    one = caller().authorize()
    address = f"{university.url}/login/oauth2/token"
    headers = {"Authorization": f"Bearer {one.token}"}

    assert one.http.delete(address, timeout=10).status_code == 400
    assert one.http.delete(address, headers=headers, timeout=10).json() == {}
    assert one.http.delete(address, headers=headers, timeout=10).status_code == 401
    assert one.renew().json()["error_description"] == "refresh_token not found"


# --- §1.8 and §1.9 -----------------------------------------------------------------------------------------
LOOK_UP = ("accounts/self/users", {"search_term": "instructor@"})


def called(one):
    path, query = LOOK_UP
    answer = one.get(path, **query)
    message = answer.json()["errors"][0]["message"] if answer.status_code == 401 else ""
    return answer.status_code, message, "www-authenticate" in answer.headers


ENFORCED = {"enforce_scopes": True, "scopes": list(SCOPES)}
ALL = " ".join(SCOPES)
FINE = (200, "", False)
DEAD = (401, "Invalid access token.", True)
POOR = (401, "Insufficient scopes on access token.", False)


@pytest.mark.parametrize(
    ("before", "scope", "after", "call", "renewal"),
    [
        pytest.param({}, None, ENFORCED, POOR, 200, id="scopeless token"),
        pytest.param({}, ALL, ENFORCED, FINE, 200, id="the three"),
        pytest.param({}, SCOPES[0], {"enforce_scopes": True}, POOR, 200, id="outside the token's scopes"),
        pytest.param({"scopes": list(SCOPES)}, None, {"scopes": [*SCOPES, OTHER_SCOPE]}, FINE, 200, id="added"),
        pytest.param({"scopes": list(SCOPES)}, None, {"scopes": list(SCOPES[:2])}, DEAD, 400, id="removed"),
        pytest.param(ENFORCED, ALL, {"enforce_scopes": False}, FINE, 200, id="off again"),
        pytest.param({}, None, {"on": False}, DEAD, 200, id="switched off"),
        pytest.param({}, None, {"active": False}, DEAD, 401, id="deleted"),
        pytest.param({}, None, {"secret": "regenerated"}, FINE, 401, id="secret regenerated"),
    ],
)  # fmt: skip
def test_what_a_change_of_the_key_does_to_a_token(caller, university, before, scope, after, call, renewal):
    one = caller(**before).authorize(scope=scope)

    university.update_key(one.key["id"], **after)

    assert called(one) == call
    assert one.renew().status_code == renewal


def test_a_token_lives_an_hour(caller, university):
    one = caller().authorize()
    university.advance_clock(3601)

    assert called(one) == DEAD
    assert one.renew().status_code == 200


def test_a_token_of_a_deleted_user_is_dead_and_still_renews(caller, university):
    one = caller().authorize()
    university.edit(person={"id": university.state()["people"][0]["id"], "deleted": True})

    assert called(one) == DEAD
    assert one.renew().status_code == 200
