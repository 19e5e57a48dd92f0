"""Run a robot program in lock-step with the arena: the program's clock is the arena's clock."""

import hashlib
import os
import select
import struct
import subprocess
import tempfile
import time
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import IO

from robolev.arena import box
from robolev.arena.field import Oval
from robolev.arena.robot import STEP_S, RobotModel, SimulatedRobot

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
MAX_PROGRAM_BYTES = 100_000
MAX_SECONDS = 600
# A step of a real program takes well under a millisecond; this long without one is an endless loop.
STUCK_S = 3.0
MAX_OUTPUT_BYTES = 20_000
# What is still on its way when a program has ended comes within this.
DRAIN_S = 1.0
ASK = struct.Struct("<hhI")  # motors in thousandths, milliseconds to wait
TELL = struct.Struct("<IHHiiH")  # time, line left, line right in thousandths, encoders, battery


class SimulationError(RuntimeError):
    """The run could not be made. `code` is stable: bad_program, missing_part."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Sample:
    """One line of the trace: ms, metres, radians, eyes 0 to 1, motors -1 to 1, metres left of the line."""

    t_ms: int
    x: float
    y: float
    heading: float
    line_left: float
    line_right: float
    left: float
    right: float
    offset: float


@dataclass
class Run:
    """What a program did. `ended`: time_up, finished, crashed, stuck; `lap_s` is None without a full lap."""

    ended: str
    field: Oval
    samples: list[Sample] = dataclass_field(default_factory=list)
    lap_s: float | None = None
    printed: str = ""
    telemetry: bytes = b""

    @property
    def max_offset(self) -> float:
        """Greatest distance from the line in metres."""
        return max((abs(s.offset) for s in self.samples), default=0.0)

    @property
    def wobble(self) -> float:
        """Mean change of steering from one sample to the next, in percent of full: smooth is small."""
        turns = [s.right - s.left for s in self.samples]
        return 100 * sum(abs(b - a) for a, b in zip(turns, turns[1:], strict=False)) / max(1, len(turns) - 1)

    @property
    def digest(self) -> str:
        """The same for the same run, to the last bit."""
        return hashlib.sha256(repr((self.ended, self.samples)).encode() + self.telemetry).hexdigest()


def simulate(
    program: str,
    seconds: float = 40.0,
    seed: int = 1,
    model: RobotModel | None = None,
    arena: Oval | None = None,
    boxed: bool = False,
) -> Run:
    """Run the text of a program, with `step(left, right)` or `main(robot)`, for `seconds` of the arena's time.

    The program is untrusted and runs in a sandbox; `boxed` is for callers that are in one already (see `box.command`).
    A crash or an endless loop is a result, not an error.
    """
    data = program.encode()
    if not 0 < len(data) <= MAX_PROGRAM_BYTES:
        raise SimulationError("bad_program", f"program: expected 1 to {MAX_PROGRAM_BYTES} bytes, got {len(data)}")
    if not 0 < seconds <= MAX_SECONDS:
        raise SimulationError("bad_program", f"seconds: expected more than 0, at most {MAX_SECONDS}, got {seconds}")
    robot = SimulatedRobot(arena or Oval(), model or RobotModel(), seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "program.py"
        file.write_bytes(data)
        file.chmod(0o644)
        Path(folder).chmod(0o755)
        return _with_process(file, robot, round(seconds / STEP_S), boxed)


def _with_process(program: Path, robot: SimulatedRobot, steps: int, boxed: bool) -> Run:
    ask_in, ask_out = os.pipe()
    tell_in, tell_out = os.pipe()
    # The robot's serial line, prints and traceback go to files read at the end: a flood meets the size limit.
    with tempfile.TemporaryFile() as link, tempfile.TemporaryFile() as printed:
        link_in, link_out = os.pipe()
        inherited = (ask_out, tell_in, link_out)
        try:
            process = subprocess.Popen(
                box.command(FIRMWARE, program, [str(number) for number in inherited], boxed),
                pass_fds=inherited,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
        except OSError as problem:
            for number in (ask_in, ask_out, tell_in, tell_out, link_in, link_out):
                os.close(number)
            raise SimulationError("missing_part", f"the sandbox did not start: {problem}") from None
        for number in inherited:
            os.close(number)
        os.set_blocking(tell_out, False)  # a program need not read: nobody may wait for it
        assert process.stdout is not None
        run = Run("crashed", robot.field)
        drains: dict[int, IO[bytes]] = {process.stdout.fileno(): printed, link_in: link}
        try:
            _lockstep(run, robot, steps, ask_in, tell_out, drains)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            for number in (ask_in, tell_out, link_in):
                os.close(number)
        printed.seek(0)
        run.printed = printed.read().decode("utf-8", "replace")
        link.seek(0)
        run.telemetry = link.read()
        return run


def _lockstep(run: Run, robot: SimulatedRobot, steps: int, ask: int, tell: int, drains: dict[int, IO[bytes]]) -> None:
    lap = _Lap(robot)
    open_drains = dict(drains)
    pending = b""
    give_up = time.monotonic() + STUCK_S
    while True:
        ready = select.select([ask, *open_drains], [], [], max(0.0, give_up - time.monotonic()))[0]
        if not ready:
            run.ended = "stuck"
            return
        for number in ready:
            if number != ask and not _drain(number, open_drains[number]):
                del open_drains[number]
        if ask not in ready:
            if time.monotonic() > give_up:
                run.ended = "stuck"
                return
            continue
        piece = os.read(ask, ASK.size - len(pending))
        if not piece:
            _drain_rest(open_drains)
            return
        pending += piece
        if len(pending) < ASK.size:
            continue
        left, right, wait_ms = ASK.unpack(pending)
        pending = b""
        if wait_ms == 0xFFFFFFFF:
            run.ended = "finished"
            _drain_rest(open_drains)
            return
        motors = max(-1.0, min(1.0, left / 1000)), max(-1.0, min(1.0, right / 1000))
        for _ in range(max(1, min(steps, round(wait_ms / 1000 / STEP_S)))):
            robot.step(*motors)
            lap.watch()
            if robot.steps >= steps:
                break
        if not _answer(run, robot, tell, motors):
            run.ended = "stuck"
            return
        run.lap_s = lap.seconds
        if robot.steps >= steps:
            run.ended = "time_up"
            _drain_rest(open_drains)
            return
        give_up = time.monotonic() + STUCK_S


def _answer(run: Run, robot: SimulatedRobot, tell: int, motors: tuple[float, float]) -> bool:
    """Whether there was room for the answer: a program that asks on and on and never reads leaves none."""
    eyes = robot.line_sensors()
    offset = robot.field.offset(robot.x, robot.y)
    run.samples.append(Sample(robot.time_ms, robot.x, robot.y, robot.heading, *eyes, *motors, offset))
    thousandths = [round(eye * 1000) for eye in eyes]
    try:
        os.write(tell, TELL.pack(robot.time_ms, *thousandths, *robot.encoders(), robot.battery_mv()))
    except BlockingIOError:
        return False
    except BrokenPipeError:  # the program ended meanwhile; the closed pipe is seen at the next read
        pass
    return True


def _drain(number: int, file: IO[bytes]) -> bool:
    data = os.read(number, 65536)
    if data and file.tell() < 50 * MAX_OUTPUT_BYTES:
        file.write(data)
    return bool(data)


def _drain_rest(drains: dict[int, IO[bytes]]) -> None:
    end = time.monotonic() + DRAIN_S
    for number, file in drains.items():
        while time.monotonic() < end and select.select([number], [], [], 0.05)[0] and _drain(number, file):
            if file.tell() >= 50 * MAX_OUTPUT_BYTES:
                break


class _Lap:
    """Notices when the robot has gone once round, in the driving direction, close to the line."""

    def __init__(self, robot: SimulatedRobot) -> None:
        self._robot = robot
        self._last = robot.field.along(robot.x, robot.y)
        self._gone = 0.0
        self.seconds: float | None = None

    def watch(self) -> None:
        robot, length = self._robot, self._robot.field.length
        now = robot.field.along(robot.x, robot.y)
        change = (now - self._last + length / 2) % length - length / 2
        self._last = now
        if abs(robot.field.offset(robot.x, robot.y)) < 0.05:
            self._gone += change
        if self.seconds is None and self._gone >= length:
            self.seconds = robot.steps * STEP_S
