"""What a box is to be: plain data, handed from the spawner to the launcher as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from hub.classroom.package import MIB


@dataclass(frozen=True)
class Order:
    """One server. Ports are TCP ports of 127.0.0.1, the same inside and outside."""

    name: str  # of the record and the log
    data: str  # the data folder
    home: str  # outside; inside it is /home/<role>
    role: str  # "student" or "teacher"
    port: int  # the server's
    forwards: Sequence[int]  # what the box may call
    command: Sequence[str]  # the server
    key: str  # of the gate before the box, see hub/box/badge.py; never handed into the box
    courses: Sequence[str] = field(default=())  # a teacher's, from <data>/courses
    memory_bytes: int = 2048 * MIB  # of the whole box, where control groups can be made
    processes: int = 400  # threads count as well
    file_bytes: int = 512 * MIB  # the largest single file
    scratch_bytes: int = 256 * MIB  # /tmp and /dev/shm, each

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Order:
        """The reverse of :meth:`to_json`."""
        return cls(**json.loads(text))

    @property
    def home_inside(self) -> Path:
        """Where the home is seen in the box."""
        return Path("/home") / self.role
