"""What a shell may say to `./run`, and what it may not."""

from __future__ import annotations

import json
import stat

import pytest

from demo import environment
from demo.environment import PortError, Ports


@pytest.fixture
def shell(monkeypatch):
    """A shell without settings, to which a test adds its own."""
    for name in (
        "PORT",
        "SANDBOX_PORT",
        "LMS_ALLOWED_INSECURE_HOSTS",
        "SECRET_KEY",
        "FERNET_KEYS",
        "SITE_URL",
        "DEBUG",
    ):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_the_ports_are_8000_and_8900(shell):
    assert Ports.from_environment() == Ports(8000, 8900)


def test_the_ports_can_be_set(shell):
    shell.setenv("PORT", "8080")
    shell.setenv("SANDBOX_PORT", "8980")
    ports = Ports.from_environment()

    assert (ports.site_url, ports.sandbox_url) == ("http://localhost:8080", "http://127.0.0.1:8980")


@pytest.mark.parametrize("text", ["http", "80", "65536", "-1", "8000.0"])
def test_a_port_that_is_none_is_named(text, shell):
    shell.setenv("PORT", text)
    with pytest.raises(PortError, match=f"PORT={text} is not a port number between 1024 and 65535"):
        Ports.from_environment()


def test_one_port_for_both_is_refused(shell):
    shell.setenv("PORT", "8900")
    with pytest.raises(PortError, match="PORT and SANDBOX_PORT are both 8900"):
        Ports.from_environment()


def test_the_sandbox_is_added_to_the_hosts_already_allowed(shell, tmp_path):
    shell.setenv("LMS_ALLOWED_INSECURE_HOSTS", "canvas.local:3000, 127.0.0.1:8900")

    allowed = environment.for_demo(tmp_path, Ports(8000, 8900))["LMS_ALLOWED_INSECURE_HOSTS"]

    assert allowed == "canvas.local:3000,127.0.0.1:8900"


def test_the_secrets_are_made_once_and_readable_by_their_owner_only(shell, tmp_path):
    first = environment.for_demo(tmp_path, Ports(8000, 8900))
    second = environment.for_manage(tmp_path)

    assert (first["SECRET_KEY"], first["FERNET_KEYS"]) == (second["SECRET_KEY"], second["FERNET_KEYS"])
    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert first["SECRET_KEY"] == json.loads((tmp_path / "secrets.json").read_text())["SECRET_KEY"]


def test_settings_of_another_installation_do_not_reach_demo_or_tests(shell, tmp_path):
    shell.setenv("SITE_URL", "https://echo-lms.example.edu")
    shell.setenv("SECURE_SSL_REDIRECT", "1")

    demo = environment.for_demo(tmp_path, Ports(8000, 8900))
    tests = environment.for_tests()

    assert demo["SITE_URL"] == tests["SITE_URL"] == "http://localhost:8000"
    assert "SECURE_SSL_REDIRECT" not in demo
    assert "SECURE_SSL_REDIRECT" not in tests
    assert environment.for_manage(tmp_path)["SITE_URL"] == "https://echo-lms.example.edu"


def test_manage_speaks_to_the_demo_that_was_started_last(tmp_path, monkeypatch):
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.delenv("SANDBOX_PORT", raising=False)
    assert Ports.of_the_demo(tmp_path) == Ports(8000, 8900)

    Ports(8050, 8950).remember(tmp_path)
    assert Ports.of_the_demo(tmp_path) == Ports(8050, 8950)
    monkeypatch.setenv("PORT", "8060")
    assert Ports.of_the_demo(tmp_path) == Ports(8060, 8950)

    (tmp_path / "ports.json").write_text("{")
    assert Ports.of_the_demo(tmp_path) == Ports(8060, 8900)
