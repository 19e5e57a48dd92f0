"""The box in which one student's code runs: bubblewrap, resource limits, wall time, bounded replies.

Contract: nothing of the host is visible but the system, the interpreter and the files named by the caller
(all read-only); no network; an empty environment; all writable places are size-limited memory file systems,
so nothing is left on disk. If the box cannot be built, :class:`SandboxError` is raised: student code is never
run without it. Lessons find `robokit`, the simulator and the hidden tests in one read-only library folder.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from hub.classroom import cgroup
from hub.classroom.package import MIB
from hub.classroom.walls import walls

BOX = "/box"
EXECUTOR = "/opt/execute.py"
LIBRARY = "/opt/kaga"
_ROOT = Path(__file__).resolve().parents[2]
# What lessons import, by the name it gets in LIBRARY.
LESSON_PARTS = {
    "robolev": _ROOT / "robolev",
    "firmware": _ROOT / "firmware",
    "robokit": _ROOT / "curriculum" / "robokit",
}
INSTALL = "install it with: apt-get install bubblewrap"
USERNS = (
    "user namespaces are forbidden here; allow them for bwrap (an AppArmor profile with 'userns,' on "
    "Ubuntu 24.04, or sysctl kernel.apparmor_restrict_unprivileged_userns=0; elsewhere "
    "user.max_user_namespaces > 0)"
)


class SandboxError(RuntimeError):
    """The box cannot be built on this machine; the message is one line saying what to do."""


@dataclass(frozen=True)
class Limits:
    """What one submission may use."""

    memory_bytes: int = 1024 * MIB
    cpu_seconds: int = 120
    processes: int = 64
    file_bytes: int = 32 * MIB
    disk_bytes: int = 64 * MIB
    cell_seconds: float = 30.0
    wall_seconds: float = 180.0
    start_seconds: float = 60.0
    reply_bytes: int = 4 * MIB


@dataclass(frozen=True)
class Preflight:
    """What protects a box here. `notes` says, in one line each, which limit is weaker than it could be."""

    bwrap: str
    controls: frozenset[str]
    notes: tuple[str, ...] = field(default=())


@lru_cache(maxsize=4)
def preflight(bwrap: str = "bwrap") -> Preflight:
    """Check by a real start that boxes can be built; :class:`SandboxError` with one clear line if not."""
    found = shutil.which(bwrap)
    if found is None:
        raise SandboxError(f"{bwrap} (bubblewrap) is missing: nothing is graded without it; {INSTALL}")
    if shutil.which("prlimit") is None:
        raise SandboxError("prlimit is missing: nothing is graded without it; apt-get install util-linux")
    probe = [found, "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"]
    probe += ["--uid", "65534", "--gid", "65534", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    try:
        tried = subprocess.run(probe, capture_output=True, text=True, timeout=20, env={"PATH": os.defpath})
    except subprocess.TimeoutExpired as error:
        raise SandboxError(f"{found} did not start within 20 s; nothing is graded without it") from error
    if tried.returncode:
        line = " ".join(tried.stderr.split())[:200]
        raise SandboxError(f"{found} cannot build a box ({line}); {USERNS}")
    controls = cgroup.available()
    notes = []
    if "pids" not in controls and os.geteuid() == 0:
        notes.append(
            "/sys/fs/cgroup is not writable and the grader is root, whom RLIMIT_NPROC does not bind: "
            "only the wall time ends a fork bomb; run it as an ordinary user or give it a pids control group"
        )
    elif "pids" not in controls:
        notes.append("/sys/fs/cgroup is not writable: processes are counted per user, not per submission")
    if "memory" not in controls:
        notes.append("/sys/fs/cgroup is not writable: memory is limited per process, not per submission")
    return Preflight(found, controls, tuple(notes))


def command(
    bwrap: str, limits: Limits, files: Mapping[str, Path] | None = None, hidden: Mapping[str, Path] | None = None
) -> list[str]:
    """The complete command line of one box; `files` are laid read-only in the working directory by name.

    `hidden` are the hidden tests of this one lesson, by their place in the library.
    """
    own = ["--clearenv", "--size", str(limits.disk_bytes), "--tmpfs", BOX]
    args = walls(bwrap, 65534, limits.disk_bytes, own)
    args += ["--ro-bind", str(Path(__file__).with_name("execute.py")), EXECUTOR]
    for part, origin in LESSON_PARTS.items():
        args += ["--ro-bind-try", str(origin), f"{LIBRARY}/{part}"]
    for place, origin in (hidden or {}).items():
        args += ["--ro-bind", str(origin), f"{LIBRARY}/{place}"]
    for name, path in (files or {}).items():
        if name != Path(name).name or name in ("", ".", ".."):
            raise ValueError(f"a data file needs a plain name, not {name!r}")
        args += ["--ro-bind", str(path), f"{BOX}/{name}"]
    environment = {"HOME": BOX, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TERM": "dumb"}
    # KAGA_BOX: the simulator need not (and cannot) build a second box around the robot program.
    environment |= {"KAGA_BOX": "1", "MPLBACKEND": "agg", "PYTHONHASHSEED": "0"}
    environment |= {f"{lib}_NUM_THREADS": "1" for lib in ("OMP", "OPENBLAS", "MKL")}
    for key, value in environment.items():
        args += ["--setenv", key, value]
    args += ["--remount-ro", "/", "--chdir", BOX, "--", shutil.which("prlimit") or "/usr/bin/prlimit", "--core=0"]
    args += [f"--as={limits.memory_bytes}", f"--cpu={limits.cpu_seconds}", f"--nproc={limits.processes}"]
    args += [f"--fsize={limits.file_bytes}", "--nofile=256"]
    return [*args, "--", str(Path(sys.prefix) / "bin" / "python"), "-I", "-B", EXECUTOR, LIBRARY]


class Box:
    """One running box, spoken to in lines. A context manager: leaving it ends every process inside."""

    def __init__(
        self, limits: Limits, files: Mapping[str, Path] | None = None, hidden: Mapping[str, Path] | None = None,
        bwrap: str = "bwrap",
    ) -> None:  # fmt: skip
        checked = preflight(bwrap)
        self.limits = limits
        self.overflow = False
        self._buffer, self._read = bytearray(), 0
        self._end = time.monotonic() + limits.wall_seconds
        box_command = command(checked.bwrap, limits, files, hidden)
        # Room for the box's memory file systems and bwrap itself on top of what one process may use.
        self._group = cgroup.Group.create(
            limits.processes, limits.memory_bytes + limits.disk_bytes + 64 * MIB
        )
        try:
            self._process = subprocess.Popen(
                self._group.joined(box_command),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env={"PATH": os.defpath}, close_fds=True,
            )  # fmt: skip
        except BaseException:
            self._group.close()
            raise
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._in, self._out, self._err = self._process.stdin, self._process.stdout, self._process.stderr
        os.set_blocking(self._in.fileno(), False)

    def __enter__(self) -> Box:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None
    ) -> None:
        self.close()

    @property
    def seconds_left(self) -> float:
        """Wall time left for the whole submission."""
        return self._end - time.monotonic()

    def send(self, line: bytes, seconds: float) -> bool:
        """Write one line; False when the box is gone or does not read it in time."""
        data, end = memoryview(line + b"\n"), min(time.monotonic() + seconds, self._end)
        while data:
            wait = end - time.monotonic()
            if wait <= 0 or not select.select([], [self._in], [], wait)[1]:
                return False
            try:
                data = data[os.write(self._in.fileno(), data) :]
            except BlockingIOError:
                continue
            except OSError:
                return False
        return True

    def receive(self, seconds: float) -> bytes | None:
        """One line; ``b""`` when the box ended or said too much (`overflow`); None when the time is up."""
        end = min(time.monotonic() + seconds, self._end)
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                return bytes(line) or b" "
            wait = end - time.monotonic()
            if wait <= 0 or not select.select([self._out], [], [], wait)[0]:
                return None
            chunk = os.read(self._out.fileno(), 65536)
            self._read += len(chunk)
            self.overflow = self._read > self.limits.reply_bytes
            if not chunk or self.overflow:
                return b""
            self._buffer += chunk

    def complaint(self) -> str:
        """What bwrap or the interpreter said on start-up, in one line; ends the box."""
        self._process.kill()
        os.set_blocking(self._err.fileno(), False)
        with contextlib.suppress(OSError):
            return " ".join(os.read(self._err.fileno(), 4096).decode("utf-8", "replace").split())[-300:]
        return ""

    def killed_for_memory(self) -> bool:
        """True when the kernel ended a process of this box for its memory."""
        return self._group.killed_for_memory()

    def close(self) -> None:
        """End every process of the box: killing bwrap ends its process namespace. Safe to call twice."""
        self._process.kill()
        self._process.wait()
        for stream in (self._in, self._out, self._err):
            with contextlib.suppress(OSError):
                stream.close()
        self._group.close()
