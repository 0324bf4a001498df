"""Between check and saving: once, as shown, all or the good rows; and the pages around it."""

from __future__ import annotations

import datetime
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from schedules.csv_files import importing, reading, registry
from schedules.csv_files.outcome import Outcome
from schedules.models import Change, ImportJob, Room, Term
from tests.support import timetable
from tests.support.csv_files import exported, kinds, save, written

pytestmark = pytest.mark.django_db
HEADER = "term|starts_on|ends_on"
GOOD = "Autumn|2045-10-02|2045-12-22"
BAD = "Spring|2046-02-30|2046-06-01"


@pytest.fixture
def upload(client, scheduler):
    """Sends a file to the upload page; answers the response."""
    client.force_login(scheduler)

    def send(content, kind="terms", name="terms.csv"):
        return client.post(reverse("file_upload", args=[kind]), {"file": SimpleUploadedFile(name, content)})

    return send


def text_of(response) -> str:
    page = re.sub(r"<[^>]+>", " ", response.content.decode().partition("<main")[2])
    return " ".join(page.split())


def shown(client, response) -> str:
    return text_of(client.get(response["Location"]))


# --- Saving ---------------------------------------------------------------------------------------------
def test_nothing_is_saved_before_somebody_says_so(client, upload):
    response = upload(written(HEADER, GOOD))
    page = shown(client, response)
    assert "Nothing is saved yet. Look at the rows below, then save." in page
    assert "2 New Autumn First day: 2045-10-02 Last day: 2045-12-22" in page
    assert not Term.objects.exists()
    page = shown(client, client.post(response["Location"]))
    assert "Saved on" in page
    assert Term.objects.get().name == "Autumn"


def test_what_rows_add_beside_themselves_is_said_above_them_until_it_is_saved(client, upload):
    timetable.term("Autumn")
    header = "course_code|term|section_number|course_name|instructor_emails"
    rows = ["BIO1|Autumn|001|Biology|", "BIO1|Autumn|002|Biology|ira@example.edu", "PHY1|Autumn||Physics|"]
    address = upload(written(header, *rows), "sections")["Location"]
    above, _, below = text_of(client.get(address)).partition("Save 3 rows")
    assert "then save. New course: BIO1 Biology; PHY1 Physics New person: ira@example.edu" in above
    assert below.count("New course: BIO1 Biology") == 1
    client.post(address)
    assert text_of(client.get(address)).count("New person: ira@example.edu") == 1


@pytest.mark.parametrize("kind", registry.KINDS, ids=lambda kind: kind.name)
def test_the_button_that_sends_a_file_looks_like_one(kind, client, admin):
    client.force_login(admin)
    page = client.get(reverse("file_upload", args=[kind.name])).content.decode()
    assert '<button type="submit" class="button">Check the file</button>' in page


def test_a_reload_and_a_second_press_save_once(client, upload):
    address = upload(written(HEADER, GOOD))["Location"]
    client.post(address)
    Term.objects.all().delete()
    assert "This file was saved already. Nothing was saved a second time." in shown(client, client.post(address))
    assert not Term.objects.exists()
    assert bytes(ImportJob.objects.get().content) == b""


def test_a_file_with_refused_rows_saves_nothing_by_itself(client, upload):
    address = upload(written(HEADER, GOOD, BAD))["Location"]
    page = text_of(client.get(address))
    assert (
        "1 of 2 rows is refused. Correct the file and upload it again, or save the good rows without it." in page
    )
    assert "3 Refused Spring starts_on : There is no 2046-02-30 in the calendar." in page
    client.post(address)
    assert not Term.objects.exists()


def test_the_good_rows_can_be_saved_alone(client, upload, scheduler):
    address = upload(written(HEADER, BAD, GOOD))["Location"]
    page = shown(client, client.post(address, {"good_only": "yes"}))
    assert "1 row. 1 row was refused and not saved. Correct it in the file" in page
    assert [str(term) for term in Term.objects.all()] == ["Autumn"]
    assert Change.objects.get().actor == scheduler


