"""Import and export in a browser: sound in every state, by keyboard, on a narrow screen, without script."""

from __future__ import annotations

import pytest

from schedules.csv_files import importing, registry
from schedules.models import Room, Term
from tests.conftest import PASSWORD
from tests.support import timetable
from tests.support.csv_files import written

pytestmark = pytest.mark.django_db(transaction=True)
SCREENS = [("light", 1280), ("dark", 320)]
ROOMS = "campus|building|room|time_zone|capture_agent|inputs|notes|external_id"
MIXED = [
    "North Campus|Main Building|Lecture Hall 1|Europe/London|hall-1|display; camera|Key at the porter's|R-101",
    "North Campus|Main Building|Lecture Hall 2|Europe/London|hall-2|display; piano||R-102",
    "North Campus|Main Building|101|Europe/London|agent-101|display|Moved from the annex|R-103",
    "South Campus|Library|Studio||||",
    "North Campus|Main Building|102|Europe/London||display; camera||",
]


@pytest.fixture
def terms_file(tmp_path):
    def make(*rows):
        path = tmp_path / "terms.csv"
        path.write_bytes(written("term|starts_on|ends_on", *rows))
        return path

    return make


@pytest.fixture
def jobs(admin):
    """Addresses of a check with refused rows, a clean one, one that has nothing to do, a saved one, and one that
    adds more than its rows.
    """
    timetable.room("101", on=timetable.campus("North Campus"), notes="In the annex", external_id="R-103")
    Room.objects.get().building.save()
    timetable.room("102", building=Room.objects.get().building)
    rooms, terms, sections = (registry.kind_of(name) for name in ("rooms", "terms", "sections"))
    timetable.term("Winter")
    clean = written("term|starts_on|ends_on", "Autumn 2045|2045-10-02|2045-12-22", "Winter|2045-10-03|2045-12-24")
    people = "; ".join(f"a.very.long.name.of.somebody.new.{number:02}@mail.example.edu" for number in range(12))
    adding = written("course_code|term|course_name|instructor_emails", f"BIO|Winter|{'Biology' * 30}|{people}")
    made = [
        importing.upload(rooms, "rooms.csv", written(ROOMS, *MIXED), user=admin),
        importing.upload(terms, "terms.csv", clean, user=admin),
        importing.upload(terms, "same.csv", written("term", "Winter"), user=admin),
        importing.upload(rooms, "saved.csv", written(ROOMS, *MIXED), user=admin),
        importing.upload(sections, "sections.csv", adding, user=admin),
    ]
    importing.save(made[3], user=admin, good_only=True)
    return [job.get_absolute_url() for job in made]


def faults(page, axe, address, scheme, width):
    heard = []
    page.on("console", lambda message: heard.append(message.text) if "Content Security" in message.text else None)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(address)
    too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    wide = [f"{too_wide} px too wide"] if too_wide > 0 else []
    complaints = list(heard)
    return [f"{address} {scheme} {width}: {fault}" for fault in (*wide, *complaints, *axe(page))]


@pytest.mark.parametrize(("scheme", "width"), SCREENS)
def test_pages_are_sound(site, page, sign_in, axe, admin, jobs, scheme, width):
    sign_in(page, admin)
    paths = ["/schedules/files/", *(f"/schedules/files/{kind.name}/" for kind in registry.KINDS)]
    paths += [*jobs, f"{jobs[0]}?show=all", f"{jobs[0]}?show=unchanged"]
    found = [fault for path in paths for fault in faults(page, axe, site + path, scheme, width)]
    assert found == []


def test_a_file_that_cannot_be_read_is_told_beside_the_field(site, page, sign_in, axe, scheduler, tmp_path):
    sign_in(page, scheduler)
    page.goto(f"{site}/schedules/files/terms/")
    path = tmp_path / "terms.csv"
    path.write_bytes("term;starts_on\nFrühling;2045-04-01\n".encode("latin-1"))
    page.get_by_label("CSV file").set_input_files(path)
    page.get_by_role("button", name="Check the file").click()
    told = page.locator("#id_file_error")
    assert told.inner_text().startswith("Line 2, column 3: This is not UTF-8 text.")
    assert "id_file_error" in page.get_by_label("CSV file").get_attribute("aria-describedby")
    assert axe(page) == []


def test_from_upload_to_saving_by_keyboard_without_script(site, page, scheduler, terms_file):
    context = page.context.browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/schedules/files/")
    page.get_by_label("Email").fill(scheduler.email)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Import terms").focus()
    page.keyboard.press("Enter")
    page.get_by_label("CSV file").set_input_files(terms_file("Autumn|2045-10-02|2045-12-22"))
    page.get_by_label("CSV file").focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Nothing is saved yet.").wait_for()
    assert not Term.objects.exists()
    page.get_by_role("button", name="Save 1 row").focus()
    page.keyboard.press("Enter")
    page.get_by_text("Saved on").wait_for()
    assert Term.objects.get().name == "Autumn"
    context.close()


def test_going_back_and_saving_again_saves_once(site, page, sign_in, scheduler, terms_file):
    sign_in(page, scheduler)
    page.goto(f"{site}/schedules/files/terms/")
    page.get_by_label("CSV file").set_input_files(terms_file("Autumn|2045-10-02|2045-12-22"))
    page.get_by_role("button", name="Check the file").click()
    page.get_by_role("button", name="Save 1 row").dblclick()
    page.get_by_text("Saved on").wait_for()
    page.reload()
    assert page.get_by_role("button", name="Save").count() == 0
    assert Term.objects.count() == 1


def test_an_export_arrives_as_a_file(site, page, sign_in, scheduler):
    timetable.term("Autumn")
    sign_in(page, scheduler)
    page.goto(f"{site}/schedules/files/")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export terms").click()
    assert download.value.suggested_filename.startswith("terms-20")
    content = download.value.path().read_text(encoding="utf-8-sig")
    assert content.splitlines()[1].startswith("Autumn,2045-10-02")
