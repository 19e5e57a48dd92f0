"""The exchange over HTTP with a real hub, a real service and real nbgrader, and a curious student."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import stat
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from classroom_machine import (
    COURSE,
    GOOD,
    OTHER,
    ROOT,
    SCOPES,
    Answer,
    Machine,
    answered,
    free_port,
    request,
    run_machine,
    write_source,
)

from hub.classroom.course import publish
from hub.classroom.package import MAX_PACKAGE, MIB, pack, unpack

TASK, LOOSE = "課題１", "れんしゅう"
BOOK = "もんだい１"
HERE = ("courses", COURSE, "assignments", TASK)
FREE = ("courses", COURSE, "assignments", LOOSE)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    write_source(folder / "lesson", BOOK, "もんだい２")
    write_source(folder / "loose", BOOK)
    publish(COURSE, {TASK: folder / "lesson", LOOSE: folder / "loose"}, folder)
    for made in run_machine(folder):
        assert made.call("sensei", "POST", *FREE, "release").status == 201
        package = made.call("sensei", "GET", *FREE, "release").body
        assert made.call("betsu", "PUT", "courses", OTHER, "assignments", TASK, "release", body=package).status == 201
        yield made


def home(machine: Machine, who: str) -> Path:
    folder = machine.folder / "home" / who
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "nbgrader_config.py").write_text(f"load_subconfig({str(ROOT / 'hub/exchange/nbgrader_config.py')!r})\n")
    return folder


COMMANDS = """
import json, sys
from nbgrader.apps import NbGraderApp
for arguments in json.loads(sys.argv[1]):
    try:
        NbGraderApp.launch_instance(arguments)
    except SystemExit as end:
        print("ended with", end.code or 0, flush=True)
    else:
        print("ended with 0", flush=True)
    for kind in NbGraderApp.__mro__[0].subcommands.values():
        kind[0].clear_instance()
    NbGraderApp.clear_instance()
"""


def nbgrader(machine: Machine, who: str, *commands: str, ends: str = "") -> str:
    """nbgrader's commands one after another in somebody's home; their output. `ends`: the exit codes."""
    extra = {"HOME": str(home(machine, who))}
    if who == "sensei":
        extra |= {"KAGA_COURSE": COURSE, "KAGA_COURSE_ROOT": str(machine.course)}
    asked = json.dumps([line.split() for line in commands])
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS, asked], cwd=home(machine, who), env=machine.environment(who) | extra,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
    )  # fmt: skip
    assert "".join(re.findall("ended with ([0-9])", done.stdout)) == (ends or "0" * len(commands)), done.stdout
    return done.stdout


def submit(machine: Machine, who: str, body: bytes, command: str = "command-0001") -> Answer:
    return machine.call(who, "POST", *FREE, "submissions", body=body, X_Command_Id=command)


def loose_book(machine: Machine, answer: str = GOOD, essay: str | None = None) -> bytes:
    released = unpack(machine.call("aozora", "GET", *FREE, "release").body)
    return answered(released[f"{BOOK}.ipynb"], answer, essay)


def test_the_whole_loop_by_nbgraders_own_commands(machine: Machine) -> None:
    release = f"release_assignment {TASK}"
    output = nbgrader(machine, "sensei", f"generate_assignment {TASK}", release, release, ends="001")
    assert "Released" in output and "もう配布されています" in output and "Traceback" not in output
    output = nbgrader(machine, "aozora", "list", f"fetch_assignment {TASK} --course {COURSE}")
    assert f"{COURSE} {TASK} released" in output
    work = home(machine, "aozora") / COURSE / TASK
    assert sorted(path.name for path in work.iterdir()) == ["もんだい１.ipynb", "もんだい２.ipynb", "測定.csv"]
    book = work / f"{BOOK}.ipynb"
    book.write_bytes(answered(book.read_bytes(), GOOD, essay="n を 2 回たす"))
    (work / ".memo").write_text("ひみつのメモ")
    assert "Submitted" in nbgrader(machine, "aozora", f"submit {TASK} --course {COURSE}")
    output = nbgrader(
        machine, "sensei", f"collect {TASK}", f"autograde {TASK}", f"generate_feedback {TASK}",
        f"release_feedback {TASK}",
    )  # fmt: skip
    collected = machine.course / "submitted" / "aozora" / TASK
    assert {"もんだい１.ipynb", "timestamp.txt"} <= {path.name for path in collected.iterdir()}
    assert "Graded: aozora 5" in output and "Feedback given back: aozora" in output
    nbgrader(machine, "aozora", f"fetch_feedback {TASK} --course {COURSE}")
    stamp = (collected / "timestamp.txt").read_text().strip()
    assert "5.0 / 6.0" in (work / "feedback" / stamp / f"{BOOK}.html").read_text()


def serve(machine: Machine, who: str, root: Path, **extra: str) -> tuple[str, subprocess.Popen[bytes]]:
    """A Jupyter server with nbgrader's extensions, as somebody; its address."""
    port, extensions = free_port(), ("assignment_list", "course_list", "formgrader")
    on = {f"nbgrader.server_extensions.{name}": True for name in extensions}
    (root / "nbgrader_config.py").write_text(f"load_subconfig({str(ROOT / 'hub/exchange/nbgrader_config.py')!r})\n")
    with (machine.folder / f"server-{who}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root", f"--port={port}",
             "--IdentityProvider.token=t", "--ServerApp.disable_check_xsrf=True",
             f"--ServerApp.root_dir={root}", f"--ServerApp.jpserver_extensions={on}"],
            cwd=root, env=machine.environment(who) | {"HOME": str(root)} | extra, stdout=log, stderr=log,
        )  # fmt: skip
    address, end = f"http://127.0.0.1:{port}", time.monotonic() + 40
    while time.monotonic() < end:
        try:
            if request("GET", f"{address}/api/status", Authorization="token t").status == 200:
                return address, process
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise AssertionError((machine.folder / f"server-{who}.log").read_text()[-2000:])


