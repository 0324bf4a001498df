"""`manage.py refresh_directory`, as an operator uses it."""

from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from tests.directory.conftest import INSTRUCTOR, courses_of_person

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    status = 0
    try:
        call_command("refresh_directory", *arguments, stdout=out, stderr=out)
    except SystemExit as end:
        status = int(end.code or 0)
    return status, out.getvalue()


def test_everybody_who_is_due_is_read(canvas):
    status, said = run()

    assert (status, set(courses_of_person(INSTRUCTOR))) == (0, {"ALG101", "BOT102"})
    assert said.startswith("Sandbox: complete, 1 of 1 instructors read, 0 failed, 3 requests in ")


def test_all_reads_everybody_again(canvas, sandbox):
    run()
    assert json.loads(run("--json")[1])["refreshed"] == 0

    status, said = run("--all", "--json", "--configuration", "Sandbox")

    result = json.loads(said)
    assert (status, result["ok"], result["refreshed"], result["outcome"]) == (0, True, 1, "complete")


def test_one_instructor_is_read_whether_known_or_not(canvas, university):
    status, said = run("--email", INSTRUCTOR)

    assert status == 0
    assert "Sandbox: Ira Instructor, 2 courses" in said
    assert "| ALG101 | Algebra I | teacher" in said
    university.add_course("CHE103")
    assert len(json.loads(run("--email", INSTRUCTOR, "--json")[1])["courses"]) == 3


def test_a_failure_is_said_and_is_the_exit_status(canvas, sandbox):
    sandbox.faults(forget_tokens=1)

    status, said = run()

    assert status == 1
    assert "stopped" in said
    assert "The authorization was lost." in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--configuration", "Other"], "There is no configuration named 'Other'. There are: Sandbox."),
        (["--email", "ira"], "Enter an e-mail address"),
        (["--email", INSTRUCTOR, "--all"], "not allowed with"),
    ],
)
def test_wrong_usage_says_what_is_possible(arguments, said, canvas):
    with pytest.raises(CommandError, match=said):
        run(*arguments)


def test_without_a_configuration_it_says_what_to_do(db):
    with pytest.raises(CommandError, match="Add one in the admin first"):
        run()
