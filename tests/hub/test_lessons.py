"""A pupil's tasks page on the own server: real hub, box, classroom and lessons, in a browser's place."""

from __future__ import annotations

import html
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from hub_machine import Browser, Hub, running_hub

from hub import demo
from hub.box import launcher
from hub.classroom.desk import Desk
from hub.classroom.identity import Person
from hub.classroom.overview import local
from hub.classroom.store import Store, Submission

KAGA, OPEN = "/user/yuta/kaga/", "/hub/user-redirect/kaga/open/ch-robot/R07"
R07 = f"{KAGA}hand-in/ch-robot/R07"
LAB = "/user/yuta/lab/tree/ch-robot/R07/R07.ipynb"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub") / "data") as machine:
        machine.passwords = {name: password for _, name, password in demo.prepare(machine.folder, True)}
        machine.sync()
        machine.start_classroom()
        try:
            yield machine
        finally:
            launcher.end_all(machine.folder)


@pytest.fixture(scope="module")
def pupil(hub: Hub) -> Browser:
    """Signed in, with a running server."""
    browser = Browser(hub.address)
    page = browser.sign_in("yuta", hub.passwords["yuta"], "/hub/user-redirect/kaga/")
    end = time.monotonic() + 120
    while page.url.path != KAGA:
        assert time.monotonic() < end, page.text
        time.sleep(0.3)
        page = browser.get("/hub/user-redirect/kaga/")
    return browser


@pytest.fixture
def notebook(hub: Hub) -> Path:
    return hub.folder / "homes/yuta/ch-robot/R07/R07.ipynb"


def handed_in(hub: Hub) -> list[Submission]:
    return Store(hub.folder / "exchange").submitted("ch-robot", "R07", "yuta")


def form(page: httpx.Response) -> dict[str, str]:
    """The hidden fields of the page's first form."""
    return {name: html.unescape(value) for name, value in re.findall(r'name="([^"]+)" value="([^"]*)"', page.text)}


def test_a_task_is_opened_from_a_link_and_never_written_over(hub: Hub, pupil: Browser, notebook: Path) -> None:
    page = pupil.get(KAGA)
    assert "ロボレーブへの道" in page.text and "ラインをたどる" in page.text and page.text.count(">まだ<") == 2
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "script-src" not in policy and "<script" not in page.text
    assert 'action="' not in page.text
    assert pupil.get(OPEN).url.path == LAB
    notebook.write_text(notebook.read_text("utf-8").replace("## 7.", "## なな."), "utf-8")
    assert pupil.get(OPEN).url.path == LAB and "なな" in notebook.read_text("utf-8")
    page = pupil.get(KAGA)
    assert "とりくみ中" in page.text and "さいごの保存" in page.text
    assert "My tasks" in pupil.get(f"{KAGA}?lang=en").text and "わたしの課題" in pupil.get(f"{KAGA}?lang=ja").text


def test_lab_has_a_button_that_leads_here(pupil: Browser) -> None:
    entry = r'"extension": "./extension",[^}]*"load": "(static/[^"]+)", "name": "(kaga-tasks)"'
    found = re.search(entry, pupil.get(LAB).text)
    assert found and "_JUPYTERLAB" in pupil.get(f"/user/yuta/lab/extensions/{found[2]}/{found[1]}").text
    mark = form(pupil.get(KAGA))["_xsrf"]
    answer = pupil.http.get(f"{KAGA}button", headers={"X-XSRFToken": mark})
    assert answer.json() == {"text": "保存して 提出へ", "address": KAGA}


def test_people_read_titles_and_nicknames(hub: Hub, pupil: Browser) -> None:
    home = pupil.get("/hub/home").text
    assert 'class="btn btn--big" href="/hub/user-redirect/kaga/open/ch-robot/R07"' in home
    assert "ロボレーブへの道" in home and ">ch-robot<" not in home
    assert "こんにちは、ゆうたさん" in pupil.get("/services/classroom/").text
    teacher = Browser(hub.address)
    page = teacher.sign_in("sensei", hub.passwords["sensei"], "/services/classroom/teach/ch-robot").text
    assert "<h1>ロボレーブへの道</h1>" in page and ">ch-robot<" in page and "ラインをたどる" in page
    assert all(f'<b class="name">{nickname}</b>' in page for nickname in ("ゆうた", "はな", "そら"))


