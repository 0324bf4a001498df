"""`manage.py lookup_courses`: the Test for an operator, with an exit status."""

from __future__ import annotations

import json

import pytest
from django.core.management import CommandError, call_command

from configurations.models import ApiConfiguration
from tests.support.consent import authorize

pytestmark = pytest.mark.django_db(transaction=True)
INSTRUCTOR = "instructor@demo.example"


def look_up(capsys, *arguments):
    status = 0
    try:
        call_command("lookup_courses", *arguments)
    except SystemExit as end:
        status = int(str(end.code))
    return status, capsys.readouterr().out


def test_the_courses_are_printed(configuration, sandbox, admin, capsys):
    authorize(configuration, sandbox, admin)

    status, printed = look_up(capsys, INSTRUCTOR)

    assert status == 0
    assert "Courses read: 2 active courses." in printed
    assert "| ALG101 | Algebra I |" in printed


def test_json_is_complete(configuration, sandbox, admin, capsys):
    authorize(configuration, sandbox, admin)

    status, printed = look_up(capsys, INSTRUCTOR, "--json", "--configuration", "Sandbox")

    found = json.loads(printed)
    assert (status, found["state"], found["canvas"]) == (0, "ok", sandbox.url)
    assert [step["state"] for step in found["steps"]] == ["ok"] * 6
    assert [course["code"] for course in found["courses"]] == ["ALG101", "BOT102"]
    assert found["people"] == [{"id": str(sandbox.state()["instructor"]["id"]), "name": "Ira Instructor"}]


def test_a_failure_is_explained_and_exits_with_1(configuration, capsys):
    status, printed = look_up(capsys, INSTRUCTOR)

    assert status == 1
    assert "Token valid: This configuration has not been authorized yet." in printed
    assert "→ Choose Authorize and sign in to Canvas as an administrator." in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([INSTRUCTOR, "--configuration", "Other"], "No such configuration. There are: Sandbox."),
        (["instructor"], "Enter an e-mail address such as name@school.edu."),
    ],
)
def test_wrong_usage_exits_with_2(arguments, said, configuration):
    with pytest.raises(CommandError) as error:
        call_command("lookup_courses", *arguments)
    assert (str(error.value), error.value.returncode) == (said, 2)


def test_several_configurations_need_a_name(configuration):
    ApiConfiguration.objects.create(
        name="Second", base_url="https://school.example.edu", client_id="1", client_secret="x"
    )
    with pytest.raises(CommandError) as error:
        call_command("lookup_courses", INSTRUCTOR)
    assert str(error.value) == "Name one with --configuration. There are: Sandbox, Second."


def test_no_configuration_is_said(db):
    with pytest.raises(CommandError) as error:
        call_command("lookup_courses", INSTRUCTOR)
    assert str(error.value) == "No such configuration. There are: none."
