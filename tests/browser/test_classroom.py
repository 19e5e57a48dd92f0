"""A lesson as its people live it: the student solves and hands in, the teacher grades, the student reads."""

import re

import pytest
from conftest import PHONE
from playwright.sync_api import expect


def test_a_wrong_password_is_told_kindly_in_both_languages(visit):
    page = visit(path="/hub/login")
    for language, told in (("ja", "ちがいます"), ("en", "is wrong")):
        page.goto(page.url.split("?")[0] + f"?lang={language}")
        page.locator("input[name=username]").fill("yuta")
        page.locator("input[name=password]").fill("まちがい")
        page.locator("form [type=submit]").first.click()
        expect(page.get_by_role("alert")).to_contain_text(told)
        assert page.locator("html").get_attribute("lang") == language


def test_jupyterlab_is_japanese(desk_of_yuta):
    expect(desk_of_yuta.locator(".lm-MenuBar-itemLabel").first).to_have_text("ファイル", timeout=60_000)


def test_the_lesson_runs_on_real_micropython_and_draws_its_trace(handed_in, desk_of_yuta):
    assert sum("wobble" in text for text in handed_in) == 3, handed_in
    assert "lap 22" in handed_in[-1] or any("lap 22" in text for text in handed_in)
    assert not any("Error" in text for text in handed_in), handed_in


@pytest.fixture(scope="module")
def given_back(platform, visit, handed_in, snap):
    """The teacher collects, autogrades, grades the explanation by hand and gives it back."""
    page = visit("sensei", "/services/classroom/teach/ch-robot")
    page.get_by_role("button", name="回収").click()
    expect(page.get_by_role("status")).to_contain_text("ラインをたどる")
    page.get_by_role("button", name="採点").click()
    waiting = page.get_by_text("先生の確認待ち 1")
    for _ in range(60):
        if waiting.count():
            break
        page.wait_for_timeout(1000)
        page.goto(f"{platform.url}/services/classroom/teach/ch-robot")
    expect(waiting).to_be_visible()
    snap(page, "class")
    grader = visit("sensei", "/hub/user-redirect/grade/ch-robot/formgrader/gradebook/R07/R07")
    grader.wait_for_url(re.compile("/user/sensei/grade/ch-robot/formgrader/"), timeout=120_000)
    grader.get_by_role("link", name=re.compile("Submission #1|yuta")).click()
    grader.wait_for_function("() => window.formgrader?.loaded && formgrader.grades.loaded")
    full = grader.get_by_role("button", name="Full credit").last  # the explanation; the tests before it have no button
    with grader.expect_response(lambda answer: "/api/grade/" in answer.url and answer.request.method == "PUT"):
        full.click()
    full.scroll_into_view_if_needed()
    snap(grader, "form-grader")
    page.goto(f"{platform.url}/services/classroom/teach/ch-robot")
    page.get_by_role("button", name="返却").click()
    expect(page.get_by_role("status")).to_contain_text("ラインをたどる")
    return page


def test_the_scores_are_in_the_gradebook(given_back, platform):
    with given_back.expect_download() as download:
        given_back.get_by_role("link", name="成績表").click()
    table = download.value.path().read_text("utf-8-sig").splitlines()
    names, values = table[0].split(","), next(line for line in table if "yuta" in line).split(",")
    row = dict(zip(names, values, strict=True))
    assert (float(row["score"]), float(row["max_score"])) == (10.0, 10.0), row


def test_the_student_reads_the_feedback(given_back, visit, snap):
    page = visit("yuta")
    page.get_by_role("link", name=re.compile("ラインをたどる|R07")).last.click()
    expect(page.locator("main")).to_contain_text("でき")
    snap(page, "feedback")
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
