"""The catalogue: which lessons there are, where their files live, and what they promise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

HOME = Path(__file__).resolve().parent
DATA = HOME / "data"
LEVELS = ("es", "ms", "hs", "ad")


class CurriculumError(ValueError):
    """A course file is not as it should be; `code` is stable, the text says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Lesson:
    """One lesson. `files` lie beside its notebook; points are those of the whole notebook."""

    id: str
    course: str
    ja: str
    en: str
    level: str
    minutes: int
    prerequisites: tuple[str, ...]
    auto_points: float
    manual_points: float
    jouhou1: tuple[str, ...]
    status: str
    files: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where its author files are."""
        return HOME / self.course / "lesson" / self.id

    @property
    def author_file(self) -> Path:
        """The truth: jupytext percent format."""
        return self.folder / "lesson.py"

    @property
    def source(self) -> Path:
        """The folder built for nbgrader."""
        return HOME / self.course / "source" / self.id

    @property
    def notebook(self) -> Path:
        """The built notebook, with solutions and hidden tests."""
        return self.source / f"{self.id}.ipynb"

    def origin(self, name: str) -> Path:
        """Where the file `name` beside the notebook comes from: the lesson's own folder, else the shared data."""
        own = self.folder / name
        return own if own.is_file() else DATA / name

    def mutants(self) -> dict[str, Any]:
        """The lesson's wrong answers and correct variants."""
        return yaml.safe_load((self.folder / "mutants.yml").read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Any]:
    """The catalogue file as it is."""
    return yaml.safe_load((HOME / "catalogue.yml").read_text(encoding="utf-8"))


def lessons(*wanted: str) -> list[Lesson]:
    """The lessons with these ids, or all."""
    entries = catalogue()["lessons"]
    if unknown := sorted(set(wanted) - set(entries)):
        raise CurriculumError(
            "unknown_lesson", f"lesson: expected one of {', '.join(entries)}, got {', '.join(unknown)}. Do: name one"
        )
    found = []
    for name, entry in entries.items():
        if not wanted or name in wanted:
            try:
                lists = {key: tuple(entry[key]) for key in ("prerequisites", "jouhou1", "files")}
                found.append(Lesson(**{**entry, **lists, "id": name}))
            except (KeyError, TypeError) as error:
                raise CurriculumError(
                    "bad_catalogue", f"catalogue.yml: {name}: expected the fields of a lesson, got: {error}"
                ) from error
    return found
