"""The classroom's pages in a browser's place: sign-in through the real hub, forms, feedback, languages."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from http.cookies import SimpleCookie
from urllib.parse import quote, urlencode, urljoin, urlsplit

import pytest
from classroom_machine import COURSE, GOOD, OTHER, ROOT, Answer, Machine, answered, request, run_machine, write_source

from hub.classroom.course import publish
from hub.classroom.package import pack, unpack
from hub.classroom.words import catalogue

TASK, BOOK = "課題１", "もんだい１"
TEACH = f"teach/{quote(COURSE)}"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    write_source(folder / "lesson", BOOK)
    publish(COURSE, {TASK: folder / "lesson"}, folder)
    yield from run_machine(folder)


class Browser:
    """Cookies by path, redirects, forms; hub and classroom stand behind one address as with the proxy."""

    def __init__(self, machine: Machine, who: str) -> None:
        self.machine, self.who = machine, who
        self.cookies: dict[tuple[str, str], str] = {}

    def send(self, method: str, path: str, form: dict[str, str] | None = None, **headers: str) -> Answer:
        """One request without following redirects."""
        port = self.machine.hub_port if path.startswith("/hub") else self.machine.port
        sent = "; ".join(f"{name}={value}" for (name, where), value in self.cookies.items() if path.startswith(where))
        body = urlencode(form).encode() if form is not None else None
        answer = request(method, f"http://127.0.0.1:{port}{path}", body, Cookie=sent, **headers)
        jar: SimpleCookie = SimpleCookie()
        for name, line in answer.headers.items():
            if name.lower() == "set-cookie":
                jar.load(line)
        for name, morsel in jar.items():
            self.cookies[name, morsel["path"] or "/"] = morsel.value
        return answer

    def open(self, where: str = "", method: str = "GET", form: dict[str, str] | None = None) -> Answer:
        """Like a person: follow redirects, sign in when the hub asks."""
        path = where if where.startswith("/") else f"/services/classroom/{where}"
        for _ in range(12):
            answer = self.send(method, path, form)
            headers = {name.lower(): value for name, value in answer.headers.items()}
            if answer.status in (301, 302, 303, 307):
                path, method, form = urljoin(path, headers["location"]), "GET", None
                path = path.replace(f"http://127.0.0.1:{self.machine.hub_port}", "")
            elif path.startswith("/hub/login"):
                xsrf = next(value for (name, _), value in self.cookies.items() if name == "_xsrf")
                target = urlsplit(path).query
                path, method = f"/hub/login?{target}", "POST"
                form = {"username": self.who, "password": "x", "_xsrf": xsrf}
            else:
                return answer
        raise AssertionError("too many redirects")

    def act(self, button: str, **change: str) -> Answer:
        """Press one of the buttons of the teacher's page."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.open(TEACH).text)
        assert found is not None
        return self.open(TEACH, "POST", {"csrf": found[1], "act": button, "assignment": TASK} | change)


@pytest.fixture(scope="module")
def teacher(machine: Machine) -> Browser:
    return Browser(machine, "sensei")


@pytest.fixture(scope="module")
def child(machine: Machine) -> Browser:
    return Browser(machine, "aozora")


def hand_in(machine: Machine, who: str, answer: str, essay: str | None = None) -> None:
    here = ("courses", COURSE, "assignments", TASK)
    released = unpack(machine.call(who, "GET", *here, "release").body)[f"{BOOK}.ipynb"]
    body = pack({f"{BOOK}.ipynb": answered(released, answer, essay)})
    assert machine.call(who, "POST", *here, "submissions", body=body, X_Command_Id=f"command-{who}").status == 201


def test_the_teachers_way_from_handing_out_to_giving_back(machine: Machine, teacher: Browser, child: Browser) -> None:
    page = teacher.open("").text
    assert TASK in page and "未配布" in page and "生徒 3" in page
    assert "「二倍にしよう」を配布しました" in teacher.act("release").text
    assert "まだ出していません" in child.open("").text
    hand_in(machine, "aozora", GOOD, "<script>alert(1)</script>**たす**")
    hand_in(machine, "koharu", "def double（n）:\n    return 2 * n")
    assert "出しました。返事を待ってね" in child.open("").text
    page = teacher.open(TEACH).text
    assert "2 / 3" in page
    assert "2 件回収しました" in teacher.act("collect").text
    assert "採点をはじめました（2 件）" in teacher.act("grade").text
    end = time.monotonic() + 30
    while 'http-equiv="refresh"' in (page := teacher.open(TEACH).text):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert "先生の確認待ち 1" in page
    rows = teacher.open(f"{TEACH}/assignments/{quote(TASK)}").text
    assert "5 / 6" in rows and "全角文字" in rows and "state_" not in rows
    assert "2 人に返却しました" in teacher.act("give_back").text
    csv = teacher.open(f"{TEACH}/scores.csv")
    assert csv.body.startswith(b"\xef\xbb\xbfcourse,") and f"{COURSE},{TASK},aozora,5.0,6.0,yes" in csv.text


def feedback_of(child: Browser) -> str:
    found = re.search(r'href="(/services/classroom/feedback/[^"]+)"', child.open("").text)
    assert found is not None
    return found[1]


