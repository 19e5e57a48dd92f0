"""Writes the roster into the hub: users, groups and memberships, also of people who never signed in.

    python -m hub.sync        # reads KAGA_DATA and KAGA_HUB_PORT; waits until the hub answers

What the roster does not know is removed: users, memberships, and groups of courses and teams that have nobody left.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

from hub.roles import COURSE, NICKNAMES, ROLE_GROUPS, TEACH, TEAM
from hub.roster import Roster
from hub.settings import BadSetting, Settings

WAIT_S, TIMEOUT_S, PAGE = 60.0, 30.0, 100


class SyncError(RuntimeError):
    """The hub did not take the roster; the text says what came.

    `code` is ``no_answer`` (nobody listens there), ``refused`` (the hub said no) or ``not_the_hub`` (another answered).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass
class Changes:
    """How many were changed; all zero when the hub was as the roster."""

    users_added: int = 0
    users_removed: int = 0
    groups_added: int = 0
    groups_removed: int = 0
    joined: int = 0
    left: int = 0

    @property
    def none(self) -> bool:
        """True when nothing was changed."""
        return not any(astuple(self))


class HubApi:
    """The hub's REST API with a service's token."""

    def __init__(self, address: str, token: str) -> None:
        self.address, self._token = address.rstrip("/"), token
        self._opener = build_opener(ProxyHandler({}))

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the answer's JSON. Raises SyncError."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.address}/{path}", data, method=method)
        request.add_header("Authorization", f"token {self._token}")
        request.add_header("Accept", "application/jupyterhub-pagination+json")
        request.add_header("Content-Type", "application/json")
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                text = answer.read()
        except HTTPError as error:
            told = f"{method} {path}: expected the hub to agree, got status {error.code}"
            raise SyncError("refused", f"{told}. Do: end ./kaga up and start it again") from error
        except HTTPException as error:
            raise self._another(error) from error
        except OSError as error:
            told = f"{method} {path}: expected the hub to answer, got: {error}. Do: ./kaga up"
            raise SyncError("no_answer", told) from error
        try:
            return json.loads(text) if text else None
        except ValueError as error:
            raise self._another(error) from error

    def _another(self, came: Exception | str) -> SyncError:
        told = f"expected the hub at {self.address}, got another program's answer ({str(came)[:80]})"
        return SyncError("not_the_hub", f"{told}. Do: see that KAGA_HUB_PORT is the hub's")

    def all(self, path: str) -> Iterator[dict[str, Any]]:
        """Every item of a paged list."""
        offset: int | None = 0
        while offset is not None:
            answer = self.call("GET", f"{path}?limit={PAGE}&offset={offset}")
            try:
                items, following = answer["items"], answer["_pagination"]["next"]
            except (KeyError, TypeError):
                raise self._another(f"no list of {path}") from None
            yield from items
            offset = following["offset"] if following else None


def sync(data: Path, hub_api: str, token: str) -> Changes:
    """Make the hub's users and groups those of the roster in `data`. Raises SyncError; may be repeated."""
    roster = Roster(data / "hub")
    try:
        people = roster.everybody()
    finally:
        roster.close()
    hub, changes = HubApi(hub_api, token), Changes()
    nicknames = {person.name: person.nickname for person in people}
    wanted: dict[str, set[str]] = {name: set() for name in ROLE_GROUPS}
    for person in people:
        for group in person.groups:
            wanted.setdefault(group, set()).add(person.name)
    names, known = {person.name for person in people}, {user["name"] for user in hub.all("users")}
    if names - known:
        hub.call("POST", "users", {"usernames": sorted(names - known)})
        changes.users_added = len(names - known)
    for name in sorted(known - names):
        hub.call("DELETE", f"users/{quote(name, safe='')}")
        changes.users_removed += 1
    groups = {group["name"]: group for group in hub.all("groups")}
    there = {name: set(group["users"]) & names for name, group in groups.items()}
    for group, members in sorted(wanted.items()):
        _settle(hub, group, members, there.get(group), changes)
        # The classroom shows people by nickname, and may read groups only.
        properties = {NICKNAMES: {name: nicknames[name] for name in sorted(members)}}
        if group.startswith((COURSE, TEACH)) and groups.get(group, {}).get("properties") != properties:
            hub.call("PUT", f"groups/{quote(group, safe='')}/properties", properties)
    for group in sorted(there.keys() - wanted.keys()):
        if group.startswith((COURSE, TEACH, TEAM)):
            hub.call("DELETE", f"groups/{quote(group, safe='')}")
            changes.groups_removed += 1
    return changes


def _settle(hub: HubApi, group: str, members: set[str], there: set[str] | None, changes: Changes) -> None:
    path = f"groups/{quote(group, safe='')}"
    if there is None:
        hub.call("POST", path, {"users": sorted(members)})
        changes.groups_added += 1
        changes.joined += len(members)
        return
    if members - there:
        hub.call("POST", f"{path}/users", {"users": sorted(members - there)})
        changes.joined += len(members - there)
    if there - members:
        hub.call("DELETE", f"{path}/users", {"users": sorted(there - members)})
        changes.left += len(there - members)


def main() -> int:
    """Sync once, as soon as the hub answers."""
    try:
        settings = Settings.from_environment()
        token = settings.token("console")
    except BadSetting as problem:
        sys.exit(f"sync: {problem.code}: {problem}")
    end = time.monotonic() + WAIT_S
    while True:
        try:
            print(sync(settings.data, settings.hub_api, token))
            return 0
        except SyncError as error:
            if error.code != "no_answer" or time.monotonic() > end:
                sys.exit(f"sync: {error.code}: {error}")
            time.sleep(0.3)


if __name__ == "__main__":
    sys.exit(main())
