"""The list of people: name, nickname, groups and password, in one SQLite file. The hub gets it by :mod:`hub.sync`.

A *one-time password* is good for one thing only: choosing an own one at the first sign-in.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import os
import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from hub.classroom.names import checked
from hub.classroom.refusals import Refusal
from hub.roles import COURSE, ROLE_GROUPS, TEACH, TEAM

NAME = re.compile(r"[a-z][a-z0-9_-]{1,31}")
MAX_PASSWORD, MIN_PASSWORD, MAX_NICKNAME, MAX_GROUPS = 128, 8, 40, 40
MAX_CSV_BYTES, MAX_CSV_ROWS = 1024 * 1024, 2000
# Letters that children do not mix up when they copy them from a card.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
# scrypt with N = 2^15, r = 8: 32 MiB and a tenth of a second a guess.
COST, BLOCK, MEMORY = 2**15, 8, 64 * 1024 * 1024

meta = sa.MetaData()
people = sa.Table(
    "people", meta,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("nickname", sa.String, nullable=False),
    sa.Column("password", sa.String, nullable=False),
    sa.Column("one_time", sa.Boolean, nullable=False),
)  # fmt: skip
members = sa.Table(
    "members", meta,
    sa.Column("person", sa.ForeignKey("people.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("group", sa.String, primary_key=True),
)  # fmt: skip


class RosterError(ValueError):
    """A roster that cannot become so. `code` is stable; the text says what was expected, what came, what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Entry:
    """One person on the roster. `one_time`: has not chosen a password yet."""

    name: str
    nickname: str
    groups: tuple[str, ...]
    one_time: bool


def spelled(name: str) -> str:
    """A user name as it is stored: what a child typed with a Japanese keyboard becomes plain small letters."""
    return unicodedata.normalize("NFKC", name).strip().lower()


def checked_name(name: str) -> str:
    """`name`, if it can be a user name. Raises RosterError."""
    if not NAME.fullmatch(name):
        raise RosterError(
            "bad_user_name", f"user name: expected 2 to 32 of a-z 0-9 _ -, a letter first, got {name[:40]!r}"
        )
    return name


def checked_group(group: str) -> str:
    """`group` in normal form, if it is a role, course or team. Raises RosterError."""
    if group in ROLE_GROUPS:
        return group
    for prefix in (COURSE, TEACH, TEAM):
        if group.startswith(prefix):
            try:
                return prefix + checked(group.removeprefix(prefix))
            except Refusal as refusal:
                raise RosterError("bad_group", f"group {group[:60]!r}: {refusal.en}") from None
    raise RosterError(
        "bad_group", f"group: expected {', '.join(ROLE_GROUPS)}, course:…, teach:… or team:…, got {group[:60]!r}"
    )


def one_time_password() -> str:
    """Three groups of four letters: 59 bits, easy to copy from a card."""
    return "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(3))


def hashed(password: str, salt: bytes | None = None) -> str:
    """The stored form: method, salt and hash."""
    salt = os.urandom(16) if salt is None else salt
    plain = unicodedata.normalize("NFKC", password).encode()
    digest = hashlib.scrypt(plain, salt=salt, n=COST, r=BLOCK, p=1, maxmem=MEMORY)
    return f"scrypt${salt.hex()}${digest.hex()}"


def fits(password: str, stored: str) -> bool:
    """Whether the password belongs to the stored form; takes the same time for every wrong one."""
    _, salt, _ = stored.split("$")
    return hmac.compare_digest(hashed(password, bytes.fromhex(salt)), stored)


# Checked for unknown names, so that they take as long as known ones.
NOBODY = hashed(secrets.token_hex(16))


