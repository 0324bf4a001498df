"""The switchboard, one fault at a time, and the sandbox as a process."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.support.sandbox import ROOT, Sandbox

LOOK_UP = ("accounts/self/users", {"search_term": "instructor@"})


@pytest.fixture
def one(caller):
    return caller().authorize()


def look_up(one):
    path, query = LOOK_UP
    return one.get(path, **query)


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ({"throttle": 403}, 403, "403 Forbidden (Rate Limit Exceeded)\n"),
        ({"throttle": 429, "retry_after": 7}, 429, "429 Too Many Requests (Rate Limit Exceeded)\n"),
        ({"empty": 1}, 200, "[]"),
    ],
)
def test_faults_that_answer(one, university, fault, status, body):
    university.faults(**fault)
    answer = look_up(one)

    assert (answer.status_code, answer.text) == (status, body)
    assert answer.headers.get("retry-after") == (str(fault["retry_after"]) if "retry_after" in fault else None)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_failing_with_a_status(one, university, status):
    university.faults(error=status)
    assert look_up(one).status_code == status
    assert look_up(one).headers["content-type"].startswith("application/json" if status == 500 else "text/html")


def test_a_web_page_a_redirect_and_half_of_the_data(one, university):
    university.faults(html=1, times=1)
    assert look_up(one).headers["content-type"].startswith("text/html")
    university.faults(redirect=1, times=1)
    assert look_up(one).headers["location"] == "https://elsewhere.example/"
    university.faults(truncate=1, times=1)
    with pytest.raises(requests.JSONDecodeError):
        look_up(one).json()


@pytest.mark.parametrize("kind", ["close", "cut"])
def test_faults_of_the_wire(one, university, kind):
    university.faults(**{kind: 1, "times": 1})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        look_up(one)
    assert look_up(one).status_code == 200


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("no_link", None), ("foreign_next", "elsewhere.example"), ("repeat_next", "accounts/self/users")],
)
def test_links_that_lead_astray(one, university, kind, wanted):
    university.faults(**{kind: 1})
    link = look_up(one).headers.get("link")
    assert (link is None) if wanted is None else (wanted in str(link))


def test_a_fault_strikes_its_path_and_its_number_of_times(one, university):
    university.faults(error=500, path="/api/v1/users", times=1)

    assert look_up(one).status_code == 200
    assert one.get("users/self/courses").status_code == 500
    assert one.get("users/self/courses").status_code == 200


def test_a_huge_answer_and_a_token_that_is_none(one, university):
    university.faults(huge=2, times=1)
    assert len(look_up(one).content) > 2 * 1024 * 1024
    university.faults(null_token=1, times=1)
    assert one.renew().json()["access_token"] is None


def test_an_unknown_fault_is_refused_by_name(university):
    with pytest.raises(ValueError, match="There is no fault 'gremlins'"):
        university.faults(gremlins=1)


# --- The process ----------------------------------------------------------------------------------------
def test_what_was_saved_is_there_after_a_restart(tmp_path):
    state = ("--state", str(tmp_path / "sandbox.json"))
    with Sandbox(*state) as first:
        key = first.create_key(name="kept", on=True)
    with Sandbox(*state) as second:
        assert [(one["name"], one["secret"]) for one in second.state()["keys"]] == [("kept", key["secret"])]


def test_term_ends_it_with_0():
    with Sandbox() as running:
        assert running.stop() == 0


def start(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sandbox", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)


def test_a_taken_port_is_said(sandbox_process):
    port = sandbox_process.url.rpartition(":")[2]
    ended = start("--port", port)

    assert ended.returncode == 1
    assert f"Port {port} cannot be used" in ended.stderr


def test_it_listens_on_loopback_only():
    ended = start("--host", "0.0.0.0", "--port", "0")

    assert ended.returncode == 2
    assert "loopback only" in ended.stderr


def test_a_scenario_that_is_none_is_said():
    assert "There is no scenario 'huge'" in start("--scenario", "huge", "--port", "0").stderr


def test_another_host_name_is_refused(university):
    """A page of another site cannot reach it by a name that leads to this machine."""
    answer = requests.get(university.url, headers={"Host": "evil.example"}, timeout=10)
    assert answer.status_code == 421


def test_a_form_without_its_token_changes_nothing(university):
    answer = requests.post(f"{university.url}/developer_keys/new", data={"name": "forged"}, timeout=10)

    assert answer.status_code == 422
    assert university.state()["keys"] == []


def test_it_imports_the_standard_library_only():
    script = (
        "import sys, sandbox.app, sandbox.__main__\n"
        "print([name for name in sys.modules if name.partition('.')[0] in "
        "('django', 'requests', 'canvas', 'configurations', 'accounts')])"
    )
    ended = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(ended.stdout) == []
    assert (Path(ROOT) / "sandbox").is_dir()


def test_a_fault_can_let_some_requests_pass_first(one, university):
    university.faults(error=503, after=2, times=1)

    assert [look_up(one).status_code for _ in range(4)] == [200, 200, 503, 200]


def test_a_slow_answer_runs_until_it_is_given(one, university):
    """Requests that wait side by side are counted as parallel, and hold their share of the bucket."""
    university.faults(latency=500)
    university.clear_log()
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: look_up(one), range(3)))

    assert university.most_parallel() == 3
    assert min(float(answer.headers["x-rate-limit-remaining"]) for answer in answers) < 600 - 50


def test_the_same_page_again_is_the_same_page(one, university):
    university.faults(repeat_next=1)
    answer = look_up(one)

    assert answer.links["next"]["url"] == answer.request.url


# --- The request log ------------------------------------------------------------------------------------
def overlapping(log):
    """The most requests that were under way at one moment, by when they came and ended."""
    moments = sorted([(line["at"], 1) for line in log] + [(line["ended"], -1) for line in log])
    return max(itertools.accumulate(step for _, step in moments))


def test_the_log_says_when_a_request_came_and_when_its_answer_was_complete(one, university):
    university.clear_log()
    university.faults(latency=300, times=1)
    before = time.time()
    look_up(one)
    requests.get(f"{university.url}/api/v1/users/self/courses", timeout=10)

    slow, anonymous = university.log()
    assert before <= slow["at"] < before + 0.25
    assert slow["ended"] - slow["at"] >= 0.3
    assert (slow["authorization"], anonymous["authorization"]) == (True, False)


def test_an_answer_that_drips_is_under_way_until_its_last_byte(one, university):
    university.faults(empty=1, drip=1, times=1)
    university.clear_log()
    look_up(one)

    (line,) = university.log()
    assert line["ended"] - line["at"] >= 0.2


@pytest.mark.parametrize("kind", ["close", "cut", "huge"])
def test_an_answer_that_goes_wrong_ends_too(one, university, kind):
    university.faults(**{kind: 1, "times": 1})
    university.clear_log()
    with contextlib.suppress(requests.RequestException):
        look_up(one)
    look_up(one)

    assert [line["ended"] >= line["at"] for line in university.log()] == [True, True]
    assert university.most_parallel() == 1


def test_requests_one_after_another_are_never_parallel(one, university):
    university.clear_log()
    for _ in range(100):
        look_up(one)

    assert university.most_parallel() == 1


def test_requests_with_different_tokens_and_refused_ones_are_parallel_too(caller, university):
    callers = [caller().authorize(), caller().authorize()]
    university.faults(latency=500)
    university.faults(throttle=429, path="/api/v1/accounts", times=1)
    university.clear_log()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(look_up, callers))

    assert university.most_parallel() == overlapping(university.log()) == 2


def test_what_is_under_way_when_the_log_is_cleared_is_counted(one, university):
    university.faults(latency=600)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(look_up, one)
        time.sleep(0.2)
        university.clear_log()
        second = pool.submit(look_up, one)
        assert (first.result().status_code, second.result().status_code) == (200, 200)

    assert university.most_parallel() == 2
