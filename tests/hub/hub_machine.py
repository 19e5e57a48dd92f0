"""The real hub with our configuration, its real proxy and a browser without scripts, on free loopback ports."""

from __future__ import annotations

import http.cookiejar
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from classroom_machine import free_port

from hub.proxy import install
from hub.roster import Roster
from hub.sync import Changes, sync

ROOT = Path(__file__).resolve().parents[2]
PORTS = ("KAGA_PORT", "KAGA_PROXY_API_PORT", "KAGA_HUB_PORT", "KAGA_CLASSROOM_PORT", "KAGA_ROBOLEV_PORT")


class Browser:
    """Keeps cookies, follows redirects, sends the forms it was shown."""

    def __init__(self, address: str, language: str = "") -> None:
        cookies = http.cookiejar.CookieJar()
        self.http = httpx.Client(
            base_url=address, follow_redirects=True, timeout=30, cookies=cookies, trust_env=False,
            headers={"Accept": "text/html,*/*;q=0.8"},
        )  # fmt: skip
        if language:
            self.http.cookies.set("lang", language)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path)

    def post(self, page: httpx.Response, **fields: str) -> httpx.Response:
        """Send the page's (first) form with its hidden fields."""
        form = re.search(r'<form[^>]* action="([^"]*)".*?</form>', page.text, re.DOTALL)
        assert form, page.text
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form[0]))
        return self.http.post(form[1].replace("&amp;", "&"), data=hidden | fields)

    def sign_in(self, name: str, password: str, path: str = "/") -> httpx.Response:
        return self.post(self.get(path), username=name, password=password)


@dataclass
class Hub:
    folder: Path
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in PORTS})
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    passwords: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        (self.folder / "tokens").mkdir(parents=True)
        for name in ("proxy", "classroom", "robolev", "console"):
            (self.folder / "tokens" / name).write_text(secrets.token_hex(16))
        (self.folder / "hub").mkdir()
        self.roster = Roster(self.folder / "hub")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.ports['KAGA_PORT']}"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.ports['KAGA_HUB_PORT']}/hub/api"

    @property
    def classroom(self) -> str:
        return f"http://127.0.0.1:{self.ports['KAGA_CLASSROOM_PORT']}/services/classroom"

    def call(self, token: str, path: str, method: str = "GET", **more: Any) -> httpx.Response:
        """The hub's API with a token."""
        headers = {"Authorization": f"token {token}"}
        return httpx.request(method, f"{self.api}/{path}", headers=headers, timeout=30, trust_env=False, **more)

    def token(self, name: str) -> str:
        return (self.folder / "tokens" / name).read_text()

    def environment(self) -> dict[str, str]:
        kept = {key: os.environ[key] for key in ("LANG", "TMPDIR") if key in os.environ}
        kept |= {"HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1", "KAGA_DATA": str(self.folder)}
        kept["PATH"] = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
        return kept | {name: str(port) for name, port in self.ports.items()}

    def run(self, name: str, command: list[str], extra: dict[str, str] | None = None, cwd: str = "") -> None:
        with (self.folder / f"{name}.log").open("ab") as out:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder / cwd, env=self.environment() | (extra or {}), stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip

    def start_proxy(self) -> None:
        command = [*install.command(), "--ip", "127.0.0.1", "--port", str(self.ports["KAGA_PORT"])]
        command += ["--api-ip", "127.0.0.1", "--api-port", str(self.ports["KAGA_PROXY_API_PORT"])]
        command += ["--error-target", f"{self.api.removesuffix('/api')}/error"]
        self.run("proxy", command, {"CONFIGPROXY_AUTH_TOKEN": self.token("proxy")})

    def start_hub(self) -> None:
        config = str(ROOT / "hub" / "jupyterhub_config.py")
        self.run("hub", [sys.executable, "-m", "jupyterhub", "-f", config], cwd="hub")

    def start_classroom(self) -> None:
        self.run("classroom", [sys.executable, "-m", "hub.classroom.service"])
        self.wait(f"{self.classroom}/health")

    def wait(self, url: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                if httpx.get(url, timeout=2, trust_env=False).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            if any(process.poll() is not None for process in self.processes.values()):
                break
            time.sleep(0.1)
        raise AssertionError(f"{url} did not answer: " + (self.folder / "hub.log").read_text()[-3000:])

    def sync(self) -> Changes:
        return sync(self.folder, self.api, self.token("console"))

    def stop(self, name: str) -> float:
        """End one of our processes; the seconds it took. Fails when it does not listen."""
        process, began = self.processes.pop(name), time.monotonic()
        process.terminate()
        process.wait(30)
        return time.monotonic() - began

    def end(self) -> None:
        self.roster.close()
        for process in reversed(self.processes.values()):
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait(10)


@contextmanager
def running_hub(folder: Path) -> Iterator[Hub]:
    hub = Hub(folder)
    try:
        hub.start_proxy()
        hub.start_hub()
        hub.wait(f"{hub.address}/hub/login")
        yield hub
    finally:
        hub.end()
