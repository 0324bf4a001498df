"""The watch page in a browser: what is played is told, polls come in time, a lost connection loses nothing."""

from __future__ import annotations

import re
import time

import pytest
from django.db import connection
from playwright.sync_api import expect

from analytics import files
from analytics.models import AnswerEvent
from tests.support import timetable, viewing, watching
from tests.support.watching import X, stored

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path, monkeypatch):
    settings.MEDIA_ROOT = str(tmp_path)
    monkeypatch.setattr(files, "PIECE", 16 * 1024)  # so that the clip comes in several


@pytest.fixture
def section(instructor):
    return timetable.section(instructor, code="ALG1")


@pytest.fixture
def student(person, section):
    user = person("student@example.edu")
    watching.enrol(user, section)
    return user


@pytest.fixture
def media(site, section):
    return watching.media(section, title="Limits and continuity", with_files=True)


@pytest.fixture
def opened(page, site, media, student, sign_in):
    """Opens the page of the media, ready to play."""

    def open_it(address=""):
        if "sign-in" not in page.url and not page.url.startswith(site):
            sign_in(page, student)
        page.goto(f"{site}{address or media.watch_path}")
        when(page, "v.readyState >= 1")
        return page

    yield open_it
    page.goto("about:blank")  # what it still has to say is not the next test's
    page.wait_for_timeout(300)


def verbs():
    return [one["verb"]["id"].rpartition("/")[2] for one in stored()]


def until(condition, seconds=10):
    """The server answers in another thread; its rows are there soon, not at once."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, verbs()
        time.sleep(0.1)
        connection.close()


def when(page, condition, seconds=10):
    """Of the video `v`. Playwright's own waiting is kept out by our policy: it evaluates text."""
    end = time.monotonic() + seconds
    while not page.evaluate(f"(() => {{ const v = document.querySelector('video'); return {condition} }})()"):
        assert time.monotonic() < end, condition
        page.wait_for_timeout(50)


def play(page, rate=1):
    page.evaluate(
        "rate => { const v = document.querySelector('video'); v.playbackRate = rate; return v.play() }", rate
    )


def go_to(page, seconds):
    page.evaluate("seconds => { document.querySelector('video').currentTime = seconds }", seconds)


def now_at(page):
    return page.evaluate("document.querySelector('video').currentTime")


def pause(page):
    page.evaluate("document.querySelector('video').pause()")


def value(statement, name):
    return statement["result"]["extensions"][f"{X}{name}"]


def test_playing_jumping_and_pausing_is_told(opened, media, student):
    page = opened()
    page.locator("video").focus()
    page.keyboard.press("Space")
    when(page, "v.currentTime > 1")
    go_to(page, 60)
    when(page, "v.currentTime > 61")
    page.locator("video").focus()
    page.keyboard.press("Space")
    until(lambda: "paused" in verbs())

    assert verbs() == ["initialized", "played", "seeked", "paused"]
    initialized, played, seeked, paused = stored()
    context = initialized["context"]["extensions"]
    assert (context[f"{X}length"], context[f"{X}session-id"]) == (120, initialized["id"])
    assert value(played, "time") == pytest.approx(0, abs=0.5)
    assert value(seeked, "time-from") == pytest.approx(1.1, abs=0.6)
    assert value(seeked, "time-to") == pytest.approx(60, abs=0.1)
    first, second = value(paused, "played-segments").split("[,]")
    assert first == f"{value(played, 'time'):g}[.]{value(seeked, 'time-from'):g}"
    assert second == f"{value(seeked, 'time-to'):g}[.]{value(paused, 'time'):g}"
    assert value(paused, "progress") == pytest.approx(2 / 120, abs=0.02)
    assert {one["actor"]["mbox"] for one in stored()} == {f"mailto:{student.email}"}
    assert {one["context"]["extensions"][f"{X}session-id"] for one in stored()} == {initialized["id"]}
    times = [one["timestamp"] for one in stored()]
    assert times == sorted(set(times))


def test_dragging_is_one_jump(opened):
    page = opened()
    play(page)
    when(page, "v.currentTime > 0.5")
    for seconds in (20, 30, 50):
        go_to(page, seconds)
        page.wait_for_timeout(100)
    until(lambda: "seeked" in verbs())
    pause(page)
    until(lambda: "paused" in verbs())

    [seeked] = [one for one in stored() if one["verb"]["id"].endswith("seeked")]
    assert value(seeked, "time-from") < 5
    assert value(seeked, "time-to") == pytest.approx(50, abs=0.1)


def test_seen_to_the_end_is_complete_once_and_seen_again_is_no_jump_of_its_length(opened):
    page = opened()
    play(page, rate=16)
    until(lambda: "completed" in verbs(), seconds=20)
    when(page, "v.ended", seconds=20)
    play(page, rate=1)
    when(page, "v.currentTime < 10 && !v.paused")
    pause(page)
    until(lambda: verbs().count("paused") == 2)

    assert verbs().count("completed") == 1
    [completed] = [one for one in stored() if one["verb"]["id"].endswith("completed")]
    assert completed["result"]["completion"] is True
    assert value(completed, "progress") >= 0.95
    after = verbs()[verbs().index("paused") + 1 :]
    assert [verb for verb in after if verb in ("played", "seeked")] == ["seeked", "played"]


