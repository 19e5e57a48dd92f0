"""The images' recipe, read line by line: no container engine is needed to lay out what an image would hold."""

import re
import shutil
from pathlib import Path

from chart import ROOT

RECIPE = (ROOT / "helm" / "images" / "Dockerfile").read_text("utf-8")


def stage(target: str) -> str:
    """The lines of one target, continued lines joined."""
    found = re.search(rf"^FROM \S+ AS {target}\n(.*?)(?=^FROM |\Z)", RECIPE.replace("\\\n", " "), re.M | re.S)
    assert found, target
    return found[1]


def copied_by(target: str) -> list[tuple[list[str], str]]:
    """Sources and place of each COPY."""
    lines = re.findall(r"^COPY (.+)$", stage(target), re.M)
    return [(line.split()[:-1], line.split()[-1]) for line in lines]


def laid_out(target: str, folder: Path) -> Path:
    """The project as it would lie in the image."""
    for sources, place in copied_by(target):
        for source in sources:
            to = folder / Path(place.removeprefix("/srv/kaga/"))
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, to, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                to.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / source, to)
    return folder
