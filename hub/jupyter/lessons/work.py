"""A pupil's own work on this server: what there is to do, fetching it, handing it in.

Everything here waits for disk or network: call it in a thread. Fetching and handing in are nbgrader's exchange
plug-ins (:mod:`hub.exchange`), so that nbgrader's own buttons and commands give the same result.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nbgrader.coursedir import CourseDirectory
from nbgrader.exchange import ExchangeError
from traitlets.config import LoggingConfigurable

from hub.classroom.names import checked
from hub.classroom.refusals import TEXTS, Refusal
from hub.exchange.assignments import FetchAssignment
from hub.exchange.connection import Connection, Refused, Unreachable
from hub.exchange.submissions import Submit

JAPAN = timezone(timedelta(hours=9))
CODE = re.compile(r"\[(\w+)\]$")  # ends every message of the plug-ins
STATUSES = {"classroom_down": 503, "bad_answer": 503, "not_fetched": 409, "missing_notebooks": 409, "no_space": 507}


class Problem(Exception):
    """Something a pupil can read about: `code` is stable, `status` is HTTP's."""

    def __init__(self, code: str, said: str = "") -> None:
        self.code, self.said = code, said
        self.status = STATUSES.get(code) or (TEXTS[code][0] if code in TEXTS else 502)
        super().__init__(f"{code}: {said}")


@dataclass(frozen=True)
class Task:
    """One assignment as the classroom tells it, and what of it lies on this server."""

    course: str
    name: str
    title: str
    course_titles: dict[str, str]
    state: str  # "none" (to be fetched), "begun", "waiting" (for the teacher's answer) or "back"
    times: int
    submitted_at: str
    released: bool
    saved_at: str  # when the notebook was saved last, "" when it is not here
    feedback: int | None = None

    @property
    def here(self) -> bool:
        """True once it was fetched."""
        return bool(self.saved_at)

    @property
    def address(self) -> str:
        """The task in an address."""
        return f"{quote(self.course, safe='')}/{quote(self.name, safe='')}"


@dataclass(frozen=True)
class Work:
    """The server's folder `root`, where assignments lie at ``<course>/<assignment>``."""

    root: Path
    plugin: dict[str, Any] = field(default_factory=dict)  # what the plug-ins get: `parent`, `config`, `log`

    def tasks(self) -> list[Task]:
        """All tasks of all courses of this server's owner, by course; :class:`Problem` when the classroom is silent."""
        try:
            told = Connection.from_environment().ask("GET", "tasks")
        except (Refused, Unreachable) as error:
            raise _problem(error) from error
        return [self._task(item) for item in told]

    def _task(self, item: dict[str, Any]) -> Task:
        course, name = str(item["course"]), str(item["assignment"])
        notebook = self._notebook(course, name)
        saved_at = clock(notebook.stat().st_mtime) if notebook else ""
        state = "begun" if item["state"] == "none" and notebook else item["state"]
        return Task(
            course, name, item["title"] or name, item["course_titles"], state, item["times"], item["submitted_at"],
            item["released"], saved_at, item.get("feedback"),
        )  # fmt: skip

    def _folder(self, course: str, name: str) -> Path:
        try:
            return self.root / checked(course) / checked(name)
        except Refusal as refusal:
            raise Problem(refusal.code, refusal.ja) from refusal

    def _notebook(self, course: str, name: str) -> Path | None:
        """The fetched notebook: the one named like the task, else the first."""
        folder = self._folder(course, name)
        named = folder / f"{name}.ipynb"
        return named if named.is_file() else next(iter(sorted(folder.glob("*.ipynb"))), None)

    def open(self, course: str, name: str) -> str:
        """Fetch the task unless it is here, and never write over anything; the notebook's path below `root`."""
        if self._notebook(course, name) is None:
            self._exchange(FetchAssignment, course, name, replace_missing_files=True)
        notebook = self._notebook(course, name)
        if notebook is None:
            raise Problem("no_notebook")
        return notebook.relative_to(self.root).as_posix()

    def hand_in(self, course: str, name: str) -> None:
        """Hand in what is saved on disk; may be repeated, the newest counts."""
        self._folder(course, name)
        self._exchange(Submit, course, name, strict=True)

    def _exchange(self, plugin: type[LoggingConfigurable], course: str, name: str, **options: Any) -> None:
        coursedir = CourseDirectory(parent=self.plugin.get("parent"))
        coursedir.course_id, coursedir.assignment_id = course, name
        made = plugin(coursedir=coursedir, assignment_dir=str(self.root), **options, **self.plugin)
        try:
            made.start()  # type: ignore[attr-defined]
        except ExchangeError as error:
            raise _problem(error) from error
        except OSError as error:
            raise Problem("no_space", error.strerror or "") from error


def _problem(error: Exception) -> Problem:
    text = str(error)
    found = CODE.search(text)
    return Problem(found[1] if found else "refused", CODE.sub("", text).strip())


def clock(seconds: float) -> str:
    """A moment as people in Japan read it."""
    moment = datetime.fromtimestamp(seconds, JAPAN)
    return f"{moment.month}/{moment.day} {moment:%H:%M}"