def test_what_changed_since_the_check_is_shown_before_it_is_saved(client, upload):
    address = upload(written(HEADER, GOOD))["Location"]
    timetable.term("Autumn")
    page = shown(client, client.post(address))
    assert "Nothing was saved: since the check, something here has changed." in page
    assert "2 Changed Autumn Last day: 2045-12-24 → 2045-12-22" in page
    client.post(address)
    assert str(Term.objects.get().ends_on) == "2045-12-22"


def test_a_file_that_is_here_already(client, upload, scheduler):
    save("terms", written(HEADER, GOOD), scheduler)
    page = shown(client, upload(written(HEADER, GOOD)))
    assert "Everything in this file is here already. There is nothing to save." in page
    assert (
        "<form" not in client.get(upload(written(HEADER, GOOD))["Location"]).content.decode().partition("<main")[2]
    )


def test_a_header_without_rows(client, upload):
    assert "The file has a header and no rows." in shown(client, upload(written(HEADER)))


def test_another_person_does_not_see_the_file(client, upload, admin):
    address = upload(written(HEADER, GOOD))["Location"]
    client.force_login(admin)
    assert client.get(address).status_code == 404
    assert client.post(address).status_code == 404


def test_who_lost_the_role_saves_nothing(client, upload, scheduler):
    address = upload(written(HEADER, GOOD))["Location"]
    scheduler.groups.clear()
    assert client.post(address).status_code == 403
    assert not Term.objects.exists()


def test_files_are_forgotten_after_a_day(client, upload):
    address = upload(written(HEADER, GOOD))["Location"]
    ImportJob.objects.update(created_at=timezone.now() - datetime.timedelta(days=1, minutes=1))
    assert client.get(address).status_code == 404
    assert client.post(address).status_code == 404
    upload(written(HEADER, BAD))
    assert ImportJob.objects.count() == 1


def test_the_check_and_the_saving_are_one_transaction_each(admin, monkeypatch):
    """A fault in the middle leaves nothing behind, not even the rows before it."""
    job = importing.upload(
        registry.kind_of("terms"), "t.csv", written(HEADER, GOOD, GOOD.replace("A", "B")), user=admin
    )
    record, calls = Change.record, []

    def failing(*args, **kwargs):
        calls.append(args)
        if len(calls) == 2:
            raise RuntimeError("a fault")
        return record(*args, **kwargs)

    monkeypatch.setattr(Change, "record", failing)
    with pytest.raises(RuntimeError, match="a fault"):
        importing.save(job, user=admin, good_only=True)
    assert not Term.objects.exists()
    job.refresh_from_db()
    assert job.saved_at is None


# --- The report -----------------------------------------------------------------------------------------
def test_the_report_can_be_filtered_and_paged(client, upload):
    rows = [f"Term {number}|2045-10-02|2045-12-22" for number in range(250)]
    address = upload(written(HEADER, BAD, *rows))["Location"]
    assert "Page 1 of 2" in text_of(client.get(f"{address}?show=all"))
    assert "Term 249" in text_of(client.get(f"{address}?show=all&page=2"))
    assert "Term 1" not in text_of(client.get(address))
    assert "No such row in this file." in text_of(client.get(f"{address}?show=unchanged"))
    assert client.get(f"{address}?show=nonsense&page=x").status_code == 200


def test_an_outcome_is_kept_as_it_is(admin):
    outcomes = save("terms", written(HEADER, GOOD, BAD), admin, good_only=True)
    assert [Outcome.from_json(one.as_json()) for one in outcomes] == outcomes


def test_what_people_write_is_not_markup(client, upload):
    page = client.get(upload(written(HEADER, "<b>x</b>|2045-10-02|2045-12-22"))["Location"]).content.decode()
    assert "&lt;b&gt;x" in page


