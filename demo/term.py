"""Half a term of lectures that were watched, so that the Analytics tab has something to show at once.

Run as `python -m demo.term` in the demo's environment, with web and sandbox up. Everything goes the way it would
in a university: the Canvas is authorized through its consent page, rosters are read from it, and statements of
views and answers are sent to the endpoint. Made once; whatever a person changes afterwards is kept.
"""

from __future__ import annotations

import datetime
import io
import json
import os
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import requests

from demo.consent import consent
from demo.environment import Ports

if TYPE_CHECKING:  # models can only be imported after django.setup()
    from accounts.models import User
    from analytics.models import Media, Poll
    from schedules.models import Section

CODES = ("MAT110", "PHI105", "BIO240")
# Of somebody else, so that the institution has more to show than one instructor's courses.
COLLEAGUES = ("CHE220",)
WEEKS = 8
ARRAY = 200
VIDEO = Path(__file__).parent / "media" / "lecture.webm"
CAPTIONS = VIDEO.with_suffix(".vtt")
VIDEO_SECONDS = 120
QUESTIONS = (
    ("Which of these is continuous everywhere?", ("1/x", "x²", "tan x"), "b"),
    ("What follows from A and not A?", ("Anything", "Nothing", "A"), "a"),
    ("How sure are you of today’s main result?", ("Very", "Somewhat", "Not at all"), ""),
    ("Which step of the proof uses the assumption?", ("The first", "The second", "The last"), "c"),
)
VIDEO_PROFILE = "https://w3id.org/xapi/video"
ADL = "http://adlnet.gov/expapi"


def make_term() -> int:
    """Returns how many statements it sent; 0 if there is media already."""
    from accounts.models import User  # noqa: PLC0415 - needs django.setup() first
    from analytics.models import Media  # noqa: PLC0415

    if Media.objects.exists():
        return 0
    ports = Ports.from_environment()
    _connect(ports, User.objects.get(email="admin@demo.example"))
    sections = _sections(User.objects.get(email="instructor@demo.example"))
    chance = random.Random(110)  # noqa: S311 - the same term every time
    statements = [one for section in sections for one in _of_section(section, ports, chance)]
    _send(statements, ports)
    return len(statements)


# --- Canvas -----------------------------------------------------------------------------------------------
def _connect(ports: Ports, admin: User) -> None:
    """As the README tells an administrator to; a Canvas that somebody has connected already is kept."""
    from django.core.management import call_command  # noqa: PLC0415

    from configurations import authorization  # noqa: PLC0415
    from configurations.models import ApiConfiguration  # noqa: PLC0415

    if not ApiConfiguration.objects.filter(base_url=ports.sandbox_url).exists():
        wanted = {"name": "echo_lms", "redirect_uris": [authorization.redirect_uri()], "on": True}
        key = requests.post(f"{ports.sandbox_url}/sandbox/api/keys", json=wanted, timeout=30).json()
        configuration = ApiConfiguration.objects.create(
            name="Demo University",
            base_url=ports.sandbox_url,
            client_id=key["id"],
            client_secret=key["secret"],
        )
        session = "the demo's start"
        address = authorization.start_authorization(configuration, user=admin, session_key=session)
        answer = consent(ports.sandbox_url, address, login="canvas-admin@demo.example", password="canvas")
        done = authorization.complete_authorization(answer, user=admin, session_key=session)
        if not done.ok:
            raise SystemExit(f"The sandbox did not authorize echo_lms: {done.headline} {done.advice}")
    call_command("refresh_directory", all=True, stdout=io.StringIO(), stderr=io.StringIO())


def _sections(instructor: User) -> list[Section]:
    """Of the LMS courses with lectures, linked; their rosters read."""
    from django.core.management import call_command  # noqa: PLC0415

    from analytics import identities  # noqa: PLC0415
    from directory.models import LmsCourse  # noqa: PLC0415
    from schedules import linking  # noqa: PLC0415
    from schedules.models import Course, Section, SectionInstructor, Term  # noqa: PLC0415

    term = Term.objects.order_by("starts_on").last()
    sections = []
    found = LmsCourse.objects.filter(code__in=CODES + COLLEAGUES)
    for lms_course in sorted(found, key=lambda one: (one.code in COLLEAGUES, one.code)):
        course, _ = Course.objects.get_or_create(code=lms_course.code, defaults={"name": lms_course.name})
        section, _ = Section.objects.get_or_create(course=course, term=term, number="001")
        if lms_course.code in CODES:
            SectionInstructor.objects.get_or_create(
                section=section, user=instructor, defaults={"is_primary": True}
            )
        linking.link(section, lms_course, user=None)
        sections.append(section)
    call_command("refresh_directory", all=True, stdout=io.StringIO(), stderr=io.StringIO())
    while identities.match_rosters():
        pass
    return sections


