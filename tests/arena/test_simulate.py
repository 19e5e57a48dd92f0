"""Programs on the simulated robot: real MicroPython, real sandbox."""

import json
import math
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner

from console.main import main
from robolev.arena import box
from robolev.arena.field import Oval
from robolev.arena.robot import RobotModel
from robolev.arena.simulate import SimulationError, simulate
from robolev.link.frames import Decoder, Frame
from robolev.link.messages import Event, Telemetry, parse

ROOT = Path(__file__).parents[2]
PROGRAM = (ROOT / "firmware" / "programs" / "line_following.py").read_text(encoding="utf-8")
ON_OFF = "def step(left, right):\n    return (0.2, 0.6) if left > right else (0.6, 0.2)\n"


def step(body: str) -> str:
    return f"def step(left, right):\n    {body}\n    return 0.1, 0.1\n"


def test_p_control_goes_round_smoothly_and_on_off_zigzags():
    smooth, zigzag = simulate(PROGRAM), simulate(ON_OFF)
    assert smooth.ended == zigzag.ended == "time_up"
    assert 20 < smooth.lap_s < 25 and smooth.max_offset < 0.005
    assert zigzag.wobble > 10 * smooth.wobble


@pytest.mark.parametrize("model", [RobotModel(sensor_noise=0.03, start_offset=0.01), RobotModel(gain_right=0.93)])
def test_a_noisy_or_crooked_robot_still_goes_round(model):
    run = simulate(PROGRAM, model=model)
    assert run.lap_s is not None and run.max_offset < 0.05


@pytest.mark.parametrize(
    "program",
    [
        PROGRAM.replace("left - right", "right - left"),
        PROGRAM.replace("KP = 0.25", "KP = 0"),
        PROGRAM.replace("BASE = 0.4", "BASE = 0.05"),
        PROGRAM.replace("KP = 0.25", "KP = 0.02").replace("BASE = 0.4", "BASE = 0.8"),
    ],
    ids=["sign flipped", "no steering", "too slow", "too weak"],
)
def test_wrong_programs_make_no_lap(program):
    assert simulate(program).lap_s is None


def test_same_seed_same_run_other_seed_other_run():
    noisy = RobotModel(sensor_noise=0.03)
    first, again, other = (simulate(PROGRAM, 10, seed, noisy) for seed in (1, 1, 2))
    assert first.digest == again.digest != other.digest


def test_the_telemetry_of_the_run_is_on_the_link():
    run = simulate(PROGRAM, seconds=10)
    items = Decoder().feed(run.telemetry)
    assert all(isinstance(item, Frame) for item in items)
    messages = [parse(item.body) for item in items]
    telemetry = [m for m in messages if isinstance(m, Telemetry)]
    assert [m.seq for m in telemetry] == list(range(len(telemetry))) and len(telemetry) >= len(run.samples) - 1
    assert [m.robot_time_ms for m in telemetry] == [s.t_ms for s in run.samples][: len(telemetry)]
    assert {m.kind for m in messages if isinstance(m, Event)} == {1}
    sample, told = run.samples[len(telemetry) - 1], telemetry[-1]
    x, y, _ = run.field.start()
    assert told.pose_known and (told.x_mm / 1000, told.y_mm / 1000) == pytest.approx(
        (sample.x - x, sample.y - y), abs=0.01
    )
    assert math.cos(math.radians(told.heading / 100) - sample.heading) > 0.999
    assert (told.motor_left / 1000, told.motor_right / 1000) == pytest.approx((sample.left, sample.right), abs=0.001)


