"""The hub's side of a box: :class:`BoxSpawner` starts, watches and stops one person's server."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any
from urllib.parse import quote, urlsplit

from jupyterhub.spawner import LocalProcessSpawner
from jupyterhub.utils import random_port
from traitlets import Integer, Unicode, default

from hub.box import badge
from hub.box.command import ROOT, environment
from hub.box.order import Order
from hub.box.record import Record, read, record_path, start_time
from hub.classroom.names import checked
from hub.classroom.package import MIB
from hub.classroom.refusals import Refusal
from hub.classroom.words import LANGUAGES, Words
from hub.roles import TEACH
from hub.settings import Settings


class BoxError(RuntimeError):
    """A server could not start. The hub shows `jupyterhub_message` to the person."""

    def __init__(self, key: str, why: str) -> None:
        # Japanese and English: at this moment nobody knows the reader's language.
        said = " / ".join(Words(language, "box")(key, why=why) for language in LANGUAGES)
        self.code, self.jupyterhub_message = key, said
        super().__init__(f"{self.jupyterhub_message} [{key}]")


class BoxSpawner(LocalProcessSpawner):
    """Starts ``jupyterhub-singleuser`` in a box; who has a group ``teach:<course>`` gets those courses' folders."""

    data = Unicode(help="The data folder: homes, courses, boxes, logs. Default: $KAGA_DATA.").tag(config=True)
    classroom_port = Integer(help="Port of the classroom service. Default: $KAGA_CLASSROOM_PORT.").tag(config=True)
    robolev_port = Integer(help="Port of the ROBOLEV server. Default: $KAGA_ROBOLEV_PORT.").tag(config=True)
    processes = Integer(400, help="Processes and threads one box may have.").tag(config=True)
    file_bytes = Integer(512 * MIB, help="The largest file one box may write, in bytes.").tag(config=True)
    started = Integer(0, help="When the launcher began; with its process id that is its identity.")

    @default("data")
    def _data(self) -> str:
        return str(Settings.from_environment().data)

    @default("classroom_port")
    def _classroom_port(self) -> int:
        return Settings.from_environment().classroom_port

    @default("robolev_port")
    def _robolev_port(self) -> int:
        return Settings.from_environment().robolev_port

    @default("cmd")
    def _cmd(self) -> list[str]:
        # Not the console script: a file of the learner's must never be imported in place of a module of the server.
        return [sys.executable, "-P", "-m", "jupyterhub.singleuser"]

    @default("mem_limit")
    def _mem_limit(self) -> int:
        return 2048 * MIB

    @default("disable_user_config")
    def _disable_user_config(self) -> bool:
        return True

    @default("env_keep")
    def _env_keep(self) -> list[str]:
        return []

    @default("interrupt_timeout")
    def _interrupt_timeout(self) -> int:
        return 10

    @default("term_timeout")
    def _term_timeout(self) -> int:
        return 5

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Nothing of the machine's accounts: the box has one of its own."""
        return env

    def courses(self) -> list[str]:
        """The courses this person teaches."""
        found = []
        for group in self.user.groups:
            if group.name.startswith(TEACH):
                try:
                    found.append(checked(group.name.removeprefix(TEACH)))
                except Refusal as refusal:
                    self.log.warning("group %r is no course: %s", group.name, refusal)
        return sorted(found)

    def order(self, port: int, hub_api: str) -> Order:
        """What this person's box is to be; makes the folders that are to be bound."""
        data, courses = Path(self.data).resolve(), self.courses()
        name = quote(self.user.name, safe="") + (f"~{quote(self.name, safe='')}" if self.name else "")
        home = data / "homes" / quote(self.user.name, safe="")
        for folder in (home, data / "log", *(data / "courses" / course for course in courses)):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        forwards = [urlsplit(hub_api).port or 80, self.classroom_port, self.robolev_port]
        return Order(
            name, str(data), str(home), "teacher" if courses else "student", port, forwards,
            [*self.cmd, *self.get_args()], badge.key(data / "hub", self.user.name), courses,
            memory_bytes=int(self.mem_limit or 2048 * MIB),
            processes=self.processes, file_bytes=self.file_bytes,
        )  # fmt: skip

    async def start(self) -> tuple[str, int]:
        """Raise :class:`BoxError` as soon as it is clear that the server will not come."""
        port = self.port = self.port or random_port()  # type: ignore[has-type]
        env = self.get_env()
        try:
            order = self.order(port, env["JUPYTERHUB_API_URL"])
        except OSError as error:
            raise BoxError("no_folder", str(error)) from error
        env = environment(order) | env
        env["KAGA_CLASSROOM_URL"] = f"http://127.0.0.1:{self.classroom_port}/services/classroom"
        env["KAGA_ROBOLEV_URL"] = f"http://127.0.0.1:{self.robolev_port}/services/robolev"
        if order.courses:
            env["KAGA_COURSES"] = "/".join(order.courses)
        with (Path(order.data) / "log" / f"box-{order.name}.log").open("wb") as log:
            self.proc = Popen(
                [sys.executable, "-P", "-m", "hub.box.launcher"], stdin=PIPE, stdout=log, stderr=log, env=env,
                cwd=ROOT, start_new_session=True,
            )  # fmt: skip
        assert self.proc.stdin is not None
        self.pid, self.started = self.proc.pid, start_time(self.proc.pid) or 0
        with self.proc.stdin as order_in:
            order_in.write(order.to_json().encode())
        await self._wait_until_ready(order)
        return "127.0.0.1", port

    async def _wait_until_ready(self, order: Order) -> None:
        path = record_path(Path(order.data), order.name)
        while True:
            record = read(path)
            if record is not None and record.pid == self.pid and record.state == "ready":
                return
            if self.proc.poll() is not None:
                why = record.why if record is not None and record.pid == self.pid else ""
                path.unlink(missing_ok=True)
                log = Path(order.data) / "log" / f"box-{order.name}.log"
                said = log.read_text("utf-8", "replace")[-2000:]
                self.log.error("box %s did not start: %s\n%s", order.name, why, said)
                raise BoxError("no_box" if "bwrap" in why or "prlimit" in why else "no_server", why)
            await asyncio.sleep(0.05)

    def load_state(self, state: dict[str, Any]) -> None:
        """Find the launcher again after a restart of the hub."""
        super().load_state(state)
        self.started = state.get("started", 0)

    def get_state(self) -> dict[str, Any]:
        """Id and start time of the launcher."""
        return super().get_state() | ({"started": self.started} if self.started else {})

    def clear_state(self) -> None:
        """Forget the launcher."""
        super().clear_state()
        self.started = 0

    async def wait_for_death(self, timeout: float = 10) -> bool:
        """Look often: the hub's own waiting grows to seconds, and a stop takes about one."""
        until = time.monotonic() + timeout
        while await self.poll() is None:
            if time.monotonic() > until:
                return False
            await asyncio.sleep(0.05)
        return True

    async def _signal(self, sig: int) -> bool:
        """Only ever to our own launcher: its process id may have been given to another process since."""
        return Record("", self.pid, self.started).signal(sig)
