"""Addresses below ``…/kaga/``. Pages without scripts; nothing here blocks the server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import web

import look
from hub.classroom.words import LANGUAGES, Words
from hub.jupyter.lessons.work import Problem, Task, Work

HERE = Path(__file__).parent
STYLES = {"look": Path(look.__file__).with_name("static"), "own": HERE.parents[1] / "static"}
LANGUAGE_COOKIE = "lang"  # one for all pages of the platform
SECONDS = 60.0
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
pages = Environment(loader=FileSystemLoader(HERE), autoescape=True)


class Lessons(JupyterHandler):
    """What the addresses share."""

    def initialize(self, work: Work, one: asyncio.Lock) -> None:
        """`one`: fetching and handing in happen one after the other."""
        self.work, self.one = work, one

    @property
    def content_security_policy(self) -> str:
        """No scripts, no frames."""
        return POLICY

    @property
    def here(self) -> str:
        """The page's own address."""
        return url_path_join(self.base_url, "kaga/")

    def words(self) -> Words:
        """The language asked for in the address (then remembered), else the remembered one, else Japanese."""
        asked = self.get_query_argument("lang", "")
        if asked in LANGUAGES:
            self.set_cookie(LANGUAGE_COOKIE, asked, path="/", expires_days=365, samesite="lax", httponly=True)
        return Words(asked or self.get_cookie(LANGUAGE_COOKIE), "lessons")

    async def show(self, problem: Problem | None = None, about: tuple[str, str] = ("", "")) -> None:
        """The list of tasks, with what went wrong or with what was just handed in (`about`: course, task)."""
        words, tasks = self.words(), list[Task]()
        try:
            tasks = await asyncio.wait_for(asyncio.to_thread(self.work.tasks), SECONDS)
        except Problem as silent:
            problem = problem or silent
        except TimeoutError:
            problem = problem or Problem("classroom_down")
        done = next((task for task in tasks if (task.course, task.name) == about and task.times), None)
        if problem:
            self.set_status(problem.status)
            self.log.warning("lessons: %s", problem)
        courses = {course: [task for task in tasks if task.course == course] for course in {t.course: 0 for t in tasks}}
        self.set_header("Cache-Control", "no-store")
        self.finish(pages.get_template("page.html").render(
            t=words, here=self.here, base=self.base_url, courses=courses, problem=problem, done=done,
            said=told(words, problem) if problem else "", silent=problem is not None and not tasks,
            other_language="?" + urlencode({"lang": words("language_code")}), xsrf=self.xsrf_token.decode("ascii"),
        ))  # fmt: skip

    async def do(self, act: Any, course: str, name: str) -> Any:
        """Run one of :class:`Work`'s acts in a thread."""
        async with self.one:
            return await asyncio.to_thread(act, course, name)


class TaskList(Lessons):
    """``…/kaga/``"""

    @web.authenticated
    async def get(self) -> None:
        """The tasks; after handing in with its confirmation."""
        about = self.get_query_argument("course", ""), self.get_query_argument("task", "")
        await self.show(about=about if self.get_query_argument("said", "") == "handed_in" else ("", ""))


class Button(Lessons):
    """``…/kaga/button``: what the button in JupyterLab says, and where it leads."""

    @web.authenticated
    def get(self) -> None:
        """JSON for ``labextensions/kaga-tasks``."""
        self.finish({"text": self.words()("save_and_hand_in"), "address": self.here})


class Open(Lessons):
    """``…/kaga/open/<course>/<task>``: the notebook, fetched when it is not here yet."""

    @web.authenticated
    async def get(self, course: str, name: str) -> None:
        """May be linked from anywhere: it never writes over anything."""
        try:
            notebook = await self.do(self.work.open, course, name)
        except Problem as problem:
            await self.show(problem)
            return
        self.redirect(url_path_join(self.base_url, "lab/tree", quote(notebook)))


class HandIn(Lessons):
    """``…/kaga/hand-in/<course>/<task>``"""

    @web.authenticated
    async def post(self, course: str, name: str) -> None:
        """Hand in what is saved."""
        try:
            await self.do(self.work.hand_in, course, name)
        except Problem as problem:
            await self.show(problem)
            return
        query = urlencode({"said": "handed_in", "course": course, "task": name})
        self.redirect(f"{self.here}?{query}", status=303)


def told(words: Words, problem: Problem) -> str:
    """The problem in the reader's words; what we have no own words for, in the service's."""
    key = f"problem_{problem.code}"
    if key in words:
        return words(key)
    japanese, _, english = problem.said.partition(" / ")
    return (japanese if words.language == "ja" else english) or words("problem_other")


def rules(server: Any) -> list[tuple[Any, ...]]:
    """Addresses and handlers for Jupyter."""
    options = {"work": Work(Path(server.root_dir).absolute(), {"parent": server}), "one": asyncio.Lock()}
    below = url_path_join(server.web_app.settings["base_url"], "kaga")
    one = r"/([^/]+)/([^/]+)/?"
    return [
        (below, web.RedirectHandler, {"url": below + "/", "permanent": False}),
        (below + "/", TaskList, options),
        (below + "/button", Button, options),
        (below + "/open" + one, Open, options),
        (below + "/hand-in" + one, HandIn, options),
        *((f"{below}/{name}/(.*)", web.StaticFileHandler, {"path": str(path)}) for name, path in STYLES.items()),
    ]
