"""A small supervisor: starts processes, starts those again that end by themselves, and ends all of them.

A process of ours never outlives this one: each is told by the kernel when it is gone (`setpriv --pdeathsig`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

MAX_LOG_BYTES = 5_000_000
# Waits between starts of a process that ends by itself; back to the first one after it ran for a while.
PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_S = 60.0
POLL_S = 0.1


@dataclass
class Service:
    """One process: its command, what it is told, where it answers once it is ready (see `answers`)."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    ready: str
    process: subprocess.Popen[bytes] | None = None
    failures: int = 0
    started: float = 0.0
    again_at: float = field(default=0.0)


class Failed(RuntimeError):
    """A process ended or did not answer; the text ends with what it said last."""


class Supervisor:
    """Starts services in order; `tell` gets a line for people when something happens to one later."""

    def __init__(self, logs: Path, tell: Callable[[str], None]) -> None:
        self.logs, self._tell = logs, tell
        self.services: list[Service] = []
        self._stopping = threading.Event()

    @property
    def stopping(self) -> bool:
        """True once the end was asked for."""
        return self._stopping.is_set()

    def start(self, service: Service) -> None:
        """Start one; it is watched from now on."""
        self.services.append(service)
        self._launch(service)

    def wait_ready(self, service: Service, seconds: float) -> None:
        """Return once it answers. Raises Failed when it ends first or the time is up."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.stopping:
            if service.process is None or service.process.poll() is not None:
                raise Failed(f"{service.name} ended at its start: {self.last_words(service)}")
            if answers(service.ready):
                return
            time.sleep(POLL_S)
        if self.stopping:
            raise Failed("stopped before everything was there")
        raise Failed(f"{service.name} did not answer within {seconds:.0f} s: {self.last_words(service)}")

    def watch(self) -> None:
        """Start again what ends by itself, until `stop` is called from a signal handler or another thread."""
        while not self._stopping.wait(POLL_S):
            for service in self.services:
                if service.process is not None and service.process.poll() is not None:
                    self._ended(service)
                if service.process is None and time.monotonic() >= service.again_at:
                    self._again(service)
                self._cut_log(service)

    def stop(self) -> None:
        """Let `watch` return."""
        self._stopping.set()

    def end(self, patience: float = 8.0) -> None:
        """End every process, the last started first; those that do not listen are killed. Safe to call twice."""
        self._stopping.set()
        alive = [s.process for s in reversed(self.services) if s.process is not None and s.process.poll() is None]
        for process in alive:
            process.terminate()
        end = time.monotonic() + patience
        for process in alive:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def last_words(self, service: Service) -> str:
        """The last lines of its log, as one."""
        try:
            lines = (self.logs / f"{service.name}.log").read_bytes()[-2000:].decode("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        told = " | ".join(line.strip() for line in lines[-3:] if line.strip())
        return f"{told or 'it said nothing'} (log: {self.logs / service.name}.log)"

    def _launch(self, service: Service) -> None:
        log = self.logs / f"{service.name}.log"
        setpriv = shutil.which("setpriv")
        leash = [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []
        with log.open("ab") as output:
            # A session of its own: Ctrl-C in the terminal reaches us alone, and we end things in order.
            service.process = subprocess.Popen(
                [*leash, *service.command], cwd=service.folder, env=dict(service.environment),
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        service.started = time.monotonic()

    def _again(self, service: Service) -> None:
        try:
            self._launch(service)
        except OSError as problem:  # no memory or no more processes: the others go on
            self._tell(f"{service.name} could not be started: {problem.strerror}; trying again in {PAUSES_S[-1]:g} s")
            service.again_at = time.monotonic() + PAUSES_S[-1]

    def _cut_log(self, service: Service) -> None:
        """Keep what a long log has said so far beside it and begin anew; the process goes on writing to its end."""
        log = self.logs / f"{service.name}.log"
        if log.exists() and log.stat().st_size > MAX_LOG_BYTES:
            shutil.copyfile(log, log.with_suffix(".log.1"))
            os.truncate(log, 0)

    def _ended(self, service: Service) -> None:
        assert service.process is not None
        now = time.monotonic()
        service.failures = 0 if now - service.started > STEADY_S else service.failures
        pause = PAUSES_S[min(service.failures, len(PAUSES_S) - 1)]
        self._tell(f"{service.name} ended (status {service.process.returncode}); starting it again in {pause:g} s")
        service.failures += 1
        service.again_at, service.process = now + pause, None


def answers(url: str) -> bool:
    """Whether something answers there: not with a fault, and not with a proxy's 404 for a way it does not know yet."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2):
            return True
    except urllib.error.HTTPError as error:
        return error.code < 500 and error.code != 404
    except OSError:
        return False
