"""nbgrader in every server: its exchange is the classroom service."""

from pathlib import Path

from hub.classroom.feedback_sheet import FILTERS

load_subconfig(str(Path(__file__).resolve().parents[1] / "exchange" / "nbgrader_config.py"))  # type: ignore[name-defined]  # noqa: F821 - given by traitlets
c = get_config()  # type: ignore[name-defined]  # noqa: F821 - given by traitlets
c.FormgradeExtension.debug = False  # teachers need no list of settings above their assignments
c.HTMLExporter.filters = FILTERS | {"mathjax_here": "hub.jupyter.mathjax.address"}