def test_handing_in_is_confirmed_and_the_same_as_nbgraders_button(hub: Hub, pupil: Browser) -> None:
    page = pupil.post(pupil.get(KAGA))
    assert page.status_code == 200 and 'role="status"' in page.text and "提出ずみ" in page.text
    ours = handed_in(hub)
    assert len(ours) == 1 and f"提出しました（{local(ours[0].submitted_at)}）" in page.text
    sent = {"course_id": "ch-robot", "assignment_id": "R07"} | form(page)
    theirs = pupil.http.post("/user/yuta/assignments/submit", data=sent)
    assert theirs.json()["success"]
    twice = handed_in(hub)
    assert len(twice) == 2 and twice[0].blob == twice[1].blob and twice[0].notebooks == twice[1].notebooks == ["R07"]
    assert "2 回目" in pupil.get(KAGA).text


def test_a_foreign_form_hands_nothing_in(hub: Hub, pupil: Browser) -> None:
    before = len(handed_in(hub))
    for fields in ({}, {"_xsrf": "x"}):
        assert pupil.http.post(R07, data=fields).status_code == 403
    assert httpx.post(hub.address + R07, trust_env=False, follow_redirects=False).status_code in (302, 403)
    assert len(handed_in(hub)) == before


@pytest.mark.parametrize(
    ("where", "status", "words"),
    [("dck-data/D01", 409, "まだ課題をひらいていません"), ("nai/R07", 409, "まだ課題をひらいていません"),
     ("ch-robot/%2e%2e", 404, ""), ("ch-robot/%2e%2e%2fx", 422, "使えない名前"),
     ("ch-robot/%E3%81%82:", 422, "使えない名前")],
)  # fmt: skip
def test_wrong_addresses(pupil: Browser, where: str, status: int, words: str) -> None:
    page = pupil.http.post(f"{KAGA}hand-in/{where}", data=form(pupil.get(KAGA)))
    assert page.status_code == status and words in page.text


def test_files_that_cannot_be_handed_in(hub: Hub, pupil: Browser, notebook: Path) -> None:
    good, before = notebook.read_bytes(), len(handed_in(hub))
    notebook.write_text("print(1)")
    page = pupil.post(pupil.get(KAGA))
    assert page.status_code == 422 and "ノートブックとして読めない" in page.text and "not_a_notebook" in page.text
    notebook.rename(notebook.with_name("べつの名前.ipynb"))
    page = pupil.post(pupil.get(KAGA))
    assert page.status_code == 409 and "にもどしてください" in page.text
    notebook.with_name("べつの名前.ipynb").unlink()
    assert pupil.get(OPEN).url.path == LAB
    notebook.write_bytes(good)
    with notebook.with_name("big.bin").open("wb") as file:
        file.truncate(61 * 1024 * 1024)
    page = pupil.post(pupil.get(KAGA))
    assert page.status_code == 413 and "ファイルが大きすぎます" in page.text
    notebook.with_name("big.bin").unlink()
    assert len(handed_in(hub)) == before and notebook.read_bytes() == good


def test_a_slow_classroom_holds_up_nobody_and_a_silent_one_is_told(hub: Hub, pupil: Browser) -> None:
    classroom = hub.processes["classroom"]
    classroom.send_signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor(1) as other:
            asked = other.submit(pupil.get, KAGA)
            assert pupil.get("/user/yuta/api/status").status_code == 200
            assert not asked.done()
            assert asked.result().status_code == 503
    finally:
        classroom.send_signal(signal.SIGCONT)
    hub.stop("classroom")
    page = pupil.get(KAGA)
    assert page.status_code == 503 and "教室から返事がありません" in page.text and "classroom_down" in page.text
    assert pupil.get(OPEN).url.path == LAB
    hub.start_classroom()


def test_a_task_that_was_taken_back(hub: Hub, pupil: Browser) -> None:
    fields = form(pupil.get(KAGA))
    teacher = Person("sensei", frozenset(), frozenset({"ch-robot"}))
    Desk(hub.folder).unrelease(teacher, "ch-robot", "R07")
    page = pupil.http.post(R07, data=fields)
    assert page.status_code == 404 and "いまは配られていません" in page.text
    assert R07 not in page.text


def test_a_course_says_what_people_call_it(hub: Hub) -> None:
    folder = Desk(hub.folder).folder("ch-robot")
    assert folder.titles == {"ja": "ロボレーブへの道", "en": "Road to ROBOLEV"}
    for broken in ("title = 3", "]", '[title]\nja = ""', "\udcff"):
        (folder.root / "course.toml").write_text(broken, "utf-8", "surrogateescape")
        assert folder.titles == {"ja": "ch-robot", "en": "ch-robot"}


def test_a_newer_platform_leaves_released_lessons_alone(hub: Hub) -> None:
    source = Desk(hub.folder).folder("dck-data").at("source", "D01") / "D01.ipynb"
    source.write_text(source.read_text("utf-8") + "\n", "utf-8")
    before = source.read_bytes()
    demo.release_lessons(hub.folder)
    assert source.read_bytes() == before
