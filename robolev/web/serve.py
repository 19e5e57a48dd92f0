"""Run the scoring server: journal, lines, virtual robots and pages in one process."""

import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import uvicorn

from robolev.rulesets import loader
from robolev.service.demo import seed
from robolev.service.lines import Lines
from robolev.service.programs import Programs
from robolev.service.recorder import Recorder
from robolev.service.tournament import Tournament
from robolev.service.virtual_robots import VirtualRobots
from robolev.settings import Settings
from robolev.store.journal import Journal
from robolev.web.access import Access
from robolev.web.app import create_app
from robolev.web.hub import Hub
from robolev.web.sessions import Sessions
from robolev.web.venue import Venue


class CannotServe(Exception):
    """The server does not start. `code`: port_in_use, bad_setting; the text says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Server(uvicorn.Server):
    """A server that ends its open event streams itself, so that a stop never waits for a screen."""

    def handle_exit(self, sig: int, frame: object) -> None:
        self.config.app.state.stopping.set()  # type: ignore[union-attr]
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def serve(settings: Settings) -> None:
    """Serve until interrupted. The data folder is made when absent; new role codes are printed once.

    Raises CannotServe before anything is opened or made. Neither hub nor classroom need be there.
    """
    token = _token(settings)
    try:
        sensors = settings.sensors
    except ValueError as problem:
        raise CannotServe("bad_setting", str(problem)) from None
    host, port = settings.host, settings.port
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as problem:
        raise CannotServe("port_in_use", f"port {port}: {problem.strerror}. Do: --port N") from None
    with ExitStack() as stack:
        stack.callback(listening.close)
        venue = open_venue(settings, token, stack)
        for role, code in venue.access.new_codes.items():
            print(f"code for {role}: {code}", flush=True)
        for name in settings.serial:
            venue.lines.open(name, name.rpartition("/")[2], sensors)
        print(f"robolev: http://{host}:{port}{venue.base}/", file=sys.stderr, flush=True)
        config = uvicorn.Config(create_app(venue), log_level="warning", timeout_graceful_shutdown=3)
        Server(config).run(sockets=[listening])


def open_venue(settings: Settings, token: str, stack: ExitStack) -> Venue:
    """The parts of a server on its data folder; `stack` closes them, in the order that loses nothing."""
    data = settings.data
    ruleset = loader.load(settings.challenge, {"target": settings.target} if settings.target else {})
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    journal = Journal(data / "journal.db")
    stack.callback(journal.close)
    tournament = Tournament(journal, ruleset)
    if settings.demo:
        seed(tournament)
    recorder = Recorder(data / "telemetry")
    stack.callback(recorder.close)
    lines = Lines(tournament, recorder, data / "captures")
    stack.callback(lines.close_all)
    programs = Programs(data / "programs", settings.classroom, token) if settings.classroom else None
    robots = VirtualRobots(tournament, lines, programs)
    stack.callback(robots.close)
    sessions = Sessions(data / "sessions.json", Hub(settings.hub, token, settings.base)) if settings.hub else None
    return Venue(
        tournament, lines, recorder, robots, Access(data / "roles.json"), sessions, settings.base, settings.https
    )


def _token(settings: Settings) -> str:
    file: Path | None = settings.hub_token_file
    if file is None:
        if settings.hub or settings.classroom:
            raise CannotServe("bad_setting", "--hub-token-file: expected a file beside --hub or --classroom, got none")
        return ""
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise CannotServe("bad_setting", f"--hub-token-file: expected a token in {file.name}, got none") from None
