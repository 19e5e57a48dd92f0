"""The robot for children: the same names on every board. Touches no hardware until it is asked to."""

from kagalink import DRIVING, POSE_KNOWN, START, STOP, Link
from odometry import Odometry

PERIOD_MS = 20


class Robot:
    """A robot with two motors and two line eyes on a board; sends its telemetry by itself."""

    def __init__(self, board, number=1):
        self._board = board
        self._link = Link(number, board.serial_write)
        # A board that cannot count its wheels has no sizes to reckon with.
        sizes = getattr(board, "wheel_sizes", None)
        self._odometry = None if sizes is None else Odometry(*sizes)

    def drive(self, left, right):
        """Set the motors: -1 (full back) to 1 (full forward). Left is the robot's own left."""
        self._board.motors(_number(left, "left motor"), _number(right, "right motor"))

    def line(self):
        """(left, right) eye: 0 is white, 1 is black."""
        return self._board.line

    def encoders(self):
        """(left, right) wheel: counts since the start, forward positive."""
        return self._board.encoders

    def time_ms(self):
        """Milliseconds since the start."""
        return self._board.time_ms

    def wait(self, seconds):
        """Go on with what the motors do for some seconds."""
        ms = round(seconds * 1000)
        while ms > 0:
            self._board.wait_ms(min(PERIOD_MS, ms))
            ms -= PERIOD_MS
            self._send()

    def stop(self):
        """Stop both motors."""
        self._board.motors(0.0, 0.0)

    def follow(self, step, seconds=None):
        """Call step(left, right) -> (left motor, right motor) every 20 ms, for `seconds` or until stopped."""
        self._link.send_event(self.time_ms(), START)
        self.wait(PERIOD_MS / 1000)
        end = None if seconds is None else self.time_ms() + seconds * 1000
        while end is None or self.time_ms() < end:
            left, right = self.line()
            answer = step(left, right)
            if not isinstance(answer, (tuple, list)) or len(answer) != 2:
                raise ValueError("step: expected two motor values, got " + repr(answer) + "; is return missing?")
            self.drive(answer[0], answer[1])
            self.wait(PERIOD_MS / 1000)
        self.stop()
        self._link.send_event(self.time_ms(), STOP)

    def _send(self):
        board = self._board
        left, right = board.line
        pose = None
        if self._odometry is not None:
            self._odometry.update(*board.encoders)
            pose = self._odometry.pose()
        x, y, heading = pose or (0, 0, 0)
        self._link.send_telemetry(
            board.time_ms, board.battery_mv, board.encoders[0], board.encoders[1],
            round(left * 1000), round(right * 1000), round(board.left * 1000), round(board.right * 1000),
            x, y, heading, DRIVING, 0 if pose is None else POSE_KNOWN,
        )
        self._link.flush()
        self._link.feed(board.serial_read())


def _number(value, name):
    if not isinstance(value, (int, float)) or value != value:
        raise ValueError(name + ": expected a number from -1 to 1, got " + repr(value))
    return value
