"""A team's newest robot program, for the one service that may read it; the pupil's tasks on the home page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hub_machine import Browser, Hub, running_hub

from hub.classroom.package import pack
from hub.classroom.store import Store

TEAM, COURSE = "柴山ライナーズ", "初級"
STEP = "KP = 1.2\nBASE = 60\n\ndef step(left, right):\n    return BASE, BASE  # まっすぐ\n"


def notebook(*cells: Any) -> bytes:
    document = {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, ensure_ascii=True).encode()


def cell(source: Any, grade_id: str = "step", kind: str = "code") -> dict[str, Any]:
    return {"cell_type": kind, "source": source, "metadata": {"nbgrader": {"grade_id": grade_id}}}


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("program") / "data") as machine:
        for name, nickname in (("yuta", "ゆうた"), ("hana", "はな")):
            machine.roster.add(name, nickname, ["students", f"course:{COURSE}", f"team:{TEAM}"], "himitsu-123")
        machine.roster.add("sora", "そら", ["students", "team:ほか"], "himitsu-123")
        machine.sync()
        machine.start_classroom()
        yield machine


@pytest.fixture(scope="module")
def store(hub: Hub) -> Store:
    """The service's own store, written to from outside as a second hand-in would."""
    return Store(hub.folder / "exchange")


def hand_in(store: Store, student: str, assignment: str, *notebooks: bytes) -> None:
    files = {f"n{number}.ipynb": text for number, text in enumerate(notebooks)}
    command = f"{student}-{assignment}-{len(list(store.newest([student], 999)))}"
    store.submit(COURSE, assignment, student, command, pack(files), [name[:-6] for name in files])


def ask(hub: Hub, token: str, team: str = TEAM) -> httpx.Response:
    headers = {"Authorization": f"token {token}"}
    return httpx.get(f"{hub.classroom}/api/teams/{quote(team, safe='')}/program", headers=headers, trust_env=False)


def test_only_the_service_with_the_scope_may_read_programs(hub: Hub) -> None:
    for caller, status, code in (
        ("nonsense-token", 403, "bad_token"),
        (hub.token("classroom"), 403, "no_scope"),
        (hub.token("console"), 403, "no_scope"),
        (hub.token("robolev"), 404, "no_program"),
    ):
        answer = ask(hub, caller)
        assert (answer.status_code, answer.json()["code"]) == (status, code), caller
    admin = hub.call(hub.token("robolev"), "users")
    assert admin.status_code == 403  # and this token opens nothing else


def test_the_newest_program_of_any_member_is_found(hub: Hub, store: Store) -> None:
    hand_in(store, "yuta", "R07", notebook(cell("# 読むだけ", kind="markdown"), cell(STEP.splitlines(keepends=True))))
    hand_in(store, "hana", "D01", notebook(cell("print(1)", "other")))
    hand_in(store, "sora", "R07", notebook(cell("def step(left, right):\n    return 0, 0\n")))
    answer = ask(hub, hub.token("robolev")).json()
    assert answer["program"] == STEP and answer["sha256"] == hashlib.sha256(STEP.encode()).hexdigest()
    assert (answer["student"], answer["course"], answer["assignment"]) == ("yuta", COURSE, "R07")

    hand_in(store, "hana", "R07", notebook(cell("x = 1", "other")), notebook(cell(STEP + "# はな\n")))
    assert ask(hub, hub.token("robolev")).json()["student"] == "hana"


@pytest.mark.parametrize(
    "broken",
    [
        cell("\ud800"),
        cell("#" * 100_001),
        cell("   "),
        cell([1, 2]),
        cell(STEP, kind="raw"),
        {"cell_type": "code", "source": STEP, "metadata": []},
        {"cell_type": "code", "source": STEP},
    ],
)
def test_what_no_robot_can_take_is_passed_over(hub: Hub, store: Store, broken: dict[str, Any]) -> None:
    before = ask(hub, hub.token("robolev")).json()
    hand_in(store, "yuta", "R07", notebook(broken))
    assert ask(hub, hub.token("robolev")).json() == before


@pytest.mark.parametrize(("team", "status", "code"), [("だれもいない", 404, "no_program"), ("a+b", 422, "bad_name")])
def test_a_team_without_a_program_is_a_clear_no(hub: Hub, team: str, status: int, code: str) -> None:
    answer = ask(hub, hub.token("robolev"), team)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_home_page_shows_the_next_task_and_lives_without_the_classroom(hub: Hub, store: Store) -> None:
    lesson = notebook({"cell_type": "markdown", "source": "# 線をなめらかに追いかけよう\nはじめに", "metadata": {}})
    store.release(COURSE, "R08", pack({"R08.ipynb": lesson}), ["R08"])
    browser = Browser(hub.address)
    page = browser.sign_in("yuta", "himitsu-123").text
    assert "線をなめらかに追いかけよう" in page and "2 つのうち 1 つ出しました" in page
    hub.stop("classroom")
    page = browser.get("/hub/home")
    assert page.status_code == 200 and "学習をはじめる" in page.text and "線をなめらか" not in page.text
