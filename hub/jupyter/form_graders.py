"""nbgrader's form grader, once for each course a teacher has: ``…/grade/<course>/formgrader/``.

nbgrader's own extension knows one course per server (its ``?path=`` switches the whole server, so that two open tabs
would grade each other's course). Here every course has its own handlers with its own settings below its own address;
``…/grade/`` leads to the only course, or lists them.
"""

from __future__ import annotations

import html
import os
import re
from collections import ChainMap
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from nbgrader.server_extensions.formgrader import apihandlers, handlers
from nbgrader.server_extensions.formgrader.formgrader import FormgradeExtension
from tornado import web

OWN_SCRIPTS = "script-src 'self' 'unsafe-inline' 'unsafe-eval'; connect-src 'self'; form-action 'self'"


class CourseGrader(FormgradeExtension):
    """The form grader of one course, below the server's folder at ``courses/<course>``."""

    course = ""

    def load_config_file(self, **options: Any) -> None:
        """Whatever the files say, the course stays: this runs again before every request."""
        super().load_config_file(**options)
        self.config.CourseDirectory.course_id = self.course
        self.config.CourseDirectory.root = self.folder

    def initialize(self, argv: list[str] | None = None, root: str = "") -> None:
        """As nbgrader's, with our course's folder."""
        super().initialize([], root=self.folder)
        self.coursedir.course_id, self.coursedir.root = self.course, self.folder

    def build_extra_config(self) -> Any:
        """As nbgrader's, with our templates before its own."""
        extra = super().build_extra_config()
        own = str(Path(__file__).with_name("nbconvert"))
        extra.HTMLExporter.extra_template_basedirs = [own, *extra.HTMLExporter.extra_template_basedirs]
        return extra

    @property
    def folder(self) -> str:
        """The course's folder."""
        return str(Path(self.root_dir).resolve() / "courses" / self.course)

    @property
    def url_prefix(self) -> str:
        """The course's folder as the server's pages name it."""
        return f"courses/{self.course}"


def at_course(handler: type, prefix: str, settings: dict[str, Any]) -> type:
    """`handler` with the settings of one course and its links below `prefix`."""

    class Here(handler):  # type: ignore[misc, valid-type]
        @property
        def settings(self) -> Any:
            return ChainMap(settings, self.application.settings)

        @property
        def base_url(self) -> str:
            return prefix

        @property
        def content_security_policy(self) -> str:
            # Whatever a student's notebook brings along, the page loads and tells nothing elsewhere.
            return f"{super().content_security_policy}; {OWN_SCRIPTS}"

        async def prepare(self) -> None:
            # The classroom grades in the same file meanwhile: what was read for an earlier page is old.
            if settings["nbgrader_gradebook"] is not None:
                settings["nbgrader_gradebook"].db.rollback()
            await super().prepare()

    Here.__name__ = handler.__name__
    return Here


class Elsewhere(JupyterHandler):
    """The form grader links notebooks and terminals below its own address: they are the server's."""

    @web.authenticated
    def get(self, rest: str) -> None:
        """Go there."""
        self.redirect(url_path_join(self.base_url, quote(rest)))


class Courses(JupyterHandler):
    """The way in."""

    def initialize(self, courses: dict[str, str]) -> None:
        """`courses`: address by name."""
        self.courses = courses

    @web.authenticated
    def get(self) -> None:
        """The only course at once; otherwise a list of their names."""
        if len(self.courses) == 1:
            self.redirect(f"{next(iter(self.courses.values()))}/formgrader/manage_assignments")
            return
        rows = [f'<li><a href="{url}/formgrader/">{html.escape(name)}</a></li>' for name, url in self.courses.items()]
        self.finish(f'<!doctype html><html lang="ja"><title>nbgrader</title><ul>{"".join(rows)}</ul></html>')


def _load_jupyter_server_extension(server: Any) -> None:
    """Called by Jupyter; the courses come from the box (``KAGA_COURSES``, names with ``/`` between them)."""
    app, base = server.web_app, server.web_app.settings["base_url"]
    grade = url_path_join(base, "grade")
    names = [name for name in os.environ.get("KAGA_COURSES", "").split("/") if name]
    courses = {name: f"{grade}/{quote(name, safe='')}" for name in names}
    for name, prefix in courses.items():
        app.add_handlers(".*$", course_rules(server, name, prefix))
    entry = (Courses, {"courses": courses})
    app.add_handlers(".*$", [(grade + "/?", *entry), (url_path_join(base, "formgrader") + "/?.*", *entry)])


def course_rules(server: Any, name: str, prefix: str) -> list[tuple[Any, ...]]:
    """Addresses and handlers of one course."""
    grader = type("CourseGrader", (CourseGrader,), {"course": name})(parent=server)
    grader.root_dir = server.root_dir
    grader.log = server.log
    grader.initialize()
    own = SimpleNamespace(settings={})
    grader.init_tornado_settings(own)
    below = re.escape(prefix)
    rules: list[tuple[Any, ...]] = []
    # Not nbgrader's own entry: its ?path= would lead to another folder.
    entry = {"url": f"{prefix}/formgrader/manage_assignments", "permanent": False}
    rules.append((below + r"/formgrader/?", web.RedirectHandler, entry))
    for address, handler, *options in [*handlers.default_handlers[1:], *apihandlers.default_handlers]:
        if issubclass(handler, JupyterHandler):
            handler = at_course(handler, prefix, own.settings)
        rules.append((below + address, handler, *options))
    static = web.StaticFileHandler, {"path": handlers.static_path}
    rules.append((below + r"/formgrader/static/(.*)", *static))
    rules.append((below + r"/formgrader/.*", at_course(handlers.Template404, prefix, own.settings)))
    rules.append((below + r"/((?:tree|edit|notebooks|terminals|lab)/.*)", Elsewhere))
    return rules


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "hub.jupyter.form_graders"}]
