"""Grades collected submissions, several at once, each in its own box; one bad submission never stops others.

A job that was running when the process died is graded again at the next start.
"""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from html import escape

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from hub.classroom import gradebook
from hub.classroom.course import CourseFolder
from hub.classroom.grade import GradeResult, grade_submission
from hub.classroom.package import TIMESTAMP, Files
from hub.classroom.refusals import Refusal
from hub.classroom.sandbox import Limits, SandboxError
from hub.classroom.store import DONE, FAILED, Job, Store

log = logging.getLogger(__name__)
FAILURES = {
    "no_box": ("採点用の箱（bubblewrap）が使えないため、採点していません。{detail}",
               "Nothing was graded: the sandbox cannot be built. {detail}"),
    "not_graded": ("採点できませんでした。もう一度「採点」を押してください。{detail}",
                   "It could not be graded; start grading again. {detail}"),
}  # fmt: skip


def grade_collected(folder: CourseFolder, assignment: str, student: str, limits: Limits | None = None) -> Job:
    """Grade one collected submission, keep the executed notebooks and record the scores; the finished job.

    Raises only for faults of the machine or the course: :class:`SandboxError`, :class:`Refusal`.
    """
    sources = folder.notebooks("source", assignment)
    if not sources:
        raise Refusal("unknown_source", assignment)
    if student not in folder.collected(assignment):
        raise Refusal("nothing_collected", assignment)
    handed_in = folder.notebooks("submitted", student, assignment)
    stamp = folder.timestamp("submitted", student, assignment)
    data = folder.data_files(assignment)
    results: dict[str, GradeResult] = {}
    for name, source in sources.items():
        submitted = handed_in.get(name, folder.at("submitted", student, assignment) / f"{name}.ipynb")
        results[name] = grade_submission(source, submitted, limits=limits, files=data)
    gradebook.record(folder, assignment, student, stamp, {n: r for n, r in results.items() if n in handed_in})
    folder.put("autograded", student, assignment, _executed(folder, assignment, results), stamp)
    notes = {note.code: dataclasses.asdict(note) for result in results.values() for note in result.notes}
    return Job(
        folder.name, assignment, student, DONE, stamp,
        score=sum(result.score for result in results.values()),
        max_score=sum(result.max_score for result in results.values()),
        manual=any(result.needs_manual_grade for result in results.values()), notes=list(notes.values()),
    )  # fmt: skip


def _executed(folder: CourseFolder, assignment: str, results: dict[str, GradeResult]) -> Files:
    """The executed notebooks, headed by the remarks, with the teacher's data files."""
    files = {name: path.read_bytes() for name, path in folder.data_files(assignment).items() if name != TIMESTAMP}
    for name, result in results.items():
        notebook: NotebookNode = result.executed if result.executed is not None else new_notebook()
        if result.notes:
            lines = [f"- {escape(note.ja)}  \n  {escape(note.en)}" for note in result.notes]
            remark = new_markdown_cell("**自動採点からのメモ / Notes from grading**\n\n" + "\n".join(lines))
            if (notebook.nbformat, notebook.nbformat_minor) < (4, 5):
                remark.pop("id", None)
            notebook.cells.insert(0, remark)
        files[f"{name}.ipynb"] = nbformat.writes(notebook).encode()
    return files


class Worker:
    """Threads that take jobs from the store; the student's code itself runs in processes of the box."""

    def __init__(
        self, store: Store, courses: Callable[[str], CourseFolder], threads: int = 2, limits: Limits | None = None
    ) -> None:
        self.store, self.courses, self.limits = store, courses, limits
        self._wake = threading.Condition()
        self._stopping = False
        self._threads = [
            threading.Thread(target=self._work, name=f"grading-{number}", daemon=True) for number in range(threads)
        ]

    @property
    def running(self) -> bool:
        """True between start and stop."""
        return any(thread.is_alive() for thread in self._threads)

    def start(self) -> None:
        """Take up what an earlier process left, and begin; once."""
        if self.running:
            return
        self.store.resume_jobs()
        for thread in self._threads:
            thread.start()

    def wake(self) -> None:
        """There may be new jobs."""
        with self._wake:
            self._wake.notify_all()

    def stop(self, patience: float = 5.0) -> None:
        """Let no further job begin; a running one is taken up again at the next start."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(patience)

    def _work(self) -> None:
        while not self._stopping:
            try:
                job = self.store.next_job()
                if job is not None:
                    self.store.end_job(self._graded(job))
                    continue
            except Exception:  # the database is busy or the disk full: the job waits, the thread lives
                log.exception("grading queue")
            with self._wake:
                if not self._stopping:
                    self._wake.wait(2.0)

    def _graded(self, job: Job) -> Job:
        try:
            return grade_collected(self.courses(job.course), job.assignment, job.student, self.limits)
        except Refusal as refusal:
            return dataclasses.replace(job, state=FAILED, notes=[refusal.as_json()])
        except SandboxError as error:
            return _failed(job, "no_box", str(error))
        except Exception as error:  # whatever a strange file brings about, the next submission is graded
            log.exception("grading %s / %s / %s", job.course, job.assignment, job.student)
            return _failed(job, "not_graded", f"({type(error).__name__})")


def _failed(job: Job, code: str, detail: str) -> Job:
    ja, en = (text.format(detail=detail[:300]) for text in FAILURES[code])
    return dataclasses.replace(job, state=FAILED, notes=[{"code": code, "ja": ja, "en": en}])
