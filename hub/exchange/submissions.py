"""Handing in, and collecting what was handed in."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Any

from nbgrader.exchange import abc
from nbgrader.utils import parse_utc

from hub.classroom.names import checked
from hub.classroom.package import replace_folder, stamped, unpack
from hub.exchange.base import ClassroomExchange
from hub.exchange.connection import Connection, Unreachable, path


class Submit(abc.ExchangeSubmit, ClassroomExchange):
    """Hand in an assignment. A lost answer is asked for once more with the same id, so nothing is sent twice."""

    def copy_files(self) -> None:
        """Upload."""
        folder = self.local(self.course, self.assignment)
        if not folder.is_dir():
            self.fail(f"「{self.assignment}」が見つかりません。 / There is no such folder: {folder} [not_fetched]")
        self._complain_about_missing(folder)
        data = self.packed(folder)
        command = secrets.token_hex(8) + hashlib.sha256(data).hexdigest()[:16]
        with self.told():
            try:
                told = self._send(data, command)
            except Unreachable:
                told = self._send(data, command)
        self.timestamp = told["timestamp"]
        self.log.info("Submitted: %s / %s at %s", self.course, self.assignment, self.timestamp)

    def _send(self, data: bytes, command: str) -> dict[str, Any]:
        made: dict[str, Any] = Connection.from_environment().ask(
            "POST", self.here("submissions"), data, seconds=15, command=command
        )
        return made

    def _complain_about_missing(self, folder: Path) -> None:
        released = self.ask("GET", path("courses", self.course, "assignments"))
        wanted = [info["notebooks"] for info in released if info["assignment_id"] == self.assignment]
        missing = sorted({f"{n}.ipynb" for names in wanted for n in names} - {f.name for f in folder.glob("*.ipynb")})
        if missing and self.strict:
            self.fail(f"足りないノートブック：{', '.join(missing)} / Notebooks are missing. [missing_notebooks]")
        if missing:
            self.log.warning("足りないノートブック / Missing notebooks: %s", ", ".join(missing))


class Collect(abc.ExchangeCollect, ClassroomExchange):
    """Put students' newest submissions into the course's ``submitted`` folder."""

    def copy_files(self) -> None:
        """Download those that are new here."""
        items = self.ask("GET", path("courses", self.course, "submissions"), assignment=self.assignment)
        if self.coursedir.student_id not in ("", "*"):
            items = [item for item in items if item["student_id"] == self.coursedir.student_id]
        if not items:
            self.log.warning("提出物はありません / No submissions of %s", self.assignment)
        for student in sorted({item["student_id"] for item in items}):
            self._collect([item for item in items if item["student_id"] == student])

    def _chosen(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        """The newest, or with ``before_duedate`` the newest that is in time."""
        due = self._duedate() if self.before_duedate else None
        timely = [item for item in items if due is None or parse_utc(item["timestamp"]) <= due]
        return (timely or items)[-1]

    def _duedate(self) -> Any:
        from nbgrader.api import Gradebook, MissingEntry  # only a teacher's server has a gradebook

        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as book:
            try:
                return book.find_assignment(self.assignment).duedate
            except MissingEntry:
                return None

    def _collect(self, items: list[dict[str, Any]]) -> None:
        item = self._chosen(items)
        student = checked(item["student_id"])
        target = Path(self.coursedir.format_path(self.coursedir.submitted_directory, student, self.assignment))
        if target.is_dir():
            have, new = self.coursedir.get_existing_timestamp(str(target)), parse_utc(item["timestamp"])
            newer = have is None or new > have
            if have == new or not (self.before_duedate or (self.update and newer)):
                self.log.info("Already collected: %s %s", student, self.assignment)
                return
        with self.told():
            files = unpack(self.call("GET", path("courses", self.course, "submissions", str(item["id"]))))
        replace_folder(stamped(files, item["timestamp"]), target)
        self.log.info("Collected: %s %s %s", student, self.assignment, item["timestamp"])
