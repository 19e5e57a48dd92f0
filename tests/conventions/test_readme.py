"""Every command of the README is executed."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINES = re.findall(r"^ {4,}(.*\./kaga .*)$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
COMMANDS = [line.split("  #")[0].strip() for line in LINES]


def test_the_readme_has_commands():
    assert "./kaga test" in COMMANDS and len(COMMANDS) >= 5


@pytest.mark.parametrize("command", [c for c in COMMANDS if c != "./kaga test"])
def test_readme_command(command):
    # `./kaga test` is the command that runs this very test.
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
