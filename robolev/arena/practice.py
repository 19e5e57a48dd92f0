"""The practice field: the oval with a home at the start and a tower half a lap on, and the gates that watch it.

Words: a *gate* stands at a place of the line and sees the robot pass, once, on its way round. No gate sees a ball: that
item is the referee's alone.
"""

from dataclasses import dataclass

from robolev.arena.robot import SimulatedRobot

# Further from the line than this a robot does not pass through a gate.
GATE_HALF_M = 0.05


@dataclass(frozen=True)
class Gate:
    """`place` is a name of the link's PLACES; `at` is where it stands, in laps from home in driving direction."""

    place: str
    at: float


GATES = (
    Gate("left_home", 0.05),
    Gate("intersection_out_1", 0.17),
    Gate("intersection_out_2", 0.33),
    Gate("reached_tower", 0.5),
    Gate("started_back", 0.55),
    Gate("intersection_back_1", 0.67),
    Gate("intersection_back_2", 0.83),
    Gate("arrived_home", 1.0),
)


class FieldSensor:
    """Watches a robot go round; `watch` after each of its steps."""

    def __init__(self, robot: SimulatedRobot, gates: tuple[Gate, ...] = GATES) -> None:
        self._robot, self._gates = robot, list(gates)
        self._last = robot.field.along(robot.x, robot.y)
        self._laps = 0.0

    def watch(self) -> str | None:
        """The place of the gate that the robot has just passed, if any."""
        robot, length = self._robot, self._robot.field.length
        now = robot.field.along(robot.x, robot.y)
        change = (now - self._last + length / 2) % length - length / 2
        self._last = now
        if abs(robot.field.offset(robot.x, robot.y)) < GATE_HALF_M:
            self._laps += change / length
        if not self._gates or self._laps < self._gates[0].at - 1e-9:
            return None
        return self._gates.pop(0).place
