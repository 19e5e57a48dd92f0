"""The badge: a cookie by which the gate of a box knows its owner's browser.

Each box's gate has a key of its own, made from one secret of the hub's. The badge is bound to the sign-in it was given
for: on a computer that many use, an earlier person's badge is worth nothing to the page of that person's server.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from pathlib import Path

COOKIE, SESSION = "kaga-box", "jupyterhub-session-id"
FILE, SECRET_BYTES = "box_secret", 32


def key(folder: Path, name: str) -> str:
    """The key of `name`'s box. `folder` is the hub's own; the secret there is made when there is none."""
    path = folder / FILE
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f".{FILE}-{secrets.token_hex(8)}"
        fresh.touch(mode=0o600)
        fresh.write_bytes(secrets.token_bytes(SECRET_BYTES))
        try:
            os.link(fresh, path)  # never over one that came first
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return hmac.digest(path.read_bytes(), name.encode(), hashlib.sha256).hex()


def badge(box_key: str, session: str) -> str:
    """The cookie's value for the sign-in with the id `session`."""
    return hmac.digest(bytes.fromhex(box_key), session.encode(), hashlib.sha256).hex()
