"""The pages in Debian's Chromium: live proposals, a silent robot, a server that dies, signing."""

import os
import re
import shutil
import signal
import tty

import pytest
from playwright.sync_api import expect, sync_playwright
from test_server import Server, ask

from robolev.link.frames import encode
from robolev.link.messages import Event, Telemetry, pack


@pytest.fixture(scope="module")
def browser():
    path = shutil.which("chromium")
    assert path, "expected Chromium. Do: sudo apt-get install chromium"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def wire():
    near, far = os.openpty()
    tty.setraw(far)
    yield near, os.ttyname(far)
    os.close(near)
    os.close(far)


@pytest.fixture
def server(tmp_path, wire):
    made = Server(tmp_path, "--serial", wire[1], "--sensor", "9=3")
    made.start()
    yield made
    if made.process.poll() is None:
        made.kill(signal.SIGTERM)


def open_page(browser, server, role=None, path="/public/MS", size=(1180, 820)):
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, base_url=server.url)
    page = context.new_page()
    if role:
        page.goto("/login")
        page.get_by_label("コード").fill(server.codes[role])
        page.get_by_role("button", name="はいる").click()
    page.goto(path)
    return page


def test_a_run_from_a_robots_first_frame_to_the_public_screen(browser, server, wire):
    near, _ = wire
    fields = {"fresh": "1", "team": "柴山ライナーズ", "division": "ES", "field": "3", "robot": "7"}
    server.client("desk").post("/desk/call", data=fields)
    referee = open_page(browser, server, "referee", "/referee/r-1")
    public = open_page(browser, server, path="/public/ES")
    expect(referee.get_by_text("ロボット データなし")).to_be_visible()  # never heard is not well
    referee.get_by_role("button", name="走行をはじめる").click()
    expect(public.get_by_text("いま走行中")).to_have_count(0)  # no result yet, no row

    def drive(number):
        moved = Telemetry(7, number, 20 * number, 7400, 0, 0, 0, 0, 400, 400, 10 * number, number, 0, 1, 1)
        os.write(near, b"\xdb half a frame \xc0" + encode(pack(moved)))

    for number in range(20):
        drive(number)
        referee.wait_for_timeout(100)
    os.write(near, encode(pack(Event(9, 1, 1234, 3, 0))) + encode(pack(Event(9, 2, 5200, 3, 3))))
    drive(21)
    expect(referee.get_by_text("ロボット 受信中")).to_be_visible()
    first, second = referee.locator(".proposal").nth(0), referee.locator(".proposal").nth(1)
    expect(first).to_contain_text("フィールドのセンサー 1.2 s")
    expect(second.get_by_role("button", name="認める")).to_be_disabled()
    expect(referee.locator(".trace__path")).to_have_attribute("points", re.compile(r"^0,0 10,-1"))
    first.get_by_role("button", name="認める").click()
    expect(referee.locator("#points")).to_have_text("50")
    expect(referee.locator(".proposal")).to_have_count(1)
    referee.get_by_role("button", name="ちがう").click()
    expect(referee.locator(".proposal")).to_have_count(0)
    expect(referee.get_by_text("ロボット データなし")).to_be_visible(timeout=10_000)  # the robot has fallen silent

    server.kill()
    referee.get_by_role("button", name="タワーで停止").click()
    expect(referee.locator("#unsent")).to_contain_text("1")
    server.start()
    expect(referee.locator("#unsent")).to_be_hidden(timeout=20_000)
    expect(referee.locator("#points")).to_have_text("150")
    referee.get_by_role("button", name="取り消す").click()
    expect(referee.locator("#points")).to_have_text("50")

    referee.get_by_role("button", name="終了してサインへ").click()
    referee.get_by_role("button", name="選手：得点を確かめました").click()
    expect(referee.get_by_role("button", name="選手：得点を確かめました")).to_be_disabled()
    expect(public.get_by_text("柴山ライナーズ")).to_have_count(0)
    referee.get_by_role("button", name="主審：得点を確かめました").click()
    expect(referee.get_by_text("公式記録になりました")).to_be_visible()
    expect(public.get_by_text("柴山ライナーズ")).to_be_visible(timeout=20_000)
    expect(public.locator(".total")).to_have_text("50")


@pytest.mark.parametrize("size", [(1180, 820), (1366, 768), (390, 844)])
def test_no_page_is_wider_than_its_screen(browser, server, size):
    fields = {"fresh": "1", "team": "加賀温泉ロボットクラブ", "division": "HS", "field": "3", "robot": "7"}
    desk = server.client("desk")
    desk.post("/desk/call", data=fields)
    ask(server.client("referee"), "start")
    for role, path in ((None, "/login"), ("desk", "/desk"), ("referee", "/referee/r-1"), (None, "/public/HS")):
        page = open_page(browser, server, role, path, size)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path
        assert page.evaluate("document.documentElement.lang") == "ja"
        page.context.close()
