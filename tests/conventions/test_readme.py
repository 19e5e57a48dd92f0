"""Every command of the README is executed, and every picture was made by a test."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINES = re.findall(r"^ {4,}(.*\./kaga .*)$", README, re.MULTILINE)
COMMANDS = [line.split("  #")[0].strip() for line in LINES]
# The command that runs this very test, and the one that tests/browser starts and drives.
ELSEWHERE = {"./kaga test", "./kaga up --demo"}


def test_the_readme_has_commands():
    assert set(COMMANDS) >= ELSEWHERE and len(COMMANDS) >= 8
    running = (ROOT / "tests/browser/running.py").read_text(encoding="utf-8")
    assert '"console.main", "up"' in running and '("--demo",)' in running


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in ELSEWHERE])
def test_readme_command(command, tmp_path):
    command = command.replace("run.svg", str(tmp_path / "run.svg"))
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_every_picture_is_there_and_made_by_a_browser_test():
    pictures = re.findall(r"\]\(docs/screens/(.+?)\.png\)", README)
    tests = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests/browser").glob("*.py"))
    assert len(pictures) >= 8
    for name in pictures:
        assert (ROOT / f"docs/screens/{name}.png").is_file(), name
        assert f'"{name}"' in tests, f"{name}: expected a test that takes it"
