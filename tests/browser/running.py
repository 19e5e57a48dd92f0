"""The whole platform as a newcomer has it: `./kaga up --demo` in a process of its own, on free ports."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
START_S = 180
PERSON = re.compile(r"^  \S.*/ (Teacher|Student|Referee|Desk|Administrator) +(\S+) +(\S+)$", re.MULTILINE)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Platform:
    """`./kaga up` over one data folder; `start` and `stop` may be repeated."""

    data: Path
    options: tuple[str, ...] = ("--demo",)
    port: int = field(default_factory=free_port)
    passwords: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def printed(self) -> str:
        return (self.data.parent / "printed").read_text("utf-8")

    def start(self) -> float:
        """Seconds until everything was said to be ready."""
        began = time.monotonic()
        inner = {name: str(free_port()) for name in ("PROXY_API", "HUB", "CLASSROOM", "ROBOLEV")}
        environment = os.environ | {f"KAGA_{name}_PORT": port for name, port in inner.items()}
        command = [sys.executable, "-m", "console.main", "up", *self.options, "--data", str(self.data)]
        with (self.data.parent / "printed").open("w", encoding="utf-8") as output:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)], cwd=ROOT, env=environment, stdout=output,
                stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
        while "Ctrl-C" not in self.printed:
            assert self.process.poll() is None, self.printed + self.logs()
            assert time.monotonic() - began < START_S, self.printed + self.logs()
            time.sleep(0.05)
        self.passwords |= {name: password for _, name, password in PERSON.findall(self.printed)}
        return time.monotonic() - began

    def stop(self) -> float:
        """Ctrl-C; seconds until the command had ended."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)
        return time.monotonic() - began

    def end(self) -> None:
        """Whatever happened, leave no process."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def logs(self) -> str:
        files = sorted((self.data / "log").glob("*.log"))
        return "".join(f"\n== {file.name}\n{file.read_text('utf-8', 'replace')[-3000:]}" for file in files)

    def processes(self) -> dict[int, str]:
        """Command lines, by number, of all processes that know this data folder, ours excepted."""
        found = {}
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit() or int(folder.name) == os.getpid():
                continue
            try:
                command = (folder / "cmdline").read_bytes()
                if str(self.data).encode() in command + (folder / "environ").read_bytes():
                    found[int(folder.name)] = command.replace(b"\0", b" ").decode("utf-8", "replace")
            except OSError:
                continue
        return found
