"""The chart in a folder of its own, with a stand-in for the official JupyterHub chart, which tests cannot fetch."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from helm_binary import helm

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "helm" / "kaga-robolev"
CI = sorted(path.name for path in (SOURCE / "ci").glob("*.yaml"))


@dataclass(frozen=True)
class Chart:
    """One copy of the chart that helm can render."""

    path: Path

    def run(self, verb: str, *arguments: str) -> tuple[bool, str]:
        """helm VERB on this chart: whether it agreed, and all it said."""
        named = ["demo"] if verb in ("template", "install") else []
        done = helm(verb, *named, self.path, *arguments, cwd=self.path.parent)
        return done.returncode == 0, done.stdout + done.stderr

    def render(self, values: str, *arguments: str) -> list[dict[str, Any]]:
        """All objects rendered with the values file ``ci/<values>``."""
        agreed, text = self.run("template", "-n", "kaga", "-f", str(self.path / "ci" / values), *arguments)
        assert agreed, text
        return [thing for thing in yaml.safe_load_all(text) if thing]


def copied(folder: Path) -> Chart:
    """The chart, copied into `folder` beside the stand-in."""
    path = folder / SOURCE.name
    shutil.copytree(SOURCE, path)
    hub = path / "charts" / "jupyterhub"
    hub.mkdir(parents=True)
    dependency = yaml.safe_load((SOURCE / "Chart.yaml").read_text("utf-8"))["dependencies"][0]
    stand_in = {"apiVersion": "v2", "name": dependency["name"], "version": dependency["version"]}
    (hub / "Chart.yaml").write_text(yaml.safe_dump(stand_in))
    return Chart(path)
