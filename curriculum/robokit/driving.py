"""Drive the learner's program on the simulated robot: the text of its cell, on the real MicroPython."""

import math
import os
import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from robokit.hint import Hint
from robokit.learner import program
from robolev.arena.robot import RobotModel
from robolev.arena.simulate import MAX_PROGRAM_BYTES, MAX_SECONDS, Run, simulate

ON_THE_LINE_CM = 5.0
Pair = tuple[float, float]


@dataclass(frozen=True)
class Ride:
    """One drive. `lap`: seconds for the first lap, or None; `max_error`: furthest from the line in cm;
    `wobble`: how much the steering changes all the time, smooth is near 0."""

    lap: float | None
    max_error: float
    wobble: float
    trace: Run

    def __repr__(self) -> str:
        return f"wobble={self.wobble}, lap={self.lap}, max_error={self.max_error}"


def run(
    step: Callable[[float, float], Any],
    seconds: float = 40,
    seed: int = 1,
    noise: float = 0.0,
    offset: float = 0.0,
    gain: Pair = (1.0, 1.0),
) -> Ride:
    """Drive with the learner's `step(left, right)` for `seconds`.

    `noise`: standard deviation of the eyes (0 to 1). `offset`: start so many cm left of the line. `gain`: what the left
    and the right motor do of what they are told. What goes wrong in the program is a hint.
    """
    return drive(program(step), seconds, seed, noise, offset, gain)


def drive(
    text: str, seconds: float = 40, seed: int = 1, noise: float = 0.0, offset: float = 0.0, gain: Pair = (1.0, 1.0)
) -> Ride:
    """`run` for the text of a program."""
    if not 0 < seconds <= MAX_SECONDS:
        raise Hint("seconds", most=MAX_SECONDS, got=seconds)
    model = RobotModel(sensor_noise=noise, start_offset=offset / 100, gain_left=gain[0], gain_right=gain[1])
    made = _simulated(text, seconds, seed, model)
    if made.ended != "time_up":
        raise why(made)
    lap = None if made.lap_s is None else round(made.lap_s, 1)
    return Ride(lap, round(100 * made.max_offset, 1), round(made.wobble, 1), made)


def answer(text: str, left: float, right: float, times: int = 3) -> Pair:
    """What `step(left, right)` answers at the last of `times` calls on a freshly started robot.

    Several calls, because a program may well remember the last error. What is no pair of motor values is a hint.
    """
    mark = secrets.token_hex(8)
    ask = (
        f"\n\ndef main(robot):\n    for _ in range({times}):\n        _v = step({left!r}, {right!r})\n"
        "    if isinstance(_v, (tuple, list)) and len(_v) == 2:\n"
        "        _k = [isinstance(_n, (int, float)) for _n in _v]\n"
        f"        print('{mark}', 'pair', _k[0] and _v[0], _k[1] and _v[1])\n"
        f"    else:\n        print('{mark}', 'none' if _v is None else 'other')\n"
    )
    made = _simulated(text + ask, 1, 1, RobotModel())
    found = re.search(rf"^{mark} (.*)$", made.printed, re.MULTILINE)
    if made.ended != "finished" or found is None:
        raise why(made)
    kind, *values = found[1].split()
    if kind != "pair":
        raise Hint("no_return" if kind == "none" else "two_numbers")
    for value in values:
        if value == "False" or not math.isfinite(float(value)):
            raise Hint("not_a_number")
    return float(values[0]), float(values[1])


def turn(pair: Iterable[float]) -> float:
    """How hard two motor values turn to the left."""
    left, right = pair
    return right - left


def why(made: Run) -> Hint:
    """The hint for a drive that did not go on to the end of its time."""
    if made.ended == "stuck":
        return Hint("endless")
    said = [line for line in made.printed.splitlines() if line.strip()]
    last = said[-1] if said else ""
    for pattern, name in _REASONS:
        if found := re.search(pattern, last):
            return Hint(name, **found.groupdict())
    return Hint("crashed", error=last[:60]) if ": " in last or "Error" in last else Hint("ended_early")


_REASONS = [
    (r"found neither", "no_step"),
    (r"expected two motor values, got None", "no_return"),
    (r"expected two motor values", "two_numbers"),
    (r"motor: expected a number", "not_a_number"),
    (r"NameError: name '(?P<name>[^']{1,40})' isn't defined", "unknown_name"),
    (r"(ImportError|ModuleNotFoundError): no module named '(?P<name>[^']{1,40})'", "no_module"),
    (r"ZeroDivisionError", "divided_by_zero"),
    (r"MemoryError", "too_big"),
    (r"RuntimeError: maximum recursion", "endless"),
    (r"SyntaxError|IndentationError", "robot_syntax"),
]


def _simulated(text: str, seconds: float, seed: int, model: RobotModel) -> Run:
    if len(text.encode()) > MAX_PROGRAM_BYTES:
        raise Hint("program_too_long", most=MAX_PROGRAM_BYTES)
    return simulate(text, seconds, seed, model, boxed=os.environ.get("KAGA_BOX") == "1")
