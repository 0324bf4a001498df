from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOT_IN_EXAMPLE = {"ECHO_LMS_READ_DOT_ENV"}
FOR_COMPOSE_ONLY = {"POSTGRES_PASSWORD"}


def variables_in_settings() -> set[str]:
    text = (ROOT / "echo_lms" / "settings.py").read_text()
    return set(re.findall(r'(?:env(?:\.\w+)?|_required)\(\s*"([A-Z_]+)"', text))


def test_every_variable_is_explained_in_the_docs():
    documented = set(re.findall(r"`([A-Z][A-Z_]+)`", (ROOT / "docs" / "settings.md").read_text()))

    assert variables_in_settings() - documented == set()


def test_every_variable_is_in_the_example_and_no_other():
    example = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert example == (variables_in_settings() - NOT_IN_EXAMPLE) | FOR_COMPOSE_ONLY


def test_the_vendored_files_carry_their_version_and_licence():
    folders = sorted((ROOT / "static" / "vendor").iterdir())

    assert [folder.name for folder in folders] == ["htmx-2.0.11", "pico-2.1.1"]
    for folder in folders:
        assert any(file.name.startswith("LICENSE") for file in folder.iterdir()), folder
