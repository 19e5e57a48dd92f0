"""What a page shows of a course: figures per assignment for teachers, the state of one's own work for students."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

from hub.classroom import gradebook
from hub.classroom.blobs import Blobs
from hub.classroom.desk import Desk
from hub.classroom.identity import Person
from hub.classroom.package import notebooks_in, unpack
from hub.classroom.store import DONE, FAILED, PENDING, RUNNING, STAMP, Job, Release, Submission

JAPAN = timezone(timedelta(hours=9))


def local(stamp: str | None) -> str:
    """A server timestamp as people in Japan read it."""
    if not stamp:
        return ""
    moment = datetime.strptime(stamp, STAMP).replace(tzinfo=UTC).astimezone(JAPAN)
    return f"{moment.month}/{moment.day} {moment:%H:%M}"


@dataclass(frozen=True)
class TeacherRow:
    """One student in one assignment."""

    student: str
    state: str
    submitted_at: str = ""
    score: float | None = None
    max_score: float | None = None
    newer: bool = False
    returned: bool = False
    sheet: str = ""  # in the form grader
    notes: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class TeacherTask:
    """One assignment in the teacher's list."""

    name: str
    released: bool
    has_source: bool
    roster: int | None
    handed_in: int
    collected: int
    waiting: int
    done: int
    failed: int
    manual: int
    returned: int
    rows: list[TeacherRow]
    title: str = ""

    @property
    def busy(self) -> bool:
        """True while grading goes on."""
        return self.waiting > 0

    @property
    def next_act(self) -> str:
        """What the teacher probably wants now."""
        if not self.released:
            return "release"
        if self.handed_in > self.collected:
            return "collect"
        if self.collected > self.done + self.failed:
            return "grade"
        if self.manual:
            return "by_hand"  # the pupils' table has the buttons
        return "give_back" if self.done > self.returned else ""


def teacher_tasks(desk: Desk, who: Person, course: str, roster: list[str] | None) -> list[TeacherTask]:
    """All assignments of a course that have a source or are released."""
    released = {release.assignment: release for release in desk.released(who, course)}
    folder = desk.folder(course)
    sources = folder.assignments() if folder.exists else []
    submissions, jobs = desk.handed_in(who, course), desk.grading(who, course)
    return [
        _task(desk, course, name, released.get(name), name in sources, roster,
              [item for item in submissions if item.assignment == name],
              [job for job in jobs if job.assignment == name])
        for name in sorted({*released, *sources})
    ]  # fmt: skip


def _task(
    desk: Desk, course: str, name: str, release: Release | None, has_source: bool, roster: list[str] | None,
    submissions: list[Submission], jobs: list[Job],
) -> TeacherTask:  # fmt: skip
    newest = {item.student: item for item in submissions}
    graded = {job.student: job for job in jobs}
    folder = desk.folder(course)
    stamps = {student: folder.timestamp("submitted", student, name) for student in newest} if folder.exists else {}
    marks = {mark.student: mark for mark in gradebook.standings(folder, name)} if graded else {}
    given = {item.student: points for item in newest.values() if (points := desk.given_points(item)) is not None}
    rows = [
        _row(student, newest.get(student), stamps.get(student), graded.get(student), marks.get(student), given)
        for student in sorted(set(newest) | set(graded) | set(roster or []))
    ]
    collected = [student for student, item in newest.items() if stamps.get(student) == item.submitted_at]
    current = [graded[student] for student in collected if _is_current(graded.get(student), newest[student])]
    done = [job for job in current if job.state == DONE]
    return TeacherTask(
        name, release is not None, has_source, len(roster) if roster is not None else None, len(newest), len(collected),
        waiting=sum(job.state in (PENDING, RUNNING) for job in jobs), done=len(done),
        failed=sum(job.state == FAILED for job in jobs), manual=sum(row.state == "manual" for row in rows),
        returned=sum(row.returned for row in rows), rows=rows,
        title=(_title(desk.store.blobs, release.blob) if release else "") or name,
    )  # fmt: skip


def _is_current(job: Job | None, item: Submission) -> bool:
    return job is not None and (job.state != DONE or job.submitted_at == item.submitted_at)


def _row(
    student: str, item: Submission | None, stamp: str | None, job: Job | None, mark: gradebook.Standing | None,
    given: dict[str, float],
) -> TeacherRow:  # fmt: skip
    """A pupil's line. `given`: the points in the feedback they have; marked anew since then is not returned."""
    when, returned = (local(item.submitted_at), item.feedback_at is not None) if item else ("", False)
    if returned and mark is not None and student in given:
        returned = given[student] == mark.score
    if job is None:
        state = "none" if item is None else "collected" if stamp == item.submitted_at else "handed_in"
        return TeacherRow(student, state, when, returned=returned)
    if job.state != DONE or mark is None:
        return TeacherRow(student, job.state, when, job.score, job.max_score, returned=returned, notes=job.notes)
    newer = item is not None and job.submitted_at != item.submitted_at
    state = "manual" if mark.needs_manual_grade else job.state
    return TeacherRow(student, state, when, mark.score, mark.max_score, newer, returned, mark.sheet, job.notes)


@dataclass(frozen=True)
class OwnTask:
    """One assignment as a student sees it."""

    name: str
    times: int
    submitted_at: str
    feedback: Submission | None
    notebooks: list[str]
    title: str = ""
    released: bool = True
    newest: str = ""  # when the newest was handed in, as stored

    @property
    def state(self) -> str:
        """``none``, ``waiting`` (for feedback on the newest) or ``back``; older feedback stays in `feedback`."""
        newest = self.feedback is not None and self.feedback.submitted_at == self.newest
        return "none" if not self.times else "back" if newest else "waiting"


def own_tasks(desk: Desk, who: Person, course: str) -> list[OwnTask]:
    """Released assignments with the student's own work, and older ones with work in them."""
    mine, released = desk.own(who, course), {item.assignment: item for item in desk.released(who, course)}
    tasks = []
    for name in sorted(released.keys() | {item.assignment for item in mine}):
        items = [item for item in mine if item.assignment == name]
        feedback = next((item for item in reversed(items) if item.feedback_at), None)
        when, release = local(items[-1].submitted_at) if items else "", released.get(name)
        notebooks = (release or items[-1]).notebooks
        title = _title(desk.store.blobs, release.blob) if release else ""
        newest = items[-1].submitted_at if items else ""
        tasks.append(OwnTask(name, len(items), when, feedback, notebooks, title, release is not None, newest))
    return tasks


def task_title(desk: Desk, who: Person, course: str, name: str) -> str:
    """What people call an assignment: its notebook's first heading while it is released, else its name."""
    found = (_title(desk.store.blobs, item.blob) for item in desk.released(who, course) if item.assignment == name)
    return next(found, "") or name


@lru_cache(maxsize=1000)
def _title(blobs: Blobs, blob: str) -> str:
    """The first heading of a released package's first notebook; empty when there is none."""
    files = unpack(blobs.get(blob))
    for name in notebooks_in(files)[:1]:
        for cell in json.loads(files[f"{name}.ipynb"])["cells"]:
            source = cell["source"] if cell.get("cell_type") == "markdown" else ""
            text = source if isinstance(source, str) else "".join(map(str, source))
            found = next((line[2:].strip() for line in text.splitlines() if line.startswith("# ")), "")
            if found:
                return found[:60]
    return ""