def test_while_it_plays_it_is_told_where(opened, page):
    page.clock.install()
    opened()
    play(page)
    when(page, "v.currentTime > 0.5")
    page.clock.run_for(16_000)
    assert "interacted" not in verbs()
    page.clock.run_for(20_000)
    until(lambda: "interacted" in verbs())

    [first, *_] = [one for one in stored() if one["verb"]["id"].endswith("interacted")]
    assert value(first, "time") > 0.4


def test_leaving_sends_the_rest(opened, site):
    page = opened()
    play(page)
    when(page, "v.currentTime > 1")
    page.goto(f"{site}/")
    until(lambda: "terminated" in verbs())

    ids = {one["id"] for one in stored()}
    terminated = next(one for one in stored() if one["verb"]["id"].endswith("terminated"))
    assert set(verbs()) == {"initialized", "played", "terminated"}
    assert len(ids) == 3
    assert value(terminated, "time") > 1


def test_offline_and_back_loses_nothing(opened, page, context, media):
    poll = watching.poll(media, question="What is a limit?", at_seconds=3)
    opened()
    play(page)
    when(page, "v.buffered.end(0) > 20")
    context.set_offline(True)
    expect(page.get_by_text("There is no connection.")).to_be_visible()
    expect(page.get_by_role("region", name="Question at this moment")).to_be_visible()
    page.get_by_label("Answer B").check()
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_text("Your answer is kept on this page")).to_be_visible()
    page.get_by_role("button", name="Continue").click()
    when(page, "v.currentTime > 4")
    pause(page)
    told = page.evaluate(
        "JSON.parse(sessionStorage.getItem(Object.keys(sessionStorage)[0])).map(one => one.statement.id)"
    )

    context.set_offline(False)

    expect(page.get_by_text("Connected again")).to_be_visible()
    until(lambda: set(told) <= {one["id"] for one in stored()})
    assert AnswerEvent.objects.get().response == "b"
    expect(page.locator(f"#poll-{poll.uuid}").get_by_text("Your answer is counted.")).to_be_visible()
    assert page.evaluate("sessionStorage.length") == 0


def test_what_could_not_be_sent_is_sent_when_the_page_is_opened_again(opened, page):
    page.route("**/statements", lambda route: route.abort())
    opened()
    play(page)
    when(page, "v.currentTime > 1")
    pause(page)
    expect(page.get_by_text("There is no connection.")).to_be_visible()
    assert stored() == []
    page.unroute("**/statements")
    page.reload()

    until(lambda: {"initialized", "played", "paused"} <= set(verbs()))


def test_signed_out_meanwhile(opened, page, context, site, student, sign_in):
    opened()
    cookies = context.cookies()
    context.clear_cookies(name="echo_lms_session")
    play(page)
    when(page, "v.currentTime > 1")
    pause(page)
    expect(page.get_by_text("You are signed out.")).to_be_visible()
    assert stored() == []

    context.add_cookies(cookies)
    play(page)
    page.wait_for_timeout(300)
    pause(page)

    until(lambda: verbs().count("paused") == 2)
    expect(page.get_by_text("Connected again")).to_be_visible()


def test_one_bad_statement_keeps_back_no_other(opened, page):
    opened()
    viewer = page.locator("#watch").get_attribute("data-viewer")
    address = page.locator("#watch").get_attribute("data-statements")
    bad = {"to": address, "statement": {"id": "none", "verb": {"id": "x"}}}
    on_leaving = "addEventListener('pagehide', () => sessionStorage.setItem(key, JSON.stringify([bad])))"
    page.evaluate(f"([key, bad]) => {{ {on_leaving} }}", [f"echo_lms.unsent.{viewer}", bad])
    page.reload()
    play(page)
    when(page, "v.currentTime > 1")
    pause(page)

    until(lambda: "paused" in verbs())
    expect(page.get_by_text("Some of what you watched could not be counted.")).to_be_visible()


# --- Polls ----------------------------------------------------------------------------------------------
def tab_to(page, element):
    for _ in range(40):
        if element.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {element}")


