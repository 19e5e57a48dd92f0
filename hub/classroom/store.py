"""What the classroom remembers: releases, submissions with the server's time, feedback, grading jobs.

One SQLAlchemy database plus the packages of :mod:`hub.classroom.blobs`. A row is committed only after its
package is on disk, and SQLite syncs every commit: what a caller was told is kept.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from hub.classroom.blobs import Blobs, digest_of

STAMP = "%Y-%m-%d %H:%M:%S.%f UTC"
PENDING, RUNNING, DONE, FAILED = "pending", "running", "done", "failed"
_meta = sa.MetaData()
releases = sa.Table(
    "release", _meta,
    sa.Column("course", sa.Text, primary_key=True), sa.Column("assignment", sa.Text, primary_key=True),
    sa.Column("blob", sa.Text, nullable=False), sa.Column("notebooks", sa.JSON, nullable=False),
    sa.Column("released_at", sa.Text, nullable=False),
)  # fmt: skip
submissions = sa.Table(
    "submission", _meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("course", sa.Text, nullable=False), sa.Column("assignment", sa.Text, nullable=False),
    sa.Column("student", sa.Text, nullable=False), sa.Column("submitted_at", sa.Text, nullable=False),
    sa.Column("command", sa.Text, nullable=False), sa.Column("blob", sa.Text, nullable=False),
    sa.Column("notebooks", sa.JSON, nullable=False),
    sa.UniqueConstraint("course", "assignment", "student", "command"),
    sa.UniqueConstraint("course", "assignment", "student", "submitted_at"),
)  # fmt: skip
feedbacks = sa.Table(
    "feedback", _meta,
    sa.Column("submission", sa.ForeignKey("submission.id"), primary_key=True),
    sa.Column("blob", sa.Text, nullable=False), sa.Column("notebooks", sa.JSON, nullable=False),
    sa.Column("released_at", sa.Text, nullable=False),
)  # fmt: skip
jobs = sa.Table(
    "job", _meta,
    sa.Column("course", sa.Text, primary_key=True), sa.Column("assignment", sa.Text, primary_key=True),
    sa.Column("student", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False), sa.Column("asked_at", sa.Text, nullable=False),
    sa.Column("submitted_at", sa.Text), sa.Column("score", sa.Float), sa.Column("max_score", sa.Float),
    sa.Column("manual", sa.Boolean), sa.Column("notes", sa.JSON, nullable=False),
)  # fmt: skip


@dataclass(frozen=True)
class Release:
    """An assignment that students may fetch."""

    course: str
    assignment: str
    blob: str
    notebooks: list[str]
    released_at: str


@dataclass(frozen=True)
class Submission:
    """What one student handed in at one moment; `feedback` names the notebooks that came back."""

    id: int
    course: str
    assignment: str
    student: str
    submitted_at: str
    blob: str
    notebooks: list[str]
    feedback: list[str] = field(default_factory=list)
    feedback_at: str | None = None
    feedback_blob: str | None = None


@dataclass(frozen=True)
class Job:
    """Grading of one student's collected submission; `notes` are :class:`hub.classroom.notes.Note` as dicts."""

    course: str
    assignment: str
    student: str
    state: str
    submitted_at: str | None = None
    score: float | None = None
    max_score: float | None = None
    manual: bool | None = None
    notes: list[dict[str, str]] = field(default_factory=list)


