"""Sign-in: names and passwords of the roster, a brake on guessing, and the page that turns a one-time password into
an own one. Nobody is signed in with a one-time password.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.login import LoginHandler
from tornado import web
from tornado.escape import url_escape
from traitlets import Unicode

from hub.enter import EnterHandler
from hub.pages import page_handlers
from hub.roster import MAX_PASSWORD, NOBODY, Roster, RosterError, fits, spelled
from hub.settings import Settings

WINDOW_S = 60.0
# A person mistypes; a program guesses. A whole class sits behind one address. Wrong passwords typed elsewhere keep
# nobody out: few are looked at for an account from one address, and for an account from all of them only a program
# with many addresses reaches the bound.
TRIES, ACCOUNT_TRIES, ADDRESS_TRIES = 5, 50, 100
MOST_KEPT = 20_000
TICKET, TICKET_DAYS = "kaga-own-password", 15 / (24 * 60)
# Each check takes 32 MiB and a tenth of a second.
CHECKS_AT_ONCE = 2


class TooManyTries(web.HTTPError):
    """The brake holds. `wait_s`: seconds until the next try is looked at."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(429, "too_many_tries")
        self.wait_s = wait_s
        self.headers = {"Retry-After": str(wait_s)}


class OneTimePassword(web.HTTPError):
    """Right, but a one-time password: the person must choose an own one first."""

    def __init__(self, name: str) -> None:
        super().__init__(403, "one_time_password")
        self.name = name


class Brake:
    """Counts failed sign-ins within the last minute: of an account from an address, of an account, of an address.
    Kept in memory, bounded."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failed: dict[tuple[str, str], deque[float]] = {}

    def take(self, account: str, address: str) -> None:
        """Count a try as failed until :meth:`succeeded`. Raises TooManyTries; such a try is not looked at."""
        now = self._clock()
        if len(self._failed) >= MOST_KEPT:
            self._failed = {key: kept for key, kept in self._failed.items() if kept and kept[-1] > now - WINDOW_S}
        counted = _counted(account, address)
        for key, most in counted:
            tries = self._failed.get(key, deque())
            while tries and tries[0] <= now - WINDOW_S:
                tries.popleft()
            if len(tries) >= most:
                raise TooManyTries(int(tries[0] + WINDOW_S - now) + 1)
        for key, most in counted:
            self._failed.setdefault(key, deque(maxlen=most)).append(now)

    def succeeded(self, account: str, address: str) -> None:
        """The try that was taken last was right: the account starts anew from there, the other two lose that try."""
        both, *others = (key for key, _ in _counted(account, address))
        self._failed.pop(both, None)
        for key in others:
            tries = self._failed.get(key)
            if tries:
                tries.pop()
                if not tries:
                    del self._failed[key]


def _counted(account: str, address: str) -> tuple[tuple[tuple[str, str], int], ...]:
    return ((account, address), TRIES), ((account, ""), ACCOUNT_TRIES), (("", address), ADDRESS_TRIES)


class RosterAuthenticator(Authenticator):
    """People of the roster, and nobody else."""

    folder = Unicode(config=True, help="Where roster.db is.")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.allow_all = True  # the roster decides
        self.roster, self.brake = Roster(Path(self.folder)), Brake()
        self._checking = asyncio.Semaphore(CHECKS_AT_ONCE)

    def get_handlers(self, app: Any) -> list[Any]:
        """Our pages come before the hub's own of the same address."""
        settings = Settings.from_environment()
        own: list[Any] = [(r"/login", SignInHandler), (r"/new-password", NewPasswordHandler)]
        own.append((r"/enter", EnterHandler, {"folder": settings.folder, "https": settings.https}))
        return [*own, *page_handlers(self.roster, settings), *super().get_handlers(app)]

    def normalize_username(self, username: str) -> str:
        """As the roster spells it."""
        return spelled(username)

    async def authenticate(self, handler: Any, data: dict[str, str]) -> str | None:
        """The name when name and password belong together. Raises TooManyTries and OneTimePassword."""
        name, password = spelled(data.get("username", ""))[:64], data.get("password", "")[: MAX_PASSWORD + 1]
        address = handler.request.remote_ip
        self.brake.take(name, address)
        stored, one_time = self.roster.stored(name) or (NOBODY, False)
        async with self._checking:
            right = await asyncio.to_thread(fits, password, stored)
        if not right:
            return None
        self.brake.succeeded(name, address)
        if one_time:
            raise OneTimePassword(name)
        return name

    async def refresh_user(self, user: Any, handler: Any = None, **_: Any) -> bool:
        """False once the person is off the roster, or must choose a new password: the session then ends."""
        stored = self.roster.stored(user.name)
        return stored is not None and not stored[1]


