"""Robots on serial lines: their events become proposals, and are acknowledged once those are on disk."""

import secrets
import threading
import time
from collections import Counter
from dataclasses import dataclass

from robolev.domain.errors import RuleViolation
from robolev.link.frames import BadFrame, Decoder, Frame, Text, encode
from robolev.link.messages import KINDS, Ack, BadMessage, Event, Telemetry, pack, parse
from robolev.link.transport import SerialReader
from robolev.service.tournament import Tournament
from robolev.store.journal import JournalError

STALE_S = 2.0
MAX_TELEMETRY = 20_000


@dataclass
class Health:
    """How a line is now: `state` of the port, seconds since the last good frame, and what was counted."""

    state: str
    age_s: float | None
    counts: dict[str, int]

    @property
    def stale(self) -> bool:
        """No good frame for two seconds, or none at all: never to be shown as well."""
        return self.state != "connected" or self.age_s is None or self.age_s > STALE_S


class Gateway:
    """One serial line. What arrives is decoded in the reader's thread and handed to the tournament at once."""

    def __init__(self, port: str, tournament: Tournament) -> None:
        self.port = port
        self._tournament = tournament
        # A robot counts its events from 1 after each start, so a line's ids must differ from those of a line before.
        self._session = secrets.token_hex(4)
        self._decoder = Decoder()
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._state = "absent"
        self._heard: dict[int, int] = {}
        self._done: set[tuple[str, int]] = set()
        self.telemetry: dict[str, list[tuple[int, Telemetry]]] = {}
        self._reader = SerialReader(port, self._receive, self._port_state)

    def start(self) -> None:
        self._reader.start()

    def stop(self) -> None:
        self._reader.stop()

    def health(self) -> Health:
        with self._lock:
            last = max(self._heard.values(), default=None)
            age = None if last is None else (time.monotonic_ns() - last) / 1e9
            return Health(self._state, age, dict(self._counts))

    def hears(self, robot: int) -> bool:
        """Whether a good frame of this robot came within the last two seconds and the port is there."""
        with self._lock:
            last = self._heard.get(robot)
            return self._state == "connected" and last is not None and time.monotonic_ns() - last < STALE_S * 1e9

    def _port_state(self, state: str) -> None:
        with self._lock:
            self._state = state

    def _receive(self, at_ns: int, data: bytes) -> None:
        for item in self._decoder.feed(data):
            match item:
                case Frame():
                    self._frame(at_ns, item)
                case BadFrame():
                    self._count(f"bad_{item.reason}")
                case Text():
                    self._count("text")

    def _frame(self, at_ns: int, frame: Frame) -> None:
        try:
            message = parse(frame.body)
        except BadMessage:
            self._count("bad_message")
            return
        with self._lock:
            self._heard[message.robot] = at_ns
            self._counts["frames"] += 1
        run_id = self._tournament.running_with(message.robot)
        if isinstance(message, Telemetry) and run_id is not None:
            kept = self.telemetry.setdefault(run_id, [])
            if len(kept) < MAX_TELEMETRY:
                kept.append((at_ns, message))
        if isinstance(message, Event):
            self._event(run_id, message)

    def _event(self, run_id: str | None, event: Event) -> None:
        if run_id is not None and KINDS[event.kind] == "checkpoint" and (run_id, event.counter) not in self._done:
            if not self._propose(run_id, event):
                return
            self._done.add((run_id, event.counter))
        self._reader.write(encode(pack(Ack(event.robot, event.counter))))

    def _propose(self, run_id: str, event: Event) -> bool:
        """Whether the event needs no repeating: on disk, or never to be taken."""
        ladder = [step.item for step in self._tournament.ruleset.ladders[self._tournament.run(run_id).division]]
        if not 0 <= event.value < len(ladder):
            self._count("bad_message")
            return True
        name = f"{event.robot}-{self._session}-{event.counter}"
        content: dict[str, object] = {"do": "propose", "proposal": name, "item": ladder[event.value]}
        content |= {"source": f"robot {event.robot}", "robot_time_ms": event.robot_time_ms}
        try:
            self._tournament.command(run_id, f"link-{run_id}-{name}", "gateway", content)
        except RuleViolation:
            self._count("refused")
        except JournalError:
            self._count("not_on_disk")
            return False
        return True

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1