# --- Lectures ---------------------------------------------------------------------------------------------
def _of_section(section: Section, ports: Ports, chance: random.Random) -> Iterator[dict[str, Any]]:
    now = datetime.datetime.now(datetime.UTC)
    monday = now.replace(hour=9, minute=0, second=0, microsecond=0) - datetime.timedelta(days=now.weekday())
    lectures: list[tuple[Media, list[Poll]]] = []
    for week in range(WEEKS):
        for day in (0, 2):
            recorded = monday - datetime.timedelta(weeks=WEEKS - week, days=-day)
            lectures.append(_lecture(section, f"Week {week + 1}, lecture {1 + day // 2}", recorded, chance))
    if section.course.code == CODES[0]:
        lectures.append(_with_video(section, now - datetime.timedelta(days=1)))
    for watcher in _watchers(section, ports, chance):
        for media, polls in lectures:
            yield from watcher.sittings(media, polls, now)


def _lecture(
    section: Section, title: str, recorded: datetime.datetime, chance: random.Random
) -> tuple[Media, list[Poll]]:
    from analytics.models import Media, Poll  # noqa: PLC0415

    length = chance.choice((45, 50, 50, 75)) * 60
    media = Media.objects.create(
        section=section,
        title=title,
        duration_seconds=length,
        recorded_at=recorded,
        published_at=recorded + datetime.timedelta(hours=2),
    )
    polls = []
    for question, choices, right in chance.sample(QUESTIONS, chance.choice((0, 1, 1, 2))):
        polls.append(
            Poll.objects.create(
                media=media,
                kind=Poll.Kind.ONE,
                question=question,
                choices=[{"id": "abc"[n], "text": text} for n, text in enumerate(choices)],
                correct=[right] if right else [],
                at_seconds=chance.randrange(300, length - 300),
                attempts=0,
                results=Poll.Results.ANSWERED,
            )
        )
    return media, polls


def _with_video(section: Section, recorded: datetime.datetime) -> tuple[Media, list[Poll]]:
    """The one that can really be watched."""
    from django.core.files import File  # noqa: PLC0415

    from analytics.models import Media, Poll  # noqa: PLC0415

    media = Media(
        section=section,
        title="Limits and continuity: watch this one",
        duration_seconds=VIDEO_SECONDS,
        recorded_at=recorded,
        published_at=recorded,
    )
    for field, path in ((media.video, VIDEO), (media.captions, CAPTIONS)):
        with path.open("rb") as file:
            field.save(path.name, File(file), save=False)
    media.save()
    question, choices, right = QUESTIONS[0]
    poll = Poll.objects.create(
        media=media,
        kind=Poll.Kind.ONE,
        question=question,
        choices=[{"id": "abc"[n], "text": text} for n, text in enumerate(choices)],
        correct=[right],
        at_seconds=40,
        attempts=2,
        results=Poll.Results.ANSWERED,
    )
    return media, [poll]


# --- People -----------------------------------------------------------------------------------------------
def _watchers(section: Section, ports: Ports, chance: random.Random) -> Iterator[Watcher]:
    from directory.models import RosterEntry  # noqa: PLC0415

    entries = RosterEntry.objects.filter(
        course__in=section.lms_courses.all(), role="StudentEnrollment", gone_at=None
    )
    for entry in entries.order_by("lms_user_id"):
        # Some never come, some fade, most watch most of it.
        zeal = chance.choice((0.0, 0.2, 0.5, 0.7, 0.8, 0.9, 0.95))
        if entry.login_id == "student@demo.example":
            zeal = 0.6
        fades = chance.random() < 0.25
        yield Watcher(ports.sandbox_url, entry.lms_user_id, entry.name, zeal, fades, chance)


