"""Behind the real hub and its proxy: sign-in, roles, a submitted program in an official run, a team's own data."""

import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import httpx
import pytest

sys.path.append(str(Path(__file__).parents[1] / "hub"))

from hub_machine import Browser, running_hub

import robokit
from hub import roles
from hub.classroom.package import pack
from hub.classroom.store import Store
from robolev.store.telemetry import file_name

ROOT = Path(__file__).parents[2]
PROGRAM = (ROOT / "firmware" / "programs" / "line_following.py").read_text(encoding="utf-8")
FAST = PROGRAM.replace("BASE = 0.4", "BASE = 0.9").replace("KP = 0.25", "KP = 0.6")
TEAM, OTHER, NONE = "柴山ライナーズ", "片山津スターズ", "橋立クレーンズ"
PEOPLE = {
    "yuta": ("students", f"team:{TEAM}"),
    "sora": ("students", f"team:{OTHER}"),
    "shinpan": ("referees",),
    "honbu": ("desk",),
    "admin": ("administrators",),
}
PASSWORD = "himitsu-123"
BASE = "/services/robolev"


class Machine:
    """The hub's machine with the scoring server on it, as `kaga up` starts them."""

    def __init__(self, hub):
        self.hub, self.codes = hub, {}
        self.port = hub.ports["KAGA_ROBOLEV_PORT"]
        self.direct = f"http://127.0.0.1:{self.port}{BASE}"
        self.people = {}

    def start(self):
        options = ["--port", str(self.port), "--data", str(self.hub.folder / "robolev"), "--hub", self.hub.api]
        options += ["--hub-token-file", str(self.hub.folder / "tokens" / "robolev"), "--classroom", self.hub.classroom]
        self.hub.run("robolev", [sys.executable, "-m", "console.main", "robolev", "serve", *options])
        self.hub.wait(f"{self.direct}/healthz")
        printed = (self.hub.folder / "robolev.log").read_text()
        self.codes |= dict(re.findall(r"code for (\w+): (\w+)", printed))

    def kill(self):
        process = self.hub.processes.pop("robolev")
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
        # The proxy keeps connections; it notices one by one that they are dead.
        self.until(lambda: self.people["shinpan"].http.get(f"{BASE}/healthz").status_code == 503)

    def person(self, name, path=f"{BASE}/desk"):
        """A browser signed in through the hub, having asked for `path` first."""
        if name not in self.people:
            browser = Browser(self.hub.address)
            self.last = browser.sign_in(name, PASSWORD, path)
            self.people[name] = browser
        return self.people[name].http

    def token(self, name, scopes=roles.SERVER_TOKEN_SCOPES):
        """A token such as a student's own server has, asked for by the student."""
        http = self.person(name)
        page = http.get("/hub/token")
        xsrf = next(c.value for c in http.cookies.jar if c.name == "_xsrf" and c.path == "/hub/")
        body = {"note": "test", "scopes": [s for s in scopes if not s.startswith(("users:activity", "access:servers"))]}
        made = http.post(
            f"/hub/api/users/{name}/tokens", json=body, headers={"X-XSRFToken": xsrf, "Referer": str(page.url)}
        )
        assert made.status_code == 201, made.text
        return made.json()["token"]

    def ask(self, name, do, run, expected=None, **more):
        body = {"command_id": os.urandom(8).hex(), "do": do, "expected": expected, **more}
        return self.person(name).post(f"{BASE}/api/runs/{run}/commands", json=body)

    def run(self, run):
        return self.person("shinpan").get(f"{BASE}/api/runs/{run}").json()

    def call(self, team, fresh, field="1", division="MS", **more):
        fields = {"team": team, "fresh": fresh, "field": field, "division": division, "virtual": "1", **more}
        return self.person("honbu").post(f"{BASE}/desk/call", data=fields)

    def until(self, check, seconds=30):
        end = time.monotonic() + seconds
        while not check():
            assert time.monotonic() < end, (self.hub.folder / "robolev.log").read_text()[-3000:]
            time.sleep(0.05)

    def hand_in(self, student, program):
        cell = {"cell_type": "code", "source": program, "metadata": {"nbgrader": {"grade_id": "step"}}}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        files = {"R07.ipynb": json.dumps(notebook).encode()}
        store = Store(self.hub.folder / "exchange")
        store.submit("ch-robot", "R07", student, os.urandom(8).hex(), pack(files), ["R07"])


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    with running_hub(tmp_path_factory.mktemp("hub") / "data") as hub:
        for name, groups in PEOPLE.items():
            hub.roster.add(name, name, groups, PASSWORD)
        hub.sync()
        many = {"groups": [f"team:ロボット{number}" for number in range(120)]}
        assert hub.call(hub.token("console"), "groups", "POST", json=many).status_code == 201
        hub.start_classroom()
        made = Machine(hub)
        made.start()
        made.hand_in("yuta", FAST)
        yield made


