"""Settings of the hub's part, read from the environment: one table with name, default and meaning.

The README's table is made from it (a test holds the two together).
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

# name, default, meaning
TABLE: tuple[tuple[str, str, str], ...] = (
    ("KAGA_DATA", "var", "data folder: tokens, hub database and roster, homes, courses, exchange"),
    ("KAGA_PORT", "8000", "port people open (the proxy)"),
    ("KAGA_PROXY_API_PORT", "8001", "port of the proxy's own API, this machine only"),
    ("KAGA_HUB_PORT", "8081", "port of the hub behind the proxy, this machine only"),
    ("KAGA_CLASSROOM_PORT", "8101", "port of the classroom service, this machine only"),
    ("KAGA_ROBOLEV_PORT", "8200", "port of the ROBOLEV server, this machine only"),
    ("KAGA_HTTPS", "0", "1 when people reach the platform by https: cookies are then sent by https only"),
    ("KAGA_SPAWN_LIMIT", "4", "servers that may start at the same time; on two cores more make all of them late"),
    ("KAGA_START_SECONDS", "180", "seconds a server may take to start before the hub gives up"),
)
DEFAULTS = {name: default for name, default, _ in TABLE}


class BadSetting(SystemExit):
    """A setting that cannot be used; ends the process with one line."""


def _text(name: str) -> str:
    return os.environ.get(name) or DEFAULTS[name]


def _number(name: str, least: int, most: int) -> int:
    text = _text(name)
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
        raise BadSetting(f"hub: bad_setting: expected {name} from {least} to {most}, got {text!r}. Do: set or unset it")
    return int(text)


@dataclass(frozen=True)
class Settings:
    """Where things are; ports on the loopback interface."""

    data: Path
    port: int
    proxy_api_port: int
    hub_port: int
    classroom_port: int
    robolev_port: int
    https: bool
    spawn_limit: int
    start_seconds: int

    @classmethod
    def from_environment(cls) -> Settings:
        """Read and check all settings. Raises BadSetting."""
        return cls(
            data=Path(_text("KAGA_DATA")).resolve(),
            port=_number("KAGA_PORT", 1, 65535),
            proxy_api_port=_number("KAGA_PROXY_API_PORT", 1, 65535),
            hub_port=_number("KAGA_HUB_PORT", 1, 65535),
            classroom_port=_number("KAGA_CLASSROOM_PORT", 1, 65535),
            robolev_port=_number("KAGA_ROBOLEV_PORT", 1, 65535),
            https=_number("KAGA_HTTPS", 0, 1) == 1,
            spawn_limit=_number("KAGA_SPAWN_LIMIT", 1, 1000),
            start_seconds=_number("KAGA_START_SECONDS", 10, 3600),
        )

    @property
    def folder(self) -> Path:
        """The hub's own folder: database, roster, cookie secret."""
        return self.data / "hub"

    @property
    def hub_api(self) -> str:
        """The hub's REST API."""
        return f"http://127.0.0.1:{self.hub_port}/hub/api"

    def token(self, name: str) -> str:
        """A secret that two processes share. Raises BadSetting when it is not there."""
        path = self.data / "tokens" / name
        try:
            return path.read_text("ascii").strip()
        except OSError as error:
            told = f"expected a token in {path}, got: {error.strerror}"
            raise BadSetting(f"hub: no_token: {told}. Do: ./kaga up") from None
