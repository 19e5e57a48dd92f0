"""A virtual robot in real time: the same program, firmware and arena as `simulate`, paced by the wall clock.

The robot and its field's sensor each have a pseudo-terminal, as a robot and a sensor have a serial line each: a program
can write what it likes to its own line and nothing to the sensor's. What the program prints stays here.
The arena's clock waits for the program, as in `simulate`, so that a busy machine makes a late robot, not another run.
"""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from robolev.arena import box
from robolev.arena.field import Oval
from robolev.arena.practice import FieldSensor
from robolev.arena.robot import STEP_S, RobotModel, SimulatedRobot
from robolev.arena.simulate import ASK, FIRMWARE, MAX_PROGRAM_BYTES, STUCK_S, TELL, SimulationError
from robolev.link.frames import Decoder, Frame, encode
from robolev.link.messages import PLACES, Ack, BadMessage, Event, pack, parse

GATE_KIND = 3
REPEAT_S = 0.2
MAX_PRINTED = 4000
# One wait of the real firmware is 20 ms; a program that asks the arena for more at once is cut to a second.
MAX_WAIT_S = 1.0
# Later than this behind the wall clock the arena does not hurry to catch up.
MAX_LAG_S = 0.5
# A serial line of 115200 baud carries no more; what a program writes beyond that is lost, as on a wire.
BYTES_PER_S = 11_520
MAX_PIECE = 4096
# What is still on its way when a program has finished comes within this.
DRAIN_S = 1.0
FINISHED = 0xFFFFFFFF
Tell = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Order:
    """What to run: the program's text, the numbers of robot and field sensor on the link, and for how long at most.

    `pace` is simulated seconds per second of the wall clock; `links` are paths at which the two lines shall be found.
    """

    program: str
    robot: int
    sensor: int
    seconds: float
    seed: int = 1
    pace: float = 1.0
    links: tuple[Path, ...] = ()


class Line:
    """One pseudo-terminal. Writing never blocks: what nobody reads is lost, as on a wire."""

    def __init__(self) -> None:
        # The far end stays open here too, so that a reader may come and go.
        self.near, self._far = pty.openpty()
        tty.setraw(self._far)
        os.set_blocking(self.near, False)
        self.name = os.ttyname(self._far)

    def write(self, data: bytes) -> None:
        with suppress(BlockingIOError):
            os.write(self.near, data)

    def read(self) -> bytes:
        try:
            return os.read(self.near, 4096)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self.near)
        os.close(self._far)


class SensorEnd:
    """The field sensor's side of its line: each event is repeated until it is acknowledged."""

    def __init__(self, number: int, line: Line) -> None:
        self._number, self._line, self._decoder = number, line, Decoder()
        self._waiting: dict[int, bytes] = {}
        self._counter = 0

    def passed(self, place: str, t_ms: int) -> None:
        self._counter += 1
        event = Event(self._number, self._counter, t_ms, GATE_KIND, PLACES.index(place))
        self._waiting[self._counter] = encode(pack(event))
        self.repeat()

    def repeat(self) -> None:
        for data in self._waiting.values():
            self._line.write(data)

    def heard(self, data: bytes) -> None:
        for item in self._decoder.feed(data):
            with suppress(BadMessage):
                message = parse(item.body) if isinstance(item, Frame) else None
                if isinstance(message, Ack):
                    self._waiting.pop(message.counter, None)


