"""Scores into nbgrader's gradebook.db: one submission, one transaction, through nbgrader's own models.

nbgrader itself commits once per cell; here a crash leaves either the old or the new grades. Manual scores and
comments of teachers are kept, and such cells ask to be looked at again, as nbgrader does.
"""

from __future__ import annotations

import contextlib
import csv
import io
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from nbgrader.api import (
    Assignment,
    Comment,
    Grade,
    Gradebook,
    MissingEntry,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.utils import compute_checksum, is_solution, parse_utc

from hub.classroom.course import CourseFolder
from hub.classroom.grade import GradeResult
from hub.classroom.refusals import Refusal

# One writer: nbgrader opens SQLite without waiting long for another.
_writing = threading.Lock()
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Standing:
    """What the gradebook says of one student's assignment."""

    student: str
    score: float
    max_score: float
    needs_manual_grade: bool
    submitted_at: str
    sheet: str = ""  # the form grader's number of the notebook to look at


@contextlib.contextmanager
def opened(folder: CourseFolder, assignment: str) -> Iterator[Gradebook]:
    """The course's gradebook, with the assignment in it."""
    folder.directory(assignment)
    with _writing, Gradebook(folder.gradebook_url, folder.name) as book:
        book.db.execute(sa.text("PRAGMA busy_timeout = 30000"))
        yield book


def _assignment(book: Gradebook, name: str) -> Assignment:
    found = book.db.query(Assignment).filter(Assignment.name == name).one_or_none()
    if found is None:
        raise Refusal("no_gradebook", name)
    return found


def _submitted(book: Gradebook, assignment: Assignment, student: str) -> SubmittedAssignment:
    """The student's submission with a row for each notebook, grade cell and comment of the assignment."""
    person = book.db.get(Student, student)
    if person is None:
        person = Student(id=student)
        book.db.add(person)
    submission = (
        book.db.query(SubmittedAssignment).filter_by(assignment_id=assignment.id, student_id=student).one_or_none()
    )
    if submission is None:
        submission = SubmittedAssignment(assignment=assignment, student=person)
        book.db.add(submission)
    known = {notebook.notebook_id for notebook in submission.notebooks}
    for notebook in assignment.notebooks:
        if notebook.id in known:
            continue
        made = SubmittedNotebook(notebook=notebook, assignment=submission)
        book.db.add(made)
        for cell in [*notebook.grade_cells, *notebook.task_cells]:
            book.db.add(Grade(cell_id=cell.id, notebook=made))
        for cell in [*notebook.solution_cells, *notebook.task_cells]:
            book.db.add(Comment(cell_id=cell.id, notebook=made))
    book.db.flush()
    return submission


def record(
    folder: CourseFolder, assignment: str, student: str, stamp: str | None, results: Mapping[str, GradeResult]
) -> None:
    """Write all results (by notebook) of one submission; notebooks without a result count as not handed in."""
    with opened(folder, assignment) as book, _one_transaction(book):
        submission = _submitted(book, _assignment(book, assignment), student)
        submission.timestamp = parse_utc(stamp) if stamp else None
        for notebook in submission.notebooks:
            result = results.get(notebook.name)
            scores = {} if result is None else {cell.grade_id: cell for cell in result.scores}
            blank = set() if result is None else _blank(result)
            for grade in notebook.grades:
                cell = scores.get(grade.cell.name)
                grade.auto_score = cell.score if cell is not None else 0.0
                grade.needs_manual_grade = (grade.manual_score is not None and result is not None) or (
                    grade.auto_score is None
                )
            for comment in notebook.comments:
                comment.auto_comment = "No response." if comment.cell.name in blank else None


@contextlib.contextmanager
def _one_transaction(book: Gradebook) -> Iterator[None]:
    try:
        yield
        book.db.commit()
    except BaseException:
        book.db.rollback()
        raise


def _blank(result: GradeResult) -> set[str]:
    """Ids of answers left as they were handed out (nbgrader's rule: checksum as in the source)."""
    found = set()
    for cell in result.executed.cells if result.executed is not None else []:
        data = cell.metadata.get("nbgrader") or {}
        if is_solution(cell) and data.get("checksum") == compute_checksum(cell):
            found.add(data["grade_id"])
    return found


def standings(folder: CourseFolder, assignment: str) -> list[Standing]:
    """Every graded submission of an assignment, by student; none when the gradebook does not know it yet."""
    if not (folder.root / "gradebook.db").is_file():
        return []
    with opened(folder, assignment) as book:
        found = book.db.query(Assignment).filter(Assignment.name == assignment).one_or_none()
        rows = [] if found is None else found.submissions
        return sorted(
            (
                Standing(row.student_id, float(row.score), float(row.max_score), bool(row.needs_manual_grade),
                         row.timestamp.strftime("%Y-%m-%d %H:%M:%S") if row.timestamp else "", _sheet(row))
                for row in rows
            ),
            key=lambda row: row.student,
        )  # fmt: skip


def _sheet(submission: SubmittedAssignment) -> str:
    """The first notebook that waits for a person, else the first."""
    notebooks = sorted(submission.notebooks, key=lambda one: (not one.needs_manual_grade, one.name))
    return str(notebooks[0].id) if notebooks else ""


@dataclass(frozen=True)
class Mark:
    """One cell of a submission: its points, `waiting` for a person, left `blank`, and what the teacher wrote."""

    score: float
    max_score: float
    waiting: bool
    blank: bool
    comment: str


def marks(folder: CourseFolder, assignment: str, student: str) -> dict[str, dict[str, Mark]]:
    """Graded and commented cells of a student's submission, by notebook and cell; none when nothing is graded."""
    with opened(folder, assignment) as book:
        try:
            notebooks = book.find_submission(assignment, student).notebooks
        except MissingEntry:
            return {}
        return {notebook.name: _marks(notebook) for notebook in notebooks}


def _marks(notebook: SubmittedNotebook) -> dict[str, Mark]:
    comments = {comment.cell.name: comment for comment in notebook.comments}
    found = {
        name: Mark(0.0, 0.0, False, False, comment.manual_comment or "") for name, comment in comments.items()
    }
    for grade in notebook.grades:
        comment = comments.get(grade.cell.name)
        blank = comment is not None and bool(comment.auto_comment) and not grade.score
        said = (comment.manual_comment if comment is not None else "") or ""
        found[grade.cell.name] = Mark(
            float(grade.score), float(grade.max_score), bool(grade.needs_manual_grade), blank, said
        )
    return found


def _plain(text: str) -> str:
    """Text that a spreadsheet does not take for a formula."""
    return "'" + text if text.startswith(_FORMULA) else text


def as_csv(folder: CourseFolder, assignments: list[str]) -> str:
    """Scores of a course for a spreadsheet."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\r\n")
    rows.writerow(["course", "assignment", "student", "score", "max_score", "needs_manual_grade", "submitted_at_utc"])
    for assignment in assignments:
        for row in standings(folder, assignment):
            names = [_plain(text) for text in (folder.name, assignment, row.student)]
            manual = "yes" if row.needs_manual_grade else "no"
            rows.writerow([*names, row.score, row.max_score, manual, row.submitted_at])
    return out.getvalue()
