"""The telemetry of each run, one append-only file a run.

Not rebuilt from captures: those are thrown away after a while, and only when a frame comes is it known whose it is.
A row is on disk when `append` returns; a row cut off by a crash is passed over when reading.
"""

import hashlib
import json
import threading
from pathlib import Path
from typing import Any, TextIO

# Ten minutes at 50 Hz, over three times the longest run; beyond that a robot was forgotten on the field.
MAX_ROWS = 30_000
MAX_OPEN = 64


class TelemetryFiles:
    """Rows of any JSON values per run, in `folder`. Safe to call from several threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._open: dict[str, TextIO] = {}
        self._rows: dict[str, list[list[Any]]] = {}
        self._lock = threading.Lock()

    def append(self, run_id: str, row: list[Any]) -> None:
        """Keep one row; beyond MAX_ROWS of a run nothing is kept. Raises OSError."""
        with self._lock:
            rows = self._of(run_id)
            if len(rows) >= MAX_ROWS:
                return
            if run_id not in self._open:
                if len(self._open) >= MAX_OPEN:
                    self._close_one()
                stream = self._path(run_id).open("a", encoding="utf-8", buffering=1)
                if stream.tell() == 0:
                    stream.write(json.dumps({"run": run_id}) + "\n")
                else:
                    stream.write("\n")  # after a crash the last line may be half a row
                self._open[run_id] = stream
            self._open[run_id].write(json.dumps(row) + "\n")
            rows.append(row)

    def rows(self, run_id: str, after: int = 0) -> list[list[Any]]:
        """A run's rows in order from number `after` on; empty when there are none."""
        with self._lock:
            return self._of(run_id)[after:]

    def close(self) -> None:
        with self._lock:
            while self._open:
                self._close_one()

    def _close_one(self) -> None:
        run_id = next(iter(self._open))
        self._open.pop(run_id).close()
        self._rows.pop(run_id, None)

    def _of(self, run_id: str) -> list[list[Any]]:
        if run_id in self._rows:
            return self._rows[run_id]
        rows: list[list[Any]] = []
        path = self._path(run_id)
        if path.exists():
            with path.open(encoding="utf-8", errors="replace") as stream:
                next(stream, None)
                for line in stream:
                    try:
                        row = json.loads(line)
                    except ValueError:
                        continue
                    if isinstance(row, list):
                        rows.append(row)
        if len(self._rows) >= 2 * MAX_OPEN:
            self._rows = {name: kept for name, kept in self._rows.items() if name in self._open}
        self._rows[run_id] = rows
        return rows

    def _path(self, run_id: str) -> Path:
        return self._folder / f"{file_name(run_id)}.jsonl"


def file_name(run_id: str) -> str:
    """A run's name in files' names: its id comes from outside and may hold anything."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:32]
