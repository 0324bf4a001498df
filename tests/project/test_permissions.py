"""Role × URL, over every URL of the project: a URL that is missing from the table is a failing test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from analytics import sources
from analytics.models import Activity, Erasure, RawDrop, StudentLook
from configurations.models import ApiConfiguration, ConnectionEvent
from directory.models import Directory, LmsCourse, LmsInstructor, RefreshRun
from echo_lms import heartbeats
from schedules.models import BulkChange, Department, Feed, ImportJob, NonTeachingDay, Organization, Submission
from tests.support import timetable, viewing, watching
from tests.support.timetable import MONDAY

pytestmark = pytest.mark.django_db
ROLES = ("anonymous", "outsider", "instructor", "scheduler", "admin")
SIGN_IN = "sign-in"
OPEN = (200, 200, 200, 200, 200)
SIGNED_IN = (SIGN_IN, 200, 200, 200, 200)
ADMIN_SITE = (SIGN_IN, 403, 403, 403, 200)
ADMINS = (SIGN_IN, 403, 403, 403, 200)


@dataclass(frozen=True)
class Row:
    """What each of ROLES gets for a GET: a status, or "sign-in" for the way to the sign-in page."""

    expected: tuple[int | str, ...]
    arguments: tuple[object, ...] = ()


def row(expected: tuple[int | str, ...], *arguments: object) -> Row:
    return Row(expected, arguments)


CONFIGURATION = "configuration"


def directory_urls(model: str) -> dict[str, Row]:
    """What the LMS says can be read by administrators and changed by nobody."""
    nobody = (SIGN_IN, 403, 403, 403, 403)
    return {
        f"admin:directory_{model}_changelist": row(ADMIN_SITE),
        f"admin:directory_{model}_add": row(nobody),
        f"admin:directory_{model}_change": row(ADMIN_SITE, model),
        f"admin:directory_{model}_delete": row(nobody, model),
        f"admin:directory_{model}_history": row(ADMIN_SITE, model),
    }


def recorded_urls(model: str) -> dict[str, Row]:
    """What is known of people's watching can be read by administrators and changed by nobody."""
    nobody = (SIGN_IN, 403, 403, 403, 403)
    return {
        f"admin:analytics_{model}_changelist": row(ADMIN_SITE),
        f"admin:analytics_{model}_add": row(nobody),
        f"admin:analytics_{model}_change": row(ADMIN_SITE, model),
        f"admin:analytics_{model}_delete": row(nobody, model),
        f"admin:analytics_{model}_history": row(ADMIN_SITE, model),
    }


def kept_urls(model: str, app: str = "schedules", row_of: str = "") -> dict[str, Row]:
    """Places, terms, courses and media are the administrators' to keep."""
    key = row_of or model
    return {
        f"admin:{app}_{model}_changelist": row(ADMIN_SITE),
        f"admin:{app}_{model}_add": row(ADMIN_SITE),
        f"admin:{app}_{model}_change": row(ADMIN_SITE, key),
        f"admin:{app}_{model}_delete": row(ADMIN_SITE, key),
        f"admin:{app}_{model}_history": row(ADMIN_SITE, key),
    }


SCHEDULERS = (SIGN_IN, 403, 403, 200, 200)
READERS = (SIGN_IN, 403, 404, 200, 200)  # an instructor of other sections does not find it
POSTED = (SIGN_IN, 403, 403, 405, 405)
POSTED_BY_READERS = (SIGN_IN, 403, 405, 405, 405)


