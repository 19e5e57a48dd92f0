"""The scoring server as its users meet it: a real process, real HTTP, kill -9 in the middle of a run."""

import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
import tty
from contextlib import suppress

import httpx
import pytest

from robolev.link.frames import Decoder, encode
from robolev.link.messages import Ack, Event, pack, parse
from robolev.rulesets import loader
from robolev.web import access

MS = [step.item for step in loader.load("line_following").ladders["MS"]]


class Server:
    """`robolev serve` on a free port with its data in `folder`."""

    def __init__(self, folder, *options):
        self.folder, self.codes, self.options = folder, {}, options
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "console.main", "robolev", "serve", "--port", str(self.port)]
        printed = self.folder / "out"
        with printed.open("w") as output:
            self.process = subprocess.Popen(
                [*command, "--data", str(self.folder / "d"), *self.options], stdout=output, stderr=subprocess.STDOUT
            )
        until = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{self.url}/healthz")
                break
            except httpx.TransportError:
                assert self.process.poll() is None and time.monotonic() < until, printed.read_text()
                time.sleep(0.05)
        for line in printed.read_text().splitlines():
            if line.startswith("code for "):
                role, code = line.removeprefix("code for ").split(": ")
                self.codes[role] = code

    def kill(self, how=signal.SIGKILL):
        os.kill(self.process.pid, how)
        return self.process.wait(20)

    def client(self, role=None):
        made = httpx.Client(base_url=self.url, follow_redirects=False)
        if role:
            assert made.post("/login", data={"code": self.codes[role]}).status_code == 303
        return made


@pytest.fixture
def server(tmp_path):
    made = Server(tmp_path)
    made.start()
    try:
        yield made
    finally:
        if made.process.poll() is None:
            made.kill(signal.SIGTERM)


def call(desk, team="柴山ライナーズ", fresh="1", field="3", division="MS"):
    fields = {"fresh": fresh, "team": team, "division": division, "field": field, "robot": "0"}
    return desk.post("/desk/call", data=fields)


def ask(client, do, expected=None, run="r-1", command=None, **more):
    body = {"command_id": command or os.urandom(8).hex(), "do": do, "expected": expected, **more}
    return client.post(f"/api/runs/{run}/commands", json=body)


def test_a_run_from_the_call_to_the_public_standings_with_a_kill_in_the_middle(server):
    desk, referee, public = server.client("desk"), server.client("referee"), server.client()
    assert call(desk).status_code == 303 and call(desk).status_code == 303  # pressed twice: one run
    board = desk.get("/desk").text
    assert board.count("柴山ライナーズ</b>") == 1
    assert '<option value="柴山ライナーズ">' in board and "名簿にない" not in board, "offered again"
    assert ask(referee, "start").json()["state"] == "running"
    assert ask(referee, "record", sheet={"checkpoints": MS}).json()["points"] == 400
    kept = ask(referee, "record", command="tap-1", sheet={"bonus_balls": 131}).json()
    assert kept["points"] == 531

    server.kill()
    server.start()

    again = referee.get("/api/runs/r-1").json()
    assert (again["points"], again["version"], again["state"]) == (531, kept["version"], "running")
    repeated = ask(referee, "record", command="tap-1", sheet={"bonus_balls": 131}).json()
    assert repeated["version"] == kept["version"]
    assert ask(referee, "end", reason="completed").json()["state"] == "ended"
    assert public.get("/api/standings/MS").json()["rows"] == []
    ask(referee, "sign", by="player")
    assert ask(referee, "sign", by="referee").json()["state"] == "signed"
    row = public.get("/api/standings/MS").json()["rows"][0]
    assert (row["rank"], row["team"], row["total"]) == (1, "柴山ライナーズ", 531)
    page = public.get("/public/MS").text
    assert "柴山ライナーズ" in page and "531" in page and 'lang="ja"' in page


