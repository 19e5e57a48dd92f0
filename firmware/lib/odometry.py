"""Where the robot is by its own wheels. Valid MicroPython; touches no hardware."""

import math


class Odometry:
    """The pose since the start: `x_mm` ahead, `y_mm` to the left, `heading` in radians anticlockwise.

    Wheels slip, so the error grows with the way.
    """

    def __init__(self, counts_per_metre, wheel_distance_mm):
        self._mm = 1000 / counts_per_metre
        self._apart = wheel_distance_mm
        self._left = self._right = 0
        self.x_mm = self.y_mm = self.heading = 0.0

    def update(self, left, right):
        """Take in the encoder counts of both wheels."""
        gone_left = (left - self._left) * self._mm
        gone_right = (right - self._right) * self._mm
        self._left, self._right = left, right
        turn = (gone_right - gone_left) / self._apart
        middle = self.heading + turn / 2
        self.x_mm += (gone_left + gone_right) / 2 * math.cos(middle)
        self.y_mm += (gone_left + gone_right) / 2 * math.sin(middle)
        self.heading = (self.heading + turn + math.pi) % (2 * math.pi) - math.pi

    def pose(self):
        """(x_mm, y_mm, heading in hundredths of a degree), or None once it no longer fits a message (32 m)."""
        x, y = round(self.x_mm), round(self.y_mm)
        if abs(x) > 32767 or abs(y) > 32767:
            return None
        return x, y, round(math.degrees(self.heading) * 100)
