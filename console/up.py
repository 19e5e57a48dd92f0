"""`kaga up`: proxy, hub, classroom and robolev on one machine, until Ctrl-C."""

from __future__ import annotations

import signal
import sys
import time
import tomllib
import unicodedata
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from types import FrameType

import click

from console.machine import ROOT, CannotStart, Machine
from console.processes import Failed, Service, Supervisor
from hub.proxy import install
from hub.sync import SyncError

START_SECONDS = 90.0


@click.command()
@click.option("--demo", is_flag=True, help="a class, a referee and a desk to try everything with")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), default=Path("var"), show_default=True)
@click.option("--port", default=8000, show_default=True, type=click.IntRange(1, 65535), help="the one people open")
@click.option("--host", default="127.0.0.1", show_default=True, help="address to listen on; 0.0.0.0 for a whole room")
def up(demo: bool, data: Path, port: int, host: str) -> None:
    """Start everything on this machine, until Ctrl-C.

    Everything is kept in the data folder; nothing else on the machine is changed.
    """
    began = time.monotonic()
    supervisor: Supervisor | None = None
    machine: Machine | None = None
    try:
        machine = Machine.claim(data, port, host)
        supervisor = Supervisor(machine.data / "log", lambda line: click.echo(f"kaga: {line}"))
        signal.signal(signal.SIGINT, _stopper(supervisor))
        signal.signal(signal.SIGTERM, _stopper(supervisor))
        signal.signal(signal.SIGHUP, _stopper(supervisor))
        people = _start(machine, supervisor, demo)
        _greet(machine, people, time.monotonic() - began)
        supervisor.watch()
    except CannotStart as problem:
        raise SystemExit(f"kaga: {problem.code}: {problem}") from None
    except install.ProxyMissing as problem:
        raise SystemExit(f"kaga: no_proxy: {problem}") from None
    except Failed as problem:
        raise SystemExit(f"kaga: not_started: {problem}") from None
    except SyncError as problem:
        raise SystemExit(f"kaga: {problem.code}: {problem}") from None
    except OSError as problem:
        raise SystemExit(f"kaga: {problem.strerror}: {problem.filename or data}") from None
    finally:
        if supervisor is not None and machine is not None:
            _end(supervisor, machine)


def _stopper(supervisor: Supervisor) -> Callable[[int, FrameType | None], None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        if supervisor.stopping:
            return
        click.echo("\nkaga: stopping …")
        supervisor.stop()

    return stop


def _start(machine: Machine, supervisor: Supervisor, demo: bool) -> list[tuple[str, str, str]]:
    """Start all services; (role, name, password) of the people to be told about."""
    from hub import demo as people
    from hub import sync

    if not (install.folder() / install.PROGRAM).exists():
        click.echo("kaga: installing the hub's proxy (the first time only) …")
    services = list(_services(machine, demo, install.command()))
    for service in services[:2]:
        supervisor.start(service)
    told = people.prepare(machine.data, demo)
    for service in services[2:]:
        supervisor.start(service)
    for service in services:
        supervisor.wait_ready(service, START_SECONDS)
    sync.sync(machine.data, f"http://127.0.0.1:{machine.inner['hub']}/hub/api", machine.token("console"))
    return told


def _services(machine: Machine, demo: bool, proxy: list[str]) -> Iterator[Service]:
    env, inner = machine.environment(), machine.inner
    # Never import from the folder a process works in: the data folder has a `hub` and a `robolev` of its own.
    python = [sys.executable, "-P", "-m"]
    local = "http://127.0.0.1"
    hub_api = f"{local}:{inner['hub']}/hub/api"
    classroom = f"{local}:{inner['classroom']}/services/classroom"
    yield Service(
        "proxy",
        [*proxy, "--ip", machine.host, "--port", str(machine.port), "--api-ip", "127.0.0.1"]
        + ["--api-port", str(inner["proxy_api"]), "--error-target", f"{local}:{inner['hub']}/hub/error"],
        env | {"CONFIGPROXY_AUTH_TOKEN": machine.token("proxy")},
        machine.data,
        f"{local}:{inner['proxy_api']}/api/routes",
    )
    hub = [*python, "jupyterhub", "-f", str(ROOT / "hub" / "jupyterhub_config.py")]
    # Ready is what people reach: the hub tells the proxy its way a moment after it answers by itself.
    yield Service("hub", hub, env, machine.data / "hub", f"{machine.near_url}/hub/api")
    yield Service("classroom", [*python, "hub.classroom.service"], env, machine.data, f"{classroom}/health")
    robolev = [*python, "console.main", "robolev", "serve", "--port", str(inner["robolev"])]
    robolev += ["--data", str(machine.data / "robolev"), "--hub", hub_api, "--classroom", classroom]
    robolev += ["--hub-token-file", str(machine.data / "tokens" / "robolev")]
    robolev += ["--demo"] if demo else []
    yield Service("robolev", robolev, env, machine.data, f"{local}:{inner['robolev']}/services/robolev/healthz")


def _greet(machine: Machine, people: list[tuple[str, str, str]], seconds: float) -> None:
    words = tomllib.loads(resources.files("console").joinpath("words.toml").read_text("utf-8"))
    places = {
        "classroom": f"{machine.url}/",
        "desk": f"{machine.url}/services/robolev/desk",
        "screens": f"{machine.url}/services/robolev/",
    }
    click.echo(f"\nkaga: {words['ready']} ({seconds:.1f} s)\n")
    for name, address in places.items():
        click.echo(f"  {padded(words['places'][name])} {address}")
    if people:
        click.echo(f"\n  {words['people']}")
    for role, name, password in people:
        click.echo(f"  {padded(words['roles'][role])} {name:<10} {password}")
    click.echo(f"\n  {words['stop']}  ({machine.data})", nl=True)
    sys.stdout.flush()


def padded(text: str, columns: int = 34) -> str:
    """The text and spaces up to a width in a terminal, where a Japanese character takes two columns."""
    width = sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
    return text + " " * max(1, columns - width)


def _end(supervisor: Supervisor, machine: Machine) -> None:
    from hub.box import launcher

    supervisor.end()
    launcher.end_all(machine.data)
    click.echo("kaga: everything has ended")
