"""Who may do what, and the way in without a hub: one code per role on a card, a signed cookie once it was entered.

A venue must go on when the hub is not there. Codes are random, so a plain hash keeps them; they are shown once.
"""

import hashlib
import hmac
import json
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROLES: Mapping[str, frozenset[str]] = {
    "desk": frozenset({"call", "void"}),
    "referee": frozenset({"start", "accept", "reject", "record", "end", "sign"}),
}
# Letters that cannot be taken for another on a printed card.
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
CODE_LENGTH = 10
SESSION_S = 16 * 3600
MAX_WRONG, WRONG_WINDOW_S = 10, 60.0
MAX_ADDRESSES = 10_000


@dataclass(frozen=True)
class Person:
    """Who is asking: the name that goes on record, their roles here, and the teams they are in."""

    name: str
    roles: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()

    def may(self, do: str) -> bool:
        """Whether one of the roles may ask this."""
        return any(do in ROLES[role] for role in self.roles)


class TooManyTries(Exception):
    """Ten wrong codes from one address within a minute."""


class Access:
    """The role codes and the cookie key, in one file only its owner can read."""

    def __init__(self, path: Path) -> None:
        """Reads `path`, or makes it; then `new_codes` holds the codes, once, to be printed."""
        self.new_codes: dict[str, str] = {}
        self._wrong: OrderedDict[str, list[float]] = OrderedDict()
        self._lock = threading.Lock()
        if not path.exists():
            self.new_codes = {role: "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH)) for role in ROLES}
            hashes = {role: _hash(code) for role, code in self.new_codes.items()}
            write_private(path, json.dumps({"key": secrets.token_hex(32), "codes": hashes}))
        stored = json.loads(path.read_text(encoding="utf-8"))
        self._key: bytes = bytes.fromhex(stored["key"])
        self._codes: dict[str, str] = stored["codes"]

    def log_in(self, code: str, address: str) -> str | None:
        """The cookie for a role's code, or None when no role has it. Raises TooManyTries."""
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            recent = [at for at in self._wrong.get(address, []) if now - at < WRONG_WINDOW_S]
            if len(recent) >= MAX_WRONG:
                raise TooManyTries
            asked = _hash("".join(code.upper().replace("-", "").split()))
            found = [role for role, kept in self._codes.items() if hmac.compare_digest(kept, asked)]
            if not found:
                # Last in the order of the dictionary, which is so the order of the last wrong code.
                self._wrong[address] = [*recent, now]
                self._wrong.move_to_end(address)
                if len(self._wrong) > MAX_ADDRESSES:
                    self._wrong.popitem(last=False)
                return None
        body = f"{found[0]}.{int(time.time()) + SESSION_S}.{secrets.token_hex(4)}"
        return f"{body}.{self._sign(body)}"

    def who(self, cookie: str | None) -> Person | None:
        """Whoever holds a cookie we made and that has not run out, named by role and device; else None."""
        body, _, signature = (cookie or "").rpartition(".")
        if len(cookie or "") > 200 or not hmac.compare_digest(signature.encode(), self._sign(body).encode()):
            return None
        role, until, device = body.split(".")
        known = role in ROLES and int(until) > time.time()
        return Person(f"{role}-{device}", frozenset({role})) if known else None

    def _forget(self, now: float) -> None:
        """Drop the addresses whose last wrong code is a minute old: the first ones, so that this looks at few."""
        while self._wrong and now - next(iter(self._wrong.values()))[-1] >= WRONG_WINDOW_S:
            self._wrong.popitem(last=False)

    def _sign(self, body: str) -> str:
        return hmac.new(self._key, body.encode(), hashlib.sha256).hexdigest()


def _hash(code: str) -> str:
    return hashlib.sha256(f"robolev role code {code}".encode()).hexdigest()


def write_private(path: Path, text: str) -> None:
    """Whole or not at all, and never readable by others, not even for a moment."""
    beside = path.with_suffix(".new")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(beside, path)
