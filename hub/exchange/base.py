"""What all plug-ins share: the connection, one-line failures, and where a student's assignments lie."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nbgrader.exchange import abc
from nbgrader.utils import find_all_files
from traitlets import Bool

from hub.classroom.package import MAX_PACKAGE, MAX_UNPACKED, MIB, Files, pack
from hub.classroom.refusals import Refusal
from hub.exchange.connection import Connection, Refused, Unreachable, path


class ClassroomExchange(abc.Exchange):
    """Base of the plug-ins. Who the caller is, the service reads from the token, never from an option."""

    path_includes_course = Bool(
        True, help="Keep assignments in a folder named after their course, so that names may repeat."
    ).tag(config=True)

    def init_src(self) -> None:
        """Nothing to look up: the service checks everything itself."""

    def init_dest(self) -> None:
        """Nothing to prepare."""

    @property
    def course(self) -> str:
        """The course, which must be known."""
        if not self.coursedir.course_id:
            self.fail("科目が分かりません。--course を付けてください。 / No course is given: use --course. [no_course]")
        return str(self.coursedir.course_id)

    @property
    def assignment(self) -> str:
        """The assignment, which must be known."""
        if self.all_assignments:
            self.fail("課題名を指定してください。 / Give the name of an assignment. [no_assignment]")
        return str(self.coursedir.assignment_id)

    @property
    def all_assignments(self) -> bool:
        """True when none is named: nbgrader says so with "" or "*"."""
        return self.coursedir.assignment_id in ("", "*")

    def here(self, *more: str) -> str:
        """The address of this assignment."""
        return path("courses", self.course, "assignments", self.assignment, *more)

    def call(self, method: str, where: str, body: bytes | None = None, **options: Any) -> bytes:
        """Call the service; a refusal ends the command with its text."""
        with self.told():
            return Connection.from_environment().call(method, where, body, **options)
        raise AssertionError("unreachable")

    def ask(self, method: str, where: str, body: bytes | None = None, **options: Any) -> Any:
        """Call the service for JSON."""
        with self.told():
            return Connection.from_environment().ask(method, where, body, **options)

    @contextmanager
    def told(self) -> Iterator[None]:
        """nbgrader shows only its own error class without a traceback."""
        try:
            yield
        except (Refused, Unreachable) as error:
            self.fail(str(error))
        except Refusal as refusal:
            self.fail(f"{refusal.ja} / {refusal.en} [{refusal.code}]")

    def local(self, course: str, assignment: str) -> Path:
        """Where the assignment lies in the student's home."""
        root = Path(self.assignment_dir).absolute()
        return root / course / assignment if self.path_includes_course else root / assignment

    def packed(self, folder: Path) -> bytes:
        """A folder as a package, without what nbgrader ignores."""
        files: Files = {}
        left = MAX_UNPACKED
        for name in sorted(find_all_files(str(folder), self.coursedir.ignore)):
            found = Path(name)
            if found.is_symlink() or not found.is_file():
                self.log.warning("skipped (not a plain file): %s", name)
                continue
            left -= found.stat().st_size
            if left < 0:
                with self.told():
                    raise Refusal("too_large", f"{MAX_UNPACKED // MIB} MiB")
            files[found.relative_to(folder).as_posix()] = found.read_bytes()
        with self.told():
            data = pack(files)
            if len(data) > MAX_PACKAGE:  # the service would hang up in the middle of the upload
                raise Refusal("too_large", f"{MAX_PACKAGE // MIB} MiB")
        return data
