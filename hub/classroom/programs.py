"""The robot program in a submission: the code cell with the grade_id ``step``, as it was handed in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hub.classroom.package import notebooks_in, unpack
from hub.classroom.store import Store, Submission

STEP = "step"
# A robot's memory is small; and a team that hands in a hundred other things need not be searched for ever.
MAX_PROGRAM, MOST_LOOKED_AT = 100_000, 100


@dataclass(frozen=True)
class Program:
    """One program: its text, the text's SHA-256 in hex, and where it comes from."""

    program: str
    sha256: str
    student: str
    course: str
    assignment: str
    submitted_at: str


def newest_program(store: Store, students: Iterable[str]) -> Program | None:
    """The program of the newest submission of any of the students that has one."""
    for item in store.newest(students, MOST_LOOKED_AT):
        text = _step(store, item)
        if text is not None:
            digest = hashlib.sha256(text.encode()).hexdigest()
            return Program(text, digest, item.student, item.course, item.assignment, item.submitted_at)
    return None


def _step(store: Store, item: Submission) -> str | None:
    files = unpack(store.blobs.get(item.blob))
    for name in notebooks_in(files):
        for cell in json.loads(files[f"{name}.ipynb"]).get("cells", []):
            text = _source(cell)
            if text is not None and text.strip():
                return text
    return None


def _source(cell: Any) -> str | None:
    """The text of a ``step`` cell; None for other cells and for what is no text a robot can take."""
    try:
        if cell["cell_type"] != "code" or cell["metadata"]["nbgrader"]["grade_id"] != STEP:
            return None
        text = "".join(cell["source"])
        return text if len(text.encode()) <= MAX_PROGRAM else None
    except (KeyError, TypeError, UnicodeEncodeError):
        return None
