"""mypy with the boards' own types: the Pico's modules and MicroPython's standard library instead of CPython's."""

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

BOARD, STDLIB = "micropython-rp2-stubs", "micropython-stdlib-stubs"


def check(files: list[Path], lib: Path, folder: Path) -> str:
    """What mypy says about `files` and the modules of `lib`; empty when all is well. `folder` is written to.

    The stubs lie loose among all other packages, so the board's are copied out; MicroPython's standard library takes
    the place of mypy's own.
    """
    stubs = folder / "stubs"
    for file in importlib.metadata.files(BOARD) or ():
        if file.suffix == ".pyi":
            (stubs / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), stubs / file)
    versions = next(f for f in importlib.metadata.files(STDLIB) or () if str(f) == "stdlib/VERSIONS")
    settings = folder / "mypy.ini"
    settings.write_text(
        f"[mypy]\nmypy_path = {stubs}:{lib}\ncustom_typeshed_dir = {Path(str(versions.locate())).parents[1]}\n"
        f"cache_dir = {folder / 'cache'}\nfollow_imports = silent\nfollow_imports_for_stubs = True\n"
        "no_site_packages = True\ncheck_untyped_defs = True\n"
    )
    command = [sys.executable, "-m", "mypy", "--config-file", str(settings), "--no-error-summary", *map(str, files)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout
