"""Plain functions behind ``./kaga classroom grade`` and ``./kaga classroom validate``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from hub.classroom.course import CourseFolder
from hub.classroom.grade import grade_submission
from hub.classroom.refusals import Refusal
from hub.classroom.sandbox import Limits
from hub.classroom.store import FAILED, Job
from hub.classroom.worker import grade_collected


@dataclasses.dataclass(frozen=True)
class Finding:
    """Why a source notebook is not ready: a stable code and a sentence in each language."""

    code: str
    ja: str
    en: str


def grade(
    data: Path, course: str, assignment: str, students: list[str] | None = None, limits: Limits | None = None
) -> Iterator[Job]:
    """Grade collected submissions one by one, without the service; a faulty one does not stop the others."""
    folder = CourseFolder(data / "courses", course)
    if not folder.exists:
        raise Refusal("unknown_course", course)
    for student in folder.collected(assignment):
        if students is None or student in students:
            try:
                yield grade_collected(folder, assignment, student, limits)
            except Refusal as refusal:
                yield Job(course, assignment, student, FAILED, notes=[refusal.as_json()])


def validate(source: Path, limits: Limits | None = None) -> list[Finding]:
    """Check a teacher's notebook: its own solution must earn every automatic point in the box."""
    data = {path.name: path for path in source.parent.iterdir() if path.is_file() and path.suffix != ".ipynb"}
    result = grade_submission(source, source, limits=limits, files=data)
    found = [Finding(note.code, note.ja, note.en) for note in result.notes]
    if not result.scores:
        found.append(Finding("no_points", "採点するセルがありません。", "There is no graded cell."))
    for cell in result.scores:
        if cell.score is not None and cell.status != "blank" and cell.score < cell.max_score:
            where = f"{cell.grade_id}: {cell.score:g} / {cell.max_score:g}"
            ja, en = f"解答が満点になりません（{where}）。", f"The solution does not earn full points ({where})."
            found.append(Finding("solution_fails", ja, en))
    return found
