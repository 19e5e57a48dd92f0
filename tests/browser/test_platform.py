"""Starting and stopping everything, as the city's one IT person does it."""

import os
import re
import signal
import time

import pytest
from playwright.sync_api import expect
from running import Platform

SERVICES = (r"console\.main robolev serve", r"hub\.classroom\.service")


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A platform without the demonstration, over a folder with a Japanese name and a space."""
    made = Platform(tmp_path_factory.mktemp("plain") / "加賀 data", options=())
    try:
        made.start()
        yield made
    finally:
        made.end()


def test_the_first_administrator_chooses_a_password_of_their_own(plain, browser):
    assert list(plain.passwords) == ["admin"]
    page = browser.new_context(locale="ja-JP").new_page()
    page.goto(plain.url)
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(plain.passwords["admin"])
    page.locator("form [type=submit]").first.click()
    fields = page.locator("input[type=password]")
    expect(fields).to_have_count(2)
    for field in fields.all():
        field.fill("kutani-gosai-2026")
    page.locator("form [type=submit]").first.click()
    expect(page.locator("main")).to_contain_text("利用者をひらく")
    page.context.close()


def test_the_hub_goes_on_when_services_die_and_they_come_back(plain, browser):
    for service in SERVICES:
        victims = [pid for pid, words in plain.processes().items() if re.search(service, words)]
        assert victims, plain.processes()
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
    page = browser.new_page()
    assert page.goto(f"{plain.url}/hub/login").status == 200
    end = time.monotonic() + 60
    while page.goto(f"{plain.url}/services/robolev/").status >= 500:
        assert time.monotonic() < end, plain.printed + plain.logs()
        page.wait_for_timeout(300)
    assert "robolev ended (status -9); starting it again" in plain.printed
    page.close()


def test_ctrl_c_ends_everything_and_a_second_start_finds_all_again(plain):
    seconds = plain.stop()
    assert plain.process.returncode == 0, plain.printed
    assert plain.processes() == {}
    print(f"stopped in {seconds:.1f} s; limit 10 s")
    again = plain.start()
    print(f"second start: first page after {again:.1f} s; limit 15 s")
    assert "Administrator" not in plain.printed  # told once
    assert plain.stop() < 60 and plain.processes() == {}
