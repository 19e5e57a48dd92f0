"""Grade one submission: check the file, run it in the box, score it outside.

Contract: whatever the student handed in, :func:`grade_submission` returns a result. It raises only when the
machine (:class:`~hub.classroom.sandbox.SandboxError`) or the teacher's source notebook is at fault.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import time
import tokenize
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from hub.classroom import hidden
from hub.classroom.notes import Note, note
from hub.classroom.package import MAX_NOTEBOOK
from hub.classroom.sandbox import Box, Limits, SandboxError
from hub.classroom.scoring import (
    SYNTAX_ERRORS,
    CellScore,
    Prepared,
    error_names,
    errors,
    nothing_earned,
    outputs_from,
    prepare,
    score,
)

GRACE_SECONDS = 3.0
DISTRUST = ("セル {} の前でテストのエラーが消されたため、そこからは 0 点です。",
            "Before cell {} errors of tests were made to disappear; from there on it scores 0.")  # fmt: skip
FULL_WIDTH = re.compile("[\u3000\uff01-\uff5e\u2018\u2019\u201c\u201d\u2212\u00d7\u00f7]")


@dataclass(frozen=True)
class GradeResult:
    """The outcome of one submission. `score` sums what is known; manual cells are still to be added."""

    scores: tuple[CellScore, ...]
    notes: tuple[Note, ...]
    seconds: float
    executed: NotebookNode | None

    @property
    def score(self) -> float:
        """Points given so far."""
        return sum(cell.score for cell in self.scores if cell.score is not None)

    @property
    def max_score(self) -> float:
        """Points that could be reached."""
        return sum(cell.max_score for cell in self.scores)

    @property
    def needs_manual_grade(self) -> bool:
        """True while a person must grade at least one cell."""
        return any(cell.status == "manual" for cell in self.scores)

    @property
    def flags(self) -> frozenset[str]:
        """The codes of all notes."""
        return frozenset(remark.code for remark in self.notes)

    @property
    def status(self) -> str:
        """``rejected`` (never run), ``manual`` (waits for a person) or ``graded``."""
        if self.executed is None:
            return "rejected"
        return "manual" if self.needs_manual_grade else "graded"


def _load(path: Path, max_bytes: int) -> NotebookNode | Note:
    """The submission as a version 4 notebook, or the note that says why not."""
    if not path.is_file():
        return note("missing_notebook")
    with path.open("rb") as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:
        return note("oversized", f"上限 {max_bytes // 1024} KiB。", f"The limit is {max_bytes // 1024} KiB.")
    try:
        notebook = nbformat.reads(data.decode("utf-8-sig"), as_version=4)
        nbformat.validate(notebook)
        notebook["cells"] = [cell for cell in notebook.cells if isinstance(cell.source, str)]
    except Exception as error:  # nbformat raises many kinds on foreign JSON; all mean the same here
        return note("not_a_notebook", en=f"({type(error).__name__})")
    return notebook


def full_width_in(source: str) -> list[tuple[int, str]]:
    """(line, character) of the full-width characters outside closed strings and comments."""
    hidden: dict[int, list[tuple[int, int]]] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type in (tokenize.STRING, tokenize.COMMENT):
                for line in range(token.start[0], token.end[0] + 1):
                    begin = token.start[1] if line == token.start[0] else 0
                    end = token.end[1] if line == token.end[0] else 1 << 30
                    hidden.setdefault(line, []).append((begin, end))
    except (tokenize.TokenError, SyntaxError):
        pass  # what was read until the error is enough
    return [
        (number, match.group())
        for number, text in enumerate(source.split("\n"), 1)
        for match in FULL_WIDTH.finditer(text)
        if not any(begin <= match.start() < end for begin, end in hidden.get(number, ()))
    ]


def _ask(box: Box, source: str, cell: int, limits: Limits, notes: list[Note]) -> dict[str, Any] | None:
    """Execute one cell's source; the box's answer, or None (and a note) when the box has ended."""
    nonce = secrets.token_hex(32)
    request = {"nonce": nonce, "source": source, "seconds": limits.cell_seconds}
    end = time.monotonic() + limits.cell_seconds + GRACE_SECONDS
    box.send(json.dumps(request).encode(), limits.cell_seconds)
    where = f"セル {cell}。", f"Cell {cell}."
    while True:
        line = box.receive(end - time.monotonic())
        if not line:
            code = "timeout" if line is None else "memory" if box.killed_for_memory() else "crashed"
            notes.append(note("tampered" if box.overflow else code, *where))
            return None
        try:
            found = json.loads(line)
            if secrets.compare_digest(str(found["nonce"]), nonce):
                answer: dict[str, Any] = found
                return answer
        except (ValueError, TypeError, KeyError, RecursionError):
            pass  # not from our executor
        if not any(remark.code == "tampered" for remark in notes):
            notes.append(note("tampered", *where))


def _canary() -> tuple[str, list[tuple[str, str]]]:
    """A cell that must fail, and the errors that it must give."""
    word = secrets.token_hex(16)
    return f'assert False, "{word}"', [("AssertionError", word)]


def _run(
    prepared: Prepared, limits: Limits, files: Mapping[str, Path] | None, secret: Mapping[str, Path]
) -> tuple[set[int], list[Note]]:
    """Execute the code cells in one box, fill in their outputs; which were executed, and what went wrong.

    Before each test a canary must fail: code that makes errors disappear earns nothing from there on.
    """
    executed: set[int] = set()
    late: list[int] = []
    notes: list[Note] = []
    trusted = True
    with Box(limits, files, secret) as box:
        hello = secrets.token_hex(32)
        started = box.send(json.dumps({"nonce": hello}).encode(), limits.start_seconds)
        if not started or hello not in (box.receive(limits.start_seconds) or b"").decode("utf-8", "replace"):
            raise SandboxError(
                f"the box did not start: {box.complaint() or 'no answer from the interpreter'}"
            )
        for number, cell in enumerate(prepared.notebook.cells):
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            test = is_grade(cell) and not is_solution(cell)
            if test and trusted:
                source, wanted = _canary()
                answer = _ask(box, source, number + 1, limits, notes)
                if answer is None:
                    return executed, notes
                if errors(outputs_from(answer.get("outputs"))) != wanted:
                    trusted = False
                    notes.append(note("tampered", *(text.format(number + 1) for text in DISTRUST)))
            answer = _ask(box, cell.source, number + 1, limits, notes)
            if answer is None:
                return executed, notes
            cell.outputs = outputs_from(answer.get("outputs"))
            if trusted or not test:
                executed.add(number)
            if answer.get("timeout") is True:
                late.append(number + 1)
    if late:
        cells = ", ".join(map(str, late))
        notes.append(note("timeout", f"セル {cells}。", f"Cell {cells}."))
    return executed, notes


def _remarks(notebook: NotebookNode) -> list[Note]:
    """Notes that follow from the errors of the executed cells."""
    notes: list[Note] = []
    broken = [n for n, c in enumerate(notebook.cells) if SYNTAX_ERRORS.intersection(error_names(c))]
    if broken:
        cells = ", ".join(str(number + 1) for number in broken)
        notes.append(note("syntax_error", f"セル {cells}。", f"Cell {cells}."))
    wide = [(n + 1, *spot) for n in broken for spot in full_width_in(notebook.cells[n].source)]
    if wide:
        cell, line, character = wide[0]
        notes.append(
            note(
                "full_width",
                f"セル {cell} の {line} 行目に「{character}」があります。",
                f"Cell {cell}, line {line}: {character!r}.",
            )
        )
    if any("MemoryError" in error_names(cell) for cell in notebook.cells):
        notes.append(note("memory"))
    return notes


def grade_submission(
    source_notebook: Path,
    submitted_notebook: Path,
    *,
    limits: Limits | None = None,
    files: Mapping[str, Path] | None = None,
    max_bytes: int = MAX_NOTEBOOK,
) -> GradeResult:
    """Grade `submitted_notebook` against the teacher's `source_notebook` (with solutions and hidden tests).

    `files` are data files the notebook reads, by plain name; nothing else of the host is visible to it.
    """
    began = time.monotonic()
    source = nbformat.read(source_notebook, as_version=4)
    loaded = _load(submitted_notebook, max_bytes)
    if isinstance(loaded, Note):
        return GradeResult(tuple(nothing_earned(source)), (loaded,), time.monotonic() - began, None)
    prepared = prepare(source, loaded)
    secret = hidden.modules(source)
    executed, run_notes = _run(prepared, limits or Limits(), files, secret)
    scores, score_notes = score(prepared, executed)
    told = ", ".join(str(number + 1) for number in hidden.take_out(prepared.notebook, loaded, source, secret))
    if told:
        where = f"セル {told} がかくしテストを表示しました。", f"Cell {told} printed hidden tests."
        run_notes.insert(0, note("tampered", *where))
    merged = {remark.code: remark for remark in [*score_notes, *run_notes, *_remarks(prepared.notebook)]}
    return GradeResult(tuple(scores), tuple(merged.values()), time.monotonic() - began, prepared.notebook)