def test_the_hub_signs_in_and_its_scopes_are_the_roles(machine):
    machine.person("honbu")
    assert machine.last.status_code == 200 and machine.last.url.path == f"{BASE}/desk"
    assert "honbu" in machine.last.text and 'action="/services/robolev/desk/call"' in machine.last.text
    referee = machine.person("shinpan").get(f"{BASE}/desk")
    assert referee.status_code == 200 and "desk/call" not in referee.text
    assert "desk/call" in machine.person("admin").get(f"{BASE}/desk").text
    student = machine.person("yuta").get(f"{BASE}/desk")
    assert student.status_code == 403 and "あなたの役割ではできません" in student.text
    for address in re.findall(r'(?:href|src|action)="(/[^"]*)"', referee.text):
        assert address.startswith(f"{BASE}/"), "every address is under the prefix"


def test_the_desk_is_offered_the_rosters_teams_and_told_of_others(machine):
    desk = machine.person("honbu")
    offered = re.findall(r'<option value="([^"]+)">', desk.get(f"{BASE}/desk").text)
    assert {TEAM, OTHER} <= set(offered) and len(offered) > 100, "also those on the hub's second page"
    assert machine.call("柴山ライナーズズ", "typo", field="t", virtual="", robot="0").status_code == 200
    page = desk.get(f"{BASE}/desk").text
    assert page.count("名簿にないチーム") == 1 and "柴山ライナーズズ</b>" in page
    assert "Not on the roster" in desk.get(f"{BASE}/desk?lang=en").text
    desk.get(f"{BASE}/desk?lang=ja")
    group = machine.hub.call(machine.hub.token("robolev"), f"groups/team:{TEAM}").json()
    assert "users" not in group, "who is in a team is no business of this service"


def test_a_forged_answer_of_the_hub_is_refused(machine):
    stranger = Browser(machine.hub.address).http
    for query in ("", "?state=x&code=y", "?state=é&code=y"):
        refused = stranger.get(f"{BASE}/oauth_callback{query}")
        assert refused.status_code == 400 and "もう一度はいってください" in refused.text
    began = httpx.get(f"{machine.direct}/hub-login?after=https://elsewhere.example/", trust_env=False)
    state = re.search(r"state=([^&]+)", began.headers["location"])[1]
    assert stranger.get(f"{BASE}/oauth_callback?state={state}&code=y").status_code == 400, "begun in another browser"


def test_a_team_without_a_program_is_refused_in_both_languages(machine):
    refused = machine.call(NONE, "none")
    assert refused.status_code == 409 and "まだプログラムを提出していません" in refused.text
    fields = {"team": NONE, "fresh": "n", "virtual": "1"}
    english = machine.person("honbu").post(f"{BASE}/desk/call?lang=en", data=fields)
    assert "has not handed in a program" in english.text
    machine.person("honbu").get(f"{BASE}/desk?lang=ja")
    assert "r-none" not in machine.person("shinpan").get(f"{BASE}/desk").text


