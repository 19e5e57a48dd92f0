"""What stops a start: one line each, and nothing changed."""

import json
import socket
import stat

import pytest

from console.machine import CannotStart, Machine


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_the_folder_its_tokens_and_ports_are_made_once(tmp_path, port):
    machine = Machine.claim(tmp_path / "d", port)
    token = machine.token("classroom")
    file = tmp_path / "d" / "tokens" / "classroom"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600 and len(token) == 64
    assert stat.S_IMODE((tmp_path / "d").stat().st_mode) == 0o700
    assert len({port, *machine.inner.values()}) == 5
    environment = machine.environment()
    assert environment["KAGA_DATA"] == str(tmp_path / "d") and environment["KAGA_PORT"] == str(port)
    assert not any(token in value for value in environment.values())
    machine.close()
    again = Machine.claim(tmp_path / "d", port)
    assert again.token("classroom") == token
    again.close()


def test_a_second_start_on_the_same_folder_is_refused(tmp_path, port):
    machine = Machine.claim(tmp_path, port)
    with pytest.raises(CannotStart, match="in use by another") as refused:
        Machine.claim(tmp_path, port)
    assert refused.value.code == "already_running"
    machine.close()


def test_a_port_in_use_is_named_with_what_to_do(tmp_path, monkeypatch, port):
    with socket.create_server(("127.0.0.1", port)):
        with pytest.raises(CannotStart, match=f"port {port} is in use by another program. Do: ./kaga up --port N"):
            Machine.claim(tmp_path, port)
        monkeypatch.setenv("KAGA_HUB_PORT", str(port))
        with pytest.raises(CannotStart, match=f"KAGA_HUB_PORT: expected a free port, got {port}"):
            Machine.claim(tmp_path, port - 1 if port > 2000 else port + 1)


@pytest.mark.parametrize("bad", ["0", "65536", "eight", "８０００", ""])
def test_a_setting_that_is_no_port_is_refused(tmp_path, monkeypatch, port, bad):
    monkeypatch.setenv("KAGA_CLASSROOM_PORT", bad)
    with pytest.raises(CannotStart, match="KAGA_CLASSROOM_PORT: expected a port from 1 to 65535"):
        Machine.claim(tmp_path, port)


def test_a_taken_inner_port_is_replaced_by_a_free_one(tmp_path, port):
    first = Machine.claim(tmp_path / "a", port)
    taken = first.inner["hub"]
    with socket.create_server(("127.0.0.1", taken)):
        second = Machine.claim(tmp_path / "b", port)
        assert second.inner["hub"] != taken
        second.close()
    first.close()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, port):
    (tmp_path / "file").write_text("x")
    with pytest.raises(CannotStart, match="--data: expected a folder to write to, got .*file"):
        Machine.claim(tmp_path / "file" / "var", port)


def test_another_address_is_told_and_one_of_another_machine_refused(tmp_path, port):
    machine = Machine.claim(tmp_path / "a", port, "127.0.0.2")
    assert machine.url == f"http://127.0.0.2:{port}"
    ports = json.loads((tmp_path / "a" / "ports.json").read_text())
    assert ports["KAGA_PORT"] == port and ports["KAGA_HUB_PORT"] == machine.inner["hub"]
    machine.close()
    with pytest.raises(CannotStart, match="--host: expected an address of this machine, got '203.0.113.7'"):
        Machine.claim(tmp_path / "b", port, "203.0.113.7")
