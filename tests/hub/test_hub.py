"""The real hub with its proxy: who sees which page, what a token is worth, roster sync, life without services."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from hub_machine import PORTS, Browser, Hub, running_hub

from hub import demo, roles
from hub.commands import classroom
from hub.settings import TABLE
from hub.sync import Changes

README = Path(__file__).resolve().parents[2] / "hub" / "README.md"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub") / "data") as machine:
        machine.passwords = {name: password for _, name, password in demo.demo_people(machine.folder)}
        assert machine.sync() == Changes(users_added=7, groups_added=6, joined=18)
        yield machine


def home(hub: Hub, name: str, language: str = "") -> httpx.Response:
    page = Browser(hub.address, language).sign_in(name, hub.passwords[name])
    assert page.url.path == "/hub/home", page.text
    return page


@pytest.mark.parametrize(
    ("name", "main", "others"),
    [
        ("yuta", "/hub/user-redirect/kaga/", {"/services/classroom/", "/services/robolev/"}),
        ("sensei", "/services/classroom/teach/ch-robot",
         {"/services/classroom/teach/dck-data", "/hub/user-redirect/grade/dck-data/formgrader/", "/hub/spawn"}),
        ("shinpan", "/services/robolev/desk", {"/services/robolev/"}),
        ("honbu", "/services/robolev/desk", set()),
        ("admin", "/hub/people", {"/services/robolev/desk"}),
    ],
)  # fmt: skip
def test_home_leads_everybody_to_their_work(hub: Hub, name: str, main: str, others: set[str]) -> None:
    text = home(hub, name).text
    assert re.findall(r'<a class="btn btn--big" href="([^"]+)"', text) == [main]
    links = set(re.findall(r'href="([^"?]+)"', text))
    assert others <= links
    assert ("/hub/people" in links) == (name == "admin")
    assert ("/services/robolev/desk" in links) == (name in ("shinpan", "honbu", "admin"))
    assert any("teach/" in link for link in links) == (name == "sensei")


def test_home_in_two_languages(hub: Hub) -> None:
    japanese, english = home(hub, "yuta"), home(hub, "yuta", "en")
    assert '<html lang="ja"' in japanese.text and "こんにちは、ゆうたさん" in japanese.text
    assert "柴山ライナーズ" in japanese.text
    assert '<html lang="en"' in english.text and "Hello ゆうた" in english.text and "Start learning" in english.text


def test_pages_bring_everything_themselves_and_no_inline_script(hub: Hub) -> None:
    browser = Browser(hub.address)
    entrance, inner = browser.get("/hub/login"), browser.sign_in("admin", hub.passwords["admin"])
    for page in (entrance, inner, browser.get("/hub/people")):
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert " style=" not in page.text and "<script>" not in page.text and "http" not in page.text
        for path in set(re.findall(r'(?:href|src)="(/hub/(?:look|kaga)/[^"#]+)', page.text)):
            assert browser.get(path).status_code == 200, path
    assert browser.get("/hub/kaga/spawn.js").status_code == 200
    assert browser.get("/hub/kaga/%2e%2e/settings.py").status_code in (403, 404)


def test_a_lost_page_is_told_kindly(hub: Hub) -> None:
    page = Browser(hub.address).get("/hub/nowhere")
    assert page.status_code == 404 and "そのページはありません" in page.text


def test_the_people_page_is_for_administrators(hub: Hub) -> None:
    for name in ("yuta", "sensei", "shinpan", "honbu"):
        browser = Browser(hub.address)
        browser.sign_in(name, hub.passwords[name])
        assert browser.get("/hub/people").status_code == 403, name
    browser = Browser(hub.address)
    browser.sign_in("admin", hub.passwords["admin"])
    page = browser.post(browser.get("/hub/people"), name="mei", nickname="めい", groups="students;team:片山津スターズ")
    card = re.search(r'class="one-time">([a-z0-9-]+)<', page.text)
    assert card and "team:片山津スターズ" in page.text
    assert "自分のパスワードを決めよう" in Browser(hub.address).sign_in("mei", card[1]).text
    again = browser.post(page, name="mei", nickname="", groups="")
    assert again.status_code == 422 and "もうあります" in again.text
    hub.roster.remove("mei")
    assert hub.sync() == Changes(users_removed=1)


def test_a_token_file_that_goes_away_stops_nobody(hub: Hub) -> None:
    browser = Browser(hub.address)
    browser.sign_in("admin", hub.passwords["admin"])
    file = hub.folder / "tokens" / "console"
    token = file.read_text()
    file.unlink()
    try:
        assert home(hub, "yuta").status_code == 200
        page = browser.post(browser.get("/hub/people"), name="niko", nickname="", groups="students")
        assert page.status_code == 200 and "niko" in page.text
    finally:
        file.write_text(token)
    assert home(hub, "yuta").status_code == 200
    hub.roster.remove("niko")
    assert hub.sync() == Changes(users_removed=1)


def server_token(hub: Hub, name: str) -> str:
    """A token as a server gets it: those scopes that the hub gives to servers, made by the person."""
    browser = Browser(hub.address)
    browser.sign_in(name, hub.passwords[name])
    scopes = [scope for scope in roles.SERVER_TOKEN_SCOPES if scope != "access:servers!server"]
    page = browser.get("/hub/token")
    xsrf = re.search(r'xsrf_token: "([^"]+)"', page.text)
    assert xsrf
    made = browser.http.post(
        f"/hub/api/users/{name}/tokens", json={"scopes": scopes}, headers={"X-XSRFToken": xsrf[1]}
    )
    assert made.status_code == 201, made.text
    return str(made.json()["token"])


def test_a_students_server_token_opens_nothing_of_others(hub: Hub) -> None:
    token = server_token(hub, "yuta")
    me = hub.call(token, "user").json()
    assert me["name"] == "yuta" and "team:柴山ライナーズ" in me["groups"]
    assert {"access:services!service=classroom", "access:services!service=robolev"} <= set(me["scopes"])
    assert not any(scope.startswith(("custom:", "admin:", "tokens", "servers")) for scope in me["scopes"])
    for path in ("users/hana", "users/sensei", "users/hana/tokens", "users/yuta/tokens", "groups/teachers"):
        assert hub.call(token, path).status_code in (403, 404), path
    for path in ("users", "groups", "services", "proxy"):
        answer = hub.call(token, path)
        assert answer.status_code == 403 or answer.json() in ([], {}), path
    assert hub.call(token, "groups/teachers/users", "POST", json={"users": ["yuta"]}).status_code == 403
    assert hub.call(token, "users/hana/server", "POST").status_code in (403, 404)


@pytest.mark.parametrize(
    ("name", "has", "lacks"),
    [
        ("yuta", set(), {roles.SCORE, roles.DESK, "admin:users"}),
        ("sensei", set(), {roles.SCORE, roles.DESK, "admin:users"}),
        ("shinpan", {roles.SCORE}, {roles.DESK, "admin:users"}),
        ("honbu", {roles.DESK}, {roles.SCORE, "admin:users"}),
        ("admin", {roles.SCORE, roles.DESK, "admin:users"}, {"access:servers", "tokens", roles.PROGRAMS}),
    ],
)
def test_roles_give_these_scopes_and_no_more(hub: Hub, name: str, has: set[str], lacks: set[str]) -> None:
    browser = Browser(hub.address)
    browser.sign_in(name, hub.passwords[name])
    scopes = set(browser.get("/hub/api/user").json()["scopes"])
    assert has <= scopes and not lacks & scopes


def test_sync_makes_the_hub_as_the_roster_is_and_then_changes_nothing(hub: Hub) -> None:
    assert hub.sync().none
    hub.roster.add("riku", "りく", ["students", "course:新しい科目"], "himitsu-123")
    assert hub.sync() == Changes(users_added=1, groups_added=1, joined=2) and hub.sync().none
    console = hub.token("console")
    hub.call(console, "groups/administrators/users", "POST", json={"users": ["yuta"]})  # by hand, behind our back
    assert hub.sync() == Changes(left=1)
    hub.roster.remove("riku")
    assert hub.sync() == Changes(users_removed=1, groups_removed=1)
    assert [user for user in hub.call(console, "users").json() if user["name"] == "riku"] == []


def test_a_command_reaches_the_hub_on_the_ports_it_chose(hub: Hub) -> None:
    def run(*words: str, **settings: str) -> str:
        env = dict.fromkeys(PORTS) | {"KAGA_HUB_API": None} | settings
        done = CliRunner().invoke(classroom, ["roster", *words, "--data", str(hub.folder)], env=env)
        assert done.exit_code == 0, done.output
        return done.stderr

    noted = hub.folder / "ports.json"
    noted.write_text(json.dumps(hub.ports))
    assert run("add", "mio", "--group", "students") == ""
    assert "mio" in {user["name"] for user in hub.call(hub.token("console"), "users").json()}
    noted.write_text("{}")
    assert "kaga: bad_ports: the roster is written" in run("remove", "mio")
    noted.unlink()
    proxy = str(hub.ports["KAGA_PROXY_API_PORT"])
    assert "kaga: refused: " in run("add", "mio", KAGA_HUB_PORT=proxy)
    run("remove", "mio", KAGA_HUB_API=hub.api)
    assert hub.sync().none


def test_who_left_the_roster_is_out(hub: Hub) -> None:
    hub.roster.add("gone", "", ["students"], "himitsu-123")
    hub.sync()
    browser = Browser(hub.address)
    assert browser.sign_in("gone", "himitsu-123").url.path == "/hub/home"
    hub.roster.remove("gone")
    hub.sync()
    assert browser.get("/hub/home").url.path == "/hub/login"
    assert browser.sign_in("gone", "himitsu-123").status_code == 403


def test_the_hub_lives_without_its_services_and_comes_back_quickly(hub: Hub) -> None:
    page = Browser(hub.address)
    page.sign_in("yuta", hub.passwords["yuta"])
    for service in ("classroom", "robolev"):
        down = page.get(f"/services/{service}/")
        assert down.status_code == 503 and "この部分はいま止まっています" in down.text
        assert page.get("/hub/home").status_code == 200
    stopped = hub.stop("hub")
    began = time.monotonic()
    hub.start_hub()
    hub.wait(f"{hub.address}/hub/login")
    print(f"hub stopped in {stopped:.1f} s, back after {time.monotonic() - began:.1f} s with both services down")
    assert page.get("/hub/home").status_code == 200  # and nobody had to sign in again


def test_every_setting_is_documented() -> None:
    text = README.read_text("utf-8")
    for name, default, meaning in TABLE:
        assert f"| `{name}` | {default} | {meaning} |" in text, name


def test_every_role_is_documented() -> None:
    text = README.read_text("utf-8")
    for role in roles.ROLES:
        scopes = ", ".join(f"`{scope}`" for scope in role.scopes)
        row = rf"^\| {role.name} \| .* \| {re.escape(scopes)} \| {re.escape(role.why)} \|$"
        assert re.search(row, text, re.M), role
