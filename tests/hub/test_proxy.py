"""The real proxy, installed from our lock file, starts and guards its own API."""

import json
import os
import subprocess
import time

import httpx
from classroom_machine import free_port

from hub.proxy import install


def test_the_proxy_starts_and_its_api_wants_the_token():
    public, api = free_port(), free_port()
    command = [*install.command(), "--ip", "127.0.0.1", "--port", str(public)]
    command += ["--api-ip", "127.0.0.1", "--api-port", str(api)]
    process = subprocess.Popen(command, env=os.environ | {"CONFIGPROXY_AUTH_TOKEN": "secret"})
    try:
        until = time.monotonic() + 30
        while True:
            try:
                stranger = httpx.get(f"http://127.0.0.1:{api}/api/routes")
                break
            except httpx.TransportError:
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.1)
        assert stranger.status_code == 403
        ours = httpx.get(f"http://127.0.0.1:{api}/api/routes", headers={"authorization": "token secret"})
        assert ours.json() == {}
    finally:
        process.terminate()
        process.wait(20)


def test_every_package_has_a_checksum_and_names_no_server():
    packages = json.loads((install.HERE / "package-lock.json").read_text())["packages"]
    fetched = {name: entry for name, entry in packages.items() if name}
    assert fetched and all(entry["integrity"].startswith("sha512-") for entry in fetched.values())
    assert not any("resolved" in entry for entry in fetched.values())
