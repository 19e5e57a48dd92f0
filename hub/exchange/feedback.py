"""Giving feedback back, and fetching it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbgrader.exchange import abc

from hub.classroom.names import checked
from hub.classroom.package import pack
from hub.exchange.base import ClassroomExchange
from hub.exchange.connection import path


class ReleaseFeedback(abc.ExchangeReleaseFeedback, ClassroomExchange):
    """Give back the pages in the course's ``feedback`` folder."""

    def copy_files(self) -> None:
        """Upload each student's pages to the submission they belong to."""
        root = Path(self.coursedir.format_path(self.coursedir.feedback_directory, "*", self.assignment)).parents[1]
        only = self.coursedir.student_id
        for folder in sorted(root.glob(f"*/{self.assignment}")):
            student = folder.parent.name
            pages = {page.name: page.read_bytes() for page in folder.glob("*.html")}
            if not pages or (only not in ("", "*") and student != only):
                continue
            stamp = self._stamp(student, folder)
            if stamp is None:
                self.log.warning("no timestamp, skipped: %s", student)
                continue
            self.call("PUT", self.here("feedback", student), pack(pages), seconds=30, timestamp=stamp)
            self.log.info("Feedback given back: %s %s", student, self.assignment)

    def _stamp(self, student: str, folder: Path) -> str | None:
        """The time of the submission the pages were made from."""
        submitted = self.coursedir.format_path(self.coursedir.autograded_directory, student, self.assignment)
        for place in (folder, Path(submitted)):
            file = place / "timestamp.txt"
            if file.is_file():
                return file.read_text("utf-8").strip()
        return None


class FetchFeedback(abc.ExchangeFetchFeedback, ClassroomExchange):
    """Fetch one's own feedback to ``<assignment>/feedback/<time of submission>/<notebook>.html``."""

    def copy_files(self) -> None:
        """Download."""
        query: dict[str, Any] = {} if self.all_assignments else {"assignment": self.assignment}
        found = 0
        for item in self.ask("GET", path("courses", self.course, "mine"), **query):
            if not item["feedback"]:
                continue
            where = path("courses", self.course, "mine", str(item["id"]), "feedback")
            pages = json.loads(self.call("GET", where))
            folder = self.local(self.course, item["assignment_id"]) / "feedback" / item["timestamp"].replace("/", "-")
            folder.mkdir(parents=True, exist_ok=True)
            for name, page in pages.items():
                (folder / f"{checked(name)}.html").write_text(page, "utf-8")
                found += 1
        self.log.info("Feedback fetched: %d pages", found)
