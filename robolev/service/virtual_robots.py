"""Virtual robots of official runs: a team's program drives when its run starts and stops when the run ends.

Each is a process of its own that ends when its standard input closes and is killed when it does not end by then; when
this server is gone the kernel kills it (`setpriv --pdeathsig`). It is not started again after a restart: half a run
cannot be driven twice, and the referee sees that the robot is gone.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from robolev.domain.errors import RuleViolation
from robolev.domain.run import RunState
from robolev.service.gateway import Gateway
from robolev.service.lines import Lines
from robolev.service.programs import Programs
from robolev.service.tournament import Tournament
from robolev.store.journal import Recorded

# Robots have even numbers from here on, the sensor of a robot's field the odd one after it (PROTOCOL.md).
FIRST_NUMBER, LAST_NUMBER = 60000, 65534
# A machine drives this many in real time; the next run's robot is refused, the run itself is not.
MAX_AT_ONCE = 16
END_S = 3.0
# Longer than any news: 4000 bytes printed, at six characters each.
MAX_NEWS_BYTES = 40_000


@dataclass
class Status:
    """How a run's virtual robot is: waiting, starting, driving, ended or gone; `why` it ended, what it printed.

    `field` is the field it drives on, lengths in mm, once that is known.
    """

    state: str
    why: str = ""
    printed: str = ""
    field: dict[str, Any] | None = None


class VirtualRobots:
    """Starts and stops them as the tournament's runs start and end; `programs` is None where there is no classroom."""

    def __init__(self, tournament: Tournament, lines: Lines, programs: Programs | None) -> None:
        self._tournament, self._lines, self.programs = tournament, lines, programs
        self._status: dict[str, Status] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()  # never held while the tournament is asked: it calls us back
        self._calling = threading.Lock()  # a free number is free until its call is on record
        self._closed = False
        self._unlisten = tournament.listen(self._happened)

    def call(self, run_id: str, command_id: str, actor: str, content: Mapping[str, Any]) -> RunState:
        """Call a team with the program it handed in. Raises RuleViolation when there is none."""
        if self.programs is None:
            raise RuleViolation("no_classroom", "virtual: expected a classroom to fetch the program from, got none")
        if run_id in self._tournament.runs():
            return self._tournament.run(run_id)  # the button was pressed twice; the program may be another by now
        program = self.programs.fetch(str(content.get("team", "")))
        with self._calling:
            asked = {**content, "robot": self._free_number(), "program": program.sha256, "program_by": program.student}
            return self._tournament.command(run_id, command_id, actor, asked)

    def status(self, run_id: str) -> Status | None:
        """How the robot of a run is; None for a run with a robot on the field."""
        run = self._tournament.run(run_id)
        if not run.program:
            return None
        with self._lock:
            found = self._status.get(run_id)
            if found is not None:
                return found
            return Status("waiting" if run.state == "called" else "gone")

    def close(self) -> None:
        """Stop all robots; returns when their processes have ended."""
        self._unlisten()
        with self._lock:
            self._closed = True
            running, threads = list(self._processes.values()), list(self._threads)
        for process in running:
            _end(process)
        for thread in threads:
            thread.join(2 * END_S)

    def _free_number(self) -> int:
        taken = {run.robot for run in self._tournament.live().values()}
        for number in range(FIRST_NUMBER, LAST_NUMBER, 2):
            if number not in taken:
                return number
        raise RuleViolation("too_many", "virtual: expected fewer virtual robots at once, got no free number")

    def _happened(self, event: Recorded) -> None:
        run = self._tournament.run(event.stream)
        if not run.program:
            return
        if event.body["happened"] == "start":
            with self._lock:
                self._threads = [thread for thread in self._threads if thread.is_alive()]
                if self._closed or len(self._threads) >= MAX_AT_ONCE:
                    self._status[event.stream] = Status("ended", "not_started", f"at most {MAX_AT_ONCE} at once")
                    return
                self._status[event.stream] = Status("starting")
                thread = threading.Thread(target=self._drive, args=(event.stream, run), name=f"robot {run.robot}")
                self._threads.append(thread)
            thread.start()
        elif event.body["happened"] in ("end", "void"):
            with self._lock:
                process = self._processes.get(event.stream)
            if process is not None:
                _end(process)

    def _drive(self, run_id: str, run: RunState) -> None:
        """The life of one robot, in a thread of its own."""
        assert self.programs is not None
        order = {"file": str(self.programs.path(run.program)), "robot": run.robot, "sensor": run.robot + 1}
        order |= {"seconds": self._tournament.ruleset.seconds}
        setpriv = shutil.which("setpriv")
        leash = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
        command = [*leash, sys.executable, "-P", "-m", "robolev.arena.realtime", json.dumps(order)]
        opened: list[tuple[Gateway, int]] = []
        try:
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
                try:
                    with self._lock:
                        self._processes[run_id] = process
                        closed = self._closed
                    if closed or self._tournament.run(run_id).state != "running":
                        _end(process)
                    assert process.stdout is not None
                    self._follow(run_id, run, process.stdout, opened)
                finally:
                    with self._lock:
                        self._processes.pop(run_id, None)
                    _end(process)
                    process.wait()
        except OSError as problem:
            self._set(run_id, Status("ended", "not_started", str(problem)))
        finally:
            for gateway, far in opened:
                self._lines.close(gateway)
                os.close(far)
            with self._lock:
                if self._status[run_id].state != "ended":
                    self._status[run_id] = Status("gone")

    def _follow(self, run_id: str, run: RunState, told: IO[bytes], opened: list[tuple[Gateway, int]]) -> None:
        field = None
        for text in iter(lambda: told.readline(MAX_NEWS_BYTES), b""):
            news = json.loads(text)
            if news["state"] == "ready":
                parts = (("robot", None, frozenset({run.robot})), ("sensor", {run.robot + 1: run.field}, None))
                for part, sensors, only in parts:
                    # Held open, so that no other terminal can get this name while we read it.
                    far = os.open(news[part], os.O_RDWR | os.O_NOCTTY)
                    gateway = self._lines.open(news[part], f"virtual-{part}", sensors, only, run_id)
                    opened.append((gateway, far))
                field = news["field"]
                self._set(run_id, Status("driving", field=field))
            else:
                self._set(run_id, Status("ended", news["why"], news["printed"][-1000:], field))

    def _set(self, run_id: str, status: Status) -> None:
        with self._lock:
            self._status[run_id] = status


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask a robot's process to end, and kill it after END_S whatever it does; returns at once."""
    assert process.stdin is not None
    with suppress(OSError):
        process.stdin.close()
    if process.poll() is None:
        killer = threading.Timer(END_S, process.kill)
        killer.daemon = True
        killer.start()