def test_the_form_grader_opens_our_gradebook_and_its_button_grades_in_the_box(machine: Machine) -> None:
    spy = machine.folder / "spied"
    code = GOOD + f"\ntry: open({str(spy)!r}, 'w')\nexcept OSError: pass"
    essay = "<b>太字</b> <img src=x onerror=alert(1)> <script>alert(2)</script>"
    assert submit(machine, "koharu", pack({f"{BOOK}.ipynb": loose_book(machine, code, essay)})).status == 201
    assert machine.call("sensei", "POST", *FREE, "collection").json == {"collected": ["koharu"]}
    extra = {"KAGA_COURSE": COURSE, "KAGA_COURSE_ROOT": str(machine.course)}
    address, process = serve(machine, "sensei", machine.course, **extra)
    try:
        def ask(method: str, where: str) -> Answer:
            return request(method, f"{address}/formgrader/{quote(where)}", b"" if method == "POST" else None,
                           Authorization="token t")  # fmt: skip

        graded = ask("POST", f"api/submission/{LOOSE}/koharu/autograde").json
        assert graded["success"], graded
        assert "Graded: koharu" in graded["log"] and not spy.exists()
        found = {item["student"]: item for item in ask("GET", f"api/submissions/{LOOSE}").json}
        assert (found["koharu"]["score"], found["koharu"]["max_score"], found["koharu"]["autograded"]) == (5, 6, True)
        tasks = {item["name"]: item for item in ask("GET", "api/assignments").json}
        assert tasks[LOOSE]["status"] == "released" and tasks[LOOSE]["num_submissions"] == 1
        pages = ("manage_assignments", f"manage_submissions/{LOOSE}", "gradebook", "manage_students")
        for where in (*pages, f"gradebook/{LOOSE}", f"gradebook/{LOOSE}/{BOOK}"):
            assert ask("GET", where).status == 200, where
        (notebook,) = ask("GET", f"api/submitted_notebooks/{LOOSE}/{BOOK}").json
        sheet = ask("GET", f"submissions/{notebook['id']}/")
        assert sheet.status == 200 and "<b>太字</b>" in sheet.text
        assert "onerror" not in sheet.text and "<script>alert" not in sheet.text  # a child's text is no program
    finally:
        process.terminate()
        process.wait(20)


def test_a_students_own_server_lists_fetches_and_submits(machine: Machine) -> None:
    root = home(machine, "ringo")
    address, process = serve(machine, "ringo", root)
    try:
        def ask(method: str, where: str, **form: str) -> Answer:
            body = urlencode(form).encode() if form else None
            return request(method, f"{address}/{where}", body, Authorization="token t")

        assert ask("GET", "courses").json == {"success": True, "value": [COURSE]}
        names = {"course_id": COURSE, "assignment_id": LOOSE}
        assert ask("POST", "assignments/fetch", **names).json["success"] is True
        (info,) = [item for item in ask("GET", "assignments?course_id=").json["value"]
                   if item["assignment_id"] == LOOSE and item["status"] == "fetched"]  # fmt: skip
        assert info["path"] == f"{COURSE}/{LOOSE}" and info["notebooks"][0]["path"].endswith(f"{BOOK}.ipynb")
        assert ask("POST", "assignments/submit", **names).json["success"] is True
        listed = ask("GET", "assignments?course_id=").json["value"]
        assert [item["status"] for item in listed if item.get("submissions")] == ["submitted"]
    finally:
        process.terminate()
        process.wait(20)


