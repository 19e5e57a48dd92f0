"""`kaga doctor`: one line each for what this machine has and lacks."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[1]
NEEDED_GB = 3


@click.command()
def doctor() -> None:
    """Say in one line each what this machine has and lacks; exit status 1 when something needed is missing."""
    missing = False
    for state, text in findings():
        missing |= state == "missing"
        click.echo(f"{state:<9}{text}")
    sys.exit(1 if missing else 0)


def findings() -> Iterator[tuple[str, str]]:
    """(state, sentence); state is ok, missing (something will not work), optional (only for tests), or low."""
    yield "ok", f"Python {sys.version.split()[0]}"
    yield _bubblewrap()
    for tool, use in (("prlimit", "limits for untrusted programs"), ("setpriv", "ending everything together")):
        found = shutil.which(tool)
        yield ("ok", tool) if found else ("missing", f"{tool}: {use}. Do: sudo apt-get install util-linux")
    yield _proxy()
    browser = shutil.which("chromium")
    yield ("ok", "chromium") if browser else ("optional", "chromium: browser tests. Do: sudo apt-get install chromium")
    yield _japanese_font()
    free = shutil.disk_usage(ROOT).free / 10**9
    yield ("ok" if free >= NEEDED_GB else "low"), f"{free:.0f} GB of free disk ({NEEDED_GB} GB are needed)"
    yield "ok", f"{os.cpu_count()} cores"


def _bubblewrap() -> tuple[str, str]:
    from hub.classroom.sandbox import SandboxError, preflight

    try:
        checked = preflight()
    except SandboxError as problem:
        return "missing", str(problem)
    weak = f" (weaker than it could be: {'; '.join(checked.notes)})" if checked.notes else ""
    return "ok", f"bubblewrap builds a box{weak}"


def _proxy() -> tuple[str, str]:
    from hub.proxy import install

    try:
        version = subprocess.run([str(install.node()), "--version"], capture_output=True, text=True, check=True)
    except (install.ProxyMissing, OSError, subprocess.CalledProcessError) as problem:
        return "missing", f"Node for the hub's proxy: {problem}"
    have = "is installed" if (install.folder() / install.PROGRAM).exists() else "comes at the first ./kaga up"
    return "ok", f"Node {version.stdout.strip()}; the hub's proxy {have}"


def _japanese_font() -> tuple[str, str]:
    known = Path("/usr/share/fonts/truetype/bizud-gothic").exists()
    text = "fonts-morisawa-bizud-gothic: the test's pictures. Do: sudo apt-get install fonts-morisawa-bizud-gothic"
    return ("ok", "fonts-morisawa-bizud-gothic") if known else ("optional", text)
