"""The real hub with `BoxSpawner`, the real proxy and the real classroom service, on free loopback ports."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import time
from pathlib import Path
from typing import Any

from classroom_machine import Answer, Machine, free_port, request

from hub.box import launcher
from hub.proxy import install

GROUPS = {
    "course:ch-robot": ["yuta", "hana"],
    "teach:ch-robot": ["sensei"],
    "teach:データ": ["sensei"],
    "course:データ": ["yuta"],
}
CONFIG = """
c.JupyterHub.bind_url = "http://127.0.0.1:{public}"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.JupyterHub.cleanup_proxy = c.JupyterHub.cleanup_servers = False
c.JupyterHub.db_url = "sqlite:///{folder}/hub.sqlite"
c.JupyterHub.cookie_secret_file = "{folder}/cookie"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "hub.box.spawner.BoxSpawner"
c.BoxSpawner.data = "{folder}"
c.BoxSpawner.classroom_port = {classroom}
c.BoxSpawner.robolev_port = {robolev}

def broken(spawner):
    if spawner.user.name == "kowareta":
        spawner.cmd = ["false"]

c.Spawner.pre_spawn_hook = broken
c.Spawner.server_token_scopes = [
    "users:activity!user", "access:servers!server", "access:services!service=classroom",
    "read:users:name!user", "read:users:groups!user",
]
c.JupyterHub.load_groups = {groups!r}
c.JupyterHub.services = [
    {{"name": "classroom", "url": "http://127.0.0.1:{classroom}", "api_token": "{token}", "oauth_no_confirm": True,
      "timeout": 2,
      "oauth_client_allowed_scopes": ["read:users:name!user", "read:users:groups!user"]}},
    {{"name": "tester", "api_token": "{tester}"}},
]
c.JupyterHub.load_roles = [
    {{"name": "user", "scopes": ["self", "access:services!service=classroom"]}},
    {{"name": "classroom", "services": ["classroom"], "scopes": ["list:groups", "read:groups"]}},
    {{"name": "tester", "services": ["tester"],
      "scopes": ["admin:users", "admin:servers", "access:servers", "tokens", "groups", "access:services"]}},
]
"""


class BoxMachine(Machine):
    """`folder` is the data folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.public, self.api, self.robolev = free_port(), free_port(), free_port()
        self.proxy_token = secrets.token_hex(16)

    @property
    def course(self) -> Path:
        return self.folder / "courses" / "ch-robot"

    def start(self) -> None:
        self.start_proxy()
        self.start_hub()
        self.start_classroom()

    def start_proxy(self) -> None:
        command = [*install.command(), "--ip", "127.0.0.1", "--port", str(self.public)]
        command += ["--api-ip", "127.0.0.1", "--api-port", str(self.api), "--error-target", f"{self.hub}/hub/error"]
        with (self.folder / "proxy.log").open("ab") as log:
            environment = {"PATH": os.environ["PATH"], "CONFIGPROXY_AUTH_TOKEN": self.proxy_token}
            self.processes.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    def start_hub(self) -> None:
        config = self.folder / "jupyterhub_config.py"
        config.write_text(CONFIG.format(
            public=self.public, hub=self.hub_port, api=self.api, classroom=self.port, robolev=self.robolev,
            folder=self.folder, groups=GROUPS, token=self.token, tester=self.tester,
        ))  # fmt: skip
        extra = {"CONFIGPROXY_AUTH_TOKEN": self.proxy_token}
        self.hub_process = self.run(["-m", "jupyterhub", "-f", str(config)], "hub.log", extra)
        self.wait(f"{self.hub}/hub/api", "hub.log")
        self.wait(f"http://127.0.0.1:{self.public}/hub/api", "hub.log")

    def end(self) -> None:
        super().end()
        launcher.end_all(self.folder)

    def hub_api(self, method: str, where: str, body: Any = None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        return request(method, f"{self.hub}/hub/api/{where}", data, Authorization=f"token {self.tester}")

    def spawn(self, *names: str, seconds: float = 90) -> None:
        """Start people's servers through the hub and wait until they are ready."""
        for name in names:
            self.hub_api("POST", f"users/{name}")
            answer = self.hub_api("POST", f"users/{name}/server")
            assert answer.status in (201, 202), answer.body
        self.until(lambda: all(self.server(name).get("ready") for name in names), seconds, f"servers of {names}")

    def routes(self) -> dict[str, Any]:
        where = f"http://127.0.0.1:{self.api}/api/routes"
        return request("GET", where, Authorization=f"token {self.proxy_token}").json

    def server(self, name: str) -> dict[str, Any]:
        return self.hub_api("GET", f"users/{name}").json["servers"].get("", {})

    def until(self, done, seconds: float, what: str) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < end, f"{what}: " + (self.folder / "hub.log").read_text()[-3000:]
            time.sleep(0.1)

    def user(self, name: str, method: str, where: str, body: bytes | None = None, token: str = "") -> Answer:
        """Ask somebody's server through the proxy."""
        url = f"http://127.0.0.1:{self.public}/user/{name}/{where}"
        return request(method, url, body, Authorization=f"token {token or self.tester}")
