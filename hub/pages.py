"""What the hub's pages need beyond the hub: words in the reader's language, a strict content policy, our styles, and
the page of people for administrators.

Templates reach it by ``page_for(static_url.__self__)``: the hub hands them no request, but that method's handler.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.pages import HomeHandler
from jupyterhub.handlers.static import CacheControlStaticFilesHandler
from jupyterhub.scopes import needs_scope
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest

import look
from hub.classroom.words import LANGUAGES, Words
from hub.roles import COURSE, TEACH, TEAM
from hub.roster import Roster, RosterError, spelled
from hub.settings import Settings
from hub.sync import SyncError, sync

LANGUAGE_COOKIE = "lang"
CLASSROOM_S = 1.5  # a home page does not wait longer for the classroom
STATIC = Path(__file__).with_name("static")
LOOK = Path(look.__file__).with_name("static")
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class Page:
    """One page for one reader: words, the address in the other language, and what the reader is."""

    def __init__(self, handler: BaseHandler) -> None:
        asked = handler.get_argument("lang", "") or handler.get_cookie(LANGUAGE_COOKIE, "")
        self.words = Words(asked, "hub")
        if handler.get_argument("lang", "") in LANGUAGES:
            handler.set_cookie(LANGUAGE_COOKIE, self.words.language, path="/", expires_days=365, samesite="lax")
        handler.set_header("Content-Security-Policy", POLICY)
        handler.set_header("Cache-Control", "no-store")
        query = [pair for pair in parse_qsl(handler.request.query) if pair[0] not in ("lang", "_xsrf")]
        self.other_language = "?" + urlencode([*query, ("lang", self.words("language_code"))])
        user = handler.current_user
        self.groups = _groups(user) if user else []
        self.nickname = self._nickname(handler, user.name) if user else ""

    @staticmethod
    def _nickname(handler: BaseHandler, name: str) -> str:
        roster = getattr(handler.authenticator, "roster", None)
        entry = roster.person(name) if roster is not None else None
        return entry.nickname if entry else name

    def names(self, prefix: str) -> list[str]:
        """The reader's courses or teams: groups with that prefix, without it."""
        return [group.removeprefix(prefix) for group in self.groups if group.startswith(prefix)]

    @property
    def learns(self) -> list[str]:
        """Courses the reader learns."""
        return self.names(COURSE)

    @property
    def teaches(self) -> list[str]:
        """Courses the reader teaches."""
        return self.names(TEACH)

    @property
    def teams(self) -> list[str]:
        """Tournament teams the reader is in."""
        return self.names(TEAM)

    @staticmethod
    def quote(text: str) -> str:
        """For one part of an address."""
        return quote(text, safe="")


def _groups(user: Any) -> list[str]:
    return sorted(group.name for group in user.orm_user.groups)


def template_vars() -> dict[str, Callable[[Any], Any]]:
    """For ``JupyterHub.template_vars``; the hub calls each value with the user."""
    return {"page_for": lambda _user: Page}


def page_handlers(roster: Roster, settings: Settings) -> list[Any]:
    """Addresses under ``/hub``: styles, home and the people page. Raises BadSetting when there is no token.

    The token is read here, once: a file that goes away later stops no page.
    """
    token = settings.token("console")
    return [
        (r"/look/(.*)", CacheControlStaticFilesHandler, {"path": str(LOOK)}),
        (r"/kaga/(.*)", CacheControlStaticFilesHandler, {"path": str(STATIC)}),
        (r"/home", TaskHomeHandler, {"classroom": settings.classroom, "token": token}),
        (r"/people", PeopleHandler, {"roster": roster, "tell": partial(sync, settings.data, settings.hub_api, token)}),
    ]


class TaskHomeHandler(HomeHandler):
    """The home page with the pupil's tasks and the courses' titles, as the classroom tells them; without them when it
    does not answer soon."""

    tasks: list[dict[str, Any]] | None = None
    titles: dict[str, dict[str, str]] | None = None

    def initialize(self, classroom: str, token: str) -> None:
        """The classroom's address, and as whom it is asked."""
        self.classroom, self.token = classroom, token

    @web.authenticated
    async def get(self) -> None:
        """The page; `tasks` and `titles` in the template are None when the classroom is silent."""
        groups = _groups(self.current_user)
        learns = [group.removeprefix(COURSE) for group in groups if group.startswith(COURSE)]
        teaches = [group.removeprefix(TEACH) for group in groups if group.startswith(TEACH)]
        if learns or teaches:
            name = quote(self.current_user.name, safe="")
            self.tasks, self.titles = await asyncio.gather(
                self._told(f"people/{name}/tasks", learns), self._told("titles", sorted({*learns, *teaches}))
            )
        await super().get()

    @property
    def template_namespace(self) -> dict[str, Any]:
        """The hub's names and ours."""
        return {**super().template_namespace, "tasks": self.tasks, "titles": self.titles or {}}

    async def _told(self, what: str, courses: list[str]) -> Any:
        where = f"{self.classroom}/api/{what}?{urlencode([('course', one) for one in courses])}"
        asked = HTTPRequest(where, headers={"Authorization": f"token {self.token}"}, request_timeout=CLASSROOM_S)
        try:
            answer = await AsyncHTTPClient().fetch(asked)
            return json.loads(answer.body)
        except (HTTPClientError, OSError, ValueError) as error:
            self.log.warning("home: the classroom did not tell the %s: %s", what, error)
            return None


class PeopleHandler(BaseHandler):
    """The roster for administrators: who is on it, a new person, a new one-time password."""

    def initialize(self, roster: Roster, tell: Callable[[], Any]) -> None:
        """`roster` is what it shows and changes; `tell` writes it into the hub."""
        self.roster, self.tell = roster, tell

    async def _show(self, **values: Any) -> None:
        self.finish(await self.render_template("people.html", people=self.roster.everybody(), **values))

    @web.authenticated
    @needs_scope("admin:users")
    async def get(self) -> None:
        """The list."""
        await self._show()

    @web.authenticated
    @needs_scope("admin:users")
    async def post(self) -> None:
        """Add a person, or make a new one-time password; it is shown once, on the answer."""
        name = spelled(self.get_argument("name", ""))
        try:
            if self.get_argument("act", "") == "password":
                password = await asyncio.to_thread(self.roster.new_one_time_password, name)
            else:
                groups = [group.strip() for group in self.get_argument("groups", "").split(";") if group.strip()]
                nickname = self.get_argument("nickname", "")
                made = await asyncio.to_thread(self.roster.add, name, nickname, groups)
                password = made or ""
                await asyncio.to_thread(self.tell)
        except RosterError as error:
            self.set_status(422)
            await self._show(problem=error.code)
            return
        except SyncError as error:
            self.log.error("people: %s", error)
            self.set_status(503)
            await self._show(problem="sync")
            return
        await self._show(made=(name, password))
