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
    # Homes in boxes and images are ours. Hosts are spelled in two parts, so that this file does not find itself.
    homes, hosts = r"/(work|root|home/(?!student\b|teacher\b|kaga\b)[a-z]+)/", ("pypi" r"\.org", "python" "hosted")
    pattern = re.compile("|".join([homes, *hosts, "registry" r"\.npmjs"]))
    for file in tracked():
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a font or a picture
        if file.name == "test_box.py":
            continue  # a curious student tries the places that every machine has
        assert not pattern.search(text), f"{file.relative_to(ROOT)}: {pattern.search(text)}"


def test_every_code_folder_says_what_lives_there():
    folders = {folder for file in tracked() for folder in file.relative_to(ROOT).parents}
    for folder in folders:
        package = len(folder.parts) == 2 and (ROOT / folder / "__init__.py").exists()
        if (len(folder.parts) == 1 and folder.name not in (".ci", "docs")) or package:
            assert (ROOT / folder / "README.md").is_file(), folder


def test_no_module_passes_500_lines():
    for file in tracked():
        if file.suffix == ".py":
            assert len(file.read_text(encoding="utf-8").splitlines()) <= 500, file
