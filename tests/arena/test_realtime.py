"""A virtual robot in real time: real MicroPython, real pseudo-terminals, real pyserial at the other end."""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import serial
from click.testing import CliRunner

from console.main import main
from robolev.arena.practice import GATES
from robolev.arena.realtime import Order, VirtualRobot
from robolev.link.frames import Decoder, Frame, encode
from robolev.link.messages import PLACES, Ack, Event, Telemetry, pack, parse

ROOT = Path(__file__).parents[2]
PROGRAM = (ROOT / "firmware" / "programs" / "line_following.py").read_text(encoding="utf-8")
FAST = PROGRAM.replace("BASE = 0.4", "BASE = 0.9").replace("KP = 0.25", "KP = 0.6")


class Process:
    """The process a server starts, with both lines opened by pyserial."""

    def __init__(self, folder, program, **more):
        file = folder / "p.py"
        file.write_text(program, encoding="utf-8")
        order = {"file": str(file), "robot": 60000, "sensor": 60001, "seconds": 20, **more}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "robolev.arena.realtime", json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.ready = json.loads(self.process.stdout.readline())
        self.lines = {name: serial.Serial(self.ready[name], timeout=0) for name in ("robot", "sensor")}
        self.decoders = {name: Decoder() for name in self.lines}
        self.got = {name: [] for name in self.lines}

    def listen(self, seconds, acknowledge=True, until=lambda: False):
        end = time.monotonic() + seconds
        while time.monotonic() < end and not until():
            select.select(self.lines.values(), [], [], 0.05)
            for name, line in self.lines.items():
                for item in self.decoders[name].feed(line.read(4096)):
                    assert isinstance(item, Frame), item
                    message = parse(item.body)
                    self.got[name].append(message)
                    if isinstance(message, Event) and acknowledge:
                        line.write(encode(pack(Ack(message.robot, message.counter))))

    def places(self):
        return list(dict.fromkeys(PLACES[m.value] for m in self.got["sensor"] if isinstance(m, Event)))

    def end(self):
        for line in self.lines.values():
            line.close()
        self.process.stdin.close()
        try:
            return self.process.wait(10)
        finally:
            self.process.kill()
            self.process.stdout.close()


@pytest.fixture
def start(tmp_path):
    made = []

    def make(program, **more):
        made.append(Process(tmp_path, program, **more))
        return made[-1]

    yield make
    for process in made:
        process.end()


def test_a_lap_passes_every_gate_and_events_stop_once_acknowledged(start):
    robot = start(FAST, pace=2)
    robot.listen(20, until=lambda: len(robot.places()) == len(GATES))
    assert robot.places() == [gate.place for gate in GATES] and "ball_delivered" not in robot.places()
    began = [m for m in robot.got["robot"] if isinstance(m, Event)]
    assert {m.kind for m in began} == {1} and len(began) < 10, "the start is repeated only until its acknowledgement"
    telemetry = [m for m in robot.got["robot"] if isinstance(m, Telemetry)]
    assert [m.seq for m in telemetry] == list(range(len(telemetry))) and all(m.pose_known for m in telemetry)
    count = len(robot.got["sensor"])
    robot.listen(1)
    assert len(robot.got["sensor"]) == count


def test_the_arena_keeps_pace_with_the_wall_clock(start):
    began = time.monotonic()
    robot = start(PROGRAM)
    robot.listen(30, until=lambda: robot.got["robot"] and robot.got["robot"][-1].robot_time_ms > 2000)
    assert 2 < robot.got["robot"][-1].robot_time_ms / 1000 < time.monotonic() - began


@pytest.mark.parametrize(
    ("body", "why", "says"),
    [
        ("while True: pass", "stuck", ""),
        ("1 / 0", "crashed", "ZeroDivisionError"),
        ("while True: print('x' * 1000)", "stuck", "xxx"),
    ],
)
def test_a_bad_program_ends_with_its_reason_and_leaves_nobody(start, body, why, says):
    robot = start(f"def step(left, right):\n    {body}\n")
    ready = select.select([robot.process.stdout], [], [], 20)[0]
    ended = json.loads(robot.process.stdout.readline()) if ready else {}
    assert (ended.get("state"), ended.get("why")) == ("ended", why) and says in ended["printed"]
    assert len(ended["printed"]) <= 4000
    assert robot.end() == 0


