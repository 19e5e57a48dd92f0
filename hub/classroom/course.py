"""One course's folder in nbgrader's layout: source, release, submitted, autograded, feedback, gradebook.db.

Its teachers may write there (their form grader works on it), therefore links out of it are never followed.
Nothing here runs code of a notebook.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from nbgrader.converters import GenerateAssignment, GenerateFeedback
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from traitlets.config import Config

from hub.classroom.blobs import write_durably
from hub.classroom.feedback_sheet import FILTERS, HideTests
from hub.classroom.names import checked, within
from hub.classroom.package import MAX_FILES, MAX_UNPACKED, MIB, TIMESTAMP, Files, replace_folder, stamped
from hub.classroom.refusals import Refusal
from hub.classroom.stubs import stubs

# nbgrader's converters keep state in class configuration and in the current process: one at a time.
_converting = threading.Lock()
TITLES, TITLE_BYTES = "course.toml", 4096


class CourseFolder:
    """The folder of course `name` under `courses`."""

    def __init__(self, courses: Path, name: str) -> None:
        self.name = checked(name)
        self.root = courses / self.name

    @property
    def exists(self) -> bool:
        """True once something was published or released."""
        return self.root.is_dir()

    @property
    def gradebook_url(self) -> str:
        """nbgrader's database."""
        return f"sqlite:///{within(self.root, self.root / 'gradebook.db')}"

    @property
    def titles(self) -> dict[str, str]:
        """What people call the course, by language ("ja", "en"): from ``course.toml``, else its name."""
        try:
            with within(self.root, self.root / TITLES).open("rb") as file:
                found = tomllib.loads(file.read(TITLE_BYTES).decode("utf-8-sig")).get("title", {})
            return {one: str(found.get(one) or self.name)[:60] for one in ("ja", "en")}
        except (OSError, ValueError, AttributeError, Refusal):  # its teachers may write there, and may err
            return {"ja": self.name, "en": self.name}

    def make(self) -> None:
        """Create the folder."""
        for step in ("source", "release", "submitted", "autograded", "feedback"):
            (self.root / step).mkdir(parents=True, exist_ok=True)

    def at(self, step: str, *names: str) -> Path:
        """A place in the course; every name is checked and links must stay inside."""
        return within(self.root, self.root.joinpath(step, *map(checked, names)))

    def _folders(self, *place: str) -> list[str]:
        folder = self.at(*place)
        found = [] if not folder.is_dir() else [entry.name for entry in folder.iterdir() if entry.is_dir()]
        return sorted(name for name in found if not name.startswith("."))

    def assignments(self) -> list[str]:
        """Assignments that have a source."""
        return [name for name in self._folders("source") if list(self.at("source", name).glob("*.ipynb"))]

    def collected(self, assignment: str) -> list[str]:
        """Students of whom something is collected."""
        return [name for name in self._folders("submitted") if self.at("submitted", name, assignment).is_dir()]

    def files(self, step: str, *names: str) -> Files:
        """All files of a step's folder by relative path, bounded in size and number; dot folders left out."""
        folder, files, size = self.at(step, *names), Files(), 0
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if any(part.startswith(".") or part == "__pycache__" for part in relative.parts):
                continue
            if within(self.root, path).is_file():
                size += path.stat().st_size
                if size > MAX_UNPACKED:
                    raise Refusal("too_large", f"{MAX_UNPACKED // MIB} MiB")
                files[relative.as_posix()] = path.read_bytes()
                if len(files) > MAX_FILES:
                    raise Refusal("too_many_files", MAX_FILES)
        return files

    def notebooks(self, step: str, *names: str) -> dict[str, Path]:
        """Notebooks at the top of a step's folder, by name without ".ipynb"."""
        return {path.stem: within(self.root, path) for path in sorted(self.at(step, *names).glob("*.ipynb"))}

    def data_files(self, assignment: str) -> dict[str, Path]:
        """The teacher's files beside the source notebooks, which a notebook may read."""
        beside = sorted(self.at("source", assignment).iterdir())
        return {
            path.name: within(self.root, path).resolve()
            for path in beside
            if path.is_file() and path.suffix != ".ipynb" and not path.name.startswith(".")
        }

    def timestamp(self, step: str, student: str, assignment: str) -> str | None:
        """When the submission in a step's folder was handed in."""
        path = self.at(step, student, assignment) / TIMESTAMP
        return within(self.root, path).read_text("utf-8").strip()[:60] if path.is_file() else None

    def put(self, step: str, student: str, assignment: str, files: Mapping[str, bytes], stamp: str | None) -> None:
        """Replace a student's folder of a step as a whole."""
        replace_folder(files if stamp is None else stamped(files, stamp), self.at(step, student, assignment))

    def directory(self, assignment: str, student: str = "*") -> CourseDirectory:
        """nbgrader's own view of this folder."""
        path = str(Path(sys.executable).parent)  # a new gradebook calls the alembic command
        if path not in os.environ.get("PATH", "").split(os.pathsep):
            os.environ["PATH"] = path + os.pathsep + os.environ.get("PATH", os.defpath)
        config = Config()
        config.CourseDirectory.root = str(self.root.resolve())
        config.CourseDirectory.course_id = self.name
        config.CourseDirectory.assignment_id = assignment
        config.CourseDirectory.student_id = student
        return CourseDirectory(config=config)

    def generate(self, assignment: str) -> Files:
        """Make the student version (no solutions, no hidden tests) and the gradebook's entries; its files."""
        if assignment not in self.assignments():
            raise Refusal("unknown_source", assignment)
        self.files("source", assignment)  # refuses links out of the course before nbgrader follows them
        with _converting, _quiet() as said:
            converter = GenerateAssignment(coursedir=self.directory(assignment), config=stubs())
            converter.force = True
            converter.create_assignment = True
            try:
                converter.start()
            except (NbGraderException, SystemExit, ValueError, RuntimeError) as error:
                raise Refusal("generate_failed", said.reason(error)) from error
        return self.files("release", assignment)

    def render_feedback(self, assignment: str, student: str) -> Files:
        """Feedback pages of one graded submission: rendered from stored outputs, nothing is executed."""
        self.files("autograded", student, assignment)
        with _converting, _quiet() as said:
            config = Config({"HTMLExporter": {"filters": FILTERS}})
            converter = GenerateFeedback(coursedir=self.directory(assignment, student), config=config)
            converter.force = True
            converter.preprocessors = [HideTests, *converter.preprocessors]
            try:
                converter.start()
            except (NbGraderException, SystemExit, ValueError, RuntimeError) as error:
                raise Refusal("feedback_failed", said.reason(error)) from error
        found = self.files("feedback", student, assignment)
        return {name: page for name, page in found.items() if name.endswith(".html") and "/" not in name}


