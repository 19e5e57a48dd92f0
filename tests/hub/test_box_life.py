"""How boxes begin, go on without the hub, and end; nothing is ever left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from box_machine import BoxMachine
from classroom_machine import free_port
from kernel import Kernel

from hub.box import launcher
from hub.box.command import ROOT
from hub.box.order import Order
from hub.box.record import Record, all_records, read, record_path, start_time


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BoxMachine]:
    machine = BoxMachine(tmp_path_factory.mktemp("data"))
    try:
        machine.start()
        yield machine
    finally:
        machine.end()


def processes(pid: int) -> dict[int, int | None]:
    """`pid` and all that came from it, each with its start time."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(folder.name)] = int((folder / "stat").read_bytes().rpartition(b")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {one: start_time(one) for one in found}


def gone(seen: dict[int, int | None]) -> bool:
    return all(start_time(pid) != began for pid, began in seen.items())


def box(machine: BoxMachine, name: str) -> Record:
    record = read(record_path(machine.folder, name))
    assert record is not None and record.alive and record.state == "ready"
    return record


def stop(machine: BoxMachine, name: str) -> None:
    machine.hub_api("DELETE", f"users/{name}/server")
    machine.until(lambda: not machine.server(name), 30, f"{name} stops")


def test_stopping_leaves_the_home_and_nothing_else(machine: BoxMachine) -> None:
    machine.spawn("yuta")
    kernel = Kernel(machine, "yuta")
    escape = "import subprocess; subprocess.Popen('setsid sleep 600 & setsid sleep 600', shell=True)\n"
    assert kernel.run(escape + "open('mine.txt', 'w').write('ok'); print('ok')") == "ok\n"
    record = box(machine, "yuta")
    seen = processes(record.pid)
    assert len(seen) > 6
    stop(machine, "yuta")
    assert gone(seen) and not Path(record.runtime).exists() and not record_path(machine.folder, "yuta").exists()
    assert not any(Path(group).exists() for group in record.groups)
    assert (machine.folder / "homes/yuta/mine.txt").read_text() == "ok"


def test_servers_outlive_a_killed_hub_and_are_taken_up_again(machine: BoxMachine) -> None:
    machine.spawn("yuta")
    kernel = Kernel(machine, "yuta")
    assert kernel.run("kept = 42") == ""
    record = box(machine, "yuta")
    machine.hub_process.kill()
    machine.hub_process.wait(10)
    assert kernel.run("print(kept)") == "42\n"
    machine.start_hub()
    machine.until(lambda: machine.server("yuta").get("ready"), 30, "yuta is taken up")
    assert box(machine, "yuta") == record and kernel.run("print(kept)") == "42\n"
    seen = processes(record.pid)
    stop(machine, "yuta")
    assert gone(seen)


def test_a_killed_launcher_takes_its_box_along_and_the_next_start_cleans_up(machine: BoxMachine) -> None:
    machine.spawn("yuta")
    record = box(machine, "yuta")
    seen = processes(record.pid)
    os.kill(record.pid, signal.SIGKILL)
    machine.until(lambda: gone(seen), 10, "the box ends")
    assert Path(record.runtime).exists()
    machine.hub_api("DELETE", "users/yuta/server")
    machine.spawn("yuta")
    assert not Path(record.runtime).exists() and box(machine, "yuta").pid != record.pid


def test_end_all_ends_every_box(machine: BoxMachine) -> None:
    running = [record for record in all_records(machine.folder) if record.alive]
    assert [record.name for record in running] == ["yuta"]  # of the test before
    seen = processes(running[0].pid)
    assert launcher.end_all(machine.folder) == 1
    assert gone(seen) and not list((machine.folder / "boxes").iterdir())
    assert launcher.end_all(machine.folder) == 0


def test_a_server_that_ends_at_once_is_told_at_once(machine: BoxMachine) -> None:
    machine.hub_api("POST", "users/kowareta")
    answer = machine.hub_api("POST", "users/kowareta/server")
    assert answer.status == 500
    told = answer.json["message"]
    assert "先生に知らせてください" in told and "exit status 1" in told and "Try again" in told
    assert machine.server("kowareta") == {} and not record_path(machine.folder, "kowareta").exists()
    (machine.folder / "homes" / "hana2").write_text("not a folder")
    machine.hub_api("POST", "users/hana2")
    assert "フォルダを使えません" in machine.hub_api("POST", "users/hana2/server").json["message"]


def test_a_process_id_used_again_is_not_ours() -> None:
    began = start_time(os.getpid())
    assert began is not None
    ours = Record("x", os.getpid(), began)
    assert ours.alive and not replace(ours, started=began + 1).alive
    assert not replace(ours, started=began + 1).signal(signal.SIGKILL)


@pytest.fixture
def order(tmp_path: Path) -> Order:
    (tmp_path / "home").mkdir()
    return Order("x", str(tmp_path), str(tmp_path / "home"), "student", free_port(), [free_port()], ["true"], "")


def launch(order: Order, path: str, *before: str) -> str:
    """The reason a launcher gives for not starting."""
    command = [*before, sys.executable, "-P", "-m", "hub.box.launcher"]
    environment = {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, input=order.to_json(), text=True, env=environment, capture_output=True)
    record = read(record_path(Path(order.data), order.name))
    assert done.returncode == 1 and record is not None and record.state == "failed", done.stderr
    return record.why


def test_without_bubblewrap_no_server_starts(order: Order) -> None:
    assert "apt-get install bubblewrap" in launch(order, "/nonexistent")


def test_without_user_namespaces_no_server_starts(order: Order) -> None:
    # A machine that forbids them: a box in which no other can be made.
    bwrap = shutil.which("bwrap")
    assert bwrap is not None
    forbidding = [bwrap, "--dev-bind", "/", "/", "--unshare-user", "--disable-userns", "--die-with-parent", "--"]
    why = launch(order, os.environ["PATH"], *forbidding)
    assert "user namespaces are forbidden" in why and "AppArmor" in why


def test_a_taken_port_is_said(order: Order) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert str(port) in launch(replace(order, port=port), os.environ["PATH"])