def test_a_poll_comes_at_its_moment_and_is_answered_by_keyboard(opened, media, axe):
    watching.poll(media, question="What is a limit?", at_seconds=2, results="answered")
    watching.poll(media, "several", question="Which ones?", at_seconds=2)
    page = opened()
    keys = page.keyboard
    expect(page.get_by_text("What is a limit?")).to_be_hidden()
    page.locator("video").focus()
    keys.press("Space")

    question = page.get_by_role("heading", name="What is a limit?")
    expect(question).to_be_focused()
    assert page.evaluate("document.querySelector('video').paused")
    assert 2 <= now_at(page) < 3
    assert axe(page) == []
    keys.press("Tab")
    keys.press("ArrowDown")
    expect(page.get_by_role("radio", name="Answer B")).to_be_checked()
    tab_to(page, page.get_by_role("button", name="Answer", exact=True))
    keys.press("Enter")
    expect(page.get_by_text("Right. You answered: Answer B")).to_be_visible()
    going_on = page.get_by_role("button", name="Continue")
    expect(going_on).to_be_focused()
    expect(going_on).to_have_accessible_description("Right. You answered: Answer B")
    assert axe(page) == []
    keys.press("Enter")

    expect(page.get_by_role("heading", name="Which ones?")).to_be_focused()
    tab_to(page, page.get_by_role("button", name="Skip"))
    keys.press("Enter")
    expect(page.locator("video")).to_be_focused()
    when(page, "!v.paused && v.currentTime > 3")
    expect(page.get_by_role("region", name="Questions").get_by_role("heading", level=3)).to_have_text(
        ["What is a limit?", "Which ones?"]
    )
    assert [event.response for event in AnswerEvent.objects.all()] == ["b"]


@pytest.mark.parametrize(
    ("choice", "said"),
    [("Answer B", "Right. You answered: Answer B"), ("Answer A", "Not right. You answered: Answer A")],
)
def test_after_an_answer_that_may_be_given_again_it_goes_on_with_one_key(choice, said, opened, media):
    watching.poll(media, question="What is a limit?", at_seconds=2, attempts=0, results="answered")
    page = opened()
    play(page)
    expect(page.get_by_role("heading", name="What is a limit?")).to_be_focused()
    page.get_by_label(choice).check()
    page.get_by_role("button", name="Answer", exact=True).click()

    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_role("button", name="Continue")).to_be_focused()
    assert page.evaluate("document.querySelector('video').paused")
    page.keyboard.press("Enter")
    when(page, "!v.paused && v.currentTime > 3")
    expect(page.locator("video")).to_be_focused()


def test_the_bars_of_a_result_begin_and_end_below_each_other(opened, media, section):
    poll = watching.poll(media, results="answered")
    for response in "b" * 24 + "a":
        viewing.answered(poll, viewing.student(section), response)
    page = opened()
    page.get_by_label("Answer B").check()
    page.get_by_role("button", name="Answer", exact=True).click()

    expect(page.get_by_text("96 %", exact=True)).to_be_visible()
    boxes = [one.bounding_box() for one in page.locator("meter").all()]
    assert len(boxes) == 3
    assert len({(box["x"], box["width"]) for box in boxes if box}) == 1


def test_what_is_no_answer_is_told_in_its_place(opened, media):
    watching.poll(media, "several", question="Which ones?")
    page = opened()
    page.get_by_role("button", name="Answer", exact=True).click()
    expect(page.get_by_role("alert")).to_have_text("Choose at least one of the answers.")
    page.get_by_label("Answer A").check()
    page.get_by_label("Answer C").check()
    page.get_by_role("button", name="Answer", exact=True).click()

    expect(page.get_by_text("Your answer is counted.")).to_be_visible()
    assert AnswerEvent.objects.get().response == "a[,]c"


def test_a_poll_that_was_jumped_over_is_below(opened, media):
    watching.poll(media, question="What is a limit?", at_seconds=20)
    watching.poll(media, question="Later?", at_seconds=100)
    page = opened()
    go_to(page, 50)

    expect(page.get_by_role("heading", name="What is a limit?")).to_be_visible()
    expect(page.get_by_text("Later?")).to_be_hidden()
    assert now_at(page) == 50


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_narrow_and_wide(scheme, opened, page, site, section, media, axe):
    for number, kind in enumerate(("one", "several", "true_false", "numeric", "short", "open")):
        watching.poll(media, kind, question=f"A question of kind {kind}?", attempts=number)
    empty = watching.media(section)
    watching.poll(empty)
    page.emulate_media(color_scheme=scheme)
    for width in (1280, 320):
        page.set_viewport_size({"width": width, "height": 800})
        opened()
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
        page.goto(f"{site}{empty.watch_path}")
        assert axe(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_without_script(browser, site, media, student, sign_in):
    poll = watching.poll(media, question="What is a limit?", at_seconds=30, anonymous=True, results="answered")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, student)
    page.goto(f"{site}{media.watch_path}")
    expect(page.get_by_text("what you watch is not counted")).to_be_visible()
    page.get_by_label("Answer B").check()
    page.get_by_role("button", name="Answer", exact=True).click()

    expect(page.locator(f"#poll-{poll.uuid}").get_by_text("Your answer is counted.")).to_be_visible()
    expect(page.get_by_role("button", name="Answer", exact=True)).to_have_count(0)
    expect(page.locator("source")).to_have_attribute("src", re.compile("#t=30$"))  # where it was asked
    assert AnswerEvent.objects.get().response == "b"
    context.close()


def test_an_address_with_a_time_begins_there(opened, media):
    page = opened(f"{media.watch_path}?t=40")

    when(page, "v.currentTime >= 40")