@pytest.mark.parametrize(
    ("program", "ended", "says"),
    [
        (step("while True: pass"), "stuck", ""),
        (step("while True: print('x' * 1000)"), "stuck", "xxx"),
        (step("return None"), "crashed", "is return missing"),
        (step("return float('nan'), 0"), "crashed", "left motor: expected a number"),
        (step("return '1', 0"), "crashed", "left motor: expected a number"),
        (step("1 / 0"), "crashed", "ZeroDivisionError"),
        (step("bytearray(10**9)"), "crashed", "MemoryError"),
        (step("raise SystemExit"), "crashed", ""),
        ("def step(", "crashed", "SyntaxError"),
        ("x = 1", "crashed", "found neither"),
        ("def main(robot):\n    robot.drive(1, 1)\n    robot.wait(1)\n    robot.stop()", "finished", ""),
        ("print（1）", "crashed", "NameError"),
        (
            "import time\ndef main(robot):\n    robot._board.finished()\n"
            "    while True:\n        print('x')\n        time.sleep(0.03)",
            "finished",
            "x",
        ),
    ],
)
def test_every_end_has_a_name_and_a_reason(program, ended, says):
    run = simulate(program, seconds=5)
    assert run.ended == ended and says in run.printed, run.printed
    assert len(run.printed) <= 2_000_000


def test_a_program_that_asks_and_never_reads_is_stuck():
    ask = "robot._board._ask.write(struct.pack('<hhI', 9, 9, 0))"
    program = f"import struct\ndef main(robot):\n    while True:\n        {ask}\n"
    assert simulate(program, seconds=600).ended == "stuck"


@pytest.mark.parametrize(
    ("attack", "refused"),
    [
        ("open('/etc/passwd')", "ENOENT"),
        ("open('/firmware/lib/robot.py', 'w')", "OSError: 30"),
        ("import os; os.listdir('/home')", "ENOENT"),
        ("import socket; socket.socket().connect(socket.getaddrinfo('127.0.0.1', 22)[0][-1])", "ECONNREFUSED"),
        ("import os; print(os.getenv('PATH')); 1 / 0", "None"),
        ("import os; print('rc', os.system('/bin/ls')); 1 / 0", r"rc \d{3,}"),
    ],
)
def test_a_program_reaches_nothing_but_its_robot(attack, refused):
    run = simulate(step(attack), seconds=5)
    assert run.ended == "crashed" and re.search(refused, run.printed), run.printed


def test_without_the_sandbox_nothing_runs(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(box.SandboxMissing, match="apt-get install bubblewrap"):
        simulate(PROGRAM, seconds=1)


@pytest.mark.parametrize(("program", "seconds"), [("", 1), ("#" * 100_001, 1), (PROGRAM, 0), (PROGRAM, 601)])
def test_impossible_requests_are_refused(program, seconds):
    with pytest.raises(SimulationError, match="expected"):
        simulate(program, seconds=seconds)


def test_the_ovals_geometry():
    oval = Oval()
    x, y, _ = oval.start()
    assert oval.along(x, y) == pytest.approx(0) and oval.offset(x, y) == pytest.approx(0)
    places = []
    for part in range(200):
        turn = 2 * math.pi * part / 200 - math.pi / 2
        centre = math.copysign(oval.straight / 2, math.cos(turn)) if abs(math.cos(turn)) > 1e-9 else 0.0
        px, py = centre + oval.radius * math.cos(turn), oval.radius * math.sin(turn)
        assert oval.offset(px, py) == pytest.approx(0, abs=1e-9)
        places.append(oval.along(px, py))
    assert places == sorted(places) and places[-1] < oval.length


def test_the_command_prints_and_draws(tmp_path):
    program, picture = tmp_path / "ライン.py", tmp_path / "run.svg"
    program.write_text(PROGRAM, encoding="utf-8")
    result = CliRunner().invoke(main, ["robot", "sim", str(program), "--seconds", "30", "--picture", str(picture)])
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["lap_s"] > 20
    root = ET.fromstring(picture.read_text(encoding="utf-8"))
    (path,) = root.iter("{http://www.w3.org/2000/svg}polyline")
    assert len(path.attrib["points"].split()) == 1500
