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


def where(locator):
    """Where something is on the screen; a redraw takes it away for a moment."""
    for _ in range(100):
        if box := locator.bounding_box():
            return box
    raise AssertionError(f"{locator} is not on the screen")


def test_a_run_from_a_robots_first_frame_to_the_public_screen(browser, server, wire):
    near, _ = wire
    fields = {"fresh": "1", "team": "柴山ライナーズ", "division": "ES", "field": "3", "robot": "7"}
    server.client("desk").post("/desk/call", data=fields)
    referee = open_page(browser, server, "referee", "/referee/r-1")
    public = open_page(browser, server, path="/public/ES")
    expect(referee.get_by_text("ロボット データなし")).to_be_visible()  # never heard is not well
    referee.get_by_role("button", name="走行をはじめる").click()
    expect(referee.get_by_role("button", name="終了してサインへ")).to_be_visible()
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
    expect(second.get_by_role("button", name="前の項目が先")).to_be_disabled()
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


def gate(near, counter, place):
    os.write(near, encode(pack(Event(9, counter, 1000 * counter, 3, place))))


def test_proposals_stay_under_the_thumb(browser, server, wire):
    near, _ = wire
    fields = {"fresh": "1", "team": "柴山ライナーズ", "division": "HS", "field": "3", "robot": "7"}
    server.client("desk").post("/desk/call", data=fields)
    ask(server.client("referee"), "start")
    page = open_page(browser, server, "referee", "/referee/r-1")
    cards, accept = page.locator(".proposal"), page.locator(".proposal .btn--robot")
    for counter, place in enumerate((0, 1, 2, 3), 1):
        gate(near, counter, place)
    expect(cards).to_have_count(4)
    expect(page.locator(".next-step")).to_have_text("次出発")
    boxes = [where(accept.nth(place)) for place in range(4)]
    assert all(box["y"] + box["height"] < 740 for box in boxes), "all four are in sight"
    gate(near, 5, 5)
    expect(cards).to_have_count(5)
    assert [where(accept.nth(place)) for place in range(4)] == boxes, "a new one comes below"
    page.locator(".proposals").evaluate("list => { list.scrollTop = 60; }")
    gate(near, 6, 6)
    expect(cards).to_have_count(6)
    assert page.locator(".proposals").evaluate("list => list.scrollTop") == 60
    page.locator(".proposals").evaluate("list => { list.scrollTop = 0; }")

    # The quickest second tap there can be: in the moment in which the next proposal has come under the thumb.
    tap = "document.querySelector('.proposal .btn--robot:not(:disabled)')?.click()"
    page.evaluate(f"new MutationObserver(() => {tap}).observe(document.body, {{childList: true}})")
    accept.first.click()
    expect(cards).to_have_count(5)
    expect(page.locator(".proposals [data-held]")).to_have_count(0)
    expect(page.locator("#points")).to_have_text("25")
    page.reload()
    accept.first.click()
    expect(page.locator("#points")).to_have_text("50")
    expect(cards).to_have_count(4)
    page.locator(".step--next").click()  # recorded by hand: what a sensor says of it too needs no answer
    expect(page.locator("#points")).to_have_text("75")
    expect(cards).to_have_count(3)
    expect(page.locator(".next-step")).to_have_text("次タワーで停止")
    expect(page.locator(".proposal--later").first.get_by_role("button", name="前の項目が先")).to_be_disabled()

    page.get_by_role("button", name="終了してサインへ").click()
    expect(page.get_by_text("まだ答えていない提案")).to_be_visible()
    server.kill()
    page.get_by_role("button", name="走行にもどる").click()
    page.locator(".step--done").nth(2).click()
    page.get_by_role("button", name="終了してサインへ").click()
    expect(page.get_by_text("送信が終わるとサインできます")).to_be_visible()
    page.get_by_role("button", name="選手：得点を確かめました").click()
    server.start()
    expect(page.get_by_text("送信が終わるとサインできます")).to_be_hidden(timeout=20_000)
    expect(page.locator("#points")).to_have_text("50")
    expect(page.get_by_role("button", name="選手：得点を確かめました")).to_be_enabled()


def test_what_is_unsent_shows_also_while_the_server_is_away(browser, server):
    fields = {"fresh": "1", "team": "柴山ライナーズ", "division": "HS", "field": "3", "robot": "0"}
    server.client("desk").post("/desk/call", data=fields)
    ask(server.client("referee"), "start")
    page = open_page(browser, server, "referee", "/referee/r-1")
    before = where(page.locator(".step").first)
    server.kill()
    page.locator(".step").first.click()
    expect(page.locator("#stale")).to_be_visible(timeout=20_000)
    middle = "unsent.getBoundingClientRect()"
    on_top = f"(b => document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2))({middle})"
    assert page.evaluate(f"unsent.contains({on_top})")
    assert where(page.locator(".step").first) == before, "no banner moves what is tapped"
    server.start()
    expect(page.locator("#stale")).to_be_hidden(timeout=20_000)
    expect(page.locator("#points")).to_have_text("25")


LONGEST = "加賀市立山中温泉中学校ロボット研究部自動走行チーム二〇二六年度"[:30]
OUTSIDE = """() => [...document.querySelectorAll("body *")].filter(each => {
  const box = each.getBoundingClientRect();
  return box.width && !each.closest(".sr, svg") && (box.right > innerWidth + 1 || box.left < -1);
}).map(each => each.outerHTML.slice(0, 90))"""

FREE_OF_CLOCK = """() => {
  const name = document.createRange(), clock = document.getElementById("clock").getBoundingClientRect();
  name.selectNodeContents(document.querySelector("h1"));
  return name.getBoundingClientRect().right <= clock.left;
}"""

SCORE_IN_SIGHT = """() => {
  const score = document.getElementById("points").getBoundingClientRect();
  return score.bottom <= document.querySelector(".ref-run").getBoundingClientRect().bottom;
}"""


@pytest.mark.parametrize("size", [(1180, 820), (820, 1180), (1920, 1080), (390, 844)])
def test_every_page_fits_its_screen_with_the_longest_name(browser, server, wire, size):
    near, _ = wire
    desk, referee = server.client("desk"), server.client("referee")
    for fresh, field, robot in (("1", "3", "7"), ("2", "4", "0")):
        fields = {"fresh": fresh, "team": LONGEST, "division": "HS", "field": field, "robot": robot, "lang": "ja"}
        desk.post("/desk/call", data=fields)
        ask(referee, "start", run=f"r-{fresh}")
    ask(referee, "end", run="r-2", reason="time_up")
    for signer in ("player", "referee"):
        ask(referee, "sign", run="r-2", by=signer)
    for counter, place in enumerate((0, 1, 2, 3), 1):
        gate(near, counter, place)
    pages = ((None, "/login"), ("desk", "/desk"), ("desk", "/desk/void/r-2"), ("referee", "/referee/r-1"))
    for role, path in (*pages, (None, "/public/HS")):
        page = open_page(browser, server, role, path, size)
        if path == "/referee/r-1":
            expect(page.locator(".proposal")).to_have_count(4)
            assert page.evaluate(FREE_OF_CLOCK), "the clock does not cover the name"
            assert page.evaluate(SCORE_IN_SIGHT), "nothing lies over the score"
        if path == "/public/HS":
            expect(page.get_by_text("秒前")).to_be_visible()
            assert page.locator(".name").get_attribute("lang") == "ja"
        assert page.evaluate(OUTSIDE) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path
        assert page.evaluate("document.documentElement.lang") == "ja"
        page.context.close()