TABLE: dict[str, Row] = {
    "schedules": row((SIGN_IN, 403, 200, 200, 200)),
    "captures": row((SIGN_IN, 403, 200, 200, 200)),
    "search": row((SIGN_IN, 403, 200, 200, 200)),
    "choose_columns": row(POSTED_BY_READERS),
    "day": row(SCHEDULERS),
    "link_course": row(SCHEDULERS),
    "suggest_instructors": row(SCHEDULERS),
    "linked": row((SIGN_IN, 403, 403, 404, 200), "submission"),
    "undo_link": row(POSTED, "submission"),
    "schedule": row(READERS, "schedule"),
    "change_schedule": row(SCHEDULERS, "schedule"),
    "end_schedule": row(SCHEDULERS, "schedule"),
    "delete_schedule": row(SCHEDULERS, "schedule"),
    "move_captures": row((SIGN_IN, 403, 403, 302, 302)),
    "moved_captures": row((SIGN_IN, 403, 403, 404, 200), "bulk"),
    "undo_move": row(POSTED, "bulk"),
    "capture": row(READERS, "capture"),
    "change_capture": row(SCHEDULERS, "capture"),
    "cancel_capture": row(POSTED_BY_READERS, "capture"),
    "restore_capture": row(POSTED_BY_READERS, "capture"),
    "section": row(READERS, "section"),
    "change_section": row(SCHEDULERS, "section"),
    "say_consent": row(POSTED_BY_READERS, "section"),
    "unlink": row(SCHEDULERS, "link"),
    "relink": row(SCHEDULERS, "link"),
    # Whose sections it shows is tested in tests/analytics/test_tab.py: everybody sees their own and no others.
    "analytics": row((SIGN_IN, 403, 200, 403, 200)),
    "analytics_file": row((SIGN_IN, 403, 200, 403, 200), "polls"),
    # Instructors of the section: tests/analytics/test_media_page.py and test_poll_page.py. Others find nothing.
    "media_figures": row((SIGN_IN, 403, 404, 403, 404), "media_row"),
    "media_file": row((SIGN_IN, 403, 404, 403, 404), "media_row", "viewers"),
    "poll_figures": row((SIGN_IN, 403, 404, 403, 404), "poll_row"),
    "poll_file": row((SIGN_IN, 403, 404, 403, 404), "poll_row", "choices"),
    "institution_figures": row(ADMINS),
    "institution_file": row(ADMINS),
    "pseudonymised": row(ADMINS),
    # tests/analytics/test_student_page.py.
    "student_figures": row((SIGN_IN, 403, 404, 403, 404), "learner"),
    "student_file": row((SIGN_IN, 403, 404, 403, 404), "learner", "seen"),
    "section_figures": row((SIGN_IN, 403, 404, 403, 200), "section"),
    "my_viewing": row(SIGNED_IN),
    "my_viewing_file": row((SIGN_IN, 404, 404, 404, 404), "seen"),  # who is no student has none
    # Students and instructors of the section: tests/analytics/test_watch.py. Others find nothing.
    "watch": row((SIGN_IN, 404, 404, 404, 200), "media"),
    "watch_video": row((SIGN_IN, 404, 404, 404, 404), "media"),
    "watch_captions": row((SIGN_IN, 404, 404, 404, 404), "media"),
    "watch_statements": row((SIGN_IN, 405, 405, 405, 405), "media"),
    "answer_poll": row((SIGN_IN, 405, 405, 405, 405), "media", "poll"),
    # An event source signs in with its own key: tests/analytics/test_xapi.py.
    "xapi_statements": row((401, 401, 401, 401, 401)),
    # The same: tests/analytics/test_documents.py.
    "xapi_state": row((401, 401, 401, 401, 401)),
    "xapi_activity_profile": row((401, 401, 401, 401, 401)),
    "xapi_agent_profile": row((401, 401, 401, 401, 401)),
    "xapi_activity": row((401, 401, 401, 401, 401)),
    "xapi_agent": row((401, 401, 401, 401, 401)),
    "xapi_about": row(OPEN),
    "caliper_events": row((405, 405, 405, 405, 405)),
    "home": row(SIGNED_IN),
    "sign_in": row((200, 302, 302, 302, 302)),
    "sign_out": row((405, 405, 405, 405, 405)),
    "profile": row(SIGNED_IN),
    "change_password": row(SIGNED_IN),
    "admin_sign_in": row((SIGN_IN, 403, 403, 403, 302)),
    "admin_sign_out": row((405, 405, 405, 405, 405)),
    "oauth2_complete": row((400, 403, 403, 403, 302)),
    "oauth2_result": row((SIGN_IN, 403, 403, 403, 302)),
    "authorize": row((SIGN_IN, 403, 403, 403, 302), CONFIGURATION),
    "authorization_progress": row(ADMINS, CONFIGURATION),
    # CSV files: schedulers import terms, sections and schedules (tests/schedules/test_csv_jobs.py has the others).
    "files": row(SCHEDULERS),
    "file_upload": row(SCHEDULERS, "terms"),
    "file_export": row(SCHEDULERS, "terms"),
    "file_sample": row(SCHEDULERS, "terms"),
    "file_job": row((SIGN_IN, 403, 403, 200, 404), "importjob"),
    "healthz": row(OPEN),
    "readyz": row((503, 503, 503, 503, 503)),
    # What is signed in the address decides, not who is signed in.
    "feeds": row(SIGNED_IN),
    "feed": row((404, 404, 404, 404, 404), "1.not-signed"),
    "revoke_feed": row((SIGN_IN, 404, 404, 404, 200), "feed"),
    "recorder_report": row((405, 405, 405, 405, 405), "1.not-signed", 1),
    "admin:index": row(ADMIN_SITE),
    "admin:login": row((SIGN_IN, 403, 403, 403, 302)),
    "admin:logout": row((405, 405, 405, 405, 405)),
    "admin:password_change": row((SIGN_IN, 302, 302, 302, 302)),
    "admin:password_change_done": row(ADMIN_SITE),
    "admin:autocomplete": row((SIGN_IN, 403, 403, 403, 403)),
    "admin:jsi18n": row(ADMIN_SITE),
    "admin:view_on_site": row((SIGN_IN, 403, 403, 403, 404), 1, 1),
    "admin:app_list": row(ADMIN_SITE, "configurations"),
    "admin:configurations_apiconfiguration_changelist": row(ADMIN_SITE),
    "admin:configurations_apiconfiguration_add": row(ADMIN_SITE),
    "admin:configurations_apiconfiguration_change": row(ADMIN_SITE, CONFIGURATION),
    "admin:configurations_apiconfiguration_delete": row(ADMIN_SITE, CONFIGURATION),
    "admin:configurations_apiconfiguration_history": row(ADMIN_SITE, CONFIGURATION),
    "admin:configurations_apiconfiguration_test": row(ADMIN_SITE, CONFIGURATION),
    "admin:configurations_apiconfiguration_disconnect": row(ADMIN_SITE, CONFIGURATION),
    "admin:configurations_connectionevent_changelist": row(ADMIN_SITE),
    "admin:configurations_connectionevent_add": row((SIGN_IN, 403, 403, 403, 403)),
    "admin:configurations_connectionevent_change": row(ADMIN_SITE, "event"),
    "admin:configurations_connectionevent_delete": row((SIGN_IN, 403, 403, 403, 403), "event"),
    "admin:configurations_connectionevent_history": row(ADMIN_SITE, "event"),
    "admin:directory_directory_changelist": row(ADMIN_SITE),
    "admin:directory_directory_add": row((SIGN_IN, 403, 403, 403, 403)),
    "admin:directory_directory_change": row(ADMIN_SITE, "directory"),
    "admin:directory_directory_delete": row((SIGN_IN, 403, 403, 403, 403), "directory"),
    "admin:directory_directory_history": row(ADMIN_SITE, "directory"),
    "admin:directory_directory_refresh": row((SIGN_IN, 403, 403, 403, 405), "directory"),
    "admin:directory_directory_progress": row(ADMIN_SITE, "directory"),
    **directory_urls("lmsinstructor"),
    "admin:directory_lmsinstructor_refresh": row((SIGN_IN, 403, 403, 403, 405), "lmsinstructor"),
    **directory_urls("lmscourse"),
    **directory_urls("refreshrun"),
    **kept_urls("campus"),
    **kept_urls("building"),
    **kept_urls("room"),
    **kept_urls("term"),
    **kept_urls("nonteachingday"),
    **kept_urls("organization"),
    **kept_urls("department"),
    **kept_urls("course"),
    **kept_urls("section"),
    **kept_urls("schedulerscope"),
    **kept_urls("media", app="analytics", row_of="media_row"),
    **recorded_urls("learner"),
    "admin:analytics_learner_erase": row(ADMIN_SITE, "learner"),
    **recorded_urls("erasure"),
    **recorded_urls("studentlook"),
    **recorded_urls("rawdrop"),
    **recorded_urls("activity"),
    "admin:analytics_eventsource_changelist": row(ADMIN_SITE),
    "admin:analytics_eventsource_add": row(ADMIN_SITE),
    "admin:analytics_eventsource_change": row(ADMIN_SITE, "eventsource"),
    "admin:analytics_eventsource_delete": row((SIGN_IN, 403, 403, 403, 403), "eventsource"),
    "admin:analytics_eventsource_history": row(ADMIN_SITE, "eventsource"),
    "admin:analytics_eventsource_renew": row(ADMIN_SITE, "eventsource"),
    "admin:analytics_eventsource_revoke": row(ADMIN_SITE, "eventsource"),
    "admin:accounts_user_changelist": row(ADMIN_SITE),
    "admin:accounts_user_add": row(ADMIN_SITE),
    "admin:accounts_user_change": row(ADMIN_SITE, "user"),
    "admin:accounts_user_delete": row(ADMIN_SITE, "user"),
    "admin:accounts_user_history": row(ADMIN_SITE, "user"),
    "admin:auth_user_password_change": row(ADMIN_SITE, "user"),
}


