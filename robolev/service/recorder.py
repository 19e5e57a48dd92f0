"""A run's telemetry as rows a notebook reads: robot messages in, the columns of the lessons out."""

import threading
from pathlib import Path
from typing import Any

from robolev.link.messages import Telemetry
from robolev.store.telemetry import TelemetryFiles

COLUMNS = (
    "t_ms",
    "x_mm",
    "y_mm",
    "heading_deg",
    "left",
    "right",
    "s_left",
    "s_right",
    "state",
    "event",
)


class Recorder:
    """Keeps telemetry per run. An event stands in the next row that comes after it."""

    def __init__(self, folder: Path) -> None:
        self._files = TelemetryFiles(folder)
        self._events: dict[str, list[str]] = {}
        self._lock = threading.Lock()

    def event(self, run_id: str, name: str) -> None:
        """Note what happened, once, for the next row."""
        with self._lock:
            waiting = self._events.setdefault(run_id, [])
            if len(waiting) < 20:
                waiting.append(name)

    def telemetry(self, run_id: str, message: Telemetry) -> None:
        """Keep one message. Raises OSError when it cannot be kept."""
        with self._lock:
            events = self._events.pop(run_id, [])
        pose: list[Any] = [None, None, None]
        if message.pose_known:
            pose = [message.x_mm, message.y_mm, message.heading / 100]
        motors = [message.motor_left / 1000, message.motor_right / 1000]
        eyes = [message.line_left / 1000, message.line_right / 1000]
        last = ["driving" if message.state else "waiting", " ".join(events)]
        self._files.append(run_id, [message.robot_time_ms, *pose, *motors, *eyes, *last])

    def rows(self, run_id: str) -> list[list[Any]]:
        """Rows in the order of COLUMNS; `t_ms` counts from the first, a pose that is not known is None.

        Motors are -1 to 1, eyes 0 (white) to 1 (black), the pose is mm and degrees from where the robot started.
        """
        rows = self._files.rows(run_id)
        return [[(row[0] - rows[0][0]) % 2**32, *row[1:]] for row in rows]

    def path(self, run_id: str, after: int = 0) -> list[tuple[float, float] | None]:
        """(x_mm, y_mm) of the rows from number `after` on, None where the robot could not tell."""
        return [None if row[1] is None else (row[1], row[2]) for row in self._files.rows(run_id, after)]

    def close(self) -> None:
        self._files.close()
