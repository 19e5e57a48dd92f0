"""Serial lines of robots and field sensors: what they see becomes proposals, acknowledged once those are on disk."""

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from robolev.domain.errors import RuleViolation
from robolev.link.frames import BadFrame, Decoder, Frame, Text, encode
from robolev.link.messages import KINDS, PLACES, Ack, BadMessage, Event, Telemetry, pack, parse
from robolev.link.transport import SerialReader
from robolev.service.recorder import Recorder
from robolev.service.tournament import Tournament
from robolev.store.captures import Capture
from robolev.store.journal import JournalError

STALE_S = 2.0
# An event that is repeated because its acknowledgement was lost; more than a run has is a robot gone wild.
MAX_DONE = 1000


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
    """One serial line. What arrives is kept, decoded in the reader's thread and handed to the tournament at once.

    `sensors` says which numbers are field sensors, and of which field; their gates count for the run on it. Where
    `only` is given, frames of other numbers are counted and dropped: a program must not speak for other robots.
    """

    def __init__(
        self,
        port: str,
        tournament: Tournament,
        recorder: Recorder | None = None,
        capture: Capture | None = None,
        sensors: Mapping[int, str] | None = None,
        only: frozenset[int] | None = None,
    ) -> None:
        self.port = port
        self._tournament, self._recorder, self._capture = tournament, recorder, capture
        self._sensors, self._only = dict(sensors or {}), only
        self._decoder = Decoder()
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._state = "absent"
        self._heard: dict[int, int] = {}
        self._done: dict[tuple[str, Event], None] = {}
        self._reader = SerialReader(port, self._receive, self._port_state)

    def start(self) -> None:
        self._reader.start()

    def stop(self) -> None:
        self._reader.stop()
        if self._capture is not None:
            self._capture.close()

    def health(self) -> Health:
        with self._lock:
            last = max(self._heard.values(), default=None)
            age = None if last is None else (time.monotonic_ns() - last) / 1e9
            return Health(self._state, age, dict(self._counts))

    def age_s(self, robot: int) -> float | None:
        """Seconds since this robot's last good frame; None when none came or the port is not there."""
        with self._lock:
            last = self._heard.get(robot)
            return (time.monotonic_ns() - last) / 1e9 if last is not None and self._state == "connected" else None

    def _port_state(self, state: str) -> None:
        with self._lock:
            self._state = state

    def _receive(self, at_ns: int, data: bytes) -> None:
        if self._capture is not None:
            try:
                self._capture.write(time.time_ns(), data)
            except OSError:
                self._count("not_captured")  # a full disk must not stop a run
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
        if self._only is not None and message.robot not in self._only:
            self._count("foreign")
            return
        with self._lock:
            self._heard[message.robot] = at_ns
            self._counts["frames"] += 1
        field = self._sensors.get(message.robot)
        tournament = self._tournament
        run_id = tournament.running_with(message.robot) if field is None else tournament.running_on(field)
        if isinstance(message, Telemetry) and run_id is not None and field is None and self._recorder is not None:
            try:
                self._recorder.telemetry(run_id, message)
            except OSError:
                self._count("not_recorded")
        if isinstance(message, Event):
            self._event(run_id, message, "robot" if field is None else "sensor")

    def _event(self, run_id: str | None, event: Event, source: str) -> None:
        if run_id is not None and (key := (run_id, event)) not in self._done:
            place = _place(event)
            again = False
            if place is not None:
                name = _name(event, place)
                # On disk already, though this process never acknowledged it: it was asked of the one before a restart.
                again = any(proposal.id == name for proposal in self._tournament.run(run_id).proposals)
                if not again and not self._propose(run_id, event, name, place, source):
                    return
            if self._recorder is not None and not again:
                self._recorder.event(run_id, place or KINDS[event.kind])
            self._done[key] = None
            if len(self._done) > MAX_DONE:
                self._done.pop(next(iter(self._done)))
        self._reader.write(encode(pack(Ack(event.robot, event.counter))))

    def _propose(self, run_id: str, event: Event, name: str, place: str, source: str) -> bool:
        """Whether the event needs no repeating: on disk, or never to be taken."""
        ladder = self._tournament.ruleset.ladders[self._tournament.run(run_id).division]
        if place not in [step.item for step in ladder]:
            self._count("not_in_division")
            return True
        content: dict[str, object] = {"do": "propose", "proposal": name, "item": place}
        content |= {"source": f"{source} {event.robot}", "robot_time_ms": event.robot_time_ms}
        try:
            asked = hashlib.sha256(f"{run_id} {name}".encode()).hexdigest()
            self._tournament.command(run_id, f"link-{asked}", "gateway", content)
        except RuleViolation:
            self._count("refused")
        except JournalError:
            self._count("not_on_disk")
            return False
        return True

    def _count(self, name: str) -> None:
        with self._lock:
            self._counts[name] += 1


def _name(event: Event, place: str) -> str:
    """The same for every repeat of an event, also across a restart of the server.

    A robot that was switched off counts from 1 again; that its new event has another time tells it from the old one.
    """
    return f"{event.robot}-{event.counter}-{event.robot_time_ms}-{place}"


def _place(event: Event) -> str | None:
    """The field's place that a gate or checkpoint names; None for other events and for places there are not."""
    named = KINDS[event.kind] in ("gate", "checkpoint") and 0 <= event.value < len(PLACES)
    return PLACES[event.value] if named else None
