"""A differential-drive robot with motor lag, unequal motors, noisy line sensors and a battery that sags."""

import math
import random
from dataclasses import dataclass

from robolev.arena.field import Oval

STEP_S = 0.005


@dataclass(frozen=True)
class RobotModel:
    """Parameters of the robot; lengths in metres, times in seconds.

    `gain_left`, `gain_right`: what a motor does of what it is told (1 is ideal). `sensor_noise`: standard deviation
    of a reading of 0 to 1. `start_offset`: metres left of the line at the start.
    """

    top_speed: float = 0.4
    wheel_distance: float = 0.12
    motor_lag: float = 0.05
    gain_left: float = 1.0
    gain_right: float = 1.0
    sensor_ahead: float = 0.06
    sensor_apart: float = 0.02
    sensor_radius: float = 0.008
    sensor_noise: float = 0.0
    start_offset: float = 0.0
    counts_per_metre: float = 2000.0
    battery_mv: int = 7400


class SimulatedRobot:
    """The robot on a field. `step` advances STEP_S; all chance comes from `seed`."""

    def __init__(self, field: Oval, model: RobotModel, seed: int) -> None:
        self.field, self.model = field, model
        self._chance = random.Random(seed)
        self.x, self.y, self.heading = field.start()
        self.y += model.start_offset
        self.left = self.right = 0.0  # wheel speeds, m/s
        self.distance_left = self.distance_right = 0.0
        self.steps = 0

    @property
    def time_ms(self) -> int:
        return round(self.steps * STEP_S * 1000)

    def step(self, motor_left: float, motor_right: float) -> None:
        """Advance STEP_S with motors told -1 to 1 (positive is forward)."""
        model = self.model
        blend = STEP_S / (model.motor_lag + STEP_S)
        self.left += (motor_left * model.gain_left * model.top_speed - self.left) * blend
        self.right += (motor_right * model.gain_right * model.top_speed - self.right) * blend
        speed = (self.left + self.right) / 2
        turn = (self.right - self.left) / model.wheel_distance
        middle = self.heading + turn * STEP_S / 2
        self.x += speed * STEP_S * math.cos(middle)
        self.y += speed * STEP_S * math.sin(middle)
        self.heading += turn * STEP_S
        self.distance_left += self.left * STEP_S
        self.distance_right += self.right * STEP_S
        self.steps += 1

    def line_sensors(self) -> tuple[float, float]:
        """What the left and the right eye read now: 0 white to 1 black."""
        return self._eye(self.model.sensor_apart / 2), self._eye(-self.model.sensor_apart / 2)

    def encoders(self) -> tuple[int, int]:
        """Counts of the left and right wheel since the start."""
        per = self.model.counts_per_metre
        return round(self.distance_left * per), round(self.distance_right * per)

    def battery_mv(self) -> int:
        """The battery under the present load: it sags by up to 300 mV at full speed of both motors."""
        load = (abs(self.left) + abs(self.right)) / (2 * self.model.top_speed)
        return round(self.model.battery_mv - 300 * min(1.0, load))

    def _eye(self, sideways: float) -> float:
        model = self.model
        ahead_x, ahead_y = math.cos(self.heading), math.sin(self.heading)
        x = self.x + model.sensor_ahead * ahead_x - sideways * ahead_y
        y = self.y + model.sensor_ahead * ahead_y + sideways * ahead_x
        reach = self.field.line_width / 2 + model.sensor_radius - abs(self.field.offset(x, y))
        black = min(1.0, max(0.0, reach / (2 * model.sensor_radius)))
        if model.sensor_noise:
            black += self._chance.gauss(0.0, model.sensor_noise)
        return min(1.0, max(0.0, black))
