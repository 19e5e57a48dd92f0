"""Outside the box: builds it, holds its sockets, outlives the hub, and leaves nothing behind.

    python -m hub.box.launcher < order.json

SIGINT and SIGTERM stop the server gracefully, then the box. Killed hard, the box ends with it (and the next start
or :func:`end_all` sweeps its files). Everything a caller must know is in the box's record.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from hub.box import forward, gate
from hub.box.command import command
from hub.box.order import Order
from hub.box.record import Record, all_records, read, record_path, start_time
from hub.classroom import cgroup
from hub.classroom.package import MIB
from hub.classroom.sandbox import SandboxError, preflight

LOG_BYTES = 1 * MIB  # what one server may write into its log per start
STOP_SECONDS = 8.0
# Who calls out of a box comes from here, so that a service can tell it from the proxy and believe no forged headers.
BOX_ADDRESS = "127.0.0.2"


@contextlib.contextmanager
def runtime_folder(role: str) -> Iterator[Path]:
    """A private folder with a short path: the path of a unix socket must stay below 108 bytes."""
    places = [f"/run/user/{os.geteuid()}", "/tmp", tempfile.gettempdir()]
    place = next(place for place in places if os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK))
    folder = Path(tempfile.mkdtemp(prefix="kaga-", dir=place))
    try:
        (folder / "sockets").mkdir()
        (folder / "etc").mkdir()
        home = Path("/home") / role
        (folder / "etc/passwd").write_text(f"{role}:x:1000:1000::{home}:/bin/bash\n")
        (folder / "etc/group").write_text(f"{role}:x:1000:\n")
        (folder / "etc/hosts").write_text("127.0.0.1 localhost classroom\n::1 localhost\n")
        (folder / "etc/nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files\n")
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class Launcher:
    """One box from its order to its end."""

    def __init__(self, order: Order) -> None:
        self.order, self.data = order, Path(order.data)
        began = start_time(os.getpid())
        self.record = Record(order.name, os.getpid(), began if began is not None else -1)
        self.stop = asyncio.Event()

    def note(self, **changes: object) -> None:
        """Change the record on disk."""
        self.record = replace(self.record, **changes)  # type: ignore[arg-type]
        self.record.write(self.data)

    async def run(self) -> int:
        """Until the server ends or a signal asks for it; the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self.stop.set)
        old = read(record_path(self.data, self.order.name))
        if old is not None:
            await asyncio.to_thread(_end, self.data, [old], STOP_SECONDS + 2)
        self.note()
        try:
            bwrap = preflight().bwrap
            with runtime_folder(self.order.role) as runtime:
                return await self._box(bwrap, runtime)
        except (SandboxError, OSError) as error:
            print(f"box {self.order.name}: {error}", file=sys.stderr)
            self.note(state="failed", why=str(error))
            return 1
        finally:
            if self.record.state != "failed":
                record_path(self.data, self.order.name).unlink(missing_ok=True)

    async def _box(self, bwrap: str, runtime: Path) -> int:
        for port in self.order.forwards:
            connect = partial(asyncio.open_connection, "127.0.0.1", port, local_addr=(BOX_ADDRESS, 0))
            await asyncio.start_unix_server(forward.to(connect), runtime / "sockets" / f"{port}.sock")
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(runtime / "server"))
        listening.listen(128)
        inside = partial(asyncio.open_unix_connection, runtime / "server", limit=gate.HEAD_BYTES)
        guarded = gate.before(self.order.key, inside)
        await asyncio.start_server(guarded, "127.0.0.1", self.order.port, limit=gate.HEAD_BYTES)
        group = cgroup.Group.create(self.order.processes, self.order.memory_bytes)
        self.note(runtime=str(runtime), groups=[str(path) for path in group.paths])
        try:
            return await self._processes(bwrap, runtime, listening, group)
        finally:
            with contextlib.suppress(OSError):
                group.close()

    async def _processes(self, bwrap: str, runtime: Path, listening: socket.socket, group: cgroup.Group) -> int:
        status, told = os.pipe()
        args = group.joined(command(self.order, bwrap, runtime, listening.fileno(), told))
        box = await asyncio.create_subprocess_exec(
            *args, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, pass_fds=(listening.fileno(), told),
        )  # fmt: skip
        os.close(told)
        listening.close()
        assert box.stdin and box.stdout
        log = asyncio.ensure_future(_copy_bounded(box.stdout))
        ready = asyncio.ensure_future(self._when_ready(status))
        ended, asked = asyncio.ensure_future(box.wait()), asyncio.ensure_future(self.stop.wait())
        await asyncio.wait([ended, asked], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            box.stdin.close()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(asyncio.shield(ended), STOP_SECONDS)
        if not ended.done():
            box.kill()
        code = await ended
        ready.cancel()
        await asyncio.wait([log], timeout=1)
        if self.record.state == "starting" and not self.stop.is_set():
            self.note(state="failed", why=f"the server ended at once (exit status {code})")
        return code

    async def _when_ready(self, status: int) -> None:
        reader = asyncio.StreamReader()
        pipe = os.fdopen(status, "rb")
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        if await reader.readline() == b"ready\n":
            self.note(state="ready")


async def _copy_bounded(reader: asyncio.StreamReader) -> None:
    """The server's output to our log; too much is read and dropped, so that nobody inside waits or fills disks."""
    left = LOG_BYTES
    while data := await reader.read(65536):
        with contextlib.suppress(OSError):
            sys.stderr.buffer.write(data[:left])
            sys.stderr.buffer.flush()
        left = max(0, left - len(data))


def end_all(data: Path, seconds: float = STOP_SECONDS + 2) -> int:
    """End every box of this data folder and sweep what it left; how many were running."""
    return _end(data, all_records(data), seconds)


def _end(data: Path, records: list[Record], seconds: float) -> int:
    running = [record for record in records if record.signal(signal.SIGTERM)]
    _wait(running, seconds)
    _wait([record for record in running if record.signal(signal.SIGKILL)], seconds)
    for record in records:
        if not record.alive:
            record.sweep(data)
    return len(running)


def _wait(records: list[Record], seconds: float) -> None:
    until = time.monotonic() + seconds
    while any(record.alive for record in records) and time.monotonic() < until:
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(asyncio.run(Launcher(Order.from_json(sys.stdin.read())).run()))