def test_the_desk_voids_a_run_with_a_reason_once_it_has_looked_at_it(server):
    desk, referee = server.client("desk"), server.client("referee")
    call(desk)
    ask(referee, "start")
    assert "/desk/void/" not in desk.get("/desk").text and "先に主審が終了" in desk.get("/desk/void/r-1").text
    ask(referee, "record", sheet={"checkpoints": MS})
    ask(referee, "end", reason="completed")
    page = desk.get("/desk/void/r-1").text
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page))
    assert "柴山ライナーズ" in page and "400" in page and "もとにもどすことはできません" in page
    for bad, status in (({}, 422), ({"reason": " "}, 422), ({"reason": "x", "seen": "no"}, 422)):
        assert desk.post("/desk/void/r-1", data=fields | bad).status_code == status
    assert referee.post("/desk/void/r-1", data=fields | {"reason": "x"}).status_code == 403
    ask(referee, "sign", by="player")
    late = desk.post("/desk/void/r-1", data=fields | {"reason": "x"})
    assert late.status_code == 409 and "新しい画面を見て" in late.text
    ask(referee, "sign", by="referee")
    assert [row["total"] for row in server.client().get("/api/standings/MS").json()["rows"]] == [400]
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', desk.get("/desk/void/r-1").text))
    for _press in range(2):
        done = desk.post("/desk/void/r-1", data=fields | {"reason": "チームの名前がちがった"})
        assert (done.status_code, done.headers["location"]) == (303, "/desk")
    board = desk.get("/desk").text
    assert "無効</span>" in board and "チームの名前がちがった" in board and "/desk/void/" not in board
    assert "無効 チームの名前がちがった" in referee.get("/referee/r-1").text
    assert server.client().get("/api/standings/MS").json()["rows"] == []
    assert call(desk, fresh="2").status_code == 303, "the field is free and the team may run again"


def test_behind_https_no_cookie_travels_by_plain_http(tmp_path):
    for number, options in enumerate(([], ["--https"])):
        (tmp_path / str(number)).mkdir()
        made = Server(tmp_path / str(number), *options)
        made.start()
        try:
            signed_in = made.client().post("/login", data={"code": made.codes["desk"]})
            spoken = made.client().get("/login?lang=en", headers={"X-Forwarded-Proto": "https"})
        finally:
            made.kill(signal.SIGTERM)
        for cookie in (signed_in.headers["set-cookie"], spoken.headers["set-cookie"]):
            assert ("; secure" in cookie.lower()) == bool(options) and "httponly" in cookie.lower()


