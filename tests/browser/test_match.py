"""The submitted program in an official run, from the desk's call to the student's own notebook."""

import re
import time

import pytest
from conftest import TABLET, assignment_list
from notebook import Notebook
from playwright.sync_api import expect

TEAM = "柴山ライナーズ"
WALL = (1920, 1080)


@pytest.fixture(scope="session")
def called(platform, handed_in, visit, snap):
    """The desk calls the team with the program that Yuta submitted."""
    desk = visit("honbu", "/services/robolev/desk")
    desk.get_by_label("チーム", exact=True).fill(TEAM)
    desk.get_by_label("部門").select_option("ES")
    desk.get_by_label("フィールド").fill("9")
    desk.get_by_text("仮想ロボット（提出したプログラム）").click()
    desk.get_by_role("button", name="呼ぶ").click()
    row = desk.get_by_role("row", name=re.compile(TEAM))
    expect(row).to_contain_text("呼び出し中")
    expect(row).to_contain_text("仮想ロボット")
    snap(desk, "desk")
    return row


@pytest.fixture(scope="session")
def signed(called, platform, visit, snap):
    """The referee runs it: proposals accepted, one corrected, both signed. Seconds until the wall showed it."""
    referee = visit("shinpan", "/services/robolev/desk", TABLET)
    referee.get_by_role("row", name=re.compile(TEAM)).get_by_role("link").click()
    referee.wait_for_url(re.compile("/referee/"))
    referee.get_by_role("button", name=re.compile("はじめる|スタート|開始")).click()
    side = referee.locator(".ref-side")
    for item in ("出発", "タワーで停止"):
        article = side.locator(".proposal", has_text=item)
        expect(article).to_be_visible(timeout=60_000)
        article.get_by_role("button", name="認める").click()
        expect(article).to_have_count(0)
    expect(referee.locator("#points")).to_have_text("150")
    ladder = referee.locator(".ladder")
    ladder.get_by_role("button", name=re.compile("ボールを\\s*渡した")).click()  # no sensor sees it: the referee does
    for item in ("帰りに出発", "ホームに到着"):
        article = side.locator(".proposal", has_text=item)
        expect(article).to_be_visible(timeout=60_000)
        snap(referee, "referee")
        article.get_by_role("button", name="認める").click()
        expect(article).to_have_count(0)
    expect(referee.locator("#points")).to_have_text("400")
    # The referee saw that the robot did not come to rest at home: what the sensor said is corrected.
    ladder.get_by_role("button", name=re.compile("ホームに到着")).click()
    expect(referee.locator("#points")).to_have_text("300")
    referee.get_by_role("button", name="終了してサインへ").click()
    wall = visit(None, "/services/robolev/public/ES", WALL)
    expect(wall.get_by_text(TEAM)).to_have_count(0)
    referee.get_by_role("button", name=re.compile("選手.得点を確かめました")).click()
    snap(referee, "sign")
    button = referee.get_by_role("button", name=re.compile("主審.得点を確かめました"))
    began = time.monotonic()
    button.click()
    expect(wall.get_by_role("row", name=re.compile(TEAM)).or_(wall.locator("li", has_text=TEAM)).first).to_be_visible()
    seconds = time.monotonic() - began
    snap(wall, "standings")
    return seconds, wall, referee


def test_the_score_is_on_the_public_screen(signed):
    seconds, wall, _ = signed
    print(f"from the second signature to the public standings: {seconds:.2f} s")
    expect(wall.locator("main")).to_contain_text("300")


def test_a_student_may_neither_call_nor_score(platform, visit):
    page = visit("hana", "/services/robolev/desk")
    assert page.request.get(f"{platform.url}/services/robolev/desk").status in (401, 403)


def test_the_team_reads_its_run_in_its_own_notebook_and_others_do_not(signed, platform, desk_of_yuta, visit, snap):
    _, _, referee = signed
    run = referee.url.rsplit("/", 1)[1].split("?")[0]
    notebook = Notebook(desk_of_yuta, f"{platform.url}/user/yuta", "ch-robot/R07/R07.ipynb")
    notebook.to_the_end()
    assert TEAM in notebook.add("from robokit import my_runs, telemetry, show_telemetry\nmy_runs()")
    shown = notebook.add(f'data = telemetry("{run}")\nprint(*data.columns, len(data) > 500)\nshow_telemetry(data)')
    assert "t_ms x_mm y_mm heading_deg left right s_left s_right state event" in shown and "True" in shown
    desk_of_yuta.wait_for_timeout(1000)
    snap(desk_of_yuta, "telemetry")

    sora = visit("sora", "/hub/user-redirect/lab")
    sora.wait_for_url(re.compile("/user/sora/lab"), timeout=120_000)
    assignment_list(sora, f"{platform.url}/user/sora")
    sora.locator(".list_item", has_text="R07").get_by_role("button", name="Fetch").click()
    sora.locator(".list_item", has_text="R07").get_by_role("button", name="Submit").wait_for()
    notebook = Notebook(sora, f"{platform.url}/user/sora", "ch-robot/R07/R07.ipynb")
    notebook.to_the_end()
    refused = notebook.add(f'from robokit import telemetry\ntelemetry("{run}")')
    assert "チーム" in refused and "Traceback" not in refused, refused
