"""Conventions of this project that a machine can hold."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.splitlines()]


def check(*command: str) -> None:
    done = subprocess.run([str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_import_borders():
    check("lint-imports", "--no-cache")


def test_ruff():
    check("ruff", "check", ".")


def test_mypy():
    check("mypy")


def test_no_machine_paths_or_registry_hosts():
    pattern = re.compile("/" + r"(work|root|home/[a-z]+)/|pypi\.org|pythonhosted|registry\.npmjs")
    own = {".py", ".md", ".toml", ".lock", ".html", ".js", ".css", ".ipynb", ".yml", ".json"}
    for file in tracked():
        if file.suffix in own and "home/student" not in (text := file.read_text(encoding="utf-8")):
            assert not pattern.search(text), f"{file.relative_to(ROOT)}: {pattern.search(text)}"


def test_every_code_folder_says_what_lives_there():
    for folder in (
        "robolev/domain",
        "robolev/rulesets",
        "robolev/store",
        "robolev/link",
        "robolev/arena",
        "robolev/service",
        "robolev/web",
        "firmware",
        "hub",
        "hub/classroom",
        "hub/exchange",
        "hub/box",
        "hub/jupyter",
        "curriculum",
        "look",
        "helm",
    ):
        assert not (ROOT / folder).exists() or (ROOT / folder / "README.md").exists(), folder


def test_no_module_passes_500_lines():
    for file in tracked():
        if file.suffix == ".py":
            assert len(file.read_text(encoding="utf-8").splitlines()) <= 500, file