class FreshSession(BaseHandler):
    """A sign-in has a session id of its own: one that was put into the browser before opens nothing later."""

    def set_login_cookie(self, user: Any) -> None:
        """With a new id when somebody signs in, not when a page of somebody signed in is shown again."""
        if self.request.method == "POST":
            self.set_session_cookie()
        super().set_login_cookie(user)


class SignInHandler(FreshSession, LoginHandler):
    """The sign-in form; a one-time password leads on to choosing an own one."""

    async def post(self) -> None:
        """Sign in."""
        try:
            await super().post()
        except OneTimePassword as right:
            ticket = self.create_signed_value(TICKET, _ticket(self.authenticator.roster, right.name)).decode()
            following = url_escape(self.get_argument("next", ""))
            page = self.render_template("new_password.html", ticket=ticket, account=right.name, next=following)
            self.finish(await page)


class NewPasswordHandler(FreshSession):
    """Choosing a password: with the ticket of a one-time password, or signed in with the present one."""

    @web.authenticated
    async def get(self) -> None:
        """The form for people who are signed in."""
        self.finish(await self.render_template("new_password.html", account=self.current_user.name))

    async def post(self) -> None:
        """Set the password and sign in; on a refusal the form comes again with the reason."""
        roster: Roster = self.authenticator.roster
        ticket, signed_in = self.get_argument("ticket", ""), self.current_user
        if not ticket and signed_in is None:
            raise web.HTTPError(403)
        name, problem = signed_in.name if signed_in else "", ""
        if ticket:
            name = _holder(roster, self.get_secure_cookie(TICKET, ticket, max_age_days=TICKET_DAYS))
            if not name:
                self.redirect(self.settings["login_url"])
                return
        new = self.get_argument("new", "", strip=False)
        try:
            if not ticket:
                data = {"username": name, "password": self.get_argument("password", "", strip=False)}
                if await self.authenticator.authenticate(self, data) is None:
                    raise RosterError("password_wrong", "")
            if new != self.get_argument("again", "", strip=False):
                raise RosterError("password_differs", "")
            await asyncio.to_thread(roster.set_password, name, new)
        except RosterError as error:
            problem = error.code
        except TooManyTries:
            problem = "too_many_tries"
        if problem:
            self.set_status(422)
            following = url_escape(self.get_argument("next", ""))
            page = self.render_template(
                "new_password.html", ticket=ticket, account=name, problem=problem, next=following
            )
            self.finish(await page)
            return
        user = await self.login_user({"username": name, "password": new})
        self.redirect(self.get_next_url(user))


def _ticket(roster: Roster, name: str) -> str:
    stored = roster.stored(name)
    mark = hashlib.sha256(stored[0].encode()).hexdigest() if stored else ""
    return f"{name}:{mark}"


def _holder(roster: Roster, ticket: bytes | None) -> str:
    """Whose ticket it is; empty when it is forged, late, or the password was changed since."""
    name, _, _ = (ticket or b"").decode("ascii", "replace").partition(":")
    return name if ticket and hmac.compare_digest(_ticket(roster, name).encode(), ticket) else ""
