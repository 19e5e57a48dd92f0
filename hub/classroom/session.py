"""Sign-in of browsers through the hub (OAuth with PKCE and a one-time state), and the guard of their forms.

Sessions live in memory: after a restart the browser passes through the hub once more, unseen by its user.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from fastapi import Request, Response

from hub.classroom.identity import Identity, Person
from hub.classroom.refusals import Refusal

COOKIE, STATE_COOKIE = "classroom-session", "classroom-state"
SESSION_SECONDS, STATE_SECONDS = 12 * 3600, 600
MOST = 20_000


class SignIn(Exception):
    """The browser must go to the hub first."""

    def __init__(self, after: str) -> None:
        self.after = after
        super().__init__(after)


@dataclass(frozen=True)
class Session:
    """One signed-in browser; `csrf` must come with each of its forms."""

    token: str
    until: float
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))


class Sessions:
    """All sessions and begun sign-ins."""

    def __init__(self, identity: Identity, prefix: str, secure: bool = False) -> None:
        self.identity, self.prefix, self.secure = identity, prefix, secure
        self._open: dict[str, Session] = {}
        self._begun: dict[str, tuple[float, str, str]] = {}
        self._lock = threading.Lock()

    def _cookie(self, response: Response, name: str, value: str, seconds: int) -> None:
        response.set_cookie(
            name, value, max_age=seconds, path=self.prefix, httponly=True, samesite="lax", secure=self.secure
        )

    def begin(self, after: str) -> Response:
        """Send the browser to the hub."""
        verifier, challenge, method = self.identity.oauth.generate_pkce_code_challenge()
        state, now = secrets.token_urlsafe(24), time.monotonic()
        with self._lock:
            self._begun = {key: kept for key, kept in self._begun.items() if kept[0] > now}
            if len(self._begun) < MOST:
                self._begun[state] = (now + STATE_SECONDS, verifier, after)
        query = {
            "client_id": self.identity.oauth.oauth_client_id,
            "redirect_uri": self.identity.oauth.oauth_redirect_uri,
            "response_type": "code",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": method,
        }
        where = f"{self.identity.oauth.oauth_authorization_url}?{urlencode(query)}"
        response = Response(status_code=302, headers={"Location": where})
        self._cookie(response, STATE_COOKIE, state, STATE_SECONDS)
        return response

    async def end(self, request: Request) -> Response:
        """The hub sent the browser back: open a session."""
        state, code = request.query_params.get("state", ""), request.query_params.get("code", "")
        with self._lock:
            until, verifier, after = self._begun.pop(state, (0.0, "", ""))
        given = request.cookies.get(STATE_COOKIE, "")
        fits = secrets.compare_digest(given.encode(), state.encode())
        if not state or not code or not fits or until < time.monotonic():
            raise Refusal("bad_state")
        token = await self.identity.token_for_code(code[:500], verifier)
        await self.identity.by_token(token)
        session_id, now = secrets.token_urlsafe(32), time.monotonic()
        with self._lock:
            self._open = {key: kept for key, kept in self._open.items() if kept.until > now}
            if len(self._open) < MOST:
                self._open[session_id] = Session(token, now + SESSION_SECONDS)
        response = Response(status_code=302, headers={"Location": after})
        self._cookie(response, COOKIE, session_id, SESSION_SECONDS)
        response.delete_cookie(STATE_COOKIE, path=self.prefix)
        return response

    async def who(self, request: Request) -> tuple[Person, Session]:
        """The signed-in person; :class:`SignIn` when there is none (any more)."""
        key = request.cookies.get(COOKIE, "")
        with self._lock:
            session = self._open.get(key)
        after = quote(request.scope["path"]) + (f"?{request.url.query}" if request.url.query else "")
        if session is None or session.until < time.monotonic():
            raise SignIn(after if request.method == "GET" else self.prefix)
        try:
            return await self.identity.by_token(session.token), session
        except Refusal as refusal:
            if refusal.code != "bad_token":
                raise
            with self._lock:
                self._open.pop(key, None)
            raise SignIn(after if request.method == "GET" else self.prefix) from refusal


def guard(request: Request, session: Session, csrf: str) -> None:
    """Refuse a form that our own page did not send."""
    foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
    if foreign or not secrets.compare_digest(csrf.encode(), session.csrf.encode()):
        raise Refusal("bad_csrf")
