"""Settings of the hub's part, read from the environment: one table with name, default and meaning.

The README's table is made from it (a test holds the two together).
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

# name, default, meaning
TABLE: tuple[tuple[str, str, str], ...] = (
    ("KAGA_DATA", "var", "data folder: tokens, hub database and roster, homes, courses, exchange"),
    ("KAGA_PORT", "8000", "port people open (the proxy)"),
    ("KAGA_PROXY_API_PORT", "8001", "port of the proxy's own API, this machine only"),
    ("KAGA_HUB_PORT", "8081", "port of the hub behind the proxy, this machine only"),
    ("KAGA_HUB_API", "", "where the hub's API is asked; without it on this machine, at that port"),
    ("KAGA_CLASSROOM_PORT", "8101", "port of the classroom service, this machine only"),
    ("KAGA_CLASSROOM_HOST", "127.0.0.1", "address the classroom listens on; another one only where the network lets "
     "nobody but the hub's proxy and its own servers in, as the chart in `helm/` does"),
    ("KAGA_CLASSROOM_URL", "", "where the hub asks the classroom; without it on this machine, at that port"),
    ("KAGA_ROBOLEV_PORT", "8200", "port of the ROBOLEV server, this machine only"),
    ("KAGA_GRADING_THREADS", "", "submissions graded at once; without it one for each core, at most 4"),
    ("KAGA_HTTPS", "0", "1 when people reach the platform by https: cookies are then sent by https only"),
    ("KAGA_SPAWN_LIMIT", "4", "servers that may start at the same time; on two cores more make all of them late"),
    ("KAGA_START_SECONDS", "180", "seconds a server may take to start before the hub gives up"),
)
PORTS, MAX_PORTS = "ports.json", 4096
DEFAULTS = {name: default for name, default, _ in TABLE}


class BadSetting(RuntimeError):
    """A setting that cannot be used. `code` is stable; programs end with the text, which is one line."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _text(name: str) -> str:
    return os.environ.get(name) or DEFAULTS[name]


def running_hub(data: Path) -> str:
    """The API of the hub that works on `data`, for commands typed meanwhile. Raises BadSetting.

    ``./kaga up`` notes its ports in ``ports.json``, for it takes others when the usual ones are taken; a variable
    that is set says better.
    """
    told = any(os.environ.get(name) for name in ("KAGA_HUB_API", "KAGA_HUB_PORT"))
    path = data / PORTS
    if told or not path.is_file():
        return Settings.from_environment().hub_api
    try:
        port = json.loads(path.read_bytes()[:MAX_PORTS])["KAGA_HUB_PORT"]
        if type(port) is int and 1 <= port <= 65535:
            return f"http://127.0.0.1:{port}/hub/api"
    except (OSError, ValueError, KeyError, TypeError):
        port = "none"
    raise BadSetting("bad_ports", f"expected the hub's port in {path}, got {port!s:.40}. Do: ./kaga up, or remove it")


def _number(name: str, least: int, most: int, usual: int = 0) -> int:
    text = _text(name) or str(usual)
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        told = f"expected {name} from {least} to {most}, got {text[:40]!r}. Do: set or unset it"
        raise BadSetting("bad_setting", told)
    return int(text)


def _address(name: str, usual: str) -> str:
    text = _text(name) or usual
    if not text.isprintable() or urlsplit(text).scheme not in ("http", "https") or not urlsplit(text).hostname:
        raise BadSetting("bad_setting", f"expected {name} like {usual}, got {text[:80]!r}. Do: set or unset it")
    return text.rstrip("/")


@dataclass(frozen=True)
class Settings:
    """Where things are; ports on the loopback interface, addresses without a slash at their end."""

    data: Path
    port: int
    proxy_api_port: int
    hub_port: int
    hub_api: str
    classroom_port: int
    classroom_host: str
    classroom: str
    robolev_port: int
    grading_threads: int
    https: bool
    spawn_limit: int
    start_seconds: int

    @classmethod
    def from_environment(cls) -> Settings:
        """Read and check all settings. Raises BadSetting."""
        hub_port = _number("KAGA_HUB_PORT", 1, 65535)
        classroom_port = _number("KAGA_CLASSROOM_PORT", 1, 65535)
        return cls(
            data=Path(_text("KAGA_DATA")).resolve(),
            port=_number("KAGA_PORT", 1, 65535),
            proxy_api_port=_number("KAGA_PROXY_API_PORT", 1, 65535),
            hub_port=hub_port,
            hub_api=_address("KAGA_HUB_API", f"http://127.0.0.1:{hub_port}/hub/api"),
            classroom_port=classroom_port,
            classroom_host=_text("KAGA_CLASSROOM_HOST"),
            classroom=_address("KAGA_CLASSROOM_URL", f"http://127.0.0.1:{classroom_port}/services/classroom"),
            robolev_port=_number("KAGA_ROBOLEV_PORT", 1, 65535),
            grading_threads=_number("KAGA_GRADING_THREADS", 1, 64, max(1, min(4, os.cpu_count() or 1))),
            https=_number("KAGA_HTTPS", 0, 1) == 1,
            spawn_limit=_number("KAGA_SPAWN_LIMIT", 1, 1000),
            start_seconds=_number("KAGA_START_SECONDS", 10, 3600),
        )

    @property
    def folder(self) -> Path:
        """The hub's own folder: database, roster, cookie secret."""
        return self.data / "hub"

    def token(self, name: str) -> str:
        """A secret that two processes share. Raises BadSetting when it is not there."""
        return shared_token(self.data, name)


def shared_token(data: Path, name: str) -> str:
    """A secret that two processes share. Raises BadSetting when it is not there."""
    path = data / "tokens" / name
    try:
        return path.read_text("ascii").strip()
    except OSError as error:
        told = f"expected a token in {path}, got: {error.strerror}. Do: ./kaga up"
        raise BadSetting("no_token", told) from None
