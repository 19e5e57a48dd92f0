"""The list of people: what may stand on it, passwords, CSV, and the commands."""

from __future__ import annotations

import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from hub import demo
from hub.commands import classroom
from hub.roster import Roster, RosterError, acceptable, fits, hashed, one_time_password, read_csv, spelled
from hub.sync import HubApi, SyncError


@pytest.fixture
def roster(tmp_path: Path) -> Roster:
    return Roster(tmp_path / "hub")


def test_a_one_time_password_becomes_an_own_one(roster: Roster, tmp_path: Path) -> None:
    first = roster.add("yuta", "ゆうた", ["students", "course:初級"])
    assert first and roster.person("yuta").one_time
    stored, one_time = roster.stored("yuta")
    assert one_time and fits(first, stored) and not fits(first + "x", stored)
    roster.set_password("yuta", "ひみつのことば12")
    stored, one_time = roster.stored("yuta")
    assert not one_time and fits("ひみつのことば12", stored) and not fits(first, stored)
    assert fits("ひみつのことば１２", stored)  # the same on a keyboard that was left in full width
    again = roster.new_one_time_password("yuta")
    assert fits(again, roster.stored("yuta")[0]) and roster.person("yuta").one_time
    file = tmp_path / "hub" / "roster.db"
    assert file.stat().st_mode & 0o077 == 0
    assert again.encode() not in file.read_bytes()


def test_equal_passwords_are_stored_differently() -> None:
    assert hashed("himitsu-123") != hashed("himitsu-123")
    assert len({one_time_password() for _ in range(200)}) == 200


@pytest.mark.parametrize("name", ["", "a", "Yuta Suzuki", "ゆうた", "../x", "9lives", "a" * 33, "root\n"])
def test_names_that_cannot_be_user_names(roster: Roster, name: str) -> None:
    with pytest.raises(RosterError) as told:
        roster.add(name)
    assert told.value.code == "bad_user_name" and roster.everybody() == []


def test_a_name_typed_in_full_width_is_the_same_name() -> None:
    assert spelled(" Ｙｕｔａ\u3000") == "yuta"


@pytest.mark.parametrize("group", ["admin", "course:", "course:a/b", "teach:../x", "team:" + "長" * 101, "student"])
def test_groups_that_mean_nothing_here(roster: Roster, group: str) -> None:
    with pytest.raises(RosterError) as told:
        roster.add("yuta", groups=[group])
    assert told.value.code == "bad_group" and roster.everybody() == []


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("kurz", "password_short"),
        ("x" * 129, "password_long"),
        ("yuta-no-1", "password_name"),
        ("ababababab", "password_name"),
    ],
)
def test_passwords_that_are_too_easy(password: str, code: str) -> None:
    with pytest.raises(RosterError) as told:
        acceptable("yuta", password)
    assert told.value.code == code


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
def test_a_table_from_a_spreadsheet(roster: Roster, encoding: str) -> None:
    table = "name,nickname,groups\nＹｕｔａ,ゆうた,students; team:柴山 ライナーズ\n"
    table += "hana,はな,students；course:ch-robot\n"
    made = roster.put(read_csv(table.encode(encoding)))
    assert sorted(made) == ["hana", "yuta"]
    assert roster.person("yuta").groups == ("students", "team:柴山 ライナーズ")
    changed = roster.put(read_csv("name,nickname,groups\nhana,ハナ,students\n".encode(encoding)))
    assert changed == {} and roster.person("hana").nickname == "ハナ" and roster.person("hana").groups == ("students",)
    assert fits(made["hana"], roster.stored("hana")[0])  # who was there keeps the password


@pytest.mark.parametrize(
    ("table", "code", "told"),
    [
        (b"a,b\n", "csv_columns", "name,nickname,groups"),
        (b"name,nickname,groups\nyuta,x,boss\n9,x,students\n", "csv_bad_lines", "line 2: group"),
        (b"name,nickname,groups\nyuta,x,students\nYuta,x,students\n", "csv_bad_lines", "more than once"),
        (b"\x81\x00\xff", "csv_unreadable", "Shift JIS"),
        (b"x" * (1024 * 1024 + 1), "csv_too_large", "1024"),
    ],
)
def test_a_faulty_table_changes_nothing(table: bytes, code: str, told: str) -> None:
    with pytest.raises(RosterError) as error:
        read_csv(table)
    assert error.value.code == code and told in str(error.value)


def test_commands(tmp_path: Path) -> None:
    def run(*words: str, status: int = 0, data: bytes | None = None) -> str:
        done = CliRunner().invoke(classroom, [*words, "--data", str(tmp_path)], input=data, env={"KAGA_HUB_PORT": "9"})
        assert done.exit_code == status, done.output
        return done.output

    password = run("roster", "add", "Yuta", "--nickname", "ゆうた", "--group", "students").splitlines()[0]
    assert fits(password, Roster(tmp_path / "hub").stored("yuta")[0])
    assert "name_taken" in run("roster", "add", "yuta", status=2)
    assert run("roster", "password", "yuta").strip() != password
    assert run("roster", "import", "-", data=b"name,nickname,groups\nhana,,students\n").startswith("hana,")
    assert "yuta" in run("roster", "list") and '"nickname": "ゆうた"' in run("roster", "list", "--json")
    assert "the hub does not run here" in run("roster", "remove", "hana")
    assert "unknown_person" in run("roster", "remove", "hana", status=2)


class Stranger(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"[]" if "groups" in self.path else b"<p>hello</p>")

    def log_message(self, *_: object) -> None:
        pass


def test_another_program_on_the_hubs_port_is_told() -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            hub = HubApi(f"http://127.0.0.1:{server.server_port}/hub/api", "t")
            for path in ("users", "groups"):
                with pytest.raises(SyncError, match="expected the hub at .*, got another program's") as told:
                    list(hub.all(path))
                assert told.value.code == "not_the_hub"
        finally:
            server.shutdown()


def test_the_first_administrator_is_made_once(tmp_path: Path) -> None:
    (told,) = demo.prepare(tmp_path, demo=False)
    assert told[:2] == ("administrator", "admin") and fits(told[2], Roster(tmp_path / "hub").stored("admin")[0])
    assert demo.prepare(tmp_path, demo=False) == []


def test_the_demonstration_keeps_its_passwords(tmp_path: Path) -> None:
    told = demo.demo_people(tmp_path)
    assert told == demo.demo_people(tmp_path) and len({password for _, _, password in told}) == len(told) == 7
    assert (tmp_path / demo.PASSWORDS).stat().st_mode & 0o077 == 0
    roster = Roster(tmp_path / "hub")
    assert all(fits(password, roster.stored(name)[0]) for _, name, password in told)
    assert roster.person("sora").groups == ("course:ch-robot", "course:dck-data", "students", "team:片山津スターズ")


def test_the_file_survives_a_start_in_the_middle_of_a_write(tmp_path: Path) -> None:
    roster = Roster(tmp_path / "hub")
    roster.add("yuta")
    writing = sqlite3.connect(tmp_path / "hub" / "roster.db", isolation_level=None)
    writing.execute("BEGIN IMMEDIATE")
    writing.execute("DELETE FROM people")
    writing.close()  # never committed
    assert [entry.name for entry in Roster(tmp_path / "hub").everybody()] == ["yuta"]
