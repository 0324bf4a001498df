"""Whether recording waits for instructors: the policies, who may say what, and what it does."""

from __future__ import annotations

import pytest
from django.urls import reverse

from schedules import consent
from schedules.models import Capture, Change, ConsentPolicy, Section
from schedules.models.courses import Department, Organization
from tests.support import timetable

pytestmark = pytest.mark.django_db
Policy = ConsentPolicy


@pytest.fixture
def place():
    return timetable.campus(consent=Policy.ALL)


@pytest.fixture
def section(instructor, other_instructor):
    return timetable.section(instructor, other_instructor, code="ALG1")


@pytest.fixture
def schedule(section, place, instructor):
    return timetable.schedule(section, in_room=timetable.room(on=place), presenter=instructor)


def said(section, campus, *answers):
    people = [row.user for row in section.teaching.order_by("pk")]
    for person, agreed in zip(people, answers, strict=False):
        if agreed is not None:
            consent.say(section, person, agreed=agreed, by=person)
    return consent.standing_of(Section.objects.get(pk=section.pk), campus).recorded


@pytest.mark.parametrize(
    ("policy", "answers", "recorded"),
    [
        (Policy.NONE, (False, False), True),
        (Policy.OPT_OUT, (), True),
        (Policy.OPT_OUT, (True, None), True),
        (Policy.OPT_OUT, (None, False), False),
        (Policy.ONE, (), False),
        (Policy.ONE, (None, True), True),
        (Policy.ONE, (True, False), False),
        (Policy.ALL, (True, None), False),
        (Policy.ALL, (True, True), True),
        (Policy.ALL, (True, False), False),
    ],
)
def test_the_policies(policy, answers, recorded, section):
    assert said(section, timetable.campus(consent=policy), *answers) is recorded


def test_a_section_without_instructors_waits_where_somebody_has_to_agree():
    section = timetable.section()

    assert not said(section, timetable.campus(consent=Policy.ALL))
    assert not said(section, timetable.campus(consent=Policy.ONE))
    assert said(section, timetable.campus(consent=Policy.OPT_OUT))


def test_a_department_goes_before_the_campus(instructor):
    school = Organization.objects.create(name="School")
    department = Department.objects.create(organization=school, name="Law", consent=Policy.ALL)
    section = timetable.section(instructor, department=department)

    assert not said(section, timetable.campus(consent=Policy.NONE))


def test_without_consent_captures_keep_their_room_and_are_not_recordable(schedule, section, instructor):
    captures = list(Capture.objects.with_names())

    assert consent.recordable(captures) == []
    assert Capture.objects.filter(state=Capture.State.SCHEDULED).count() == 4
    said(section, schedule.room.building.campus, True, True)
    assert consent.recordable(captures) == captures


def test_what_is_held_back_costs_four_queries_whatever_the_number(
    schedule, place, instructor, django_assert_num_queries
):
    schedules = [schedule]
    for _ in range(3):
        schedules.append(timetable.schedule(timetable.section(instructor), in_room=timetable.room(on=place)))
    listed = list(Capture.objects.with_names())

    with django_assert_num_queries(4):
        held = consent.held_back([one.schedule for one in listed])

    assert set(held) == {one.pk for one in schedules}


def test_an_instructor_agrees_on_the_page_of_the_section(client, schedule, section, instructor):
    client.force_login(instructor)
    page = client.get(section.get_absolute_url()).content.decode()
    assert "Recorded once all instructors agree" in page
    assert page.count('name="agreed" value="yes"') == 1

    client.post(reverse("say_consent", args=[section.pk]), {"person": instructor.pk, "agreed": "yes"})

    assert "Waits for the consent of Other Instructor." in client.get(schedule.get_absolute_url()).content.decode()
    assert Change.objects.latest("pk").action == "Instructor agreed to recording"


def test_staff_decide_for_somebody_else_only_with_a_reason(client, schedule, section, instructor, scheduler):
    client.force_login(scheduler)
    address = reverse("say_consent", args=[section.pk])

    client.post(address, {"person": instructor.pk, "agreed": "yes"})
    assert not section.consents.exists()
    client.post(address, {"person": instructor.pk, "agreed": "yes", "reason": "Agreed by letter"})

    assert section.consents.get().reason == "Agreed by letter"
    assert "decided by staff: Agreed by letter" in Change.objects.latest("pk").action


def test_an_instructor_cannot_speak_for_a_colleague(client, schedule, section, instructor, other_instructor):
    client.force_login(instructor)

    answer = client.post(
        reverse("say_consent", args=[section.pk]),
        {"person": other_instructor.pk, "agreed": "yes", "reason": "I know them"},
    )

    assert answer.status_code == 403
    assert not section.consents.exists()


@pytest.mark.parametrize("forged", ["", "x", "999999", "9" * 30])
def test_a_forged_person_is_refused(forged, client, section, scheduler):
    client.force_login(scheduler)

    answer = client.post(reverse("say_consent", args=[section.pk]), {"person": forged, "agreed": "yes"})

    assert answer.status_code == 404
