"""The hub as the place where people sign in (OAuth with PKCE) and as the judge of their tokens.

Everything is asked with a short time limit, and nothing is asked at the start: a venue must go on without its hub.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from robolev.web.access import Person

WAIT_S = 3.0
CACHE_S = 30.0
UP_CACHE_S = 5.0
MOST = 10_000
PAGE = 100
MAX_ANSWER_BYTES = 1_000_000
ACCESS = frozenset({"access:services", "access:services!service=robolev"})
# The hub's roles grant these scopes; what they allow here is ROLES in access.py.
ROLE_SCOPES: Mapping[str, str] = {"custom:robolev:desk": "desk", "custom:robolev:score": "referee"}
TEAM = "team:"


class HubProblem(Exception):
    """The hub does not vouch for somebody. `code`: hub_down, bad_token, no_access."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class Hub:
    """The hub's API at `api`, asked with the token of the service robolev that serves under `base`."""

    def __init__(self, api: str, token: str, base: str) -> None:
        self._api, self._token = api.rstrip("/"), token
        self._redirect = f"{base}/oauth_callback"
        self._known: dict[str, tuple[float, Person]] = {}
        self._up: tuple[float, bool] = (0.0, False)
        self._teams: tuple[float, tuple[str, ...]] = (0.0, ())
        self._lock = threading.Lock()

    def up(self) -> bool:
        """Whether the hub answers, as of the last five seconds."""
        with self._lock:
            until, found = self._up
        if until < time.monotonic():
            try:
                found = "version" in self._ask("GET", "/")
            except HubProblem:
                found = False
            with self._lock:
                self._up = (time.monotonic() + UP_CACHE_S, found)
        return found

    def person(self, token: str, fresh: bool = False) -> Person:
        """Who a token belongs to, asked at most every CACHE_S seconds unless `fresh`. Raises HubProblem."""
        now = time.monotonic()
        with self._lock:
            until, person = self._known.get(token, (0.0, None))
        if person is not None and until > now and not fresh:
            return person
        model = self._ask("GET", "/user", {"Authorization": f"token {token}"})
        if model.get("kind") != "user" or not isinstance(model.get("name"), str):
            raise HubProblem("bad_token", "expected the token of a user")
        scopes = set(map(str, model.get("scopes") or ()))
        if not scopes & ACCESS:
            raise HubProblem("no_access", "expected a token with access to the service robolev")
        teams = {str(group).removeprefix(TEAM) for group in model.get("groups") or () if str(group).startswith(TEAM)}
        roles = frozenset(role for scope, role in ROLE_SCOPES.items() if scope in scopes)
        person = Person(model["name"], roles, frozenset(teams))
        with self._lock:
            self._known = {key: kept for key, kept in self._known.items() if kept[0] > now}
            if len(self._known) < MOST:
                self._known[token] = (now + CACHE_S, person)
        return person

    def teams(self) -> tuple[str, ...]:
        """The names of all teams on the roster, as of the last half minute; while the hub is down as last seen."""
        with self._lock:
            until, names = self._teams
            if until > time.monotonic():
                return names
            # Others go on with what is known while this one asks.
            self._teams = (time.monotonic() + CACHE_S, names)
        try:
            found = sorted(name.removeprefix(TEAM) for name in self._groups() if name.startswith(TEAM))
        except HubProblem:
            with self._lock:
                self._teams = (time.monotonic() + UP_CACHE_S, names)
            return names
        with self._lock:
            self._teams = (time.monotonic() + CACHE_S, tuple(found))
        return tuple(found)

    def _groups(self) -> Iterator[str]:
        """Names of all groups; the hub gives them in pages."""
        headers = {"Authorization": f"token {self._token}", "Accept": "application/jupyterhub-pagination+json"}
        for offset in range(0, MOST, PAGE):
            items = self._ask("GET", f"/groups?limit={PAGE}&offset={offset}", headers).get("items")
            if not isinstance(items, list):
                raise HubProblem("hub_down", "hub: expected a page of groups, got something else")
            yield from (str(item.get("name", "")) for item in items if isinstance(item, dict))
            if len(items) < PAGE:
                return

    def authorize_url(self, state: str, verifier: str) -> str:
        """Where a browser goes to sign in; a path, because hub and pages share one address."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = {"client_id": "service-robolev", "redirect_uri": self._redirect, "response_type": "code"}
        query |= {"state": state, "code_challenge": challenge, "code_challenge_method": "S256"}
        return f"{urlsplit(self._api).path}/oauth2/authorize?{urlencode(query)}"

    def token_for_code(self, code: str, verifier: str) -> str:
        """The token that ends a browser's sign-in. Raises HubProblem."""
        form = {"client_id": "service-robolev", "client_secret": self._token, "grant_type": "authorization_code"}
        form |= {"code": code, "redirect_uri": self._redirect, "code_verifier": verifier}
        answer = self._ask("POST", "/oauth2/token", {}, urlencode(form).encode())
        return str(answer.get("access_token", ""))

    def _ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> dict[str, Any]:
        request = Request(f"{self._api}{path}", body, dict(headers or {}), method=method)
        try:
            # No proxy of the environment: the hub is on this machine or this network.
            with build_opener(ProxyHandler({})).open(request, timeout=WAIT_S) as answer:
                found = json.loads(answer.read(MAX_ANSWER_BYTES))
        except HTTPError as problem:
            with problem:
                if problem.code < 500:
                    raise HubProblem("bad_token", f"hub: expected a good token, got status {problem.code}") from None
                raise HubProblem("hub_down", f"hub: expected an answer, got status {problem.code}") from None
        except (OSError, ValueError) as problem:
            raise HubProblem("hub_down", f"hub: expected an answer, got: {problem}") from None
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Begun:
    """A sign-in that was begun: where it goes afterwards, and the secret its code is redeemed with."""

    after: str
    until: float
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
