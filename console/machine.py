"""One machine's data folder, ports and tokens: what every process is told by its environment."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("tokens", "hub", "homes", "courses", "exchange", "robolev", "log")
TOKENS = ("proxy", "classroom", "robolev", "console")
# name -> (variable, where it listens unless that is taken or the variable says otherwise)
INNER_PORTS = {
    "proxy_api": ("KAGA_PROXY_API_PORT", 8001),
    "hub": ("KAGA_HUB_PORT", 8081),
    "classroom": ("KAGA_CLASSROOM_PORT", 8101),
    "robolev": ("KAGA_ROBOLEV_PORT", 8200),
}


class CannotStart(RuntimeError):
    """Nothing was started; one line says what was expected, what came, and what to do. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Machine:
    """A data folder held by this process alone, and the ports of its processes."""

    data: Path
    host: str
    port: int
    inner: dict[str, int]
    _lock: IO[str]

    @classmethod
    def claim(cls, data: Path, port: int, host: str = "127.0.0.1") -> Machine:
        """Take the folder (made when absent) and check the ports. Raises CannotStart and leaves nothing behind."""
        data = data.resolve()
        try:
            data.mkdir(parents=True, exist_ok=True, mode=0o700)
            for name in FOLDERS:
                (data / name).mkdir(exist_ok=True, mode=0o700)
            lock = (data / "up.lock").open("a+", encoding="ascii")
        except OSError as problem:
            raise CannotStart(
                "no_data_folder", f"--data: expected a folder to write to, got {data} ({problem.strerror})"
            ) from None
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            raise CannotStart(
                "already_running", f"{data} is in use by another ./kaga up. Do: end that one, or --data OTHER"
            ) from None
        machine = cls(data, host, port, {}, lock)
        try:
            if not _free(port, host):
                raise CannotStart("port_in_use", f"port {port} is in use by another program. Do: ./kaga up --port N")
            for name, (variable, usual) in INNER_PORTS.items():
                machine.inner[name] = _chosen(variable, usual, {port, *machine.inner.values()})
            for name in TOKENS:
                machine.token(name)
            machine.tell_ports()
        except BaseException:
            machine.close()
            raise
        return machine

    def token(self, name: str) -> str:
        """The secret two processes share; made once, readable by its owner only."""
        path = self.data / "tokens" / name
        if not path.exists():
            beside = path.with_suffix(".new")
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
                file.write(secrets.token_hex(32))
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        return path.read_text(encoding="ascii").strip()

    def close(self) -> None:
        """Let another take the folder."""
        self._lock.close()

    @property
    def url(self) -> str:
        """What people open: on all addresses the machine's name, which others in the room may have to replace."""
        return self._at(socket.gethostname())

    @property
    def near_url(self) -> str:
        """The same, as this machine itself reaches it."""
        return self._at("127.0.0.1")

    def _at(self, on_all: str) -> str:
        return f"http://{on_all if self.host in ('0.0.0.0', '::') else self.host}:{self.port}"

    def tell_ports(self) -> None:
        """Note the ports in `ports.json`, for commands that are typed while everything runs."""
        ports = {INNER_PORTS[name][0]: number for name, number in self.inner.items()} | {"KAGA_PORT": self.port}
        beside = self.data / "ports.new"
        beside.write_text(json.dumps(ports), encoding="ascii")
        beside.replace(self.data / "ports.json")

    def environment(self) -> dict[str, str]:
        """For every process: where things are, and the settings (KAGA_…) this one was given. No secret is in it."""
        usual = ("LANG", "LC_ALL", "HOME", "TMPDIR", "TZ")
        found = {name: value for name, value in os.environ.items() if name in usual or name.startswith("KAGA_")}
        bin_folder = str(Path(sys.executable).parent)
        found["PATH"] = f"{bin_folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        found |= {"PYTHONUNBUFFERED": "1", "KAGA_DATA": str(self.data), "KAGA_PORT": str(self.port)}
        return found | {INNER_PORTS[name][0]: str(number) for name, number in self.inner.items()}


def _free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether one may listen there. Raises CannotStart when the address is none of this machine."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as problem:
            if problem.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise CannotStart("bad_host", f"--host: expected an address of this machine, got {host!r}") from None
    return True


def _chosen(variable: str, usual: int, taken: set[int]) -> int:
    """The port the variable asks for; else the usual one, or any free one when that is taken."""
    asked = os.environ.get(variable)
    if asked is not None:
        if not asked.isascii() or not asked.isdigit() or not 1 <= int(asked) <= 65535:
            raise CannotStart("bad_setting", f"{variable}: expected a port from 1 to 65535, got {asked!r}")
        if int(asked) in taken or not _free(int(asked)):
            raise CannotStart("port_in_use", f"{variable}: expected a free port, got {asked}, which is in use")
        return int(asked)
    if usual not in taken and _free(usual):
        return usual
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            found = int(probe.getsockname()[1])
        if found not in taken:
            return found
