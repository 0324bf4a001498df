"""Start-up checks: settings that are possible to write and impossible to run with."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

OWN_PACKAGES = ("accounts", "canvas", "configurations", "directory", "schedules", "analytics", "echo_lms")
SHORTEST_KEY = 32
_HOST_AND_PORT = re.compile(r"(?:\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+):\d{1,5}")


@register(Tags.security)
def check_encryption_keys(**_: Any) -> list[CheckMessage]:
    if not settings.FERNET_KEYS:
        return [
            Error("FERNET_KEYS is empty.", hint="Set at least one key (see .env.example).", id="echo_lms.E001")
        ]
    problems: list[CheckMessage] = []
    if any(len(key) < SHORTEST_KEY for key in settings.FERNET_KEYS):
        hint = 'Make one: python -c "import secrets; print(secrets.token_urlsafe(48))"'
        problems.append(
            Error(
                f"A key in FERNET_KEYS is shorter than {SHORTEST_KEY} characters.",
                hint=hint,
                id="echo_lms.E002",
            )
        )
    if settings.SECRET_KEY in settings.FERNET_KEYS:
        hint = "Use two different values: one signs, the other encrypts, and they are rotated separately."
        problems.append(Error("SECRET_KEY is also one of FERNET_KEYS.", hint=hint, id="echo_lms.E003"))
    if len(set(settings.FERNET_KEYS)) != len(settings.FERNET_KEYS):
        problems.append(Error("FERNET_KEYS names a key twice.", hint="Remove one.", id="echo_lms.E004"))
    return problems


@register(Tags.urls)
def check_site_url(**_: Any) -> list[CheckMessage]:
    site = urlsplit(settings.SITE_URL)
    if site.scheme not in ("http", "https") or not site.hostname or site.path or site.query or site.fragment:
        hint = "Write scheme and host only, for example https://echo-lms.school.edu."
        return [Error(f"SITE_URL is not an origin: {settings.SITE_URL}", hint=hint, id="echo_lms.E005")]
    hosts = settings.ALLOWED_HOSTS
    if "*" not in hosts and not any(site.hostname.endswith(host.lstrip(".")) for host in hosts):
        hint = "Canvas sends administrators back to SITE_URL; its host must be answered."
        return [Error("SITE_URL's host is not among ALLOWED_HOSTS.", hint=hint, id="echo_lms.E006")]
    return []


@register(Tags.security, deploy=True)
def check_site_is_https(**_: Any) -> list[CheckMessage]:
    if settings.SITE_URL.startswith("https://"):
        return []
    hint = "Canvas sends authorization codes to this address; serve it with TLS."
    return [Warning("SITE_URL is not https.", hint=hint, id="echo_lms.W001")]


@register(Tags.security)
def check_insecure_hosts(**_: Any) -> list[CheckMessage]:
    wrong = [host for host in settings.LMS_ALLOWED_INSECURE_HOSTS if not _HOST_AND_PORT.fullmatch(host)]
    if not wrong:
        return []
    hint = "Write host:port, separated by commas, for example 127.0.0.1:8900."
    message = f"LMS_ALLOWED_INSECURE_HOSTS is not a list of host:port: {', '.join(wrong)}"
    return [Error(message, hint=hint, id="echo_lms.E007")]


@register
def check_package_names(**_: Any) -> list[CheckMessage]:
    """A package on the index is called `configurations` too; only one of the two would be found."""
    problems: list[CheckMessage] = []
    for name in OWN_PACKAGES:
        spec = find_spec(name)
        origin = Path(spec.origin).resolve() if spec and spec.origin else None
        if origin is None or settings.BASE_DIR.resolve() not in origin.parents:
            hint = f"Uninstall the package that brings a top-level module {name!r}."
            problems.append(Error(f"The package {name!r} is not ours.", hint=hint, id="echo_lms.E008"))
    return problems
