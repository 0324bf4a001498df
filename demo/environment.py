"""The environment in which the demo's processes run: its own secrets, addresses and folders, no `.env`."""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class PortError(Exception):
    """A port variable that is not a port; the text says which."""


def data_folder() -> Path:
    return Path(os.environ.get("ECHO_LMS_DATA") or ROOT / ".data")


@dataclass(frozen=True)
class Ports:
    web: int
    sandbox: int

    @classmethod
    def from_environment(cls, usual: tuple[int, int] = (8000, 8900)) -> Ports:
        ports = cls(_port("PORT", usual[0]), _port("SANDBOX_PORT", usual[1]))
        if ports.web == ports.sandbox:
            raise PortError(f"PORT and SANDBOX_PORT are both {ports.web}. Choose two different ports.")
        return ports

    @classmethod
    def of_the_demo(cls, data: Path) -> Ports:
        """Those with which it was started last, unless the environment says otherwise."""
        try:
            web, sandbox = json.loads((data / "ports.json").read_text())
        except (OSError, ValueError, TypeError):
            return cls.from_environment()
        return cls.from_environment((web, sandbox))

    def remember(self, data: Path) -> None:
        (data / "ports.json").write_text(json.dumps([self.web, self.sandbox]))

    @property
    def site_url(self) -> str:
        # localhost here and 127.0.0.1 for the sandbox: two sites for the browser, as in real life. Two ports
        # of one host would share their cookies.
        return f"http://localhost:{self.web}"

    @property
    def sandbox_url(self) -> str:
        return f"http://127.0.0.1:{self.sandbox}"


def _port(name: str, default: int) -> int:
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise PortError(f"{name}={text} is not a port number between 1024 and 65535.")
    return int(text)


def _new_secrets() -> dict[str, str]:
    return {"SECRET_KEY": secrets.token_urlsafe(64), "FERNET_KEYS": secrets.token_urlsafe(48)}


def _kept_secrets(data: Path) -> dict[str, str]:
    """Made once and kept: with other keys a second start could not read what the first one saved."""
    path = data / "secrets.json"
    if path.exists():
        kept: dict[str, str] = json.loads(path.read_text())
        return kept
    made = _new_secrets()
    scratch = path.with_suffix(".new")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(made, file)
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)
    return made


def for_tests() -> dict[str, str]:
    """Secrets that nobody keeps, and nothing of what the caller's shell says about an installation."""
    settings = {"DEBUG": "1", "SITE_URL": "http://localhost:8000", "DATABASE_CONN_MAX_AGE": "0"}
    return _shell(keep=("DATABASE_URL", "REDIS_URL")) | _new_secrets() | settings


def for_demo(data: Path, ports: Ports) -> dict[str, str]:
    """The demo's own addresses, whatever the caller's shell says about another installation."""
    kept = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FERNET_KEYS", "LMS_ALLOWED_INSECURE_HOSTS", "LOG_LEVEL")
    return _demo_settings(data, ports) | _shell(keep=kept) | _sandbox_allowed(ports)


def for_manage(data: Path) -> dict[str, str]:
    """The demo's settings, and over them everything the caller has set: `manage.py` for either."""
    ports = Ports.of_the_demo(data)
    return (
        _demo_settings(data, ports) | dict(os.environ) | _sandbox_allowed(ports) | {"ECHO_LMS_READ_DOT_ENV": "0"}
    )


def _shell(*, keep: tuple[str, ...]) -> dict[str, str]:
    names = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)) - set(keep)
    shell = {name: value for name, value in os.environ.items() if name not in names}
    return shell | {"ECHO_LMS_READ_DOT_ENV": "0"}


def _demo_settings(data: Path, ports: Ports) -> dict[str, str]:
    return _kept_secrets(data) | {
        "DEBUG": "0",
        "SITE_URL": ports.site_url,
        "ALLOWED_HOSTS": "localhost,127.0.0.1,[::1]",
        "STATIC_ROOT": str(data / "static"),
        "MEDIA_ROOT": str(data / "media"),
        "LOG_JSON": "0",
        "TZ": "UTC",
        # So that what is changed in the sandbox can be seen to arrive.
        "LMS_REFRESH_MINUTES": "1",
    }


def _sandbox_allowed(ports: Ports) -> dict[str, str]:
    named = [host.strip() for host in os.environ.get("LMS_ALLOWED_INSECURE_HOSTS", "").split(",")]
    sandbox = ports.sandbox_url.removeprefix("http://")
    allowed = dict.fromkeys([*filter(None, named), sandbox])
    return {"LMS_ALLOWED_INSECURE_HOSTS": ",".join(allowed)}
