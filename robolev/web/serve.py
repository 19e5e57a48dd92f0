"""Run the scoring server: journal, gateways and pages in one process."""

import socket
import sys
from pathlib import Path

import uvicorn

from robolev.rulesets import loader
from robolev.service.gateway import Gateway
from robolev.service.tournament import Tournament
from robolev.store.journal import Journal
from robolev.web.access import Access
from robolev.web.app import create_app


class PortInUse(Exception):
    """Nothing can listen there; the text says where and what to do."""

    code = "port_in_use"


class Server(uvicorn.Server):
    """A server that ends its open event streams itself, so that a stop never waits for a screen."""

    def handle_exit(self, sig: int, frame: object) -> None:
        self.config.app.state.stopping.set()  # type: ignore[union-attr]
        super().handle_exit(sig, frame)  # type: ignore[arg-type]


def serve(host: str, port: int, data: Path, challenge: str, target: str | None, serial_ports: tuple[str, ...]) -> None:
    """Serve until interrupted. The data folder is made when absent; new role codes are printed once.

    Raises PortInUse before anything is opened or made.
    """
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as problem:
        raise PortInUse(f"port {port}: {problem.strerror}. Do: --port N") from None
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    ruleset = loader.load(challenge, {"target": target} if target else {})
    journal = Journal(data / "journal.db")
    tournament = Tournament(journal, ruleset)
    gateways = [Gateway(name, tournament) for name in serial_ports]
    access = Access(data / "roles.json")
    for role, code in access.new_codes.items():
        print(f"code for {role}: {code}", flush=True)
    for gateway in gateways:
        gateway.start()
    try:
        print(f"robolev: http://{host}:{port}/", file=sys.stderr, flush=True)
        settings = uvicorn.Config(
            create_app(tournament, gateways, access), log_level="warning", timeout_graceful_shutdown=3
        )
        Server(settings).run(sockets=[listening])
    finally:
        for gateway in gateways:
            gateway.stop()
        journal.close()
        listening.close()
