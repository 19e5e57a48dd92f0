"""What came on a serial line, byte for byte with arrival times, in files of bounded size and number.

A capture is evidence and a source of replays: it is written before anything is decoded. The operating system has a
record once `write` returns, so that it survives the server being killed; only a power cut can cost the last seconds.
"""

import errno
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

# 50 frames of 40 bytes a second fill a file in about an hour; a line keeps two days of that.
MAX_FILE_BYTES = 8_000_000
MAX_FILES = 48
# The line of one run's virtual robot, written by a program nobody vouches for: over ten times an honest run.
MAX_RUN_BYTES = 8_000_000
_RECORD = struct.Struct("<QI")  # arrival in nanoseconds of the wall clock, length


class Capture:
    """One line's capture: `folder/NAME-000001.cap` and on; the oldest goes when there are too many.

    With `max_bytes` it is full after so many instead: what came first stays, and no other capture goes for it.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        max_file_bytes: int = MAX_FILE_BYTES,
        max_files: int = MAX_FILES,
        max_bytes: int | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._name = folder, re.sub(r"[^0-9A-Za-z]+", "-", name).strip("-")[-60:] or "line"
        self._max_file_bytes, self._max_files = max_file_bytes, max_files
        found = self.files()
        self._left = None if max_bytes is None else max_bytes - sum(file.stat().st_size for file in found)
        self._number = int(found[-1].stem.rpartition("-")[2]) if found else 0
        self._file: BinaryIO | None = None

    def files(self) -> list[Path]:
        """This line's files, the oldest first."""
        return sorted(self._folder.glob(f"{self._name}-{'[0-9]' * 6}.cap"))

    def write(self, at_ns: int, data: bytes) -> None:
        """Keep bytes that arrived at `at_ns`. Raises OSError when they cannot be kept."""
        if self._left is not None:
            if self._left < _RECORD.size + len(data):
                self._left = 0  # no gap: after the first that is too much nothing more is kept
                raise OSError(errno.EDQUOT, "this capture is full")
            self._left -= _RECORD.size + len(data)
        if self._file is None or self._file.tell() >= self._max_file_bytes:
            self._next_file()
        assert self._file is not None
        self._file.write(_RECORD.pack(at_ns, len(data)) + data)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _next_file(self) -> None:
        self.close()
        self._number += 1
        self._file = (self._folder / f"{self._name}-{self._number:06}.cap").open("xb", buffering=0)
        for old in self.files()[: -self._max_files]:
            old.unlink()


def read(file: Path) -> Iterator[tuple[int, bytes]]:
    """(arrival in ns, bytes) of a capture's file, in order; a record cut off by a crash ends it."""
    with file.open("rb") as stream:
        while len(header := stream.read(_RECORD.size)) == _RECORD.size:
            at_ns, length = _RECORD.unpack(header)
            data = stream.read(length)
            if len(data) < length:
                return
            yield at_ns, data
