"""Releasing, fetching and listing assignments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nbgrader.exchange import abc

from hub.classroom.package import replace_folder, unpack, write_files
from hub.exchange.base import ClassroomExchange
from hub.exchange.connection import path

Info = dict[str, Any]


class ReleaseAssignment(abc.ExchangeReleaseAssignment, ClassroomExchange):
    """Hand an assignment out: uploads the course's ``release`` folder."""

    def copy_files(self) -> None:
        """Upload."""
        folder = Path(self.coursedir.format_path(self.coursedir.release_directory, ".", self.assignment))
        if not folder.is_dir():
            self.fail(
                f"配布版「{self.assignment}」がありません。先に generate_assignment をしてください。 / "
                "There is no student version yet: run generate_assignment first. [no_release]"
            )
        force = "true" if self.force else "false"
        self.call("PUT", self.here("release"), self.packed(folder), seconds=30, force=force)
        self.log.info("Released: %s / %s", self.course, self.assignment)


class FetchAssignment(abc.ExchangeFetchAssignment, ClassroomExchange):
    """Fetch an assignment into the student's home; own work is never overwritten."""

    def copy_files(self) -> None:
        """Download."""
        target = self.local(self.course, self.assignment)
        there = target.is_dir()
        if there and not self.replace_missing_files:
            self.fail(f"「{self.assignment}」はもうあります。 / You already have it: {target} [already_fetched]")
        with self.told():
            files = unpack(self.call("GET", self.here("release")))
        if there:
            files = {name: data for name, data in files.items() if not (target / name).exists()}
            write_files(files, target)
        else:
            replace_folder(files, target)
        self.log.info("Fetched: %s (%d files)", target, len(files))


class List(abc.ExchangeList, ClassroomExchange):
    """List what is released (default), one's own submissions (``cached``) or everybody's (``inbound``)."""

    def copy_files(self) -> None:
        """Nothing is copied."""

    def _courses(self) -> list[str]:
        if self.coursedir.course_id:
            return [str(self.coursedir.course_id)]
        person = self.ask("GET", "me")
        return sorted({*person["learns"], *person["teaches"]})

    def list_files(self) -> list[Info]:
        """What nbgrader's own pages and commands read."""
        found = [info for course in self._courses() for info in self._of(course)]
        if not self.all_assignments:
            found = [info for info in found if info["assignment_id"] == self.coursedir.assignment_id]
        for info in found:
            self.log.info("%s %s %s", info["course_id"], info["assignment_id"], info["status"])
        return found

    def remove_files(self) -> list[Info]:
        """Take a released assignment back; submissions are kept."""
        if self.inbound or self.cached:
            self.fail("提出物は消せません。 / Submissions cannot be removed. [kept]")
        found = self.list_files()
        for info in found:
            self.call("DELETE", path("courses", info["course_id"], "assignments", info["assignment_id"], "release"))
        return found

    def _of(self, course: str) -> list[Info]:
        if self.inbound or self.cached:
            kind = "submissions" if self.inbound else "mine"
            return self._groups(self.ask("GET", path("courses", course, kind)))
        return [self._released(info) for info in self.ask("GET", path("courses", course, "assignments"))]

    def _released(self, info: Info) -> Info:
        folder = self.local(info["course_id"], info["assignment_id"])
        if folder.is_dir():
            notebooks = [{"notebook_id": file.stem, "path": str(file)} for file in sorted(folder.glob("*.ipynb"))]
            status, place = "fetched", str(folder)
        else:
            notebooks = [{"notebook_id": name, "path": f"{name}.ipynb"} for name in info["notebooks"]]
            status, place = "released", ""
        return {
            "course_id": info["course_id"], "assignment_id": info["assignment_id"], "status": status,
            "path": place, "notebooks": notebooks,
        }  # fmt: skip

    def _groups(self, items: list[Info]) -> list[Info]:
        """One entry per course, student and assignment with its submissions."""
        groups: dict[tuple[str, str, str], list[Info]] = {}
        for item in items:
            key = (item["course_id"], item["student_id"], item["assignment_id"])
            groups.setdefault(key, []).append(self._submission(item))
        return [
            {"course_id": course, "student_id": student, "assignment_id": assignment, "status": "submitted",
             "submissions": submissions}
            for (course, student, assignment), submissions in sorted(groups.items())
        ]  # fmt: skip

    def _submission(self, item: Info) -> Info:
        folder = self.local(item["course_id"], item["assignment_id"]) / "feedback" / item["timestamp"]
        has = bool(item["feedback"])
        notebooks = []
        for name in item["notebooks"]:
            page = folder / f"{name}.html"
            here = not self.inbound and page.is_file()
            notebooks.append({
                "notebook_id": name, "path": f"{name}.ipynb", "has_local_feedback": here,
                "has_exchange_feedback": name in item["feedback"], "feedback_updated": False,
                "local_feedback_path": str(page) if here else None,
            })  # fmt: skip
        local = has and all((folder / f"{name}.html").is_file() for name in item["feedback"]) and not self.inbound
        return {
            "course_id": item["course_id"], "student_id": item["student_id"], "assignment_id": item["assignment_id"],
            "timestamp": item["timestamp"], "status": "submitted", "path": "", "notebooks": notebooks,
            "has_local_feedback": local, "has_exchange_feedback": has, "feedback_updated": False,
            "local_feedback_path": str(folder) if local else None,
        }  # fmt: skip
