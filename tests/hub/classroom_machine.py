"""A real hub as identity provider (its API alone, no proxy) and the real classroom service, on free loopback ports."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).resolve().parents[2]
COURSE, OTHER = "初級", "ほかの科目"
GROUPS = {
    f"course:{COURSE}": ["aozora", "koharu", "ringo"],
    f"teach:{COURSE}": ["sensei"],
    f"course:{OTHER}": ["yosono"],
    f"teach:{OTHER}": ["betsu"],
}
HUB_CONFIG = """
from jupyterhub.proxy import Proxy

class NoProxy(Proxy):
    should_start = False
    routes = {{}}
    async def add_route(self, routespec, target, data):
        self.routes[routespec] = {{"routespec": routespec, "target": target, "data": data}}
    async def delete_route(self, routespec):
        self.routes.pop(routespec, None)
    async def get_all_routes(self):
        return self.routes

c.JupyterHub.proxy_class = NoProxy
c.JupyterHub.bind_url = c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.load_groups = {groups!r}
c.JupyterHub.services = [
    {{"name": "classroom", "url": "http://127.0.0.1:{classroom}", "api_token": "{token}", "oauth_no_confirm": True,
      "oauth_client_allowed_scopes": ["read:users:name!user", "read:users:groups!user"]}},
    {{"name": "tester", "api_token": "{tester}"}},
]
c.JupyterHub.load_roles = [
    {{"name": "user", "scopes": ["self", "access:services!service=classroom"]}},
    {{"name": "classroom", "services": ["classroom"], "scopes": ["list:groups", "read:groups"]}},
    {{"name": "tester", "services": ["tester"], "scopes": ["admin:users", "tokens", "groups", "access:services"]}},
]
"""
SCOPES = ["read:users:name!user", "read:users:groups!user", "access:services!service=classroom"]


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def code(self) -> str:
        return str(self.json["code"])


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def request(method: str, url: str, body: bytes | None = None, timeout: float = 60, **headers: str) -> Answer:
    """One request; redirects and errors are answers like any other."""
    asked = urllib.request.Request(url, body, method=method)
    for name, value in headers.items():
        asked.add_header(name.replace("_", "-"), value)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(asked, timeout=timeout) as answer:
            return Answer(answer.status, answer.read(), dict(answer.headers))
    except urllib.error.HTTPError as error:
        return Answer(error.code, error.read(), dict(error.headers))


@dataclass
class Machine:
    folder: Path
    hub_port: int = field(default_factory=free_port)
    port: int = field(default_factory=free_port)
    tester: str = field(default_factory=lambda: secrets.token_hex(16))
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/classroom"

    @property
    def hub(self) -> str:
        return f"http://127.0.0.1:{self.hub_port}"

    @property
    def course(self) -> Path:
        return self.folder / "courses" / COURSE

    def environment(self, who: str = "") -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("PATH", "LANG", "TMPDIR") if key in os.environ}
        kept |= {"HOME": str(self.folder), "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
        kept |= {"PATH": f"{Path(sys.executable).parent}:{kept.get('PATH', os.defpath)}"}
        kept |= {"KAGA_CLASSROOM_URL": self.url}
        return kept | ({"JUPYTERHUB_API_TOKEN": self.tokens[who]} if who else {})

    def run(self, arguments: list[str], log: str, extra: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self.folder / log).open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=self.folder, env=self.environment() | extra, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def start_hub(self) -> None:
        config = self.folder / "jupyterhub_config.py"
        config.write_text(HUB_CONFIG.format(
            hub=self.hub_port, classroom=self.port, folder=self.folder, groups=GROUPS, token=self.token,
            tester=self.tester,
        ))  # fmt: skip
        self.hub_process = self.run(["-m", "jupyterhub", "-f", str(config)], "hub.log", {})
        self.wait(f"{self.hub}/hub/api", "hub.log")

    def start_classroom(self) -> None:
        (self.folder / "tokens").mkdir(exist_ok=True)
        (self.folder / "tokens" / "classroom").write_text(self.token)
        extra = {"KAGA_DATA": str(self.folder), "KAGA_HUB_PORT": str(self.hub_port)}
        extra |= {"KAGA_CLASSROOM_PORT": str(self.port)}
        self.classroom = self.run(["-m", "hub.classroom.service"], "classroom.log", extra)
        self.wait(f"{self.url}/health", "classroom.log")

    def wait(self, url: str, log: str, seconds: float = 45) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                if request("GET", url, timeout=2).status == 200:
                    return
            if self.processes[-1].poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"{url} did not answer: " + (self.folder / log).read_text()[-3000:])

    def make_token(self, who: str, scopes: list[str] = SCOPES) -> str:
        body = json.dumps({"scopes": scopes}).encode()
        where = f"{self.hub}/hub/api/users/{who}/tokens"
        made = request("POST", where, body, Authorization=f"token {self.tester}")
        assert made.status == 201, made
        return str(made.json["token"])

    def call(
        self, who: str, method: str, *parts: str, body: bytes | None = None, query: str = "", **headers: str
    ) -> Answer:
        """Call the classroom's API as somebody (a name of the machine, or a token itself)."""
        where = "/".join(quote(part, safe="") for part in parts) + query
        token = self.tokens.get(who, who)
        return request(method, f"{self.url}/api/{where}", body, Authorization=f"token {token}", **headers)

    def end(self) -> None:
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait(10)


def run_machine(folder: Path) -> Iterator[Machine]:
    machine = Machine(folder)
    try:
        machine.start_hub()
        for names in GROUPS.values():
            machine.tokens |= {name: machine.make_token(name) for name in names}
        machine.start_classroom()
        yield machine
    finally:
        machine.end()


def meta(grade_id: str, points: float = 0, *, grade: bool = False, solution: bool = False) -> dict[str, Any]:
    data = {"grade_id": grade_id, "grade": grade, "solution": solution, "locked": not solution, "task": False}
    data |= {"schema_version": 3} | ({"points": points} if grade else {})
    return {"nbgrader": data}


SOLUTION = "def double(n):\n    ### BEGIN SOLUTION\n    return 2 * n\n    ### END SOLUTION"
TEST = "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(5) == 10  # かくしテスト\n### END HIDDEN TESTS"
GOOD = "def double(n):\n    return 2 * n"


def source_notebook() -> nbformat.NotebookNode:
    """Two graded tests (3 and 2 points, the second with partial credit) and one essay (1 point)."""
    return new_notebook(
        cells=[
            new_markdown_cell("# 二倍にしよう"),
            new_code_cell(SOLUTION, metadata=meta("double", solution=True)),
            new_code_cell(TEST, metadata=meta("test_double", 3, grade=True)),
            new_code_cell("(double(1) == 2) + (double(0) == 0)", metadata=meta("test_partial", 2, grade=True)),
            new_markdown_cell("YOUR ANSWER HERE", metadata=meta("why", 1, grade=True, solution=True)),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    )


def write_source(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        nbformat.write(source_notebook(), folder / f"{name}.ipynb")
    (folder / "測定.csv").write_text("1,2\n")


def answered(released: bytes, answer: str, essay: str | None = None) -> bytes:
    """A released notebook with the child's answer in it."""
    notebook = nbformat.reads(released.decode(), as_version=4)
    for cell in notebook.cells:
        key = cell.metadata.get("nbgrader", {}).get("grade_id")
        if key == "double":
            cell.source = answer
        if key == "why" and essay is not None:
            cell.source = essay
    return nbformat.writes(notebook).encode()
