"""Browsers that signed in through the hub. Kept in a file only its owner can read, so that a restart signs nobody out.

A session is checked with the hub every half minute; while the hub is down it stays as it was last seen.
"""

import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from robolev.web.access import Person, write_private
from robolev.web.hub import MOST, Begun, Hub, HubProblem

SESSION_S = 16 * 3600
STATE_S = 600
CHECK_S = 30.0


@dataclass(frozen=True)
class Session:
    """`until` by the wall clock, `checked` by the monotonic one."""

    token: str
    person: Person
    until: float
    checked: float = 0.0


class Sessions:
    """All sessions and begun sign-ins of one server; the key of a session is the hash of its cookie."""

    def __init__(self, path: Path, hub: Hub) -> None:
        self._path, self.hub = path, hub
        self._lock = threading.Lock()
        self._begun: dict[str, Begun] = {}
        self._open: dict[str, Session] = {}
        if path.exists():
            for key, kept in json.loads(path.read_text(encoding="utf-8")).items():
                roles, teams = frozenset(kept["roles"]), frozenset(kept["teams"])
                self._open[key] = Session(kept["token"], Person(kept["name"], roles, teams), kept["until"])

    def begin(self, after: str) -> tuple[str, str]:
        """(state for the browser's cookie, address to send it to)."""
        state, now = secrets.token_urlsafe(24), time.monotonic()
        begun = Begun(after, now + STATE_S)
        with self._lock:
            self._begun = {key: kept for key, kept in self._begun.items() if kept.until > now}
            if len(self._begun) < MOST:
                self._begun[state] = begun
        return state, self.hub.authorize_url(state, begun.verifier)

    def end(self, state: str, cookie: str, code: str) -> tuple[str, str]:
        """(cookie of the new session, where to go). Raises HubProblem bad_state for what we did not begin here."""
        with self._lock:
            begun = self._begun.pop(state, None)
        ours = begun is not None and secrets.compare_digest(state.encode(), cookie.encode())
        if begun is None or not ours or begun.until < time.monotonic() or not code:
            raise HubProblem("bad_state", "expected the answer to a sign-in begun in this browser")
        token = self.hub.token_for_code(code[:500], begun.verifier)
        person = self.hub.person(token, fresh=True)
        made = secrets.token_urlsafe(32)
        with self._lock:
            now = time.time()
            self._open = {key: kept for key, kept in self._open.items() if kept.until > now}
            if len(self._open) < MOST:
                self._open[_key(made)] = Session(token, person, now + SESSION_S, time.monotonic())
            self._keep()
        return made, begun.after

    def who(self, cookie: str | None) -> Person | None:
        """The person of a cookie, or None when there is no such session (any more)."""
        key = _key(cookie or "")
        with self._lock:
            session = self._open.get(key)
            if session is None or session.until < time.time():
                return None
            if time.monotonic() - session.checked < CHECK_S and session.checked:
                return session.person
            # Others go on with what is known while this one asks.
            self._open[key] = replace(session, checked=time.monotonic())
        try:
            person = self.hub.person(session.token, fresh=True)
        except HubProblem as problem:
            if problem.code == "hub_down":
                return session.person
            self.forget(cookie)
            return None
        with self._lock:
            if key in self._open:
                self._open[key] = replace(self._open[key], person=person)
        return person

    def forget(self, cookie: str | None) -> None:
        """End a session."""
        with self._lock:
            if self._open.pop(_key(cookie or ""), None) is not None:
                self._keep()

    def _keep(self) -> None:
        rows = {}
        for key, kept in self._open.items():
            row = {"token": kept.token, "name": kept.person.name, "until": kept.until}
            rows[key] = {**row, "roles": sorted(kept.person.roles), "teams": sorted(kept.person.teams)}
        write_private(self._path, json.dumps(rows))


def _key(cookie: str) -> str:
    return hashlib.sha256(cookie.encode("utf-8", "replace")).hexdigest()
