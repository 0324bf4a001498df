"""Several captures at once, in a browser: at two widths, by mouse and by keyboard. The pages have no script."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from schedules.models import Capture
from tests.support import timetable

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hall(scheduler):
    """A room with a series; on the same campus a room that is free and one that is taken."""
    campus = timetable.campus("Main Campus")
    room, taken = timetable.room("Hall", on=campus), timetable.room("Lab", on=campus)
    timetable.room("Aula", on=campus)
    timetable.schedule(in_room=room, title="Algebra")
    timetable.schedule(in_room=taken, title="Botany", ends_on=timetable.MONDAY)
    return room


def choose(page, site, room):
    """What the list of captures sends: the list itself is another page."""
    page.goto(f"{site}/schedules/link/")
    chosen = Capture.objects.filter(room=room).values_list("pk", flat=True)
    inputs = "".join(f'<input type="hidden" name="capture" value="{key}">' for key in chosen)
    button = f'<form method="post" action="/schedules/captures/move/" id="chosen">{inputs}</form>'
    page.evaluate(
        """html => {
            document.body.insertAdjacentHTML("beforeend", html);
            const form = document.getElementById("chosen");
            form.append(document.querySelector("input[name=csrfmiddlewaretoken]").cloneNode());
            form.submit();
        }""",
        button,
    )
    expect(page.get_by_role("heading", name="What to do with 4 captures")).to_be_visible()


def at_both_widths(page, axe):
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert axe(page) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def room_named(page, label, name):
    field = page.get_by_label(label, exact=True)
    option = field.get_by_role("option").filter(has_text=name)
    field.select_option(value=option.get_attribute("value"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_look_save_and_undo(scheme, page, site, scheduler, sign_in, hall, axe):
    page.emulate_media(color_scheme=scheme)
    sign_in(page, scheduler)
    choose(page, site, hall)
    at_both_widths(page, axe)
    expect(page.get_by_label("Days later")).to_be_hidden()

    page.get_by_role("button", name="Show what changes").click()
    expect(page.get_by_text("Choose what to do.")).to_be_visible()
    at_both_widths(page, axe)

    page.get_by_role("radio", name="Move to another room").check()
    room_named(page, "Room", "Lab")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.get_by_text("Taken: “Botany”, Mon 2 October 2045, 09:00–10:00")).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    at_both_widths(page, axe)

    room_named(page, "Room", "Aula")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.get_by_text("4 change.")).to_be_visible()
    at_both_widths(page, axe)
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("heading", name="Saved")).to_be_visible()
    assert set(Capture.objects.filter(title="Algebra").values_list("room__name", flat=True)) == {"Aula"}
    at_both_widths(page, axe)
    page.get_by_role("button", name="Undo all of this").click()

    expect(page.get_by_role("heading", name="Undone")).to_be_visible()
    at_both_widths(page, axe)
    assert set(Capture.objects.filter(title="Algebra").values_list("room__name", flat=True)) == {"Hall"}


def test_what_was_changed_after_looking_is_shown_before_it_is_saved(page, site, scheduler, sign_in, hall):
    sign_in(page, scheduler)
    choose(page, site, hall)
    page.get_by_role("radio", name="Move to another time").check()
    page.get_by_label("Days later").fill("1")
    page.get_by_label("Days later").press("Enter")
    expect(page.get_by_text("Tue 3 Oct 2045, 09:00–10:00")).to_be_visible()

    page.get_by_label("Days later").fill("2")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_role("alert")).to_contain_text("Look at what changes below, then save.")
    expect(page.get_by_text("Wed 4 Oct 2045, 09:00–10:00")).to_be_visible()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Saved")).to_be_visible()


def test_by_keyboard_alone(page, site, scheduler, sign_in, hall):
    sign_in(page, scheduler)
    choose(page, site, hall)
    page.get_by_role("radio", name="Cancel").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Reason (optional)")).to_be_focused()
    page.keyboard.type("Strike")
    page.keyboard.press("Enter")
    expect(page.get_by_text("4 change.")).to_be_visible()
    page.get_by_role("button", name="Save").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_text("Cancelled: Strike").first).to_be_visible()
    assert Capture.objects.filter(note="Strike").count() == 4
