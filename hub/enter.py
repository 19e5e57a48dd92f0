"""The way into the own server: the gate before it (`hub/box/gate.py`) sends every browser here that has no badge."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from jupyterhub.handlers.base import BaseHandler
from tornado import web

from hub.box import badge


class EnterHandler(BaseHandler):
    """Gives the owner's browser the badge and sends it on; everybody else gets the page of a 403."""

    def initialize(self, folder: Path, https: bool) -> None:
        """`folder` is the hub's own; with `https` the badge is sent by https only."""
        self.folder, self.https = folder, https

    @web.authenticated
    def get(self) -> None:
        """``?next=`` is an address below the own server's."""
        user, following = self.current_user, self.get_argument("next", "")
        if not below(user.base_url, following):
            raise web.HTTPError(403)
        session = self.get_session_cookie() or self.set_session_cookie()
        value = badge.badge(badge.key(self.folder, user.name), session)
        own = {"path": user.base_url, "httponly": True, "samesite": "Lax", "secure": self.https}
        self.set_cookie(badge.COOKIE, value, **own)
        self.set_header("Cache-Control", "no-store")
        self.redirect(following)


def below(base: str, address: str) -> bool:
    """`address` is a path below `base` (which ends with a slash) for every browser."""
    path = urlsplit(address).path
    if not address.startswith(base) or not address.isprintable() or "\\" in unquote(address):
        return False
    return not {".", ".."} & set(unquote(path).split("/"))
