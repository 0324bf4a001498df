"""Media and polls in the admin."""

from __future__ import annotations

import datetime
import html
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from analytics.models import Activity, Media, Poll, ViewUser
from tests.support import timetable, viewing, watching

pytestmark = pytest.mark.django_db
MP4 = b"\0\0\0\x18ftypisom" + b"\0" * 64


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = str(tmp_path)


@pytest.fixture
def section(db):
    return timetable.section(code="ALG1")


@pytest.fixture
def office(client, admin):
    client.force_login(admin)
    return client


def filled_in(section=None, polls=(), existing=(), **fields):
    made = {
        "title": "Limits",
        "duration_seconds": "120",
        "recorded_at_0": "2026-11-02",
        "recorded_at_1": "09:00:00",
        "published_at_0": "2026-11-02",
        "published_at_1": "10:00:00",
        "polls-TOTAL_FORMS": str(len(polls)),
        "polls-INITIAL_FORMS": str(len(existing)),
    } | fields
    if section:
        made["section"] = str(section.pk)
    for number, one in enumerate(polls):
        usual = {"question": "What?", "kind": "one", "attempts": "1", "results": "never"}
        made |= {f"polls-{number}-{name}": value for name, value in (usual | one).items()}
    for number, poll in enumerate(existing):
        made[f"polls-{number}-id"] = str(poll.pk)
    return made


def errors(answer):
    found = answer.context["errors"]
    return [error for errors in found for error in (errors if isinstance(errors, list) else [errors])]


def add(office, section, **fields):
    return office.post(reverse("admin:analytics_media_add"), filled_in(section, **fields))


def change(office, media, **fields):
    return office.post(reverse("admin:analytics_media_change", args=[media.pk]), filled_in(**fields))


def test_a_media_with_files_and_a_poll(office, section):
    video = SimpleUploadedFile("Lecture 2.webm", watching.CLIP.read_bytes())
    captions = SimpleUploadedFile("l.vtt", watching.CAPTIONS.read_bytes())
    poll = {"choices": "a = Left\n b=Right = east \n\n", "correct": "b", "at_seconds": "30"}

    answer = add(office, section, polls=[poll], video=video, captions=captions)

    assert answer.status_code == 302
    media = Media.objects.get()
    assert (media.section, media.video.size) == (section, watching.CLIP.stat().st_size)
    asked = media.polls.get()
    assert asked.choices == [{"id": "a", "text": "Left"}, {"id": "b", "text": "Right = east"}]
    assert (asked.correct, asked.at_seconds) == (["b"], 30)
    page = office.get(reverse("admin:analytics_media_change", args=[media.pk])).content.decode()
    assert "a = Left\nb = Right = east" in page
    assert reverse("watch_video", args=[media.uuid]) in page
    assert "L 2.webm" not in page


RIGHT = [
    ("several", "a = A\nb = B\nc = C", "c, a\nb", ["a[,]c", "b"], "a, c\nb"),
    ("numeric", "", "4\n4,0 to 4.5", ["4", "4.0[:]4.5"], "4\n4.0 to 4.5"),
    ("true_false", "", "True", ["true"], "true"),
    ("short", "", "limit\nthe limit", ["limit", "the limit"], "limit\nthe limit"),
    ("open", "a = left over", "", [], ""),
]


@pytest.mark.parametrize(("kind", "choices", "correct", "kept", "shown"), RIGHT)
def test_right_answers_are_written_in_words(kind, choices, correct, kept, shown, office, section):
    add(office, section, polls=[{"kind": kind, "choices": choices, "correct": correct}])

    poll = Poll.objects.get()
    assert poll.correct == kept
    page = office.get(reverse("admin:analytics_media_change", args=[poll.media.pk])).content.decode()
    assert f">\n{shown}</textarea>" in page


WRONG = [
    ({"choices": "a = A\nB"}, "“B”: write each choice as “a = its text”."),
    ({"choices": "a = A\na = B"}, "a: each choice needs a letter of its own."),
    ({"choices": "a = A"}, "Give at least two choices."),
    ({"choices": "a = A\nb = B", "correct": "c"}, "c is none of the choices."),
    ({"kind": "numeric", "correct": "four"}, "“four”: write a number, or two with “to” between them."),
    ({"kind": "true_false", "correct": "maybe"}, "The right answer is true or false."),
]


@pytest.mark.parametrize(("poll", "sentence"), WRONG)
def test_what_is_no_poll_is_told(poll, sentence, office, section):
    answer = add(office, section, polls=[poll])

    assert sentence in errors(answer)
    assert not Media.objects.exists()


FILES = [
    ("video", "a.avi", MP4, "Choose an MP4 or WebM file. Other kinds do not play in every browser."),
    ("video", "a.webm", MP4, "This is no WEBM file, whatever its name says."),
    ("video", "a.mp4", b"<html>", "This is no MP4 file, whatever its name says."),
    ("captions", "a.srt", b"WEBVTT", "Choose a WebVTT file; its name ends in .vtt."),
    ("captions", "a.vtt", b"<script>", "This is no WebVTT file: it has to begin with WEBVTT."),
    ("captions", "a.vtt", b"WEBVTT \xff", "The captions have to be saved as UTF-8."),
    ("captions", "a.vtt", b"WEBVTT" + b" " * 2 * 1024**2, "The file is larger than 2 MiB."),
]


