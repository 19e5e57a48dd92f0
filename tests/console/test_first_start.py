"""The first start on a poor machine, for real: in a copy of the project, in namespaces of its own."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")
ENSUREPIP = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix})) / "ensurepip"


def in_namespaces(script: str, *flags: str) -> subprocess.CompletedProcess:
    """A shell script as root of namespaces of its own: what it mounts is gone with it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "VIRTUAL_ENV"))}
    command = ["unshare", "--map-root-user", "--mount", *flags, "sh", "-ec", script]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in ("kaga", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    return folder


def one_line(done):
    assert done.returncode != 0
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_without_network(clone):
    done = in_namespaces(f"cd {clone}; PIP_NO_CACHE_DIR=1 {PYTHON} ./kaga doctor", "--net")
    assert one_line(done) == (
        "kaga: no network: the packages could not be fetched. Connect and run the same command again"
    )
    assert "installing up to" in done.stdout


def test_on_a_full_disk(clone):
    done = in_namespaces(f"mkdir {clone}/small; mount -t tmpfs -o size=12m none {clone}/small; cp {clone}/kaga "
                         f"{clone}/*.* {clone}/small; cd {clone}/small; {PYTHON} ./kaga doctor", "--net")  # fmt: skip
    assert one_line(done).startswith("kaga: the disk is full; about 3 GB are needed.")


def test_without_the_venv_module(clone):
    done = in_namespaces(f"mount -t tmpfs none {ENSUREPIP}; cd {clone}; {PYTHON} ./kaga doctor", "--net")
    assert one_line(done) == "kaga: expected the venv module, found none. Do: sudo apt-get install python3-venv"
    assert not (clone / ".venv").exists()
