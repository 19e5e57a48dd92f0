"""Optional control group around one box: a true limit on processes and memory of the whole box.

``prlimit`` limits are per process (memory) or per real user (processes, and not at all for root), so a
control group is the stronger limit. It exists only where the grader may create one; :func:`available` tells.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 1; shift; done; shift; exec "$@"'


def _v2(root: Path) -> bool:
    """True when `root` is a unified (version 2) hierarchy that hands both controllers to children."""
    try:
        given = (root / "cgroup.subtree_control").read_text().split()
    except OSError:
        return False
    return {"pids", "memory"} <= set(given)


def _own(controller: str) -> str:
    """The path of our own group in a version 1 hierarchy, so that limits set above us keep counting."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        if controller in names.split(","):
            return path.lstrip("/")
    return ""


def _parents(root: Path) -> dict[str, Path]:
    """Directory per controller in which a child group may be made; missing when not writable."""
    if _v2(root):
        found = {"pids": root, "memory": root}
    else:
        found = {name: root / name / _own(name) for name in ("pids", "memory") if (root / name).is_dir()}
    return {name: path for name, path in found.items() if path.is_dir() and os.access(path, os.W_OK)}


def available(root: Path = ROOT) -> frozenset[str]:
    """Which of ``pids`` and ``memory`` can be limited here, found by really making and removing a group."""
    usable = set()
    for name, parent in _parents(root).items():
        probe = parent / f"probe-{uuid.uuid4().hex}"
        try:
            probe.mkdir()
            limit = "pids.max" if name == "pids" else "memory.max" if _v2(root) else "memory.limit_in_bytes"
            if os.access(probe / limit, os.W_OK):
                usable.add(name)
        except OSError:
            continue
        finally:
            with contextlib.suppress(OSError):
                probe.rmdir()
    return frozenset(usable)


@dataclass(frozen=True)
class Group:
    """The groups of one box; `close` kills what is left in them and removes them."""

    paths: tuple[Path, ...]

    @classmethod
    def create(cls, processes: int, memory_bytes: int, root: Path = ROOT) -> Group:
        """Make the groups that can be made here (possibly none) with the limits set."""
        usable, parents, name = available(root), _parents(root), f"grade-{os.getpid()}-{uuid.uuid4().hex}"
        paths: list[Path] = []
        for controller in sorted(usable):
            path = parents[controller] / name
            path.mkdir(exist_ok=True)
            if controller == "pids":
                (path / "pids.max").write_text(str(processes))
            else:
                file = "memory.max" if (path / "memory.max").exists() else "memory.limit_in_bytes"
                (path / file).write_text(str(memory_bytes))
            if path not in paths:
                paths.append(path)
        return cls(tuple(paths))

    def joined(self, command: Sequence[str]) -> list[str]:
        """`command` as one that joins the groups first; where it cannot, it ends and `command` never runs."""
        files = [str(path / "cgroup.procs") for path in self.paths]
        return ["/bin/sh", "-c", JOIN, "sh", *files, "--", *command]

    def killed_for_memory(self) -> bool:
        """True when the kernel killed a process of this box for using too much memory."""
        for path in self.paths:
            for file in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    for line in (path / file).read_text().splitlines():
                        key, _, value = line.partition(" ")
                        if key == "oom_kill" and int(value) > 0:
                            return True
        return False

    def close(self, patience: float = 5.0) -> None:
        """Kill every remaining process of the box and remove the groups."""
        end = time.monotonic() + patience
        for path in self.paths:
            while path.is_dir():
                try:
                    path.rmdir()
                except OSError:
                    if time.monotonic() > end:
                        raise
                    with contextlib.suppress(OSError):
                        for pid in (path / "cgroup.procs").read_text().split():
                            with contextlib.suppress(OSError):
                                os.kill(int(pid), signal.SIGKILL)
                    time.sleep(0.01)
