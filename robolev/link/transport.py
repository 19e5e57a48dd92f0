"""The only file that opens ports: reads a serial device and hands (arrival time, bytes) to a sink."""

import threading
import time
from collections.abc import Callable

import serial

Sink = Callable[[int, bytes], None]
Report = Callable[[str], None]


class SerialReader(threading.Thread):
    """Drains a serial port for ever, in a thread of its own; opens it again after it was unplugged.

    `sink` gets the server's monotonic time in nanoseconds and the bytes; `report` gets `connected`, `unplugged`,
    `busy_or_forbidden` or `absent`, once per change. Always drained: an open port that nobody reads can stop a robot.
    """

    def __init__(self, port: str, sink: Sink, report: Report, baud: int = 115200, retry_s: float = 0.2) -> None:
        super().__init__(name=f"serial {port}", daemon=True)
        self._port, self._sink, self._report, self._baud, self._retry_s = port, sink, report, baud, retry_s
        self._stop_wanted = threading.Event()
        self._last = ""
        self._device: serial.Serial | None = None

    def run(self) -> None:
        while not self._stop_wanted.is_set():
            try:
                with serial.Serial(self._port, self._baud, timeout=0.1, write_timeout=0.5, exclusive=True) as device:
                    self._device = device
                    self._tell("connected")
                    self._drain(device)
            except (serial.SerialException, OSError) as problem:
                self._device = None
                self._tell(self._why(problem))
                self._stop_wanted.wait(self._retry_s)

    def write(self, data: bytes) -> None:
        """Send bytes; called from the sink. A line that was just lost swallows them: the peer will ask again."""
        if self._device is not None:
            self._device.write(data)

    def stop(self) -> None:
        """End the thread and close the port; returns when both are done."""
        self._stop_wanted.set()
        self.join()

    def _drain(self, device: serial.Serial) -> None:
        while not self._stop_wanted.is_set():
            data = device.read(max(1, device.in_waiting))
            if data:
                self._sink(time.monotonic_ns(), data)

    def _why(self, problem: Exception) -> str:
        if self._last == "connected":
            return "unplugged"
        return "absent" if getattr(problem, "errno", None) == 2 else "busy_or_forbidden"

    def _tell(self, state: str) -> None:
        if state != self._last and not (state == "absent" and self._last == "unplugged"):
            self._last = state
            self._report(state)
