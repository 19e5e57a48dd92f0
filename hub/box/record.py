"""Which boxes run: one small file each below ``<data>/boxes``, so that others can find and end them.

A process is known by its id *and* its start time: ids are used again.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path


def start_time(pid: int) -> int | None:
    """When process `pid` began, in clock ticks since boot; None when it is gone or only waits to be reaped."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


@dataclass(frozen=True)
class Record:
    """One launcher. `state`: starting, ready or failed."""

    name: str
    pid: int
    started: int
    state: str = "starting"
    why: str = ""
    runtime: str = ""  # the folder with its sockets
    groups: list[str] = field(default_factory=list)  # its control groups

    @property
    def alive(self) -> bool:
        """True while this very process runs."""
        return start_time(self.pid) == self.started

    def write(self, data: Path) -> None:
        """Put the file in its place in one step."""
        path = record_path(data, self.name)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = path.with_suffix(f".{os.getpid()}.new")
        made.write_text(json.dumps(asdict(self)), "utf-8")
        made.replace(path)

    def signal(self, number: int) -> bool:
        """Send a signal; False when the process is gone."""
        if not self.alive:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        return self.alive

    def sweep(self, data: Path) -> None:
        """Remove what a launcher that was killed left behind: sockets, control groups, its file."""
        if self.runtime and Path(self.runtime).name.startswith("kaga-"):
            shutil.rmtree(self.runtime, ignore_errors=True)
        for group in self.groups:
            with contextlib.suppress(OSError):
                Path(group).rmdir()
        record_path(data, self.name).unlink(missing_ok=True)


def record_path(data: Path, name: str) -> Path:
    """The file of one box."""
    return data / "boxes" / f"{name}.json"


def read(path: Path) -> Record | None:
    """None when there is no file or it is not one of ours."""
    try:
        return Record(**json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def all_records(data: Path) -> list[Record]:
    """Of all boxes, running or not."""
    return [record for path in sorted((data / "boxes").glob("*.json")) if (record := read(path))]