def test_the_submitted_program_drives_an_official_run_to_the_standings_and_back_into_the_notebook(machine, monkeypatch):
    assert machine.call(TEAM, "lap", division="MS").status_code == 200
    assert machine.call(TEAM, "lap", division="MS").status_code == 200, "pressed twice: one run"
    assert machine.run("r-lap")["robot_now"]["state"] == "waiting"
    assert machine.ask("shinpan", "start", "r-lap").json()["state"] == "running"
    wanted = ["left_home", "intersection_out_1", "reached_tower", "started_back", "intersection_back_1", "arrived_home"]
    machine.until(lambda: [p["item"] for p in machine.run("r-lap")["proposals"]] == wanted, 60)
    view = machine.run("r-lap")
    assert {p["source_kind"] for p in view["proposals"]} == {"sensor"} and view["points"] == 0
    assert view["robot_now"]["link_ok"] and view["robot_now"]["state"] == "driving"
    for proposal in view["proposals"][:3]:
        assert machine.ask("shinpan", "accept", "r-lap", proposal=proposal["id"]).status_code == 200
    refused = machine.ask("shinpan", "accept", "r-lap", proposal=view["proposals"][3]["id"])
    assert (refused.status_code, refused.json()["code"]) == (422, "impossible_order"), "no gate sees a ball"
    items = [step["item"] for step in view["ladder"]]
    machine.ask("shinpan", "record", "r-lap", sheet={"checkpoints": items[:4]})
    for proposal in view["proposals"][3:]:
        machine.ask("shinpan", "accept", "r-lap", proposal=proposal["id"])
    machine.ask("shinpan", "record", "r-lap", sheet={"bonus_balls": 131})
    assert machine.ask("shinpan", "end", "r-lap", reason="completed").json()["points"] == 531
    machine.until(lambda: machine.run("r-lap")["robot_now"]["state"] == "ended")
    machine.ask("shinpan", "sign", "r-lap", by="player")
    signed = time.monotonic()
    assert machine.ask("shinpan", "sign", "r-lap", by="referee").json()["state"] == "signed"
    public = httpx.Client(base_url=machine.hub.address, trust_env=False)
    machine.until(lambda: "531" in public.get(f"{BASE}/public/MS").text)
    print(f"second signature to public standings: {time.monotonic() - signed:.3f} s")

    journal = machine.person("shinpan").get(f"{BASE}/referee/r-lap").text
    assert "shinpan" in journal
    token = machine.token("yuta")
    headers = {"Authorization": f"Bearer {token}"}
    (mine,) = httpx.get(f"{machine.direct}/api/my/runs", headers=headers, trust_env=False).json()
    assert (mine["run"], mine["team"], mine["points"], mine["kind"]) == ("r-lap", TEAM, 531, "sim")
    where = f"{machine.direct}/api/my/runs/r-lap/telemetry"
    table = httpx.get(where, headers=headers, trust_env=False).json()
    assert table["columns"][:4] == ["t_ms", "x_mm", "y_mm", "heading_deg"] and len(table["rows"]) > 300
    events = " ".join(row[-1] for row in table["rows"] if row[-1]).split()
    assert [name for name in events if name in items] == wanted

    machine.kill()
    machine.start()
    assert httpx.get(where, headers=headers, trust_env=False).json() == table, "telemetry outlives the server"
    assert machine.run("r-lap")["state"] == "signed", "and so do sessions"

    other = {"Authorization": f"token {machine.token('sora')}", "Accept-Language": "en"}
    refused = httpx.get(where, headers=other, trust_env=False)
    assert (refused.status_code, refused.json()["code"]) == (403, "not_your_team")
    assert "another team's" in refused.json()["message"]
    assert httpx.get(f"{machine.direct}/api/my/runs", headers=other, trust_env=False).json() == []

    monkeypatch.setenv("KAGA_ROBOLEV_URL", machine.direct)
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", token)
    frame = robokit.telemetry(robokit.my_runs()["run"][0])
    kept = frame[table["columns"]].astype(object)
    assert kept.where(kept.notna(), None).values.tolist() == table["rows"]
    assert set(frame["team"]) == {TEAM} and set(frame["kind"]) == {"sim"}
    assert "秒" in robokit.show_telemetry(frame).alt
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", other["Authorization"].split()[1])
    with pytest.raises(robokit.Hint, match="ほかのチームの走りです.* / This run belongs to another team"):
        robokit.telemetry("r-lap")
    with pytest.raises(robokit.Hint, match="There is no run"):
        robokit.telemetry("none")


