"""The programs that teams handed in, fetched from the classroom and kept under their own hash."""

import hashlib
import json
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from robolev.domain.errors import RuleViolation

MAX_PROGRAM_BYTES = 100_000
MAX_ANSWER_BYTES = 4 * MAX_PROGRAM_BYTES
WAIT_S = 5.0


@dataclass(frozen=True)
class Program:
    """One program on disk and who handed it in."""

    sha256: str
    student: str


class Programs:
    """Programs in `folder`; `classroom` is the address of the classroom service, with the token we show it."""

    def __init__(self, folder: Path, classroom: str, token: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._classroom, self._token = folder, classroom.rstrip("/"), token

    def fetch(self, team: str) -> Program:
        """The newest program of a team, kept on disk. Raises RuleViolation no_program or classroom_down."""
        answer = self._ask(team)
        text, sha256, student = (answer.get(name) for name in ("program", "sha256", "student"))
        if not isinstance(text, str) or not isinstance(student, str) or not 1 <= len(student) <= 100:
            raise RuleViolation("classroom_down", "classroom: expected a program and its student, got something else")
        data = text.encode("utf-8", "replace")
        if not 0 < len(data) <= MAX_PROGRAM_BYTES:
            raise RuleViolation("no_program", f"program: expected 1 to {MAX_PROGRAM_BYTES} bytes, got {len(data)}")
        if (found := hashlib.sha256(data).hexdigest()) != sha256:
            raise RuleViolation("classroom_down", f"program: expected the hash {sha256!r:.80}, got {found}")
        _write_whole(self.path(found), data)
        return Program(found, student)

    def path(self, sha256: str) -> Path:
        """Where the program with this hash is, or would be."""
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise ValueError(f"expected a SHA-256, got {sha256!r}")
        return self._folder / f"{sha256}.py"

    def _ask(self, team: str) -> dict[str, Any]:
        request = Request(f"{self._classroom}/api/teams/{quote(team, safe='')}/program")
        request.add_header("Authorization", f"token {self._token}")
        try:
            # No proxy of the environment: the classroom is on this machine.
            with build_opener(ProxyHandler({})).open(request, timeout=WAIT_S) as answer:
                found = json.loads(answer.read(MAX_ANSWER_BYTES))
        except HTTPError as problem:
            with problem:
                if problem.code == 404:
                    raise RuleViolation("no_program", f"team {team}: expected a program handed in, got none") from None
            raise RuleViolation("classroom_down", f"classroom: expected a program, got status {problem.code}") from None
        except (OSError, ValueError) as problem:
            raise RuleViolation("classroom_down", f"classroom: expected an answer, got: {problem}") from None
        if not isinstance(found, dict):
            raise RuleViolation("classroom_down", "classroom: expected a JSON object, got something else")
        return found


def _write_whole(path: Path, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(file.name, path)
