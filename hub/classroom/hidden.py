"""Hidden tests of one lesson: which modules its box needs, and which outputs repeat them.

A pupil's code runs in the process of the tests and can read those of its own lesson, therefore what it prints of
them is taken out before anybody hands it back. Text that the code disguises (turned round, as numbers) is not found.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.utils import is_grade, is_locked

FOLDER = Path(__file__).resolve().parents[2] / "curriculum" / "hidden"
PACKAGE = "kaga_hidden"
_IMPORTED = re.compile(rf"\b{PACKAGE}(?:\.| +import +)(\w+)")
_REGION = re.compile(r"### BEGIN HIDDEN TESTS(.*?)### END HIDDEN TESTS", re.DOTALL)
TELLING = 16  # characters without spaces; shorter lines stand in many programs
REMOVED = "（かくしテストの文が入っていたので、消しました。 / Removed: it repeated hidden tests.）\n"


def modules(source: NotebookNode, folder: Path = FOLDER) -> dict[str, Path]:
    """Files below `folder` by relative name: the modules that a source notebook imports, and what these import."""
    text = "\n".join(cell.source for cell in source.cells if cell.cell_type == "code")
    found: dict[str, Path] = {}
    waiting = ["__init__", *_IMPORTED.findall(text)] if PACKAGE in text else []
    while waiting:
        name = f"{PACKAGE}/{waiting.pop()}.py"
        if name not in found and (folder / name).is_file():
            found[name] = folder / name
            waiting += _IMPORTED.findall(found[name].read_text("utf-8"))
    return found


def take_out(
    notebook: NotebookNode, submitted: NotebookNode, source: NotebookNode, files: Mapping[str, Path]
) -> list[int]:
    """Replace outputs of an executed notebook that repeat hidden tests; the positions of their cells.

    What the pupil wrote or was shown is no secret. Tracebacks of test cells quote the tests without anybody's doing;
    the feedback sheet takes them out.
    """
    known = "\n".join(_bare(cell.source) for cell in submitted.cells)
    texts = [path.read_text("utf-8") for path in files.values()]
    texts += [region for cell in source.cells for region in _REGION.findall(cell.source)]
    lines = {_bare(line) for text in texts for line in text.splitlines()}
    secrets = [line for line in lines if len(line) >= TELLING and line not in known]
    cells = []
    for number, cell in enumerate(notebook.cells):
        test = is_grade(cell) or is_locked(cell)
        kept = [output for output in cell.get("outputs", []) if not _repeats(output, secrets, test)]
        if len(kept) < len(cell.get("outputs", [])):
            cell.outputs = [new_output("stream", name="stdout", text=REMOVED), *kept]
            cells.append(number)
    return cells


def _bare(text: str) -> str:
    return "".join(text.split())


def _repeats(output: NotebookNode, secrets: list[str], test: bool) -> bool:
    if output.output_type == "error":
        said = output.evalue + ("" if test else "\n".join(output.traceback))
    else:
        said = output.text if output.output_type == "stream" else output.data["text/plain"]
    bare = _bare(said)
    return any(line in bare for line in secrets)
