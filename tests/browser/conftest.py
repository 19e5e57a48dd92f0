"""Fixtures of the browser tests.

`platform`: everything running, once for all tests of this folder · `browser`: Debian's Chromium ·
`visit(name)`: a page on which that person is signed in · `snap(page, name)`: a screenshot, kept with --pictures ·
`desk_of_yuta`: a student's JupyterLab · `handed_in`: lesson R07 solved there and submitted.
"""

import re
import shutil

import pytest
from lesson import ANSWERS, LAST
from notebook import Notebook
from playwright.sync_api import expect, sync_playwright
from running import Platform

TABLET, CHROMEBOOK, PHONE = (1180, 820), (1366, 768), (390, 844)
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def platform(tmp_path_factory):
    made = Platform(tmp_path_factory.mktemp("platform") / "var")
    try:
        made.start()
        yield made
    finally:
        made.end()


@pytest.fixture(scope="session")
def browser():
    program = shutil.which("chromium")
    assert program, "expected Debian's Chromium, found none. Do: sudo apt-get install chromium"
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=[*quiet, "--disable-sync", "--no-first-run"])
        try:
            yield started
        finally:
            started.close()


@pytest.fixture(scope="session")
def pictures(request, tmp_path_factory):
    folder = request.config.getoption("--pictures") or tmp_path_factory.mktemp("pictures")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def snap(pictures):
    """Take a screenshot; its path is printed so that a person can look at it."""

    def take(page, name, **options):
        file = pictures / f"{name}.png"
        page.screenshot(path=file, **options)
        print(file)

    return take


@pytest.fixture(scope="session")
def visit(platform, browser):
    """visit(name, path, size): a new window in which that person (None: nobody) is signed in at that path."""
    contexts = []

    def open_at(name=None, path="/hub/home", size=CHROMEBOOK, language="ja-JP"):
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale=language)
        contexts.append(context)
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.goto(f"{platform.url}{path}")
        if name is not None:
            if "/hub/login" not in page.url:
                page.goto(f"{platform.url}/hub/login")
            page.locator("input[name=username]").fill(name)
            page.locator("input[name=password]").fill(platform.passwords[name])
            page.locator("form button[type=submit], form input[type=submit]").first.click()
            page.wait_for_url(lambda url: "/hub/login" not in url)
            page.goto(f"{platform.url}{path}")
        return page

    yield open_at
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def desk_of_yuta(visit):
    """Yuta's JupyterLab, opened by the big button of the home page."""
    page = visit("yuta")
    page.get_by_role("link", name="学習をはじめる").click()
    page.wait_for_url(re.compile("/user/yuta/"), timeout=120_000)
    page.locator("#jp-main-dock-panel").wait_for(timeout=120_000)
    return page


def assignment_list(page, address):
    """nbgrader's own list, from JupyterLab's menu."""
    page.goto(f"{address}/lab?reset")
    page.locator(".lm-MenuBar-itemLabel", has_text="Nbgrader").click()
    page.locator(".lm-Menu-itemLabel", has_text="Assignment List").click()


@pytest.fixture(scope="session")
def handed_in(platform, desk_of_yuta, snap):
    """R07 fetched, solved and submitted from JupyterLab; what the cells showed."""
    page, address = desk_of_yuta, f"{platform.url}/user/yuta"
    notebook = Notebook(page, address, "ch-robot/R07/R07.ipynb")
    shown = notebook.work_through(ANSWERS, LAST)
    page.locator(".jp-OutputArea-output svg").last.scroll_into_view_if_needed()
    snap(page, "lesson")
    page.get_by_role("link", name="保存して 提出へ").or_(page.get_by_role("button", name="保存して 提出へ")).click()
    page.wait_for_url(re.compile("/user/yuta/kaga/"))
    page.locator("section, li, article", has_text="ラインをたどる").get_by_role("button", name="提出").first.click()
    expect(page.get_by_role("status")).to_contain_text("提出")
    return shown
