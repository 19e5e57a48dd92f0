"""The simulator inside a box: the same run, and never outside of one."""

from pathlib import Path

import pytest

from robolev.arena import box
from robolev.arena.robot import RobotModel
from robolev.arena.simulate import simulate

ROOT = Path(__file__).parents[2]
PROGRAM = (ROOT / "firmware" / "programs" / "line_following.py").read_text(encoding="utf-8")


def test_a_run_in_a_box_is_the_same_to_the_last_bit(monkeypatch):
    monkeypatch.setenv("KAGA_BOX", "1")
    model = RobotModel(sensor_noise=0.03)
    boxed, sandboxed = (simulate(PROGRAM, 10, 3, model, boxed=choice) for choice in (True, False))
    assert boxed.digest == sandboxed.digest and boxed.samples


def test_a_boxed_program_gets_no_environment_and_the_same_limits(monkeypatch):
    monkeypatch.setenv("KAGA_BOX", "1")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    ask = "import os\ndef main(robot):\n    print(os.getenv('JUPYTERHUB_API_TOKEN'))\n    bytearray(10**9)\n"
    run = simulate(ask, 1, boxed=True)
    assert run.ended == "crashed" and "None" in run.printed and "MemoryError" in run.printed


@pytest.mark.parametrize("value", [None, "", "0", "yes"])
def test_outside_a_box_nothing_runs_unsandboxed(monkeypatch, value):
    monkeypatch.delenv("KAGA_BOX", raising=False)
    if value is not None:
        monkeypatch.setenv("KAGA_BOX", value)
    with pytest.raises(box.SandboxMissing, match="expected to be in a box"):
        simulate(PROGRAM, 1, boxed=True)
    assert Path(box.command(ROOT / "firmware", Path("program.py"), [])[0]).name == "bwrap"