@dataclass(frozen=True)
class Watcher:
    home_page: str
    lms_user_id: str
    name: str
    zeal: float
    fades: bool
    chance: random.Random

    def sittings(self, media: Media, polls: list[Poll], now: datetime.datetime) -> Iterator[dict[str, Any]]:
        """Soon after the lecture, and sometimes once more."""
        published = media.published_at or media.recorded_at
        weeks_ago = (now - published).days / 7
        zeal = self.zeal * (0.3 if self.fades and weeks_ago < 4 else 1)
        if self.chance.random() >= zeal:
            return
        length = media.duration_seconds
        begins = published + datetime.timedelta(hours=self.chance.expovariate(1 / 40))
        reaches = length if self.chance.random() < 0.45 + 0.4 * zeal else self.chance.uniform(0.05, 0.9) * length
        yield from self._sitting(media, begins, 0, reaches, now)
        for poll in polls:
            if (poll.at_seconds or 0) <= reaches and self.chance.random() < 0.85:
                yield from self._answers(poll, begins + datetime.timedelta(seconds=poll.at_seconds or 0), now)
        if self.chance.random() < 0.2:
            hard = length * self.chance.choice((0.3, 0.3, 0.6))
            again = begins + datetime.timedelta(days=self.chance.uniform(1, 9))
            yield from self._sitting(media, again, hard, min(hard + length * 0.15, length), now)

    def _sitting(
        self, media: Media, begins: datetime.datetime, first: float, last: float, now: datetime.datetime
    ) -> Iterator[dict[str, Any]]:
        speed = self.chance.choice((1, 1, 1, 1.25, 1.5))
        ends = begins + datetime.timedelta(seconds=(last - first) / speed)
        if ends > now:
            return
        session = self._uuid()
        shared = self._context(media, session)
        jump = first + (last - first) * 0.4 if self.chance.random() < 0.15 else None
        yield self._statement(f"{ADL}/verbs/initialized", begins, shared, {}, key=session)
        yield self._statement(f"{VIDEO_PROFILE}/verbs/played", begins, shared, {"time": first})
        segments = [(first, last)]
        if jump is not None:
            landed = max(jump - 60, 0)
            moment = begins + datetime.timedelta(seconds=(jump - first) / speed)
            ends += datetime.timedelta(seconds=(jump - landed) / speed)
            segments = [(first, jump), (landed, last)]
            yield self._statement(
                f"{VIDEO_PROFILE}/verbs/seeked", moment, shared, {"time-from": jump, "time-to": landed}
            )
        told = "[,]".join(f"{low:.3f}[.]{high:.3f}" for low, high in segments)
        progress = {"time": last, "progress": round(last / media.duration_seconds, 3), "played-segments": told}
        yield self._statement(f"{VIDEO_PROFILE}/verbs/paused", min(ends, now), shared, progress)

    def _answers(self, poll: Poll, moment: datetime.datetime, now: datetime.datetime) -> Iterator[dict[str, Any]]:
        right = poll.correct[0] if poll.correct else ""
        knows = self.chance.random() < 0.35 + 0.4 * self.zeal
        given = right if knows and right else self.chance.choice("abc")
        tries = [given] if given == right or self.chance.random() < 0.6 else [given, right or "a"]
        for number, response in enumerate(tries):
            answered = moment + datetime.timedelta(seconds=20 * number)
            if answered > now:
                return
            yield {
                "id": self._uuid(),
                "actor": self._actor(),
                "verb": {"id": f"{ADL}/verbs/answered"},
                "object": {
                    "id": poll.activity.iri,
                    "definition": {"type": f"{ADL}/activities/cmi.interaction", "interactionType": "choice"},
                },
                "result": {"response": response},
                "context": {"contextActivities": {"parent": [{"id": poll.media.activity.iri}]}},
                "timestamp": answered.isoformat(timespec="milliseconds"),
            }

    def _statement(
        self,
        verb: str,
        moment: datetime.datetime,
        shared: dict[str, Any],
        told: dict[str, Any],
        *,
        key: str = "",
    ) -> dict[str, Any]:
        extensions = {
            f"{VIDEO_PROFILE}/extensions/{name}": round(value, 3) if isinstance(value, float) else value
            for name, value in told.items()
        }
        return {
            "id": key or self._uuid(),
            "actor": self._actor(),
            "verb": {"id": verb},
            "timestamp": moment.isoformat(timespec="milliseconds"),
            **({"result": {"extensions": extensions}} if extensions else {}),
            **shared,
        }

    def _actor(self) -> dict[str, Any]:
        return {"name": self.name, "account": {"homePage": self.home_page, "name": self.lms_user_id}}

    def _context(self, media: Media, session: str) -> dict[str, Any]:
        return {
            "object": {
                "id": media.activity.iri,
                "definition": {"type": f"{VIDEO_PROFILE}/activity-type/video", "name": {"en": media.title}},
            },
            "context": {
                "contextActivities": {"category": [{"id": VIDEO_PROFILE}]},
                "extensions": {
                    f"{VIDEO_PROFILE}/extensions/length": media.duration_seconds,
                    f"{VIDEO_PROFILE}/extensions/session-id": session,
                },
            },
        }

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.chance.getrandbits(128), version=4))


# --- Statements -------------------------------------------------------------------------------------------
def _send(statements: list[dict[str, Any]], ports: Ports) -> None:
    from django.core.management import call_command  # noqa: PLC0415

    from analytics import folding  # noqa: PLC0415

    printed = io.StringIO()
    call_command("event_source", "add", "Demo players", "--json", stdout=printed)
    source = json.loads(printed.getvalue())
    with requests.Session() as http:
        http.trust_env = False
        http.auth = source["key"], source["secret"]
        http.headers["X-Experience-API-Version"] = "1.0.3"
        for first in range(0, len(statements), ARRAY):
            answer = http.post(
                f"{ports.site_url}/xAPI/statements", json=statements[first : first + ARRAY], timeout=60
            )
            if answer.status_code != 200:
                raise SystemExit(f"The statements were refused ({answer.status_code}): {answer.text[:500]}")
    folding.fold_all()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "echo_lms.settings")
    django.setup()
    print(make_term())
