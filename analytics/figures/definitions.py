"""What every figure means: one text each, shown as help on the page and written into the list of columns as CSV.

A column's name is the field of its row, its word in addresses (`media_sort=views`) and its header in a CSV file.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

NOTHING = "–"


class Kind(Enum):
    """How a value is written. PART: a Part, "3 of 20"; in CSV two columns, unless `of` is empty."""

    TEXT = auto()
    NUMBER = auto()
    MINUTES = auto()
    LENGTH = auto()
    PERCENT = auto()
    PART = auto()
    DATE = auto()
    MOMENT = auto()


@dataclass(frozen=True)
class Part:
    """Some of all. `of` zero: there is no share."""

    number: int
    of: int

    @property
    def share(self) -> float | None:
        return self.number / self.of if self.of else None

    def __add__(self, other: Part) -> Part:
        return Part(self.number + other.number, self.of + other.of)


@dataclass(frozen=True)
class Column:
    """`of`: the CSV header of what a Part is a part of. `csv_only`: not on the page. `nothing`: what a page says
    where there is no value; a file leaves its cell empty.
    """

    name: str
    label: str
    meaning: str
    kind: Kind = Kind.TEXT
    of: str = ""
    csv_only: bool = False
    nothing: str = NOTHING

    @property
    def is_number(self) -> bool:
        return self.kind not in (Kind.TEXT, Kind.DATE, Kind.MOMENT)

    @property
    def is_short(self) -> bool:
        """Not to be broken into lines."""
        return self.name == "course" or self.kind in (Kind.DATE, Kind.MOMENT)

    @property
    def headers(self) -> list[str]:
        return [self.name, self.of] if self.of else [self.name]


@dataclass(frozen=True)
class Definition:
    name: str
    label: str
    meaning: str


GENERAL = (
    Definition(
        "view",
        "View",
        "One sitting of one person before one media, with at least one second played. Sittings that were never "
        "ended count too; playing again in the same sitting does not count twice.",
    ),
    Definition(
        "student",
        "Student",
        "Somebody who is active as a student in one of the LMS courses of the section, by the roster of today.",
    ),
    Definition(
        "everyone",
        "Students only, everyone",
        "“Students only” leaves out staff and people who are on no roster. “Everyone” counts them too, but for "
        "what is said “of enrolled”, and for the lists of students.",
    ),
    Definition(
        "anonymous",
        "Anonymous",
        "Views of nobody in particular are counted in columns of their own and nowhere else.",
    ),
    Definition(
        "day",
        "Days",
        "By the institution's clock. A sitting over midnight belongs to the day on which it began.",
    ),
    Definition(
        "asked",
        "Polls of these days",
        "Those whose media was published in these days, and those that somebody answered in them; with all their "
        "answers up to the last of these days.",
    ),
)

VIEWS = "How often it was viewed by people who are known. Anonymous views are apart."
MINUTES = "Minutes of media that were played. What was played twice counts twice; playing faster changes nothing."
COURSE = "Code and number of the section."
EMAIL = "As the LMS or the player gives it."

CARDS = (
    Definition("views", "Views", VIEWS),
    Definition("viewers", "Viewers of enrolled", "Students with at least one view, of all who are enrolled."),
    Definition("minutes", "Minutes watched", MINUTES),
    Definition(
        "average_watched",
        "Average watched",
        "How much of a media its viewers have seen at least once: the mean over all pairs of viewer and media.",
    ),
    Definition(
        "answered",
        "Polls answered",
        "Answers of students to the polls of these days, of the answers that were possible: each poll times the "
        "students of its section. Anonymous polls have no part in it.",
    ),
    Definition(
        "correct",
        "Correct",
        "Latest answers that are right, of the latest answers to polls of these days that have a key. Polls "
        "without a key are not graded and have no part in it.",
    ),
)

DAYS = (
    Column("first", "Day", "Or the first day of the week or month, where the days are many.", Kind.DATE),
    Column("views", "Views", VIEWS, Kind.NUMBER),
    Column("viewers", "Viewers", "Different people with at least one view.", Kind.NUMBER),
    Column("minutes", "Minutes", MINUTES, Kind.MINUTES),
    Column("anonymous_views", "Anonymous", "Views of nobody in particular.", Kind.NUMBER),
)

MEDIA = (
    Column("title", "Title", "Of the media. “Week 2” comes before “Week 10”."),
    Column("course", "Course", COURSE),
    Column("recorded", "Date", "When it was recorded.", Kind.DATE),
    Column("length", "Length", "Hours, minutes and seconds; in CSV files seconds.", Kind.LENGTH),
    Column("views", "Views", VIEWS, Kind.NUMBER),
    Column("views_5", "Of ≥ 5 %", "Views in which at least five per cent of the media was seen.", Kind.NUMBER),
    Column("anonymous_views", "Anonymous", "Views of nobody in particular.", Kind.NUMBER),
    Column("viewers", "Viewers", "Different people with at least one view.", Kind.NUMBER),
    Column(
        "enrolled_viewers",
        "Viewers of enrolled",
        "Students of the section with at least one view, of all who are enrolled in it.",
        Kind.PART,
        of="enrolled",
    ),
    Column("minutes", "Minutes", MINUTES, Kind.MINUTES),
    Column(
        "average_watched",
        "Average watched",
        "How much of the media its viewers have seen at least once: the mean over viewers.",
        Kind.PERCENT,
    ),
    Column(
        "average_of_enrolled",
        "Average of enrolled",
        "The same as a mean over all enrolled students; who has not opened the media counts as 0 %.",
        Kind.PERCENT,
    ),
    Column(
        "completed",
        "Completed",
        "Viewers who have seen at least 95 % of the media, or what is set for the section; of all viewers.",
        Kind.PART,
    ),
    Column("polls", "Polls", "How many polls the media has.", Kind.NUMBER),
    Column(
        "answered",
        "Polls answered",
        "Answers of students to those of its polls that are polls of these days, of the answers that were "
        "possible: polls times enrolled students. Anonymous polls have no part in it.",
        Kind.PART,
        of="answers_possible",
    ),
    Column("last_viewed", "Last viewed", "The latest moment of a view in these days.", Kind.MOMENT),
)

POLLS = (
    Column("question", "Question", "As it is asked."),
    Column("media", "Media", "The media that the poll belongs to."),
    Column("course", "Course", COURSE),
    Column("kind", "Kind", "One choice, several, true or false, a number, short or open text."),
    Column(
        "asked",
        "Asked",
        "At which moment of the media: hours, minutes and seconds; in CSV files seconds. “Any time”, in CSV files "
        "nothing, if it stands below the video.",
        Kind.LENGTH,
        nothing="any time",
    ),
    Column(
        "answers",
        "Answers",
        "People who have answered; each once, however many attempts they made. Of an anonymous poll every answer.",
        Kind.NUMBER,
    ),
    Column(
        "answered",
        "Answered of enrolled",
        "Students of the section who have answered, of all who are enrolled in it. Of an anonymous poll nobody "
        "knows.",
        Kind.PART,
        of="enrolled",
    ),
    Column(
        "first_correct",
        "Correct at first try",
        "First answers that are right, of the first answers that were graded. Polls without a key are not graded.",
        Kind.PART,
        of="first_graded",
    ),
    Column(
        "correct",
        "Correct at last",
        "Latest answers that are right, of the latest answers that were graded. Polls without a key are not "
        "graded.",
        Kind.PART,
        of="graded",
    ),
    Column("wrong_answer", "Most chosen wrong answer", "Among the latest answers, and how many gave it."),
)

SCORE = Column(
    "score",
    "Engagement",
    "Over all time, whatever days are chosen: the mean of three parts, as the instructor weighs them: how much of "
    "all published media was watched, how many of their polls were answered, and how many answers are right. A "
    "part of which there is nothing to measure is left out. No decision should rest on it alone.",
    Kind.PERCENT,
)

STUDENTS = (
    Column("name", "Name", "As on the roster."),
    Column("email", "E-mail", EMAIL, csv_only=True),
    Column("courses", "Courses", "Of those chosen, the sections in which they are students."),
    Column(
        "media_watched",
        "Media watched",
        "Published media with at least one view in these days, of all that are published in their sections.",
        Kind.PART,
        of="media_published",
    ),
    Column("minutes", "Minutes", MINUTES, Kind.MINUTES),
    Column(
        "average_watched",
        "Average watched",
        "How much of the media that they opened they have seen at least once: the mean over these media.",
        Kind.PERCENT,
    ),
    Column(
        "answered",
        "Polls answered",
        "Of the polls of these days in their sections; anonymous ones have no part in it.",
        Kind.PART,
        of="polls_asked",
    ),
    Column(
        "correct",
        "Correct",
        "Latest answers that are right, of those that were graded.",
        Kind.PART,
        of="graded",
    ),
    Column("last_activity", "Last activity", "The latest view or answer in these days.", Kind.MOMENT),
    SCORE,
)

NOT_LATELY = (
    Column("name", "Name", "As on the roster."),
    Column("email", "E-mail", EMAIL, csv_only=True),
    Column("courses", "Courses", "Of those chosen, the sections in which they are students."),
    Column(
        "why",
        "Why",
        "Never opened anything; nothing viewed or answered for as many days as you say; or opened less of what is "
        "published than you say. Over all time, whatever the range above.",
    ),
    Column(
        "media_watched",
        "Media watched",
        "Published media with at least one view, of all that are published in their sections; over all time.",
        Kind.PART,
        of="media_published",
    ),
    Column("last_activity", "Last activity", "The latest view or answer, over all time.", Kind.MOMENT),
)

EVERYTHING = (
    Column("course", "Course", COURSE),
    Column("term", "Term", "Of the section."),
    Column("student", "Student", "As on the roster."),
    Column("email", "E-mail", EMAIL),
    Column("media", "Media", "Every published media of the section, viewed or not."),
    Column("recorded", "Date", "When it was recorded.", Kind.DATE),
    Column("length", "Length", "In seconds.", Kind.LENGTH),
    Column("views", "Views", "Of this student.", Kind.NUMBER),
    Column("minutes", "Minutes", MINUTES, Kind.MINUTES),
    Column("watched", "Watched", "How much of the media the student has seen at least once.", Kind.PERCENT),
    Column("last_viewed", "Last viewed", "The latest moment of a view in these days.", Kind.MOMENT),
    Column("polls", "Polls", "How many polls the media has, anonymous ones left out.", Kind.NUMBER),
    Column("answered", "Polls answered", "By this student, up to the last of these days.", Kind.NUMBER),
    Column("correct", "Correct", "Latest answers that are right.", Kind.NUMBER),
)

VIEWERS = (
    Column("name", "Name", "As on the roster, or as the player gives it."),
    Column("email", "E-mail", EMAIL, csv_only=True),
    Column("role", "Role", "Student: on the roster of today. Other: staff, and people who are on no roster."),
    Column("views", "Views", "Sittings with at least one second played.", Kind.NUMBER),
    Column("minutes", "Minutes", MINUTES, Kind.MINUTES),
    Column("watched", "Watched", "How much of the media was seen at least once.", Kind.PERCENT),
    Column(
        "completed", "Completed", "Whether at least 95 % of the media was seen, or what is set for the section."
    ),
    Column("last_viewed", "Last viewed", "The latest moment of a view.", Kind.MOMENT),
)

NOT_WATCHED = (
    Column("name", "Name", "As on the roster: enrolled, and without a view."),
    Column("email", "E-mail", EMAIL, csv_only=True),
)

PASSAGES = (
    Column("passage", "Passage", "Where in the media."),
    Column("viewers", "Viewers", "People who have seen some of this passage.", Kind.NUMBER),
    Column(
        "replays",
        "Replays",
        "How often it was played again: all times it was played, less one for each viewer.",
        Kind.NUMBER,
    ),
)

REACHED = (
    Column("part", "Part of the media", "The end counts as reached five seconds before it."),
    Column(
        "reached", "Viewers who got there", "Whose furthest second is there or later, of all viewers.", Kind.PART
    ),
)

CHOICES = (
    Column("answer", "Answer", "Each that can be chosen; of written answers each that was given."),
    Column("is_key", "Right", "“Yes” for what the key says. A poll without a key is not graded."),
    Column("first", "At first try", "First answers, of all who have answered.", Kind.PART, of="answers"),
    Column("latest", "At last", "Latest answers, of all who have answered.", Kind.PART),
)

GIVEN = (
    Column("name", "Name", "As on the roster, or as the player gives it."),
    Column("email", "E-mail", EMAIL, csv_only=True),
    Column("first", "First answer", "Of the first attempt."),
    Column("latest", "Latest answer", "Of the last attempt; it is the one that counts."),
    Column("correct", "Correct", "Of the latest answer. “Not graded” where the poll has no key."),
    Column("attempts", "Attempts", "How often it was answered.", Kind.NUMBER),
    Column("at", "Answered", "The moment of the latest answer.", Kind.MOMENT),
)

ANONYMOUS = (
    Column("latest", "Answer", "Nothing is kept of who gave it."),
    Column("correct", "Correct", "“Not graded” where the poll has no key."),
)

NOT_ANSWERED = (
    Column("name", "Name", "As on the roster: enrolled, and without an answer."),
    Column("email", "E-mail", EMAIL, csv_only=True),
)

SEEN = (
    Column("title", "Media", "Every media of the courses, opened or not."),
    Column("course", "Course", COURSE),
    Column("length", "Length", "Hours, minutes and seconds; in CSV files seconds.", Kind.LENGTH),
    Column("views", "Views", "Sittings with at least one second played.", Kind.NUMBER),
    Column("minutes", "Minutes", MINUTES, Kind.MINUTES),
    Column("watched", "Watched", "How much of the media was seen at least once.", Kind.PERCENT),
    Column("seen", "Passages seen", "From where to where, each once."),
    Column("last_viewed", "Last viewed", "The latest moment of a view.", Kind.MOMENT),
)

OWN_ANSWERS = (
    Column("question", "Question", "Every poll of the courses that is not anonymous, answered or not."),
    Column("media", "Media", "The media that the poll belongs to."),
    Column("course", "Course", COURSE),
    Column("first", "First answer", "Of the first attempt."),
    Column("latest", "Latest answer", "Of the last attempt; it is the one that counts."),
    Column("correct", "Correct", "Of the latest answer. “Not graded” where the poll has no key."),
    Column("answered_at", "Answered", "The moment of the latest answer.", Kind.MOMENT),
)

ACTIVE_DAYS = (
    Column("day", "Day", "By the institution's clock.", Kind.DATE),
    Column("views", "Views", "Of this day.", Kind.NUMBER),
    Column("minutes", "Minutes", MINUTES, Kind.MINUTES),
)

INSTITUTION = (
    Column("course", "Course", COURSE),
    Column("students", "Students", "On the rosters of today.", Kind.NUMBER),
    Column("media", "Media", "Published media.", Kind.NUMBER),
    Column("viewers", "Viewers", "Students with at least one view.", Kind.NUMBER),
    Column("minutes", "Minutes", MINUTES, Kind.MINUTES),
    Column(
        "average_of_enrolled",
        "Average of enrolled",
        "How much of the published media all enrolled students have seen: the mean. Between 5 and 95 %.",
        Kind.PERCENT,
    ),
    Column(
        "answered",
        "Polls answered",
        "Answers of students, of those that were possible; nothing where nobody answered. Anonymous polls have no "
        "part. Between 5 and 95 %.",
        Kind.PERCENT,
    ),
    Column(
        "hidden",
        "Hidden",
        "Said where figures are not shown: a few watched or answered, or all but a few, or the section is small. "
        "Other sections are hidden with them, so that nobody can tell which are meant.",
        csv_only=True,  # on the page it stands under the name of the course, and the reason above the table
    ),
)

# By the name of the CSV file.
TABLES: dict[str, tuple[Column, ...]] = {
    "media": MEDIA,
    "polls": POLLS,
    "students": STUDENTS,
    "not-lately": NOT_LATELY,
    "days": DAYS,
    "everything": EVERYTHING,
    "viewers": VIEWERS,
    "not-watched": NOT_WATCHED,
    "passages": PASSAGES,
    "reached": REACHED,
    "choices": CHOICES,
    "answers": GIVEN,
    "anonymous-answers": ANONYMOUS,
    "not-answered": NOT_ANSWERED,
    "seen": SEEN,
    "own-answers": OWN_ANSWERS,
    "active-days": ACTIVE_DAYS,
    "institution": INSTITUTION,
}
