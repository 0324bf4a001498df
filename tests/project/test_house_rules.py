"""Rules of this code base that a reviewer would otherwise have to remember."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("accounts", "canvas", "configurations", "directory", "schedules", "analytics", "echo_lms")
PACKAGES = (*PRODUCT, "sandbox", "demo", "bench", "tests")


def python_files() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def templates() -> list[Path]:
    return sorted((ROOT / "templates").rglob("*.html"))


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


@pytest.mark.parametrize("path", templates(), ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_have_no_inline_script_style_or_handler(path):
    text = path.read_text()

    assert re.findall(r"<script(?![^>]*\bsrc=)[^>]*>|<style\b|\sstyle=|\son\w+=|javascript:", text) == []


@pytest.mark.parametrize("path", templates(), ids=lambda path: str(path.relative_to(ROOT)))
def test_templates_load_nothing_from_elsewhere(path):
    assert re.findall(r"(?:src|href)=[\"']https?://[^\"']+", path.read_text()) == []


def test_no_query_count_assertion_stands_alone():
    """`assertNumQueries(1)` or `django_assert_num_queries(1)` as a statement asserts nothing."""
    lonely = [
        f"{path.name}:{node.lineno}"
        for path in python_files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and "num_queries" in ast.unparse(node.value.func).lower().replace("numqueries", "num_queries")
    ]

    assert lonely == []


def test_every_test_folder_is_a_package():
    """Without it tests/canvas would be imported in place of canvas."""
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}

    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_the_image_has_every_package_of_the_product():
    copied = (ROOT / "Dockerfile").read_text()
    assert [name for name in PRODUCT if f"COPY {name}/ {name}/" not in copied] == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "requirements-services.txt"])
def test_no_requirement_has_extras(name):
    """pip before 23.3 looks beyond the pinned version of such a one, and then finds no hash for what it chose."""
    assert re.findall(r"^\S+\[.*", (ROOT / name).read_text(), re.MULTILINE) == []
