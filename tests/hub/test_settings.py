"""The hub's settings: what cannot be used is one line with a stable code, and programs end with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hub.settings import BadSetting, Settings

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / "hub" / "jupyterhub_config.py")


@pytest.mark.parametrize(
    ("name", "value"),
    [("KAGA_PORT", "0"), ("KAGA_HUB_PORT", "８０８１"), ("KAGA_CLASSROOM_PORT", "65536"), ("KAGA_HTTPS", "yes"),
     ("KAGA_START_SECONDS", "-1"), ("KAGA_CLASSROOM_URL", "classroom:8101"), ("KAGA_CLASSROOM_URL", "http://")],
)  # fmt: skip
def test_what_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSetting, match=f"expected {name} .*, got .*Do: ") as told:
        Settings.from_environment()
    assert told.value.code == "bad_setting"


def test_the_classroom_is_asked_where_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGA_CLASSROOM_PORT", "9101")
    monkeypatch.setenv("KAGA_CLASSROOM_URL", "")
    assert Settings.from_environment().classroom == "http://127.0.0.1:9101/services/classroom"
    monkeypatch.setenv("KAGA_CLASSROOM_URL", "http://classroom:8101/services/classroom/")
    assert Settings.from_environment().classroom == "http://classroom:8101/services/classroom"


@pytest.mark.parametrize("program", [["jupyterhub", "-f", CONFIG], ["hub.classroom.service"], ["hub.sync"]])
@pytest.mark.parametrize(("https", "code"), [("yes", "bad_setting"), ("0", "no_token")])
def test_a_program_ends_with_one_line(tmp_path: Path, program: list[str], https: str, code: str) -> None:
    env = os.environ | {"KAGA_DATA": str(tmp_path / "data"), "KAGA_HTTPS": https, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", *program], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1 and f": {code}: expected " in done.stderr.splitlines()[-1], done.stderr
    assert "Traceback" not in done.stderr