def _durable(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")


class Store:
    """The database and the packages under `folder`. Thread-safe; one process writes."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.blobs = Blobs(folder / "blobs")
        self.engine = sa.create_engine(f"sqlite:///{folder / 'classroom.db'}")
        sa.event.listen(self.engine, "connect", _durable)
        _meta.create_all(self.engine)
        self._writing = threading.Lock()

    @contextmanager
    def _write(self) -> Iterator[sa.Connection]:
        with self._writing, self.engine.begin() as connection:
            yield connection

    def _now(self) -> str:
        return datetime.now(UTC).strftime(STAMP)

    def release(self, course: str, assignment: str, package: bytes, notebooks: list[str]) -> None:
        """Make (or replace) what students fetch."""
        row = {"blob": self.blobs.put(package), "notebooks": notebooks, "released_at": self._now()}
        with self._write() as db:
            db.execute(sa.delete(releases).where(releases.c.course == course, releases.c.assignment == assignment))
            db.execute(sa.insert(releases).values(course=course, assignment=assignment, **row))

    def unrelease(self, course: str, assignment: str) -> None:
        """Students can no longer fetch it; what was handed in stays."""
        with self._write() as db:
            db.execute(sa.delete(releases).where(releases.c.course == course, releases.c.assignment == assignment))

    def released(self, course: str) -> list[Release]:
        """All released assignments of a course, by name."""
        query = sa.select(releases).where(releases.c.course == course).order_by(releases.c.assignment)
        with self.engine.connect() as db:
            return [Release(**row._mapping) for row in db.execute(query)]

    def submit(
        self, course: str, assignment: str, student: str, command: str, package: bytes, notebooks: list[str]
    ) -> Submission:
        """Record a submission; the same `command` again is the same submission. On disk when this returns."""
        blob = self.blobs.put(package)
        own = (submissions.c.course == course, submissions.c.assignment == assignment, submissions.c.student == student)
        with self._write() as db:
            row = db.execute(sa.select(submissions).where(*own, submissions.c.command == command)).one_or_none()
            if row is None:
                last = db.execute(sa.select(sa.func.max(submissions.c.submitted_at)).where(*own)).scalar()
                values = {"submitted_at": self._after(last), "command": command, "blob": blob, "notebooks": notebooks}
                db.execute(sa.insert(submissions).values(
                    course=course, assignment=assignment, student=student, **values))  # fmt: skip
                row = db.execute(sa.select(submissions).where(*own, submissions.c.command == command)).one()
            return _submission({**row._mapping})

    def kept_bytes(self, course: str, assignment: str, student: str, package: bytes) -> int:
        """Bytes on disk of somebody's submissions of an assignment once `package` is one of them."""
        blobs = {item.blob for item in self.submitted(course, assignment, student)} - {digest_of(package)}
        return len(package) + sum(map(self.blobs.size, blobs))

    def _after(self, last: str | None) -> str:
        """Now, but later than `last` even when the clock was set back: the newest submission must stay the newest."""
        now = self._now()
        if last is not None and now <= last:
            moment = datetime.strptime(last, STAMP).replace(tzinfo=UTC)
            now = (moment + timedelta(microseconds=1)).strftime(STAMP)
        return now

    def submitted(
        self, course: str, assignment: str | None = None, student: str | None = None, number: int | None = None
    ) -> list[Submission]:
        """Submissions in the order of their time; with `number`, that one if it is among them."""
        joined = submissions.outerjoin(feedbacks, feedbacks.c.submission == submissions.c.id)
        query = sa.select(
            submissions, feedbacks.c.notebooks.label("feedback"), feedbacks.c.released_at.label("feedback_at"),
            feedbacks.c.blob.label("feedback_blob"),
        ).select_from(joined).where(submissions.c.course == course)  # fmt: skip
        if assignment is not None:
            query = query.where(submissions.c.assignment == assignment)
        if student is not None:
            query = query.where(submissions.c.student == student)
        if number is not None:
            if not 0 < number < 2**63:  # no such row; SQLite itself would stumble over it
                return []
            query = query.where(submissions.c.id == number)
        with self.engine.connect() as db:
            rows = db.execute(query.order_by(submissions.c.submitted_at, submissions.c.id))
            return [_submission({**row._mapping}) for row in rows]

    def newest(self, students: Iterable[str], most: int) -> Iterator[Submission]:
        """Submissions of some students over all courses, the newest first, at most `most` of them."""
        query = sa.select(submissions).where(submissions.c.student.in_(sorted(students)))
        with self.engine.connect() as db:
            rows = db.execute(query.order_by(submissions.c.submitted_at.desc(), submissions.c.id.desc()).limit(most))
            yield from [_submission({**row._mapping}) for row in rows]

    def give_feedback(self, submission: int, package: bytes, notebooks: list[str]) -> None:
        """Make (or replace) the feedback of one submission."""
        row = {"blob": self.blobs.put(package), "notebooks": notebooks, "released_at": self._now()}
        with self._write() as db:
            db.execute(sa.delete(feedbacks).where(feedbacks.c.submission == submission))
            db.execute(sa.insert(feedbacks).values(submission=submission, **row))

    def ask_grading(self, course: str, assignment: str, students: list[str]) -> None:
        """Queue students' collected submissions, again if they were graded before."""
        with self._write() as db:
            for student in students:
                own = (jobs.c.course == course, jobs.c.assignment == assignment, jobs.c.student == student)
                db.execute(sa.delete(jobs).where(*own))
                row = {"state": PENDING, "asked_at": self._now(), "notes": []}
                db.execute(sa.insert(jobs).values(course=course, assignment=assignment, student=student, **row))

    def next_job(self) -> Job | None:
        """Take the oldest waiting job."""
        query = sa.select(jobs).where(jobs.c.state == PENDING).order_by(jobs.c.asked_at, jobs.c.student).limit(1)
        with self._write() as db:
            row = db.execute(query).one_or_none()
            if row is None:
                return None
            job = _job({**row._mapping})
            db.execute(sa.update(jobs).where(*_is(job)).values(state=RUNNING))
            return job

    def end_job(self, job: Job) -> None:
        """Write the outcome, unless the job was asked for again in the meantime."""
        values = {key: getattr(job, key) for key in ("state", "submitted_at", "score", "max_score", "manual", "notes")}
        with self._write() as db:
            db.execute(sa.update(jobs).where(*_is(job), jobs.c.state == RUNNING).values(**values))

    def resume_jobs(self) -> None:
        """After a crash: what was running waits again."""
        with self._write() as db:
            db.execute(sa.update(jobs).where(jobs.c.state == RUNNING).values(state=PENDING))

    def grading(self, course: str, assignment: str | None = None) -> list[Job]:
        """All jobs of a course or an assignment, by student."""
        query = sa.select(jobs).where(jobs.c.course == course)
        if assignment is not None:
            query = query.where(jobs.c.assignment == assignment)
        with self.engine.connect() as db:
            return [_job({**row._mapping}) for row in db.execute(query.order_by(jobs.c.student))]


def _is(job: Job) -> tuple[sa.ColumnElement[bool], ...]:
    return jobs.c.course == job.course, jobs.c.assignment == job.assignment, jobs.c.student == job.student


def _submission(row: dict[str, Any]) -> Submission:
    row.pop("command", None)
    row["feedback"] = _list(row.get("feedback"))
    return Submission(**row)


def _job(row: dict[str, Any]) -> Job:
    row.pop("asked_at")
    return Job(**row)


def _list(value: Any) -> list[str]:
    return json.loads(value) if isinstance(value, str) else list(value or [])
