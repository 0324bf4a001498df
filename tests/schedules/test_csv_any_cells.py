"""Whatever stands in the cells, each row is saved or refused with a sentence; nothing breaks."""

from __future__ import annotations

import csv
import io

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schedules.csv_files import importing
from schedules.csv_files.echo360 import Echo360Schedules
from schedules.csv_files.registry import KINDS, kind_of
from tests.support import timetable
from tests.support.csv_files import check

MANY = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
pytestmark = pytest.mark.django_db
POOL = [
    *(
        "",
        " ",
        "=1",
        "'",
        ";",
        ";;",
        "\\",
        "\\;",
        "a;b;c",
        "x" * 300,
        "é" * 600,
        "٣",
        "🎓",
        "\u202e",
        "\x01",
        "a\nb",
    ),
    *("0", "-1", "1", "99999999999999999999", "1e9", "NaN", "none", "yes", "weekly", "display", "audio; audio"),
    *("0001-01-01", "9999-12-31", "2045-10-02", "2045-10-29", "2045-02-30", "10/2/2045", "٢٠٤٥-١٠-٠٢"),
    *("09:00", "00:00", "23:59:59", "24:00", "9 pm", "0:00 am", "Mon; Wed", "MO,WE", "8", "T"),
    *("2045-10-02..2045-10-01 x", "2045-10-02 x;2045-10-02 x", "+2045-10-02"),
    *("North", "Main", "101", "R1", "Autumn", "T1", "BIO1", "S1", "001", "ira@example.edu", "P1"),
    *("new@example.edu", "a@b", "@", "admin@example.edu", "Administrators", "Europe/London", "../etc/passwd"),
    *("now", "after 0 days", "after 99999 days", "held until 9999-12-31", "now for 1 days", "on 0001-01-01"),
    *(
        "S1=relative|1",
        "S1=immediate, S1=immediate",
        "=",
        "a=b=c",
        "BIO1=relative|99999",
        "60",
        "North › Main › 101",
    ),
]
# What a row looks like that is fine, so that a single bad cell is reached.
FINE = {
    "rooms": ["North", "Main", "101", "Europe/London", "a", "display; camera", "n", "R1"],
    "terms": ["Autumn", "2045-10-02", "2045-12-22", "2045-11-01 Holiday", "T1"],
    "users": ["ira@example.edu", "Ira", "Instructors", "UTC", "P1"],
    "sections": ["BIO1", "Autumn", "001", "Biology", "ira@example.edu", "", "", "S1"],
    "schedules": [
        *("Cells", "North", "Main", "101", "2045-10-02", "2045-10-29", "09:00", "10:00", "weekly", "1", "Mon"),
        *("", "BIO1", "Autumn", "001", "ira@example.edu", "display", "camera", "high", "no", "now", "C1"),
    ],
    "echo360": [
        *(
            "2045-10-02",
            "09:00",
            "2045-10-29",
            "MO",
            "",
            "60",
            "T1",
            "Cells",
            "R1",
            "S1=immediate",
            "P1",
            "",
            "TRUE",
        ),
        *("FALSE", "Display", "Video", "Medium", "Medium", "C1"),
    ],
}
CELL = st.one_of(st.sampled_from(POOL), st.text(st.characters(codec="utf-8"), max_size=5))
HEADERS = {**{kind.name: kind.header() for kind in KINDS}, "echo360": Echo360Schedules.header()}


@pytest.fixture
def ready(person):
    instructor = person("ira@example.edu", "Instructors", external_id="P1")
    room = timetable.room("101", on=timetable.campus("North"), external_id="R1")
    room.building.name = "Main"
    room.building.save()
    autumn = timetable.term("Autumn", external_id="T1")
    section = timetable.section(instructor, code="BIO1", term=autumn, external_id="S1")
    timetable.schedule(section, in_room=room, title="Cells", external_id="C0")


def content_of(header, rows) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([header, *rows])
    return text.getvalue().encode()


@pytest.mark.parametrize("name", FINE)
@settings(MANY)
@given(data=st.data())
def test_any_cells_are_saved_or_refused(ready, admin, name, data):
    rows = []
    for _ in range(3):
        row = list(FINE[name])
        for place in data.draw(st.lists(st.integers(0, len(row) - 1), max_size=3)):
            row[place] = data.draw(
                st.one_of(st.sampled_from(POOL), st.text(st.characters(codec="utf-8"), max_size=5))
            )
        rows.append([cell.replace("\0", "") for cell in row])
    with transaction.atomic():
        outcomes = check("schedules" if name == "echo360" else name, content_of(HEADERS[name], rows), admin)
        transaction.set_rollback(True)
    assert len(outcomes) <= 3
    assert all(bool(one.problems) is (one.kind == "refused") for one in outcomes)
    assert all(problem.reason for one in outcomes for problem in one.problems)


@pytest.mark.parametrize("name", FINE)
def test_a_third_of_the_pool_in_each_column(ready, admin, name):
    kind = kind_of("schedules" if name == "echo360" else name)
    for place in range(len(FINE[name])):
        for cell in POOL[place % 3 :: 3]:
            row = [*FINE[name][:place], cell, *FINE[name][place + 1 :]]
            outcomes = importing.check(kind, content_of(HEADERS[name], [row]), user=admin)
            assert len(outcomes) == 1
