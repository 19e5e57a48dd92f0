"""OUTSIDE the box: prepares the cells to run, and scores what came back by nbgrader's own rules.

Scores come from ``nbgrader.utils.determine_grade`` applied to executed cells whose locked parts, points and
checksums were taken from the teacher's source notebook, never from the submission. A test cell that was not
executed scores 0 (without outputs, nbgrader would give it full points).
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_locked, is_solution, is_task

from hub.classroom.notes import Note, note
from hub.classroom.stubs import stubs

log = logging.getLogger(__name__)
SYNTAX_ERRORS = frozenset({"SyntaxError", "IndentationError", "TabError"})


@dataclass(frozen=True)
class CellScore:
    """One grade cell. `score` is None while a person must grade it (`status` is then ``manual``).

    Other values of `status`: ``passed`` (full points), ``partial``, ``failed``, ``blank`` (answer unchanged),
    ``not_run``, ``missing`` (not in the submission).
    """

    grade_id: str
    score: float | None
    max_score: float
    status: str


@dataclass
class Prepared:
    """A submission ready to run: `notebook` holds the cells, `graded` the teacher's grade cells by id."""

    notebook: NotebookNode
    graded: dict[str, NotebookNode]
    notes: list[Note] = field(default_factory=list)


def grade_id(cell: NotebookNode) -> str | None:
    """The cell's nbgrader id, or None for an ordinary cell or unusable metadata."""
    data = cell.metadata.get("nbgrader")
    found = data.get("grade_id") if isinstance(data, dict) else None
    return found if isinstance(found, str) and found else None


def _known(notebook: NotebookNode) -> dict[str, NotebookNode]:
    return {key: cell for cell in notebook.cells if (key := grade_id(cell)) is not None}


def _kept(cell: NotebookNode) -> bool:
    return is_grade(cell) or is_locked(cell) or is_task(cell)


def prepare(source: NotebookNode, submitted: NotebookNode) -> Prepared:
    """Put the teacher's locked cells, points and checksums over the submission's.

    Of copies of one cell the last counts, as in nbgrader; grade cells that are gone stay gone and score 0.
    """
    released, _ = ClearSolutions(config=stubs()).preprocess(copy.deepcopy(source), {})
    teacher = _known(released)
    shown = _known(ClearHiddenTests().preprocess(copy.deepcopy(released), {})[0])
    notebook = copy.deepcopy(submitted)
    changed: list[str] = []
    seen: set[str] = set()
    for cell in reversed(notebook.cells):
        key = grade_id(cell)
        original = teacher.get(key) if key else None
        if key is None or original is None or key in seen:
            if key in seen and original is not None and _kept(original):
                changed.append(key)
            cell.metadata.pop("nbgrader", None)
            continue
        seen.add(key)
        cell.metadata["nbgrader"] = copy.deepcopy(original.metadata["nbgrader"])
        cell.metadata["nbgrader"]["checksum"] = compute_checksum(original)
        if cell.cell_type != original.cell_type:
            changed.append(key)
            cell.cell_type = original.cell_type
        if is_locked(original):
            if cell.source.rstrip() not in (shown[key].source.rstrip(), original.source.rstrip()):
                changed.append(key)
            cell.source = original.source
    changed += [key for key, cell in teacher.items() if key not in seen and _kept(cell)]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    graded = {key: cell for key, cell in teacher.items() if is_grade(cell) or is_task(cell)}
    notes = [note("tampered", en=", ".join(sorted(set(changed)))[:300])] if changed else []
    return Prepared(notebook, graded, notes)


def outputs_from(raw: Any) -> list[NotebookNode]:
    """Outputs, rebuilt from what the box said; an unknown one counts as an error and earns nothing."""
    outputs = []
    items: list[Any] = raw if isinstance(raw, list) else [None]
    for item in items:
        try:
            kind = item["output_type"]
            if kind == "stream":
                made = new_output("stream", name=str(item["name"]), text=str(item["text"]))
            elif kind in ("execute_result", "display_data"):
                made = new_output(kind, data={"text/plain": str(item["data"]["text/plain"])})
            else:
                trace = [str(line) for line in item["traceback"]]
                made = new_output(
                    "error", ename=str(item["ename"]), evalue=str(item["evalue"]), traceback=trace
                )
        except (KeyError, TypeError):
            made = new_output("error", ename="BadOutput", evalue="unreadable output", traceback=[])
        outputs.append(made)
    return outputs


def errors(outputs: list[NotebookNode]) -> list[tuple[str, str]]:
    """Name and message of each error among outputs."""
    return [(output.ename, output.evalue) for output in outputs if output.output_type == "error"]


def error_names(cell: NotebookNode) -> list[str]:
    """Names of the errors among a cell's outputs."""
    return [name for name, _ in errors(cell.get("outputs", []))]


def _score(key: str, cell: NotebookNode, executed: bool, notes: list[Note]) -> CellScore:
    if is_task(cell):
        return CellScore(key, None, float(cell.metadata.nbgrader["points"]), "manual")
    points = float(cell.metadata.nbgrader["points"])
    if cell.cell_type == "code" and not is_solution(cell) and not executed:
        return CellScore(key, 0.0, points, "not_run")
    try:
        score, points = determine_grade(cell, log)
    except (ValueError, KeyError) as error:
        notes.append(note("bad_score", en=f"{key}: {error}"))
        return CellScore(key, None, points, "manual")
    if score is None:
        return CellScore(key, None, points, "manual")
    if is_solution(cell):
        return CellScore(key, float(score), points, "blank")
    status = "passed" if score >= points else "partial" if score > 0 else "failed"
    return CellScore(key, float(score), points, status)


def score(prepared: Prepared, executed: set[int]) -> tuple[list[CellScore], list[Note]]:
    """Scores of all the teacher's grade cells in their order, and remarks; `executed`: cell positions."""
    notes = list(prepared.notes)
    place = {key: number for number, cell in enumerate(prepared.notebook.cells) if (key := grade_id(cell))}
    scores = []
    for key, original in prepared.graded.items():
        if key in place:
            cell = prepared.notebook.cells[place[key]]
            scores.append(_score(key, cell, place[key] in executed, notes))
        else:
            scores.append(CellScore(key, 0.0, float(original.metadata.nbgrader["points"]), "missing"))
    return scores, notes


def nothing_earned(source: NotebookNode) -> list[CellScore]:
    """Zero for every grade cell: no notebook, or one that could not be read."""
    cells = {key: cell for key, cell in _known(source).items() if is_grade(cell) or is_task(cell)}
    return [
        CellScore(key, 0.0, float(cell.metadata.nbgrader["points"]), "missing") for key, cell in cells.items()
    ]
