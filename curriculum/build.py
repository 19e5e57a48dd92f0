"""Author file to notebook: `lesson.py` (jupytext percent) is the truth, the .ipynb is built and committed.

A cell's metadata in the author file is `id` (its grade_id and cell id), `kind` and, where graded, `points`:

| kind | what it is for nbgrader |
|---|---|
| text, locked | a locked Markdown or code cell |
| free | an ordinary cell, for trying |
| answer | the learner's code, between solution marks; earns points through a test |
| test | autograder tests, `points` |
| explain | the learner's text, graded by a person, `points` |

`{加賀|かが}` in Markdown becomes ruby with brackets for where ruby is not shown.
"""

from __future__ import annotations

import re
from typing import Any

import jupytext
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from curriculum.lessons import CurriculumError, Lesson

FURIGANA = re.compile(r"\{([^{}|\n]+)\|([^{}|\n]+)\}")
# kind: (cell type or None for both, grade, solution, locked)
KINDS: dict[str, tuple[str | None, bool, bool, bool]] = {
    "text": ("markdown", False, False, True),
    "locked": ("code", False, False, True),
    "answer": ("code", False, True, False),
    "test": ("code", True, False, True),
    "explain": ("markdown", True, True, False),
}


def author_cells(lesson: Lesson) -> list[NotebookNode]:
    """The cells as the author wrote them, checked for id, kind and points."""
    try:
        cells = jupytext.read(lesson.author_file, fmt="py:percent").cells
    except OSError as error:
        raise CurriculumError(
            "no_author_file", f"{lesson.id}: expected {lesson.author_file.name}: {error.strerror}"
        ) from error
    seen: set[str] = set()
    for number, cell in enumerate(cells, 1):
        name, kind, points = (cell.metadata.get(key) for key in ("id", "kind", "points"))
        where = f"{lesson.id}: cell {number} ({name})"
        if not isinstance(name, str) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) or name in seen:
            raise CurriculumError("bad_id", f"{where}: expected an id that no other cell has. Do: give it one")
        seen.add(name)
        if kind not in KINDS and kind != "free":
            raise CurriculumError("bad_kind", f"{where}: expected a kind of {', '.join(KINDS)}, free, got {kind!r}")
        if kind != "free" and cell.cell_type != KINDS[kind][0]:
            raise CurriculumError("bad_kind", f"{where}: {kind} expected in a {KINDS[kind][0]} cell")
        if (kind in ("test", "explain")) != isinstance(points, int):
            raise CurriculumError("bad_points", f"{where}: expected whole points on tests and explanations only")
    return cells


def ruby(text: str) -> str:
    """Furigana marks as HTML ruby; the brackets show where ruby is stripped."""
    return FURIGANA.sub(r"<ruby>\1<rp>（</rp><rt>\2</rt><rp>）</rp></ruby>", text)


def build(lesson: Lesson) -> NotebookNode:
    """The notebook with solutions and hidden tests; the same author file gives the same notebook."""
    cells = []
    for cell in author_cells(lesson):
        made = (
            new_markdown_cell(ruby(cell.source)) if cell.cell_type == "markdown" else new_code_cell(cell.source)
        )
        made.id, kind = cell.metadata["id"], cell.metadata["kind"]
        if kind != "free":
            _, grade, solution, locked = KINDS[kind]
            data: dict[str, Any] = {"grade": grade, "grade_id": made.id, "locked": locked, "schema_version": 3}
            data |= {"solution": solution, "task": False} | ({"points": cell.metadata["points"]} if grade else {})
            made.metadata["nbgrader"] = data
        cells.append(made)
    notebook = new_notebook(cells=cells)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.validate(notebook)
    return notebook


def built_text(lesson: Lesson) -> str:
    """The notebook file's exact content."""
    return nbformat.writes(build(lesson)) + "\n"


def write(lesson: Lesson) -> list[str]:
    """Build the lesson's source folder; the names of the files that changed."""
    wanted = {lesson.notebook.name: built_text(lesson).encode()}
    for name in lesson.files:
        origin = lesson.origin(name)
        if not origin.is_file():
            raise CurriculumError("no_file", f"{lesson.id}: expected {name} in the lesson's folder or in data/")
        wanted[name] = origin.read_bytes()
    lesson.source.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, content in wanted.items():
        path = lesson.source / name
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)
            changed.append(name)
    for path in sorted(lesson.source.iterdir()):
        if path.name not in wanted and not path.name.startswith("."):
            path.unlink()
            changed.append(path.name)
    return changed