class Roster:
    """The people in ``<folder>/roster.db``, made when absent, readable by its owner only."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / "roster.db"
        path.touch(mode=0o600)
        self.engine = sa.create_engine(f"sqlite:///{path}")
        sa.event.listen(self.engine, "connect", _settle)
        meta.create_all(self.engine)

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()

    def everybody(self) -> list[Entry]:
        """All people by name."""
        return self._entries(sa.true(), sa.true())

    def person(self, name: str) -> Entry | None:
        """One person, or None."""
        return next(iter(self._entries(people.c.name == name, members.c.person == name)), None)

    def _entries(self, who: sa.ColumnElement[bool], whose: sa.ColumnElement[bool]) -> list[Entry]:
        with self.engine.connect() as db:
            groups: dict[str, list[str]] = {}
            for person, group in db.execute(sa.select(members.c.person, members.c.group).where(whose)):
                groups.setdefault(person, []).append(group)
            rows = db.execute(sa.select(people).where(who).order_by(people.c.name))
            return [Entry(r.name, r.nickname, tuple(sorted(groups.get(r.name, ()))), r.one_time) for r in rows]

    def stored(self, name: str) -> tuple[str, bool] | None:
        """The stored password and whether it is a one-time one."""
        with self.engine.connect() as db:
            row = db.execute(sa.select(people).where(people.c.name == name)).one_or_none()
            return None if row is None else (row.password, row.one_time)

    def add(
        self, name: str, nickname: str = "", groups: Iterable[str] = (), password: str | None = None
    ) -> str | None:
        """Put a person on the list; the one-time password made for them, or None when `password` was given.

        Raises RosterError when the name is taken or something cannot be used; then nothing was changed.
        """
        given = one_time_password() if password is None else password
        entry = _entry(name, nickname, groups)
        with self.engine.begin() as db:
            if db.execute(sa.select(people.c.name).where(people.c.name == name)).first():
                raise RosterError("name_taken", f"{name} is on the roster already. Do: roster password {name}")
            row = {"name": name, "nickname": entry.nickname, "password": hashed(given), "one_time": password is None}
            db.execute(sa.insert(people).values(row))
            _join(db, entry)
        return given if password is None else None

    def put(self, entries: Iterable[Entry]) -> dict[str, str]:
        """Add or change many at once, or none; one-time passwords of those who are new."""
        entries = list(entries)
        with self.engine.connect() as db:
            known = set(db.execute(sa.select(people.c.name)).scalars())
        fresh = {entry.name: one_time_password() for entry in entries if entry.name not in known}
        made = {name: hashed(password) for name, password in fresh.items()}  # slow by intent, so before the writing
        with self.engine.begin() as db:
            for entry in entries:
                if entry.name in known:
                    change = sa.update(people).where(people.c.name == entry.name)
                    db.execute(change.values(nickname=entry.nickname))
                else:
                    row = {"name": entry.name, "nickname": entry.nickname, "password": made[entry.name]}
                    db.execute(sa.insert(people).values(row | {"one_time": True}))
                _join(db, entry)
        return fresh

    def remove(self, name: str) -> None:
        """Take a person off the list; their work stays. Raises RosterError."""
        with self.engine.begin() as db:
            if not db.execute(sa.delete(people).where(people.c.name == name)).rowcount:
                raise _unknown(name)

    def new_one_time_password(self, name: str) -> str:
        """Forget a person's password; the one-time one they get instead. Raises RosterError."""
        password = one_time_password()
        self._set(name, password, one_time=True)
        return password

    def set_password(self, name: str, password: str) -> None:
        """A person's own choice. Raises RosterError with the code of the reason."""
        self._set(name, acceptable(name, password), one_time=False)

    def _set(self, name: str, password: str, one_time: bool) -> None:
        with self.engine.begin() as db:
            change = sa.update(people).where(people.c.name == name)
            if not db.execute(change.values(password=hashed(password), one_time=one_time)).rowcount:
                raise _unknown(name)


def acceptable(name: str, password: str) -> str:
    """`password`, if it may become one. Raises RosterError: password_short, password_long, password_name."""
    if len(password) < MIN_PASSWORD:
        raise RosterError("password_short", f"expected {MIN_PASSWORD} letters or more, got {len(password)}")
    if len(password) > MAX_PASSWORD:
        raise RosterError("password_long", f"expected {MAX_PASSWORD} letters at most, got {len(password)}")
    if name in spelled(password) or len(set(password)) < 3:
        raise RosterError("password_name", "expected a password without the user name and with more than two letters")
    return password


def read_csv(data: bytes) -> list[Entry]:
    """People of a table with the columns name, nickname, groups (divided by ``;``).

    UTF-8 or, as Excel writes it in Japan, Shift JIS. Raises RosterError that lists every bad line.
    """
    if len(data) > MAX_CSV_BYTES:
        raise RosterError("csv_too_large", f"expected {MAX_CSV_BYTES // 1024} KiB at most, got {len(data) // 1024}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("cp932")
        except UnicodeDecodeError:
            raise RosterError("csv_unreadable", "expected a CSV file in UTF-8 or Shift JIS") from None
    rows = csv.DictReader(io.StringIO(text))
    if not {"name", "nickname", "groups"} <= set(rows.fieldnames or ()):
        raise RosterError("csv_columns", f"expected the columns name,nickname,groups, got {rows.fieldnames}")
    entries, bad = [], []
    for number, row in enumerate(rows, start=2):
        if number > MAX_CSV_ROWS:
            raise RosterError("csv_too_large", f"expected {MAX_CSV_ROWS} people at most")
        try:
            groups = [group.strip() for group in re.split("[;；]", row["groups"] or "") if group.strip()]
            entries.append(_entry(spelled(row["name"] or ""), row["nickname"] or "", groups))
        except RosterError as error:
            bad.append(f"line {number}: {error}")
    twice = sorted(_twice(entry.name for entry in entries))
    bad += [f"{name}: stands there more than once" for name in twice]
    if bad:
        raise RosterError("csv_bad_lines", "nothing was imported. " + "; ".join(bad[:20]))
    return entries


def _twice(names: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield name
        seen.add(name)


def _entry(name: str, nickname: str, groups: Iterable[str]) -> Entry:
    nickname = " ".join(unicodedata.normalize("NFC", nickname).split()) or checked_name(name)
    if len(nickname) > MAX_NICKNAME or not nickname.isprintable():
        raise RosterError("bad_nickname", f"nickname: expected 1 to {MAX_NICKNAME} letters, got {nickname[:60]!r}")
    found = tuple(sorted({checked_group(group) for group in groups}))
    if len(found) > MAX_GROUPS:
        raise RosterError("bad_group", f"groups: expected {MAX_GROUPS} at most, got {len(found)}")
    return Entry(checked_name(name), nickname, found, True)


def _join(db: sa.Connection, entry: Entry) -> None:
    db.execute(sa.delete(members).where(members.c.person == entry.name))
    for group in entry.groups:
        db.execute(sa.insert(members).values({"person": entry.name, "group": group}))


def _unknown(name: str) -> RosterError:
    return RosterError("unknown_person", f"expected a name on the roster, got {name[:40]!r}. Do: roster list")


def _settle(connection: object, _: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for line in ("journal_mode=WAL", "busy_timeout=5000", "foreign_keys=ON", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {line}")
    cursor.close()
