"""Charts for lessons: Japanese text, whole years, and words for those who do not see the picture."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from matplotlib import font_manager, rcParams
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

FONT = "IPAexGothic"


def use_japanese_font() -> None:
    """Let matplotlib draw Japanese with the font packaged in matplotlib-fontja; Latin letters stay DejaVu Sans."""
    if FONT not in font_manager.get_font_names():
        package = find_spec("matplotlib_fontja")
        if package is None or package.origin is None:
            raise RuntimeError("expected the package matplotlib-fontja for Japanese text, found none. Do: install it")
        for file in sorted(Path(package.origin).parent.rglob("*.ttf")):
            font_manager.fontManager.addfont(file)
    rcParams["font.family"] = ["DejaVu Sans", FONT]


use_japanese_font()


@dataclass(frozen=True)
class Chart:
    """A figure that a notebook shows with `alt`, its content in words."""

    figure: Figure
    alt: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi=100)
        data = base64.b64encode(file.getvalue()).decode("ascii")
        image = f'<img style="max-width:640px" alt="{escape(self.alt)}" src="data:image/png;base64,{data}">'
        return {"text/html": image, "text/plain": self.alt}


def new_figure(rows: int = 1) -> tuple[Figure, Any]:
    """A figure 640 pixels wide with `rows` axes above each other; pyplot does not show it a second time."""
    figure, axes = plt.subplots(rows, figsize=(6.4, 2.4 + 1.6 * rows), layout="constrained", sharex=True)
    plt.close(figure)
    return figure, axes


def whole_years(axis: Any) -> None:
    """Write only whole numbers under the x axis."""
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
