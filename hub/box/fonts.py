"""Japanese letters in plots: a font that comes with the Python environment, laid where matplotlib looks."""

from __future__ import annotations

import importlib.util
from pathlib import Path


def font_folder() -> Path | None:
    """The folder with IPAexGothic (package matplotlib-fontja); the package itself is never imported."""
    found = importlib.util.find_spec("matplotlib_fontja")
    return Path(found.origin).parent / "fonts" if found and found.origin else None


def font_arguments(home: Path) -> list[str]:
    """bubblewrap's arguments; `home` is the home inside the box. ``hub/jupyter/matplotlibrc`` names the font."""
    folder = font_folder()
    return ["--ro-bind", str(folder), str(home / ".fonts")] if folder else []
