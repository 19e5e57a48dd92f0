"""nbgrader's autograde button and command, without its engine: the classroom grades in its sandbox.

nbgrader runs students' code in the teacher's server, beside gradebook and solutions. :func:`replace_engine`
puts :class:`ClassroomAutograde` in the place of that converter; should that ever not happen, the configuration
leaves :class:`NeverExecute` as the engine's only step, which stops before any code runs.
"""

from __future__ import annotations

import json
import time
from typing import Any

import nbgrader.apps.api
import nbgrader.apps.autogradeapp
import nbgrader.converters
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import NbGraderPreprocessor

from hub.exchange.connection import Connection, Refused, Unreachable, path

PATIENCE_SECONDS, POLL_SECONDS = 1800.0, 0.5


class NeverExecute(NbGraderPreprocessor):
    """Stops nbgrader's own engine."""

    def preprocess(self, nb: Any, resources: Any) -> Any:
        """Always refuse."""
        raise NbGraderException("student code is graded by the classroom service only [no_local_autograde]")


class ClassroomAutograde(Autograde):
    """Asks the classroom to grade what is collected, waits, and tells how it went."""

    def start(self) -> None:
        """Grade one student's submission, or all; :class:`NbGraderException` when one could not be graded."""
        line, course = Connection.from_environment(), self.coursedir.course_id
        where = path("courses", course, "assignments", self.coursedir.assignment_id, "grading")
        student = self.coursedir.student_id
        body = b"{}" if student in ("", "*") else json.dumps({"students": [student]}).encode()
        try:
            line.ask("POST", where, body)
            jobs = self._outcome(line, where, student)
        except (Refused, Unreachable) as error:
            self.log.error(str(error))
            raise NbGraderException(str(error)) from error
        failed = [job for job in jobs if job["state"] == "failed"]
        for job in jobs:
            self.log.info("Graded: %s %s / %s", job["student"], job["score"], job["max_score"])
            for note in job["notes"]:
                self.log.warning("%s: %s / %s", job["student"], note["ja"], note["en"])
        if failed:
            raise NbGraderException("could not be graded: " + ", ".join(job["student"] for job in failed))

    def _outcome(self, line: Connection, where: str, student: str) -> list[dict[str, Any]]:
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            jobs: list[dict[str, Any]] = line.ask("GET", where)["jobs"]
            jobs = [job for job in jobs if student in ("", "*", job["student"])]
            if not any(job["state"] in ("pending", "running") for job in jobs):
                return jobs
            if time.monotonic() > end:
                raise Unreachable("採点がまだ終わりません。 / Grading goes on; look again later. [still_grading]")
            time.sleep(POLL_SECONDS)




def replace_engine() -> None:
    """Let every way into nbgrader's autograde (form grader, API, command) find ours."""
    for module in (nbgrader.apps.api, nbgrader.apps.autogradeapp, nbgrader.converters):
        module.Autograde = ClassroomAutograde