def evil(name: str, content: bytes = b"{}", mode: int = 0) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as package:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = mode << 16
        package.writestr(entry, content)
        package.writestr("a.ipynb", '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}')
    return made.getvalue()


def bomb() -> bytes:
    return pack({f"{number}.txt": bytes(20 * MIB) for number in range(4)})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (evil("../../../courses/x.ipynb"), "bad_name"),
        (evil("/etc/passwd"), "bad_name"),
        (evil("a\\..\\b"), "bad_name"),
        (evil("a/./b"), "bad_name"),
        (evil("a\u202egpj.py"), "bad_name"),
        (evil("link", b"/etc/passwd", stat.S_IFLNK | 0o777), "bad_package"),
        (evil("a.ipynb"), "bad_package"),
        (evil("a.ipynb/b"), "bad_package"),
        (b"PK\x03\x04 no zip", "bad_package"),
        (b"", "bad_package"),
        (pack({f"{n}.txt": b"" for n in range(201)}), "too_many_files"),
        (bomb(), "too_large"),
        (bytes(MAX_PACKAGE + 1), "too_large"),
        (pack({"memo.txt": b"x"}), "no_notebook"),
        (pack({"a.ipynb": b"hello"}), "not_a_notebook"),
        (pack({"a.ipynb": b'{"cells": {}, "nbformat": 4}'}), "not_a_notebook"),
        (pack({"a.ipynb": b"[" * 100_000}), "not_a_notebook"),
        (pack({"a.ipynb": b" " * (11 * MIB)}), "too_large"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_packages_that_are_refused(machine: Machine, body: bytes, code: str) -> None:
    answer = submit(machine, "aozora", body)
    assert answer.code == code and 400 <= answer.status < 500
    assert answer.json["ja"] and answer.json["en"] and "Traceback" not in answer.text


def test_a_lying_zip_size_is_read_no_further_than_the_limit() -> None:
    honest = bytearray(pack({"a.txt": bytes(61 * MIB)}))
    for mark, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        start = honest.index(mark)
        honest[start + place : start + place + 4] = (100).to_bytes(4, "little")
    with pytest.raises(Exception, match="bad_package|too_large"):
        unpack(bytes(honest))


def test_strange_but_honest_work_is_taken(machine: Machine) -> None:
    syntax = loose_book(machine, "def double（n）:\n    return２＊n")
    files = {f"{BOOK}.ipynb": syntax, "データ/測定（１）.csv": b"1", ".memo": b"x"}
    answer = submit(machine, "aozora", pack(files), "command-strange")
    assert answer.status == 201 and answer.json["notebooks"] == [BOOK]


def test_submitting_twice_with_one_id_is_one_submission(machine: Machine) -> None:
    body = pack({f"{BOOK}.ipynb": loose_book(machine)})
    first, second = submit(machine, "aozora", body, "command-twice"), submit(machine, "aozora", body, "command-twice")
    third = submit(machine, "aozora", body, "command-third")
    assert first.json == second.json and third.json["id"] != first.json["id"]
    assert third.json["timestamp"] > first.json["timestamp"]
    assert submit(machine, "aozora", body, "x").code == "bad_request"


@pytest.mark.parametrize(
    ("method", "parts", "status", "code"),
    [
        ("GET", ("courses", COURSE, "submissions"), 403, "teachers_only"),
        ("GET", ("courses", COURSE, "submissions", "1"), 403, "teachers_only"),
        ("GET", ("courses", COURSE, "mine", "1", "feedback"), 404, "unknown_submission"),
        ("GET", ("courses", COURSE, "mine", "99999999", "feedback"), 404, "unknown_submission"),
        ("GET", ("courses", COURSE, "mine", "1 or 1=1", "feedback"), 422, "bad_request"),
        ("GET", ("courses", OTHER, "assignments"), 404, "unknown_course"),
        ("GET", ("courses", "どこにもない", "assignments"), 404, "unknown_course"),
        ("GET", ("courses", OTHER, "assignments", TASK, "release"), 404, "unknown_course"),
        ("GET", ("courses", COURSE, "assignments", "../source/課題１", "release"), 404, "not_here"),
        ("GET", ("courses", "..", "assignments"), 404, "unknown_course"),
        ("GET", ("courses", COURSE, "assignments", "未配布", "release"), 404, "unknown_assignment"),
        ("PUT", (*FREE, "release"), 403, "teachers_only"),
        ("POST", (*FREE, "release"), 403, "teachers_only"),
        ("DELETE", (*FREE, "release"), 403, "teachers_only"),
        ("POST", (*FREE, "collection"), 403, "teachers_only"),
        ("POST", (*FREE, "grading"), 403, "teachers_only"),
        ("GET", (*FREE, "grading"), 403, "teachers_only"),
        ("POST", (*FREE, "feedback"), 403, "teachers_only"),
        ("PUT", (*FREE, "feedback", "aozora"), 422, "bad_request"),
        ("GET", ("courses", COURSE, "gradebook.db"), 404, "not_here"),
    ],
)  # fmt: skip
def test_a_curious_student_gets_nowhere(
    machine: Machine, method: str, parts: tuple[str, ...], status: int, code: str
) -> None:
    answer = machine.call("koharu" if "mine" in parts else "aozora", method, *parts,
                          body=None if method in ("GET", "DELETE") else b"{}")  # fmt: skip
    assert (answer.status, answer.code) == (status, code)
    assert str(machine.folder) not in answer.text and "Traceback" not in answer.text


def test_a_teacher_of_another_course_is_a_stranger(machine: Machine) -> None:
    assert machine.call("betsu", "GET", "courses", COURSE, "submissions").code == "unknown_course"
    assert machine.call("betsu", "POST", *FREE, "grading", body=b"{}").code == "unknown_course"
    assert submit(machine, "sensei", pack({f"{BOOK}.ipynb": loose_book(machine)})).code == "students_only"
    number = machine.call("aozora", "GET", "courses", COURSE, "mine").json[0]["id"]
    assert machine.call("betsu", "GET", "courses", OTHER, "submissions", str(number)).code == "unknown_submission"


@pytest.mark.parametrize("header", ["", "token", "token ", "token no-such-token-0000", "Basic YTpi", "token x\x7f" * 9])
def test_without_a_good_token_nothing_is_told(machine: Machine, header: str) -> None:
    answer = request("GET", f"{machine.url}/api/me", **({"Authorization": header} if header else {}))
    assert answer.status in (401, 403) and answer.code in ("no_token", "bad_token")


def test_a_token_without_access_to_the_classroom_is_refused(machine: Machine) -> None:
    assert machine.call(machine.make_token("aozora", SCOPES[:2]), "GET", "me").code == "no_access"
    assert machine.call(machine.token, "GET", "me").code == "bad_token"  # a service is nobody


def test_identity_comes_from_the_token_alone(machine: Machine) -> None:
    body = pack({f"{BOOK}.ipynb": loose_book(machine)})
    where = "?student_id=koharu&student=koharu&user=koharu"
    answer = machine.call(
        "aozora", "POST", *FREE, "submissions", body=body, query=where, X_Command_Id="command-forged",
        X_Forwarded_User="koharu", Remote_User="koharu",
    )  # fmt: skip
    assert answer.json["student_id"] == "aozora"
    mine = machine.call("koharu", "GET", "courses", COURSE, "mine").json
    assert {item["student_id"] for item in mine} == {"koharu"}


def test_kill_nine_while_submitting_loses_nothing_acknowledged(machine: Machine) -> None:
    body = pack({f"{BOOK}.ipynb": loose_book(machine), "big.bin": os.urandom(200_000)})
    told: list[dict[str, object]] = []
    going = threading.Event()
    going.set()

    def keep_submitting(who: str) -> None:
        number = 0
        while going.is_set():
            number += 1
            try:
                answer = submit(machine, who, body, f"command-kill-{who}-{number}")
            except OSError:
                return
            if answer.status == 201:
                told.append(answer.json)

    threads = [threading.Thread(target=keep_submitting, args=(who,)) for who in ("aozora", "koharu", "ringo")]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 10
    while len(told) < 12 and time.monotonic() < end:
        time.sleep(0.01)
    os.kill(machine.classroom.pid, signal.SIGKILL)
    machine.classroom.wait(10)
    going.clear()
    for thread in threads:
        thread.join(20)
    machine.start_classroom()
    kept = {item["id"]: item for item in machine.call("sensei", "GET", "courses", COURSE, "submissions").json}
    assert len(told) >= 12 and all(kept[item["id"]] == item for item in told)
    for item in told:
        files = unpack(machine.call("sensei", "GET", "courses", COURSE, "submissions", str(item["id"])).body)
        assert len(files["big.bin"]) == 200_000


def test_a_hub_that_is_down_is_said_clearly(machine: Machine) -> None:
    os.kill(machine.hub_process.pid, signal.SIGKILL)
    machine.hub_process.wait(10)
    answer = machine.call("a-token-never-seen-before", "GET", "me")
    assert (answer.status, answer.code) == (503, "hub_down") and "少し待って" in answer.json["ja"]


def test_a_classroom_that_is_down_is_one_line_in_nbgrader(machine: Machine) -> None:
    machine.classroom.kill()
    machine.classroom.wait(10)
    output = nbgrader(machine, "aozora", f"submit {TASK} --course {COURSE}", ends="1")
    assert "教室サービスから返事がありません" in output and "Traceback" not in output
