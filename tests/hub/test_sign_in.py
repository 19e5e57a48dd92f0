"""Sign-in at the real hub through its real proxy: passwords, the brake, one-time passwords."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hub_machine import Browser, Hub, running_hub
from tornado.web import HTTPError

from hub.sign_in import ACCOUNT_TRIES, ADDRESS_TRIES, TRIES, Brake, TooManyTries

GOOD = "himitsu-no-123"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("sign-in") / "data") as machine:
        for name in ("yuta", "hana", "sora"):
            machine.roster.add(name, "", ["students"], GOOD)
        machine.sync()
        yield machine


def inside(page: object) -> bool:
    return "/hub/logout" in getattr(page, "text", "")


@pytest.mark.parametrize(
    ("language", "sentence"),
    [("", "ユーザー名かパスワードがちがいます"), ("en", "The user name or the password is wrong")],
)
def test_a_wrong_password_is_told_in_the_readers_language(hub: Hub, language: str, sentence: str) -> None:
    browser = Browser(hub.address, language)
    page = browser.sign_in("hana", "not-the-password")
    assert page.status_code == 403 and sentence in page.text and 'value="hana"' in page.text
    unknown = browser.sign_in("nobody-here", "not-the-password")
    assert unknown.status_code == 403 and sentence in unknown.text
    page = browser.post(browser.get("/hub/login"), username="ＨＡＮＡ", password=GOOD)
    assert inside(page) and page.url.path == "/hub/home"


def test_the_language_is_a_switch_that_stays(hub: Hub) -> None:
    browser = Browser(hub.address)
    assert '<html lang="ja"' in browser.get("/hub/login").text
    assert '<html lang="en"' in browser.get("/hub/login?lang=en").text
    assert "Come in" in browser.get("/hub/login").text
    assert "教室にはいる" in browser.get("/hub/login?lang=ja").text


def test_after_sign_in_one_is_where_one_wanted_to_go_and_never_elsewhere(hub: Hub) -> None:
    assert Browser(hub.address).sign_in("yuta", GOOD, "/hub/new-password").url.path == "/hub/new-password"
    for bait in ("https://evil.example/", "//evil.example/", "/\\evil.example"):
        page = Browser(hub.address).sign_in("yuta", GOOD, f"/hub/login?next={bait}")
        assert page.url.host == "127.0.0.1" and inside(page)


def test_a_form_from_elsewhere_is_refused_kindly(hub: Hub) -> None:
    browser = Browser(hub.address)
    page = browser.http.post("/hub/login", data={"username": "yuta", "password": GOOD})
    assert page.status_code == 403 and "もう一度入れてください" in page.text and not inside(page)


def test_guessing_is_braked_for_that_account_only(hub: Hub) -> None:
    browser = Browser(hub.address)
    for _ in range(TRIES):
        assert browser.sign_in("sora", "guess").status_code == 403
    page = browser.sign_in("sora", GOOD)  # right, but it is not looked at
    assert page.status_code == 429 and "秒待って" in page.text and int(page.headers["retry-after"]) <= 61
    assert inside(Browser(hub.address).sign_in("yuta", GOOD))


def test_a_one_time_password_only_leads_to_an_own_one(hub: Hub) -> None:
    card = hub.roster.add("mei", "めい", ["students"])
    hub.sync()
    browser = Browser(hub.address)
    form = browser.sign_in("mei", card)
    assert "自分のパスワードを決めよう" in form.text and not inside(form)
    assert not inside(browser.get("/hub/home"))  # no session yet
    short = browser.post(form, new="kurz", again="kurz")
    assert short.status_code == 422 and "短すぎます" in short.text
    different = browser.post(short, new="nagai-nagai-1", again="nagai-nagai-2")
    assert different.status_code == 422 and "2 つのパスワードがちがいます" in different.text
    home = browser.post(different, new="nagai-nagai-1", again="nagai-nagai-1")
    assert inside(home) and home.url.path == "/hub/home" and "めい" in home.text
    late = Browser(hub.address)
    late.get("/hub/login")
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form.text))
    fields["_xsrf"] = late.http.cookies["_xsrf"]
    page = late.http.post("/hub/new-password", data=fields | {"new": "stolen-card-1", "again": "stolen-card-1"})
    assert not inside(page)  # the ticket went with the password it was for
    assert inside(Browser(hub.address).sign_in("mei", "nagai-nagai-1"))
    assert Browser(hub.address).sign_in("mei", card).status_code == 403


def test_changing_the_password_needs_the_present_one(hub: Hub) -> None:
    browser = Browser(hub.address)
    assert not inside(browser.http.post("/hub/new-password", data={"new": "x" * 9, "again": "x" * 9}))
    browser.sign_in("hana", GOOD)
    page = browser.post(browser.get("/hub/new-password"), password="wrong", new="atarashii-1", again="atarashii-1")
    assert page.status_code == 422 and "今のパスワードがちがいます" in page.text
    assert inside(browser.post(page, password=GOOD, new="atarashii-1", again="atarashii-1"))
    assert inside(Browser(hub.address).sign_in("hana", "atarashii-1"))


def test_signing_out_ends_the_session(hub: Hub) -> None:
    browser = Browser(hub.address)
    assert inside(browser.sign_in("yuta", GOOD))
    assert "教室にはいる" in browser.get("/hub/logout").text and not inside(browser.get("/hub/home"))


def test_the_brake_counts_per_account_and_address_and_forgets() -> None:
    now = [0.0]
    brake = Brake(lambda: now[0])
    for _ in range(TRIES):
        brake.take("a", "10.0.0.1")
    with pytest.raises(TooManyTries) as told:
        brake.take("a", "10.0.0.1")
    assert told.value.wait_s == 61 and isinstance(told.value, HTTPError)
    brake.take("a", "10.0.0.2")  # the person is elsewhere, and is let in
    brake.succeeded("a", "10.0.0.2")
    with pytest.raises(TooManyTries):
        brake.take("a", "10.0.0.1")
    now[0] = 60.5
    brake.take("a", "10.0.0.1")
    brake.succeeded("a", "10.0.0.1")
    for number in range(ADDRESS_TRIES):
        brake.take(f"x{number}", "10.0.0.9")
    with pytest.raises(TooManyTries):
        brake.take("new", "10.0.0.9")
    brake.take("new", "10.0.0.8")


def test_an_account_is_braked_when_many_addresses_guess_at_it() -> None:
    brake = Brake(lambda: 0.0)
    for number in range(ACCOUNT_TRIES):
        brake.take("a", f"10.0.{number // TRIES}.1")
    with pytest.raises(TooManyTries):
        brake.take("a", "10.1.0.1")
    brake.take("b", "10.1.0.1")
