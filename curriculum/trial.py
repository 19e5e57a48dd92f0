"""Try a lesson with given answers in the real grading engine: points per cell, and the hints the learner would get."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from curriculum.lessons import Lesson
from hub.classroom.grade import grade_submission
from robokit.hint import messages

WORKERS = 2


@dataclass(frozen=True)
class Trial:
    """`points` and `most` by graded cell (None while a person must grade), `hints` by cell: the ids that were shown."""

    points: dict[str, float | None]
    most: dict[str, float]
    hints: dict[str, frozenset[str]]
    flags: frozenset[str]
    text: dict[str, str]

    @property
    def automatic(self) -> float:
        """Points given by tests."""
        return sum(points for points in self.points.values() if points is not None)


def attempt(lesson: Lesson, answers: Mapping[str, str], notebook: NotebookNode | None = None) -> Trial:
    """Grade `notebook` (else the solution) with the cells named in `answers` replaced."""
    made = nbformat.read(lesson.notebook, as_version=4) if notebook is None else notebook
    for cell in made.cells:
        if cell.id in answers:
            cell.source = answers[cell.id].rstrip("\n")
    beside = {path.name: path for path in lesson.source.iterdir() if path.suffix != ".ipynb"}
    with tempfile.TemporaryDirectory() as folder:
        submitted = Path(folder) / lesson.notebook.name
        nbformat.write(made, submitted)
        result = grade_submission(lesson.notebook, submitted, files=beside)
    cells = result.executed.cells if result.executed is not None else []
    text = {cell.id: "\n".join(_said(output) for output in cell.get("outputs", [])) for cell in cells}
    return Trial(
        {score.grade_id: score.score for score in result.scores},
        {score.grade_id: score.max_score for score in result.scores},
        {name: frozenset(hints_in(said)) for name, said in text.items()},
        result.flags,
        text,
    )


def attempts(tasks: Iterable[tuple[Lesson, Mapping[str, str]]]) -> list[Trial]:
    """Several trials, as many at once as the machine of a school has cores."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(lambda task: attempt(*task), tasks))


def hints_in(said: str) -> list[str]:
    """The ids of the messages whose Japanese sentence is in an output."""
    return [name for name, pattern in _patterns().items() if pattern.search(said)]


@cache
def _patterns() -> dict[str, re.Pattern[str]]:
    return {
        name: re.compile(r"(?:^|: )" + re.sub(r"\\\{\w+\\\}", ".+", re.escape(texts["ja"])), re.MULTILINE)
        for name, texts in messages().items()
    }


def _said(output: NotebookNode) -> str:
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    return output.text if output.output_type == "stream" else output.data["text/plain"]