class VirtualRobot:
    """One order being carried out. `run` returns why it ended: finished, crashed, stuck, time_up or stopped."""

    def __init__(self, order: Order, tell: Tell, parent: int | None = None) -> None:
        """`tell` gets `{"state": "ready", …}` and later `{"state": "ended", …}`.

        `parent` is a descriptor whose end means that nobody wants the robot any more; the lines stay until then.
        """
        data = order.program.encode()
        if not 0 < len(data) <= MAX_PROGRAM_BYTES:
            raise SimulationError("bad_program", f"program: expected 1 to {MAX_PROGRAM_BYTES} bytes, got {len(data)}")
        self._order, self._tell, self._parent = order, tell, parent
        self._robot = SimulatedRobot(Oval(), RobotModel(), order.seed)
        self._gates = FieldSensor(self._robot)
        self._printed = b""
        self._room, self._room_at = float(MAX_PIECE), time.monotonic()

    def run(self) -> str:
        self._robot_line, self._sensor_line = Line(), Line()
        self._sensor = SensorEnd(self._order.sensor, self._sensor_line)
        made: list[Path] = []
        try:
            for link, line in zip(self._order.links, (self._robot_line, self._sensor_line), strict=False):
                link.symlink_to(line.name)
                made.append(link)
            lines = {"robot": self._robot_line.name, "sensor": self._sensor_line.name}
            self._tell({"state": "ready", **lines, "field": _drawing(self._robot.field)})
            why = self._with_program()
            printed = self._printed.decode("utf-8", "replace")
            self._tell({"state": "ended", "why": why, "t_ms": self._robot.time_ms, "printed": printed})
            self._linger()
            return why
        finally:
            for link in made:
                link.unlink(missing_ok=True)
            self._robot_line.close()
            self._sensor_line.close()

    def _with_program(self) -> str:
        pipes = [os.pipe() for _ in range(4)]  # ask, tell, from the robot's line, to the robot's line
        (ask, ask_out), (tell_in, tell), (link, link_out), (acks_in, acks) = pipes
        inherited = (ask_out, tell_in, link_out, acks_in)
        # In memory: however this process ends, it leaves no file.
        with os.fdopen(os.memfd_create("program.py"), "wb") as file:
            file.write(self._order.program.encode())
            file.seek(0)
            numbers = [*inherited, self._order.robot]
            process = subprocess.Popen(
                box.command(FIRMWARE, file.fileno(), [str(number) for number in numbers]),
                pass_fds=(*inherited, file.fileno()),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        for number in inherited:
            os.close(number)
        assert process.stdout is not None
        for number in (tell, acks):  # a program need not read: nobody may wait for it
            os.set_blocking(number, False)
        try:
            return self._drive(ask, tell, link, acks, process.stdout.fileno())
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            for number in (ask, tell, link, acks):
                os.close(number)

    def _drive(self, ask: int, tell: int, link: int, acks: int, prints: int) -> str:
        """Answer the program, each time when the wall clock is there, until one of the ends."""
        watched = {ask, link, prints, self._robot_line.near, self._sensor_line.near}
        watched |= set() if self._parent is None else {self._parent}
        began, repeat_at, last_ask = time.monotonic(), 0.0, time.monotonic()
        pending, answer_at = b"", None
        while True:
            now = time.monotonic()
            if now >= repeat_at:
                self._sensor.repeat()
                repeat_at = now + REPEAT_S
            if answer_at is not None and now >= answer_at:
                if now - answer_at > MAX_LAG_S:
                    began += now - answer_at
                answer_at, last_ask = None, now
                if not self._answer(tell):
                    return "stuck"
                if self._robot.steps * STEP_S >= self._order.seconds:
                    return "time_up"
            if answer_at is None and now - last_ask > STUCK_S:
                return "stuck"
            wake = min(repeat_at, last_ask + STUCK_S if answer_at is None else answer_at)
            # What is asked before the answer has to wait: a program cannot drive ahead of the clock.
            listened = watched if answer_at is None else watched - {ask}
            for number in select.select(listened, [], [], max(0.0, wake - now))[0]:
                if number == ask:
                    piece = os.read(ask, ASK.size - len(pending))
                    pending += piece
                    if not piece or pending[4:] == FINISHED.to_bytes(4, "little"):
                        self._drain(link, prints)
                        return "finished" if piece else "crashed"
                    if len(pending) == ASK.size:
                        self._step(pending)
                        pending, answer_at = b"", began + self._robot.steps * STEP_S / self._order.pace
                elif number == self._parent:
                    return "stopped"
                elif number == self._robot_line.near:
                    with suppress(BlockingIOError, BrokenPipeError):
                        os.write(acks, self._robot_line.read())
                elif number == self._sensor_line.near:
                    self._sensor.heard(self._sensor_line.read())
                elif not self._forward(number, prints):
                    watched.discard(number)

    def _step(self, asked: bytes) -> None:
        left, right, wait_ms = ASK.unpack(asked)
        motors = max(-1.0, min(1.0, left / 1000)), max(-1.0, min(1.0, right / 1000))
        for _ in range(max(1, round(min(MAX_WAIT_S, wait_ms / 1000) / STEP_S))):
            self._robot.step(*motors)
            place = self._gates.watch()
            if place is not None:
                self._sensor.passed(place, self._robot.time_ms)

    def _answer(self, tell: int) -> bool:
        """Whether there was room for the answer: a program that asks on and on and never reads leaves none."""
        robot = self._robot
        eyes = [round(eye * 1000) for eye in robot.line_sensors()]
        try:
            os.write(tell, TELL.pack(robot.time_ms, *eyes, *robot.encoders(), robot.battery_mv()))
        except BlockingIOError:
            return False
        except BrokenPipeError:  # the program ended meanwhile; that is seen at the next read
            pass
        return True

    def _forward(self, number: int, prints: int) -> bool:
        data = os.read(number, MAX_PIECE)
        if number == prints:
            self._printed = (self._printed + data)[-MAX_PRINTED:]
        elif self._has_room(len(data)):
            self._robot_line.write(data)
        return bool(data)

    def _has_room(self, size: int) -> bool:
        now = time.monotonic()
        gained = (now - self._room_at) * BYTES_PER_S * self._order.pace
        self._room, self._room_at = min(MAX_PIECE, self._room + gained), now
        if size > self._room:
            return False
        self._room -= size
        return True

    def _drain(self, link: int, prints: int) -> None:
        end = time.monotonic() + DRAIN_S
        for number in (link, prints):
            while time.monotonic() < end and select.select([number], [], [], 0.05)[0]:
                if not self._forward(number, prints):
                    break

    def _linger(self) -> None:
        """The field's sensor outlives the program: its last events are repeated until the parent has gone."""
        while self._parent is not None:
            ready = select.select([self._parent, self._sensor_line.near], [], [], REPEAT_S)[0]
            if self._parent in ready:
                return
            if ready:
                self._sensor.heard(self._sensor_line.read())
            else:
                self._sensor.repeat()


def _drawing(field: Oval) -> dict[str, Any]:
    """What a page needs to draw the field under a trace, in mm: the oval, and where and how a robot starts on it."""
    x, y, heading = field.start()
    sizes = {"straight": field.straight, "radius": field.radius, "x": x, "y": y}
    return {name: round(1000 * metres, 1) for name, metres in sizes.items()} | {"heading": heading}


def main() -> None:
    """The process a server starts: an order as JSON in the first argument; lives no longer than its standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the server says when to stop
    order = json.loads(sys.argv[1])
    program = Path(order.pop("file")).read_text(encoding="utf-8")
    try:
        VirtualRobot(Order(program, **order), lambda told: print(json.dumps(told), flush=True), parent=0).run()
    except (box.SandboxMissing, SimulationError, OSError) as problem:
        print(json.dumps({"state": "ended", "why": "not_started", "t_ms": 0, "printed": str(problem)}), flush=True)


if __name__ == "__main__":
    main()