@pytest.mark.parametrize(("field", "name", "content", "sentence"), FILES)
def test_files_of_another_kind_are_refused(field, name, content, sentence, office, section):
    answer = add(office, section, **{field: SimpleUploadedFile(name, content)})

    assert errors(answer) == [sentence]


def test_a_replaced_file_goes_and_a_kept_one_stays(office, section, tmp_path, django_capture_on_commit_callbacks):
    media = watching.media(section, with_files=True)
    with django_capture_on_commit_callbacks(execute=True):
        change(office, media, title="Renamed")
    assert len(list(tmp_path.rglob("*.webm"))) == 1

    with django_capture_on_commit_callbacks(execute=True):
        change(office, media, video=SimpleUploadedFile("new.mp4", MP4))

    assert [path.name for path in tmp_path.rglob("media/*")] == ["new.mp4"]
    with django_capture_on_commit_callbacks(execute=True):
        office.post(reverse("admin:analytics_media_delete", args=[media.pk]), {"post": "yes"})
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_the_section_stays(office, section):
    media = watching.media(section)

    answer = change(office, media, section=timetable.section())

    assert answer.status_code == 302
    media.refresh_from_db()
    assert (media.section, media.title) == (section, "Limits")


def test_a_poll_with_answers_keeps_what_they_rest_on(office, section):
    media = watching.media(section)
    poll = watching.poll(media)
    viewing.answered(poll, viewing.student(section), "b")
    told = "People have answered: this can no longer change. Make another question."
    same = {"question": poll.question, "choices": "a = A\nb = B\nc = C", "correct": "b"}

    for other in ({"kind": "several"}, {"anonymous": "on"}, {"choices": "a = A\nb = B"}):
        assert errors(change(office, media, polls=[same | other], existing=[poll])) == [told]
    answer = change(office, media, polls=[same | {"DELETE": "on"}], existing=[poll])
    assert "has answers and is not deleted" in answer.content.decode()
    assert change(office, media, polls=[same | {"question": "Better?"}], existing=[poll]).status_code == 302
    assert Poll.objects.get().question == "Better?"


def test_another_length_counts_anew(office, section):
    media = watching.media(section, recorded_at=timezone.now() - datetime.timedelta(days=1))
    viewing.watched(media, viewing.student(section), (0, 100))

    change(office, media, duration_seconds="60")

    assert ViewUser.objects.get().seconds == 60


def test_a_media_that_another_system_plays_brings_what_was_watched_before(office, section):
    iri = "https://media.example.edu/415"
    elsewhere = viewing.media(section, activity=Activity.of(iri))
    viewing.store(viewing.events_of(elsewhere, (0, 100)), viewing.student(section))
    elsewhere.delete()

    add(office, section, iri=iri)

    media = Media.objects.get()
    assert media.activity.iri == iri
    assert ViewUser.objects.get(media_id=media.pk).seconds == 100
    answer = change(office, media, iri="https://media.example.edu/416")
    assert errors(answer) == ["It was watched under its present name, which can no longer change."]


@pytest.mark.parametrize("iri", ["415", "https://media.example.edu/a b", "https://media.example.edu/taken"])
def test_what_is_no_name_in_statements_is_told(iri, office, section):
    viewing.media(activity=Activity.of("https://media.example.edu/taken"))

    assert len(errors(add(office, section, iri=iri))) == 1


def test_without_a_name_of_its_own_a_media_has_ours(office, section):
    add(office, section)
    media = Media.objects.get()
    assert media.activity.iri == media.own_iri


def test_what_was_watched_is_not_deleted(office, section):
    media = watching.media(section)
    viewing.watched(media, viewing.student(section), (0, 100))

    answer = office.post(reverse("admin:analytics_media_delete", args=[media.pk]), {"post": "yes"})

    assert "1 view session" in answer.content.decode()
    assert Media.objects.exists()


# --- Names without media --------------------------------------------------------------------------------
def test_what_is_watched_elsewhere_is_listed_until_a_media_has_its_name(office, section):
    iri = "https://media.example.edu/415?a=1&b=2"
    watched, mentioned = Activity.of(iri), Activity.of("https://media.example.edu/mentioned")
    viewing.store([viewing.events_of(viewing.media(section), (0, 1))[0] | {"activity_id": watched.pk}])
    page = office.get("/admin/analytics/activity/").content.decode()
    assert "https://media.example.edu/415?a=1&amp;b=2" in page
    assert mentioned.iri not in page

    address = html.unescape(re.findall(r'href="(/admin/analytics/media/add/[^"]+)"', page)[0])
    assert office.get(address).context["adminform"].form.initial["iri"] == iri
    add(office, section, iri=iri)

    assert Media.objects.filter(activity=watched).exists()
    assert "media.example.edu" not in office.get("/admin/analytics/activity/").content.decode()