@pytest.mark.parametrize(
    ("header", "run", "status", "code"),
    [
        (None, "r-lap", 401, "bad_token"),
        ("Bearer 0123456789abcdef", "r-lap", 401, "bad_token"),
        ("Basic eXV0YTp4", "r-lap", 401, "bad_token"),
        ("mine", "none", 404, "unknown_run"),
        ("without access", "r-lap", 403, "no_access"),
    ],
)
def test_a_notebook_without_the_right_token_is_refused(machine, header, run, status, code):
    if header == "mine":
        header = f"Bearer {machine.token('yuta')}"
    if header == "without access":
        header = f"Bearer {machine.token('yuta', roles.NAME_AND_GROUPS)}"
    headers = {} if header is None else {"Authorization": header}
    answer = httpx.get(f"{machine.direct}/api/my/runs/{run}/telemetry", headers=headers, trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (status, code) and answer.json()["message"]


def test_a_program_that_crashes_or_never_ends_shows_on_the_referees_page_and_stops_nothing(machine):
    for number, (body, says) in enumerate((("1 / 0", "エラーで止まりました"), ("while True: pass", "くり返し"))):
        machine.hand_in("sora", f"def step(left, right):\n    {body}\n")
        run = f"r-bad{number}"
        assert machine.call(OTHER, f"bad{number}", field=f"b{number}").status_code == 200
        machine.ask("shinpan", "start", run)
        machine.until(lambda run=run: machine.run(run)["robot_now"]["state"] == "ended")
        now = machine.run(run)["robot_now"]
        assert says in now["name"] and says in machine.person("shinpan").get(f"{BASE}/referee/{run}").text
        machine.until(lambda run=run: not machine.run(run)["robot_now"]["link_ok"], 10)
        assert machine.ask("shinpan", "end", run, reason="stopped_by_team").json()["state"] == "ended"


def robots():
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if b"robolev.arena.realtime" in words or b"/firmware/boards/virtual.py" in words:
            found.append((int(folder.name), words))
    return found


def ours(machine):
    """The processes of our robots and all that is below them."""
    programs = str(machine.hub.folder / "robolev" / "programs").encode()
    return [pid for pid, words in robots() if programs in words]


FLOOD = """
def main(robot):
    while True:
        robot._board.serial_write(b"\\0" * 4000)
        print("x" * 4000)
"""


def test_a_robot_that_does_not_listen_is_killed_when_its_run_ends(machine):
    machine.hand_in("sora", FLOOD)
    machine.call(OTHER, "deaf", field="deaf")
    machine.ask("shinpan", "start", "r-deaf")
    machine.until(lambda: machine.run("r-deaf")["robot_now"]["state"] in ("driving", "ended"))
    captures = machine.hub.folder / "robolev" / "captures"
    machine.until(lambda: list(captures.glob(f"virtual-robot-{file_name('r-deaf')}-000001.cap")))
    (robot,) = ours(machine)
    os.kill(robot, signal.SIGSTOP)  # as deaf as a process can be
    assert machine.ask("shinpan", "end", "r-deaf", reason="stopped_by_team").json()["state"] == "ended"
    machine.until(lambda: not ours(machine))
    machine.until(lambda: machine.run("r-deaf")["robot_now"]["state"] in ("gone", "ended"))


def test_kill_9_leaves_no_robot_and_the_run_goes_on_without_it(machine):
    machine.call(TEAM, "killed", field="k")
    machine.ask("shinpan", "start", "r-killed")
    machine.until(lambda: machine.run("r-killed")["robot_now"]["link_ok"])
    (robot,) = ours(machine)
    os.kill(robot, signal.SIGSTOP)  # even one that does not notice
    machine.kill()
    machine.until(lambda: not ours(machine))
    machine.start()
    view = machine.run("r-killed")
    assert view["state"] == "running" and view["robot_now"]["state"] == "gone" and not view["robot_now"]["link_ok"]
    assert machine.ask("shinpan", "record", "r-killed", sheet={"checkpoints": ["left_home"]}).json()["points"] == 25


def test_a_venue_goes_on_while_the_hub_is_down(machine):
    machine.person("shinpan").get(f"{BASE}/desk")
    machine.hub.stop("hub")
    known = machine.person("shinpan").cookies
    session = next(cookie.value for cookie in known.jar if cookie.name == "robolev-session")
    kept = httpx.Client(base_url=machine.direct, cookies={"robolev-session": session}, trust_env=False)
    assert kept.get("/desk").status_code == 200, "who was signed in stays so"
    machine.kill()
    machine.start()
    assert kept.get("/desk").status_code == 200, "also after a restart"
    assert TEAM in kept.get("/desk").text, "a team that was called is still offered"
    code = httpx.Client(base_url=machine.direct, trust_env=False)
    assert code.get("/desk").headers["location"].startswith(f"{BASE}/login")
    entered = code.post("/login", data={"code": machine.codes["desk"], "after": f"{BASE}/desk"})
    assert entered.status_code == 303 and code.get("/desk").status_code == 200
    assert code.get("/hub-login").status_code == 503
    token = code.get("/api/my/runs", headers={"Authorization": "Bearer 0123456789abcdef"})
    assert (token.status_code, token.json()["code"]) == (503, "hub_down")
