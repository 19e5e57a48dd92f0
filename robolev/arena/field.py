"""Fields as geometry: how far a point is from the line, and where along it."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Oval:
    """A closed line of two straights and two half circles, centred on the origin; all lengths in metres.

    Widths and radii are those of Line Following ES and MS (rules 3.1): line 12.5 mm, radius at least 15 cm.
    `along` counts from the middle of the lower straight, in the direction of +x there (anticlockwise).
    """

    straight: float = 0.6
    radius: float = 0.38
    line_width: float = 0.0125

    @property
    def length(self) -> float:
        """One lap in metres."""
        return 2 * self.straight + 2 * math.pi * self.radius

    def start(self) -> tuple[float, float, float]:
        """x, y, heading (radians, anticlockwise from +x) of the start."""
        return 0.0, -self.radius, 0.0

    def offset(self, x: float, y: float) -> float:
        """Signed distance to the line in metres: positive inside the oval, that is left of the driving direction."""
        half = self.straight / 2
        beyond = max(0.0, abs(x) - half)
        return self.radius - math.hypot(beyond, y)

    def along(self, x: float, y: float) -> float:
        """Where along the line the nearest point is, 0 to `length` metres."""
        half, arc = self.straight / 2, math.pi * self.radius
        if abs(x) <= half:
            place = x if y < 0 else half + arc + (half - x)
        else:
            turn = math.atan2(y, x - half) if x > 0 else math.atan2(-y, -half - x)
            place = (half if x > 0 else 3 * half + arc) + (turn + math.pi / 2) * self.radius
        return place % self.length
