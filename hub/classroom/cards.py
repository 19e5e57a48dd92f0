"""What a pupil reads first of an answer: one card per task with how it went, the test's hint, the teacher's words.

A task is what stands below one ``##`` heading of the teacher's notebook. Made when feedback is given and kept with
it. Of a test only the message it failed with is taken, never its source.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hub.classroom import gradebook
from hub.classroom.course import CourseFolder
from hub.classroom.gradebook import Mark

FILE = "summary.json"
HINT = 600  # letters
# Remarks of the grader that a pupil can do something about; the others are the teacher's.
OWN_NOTES = {
    "timeout", "memory", "crashed", "syntax_error", "full_width", "missing_notebook", "not_a_notebook", "oversized"
}  # fmt: skip
MARKUP = re.compile(r"<r[pt]>.*?</r[pt]>|<[^>]*>|!?\[([^\]]*)\]\([^)]*\)|[*`]{1,3}")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class Card:
    """One task. `state`: ``done``, ``try`` (once more), ``blank`` (nothing written), ``waiting`` (for the teacher)."""

    title: str
    points: float = 0.0
    max_points: float = 0.0
    state: str = "done"
    hints: list[dict[str, str]] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)


def summary(folder: CourseFolder, assignment: str, student: str, notes: list[dict[str, str]]) -> dict[str, Any]:
    """The cards of one graded submission, how many are done, and the points; `notes` are the grading job's."""
    marks = gradebook.marks(folder, assignment, student)
    sources, graded = folder.notebooks("source", assignment), folder.notebooks("autograded", student, assignment)
    cards: list[Card] = []
    for name in sorted(marks):
        cards += _cards(marks[name], _cells(sources.get(name)), _cells(graded.get(name)))
    count = {state: sum(card.state == state for card in cards) for state in ("done", "waiting")}
    return {
        "total": len(cards), **count, "points": sum(card.points for card in cards),
        "max_points": sum(card.max_points for card in cards), "cards": [asdict(card) for card in cards],
        "notes": [{"ja": note["ja"], "en": note["en"]} for note in notes if note["code"] in OWN_NOTES],
    }  # fmt: skip


def _cells(path: Path | None) -> list[dict[str, Any]]:
    """The cells of a notebook; none when it is missing."""
    return list(json.loads(path.read_text("utf-8"))["cells"]) if path is not None else []


def _id(cell: dict[str, Any]) -> str:
    found = cell.get("metadata", {}).get("nbgrader")
    return str(found.get("grade_id", "")) if isinstance(found, dict) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "".join(map(str, value))


def _cards(marks: dict[str, Mark], source: list[dict[str, Any]], graded: list[dict[str, Any]]) -> list[Card]:
    outputs = {_id(cell): cell.get("outputs", []) for cell in graded}
    found: dict[str, Card] = {}
    heading = ""
    for cell in source:
        if cell["cell_type"] == "markdown":
            lines = [line for line in _text(cell["source"]).splitlines() if line.startswith("## ")]
            heading = MARKUP.sub(r"\1", lines[0][3:]).strip()[:80] if lines else heading
        mark = marks.get(_id(cell))
        if mark is not None and (mark.max_score or mark.comment):
            card = found.setdefault(heading or _id(cell), Card(heading))
            _add(card, mark, outputs.get(_id(cell), []))
    return [card for card in found.values() if card.max_points]


def _add(card: Card, mark: Mark, outputs: list[dict[str, Any]]) -> None:
    """One cell's outcome on its task's card; of several the one that needs the pupil most decides."""
    card.points += mark.score
    card.max_points += mark.max_score
    if mark.comment:
        card.comments.append(mark.comment)
    if mark.blank:
        card.state = "blank"
    elif mark.waiting:
        card.state = "waiting" if card.state == "done" else card.state
    elif mark.score < mark.max_score:
        card.state = "try" if card.state != "blank" else card.state
        hint = _hint(outputs)
        if hint and hint not in card.hints:
            card.hints.append(hint)


def _hint(outputs: list[dict[str, Any]]) -> dict[str, str] | None:
    """What the failed test said, Japanese and English with " / " between them; None when it said nothing."""
    for output in outputs:
        if output.get("output_type") == "error":
            name, said = str(output.get("ename", "")), COLOURS.sub("", _text(output.get("evalue", ""))[:HINT]).strip()
            if name not in ("Hint", "AssertionError"):
                said = f"{name}: {said}"
            japanese, _, english = said.partition(" / ")
            return {"ja": japanese, "en": english or japanese} if said else None
    return None
