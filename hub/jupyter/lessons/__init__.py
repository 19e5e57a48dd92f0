"""Server extension: the page ``…/kaga/`` where a pupil opens tasks and hands them in, and links straight to a task."""

from __future__ import annotations

from typing import Any


def _load_jupyter_server_extension(server: Any) -> None:
    """Called by Jupyter."""
    from hub.jupyter.lessons.handlers import rules

    server.web_app.add_handlers(".*$", rules(server))


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "hub.jupyter.lessons"}]
