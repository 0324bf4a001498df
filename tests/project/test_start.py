"""What the product says when it is started with settings it cannot run with."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GOOD = {
    "SITE_URL": "https://echo-lms.example.edu",
    "SECRET_KEY": "k" * 60,
    "FERNET_KEYS": "a" * 40,
    "DATABASE_URL": "postgres://nobody@/nothing",
}


def check(**changed: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        "ECHO_LMS_READ_DOT_ENV": "0",
        **{name: value for name, value in (GOOD | changed).items() if value},
    }
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_good_settings_start():
    assert check().returncode == 0


@pytest.mark.parametrize("name", ["SECRET_KEY", "FERNET_KEYS", "SITE_URL"])
def test_a_missing_required_variable_stops_the_start_and_is_named(name):
    started = check(**{name: ""})

    assert started.returncode != 0
    assert f"Set {name} in the environment or in .env" in started.stderr


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"FERNET_KEYS": "short"}, "A key in FERNET_KEYS is shorter than 32 characters."),
        ({"FERNET_KEYS": "k" * 60}, "SECRET_KEY is also one of FERNET_KEYS."),
        ({"FERNET_KEYS": "a" * 40 + "," + "a" * 40}, "FERNET_KEYS names a key twice."),
        ({"SITE_URL": "https://echo-lms.example.edu/path"}, "SITE_URL is not an origin"),
        ({"ALLOWED_HOSTS": "other.example.edu"}, "SITE_URL's host is not among ALLOWED_HOSTS."),
        (
            {"LMS_ALLOWED_INSECURE_HOSTS": "localhost"},
            "LMS_ALLOWED_INSECURE_HOSTS is not a list of host:port",
        ),
        ({"DATABASE_URL": "sqlite:///file.db"}, "DATABASE_URL must name a PostgreSQL database"),
    ],
)
def test_a_setting_that_cannot_work_stops_the_start(changed, said):
    started = check(**changed)

    assert started.returncode != 0
    assert said in started.stderr


def test_a_secret_may_come_from_a_file(tmp_path):
    path = tmp_path / "secret"
    path.write_text("f" * 60)

    assert check(SECRET_KEY="", SECRET_KEY_FILE=str(path)).returncode == 0