def names(patterns: list[URLPattern | URLResolver], namespace: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from names(pattern.url_patterns, namespace + inner)
        elif pattern.name:
            yield f"{namespace}{pattern.name}"


def test_every_url_of_the_project_is_in_the_table():
    assert set(names(get_resolver().url_patterns)) == set(TABLE)


@pytest.fixture(autouse=True)
def no_heartbeats() -> None:
    """Whatever an earlier test made Redis remember of workers: here there are none."""
    heartbeats.connection().delete(heartbeats.WORKER, heartbeats.BEAT)


@pytest.fixture
def arguments(scheduler, person) -> dict[str, object]:
    configuration = ApiConfiguration.objects.create(
        name="Canvas", base_url="http://127.0.0.1:8900", client_id="1", client_secret="secret-of-the-key"
    )
    event = ConnectionEvent.record(configuration, ConnectionEvent.Kind.ADDED)
    instructor = LmsInstructor.objects.create(configuration=configuration, lms_id="1", name="Ira Instructor")
    lms_course = LmsCourse.objects.create(configuration=configuration, lms_id="2", name="Algebra")
    section = timetable.section()
    schedule = timetable.schedule(section)
    submission = Submission.objects.create(key=uuid.uuid4(), section=section, schedule=schedule)
    campus = schedule.room.building.campus
    organization = Organization.objects.create(name="University")
    day = NonTeachingDay.objects.create(name="Holiday", first=MONDAY, last=MONDAY, campus=campus)
    media = watching.media(section)
    poll = watching.poll(media)
    student = viewing.student(section)
    limited = person("limited@example.edu", "Schedulers")
    elsewhere = Activity.of("https://media.example.edu/elsewhere")
    viewing.store([viewing.events_of(media, (0, 1))[0] | {"activity_id": elsewhere.pk}])
    return {
        "media": media.uuid,
        "media_row": media.pk,
        "poll": poll.uuid,
        "poll_row": poll.pk,
        "campus": campus.pk,
        "building": schedule.room.building.pk,
        "room": schedule.room.pk,
        "term": section.term.pk,
        "nonteachingday": day.pk,
        "organization": organization.pk,
        "department": Department.objects.create(name="Physics", organization=organization).pk,
        "course": section.course.pk,
        "schedulerscope": limited.scheduler_scopes.create(campus=campus).pk,
        "configuration": configuration.pk,
        "event": event.pk,
        "user": scheduler.pk,
        "directory": Directory.of(configuration).pk,
        "lmsinstructor": instructor.pk,
        "importjob": ImportJob.objects.create(user=scheduler, kind="terms", file_name="terms.csv", content=b"").pk,
        "feed": Feed.objects.create(room=timetable.room(), audience="recorder").pk,
        "lmscourse": lms_course.pk,
        "section": section.pk,
        "schedule": schedule.pk,
        "capture": schedule.captures.earliest("pk").pk,
        "activity": elsewhere.pk,
        "learner": student.pk,
        "erasure": Erasure.objects.create(statements=0).pk,
        "studentlook": StudentLook.objects.create(learner=student, what="").pk,
        "rawdrop": RawDrop.objects.create(month=MONDAY, until=MONDAY, batches=0, statements=0).pk,
        "eventsource": sources.add("Other player")[0].pk,
        "link": timetable.link(section, lms_course).pk,
        "submission": submission.pk,
        "bulk": BulkChange.objects.create(key=uuid.uuid4(), action="Restored").pk,
        "refreshrun": RefreshRun.objects.create(configuration=configuration).pk,
    }


@pytest.mark.parametrize("name", TABLE)
def test_each_role_gets_what_the_table_says(
    name, client, arguments, admin, scheduler, instructor, outsider, settings
):
    settings.SITE_URL = "http://testserver"
    settings.LMS_ALLOWED_INSECURE_HOSTS = ["127.0.0.1:8900"]
    cast = {"outsider": outsider, "instructor": instructor, "scheduler": scheduler, "admin": admin}
    wanted = TABLE[name]
    address = reverse(name, args=[arguments.get(str(one), one) for one in wanted.arguments])

    got: list[int | str] = []
    for role in ROLES:
        client.logout()
        if role in cast:
            client.force_login(cast[role])
        answer = client.get(address)
        if answer.status_code == 302 and answer["Location"].startswith(reverse("admin:login")):
            answer = client.get(answer["Location"])  # where the admin sends whoever it does not let in
        to_sign_in = answer.status_code == 302 and answer["Location"].startswith(reverse("sign_in"))
        got.append(SIGN_IN if to_sign_in else answer.status_code)

    assert dict(zip(ROLES, got, strict=True)) == dict(zip(ROLES, wanted.expected, strict=True))


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.expected[3] == 403])
def test_nobody_but_administrators_can_post(name, client, arguments, scheduler, instructor, outsider):
    wanted = TABLE[name]
    address = reverse(name, args=[arguments.get(str(one), one) for one in wanted.arguments])

    for user in (None, outsider, instructor, scheduler):
        client.logout()
        if user:
            client.force_login(user)
        answer = client.post(address, {"post": "yes", "email": "instructor@demo.example"}, follow=True)
        assert answer.status_code in ((200, 400, 405) if user is None else (400, 403, 404, 405))

    assert ApiConfiguration.objects.filter(name="Canvas", enabled=True).exists()
    assert not ConnectionEvent.objects.exclude(kind=ConnectionEvent.Kind.ADDED).exists()
