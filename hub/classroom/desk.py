"""What students and teachers do: release, fetch, hand in, collect, grade, give back. Pages and API both use it.

Every act takes the person from :mod:`hub.classroom.identity`; a student's name never comes from a request.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from hub.classroom import cards, gradebook
from hub.classroom.course import CourseFolder
from hub.classroom.identity import Person
from hub.classroom.names import checked
from hub.classroom.package import MIB, Files, notebooks_in, pack, unpack
from hub.classroom.refusals import Refusal
from hub.classroom.sandbox import Limits
from hub.classroom.store import Job, Release, Store, Submission
from hub.classroom.worker import Worker

log = logging.getLogger(__name__)
MAX_KEPT = 200 * MIB  # of one student's submissions of one assignment


class Desk:
    """The classroom's acts over one data folder."""

    def __init__(self, data: Path, threads: int = 2, limits: Limits | None = None) -> None:
        self.courses = data / "courses"
        self.courses.mkdir(parents=True, exist_ok=True)
        self.store = Store(data / "exchange")
        self._opening = threading.BoundedSemaphore(2)
        self.worker = Worker(self.store, self.folder, threads, limits)

    def _opened(self, package: bytes, released: list[str] | None = None) -> tuple[bytes, list[str]]:
        """The package as it is kept, and its notebooks' names; what somebody sent may unpack to much."""
        with self._opening:
            files = unpack(package)
            return pack(files), notebooks_in(files, released)

    def folder(self, course: str) -> CourseFolder:
        """The folder of a course."""
        return CourseFolder(self.courses, course)

    # -- assignments ------------------------------------------------------------------------------------

    def released(self, who: Person, course: str) -> list[Release]:
        """What members may fetch."""
        who.member(course)
        return self.store.released(course)

    def _released(self, course: str, assignment: str) -> Release:
        for release in self.store.released(course):
            if release.assignment == assignment:
                return release
        raise Refusal("unknown_assignment", assignment)

    def release(self, who: Person, course: str, assignment: str, package: bytes, force: bool = False) -> Release:
        """Hand out a student version that a teacher made elsewhere."""
        who.teacher(course)
        assignment = checked(assignment)
        if not force and any(release.assignment == assignment for release in self.store.released(course)):
            raise Refusal("already_released", assignment)
        self.store.release(course, assignment, *self._opened(package))
        return self._released(course, assignment)

    def make_and_release(self, who: Person, course: str, assignment: str) -> Release:
        """Make the student version from the course's source and hand it out."""
        who.teacher(course)
        files = self.folder(course).generate(checked(assignment))
        return self.release(who, course, assignment, pack(files), force=True)

    def unrelease(self, who: Person, course: str, assignment: str) -> None:
        """Take an assignment back; nothing handed in is lost."""
        who.teacher(course)
        self.store.unrelease(course, self._released(course, assignment).assignment)

    def fetch(self, who: Person, course: str, assignment: str) -> bytes:
        """The released package."""
        who.member(course)
        return self.store.blobs.get(self._released(course, assignment).blob)

    # -- handing in -------------------------------------------------------------------------------------

    def submit(self, who: Person, course: str, assignment: str, command: str, package: bytes) -> Submission:
        """Take a student's work; on disk when this returns."""
        who.student(course)
        release = self._released(course, assignment)
        if not 8 <= len(command) <= 64 or not command.isascii() or not command.isprintable():
            raise Refusal("bad_request", "X-Command-Id")
        kept, names = self._opened(package, release.notebooks)
        if self.store.kept_bytes(course, release.assignment, who.name, kept) > MAX_KEPT:
            raise Refusal("too_much_kept", f"{MAX_KEPT // MIB} MiB")
        return self.store.submit(course, release.assignment, who.name, command, kept, names)

    def own(self, who: Person, course: str, assignment: str | None = None) -> list[Submission]:
        """The person's own submissions."""
        who.member(course)
        return self.store.submitted(course, assignment, who.name)

    def handed_in(self, who: Person, course: str, assignment: str | None = None) -> list[Submission]:
        """Everybody's submissions, for teachers."""
        who.teacher(course)
        return self.store.submitted(course, assignment)

    def submission_files(self, who: Person, course: str, number: int) -> bytes:
        """One submission's package, for teachers of its course."""
        who.teacher(course)
        for submission in self.store.submitted(course, number=number):
            return self.store.blobs.get(submission.blob)
        raise Refusal("unknown_submission")

    # -- collecting and grading -------------------------------------------------------------------------

    def collect(self, who: Person, course: str, assignment: str) -> list[str]:
        """Put every student's newest submission into the course folder; whose were new."""
        newest = {item.student: item for item in self.handed_in(who, course, checked(assignment))}
        folder = self.folder(course)
        fresh = []
        for student, item in newest.items():
            if folder.timestamp("submitted", student, assignment) != item.submitted_at:
                files = unpack(self.store.blobs.get(item.blob))
                folder.put("submitted", student, assignment, files, item.submitted_at)
                fresh.append(student)
        return fresh

    def grade(self, who: Person, course: str, assignment: str, students: Iterable[str] | None = None) -> list[Job]:
        """Queue collected submissions (all, or some students'); the queue."""
        who.teacher(course)
        collected = self.folder(course).collected(checked(assignment))
        wanted = collected if students is None else [name for name in collected if name in set(students)]
        if not wanted:
            raise Refusal("nothing_collected", assignment)
        self.store.ask_grading(course, assignment, wanted)
        self.worker.wake()
        return self.store.grading(course, assignment)

    def grading(self, who: Person, course: str, assignment: str | None = None) -> list[Job]:
        """How grading goes."""
        who.teacher(course)
        return self.store.grading(course, assignment)

    def scores(self, who: Person, course: str) -> str:
        """All scores as CSV text."""
        who.teacher(course)
        folder = self.folder(course)
        return gradebook.as_csv(folder, folder.assignments())

    # -- giving back ------------------------------------------------------------------------------------

    def put_feedback(self, who: Person, course: str, assignment: str, student: str, stamp: str, package: bytes) -> None:
        """Give back feedback pages that a teacher made elsewhere."""
        who.teacher(course)
        pages = {name: page for name, page in unpack(package).items() if name.endswith(".html") and "/" not in name}
        names = sorted(name.removesuffix(".html") for name in pages)
        notes = [note for job in self.store.grading(course, assignment) for note in job.notes
                 if (job.student, job.submitted_at) == (student, stamp)]  # fmt: skip
        try:
            told = cards.summary(self.folder(course), assignment, checked(student), notes)
        except (Refusal, OSError, LookupError, TypeError, ValueError, SQLAlchemyError) as error:
            log.warning("no cards for %s / %s / %s: %s", course, assignment, student, error)
            told = {}  # graded elsewhere: the sheet stands alone
        for item in self.store.submitted(course, assignment, student):
            if item.submitted_at == stamp and pages:
                files = pages | {cards.FILE: json.dumps(told, ensure_ascii=False).encode()}
                return self.store.give_feedback(item.id, pack(files), names)
        raise Refusal("unknown_submission")

    def give_feedback(self, who: Person, course: str, assignment: str) -> tuple[list[str], list[str]]:
        """Render and give back the feedback of all graded submissions; who got it, and for whom it failed."""
        who.teacher(course)
        folder, given, failed = self.folder(course), [], []
        for job in self.store.grading(course, checked(assignment)):
            stamp = folder.timestamp("autograded", job.student, assignment)
            if stamp is None:
                continue
            try:
                files = folder.render_feedback(assignment, job.student)
                self.put_feedback(who, course, assignment, job.student, stamp, pack(files))
                given.append(job.student)
            except Refusal as refusal:
                log.warning("feedback for %s / %s / %s: %s", course, assignment, job.student, refusal)
                failed.append(job.student)
        return given, failed

    def summary(self, who: Person, course: str, number: int) -> dict[str, Any]:
        """What :func:`hub.classroom.cards.summary` told when a submission was given back; empty when unknown."""
        found: dict[str, Any] = json.loads(self._given(who, course, number).get(cards.FILE, b"{}"))
        return found

    def feedback(self, who: Person, course: str, number: int) -> Files:
        """Feedback pages of one of the person's own submissions; a teacher may open any of the course."""
        given = self._given(who, course, number)
        return {name: page for name, page in given.items() if name.endswith(".html")}

    def given_points(self, item: Submission) -> float | None:
        """The points in the feedback that was given back for this submission; None when there is none or it is old."""
        if not item.feedback_blob:
            return None
        found = json.loads(unpack(self.store.blobs.get(item.feedback_blob)).get(cards.FILE, b"{}")).get("points")
        return float(found) if isinstance(found, int | float) else None

    def _given(self, who: Person, course: str, number: int) -> Files:
        who.member(course)
        student = None if course in who.teaches else who.name
        for item in self.store.submitted(course, student=student, number=number):
            if item.feedback_blob:
                return unpack(self.store.blobs.get(item.feedback_blob))
        raise Refusal("unknown_submission")
