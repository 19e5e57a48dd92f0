"""People to begin with: a class, a referee and a desk for ``./kaga up --demo``, or one administrator without it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import yaml

from hub.classroom.course import publish
from hub.classroom.desk import Desk
from hub.classroom.identity import Person
from hub.roles import COURSE, TEACH, TEAM
from hub.roster import Roster, one_time_password

SOURCES = Path(__file__).resolve().parents[1] / "curriculum"
LESSONS = (("ch-robot", "R07"), ("dck-data", "D01"))
COURSES = tuple(course for course, _ in LESSONS)
LEARNS, TEACHES = (tuple(kind + course for course in COURSES) for kind in (COURSE, TEACH))
LINERS, STARS = TEAM + "柴山ライナーズ", TEAM + "片山津スターズ"
PASSWORDS = "demo-passwords.txt"


class Figure(NamedTuple):
    """Somebody of the demonstration; `role` is the word the start prints."""

    role: str
    name: str
    nickname: str
    groups: tuple[str, ...]


CAST = (
    Figure("teacher", "sensei", "先生", ("teachers", *TEACHES)),
    Figure("student", "yuta", "ゆうた", ("students", LINERS, *LEARNS)),
    Figure("student", "hana", "はな", ("students", LINERS, *LEARNS)),
    Figure("student", "sora", "そら", ("students", STARS, *LEARNS)),
    Figure("referee", "shinpan", "審判", ("referees",)),
    Figure("desk", "honbu", "本部", ("desk",)),
    Figure("administrator", "admin", "管理者", ("administrators",)),
)


def prepare(data: Path, demo: bool) -> list[tuple[str, str, str]]:
    """Put the first people on the roster of `data`; (role, name, password) of those to be told about.

    Repeated starts of a demonstration tell the same passwords again; the first administrator's is told once.
    """
    if demo:
        told = demo_people(data)
        release_lessons(data)
        return told
    password = first_administrator(data)
    return [] if password is None else [("administrator", "admin", password)]


def first_administrator(data: Path) -> str | None:
    """The one-time password of the administrator made on an empty roster; None when there is anybody already."""
    roster = Roster(data / "hub")
    try:
        return None if roster.everybody() else roster.add("admin", "", ("administrators",))
    finally:
        roster.close()


def demo_people(data: Path) -> list[tuple[str, str, str]]:
    """The cast with passwords that stay the same for this data folder; who is on the roster already stays as is."""
    known = _passwords(data / PASSWORDS)
    roster = Roster(data / "hub")
    try:
        there = {entry.name for entry in roster.everybody()}
        for figure in CAST:
            if figure.name not in there:
                roster.add(figure.name, figure.nickname, figure.groups, known[figure.name])
    finally:
        roster.close()
    return [(figure.role, figure.name, known[figure.name]) for figure in CAST]


def release_lessons(data: Path) -> None:
    """Publish and release the lessons, once. Works on the data folder itself, before the classroom service runs.

    The source of a released lesson stays as pupils have it: graded with a newer one, their work would look altered.
    """
    desk = Desk(data)
    titles = yaml.safe_load((SOURCES / "catalogue.yml").read_text("utf-8"))["courses"]
    for course, lesson in LESSONS:
        fresh = all(release.assignment != lesson for release in desk.store.released(course))
        sources = {lesson: SOURCES / course / "source" / lesson} if fresh else {}
        publish(course, sources, data, titles=titles[course])
        if fresh:
            desk.make_and_release(Person("sensei", frozenset(), frozenset({course})), course, lesson)


def _passwords(path: Path) -> dict[str, str]:
    if not path.exists():
        lines = "".join(f"{figure.name} {one_time_password()}\n" for figure in CAST)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".new")
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(lines)
        beside.replace(path)
    return dict(line.split() for line in path.read_text("ascii").splitlines())