def test_feedback_is_shown_without_any_rights(child: Browser) -> None:
    where = feedback_of(child)
    page = child.open(where)
    assert "3 つのうち 2 つできたよ" in page.text and "先生がこれから見るもの 1" in page.text
    assert 'sandbox title="もんだい１"' in page.text
    sheet = child.open(f"{where}/{quote(BOOK)}")
    policy = sheet.headers["content-security-policy"]
    assert sheet.status == 200 and "5.0 / 6.0" in sheet.text
    assert policy.startswith("sandbox; default-src 'none'") and "script-src" not in policy and "allow-" not in policy


def test_another_child_cannot_open_it(machine: Machine, child: Browser) -> None:
    where = feedback_of(child)
    nosy = Browser(machine, "koharu")
    assert nosy.open(where).status == 404 and nosy.open(f"{where}/{quote(BOOK)}").status == 404
    for path in (TEACH, f"{TEACH}/scores.csv", f"{TEACH}/assignments/{quote(TASK)}"):
        assert nosy.open(path).status == 403 and "先生だけ" in nosy.open(path).text
    stranger = Browser(machine, "betsu")
    assert stranger.open(TEACH).status == 404
    assert OTHER in Browser(machine, "yosono").open("").text


@pytest.mark.parametrize(
    ("change", "status"),
    [({"csrf": "x"}, 403), ({"csrf": ""}, 403), ({"act": "destroy"}, 422), ({"assignment": "../x"}, 422),
     ({"assignment": "なし"}, 404), ({"assignment": "x" * 20_000}, 413)],
)  # fmt: skip
def test_forms_that_are_not_ours_are_refused(teacher: Browser, change: dict[str, str], status: int) -> None:
    answer = teacher.act("release", **change)
    assert answer.status == status and "うまくいきませんでした" in answer.text


def test_a_form_sent_from_another_site_is_refused(teacher: Browser) -> None:
    found = re.search(r'name="csrf" value="([^"]+)"', teacher.open(TEACH).text)
    assert found is not None
    form = {"csrf": found[1], "act": "collect", "assignment": TASK}
    path = f"/services/classroom/{TEACH}"
    assert teacher.send("POST", path, form, Sec_Fetch_Site="cross-site").status == 403
    assert teacher.send("POST", path, form, Sec_Fetch_Site="same-origin").status == 303


def test_sign_in_needs_the_state_of_this_browser(machine: Machine) -> None:
    victim, attacker = Browser(machine, "aozora"), Browser(machine, "koharu")
    begun = victim.send("GET", "/services/classroom/")
    state = re.search(r"state=([^&]+)", begun.headers["location"])
    assert state is not None and begun.status == 302
    callback = "/services/classroom/oauth_callback"
    assert attacker.send("GET", f"{callback}?code=abc&state={state[1]}").status == 400
    assert victim.send("GET", f"{callback}?code=forged&state={state[1]}").status == 400
    assert victim.send("GET", callback).status == 400


def test_english_is_remembered(teacher: Browser) -> None:
    assert "Hand out again" in teacher.open(f"{TEACH}?lang=en").text
    page = teacher.open(TEACH)
    assert "Hand out again" in page.text and '<html lang="en"' in page.text
    assert "配り直す" in teacher.open(f"{TEACH}?lang=ja").text


def test_pages_carry_a_strict_policy_and_nothing_from_outside(teacher: Browser) -> None:
    page = teacher.open(TEACH)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert " style=" not in page.text and "<script" not in page.text and "http://" not in page.text
    for path in re.findall(r'(?:href|src)="(/services/classroom/static/[^"#]+)', page.text):
        assert teacher.open(path).status == 200, path
    assert teacher.open("static/../service.py").status == 404


@pytest.mark.parametrize("pages", ["classroom", "hub", "lessons"])
def test_both_languages_have_the_same_words(pages: str) -> None:
    japanese, english = catalogue(pages, "ja"), catalogue(pages, "en")
    assert japanese.keys() == english.keys()
    for key in japanese:
        assert japanese[key].strip() and english[key].strip()
        assert set(re.findall(r"{\w+}", japanese[key])) == set(re.findall(r"{\w+}", english[key])), key


@pytest.mark.parametrize(
    ("pages", "place"),
    [("classroom", "hub/classroom/templates"), ("hub", "hub/templates"), ("lessons", "hub/jupyter/lessons")],
)
def test_every_word_that_a_template_asks_for_exists(pages: str, place: str) -> None:
    for template in (ROOT / place).glob("*.html"):
        for key in re.findall(r'\bt\("(\w+)"(?:[,)]| if)', template.read_text()):
            assert key in catalogue(pages, "ja"), (template.name, key)


# Where a catalogue's words are used, and the beginnings of keys whose rest is a state, an act or a code.
USED = {
    "classroom": (("hub/classroom",), ("card_", "said_", "state_")),
    "hub": (("hub/templates", "hub/pages.py", "hub/sign_in.py", "hub/roster.py"), ("error_",)),
    "lessons": (("hub/jupyter/lessons",), ("problem_", "state_")),
    "box": (("hub/box",), ()),
}


@pytest.mark.parametrize("pages", USED)
def test_every_word_is_used(pages: str) -> None:
    places, beginnings = USED[pages]
    paths = [path for place in places for path in (ROOT / place, *(ROOT / place).rglob("*"))]
    code = "".join(path.read_text("utf-8") for path in paths if path.suffix in (".py", ".html"))
    assert all(f'"{beginning}' in code for beginning in beginnings)
    unused = [key for key in catalogue(pages, "ja") if f'"{key}"' not in code and not key.startswith(beginnings)]
    assert unused == []
