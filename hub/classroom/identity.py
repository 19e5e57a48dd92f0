"""Who is asking, and what they are in which course: the hub says, never the request.

Words: a *member* is a student (hub group ``course:<id>``) or a teacher (``teach:<id>``) of a course.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError as StatusError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from jupyterhub.services.auth import HubOAuth
from tornado.web import HTTPError

from hub.classroom.names import checked
from hub.classroom.refusals import Refusal
from hub.roles import COURSE, NICKNAMES, TEACH

CACHE_SECONDS = 20.0
HEADER = re.compile(r"(?:token|bearer)\s+([\x21-\x7e]{8,300})\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Person:
    """A user of the hub with the courses they learn and teach."""

    name: str
    learns: frozenset[str]
    teaches: frozenset[str]

    @property
    def courses(self) -> list[str]:
        """All courses of this person."""
        return sorted(self.learns | self.teaches)

    def member(self, course: str) -> None:
        """Refuse others; to them a course that exists looks like one that does not."""
        if course not in self.learns and course not in self.teaches:
            raise Refusal("unknown_course", course)

    def student(self, course: str) -> None:
        """Refuse all but students of the course."""
        self.member(course)
        if course not in self.learns:
            raise Refusal("students_only")

    def teacher(self, course: str) -> None:
        """Refuse all but teachers of the course."""
        self.member(course)
        if course not in self.teaches:
            raise Refusal("teachers_only")


def person_from(model: dict[str, Any]) -> Person:
    """The person of a hub user model; groups whose course has an unusable name are passed over."""
    found: dict[str, set[str]] = {COURSE: set(), TEACH: set()}
    for group in model.get("groups") or []:
        for prefix, courses in found.items():
            if isinstance(group, str) and group.startswith(prefix):
                try:
                    courses.add(checked(group.removeprefix(prefix)))
                except Refusal:
                    continue
    return Person(checked(str(model["name"])), frozenset(found[COURSE]), frozenset(found[TEACH]))


@dataclass(frozen=True)
class Group:
    """A hub group: `members` is None when the hub did not say."""

    members: list[str] | None
    nicknames: dict[str, str]


NOBODY, UNKNOWN = Group([], {}), Group(None, {})


def group_from(model: dict[str, Any]) -> Group:
    """The group of a hub group model; nicknames are a property that the roster's sync writes."""
    found = (model.get("properties") or {}).get(NICKNAMES) or {}
    nicknames = {str(name): str(nickname)[:40] for name, nickname in found.items() if nickname}
    return Group(sorted(map(str, model["users"])), nicknames)


class Identity:
    """Asks the hub who a token belongs to, and remembers the answer for `CACHE_SECONDS`."""

    def __init__(
        self, hub_api: str, service_token: str, prefix: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.hub_api, self._service_token, self._clock = hub_api.rstrip("/"), service_token, clock
        self.oauth = HubOAuth(
            api_url=self.hub_api,
            api_token=service_token,
            base_url=prefix,
            oauth_client_id="service-classroom",
            oauth_redirect_uri=f"{prefix}oauth_callback",
            access_scopes={"access:services", "access:services!service=classroom"},
        )
        self._known: dict[str, tuple[float, Person]] = {}
        self._groups: dict[str, tuple[float, Group]] = {}
        self._lock = threading.Lock()

    async def by_header(self, authorization: str | None) -> Person:
        """The person of an ``Authorization: token …`` (or ``Bearer …``) header."""
        match = HEADER.fullmatch(authorization or "")
        if match is None:
            raise Refusal("no_token")
        return await self.by_token(match.group(1))

    async def _model(self, token: str) -> dict[str, Any]:
        try:
            model = await self.oauth.user_for_token(token, use_cache=False, sync=False)
        except HTTPError as error:
            raise Refusal("hub_down") from error
        if not isinstance(model, dict) or "name" not in model:
            raise Refusal("bad_token")
        return model

    async def by_token(self, token: str) -> Person:
        """The person a token belongs to; the token must carry access to this service."""
        now = self._clock()
        with self._lock:
            until, person = self._known.get(token, (0.0, None))
            if person is not None and until > now:
                return person
        model = await self._model(token)
        if model.get("kind") != "user":
            raise Refusal("bad_token")
        if not self.oauth.check_scopes(self.oauth.access_scopes, model):
            raise Refusal("no_access")
        person = person_from(model)
        with self._lock:
            self._known = {key: kept for key, kept in self._known.items() if kept[0] > now}
            if len(self._known) < 10_000:
                self._known[token] = (now + CACHE_SECONDS, person)
        return person

    async def service(self, authorization: str | None, scope: str) -> str:
        """The name of the service whose token is in the header; the token must carry `scope`."""
        match = HEADER.fullmatch(authorization or "")
        if match is None:
            raise Refusal("no_token")
        model = await self._model(match.group(1))
        if model.get("kind") != "service" or scope not in (model.get("scopes") or []):
            raise Refusal("no_scope", scope)
        return str(model["name"])

    async def token_for_code(self, code: str, verifier: str) -> str:
        """The token that ends a browser's sign-in."""
        try:
            return str(await self.oauth.token_for_code(code, code_verifier=verifier, sync=False))
        except (HTTPError, KeyError, TypeError) as error:
            raise Refusal("bad_state") from error

    def roster(self, course: str) -> list[str] | None:
        """Students of the course, or None when the hub does not say (the service needs ``read:groups``)."""
        return self.members(COURSE + course)

    def members(self, group: str) -> list[str] | None:
        """Names of a hub group's members, none when there is no such group; None when the hub does not say."""
        return self._group(group).members

    def nicknames(self, course: str) -> dict[str, str]:
        """What the people of a course call themselves, by name; only those of whom the hub knows."""
        return self._group(TEACH + course).nicknames | self._group(COURSE + course).nicknames

    def nickname(self, who: Person) -> str:
        """What this person is called; the name where no course knows better."""
        known = (self.nicknames(course).get(who.name) for course in who.courses)
        return next((nickname for nickname in known if nickname), who.name)

    def _group(self, name: str) -> Group:
        now = self._clock()
        with self._lock:
            until, group = self._groups.get(name, (0.0, NOBODY))
        if until > now:
            return group
        request = Request(f"{self.hub_api}/groups/{quote(name, safe='')}")
        request.add_header("Authorization", f"token {self._service_token}")
        try:
            with build_opener(ProxyHandler({})).open(request, timeout=3) as answer:
                group = group_from(json.load(answer))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            group = NOBODY if isinstance(error, StatusError) and error.code == 404 else UNKNOWN
        with self._lock:
            self._groups = {key: kept for key, kept in self._groups.items() if kept[0] > now}
            self._groups[name] = (now + CACHE_SECONDS, group)
        return group
