"""Every setting of the scoring server: its option, its environment variable, its default and what it means.

Options and environment variables are made from this table; nothing else reads the environment.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

HUB_PREFIX = "/services/robolev"
FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)


@dataclass(frozen=True)
class Setting:
    """One row; `name` is the option without dashes, the variable KAGA_ROBOLEV_ and the same in capitals, unless it is
    a variable that all parts share."""

    name: str
    type: Any
    default: Any
    help: str
    multiple: bool = False
    shared: str = ""

    @property
    def variable(self) -> str:
        return self.shared or "KAGA_ROBOLEV_" + self.name.upper().replace("-", "_")


TABLE = (
    Setting("host", str, "127.0.0.1", "address to listen on"),
    Setting("port", click.IntRange(1, 65535), 8200, "port to listen on"),
    Setting("data", FOLDER, Path("var/robolev"), "folder of journal, captures, telemetry, programs and role codes"),
    Setting("demo", bool, False, "fill an empty journal with a small invented tournament"),
    Setting("challenge", str, "line_following", "rule file of the tournament"),
    Setting("target", str, None, "balls asked for today"),
    Setting("serial", str, (), "serial port of a robot or field sensor; may be repeated", multiple=True),
    Setting("sensor", str, (), "NUMBER=FIELD: this number is that field's sensor; may be repeated", multiple=True),
    Setting("hub", str, None, "the hub's API, such as http://127.0.0.1:8081/hub/api: people then sign in there"),
    Setting("hub-token-file", FILE, None, "file with the token of the service robolev"),
    Setting("classroom", str, None, "the classroom service, for the programs of virtual robots"),
    Setting("prefix", str, None, f"path before every address; {HUB_PREFIX} with a hub, else nothing"),
    Setting("https", bool, False, "people come by https: cookies are then sent by https only", shared="KAGA_HTTPS"),
)


@dataclass(frozen=True)
class Settings:
    """The settings of one server, as options or environment gave them."""

    host: str
    port: int
    data: Path
    demo: bool
    challenge: str
    target: str | None
    serial: tuple[str, ...]
    sensor: tuple[str, ...]
    hub: str | None
    hub_token_file: Path | None
    classroom: str | None
    prefix: str | None
    https: bool

    @property
    def base(self) -> str:
        """What comes before every address: empty, or `/such/a/path` without a slash at its end."""
        asked = self.prefix if self.prefix is not None else HUB_PREFIX if self.hub else ""
        return "/" + asked.strip("/") if asked.strip("/") else ""

    @property
    def sensors(self) -> dict[int, str]:
        """Field by number of its sensor. Raises ValueError for what is no NUMBER=FIELD."""
        found = {}
        for text in self.sensor:
            number, _, field = text.partition("=")
            if not number.isdecimal() or int(number) > 65535 or not field.strip():
                raise ValueError(f"--sensor: expected NUMBER=FIELD, got {text!r}")
            found[int(number)] = field.strip()
        return found


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every setting as an option."""
    for row in reversed(TABLE):
        command = click.option(
            f"--{row.name}",
            type=row.type,
            default=row.default,
            envvar=row.variable,
            multiple=row.multiple,
            is_flag=row.type is bool,
            help=row.help,
            show_default=row.default not in (None, (), False),
            show_envvar=True,
        )(command)
    return command