# --- Files that are not read ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        ("Name;Straße\nä;ö\n".encode("latin-1"), "Line 1, column 10: This is not UTF-8 text."),
        (b"term,starts_on\x00\n", "A NUL byte"),
        (b"PK\x03\x04\x00spreadsheet", "A NUL byte"),
        (b'term,starts_on\n"A,2045-10-02\n', "Line 2: A quotation mark opens here and is never closed."),
        (b"starts_on,ends_on\n", "Line 1: The column is missing: term."),
        (b"term,colour\n", "Line 1, column 2: There is no column “colour”"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(upload, content, words):
    response = upload(content)
    assert response.status_code == 200
    assert words in text_of(response)
    assert not ImportJob.objects.exists()


def test_a_file_that_is_too_large(upload):
    response = upload(b"term\n" + b"x" * reading.MAX_BYTES)
    assert "The file has 5.0 MB; at most 5 MB are read. Split it." in text_of(response)


def test_no_file_at_all(client, upload, scheduler):
    response = client.post(reverse("file_upload", args=["terms"]), {})
    assert "Choose a file." in text_of(response)


# --- Who may --------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("kind", "may_import", "may_export"),
    [
        ("rooms", False, True),
        ("terms", True, True),
        ("users", False, False),
        ("sections", True, True),
        ("schedules", True, True),
    ],
)
def test_what_schedulers_may(client, upload, kind, may_import, may_export):
    overview = client.get(reverse("files")).content.decode()
    for name, may in (("file_upload", may_import), ("file_export", may_export)):
        address = reverse(name, args=[kind])
        assert client.get(address).status_code == (200 if may else 403)
        assert (f'href="{address}"' in overview) is may
    assert (upload(written(HEADER, GOOD), kind).status_code == 403) is not may_import
    sample = client.get(reverse("file_sample", args=[kind]))
    assert sample.status_code == (200 if may_import or may_export else 403)


@pytest.mark.parametrize("name", ["file_upload", "file_export", "file_sample"])
def test_a_kind_that_does_not_exist(client, admin, name):
    client.force_login(admin)
    assert client.get(reverse(name, args=["courses"])).status_code == 404


# Views and answers of other systems are only taken in: tests/analytics/test_imports.py.
WITH_EXPORT = [kind for kind in registry.KINDS if kind.has_export]


# --- Files that are sent --------------------------------------------------------------------------------
def sent(client, name, kind) -> bytes:
    response = client.get(reverse(name, args=[kind]))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith(f'attachment; filename="{kind}-')
    return b"".join(response.streaming_content)


def test_samples_can_be_imported_one_after_the_other(client, admin):
    client.force_login(admin)
    for kind in WITH_EXPORT:
        content = sent(client, "file_sample", kind.name)
        assert kinds(save(kind.name, content, admin)) == ["created"]
        assert kinds(save(kind.name, content, admin)) == ["unchanged"]


@pytest.mark.parametrize("kind", [kind.name for kind in WITH_EXPORT])
def test_exports_are_what_is_imported(client, admin, kind):
    client.force_login(admin)
    for one in WITH_EXPORT:
        save(one.name, sent(client, "file_sample", one.name), admin)
    content = sent(client, "file_export", kind)
    assert content == exported(kind, admin)
    assert set(kinds(save(kind, content, admin))) == {"unchanged"}


@pytest.mark.parametrize("kind", [kind.name for kind in WITH_EXPORT])
def test_an_export_costs_the_same_for_one_and_for_three(admin, instructor, kind, django_assert_num_queries):
    counts = {"rooms": 1, "terms": 2, "users": 2, "sections": 3, "schedules": 5}
    assert admin.roles  # read once for a request
    for rows in (1, 2):
        for _ in range(rows):
            timetable.schedule(timetable.section(instructor))
        with django_assert_num_queries(counts[kind]):
            exported(kind, admin)
    assert Room.objects.count() == 3
