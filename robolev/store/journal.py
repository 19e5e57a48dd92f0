"""An append-only journal of events, each row carrying the hash of the one before.

*Acknowledged* means that `append` has returned: the rows are then on disk. A command id is accepted once; the same
command again returns the events it made the first time. Nothing is ever changed or removed; `verify` finds it if so.
A chain cannot show rows missing from its end by itself: `head` is what a signed sheet or a second machine notes down.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, create_engine, event, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError

GENESIS = "0" * 64
# One event is a tap or a proposal with its evidence, some hundred bytes; more is a mistake or an attack.
MAX_BODY_BYTES = 64_000

_metadata = MetaData()
_events = Table(
    "events",
    _metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("stream", String(100), nullable=False, index=True),
    Column("command_id", String(100), nullable=False, index=True),
    Column("command_hash", String(64), nullable=False),
    Column("actor", String(100), nullable=False),
    Column("at_ms", Integer, nullable=False),
    Column("body", String, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)


class JournalError(Exception):
    """The journal refuses or is damaged.

    `code` is stable: conflict, command_reused, too_large, unreadable; not_on_disk when the disk is full, fails, or
    somebody else keeps the file locked: nothing was written then, and the same command may be tried again.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Command:
    """Who asks for what: `id` is unique for ever, `content` is what was asked, `actor` who asked it."""

    id: str
    actor: str
    content: dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """One event on record. `at_ms` is the wall clock in milliseconds, for people; order is `seq` alone."""

    seq: int
    stream: str
    command_id: str
    actor: str
    at_ms: int
    body: dict[str, Any]


class Journal:
    """The journal in the SQLite file `path`. Other processes may read it meanwhile without holding anybody up.

    `patience_s` is how long a write waits for another process that writes.
    """

    def __init__(self, path: Path, patience_s: float = 10.0) -> None:
        self._engine: Engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": patience_s})
        event.listen(self._engine, "connect", _durable)
        event.listen(self._engine, "begin", _begin)
        self._writing = self._engine.execution_options(writing=True)
        try:
            with self._writing.begin() as connection:
                _metadata.create_all(connection)
        except DatabaseError as problem:
            self.close()
            raise JournalError("unreadable", f"{path.name}: expected a journal, got: {problem.orig}") from None

    def append(
        self, stream: str, command: Command, bodies: Sequence[dict[str, Any]], at_ms: int, expected: int | None = None
    ) -> list[Recorded]:
        """Put a command's events on disk, all or none, and return them.

        `expected` is the number of events the caller has seen of the stream; another number there now is a visible
        `conflict`, so that two referees never overwrite each other. The same command id with other content is refused.
        """
        asked = _digest([stream, command.actor, command.content])
        with _faults(), self._writing.begin() as connection:
            known = connection.execute(select(_events).where(_events.c.command_id == command.id)).all()
            if known:
                if known[0].command_hash != asked:
                    raise JournalError("command_reused", f"command {command.id}: expected a new id for another command")
                return [_recorded(row) for row in known]
            if expected is not None:
                seen = len(connection.execute(select(_events.c.seq).where(_events.c.stream == stream)).all())
                if seen != expected:
                    raise JournalError(
                        "conflict", f"{stream}: expected {expected} events, got {seen}; load it again and look"
                    )
            return self._write(connection, stream, command, asked, bodies, at_ms)

    def known(self, command_id: str) -> bool:
        """Whether a command with this id is on record."""
        query = select(_events.c.seq).where(_events.c.command_id == command_id)
        with _faults(), self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def _write(
        self,
        connection: Connection,
        stream: str,
        command: Command,
        asked: str,
        bodies: Sequence[dict[str, Any]],
        at_ms: int,
    ) -> list[Recorded]:
        last = connection.execute(select(_events.c.seq, _events.c.hash).order_by(_events.c.seq.desc()).limit(1)).first()
        seq, previous = (last.seq, last.hash) if last else (0, GENESIS)
        made = []
        for body in bodies:
            text = _canonical(body)
            if len(text.encode()) > MAX_BODY_BYTES:
                raise JournalError("too_large", f"{stream}: expected an event of at most {MAX_BODY_BYTES} bytes")
            seq += 1
            row = {
                "seq": seq,
                "stream": stream,
                "command_id": command.id,
                "command_hash": asked,
                "actor": command.actor,
                "at_ms": at_ms,
                "body": text,
                "previous": previous,
            }
            previous = row["hash"] = _row_hash(row)
            connection.execute(insert(_events).values(**row))
            made.append(Recorded(seq, stream, command.id, command.actor, at_ms, body))
        return made

    def events(self, stream: str | None = None, after: int = 0) -> Iterator[Recorded]:
        """Events in order, of one stream or all, beyond sequence number `after`."""
        query = select(_events).where(_events.c.seq > after).order_by(_events.c.seq)
        if stream is not None:
            query = query.where(_events.c.stream == stream)
        with _faults(), self._engine.connect() as connection:
            rows = connection.execute(query).all()
        yield from map(_recorded, rows)

    def head(self) -> tuple[int, str]:
        """Sequence number and hash of the newest event; (0, zeros) when there is none."""
        with _faults(), self._engine.connect() as connection:
            row = connection.execute(select(_events.c.seq, _events.c.hash).order_by(_events.c.seq.desc())).first()
            return (row.seq, row.hash) if row else (0, GENESIS)

    def verify(self) -> list[str]:
        """Every break of the chain, one plain line each; an empty list means none was found."""
        found, previous, seq = [], GENESIS, 0
        with _faults(), self._engine.connect() as connection:
            for row in connection.execute(select(_events).order_by(_events.c.seq)).mappings():
                seq += 1
                if row["seq"] != seq:
                    found.append(f"event {seq}: expected next, got {row['seq']}: removed or reordered")
                    seq = row["seq"]
                if row["previous"] != previous:
                    found.append(f"event {seq}: does not follow the one before: removed or reordered")
                if _row_hash(dict(row)) != row["hash"]:
                    found.append(f"event {seq}: altered after it was written")
                previous = row["hash"]
        return found

    def close(self) -> None:
        self._engine.dispose()


def _durable(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions are begun by _begin, not by the driver
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begin(connection: Connection) -> None:
    # IMMEDIATE: the state that a writer has read cannot change before its commit. A reader keeps nobody waiting.
    writing = connection.get_execution_options().get("writing", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


@contextmanager
def _faults() -> Iterator[None]:
    """Whatever the database could not do becomes our own error; nothing was written then."""
    try:
        yield
    except DatabaseError as problem:
        raise JournalError("not_on_disk", f"expected the journal to answer, got: {problem.orig}") from None


def _canonical(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(value: Any) -> str:
    return hashlib.sha256(_canonical(value).encode()).hexdigest()


def _row_hash(row: dict[str, Any]) -> str:
    names = ("previous", "seq", "stream", "command_id", "command_hash", "actor", "at_ms", "body")
    return _digest([row[name] for name in names])


def _recorded(row: Any) -> Recorded:
    return Recorded(row.seq, row.stream, row.command_id, row.actor, row.at_ms, json.loads(row.body))
