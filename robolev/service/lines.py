"""All serial lines of the venue: those given at the start and those of virtual robots, which come and go."""

import threading
from collections.abc import Mapping
from pathlib import Path

from robolev.service.gateway import STALE_S, Gateway
from robolev.service.recorder import Recorder
from robolev.service.tournament import Tournament
from robolev.store.captures import MAX_RUN_BYTES, Capture
from robolev.store.telemetry import file_name


class Lines:
    """Opens and closes lines, each with a capture in `folder`, and knows how long ago a robot was heard."""

    def __init__(self, tournament: Tournament, recorder: Recorder, folder: Path) -> None:
        self._tournament, self._recorder, self._folder = tournament, recorder, folder
        self._gateways: list[Gateway] = []
        self._lock = threading.Lock()

    def open(
        self,
        port: str,
        name: str,
        sensors: Mapping[int, str] | None = None,
        only: frozenset[int] | None = None,
        run_id: str | None = None,
    ) -> Gateway:
        """Start reading a port; `name` is the capture's, `sensors` and `only` as for Gateway.

        With `run_id` the line is that run's alone, and so is its capture, which is then bounded: whatever comes on the
        line costs no other run its evidence. Its name ends with the run's, as that of the run's telemetry.
        """
        if run_id is None:
            capture = Capture(self._folder, name)
        else:
            capture = Capture(self._folder, f"{name}-{file_name(run_id)}", max_bytes=MAX_RUN_BYTES)
        gateway = Gateway(port, self._tournament, self._recorder, capture, sensors, only)
        with self._lock:
            self._gateways.append(gateway)
        gateway.start()
        return gateway

    def close(self, gateway: Gateway) -> None:
        """Stop reading a port; returns when it is closed."""
        with self._lock:
            if gateway in self._gateways:
                self._gateways.remove(gateway)
        gateway.stop()

    def close_all(self) -> None:
        for gateway in self.all():
            self.close(gateway)

    def all(self) -> list[Gateway]:
        """The lines that are open now."""
        with self._lock:
            return list(self._gateways)

    def age_s(self, robot: int) -> float | None:
        """Seconds since the robot's last good frame on any line; None when there was none."""
        ages = [age for gateway in self.all() if (age := gateway.age_s(robot)) is not None]
        return min(ages, default=None)

    def hears(self, robot: int) -> bool:
        """Whether a good frame of this robot came within the last two seconds."""
        age = self.age_s(robot)
        return age is not None and age <= STALE_S