def test_a_second_referee_gets_a_clear_conflict_in_both_languages(server):
    call(server.client("desk"))
    first, second = server.client("referee"), server.client("referee")
    version = ask(first, "start").json()["version"]
    assert ask(first, "record", version, sheet={"checkpoints": MS[:1]}).status_code == 200
    refused = ask(second, "record", version, sheet={"checkpoints": MS[:2]})
    assert refused.status_code == 409 and refused.json()["code"] == "conflict"
    assert "ほかの審判" in refused.json()["message"]
    second.cookies.set("lang", "en")
    english = ask(second, "record", version, sheet={"checkpoints": MS[:2]}).json()["message"]
    assert english.isascii() and english
    assert first.get("/api/runs/r-1").json()["chain"] == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[1]", 400, "not_json"),
        (b"{", 400, "not_json"),
        (b'{"do": NaN}', 400, "not_json"),
        (b"[" * 60_000, 400, "not_json"),
        (b" " * 70_000, 413, "too_large"),
        (json.dumps({"do": "fly", "command_id": "a"}).encode(), 422, "unknown_command"),
        (json.dumps({"do": "start", "command_id": 5}).encode(), 422, "wrong_type"),
        (json.dumps({"do": "sign", "by": "player", "command_id": "b"}).encode(), 422, "not_now"),
        (json.dumps({"do": "start", "command_id": "c", "expected": "1"}).encode(), 422, "wrong_type"),
        (json.dumps({"do": "call", "command_id": "d"}).encode(), 403, "not_allowed"),
        (json.dumps({"do": "start", "command_id": "\ud800"}).encode(), 422, "wrong_type"),
        (json.dumps({"do": "\udfff", "command_id": "e"}).encode(), 422, "wrong_type"),
        (json.dumps({"do": "start", "command_id": "f", "more": {"\ud83d": [1]}}).encode(), 422, "wrong_type"),
    ],
)
def test_bad_input_is_refused_with_a_stable_code(server, body, status, code):
    call(server.client("desk"))
    referee = server.client("referee")
    refused = referee.post("/api/runs/r-1/commands", content=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["message"]
    assert referee.get("/api/runs/r-1").json()["state"] == "called"


def test_strangers_and_other_sites_change_nothing(server):
    call(server.client("desk"))
    assert ask(server.client(), "start").status_code == 401
    forged = httpx.Client(base_url=server.url, cookies={"robolev-role": "desk.99999999999.aa.00"})
    assert ask(forged, "start").status_code == 401
    odd = httpx.Client(base_url=server.url, headers={"cookie": "robolev-role=\u00e9".encode()})
    assert odd.get("/desk").status_code == 307
    assert call(server.client("referee"), fresh="2").status_code == 403
    referee = server.client("referee")
    referee.headers["origin"] = "http://elsewhere.example"
    assert ask(referee, "start").status_code == 403
    assert server.client("referee").get("/referee/none").status_code == 404
    assert server.client().get("/public/XX").status_code == 404
    assert server.client().get("/api/runs/r-1").status_code == 401


def test_a_wrong_code_is_told_kindly_and_guessing_is_slowed(server):
    stranger = server.client()
    wrong = stranger.post("/login", data={"code": "AAAA"})
    assert wrong.status_code == 403 and "コードがちがいます" in wrong.text
    for _ in range(9):
        stranger.post("/login", data={"code": "AAAA"})
    slowed = stranger.post("/login", data={"code": server.codes["desk"]})
    assert slowed.status_code == 429 and "1分" in slowed.text
    pupil = httpx.Client(base_url=server.url, transport=httpx.HTTPTransport(local_address="127.0.0.2"))
    forged = [{"X-Forwarded-For": f"10.9.8.{number}"} for number in range(11)]
    tries = [pupil.post("/login", data={"code": "AAAA"}, headers=header).status_code for header in forged]
    assert tries == [403] * 10 + [429], "who comes out of a pupil's box is believed no address"
    assert stranger.post("/login", data={"code": "AAAA"}, headers=forged[0]).status_code == 403, "the proxy is believed"
    assert oct((server.folder / "d" / "roles.json").stat().st_mode)[-3:] == "600"
    assert server.codes["desk"] not in (server.folder / "d" / "roles.json").read_text()


def test_wrong_codes_are_forgotten(tmp_path, monkeypatch):
    door, now = access.Access(tmp_path / "roles.json"), [1000.0]
    monkeypatch.setattr(access.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(access, "MAX_ADDRESSES", 5)
    for number in range(20):
        now[0] += 1
        assert door.log_in("AAAA", f"10.0.0.{number}") is None
    assert list(door._wrong) == [f"10.0.0.{number}" for number in range(15, 20)]
    now[0] += access.WRONG_WINDOW_S
    assert door.log_in(door.new_codes["desk"], "10.0.0.1") and not door._wrong


def test_a_change_reaches_an_open_stream_and_a_stop_does_not_wait_for_it(server):
    desk = server.client("desk")
    with httpx.stream("GET", f"{server.url}/api/live", timeout=10) as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: beat"
        call(desk)
        change = next(line for line in lines if line.startswith("data: {"))
        assert json.loads(change.removeprefix("data: "))["happened"] == "call"
        began = time.monotonic()
        server.kill(signal.SIGINT)
        assert time.monotonic() - began < 10


def test_a_port_in_use_is_one_line(server):
    command = [sys.executable, "-m", "console.main", "robolev", "serve", "--port", str(server.port), "--data"]
    done = subprocess.run([*command, str(server.folder / "e")], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and done.stderr.startswith("port_in_use") and done.stderr.count("\n") == 1


def test_every_file_a_page_names_is_served_with_the_shared_look(server):
    client = server.client("desk")
    call(client)
    for path in ("/login", "/desk", "/public/MS", "/referee/r-1"):
        named = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', client.get(path).text))
        assert "/static/tokens.css" in named
        assert {name: client.get(name).status_code for name in named} == dict.fromkeys(named, 200)
    inside = re.findall(r"url\(([^)]+\.(?:svg|woff2))\)", client.get("/static/base.css").text)
    assert inside and all(client.get(f"/static/{name}").status_code == 200 for name in inside)
    assert client.get("/static/..%2f__init__.py").status_code == 404


@pytest.mark.parametrize(
    ("sheet", "code", "japanese", "english"),
    [
        ({"bonus_balls": -1}, "out_of_range", "数が範囲の外です", "out of range"),
        ({"bonus_balls": 100_001}, "out_of_range", "数が範囲の外です", "out of range"),
        ({"checkpoints": MS[1:2]}, "impossible_order", "順番が合いません", "does not fit"),
        ({"checkpoints": ["flew_away"]}, "unknown_checkpoint", "この部門にはない項目です", "no such item"),
        ({"points": 999}, "wrong_type", "入力の形がちがいます", "does not fit"),
    ],
)
def test_a_sheet_that_does_not_fit_is_told_in_both_languages_and_leaves_nothing(server, sheet, code, japanese, english):
    call(server.client("desk"))
    referee = server.client("referee")
    version = ask(referee, "start").json()["version"]
    for language, says in (("ja", japanese), ("en", english)):
        referee.cookies.set("lang", language)
        refused = ask(referee, "record", sheet=sheet)
        assert (refused.status_code, refused.json()["code"]) == (422, code) and says in refused.json()["message"]
    assert referee.get("/api/runs/r-1").json()["version"] == version


def test_lines_that_are_silent_unplugged_or_absent_never_look_well(tmp_path):
    near, far = os.openpty()
    name = os.ttyname(far)
    made = Server(tmp_path, "--serial", name, "--serial", str(tmp_path / "none"))
    made.start()
    try:
        desk = made.client("desk")

        def shows(*wanted):
            end = time.monotonic() + 20
            while not all(word in desk.get("/desk").text for word in wanted):
                assert time.monotonic() < end, desk.get("/desk").text
                time.sleep(0.05)

        shows("つながっていますがデータなし", "ありません")
        os.write(near, b"\xc0\xdb garbage \xff\xc0 half of a fra" + encode(pack(Ack(7, 1))))
        shows("受信中", "こわれたデータ 1")
        os.close(near)
        os.close(far)
        shows("抜けました")
        desk.cookies.set("lang", "en")
        shows("unplugged", "not there")
    finally:
        made.kill(signal.SIGTERM)


def test_an_event_whose_acknowledgement_died_with_the_server_is_proposed_once(tmp_path):
    near, far = os.openpty()
    tty.setraw(far)
    made = Server(tmp_path, "--serial", os.ttyname(far))
    made.start()
    try:
        desk, referee = made.client("desk"), made.client("referee")
        fields = {"fresh": "1", "team": "柴山ライナーズ", "division": "MS", "field": "3", "robot": "7"}
        desk.post("/desk/call", data=fields)
        ask(referee, "start")

        def send_until(event, count):
            """As a robot does: again and again, here without hearing an acknowledgement."""
            end = time.monotonic() + 20
            while len(found := referee.get("/api/runs/r-1").json()["proposals"]) < count:
                assert time.monotonic() < end, found
                os.write(near, encode(pack(event)))
                time.sleep(0.05)
            return [(p["item"], p["robot_time_ms"]) for p in found]

        first = Event(7, 1, 900, 3, 0)
        send_until(first, 1)
        made.kill()
        os.set_blocking(near, False)
        with suppress(BlockingIOError):
            while os.read(near, 4096):
                pass
        os.set_blocking(near, True)
        made.start()
        decoder, acknowledged = Decoder(), []
        end = time.monotonic() + 20
        while not acknowledged:
            assert time.monotonic() < end
            os.write(near, encode(pack(first)))
            if select.select([near], [], [], 0.1)[0]:
                acknowledged = [parse(frame.body) for frame in decoder.feed(os.read(near, 4096))]
        assert set(acknowledged) == {Ack(7, 1)}, "what is on disk is acknowledged"
        seen = send_until(Event(7, 2, 1500, 3, 1), 2)
        assert seen == [("left_home", 900), ("intersection_out_1", 1500)]
        switched_on_again = send_until(Event(7, 1, 700, 3, 0), 3)
        assert switched_on_again[-1] == ("left_home", 700), "a robot that starts anew counts anew"
    finally:
        made.kill(signal.SIGTERM)
        os.close(near)
        os.close(far)


def test_a_malformed_rule_file_is_one_line_in_the_terminals_language(tmp_path):
    broken = tmp_path / "規則.toml"
    broken.write_text('challenge = "line_following"\nmission_total = "四百"\n', encoding="utf-8")
    for locale, says in (("ja_JP.UTF-8", "ルールファイルにまちがいがあります"), ("C.UTF-8", "expected int")):
        command = [sys.executable, "-m", "console.main", "robolev", "check-ruleset", str(broken)]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"LC_ALL": locale})
        assert done.returncode == 2 and done.stderr.count("\n") == 1
        assert done.stderr.startswith("bad_ruleset: 規則.toml:2:") and says in done.stderr