class _quiet(logging.Handler):
    """Keeps nbgrader's last error line instead of a traceback on the console."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one line."""
        self.lines.extend(line for line in record.getMessage().splitlines() if line.strip())

    def __enter__(self) -> _quiet:
        self.log = logging.getLogger("traitlets")
        self.log.addHandler(self)
        self._propagate, self.log.propagate = self.log.propagate, False
        return self

    def __exit__(self, *_: object) -> None:
        self.log.removeHandler(self)
        self.log.propagate = self._propagate

    def reason(self, error: BaseException) -> str:
        """The most telling line."""
        told = [line for line in self.lines if "Error" in line] or self.lines
        return (told[-1] if told else str(error)).strip()


def publish(
    course: str, lessons: Mapping[str, Path], data: Path, ignore: Iterable[str] = (),
    titles: Mapping[str, str] | None = None,
) -> list[str]:  # fmt: skip
    """Copy lesson folders (assignment name to folder of sources) into the course's ``source``; the names.

    Only changed files are written, so publishing again is cheap and leaves a teacher's additions alone. `titles`
    (by language) are what people call the course.
    """
    folder = CourseFolder(data / "courses", course)
    folder.make()
    if titles and titles != folder.titles:
        lines = "".join(f"{language} = {json.dumps(text, ensure_ascii=False)}\n" for language, text in titles.items())
        write_durably(within(folder.root, folder.root / TITLES), f"[title]\n{lines}".encode())
    for assignment, origin in lessons.items():
        if not list(origin.glob("*.ipynb")):
            raise Refusal("unknown_source", f"{assignment}: {origin.name}")
        for path in sorted(origin.rglob("*")):
            relative = path.relative_to(origin)
            hidden = any(part.startswith(".") or part == "__pycache__" for part in relative.parts)
            if hidden or path.is_dir() or path.is_symlink() or any(relative.match(pattern) for pattern in ignore):
                continue
            target = folder.at("source", assignment, *relative.parts)
            content = path.read_bytes()
            if not target.exists() or target.read_bytes() != content:
                write_durably(target, content)
    return sorted(lessons)
