"""Captures and telemetry files: bounded, and readable after a crash in the middle of a record."""

import pytest

from robolev.store import captures, telemetry
from robolev.store.captures import Capture
from robolev.store.telemetry import TelemetryFiles


def test_captures_rotate_and_keep_only_the_newest_files(tmp_path):
    line = Capture(tmp_path, "../tty USB0", max_file_bytes=100, max_files=3)
    for number in range(20):
        line.write(number, bytes([number]) * 40)
    line.close()
    files = line.files()
    assert len(files) == 3 and all(file.parent == tmp_path for file in files)
    kept = [at for file in files for at, _data in captures.read(file)]
    assert kept == list(range(20 - len(kept), 20))
    again = Capture(tmp_path, "../tty USB0", max_file_bytes=100, max_files=3)
    again.write(99, b"x")
    again.close()
    assert again.files()[-1].name > files[-1].name, "a new start never writes into an old file"


def test_a_runs_capture_is_full_and_keeps_what_came_first(tmp_path):
    other = Capture(tmp_path, "virtual-robot-b")
    other.write(1, b"evidence")
    other.close()
    line = Capture(tmp_path, "virtual-robot-a", max_file_bytes=100, max_bytes=200)
    for number in range(3):
        line.write(number, b"x" * 50)
    for data in (b"x" * 50, b"y"):
        with pytest.raises(OSError, match="full"):
            line.write(9, data)
    line.close()
    assert [at for file in line.files() for at, _data in captures.read(file)] == [0, 1, 2]
    assert list(captures.read(other.files()[0])) == [(1, b"evidence")]
    again = Capture(tmp_path, "virtual-robot-a", max_bytes=200)
    with pytest.raises(OSError, match="full"):
        again.write(9, b"x" * 50)


def test_a_record_cut_off_by_a_crash_ends_the_capture(tmp_path):
    line = Capture(tmp_path, "a")
    line.write(1, b"whole")
    line.write(2, b"cut off")
    line.close()
    (file,) = line.files()
    file.write_bytes(file.read_bytes()[:-3])
    assert list(captures.read(file)) == [(1, b"whole")]


def test_half_a_row_is_passed_over_and_the_next_row_is_whole(tmp_path):
    first = TelemetryFiles(tmp_path)
    first.append("r-1/../x", [1, None])
    first.close()
    (file,) = tmp_path.iterdir()
    with file.open("a") as stream:
        stream.write("[2, 0.")
    second = TelemetryFiles(tmp_path)
    second.append("r-1/../x", [3, 0.5])
    second.close()
    third = TelemetryFiles(tmp_path)
    assert third.rows("r-1/../x") == [[1, None], [3, 0.5]] and third.rows("other") == []
    assert third.rows("r-1/../x", after=1) == [[3, 0.5]]
    third.close()


def test_a_forgotten_robot_fills_no_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(telemetry, "MAX_ROWS", 5)
    monkeypatch.setattr(telemetry, "MAX_OPEN", 2)
    files = TelemetryFiles(tmp_path)
    for number in range(40):
        files.append(f"r{number % 4}", [number])
    assert files.rows("r1") == [[1], [5], [9], [13], [17]]
    files.close()
