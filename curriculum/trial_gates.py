"""Gates that run a lesson in the real grading engine. Each yields reasons; none is good.

Wrong answers to different cells of one lesson are tried together in one submission: a lesson's tests are independent
of each other, and a box costs more than a test.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import nbformat

from curriculum.lessons import Lesson
from curriculum.text_gates import notebook
from curriculum.trial import Trial, attempt, attempts
from hub.classroom.course import CourseFolder, publish
from hub.classroom.package import Files
from robokit.hint import messages

MIN_MUTANTS, MIN_VARIANTS = 6, 2
LEAKS = re.compile(r"kaga_hidden|BEGIN HIDDEN|BEGIN SOLUTION|curriculum/hidden")


@dataclass
class Pack:
    """Answers to different cells, tried in one submission."""

    answers: dict[str, str] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)


def packed(entries: dict[str, dict[str, Any]]) -> list[Pack]:
    """All entries in as few submissions as their cells allow."""
    packs: list[Pack] = []
    for name, entry in entries.items():
        pack = next((pack for pack in packs if entry["cell"] not in pack.answers), None)
        if pack is None:
            packs.append(pack := Pack())
        pack.answers[entry["cell"]] = entry["code"]
        pack.names.append(name)
    return packs


@lru_cache(maxsize=16)
def tried(lesson: Lesson) -> tuple[Trial, Trial, dict[str, Trial]]:
    """The solution twice, and the trial of every mutant and correct variant by its name."""
    given = lesson.mutants()
    packs = packed(given["mutants"]) + packed(given["correct_variants"])
    first, second, *rest = attempts([(lesson, {}), (lesson, {}), *((lesson, pack.answers) for pack in packs)])
    return first, second, {name: trial for pack, trial in zip(packs, rest, strict=True) for name in pack.names}


@lru_cache(maxsize=16)
def released(lesson: Lesson) -> Files:
    """The files that a pupil gets, made as the classroom makes them."""
    with tempfile.TemporaryDirectory() as folder:
        publish(lesson.course, {lesson.id: lesson.source}, Path(folder))
        return CourseFolder(Path(folder) / "courses", lesson.course).generate(lesson.id)


def solution(lesson: Lesson) -> Iterator[str]:
    """Gate 1: the solution earns every automatic point."""
    trial = tried(lesson)[0]
    for cell, points in trial.points.items():
        if points is not None and points < trial.most[cell]:
            yield f"{cell}: {points} of {trial.most[cell]}: {trial.text.get(cell, '')[:200]}"
    if trial.automatic != lesson.auto_points or trial.flags:
        yield f"{trial.automatic} of {lesson.auto_points} automatic points, notes {sorted(trial.flags)}"


def untouched(lesson: Lesson) -> Iterator[str]:
    """Gate 2: the released notebook earns nothing untouched, and each test says something kind."""
    release = nbformat.reads(released(lesson)[lesson.notebook.name].decode(), as_version=4)
    trial = attempt(lesson, {}, release)
    for cell, points in trial.points.items():
        if points not in (None, 0):
            yield f"{cell}: {points} points untouched"
        if points is not None and not trial.hints.get(cell) and cell != "m_explain":
            yield f"{cell}: no hint for an untouched notebook: {trial.text.get(cell, '')[:200]}"


def mutants(lesson: Lesson) -> Iterator[str]:
    """Gate 3: each wrong answer fails its cell and gets its hint, and no other hint of the lesson there."""
    given = lesson.mutants()["mutants"]
    if len(given) < MIN_MUTANTS:
        yield f"{len(given)} mutants, expected at least {MIN_MUTANTS}"
    trials = tried(lesson)[2]
    for name, entry in given.items():
        for cell in entry["must_fail"].split():
            points, most, hints = trials[name].points[cell], trials[name].most[cell], trials[name].hints[cell]
            if points is None or points >= most:
                yield f"{name}: {cell} gave {points} of {most}"
            if hints != {entry["must_say"]}:
                yield f"{name}: {cell} said {sorted(hints)}, expected {entry['must_say']}"
            if (entry["level"] == "hidden") != (points == most - 1 and most > 1):
                yield f"{name}: level {entry['level']}, but {cell} gave {points} of {most}"


def coverage(lesson: Lesson) -> Iterator[str]:
    """Gate 4: each automatic cell is failed by a mutant, each hint of the lesson is given to one."""
    given = lesson.mutants()["mutants"].values()
    for cell in notebook(lesson).cells:
        data = cell.metadata.get("nbgrader", {})
        if data.get("grade") and not data.get("solution") and not any(cell.id in m["must_fail"].split() for m in given):
            yield f"{cell.id}: no mutant fails it"
    for name in messages():
        if name.startswith(f"{lesson.id.lower()}_") and not any(m["must_say"] == name for m in given):
            yield f"hint {name}: no mutant gets it"


def variants(lesson: Lesson) -> Iterator[str]:
    """Gate 5: other correct answers earn every automatic point."""
    given = lesson.mutants()["correct_variants"]
    if len(given) < MIN_VARIANTS:
        yield f"{len(given)} correct variants, expected at least {MIN_VARIANTS}"
    for name in given:
        trial = tried(lesson)[2][name]
        if trial.automatic != lesson.auto_points:
            hints = {cell: sorted(found) for cell, found in trial.hints.items() if found and cell.startswith("t_")}
            yield f"{name}: {trial.automatic} of {lesson.auto_points}: {hints}"


def kept_secret(lesson: Lesson) -> Iterator[str]:
    """Gate 7: no solution and no hidden test in what pupils get."""
    for name, content in released(lesson).items():
        if found := LEAKS.search(content.decode("utf-8", "replace")):
            yield f"{name}: {found[0]}"
    answers = {cell.id: cell.source for cell in notebook(lesson).cells}
    for cell in nbformat.reads(released(lesson)[lesson.notebook.name].decode(), as_version=4).cells:
        data = cell.metadata.get("nbgrader", {})
        if data.get("solution") and cell.source == answers[cell.id]:
            yield f"{cell.id}: the solution is in the release"


def deterministic(lesson: Lesson) -> Iterator[str]:
    """Gate 8: two runs of the solution give the same points and the same outputs."""
    first, second, _ = tried(lesson)
    if first != second:
        yield "two runs of the solution differ"


def drawn(lesson: Lesson) -> Iterator[str]:
    """Gate 17: every character has a glyph; charts and pictures have a title, axis labels and words."""
    for cell, said in tried(lesson)[0].text.items():
        if "missing from" in said or "Glyph" in said:
            yield f"{cell}: {said[:200]}"
    for cell in notebook(lesson).cells:
        if "plot(" in cell.source and not all(
            part in cell.source for part in ("set_title(", "set_xlabel(", "set_ylabel(", "Chart(")
        ):
            yield f"{cell.id}: a chart without title, axis labels or Chart(figure, words)"
        if cell.cell_type == "markdown" and re.search(r"!\[\s*\]\(", cell.source):
            yield f"{cell.id}: a picture without words"