NEVER_READS = """
import struct
def main(robot):
    while True:
        robot._board._ask.write(struct.pack("<hhI", 300, 300, 0))
"""


def test_a_program_that_asks_and_never_reads_is_stuck_and_leaves_nothing(start):
    before = set(Path(tempfile.gettempdir()).glob("tmp*/program.py"))
    robot = start(NEVER_READS, pace=200, seconds=600)
    robot.listen(30, until=lambda: select.select([robot.process.stdout], [], [], 0)[0])
    family = children(robot.process.pid)
    ended = json.loads(robot.process.stdout.readline())
    assert (ended["state"], ended["why"]) == ("ended", "stuck")
    assert robot.end() == 0
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
    assert set(Path(tempfile.gettempdir()).glob("tmp*/program.py")) <= before


def test_a_flood_on_the_line_is_cut_to_what_a_wire_carries(start):
    robot = start("def main(robot):\n    while True:\n        robot._board.serial_write(b'\\0' * 4000)\n")
    got, end = 0, time.monotonic() + 3
    while time.monotonic() < end:
        select.select([robot.lines["robot"]], [], [], 0.05)
        got += len(robot.lines["robot"].read(65536))
    assert 0 < got <= 4096 + 11_520 * 4


def children(pid):
    found = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    pairs = [tuple(map(int, line.split())) for line in found.splitlines()]
    below, new = set(), {pid}
    while new:
        below |= new
        new = {child for child, parent in pairs if parent in new} - below
    return below - {pid}


@pytest.mark.parametrize("how", ["parent gone", "killed"])
def test_no_orphan_is_left(start, how):
    before = set(Path(tempfile.gettempdir()).glob("tmp*/program.py"))
    robot = start(PROGRAM)
    robot.listen(5, until=lambda: len(robot.got["robot"]) > 5)
    family = children(robot.process.pid)
    assert family
    if how == "killed":
        robot.process.kill()
    else:
        robot.process.stdin.close()
    end = time.monotonic() + 10
    while time.monotonic() < end and any(Path(f"/proc/{pid}").exists() for pid in family):
        time.sleep(0.05)
    assert not [pid for pid in family if Path(f"/proc/{pid}").exists()]
    assert set(Path(tempfile.gettempdir()).glob("tmp*/program.py")) <= before


def test_without_a_reader_the_robot_still_finishes_and_links_go_away(tmp_path):
    told, links = [], (tmp_path / "robot", tmp_path / "sensor")
    program = "def main(robot):\n    robot.drive(1, 1)\n    robot.wait(3)\n"

    def tell(state):
        told.append({**state, "linked": [os.path.islink(link) for link in links]})

    assert VirtualRobot(Order(program, 60000, 60001, 10, pace=4, links=links), tell).run() == "finished"
    assert [t["state"] for t in told] == ["ready", "ended"] and told[0]["linked"] == [True, True]
    assert not any(os.path.islink(link) for link in links)


def test_the_command_says_where_the_line_is_and_how_it_ended(tmp_path):
    program, link = tmp_path / "p.py", tmp_path / "line"
    program.write_text("def main(robot):\n    robot.drive(1, 1)\n    robot.wait(0.2)\n", encoding="utf-8")
    result = CliRunner().invoke(main, ["robot", "virtual", str(program), "--robot", "9", "--link", str(link)])
    ready, ended = map(json.loads, result.stdout.splitlines())
    assert result.exit_code == 0 and ready["robot"].startswith("/dev/") and ended["why"] == "finished"
    link.write_text("")
    refused = CliRunner().invoke(main, ["robot", "virtual", str(program), "--link", str(link)])
    assert refused.exit_code == 2 and refused.stderr.startswith("link_exists") and link.exists()
