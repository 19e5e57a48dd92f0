"""Grading collected submissions: strange code, the gradebook, and equality with nbgrader's own scores."""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from classroom_machine import COURSE, GOOD, answered, source_notebook, write_source
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from traitlets.config import Config

from hub import commands
from hub.classroom import worker
from hub.classroom.course import publish
from hub.classroom.desk import Desk
from hub.classroom.identity import Person
from hub.classroom.package import pack, unpack
from hub.classroom.refusals import Refusal
from hub.classroom.sandbox import MIB, Limits, SandboxError
from hub.classroom.store import DONE, FAILED, RUNNING, Job

TEACHER = Person("sensei", frozenset(), frozenset({COURSE}))
LIMITS = Limits(memory_bytes=512 * MIB, processes=32, cell_seconds=1.5, wall_seconds=12)
TASK, BOOK = "課題１", "もんだい１"
ANSWERS = {
    "good": GOOD,
    "partly": "def double(n):\n    return 2 if n == 1 else 4 if n == 2 else 10",
    "raises": "def double(n):\n    return n / 0",
    "syntax": "def double(n)\n    return 2 * n",
    "text": "def double(n):\n    print('x')\n    return 'x'",
    "blank": "",
}


def student(name: str) -> Person:
    return Person(name, frozenset({COURSE}), frozenset())


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with one released assignment."""
    folder = tmp_path_factory.mktemp("published")
    write_source(folder / "lesson", BOOK)
    publish(COURSE, {TASK: folder / "lesson"}, folder / "data")
    Desk(folder / "data").make_and_release(TEACHER, COURSE, TASK)
    return folder / "data"


@pytest.fixture
def desk(published: Path, tmp_path: Path) -> Iterator[Desk]:
    shutil.copytree(published, tmp_path / "data")
    made = Desk(tmp_path / "data", threads=3, limits=LIMITS)
    yield made
    made.worker.stop()


def released(desk: Desk) -> bytes:
    return unpack(desk.fetch(TEACHER, COURSE, TASK))[f"{BOOK}.ipynb"]


def hand_in(desk: Desk, name: str, answer: str, essay: str | None = None, **more: bytes) -> None:
    book = released(desk) if answer == "" else answered(released(desk), answer, essay)
    desk.submit(student(name), COURSE, TASK, f"command-{name}-{len(answer)}", pack({f"{BOOK}.ipynb": book} | more))


def graded(desk: Desk, seconds: float = 40) -> dict[str, Job]:
    """Collect and grade everything, and wait."""
    desk.collect(TEACHER, COURSE, TASK)
    desk.grade(TEACHER, COURSE, TASK)
    desk.worker.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        jobs = desk.grading(TEACHER, COURSE, TASK)
        if all(job.state in (DONE, FAILED) for job in jobs):
            return {job.student: job for job in jobs}
        time.sleep(0.05)
    raise AssertionError(jobs)


def cells(desk: Desk) -> dict[str, list[tuple[str, float | None, bool]]]:
    """Automatic scores per student as nbgrader's gradebook has them."""
    found = {}
    with Gradebook(desk.folder(COURSE).gradebook_url, COURSE) as book:
        for row in book.assignment_submissions(TASK):
            grades = [(g.name, g.auto_score, bool(g.needs_manual_grade)) for n in row.notebooks for g in n.grades]
            found[row.student_id] = sorted(grades)
    return found


def test_the_released_version_has_neither_solutions_nor_hidden_tests(desk: Desk) -> None:
    files = unpack(desk.fetch(TEACHER, COURSE, TASK))
    assert set(files) == {f"{BOOK}.ipynb", "測定.csv"}
    text = files[f"{BOOK}.ipynb"].decode()
    assert "return 2 * n" not in text and "double(5)" not in text and "double(2) == 4" in text


def test_scores_equal_those_of_nbgrader_itself(desk: Desk) -> None:
    for name, answer in ANSWERS.items():
        hand_in(desk, name, answer, essay="nを2回たす" if name == "good" else None)
    jobs = graded(desk)
    assert {name: job.state for name, job in jobs.items()} == dict.fromkeys(ANSWERS, DONE)
    ours = cells(desk)
    assert [score for _, score, _ in ours["good"]] == [3, 2, None] and jobs["good"].manual
    folder = desk.folder(COURSE)
    (folder.root / "gradebook.db").rename(folder.root / "ours.db")
    shutil.rmtree(folder.root / "autograded")
    folder.generate(TASK)
    engine = Autograde(coursedir=folder.directory(TASK), config=Config())  # trusted notebooks: nbgrader runs them here
    engine.start()
    assert cells(desk) == ours


def test_strange_code_ends_as_a_graded_submission_and_stops_nobody(desk: Desk) -> None:
    book = desk.folder(COURSE).root / "gradebook.db"
    source = desk.folder(COURSE).root / "source" / TASK / f"{BOOK}.ipynb"
    hand_in(desk, "loop", GOOD + "\nwhile True:\n  try: pass\n  except BaseException: pass")
    hand_in(desk, "fork", GOOD + "\nimport os\nwhile True:\n  try: os.fork()\n  except BaseException: pass")
    hand_in(desk, "disk", GOOD + "\nopen('/box/big', 'wb').truncate(100 * 10**9)")
    hand_in(desk, "peek", GOOD + f"\nopen({str(book)!r}).read()")
    hand_in(desk, "source", GOOD + f"\nprint(open({str(source)!r}).read())")
    hand_in(desk, "wide", "def double（n）:\n    return 2 * n")
    hand_in(desk, "good", GOOD)
    jobs = graded(desk)
    assert {job.state for job in jobs.values()} == {DONE}
    assert {name: job.score for name, job in jobs.items()} == {
        "loop": jobs["loop"].score, "fork": 0, "disk": 5, "peek": 5, "source": 5, "wide": 0, "good": 5,
    }  # fmt: skip
    codes = {name: {note["code"] for note in job.notes} for name, job in jobs.items()}
    assert "timeout" in codes["loop"] and codes["fork"] & {"timeout", "crashed"}
    assert "full_width" in codes["wide"] and not codes["good"]
    for name in ("peek", "source"):
        notebook = (desk.folder(COURSE).root / "autograded" / name / TASK / f"{BOOK}.ipynb").read_text()
        assert "FileNotFoundError" in notebook and "かくしテスト" not in notebook.split("FileNotFoundError")[0]
    assert set(cells(desk)) == set(jobs)


def test_files_that_no_grader_can_read_are_graded_as_nothing(desk: Desk) -> None:
    hand_in(desk, "good", GOOD)
    desk.collect(TEACHER, COURSE, TASK)
    folder = desk.folder(COURSE)
    folder.put("submitted", "broken", TASK, {f"{BOOK}.ipynb": b"not a notebook"}, None)
    folder.put("submitted", "absent", TASK, {"memo.txt": b"sorry"}, None)
    jobs = graded(desk)
    assert {name: job.score for name, job in jobs.items()} == {"good": 5, "broken": 0, "absent": 0}
    assert jobs["broken"].notes[0]["code"] == "not_a_notebook" and "読めない" in jobs["broken"].notes[0]["ja"]
    assert jobs["absent"].notes[0]["code"] == "missing_notebook"
    assert all(score == 0 and not manual for _, score, manual in cells(desk)["absent"])


def test_a_manual_score_survives_grading_again(desk: Desk) -> None:
    hand_in(desk, "good", GOOD, essay="たすから")
    graded(desk)
    with Gradebook(desk.folder(COURSE).gradebook_url, COURSE) as book:
        grade = book.find_grade("why", BOOK, TASK, "good")
        grade.manual_score, grade.needs_manual_grade = 1, False
        book.db.commit()
    hand_in(desk, "good", GOOD + " ", essay="たすからです")
    assert graded(desk)["good"].state == DONE
    with Gradebook(desk.folder(COURSE).gradebook_url, COURSE) as book:
        grade = book.find_grade("why", BOOK, TASK, "good")
        assert (grade.manual_score, grade.needs_manual_grade) == (1, True)
        assert book.find_submission(TASK, "good").score == 6
    assert f"{COURSE},{TASK},good,6.0,6.0,yes" in desk.scores(TEACHER, COURSE)


def test_one_submission_is_one_transaction(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    hand_in(desk, "good", GOOD)
    graded(desk)
    before = cells(desk)
    hand_in(desk, "good", "def double(n): return 0")
    monkeypatch.setattr("hub.classroom.gradebook._blank", lambda result: 1 / 0)
    job = graded(desk)["good"]
    assert (job.state, job.notes[0]["code"]) == (FAILED, "not_graded")
    assert cells(desk) == before


def test_a_job_cut_short_is_taken_up_again(desk: Desk) -> None:
    hand_in(desk, "good", GOOD)
    desk.collect(TEACHER, COURSE, TASK)
    desk.grade(TEACHER, COURSE, TASK)
    taken = desk.store.next_job()
    assert taken is not None and desk.grading(TEACHER, COURSE, TASK)[0].state == RUNNING
    again = Desk(desk.courses.parent, threads=1, limits=LIMITS)
    try:
        again.worker.start()
        end = time.monotonic() + 20
        while again.grading(TEACHER, COURSE, TASK)[0].state != DONE:
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        again.worker.stop()


def test_without_the_box_nothing_is_graded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_box(*_: object, **__: object) -> None:
        raise SandboxError("bwrap (bubblewrap) is missing; apt-get install bubblewrap")

    hand_in(desk, "good", GOOD)
    monkeypatch.setattr(worker, "grade_submission", no_box)
    job = graded(desk)["good"]
    assert job.state == FAILED and "apt-get install bubblewrap" in job.notes[0]["ja"]


@pytest.mark.parametrize("place", ["source/課題１", "submitted/good/課題１"])
def test_links_out_of_the_course_are_not_followed(desk: Desk, place: str) -> None:
    hand_in(desk, "good", GOOD)
    desk.collect(TEACHER, COURSE, TASK)
    secret = desk.courses / "よその科目" / "secret.ipynb"
    secret.parent.mkdir()
    nbformat.write(source_notebook(), secret)
    target = desk.folder(COURSE).root / place / f"{BOOK}.ipynb"
    target.unlink()
    target.symlink_to(secret)
    job = graded(desk)["good"]
    assert (job.state, job.notes[0]["code"]) == (FAILED, "outside_course")
    if place.startswith("source"):
        with pytest.raises(Refusal, match="outside_course"):
            desk.make_and_release(TEACHER, COURSE, TASK)


def text_of(page: bytes) -> str:
    return re.sub("<[^>]+>", "", page.decode())


def test_feedback_is_rendered_and_given_back_without_running_anything(desk: Desk) -> None:
    hand_in(desk, "good", GOOD + "\nprint('<script>alert(1)</script>')")
    hand_in(desk, "wide", "def double（n）:\n    return 2 * n")
    essay = "[どうぞ](javascript:alert)と ![わたしの図](attachment:nofile.svg)"
    hand_in(desk, "fixed", "def double(n):\n    return 4 if n == 2 else 0", essay)
    graded(desk)
    assert desk.give_feedback(TEACHER, COURSE, TASK) == (["fixed", "good", "wide"], [])
    (fixed,) = desk.own(student("fixed"), COURSE)
    page = desk.feedback(student("fixed"), COURSE, fixed.id)[f"{BOOK}.html"]
    sheet = text_of(page)
    assert "AssertionError" in sheet and "double(5)" not in sheet
    assert "どうぞと わたしの図" in sheet and b"javascript:alert" not in page
    (item,) = desk.own(student("good"), COURSE)
    page = desk.feedback(student("good"), COURSE, item.id)[f"{BOOK}.html"].decode()
    assert item.feedback == [BOOK] and "5.0 / 6.0" in page and "&lt;script&gt;alert(1)" in page
    assert "double(2) == 4" in text_of(page.encode()) and "double(5)" not in text_of(page.encode())
    assert "かくしテスト" not in page
    told = desk.summary(student("good"), COURSE, item.id)
    assert (told["done"], told["total"], told["waiting"], told["points"]) == (2, 3, 0, 5)
    (wide,) = desk.own(student("wide"), COURSE)
    assert "全角文字" in desk.feedback(student("wide"), COURSE, wide.id)[f"{BOOK}.html"].decode()
    with pytest.raises(Refusal, match="unknown_submission"):
        desk.feedback(student("wide"), COURSE, item.id)


def test_the_gradebook_is_nbgraders_own(desk: Desk) -> None:
    hand_in(desk, "good", GOOD)
    graded(desk)
    with sqlite3.connect(desk.folder(COURSE).root / "gradebook.db") as db:
        assert db.execute("select version_num from alembic_version").fetchone() is not None
        assert db.execute("select count(*) from submitted_assignment").fetchone() == (1,)


def test_grading_and_checking_from_the_command_line(desk: Desk, tmp_path: Path) -> None:
    hand_in(desk, "good", GOOD)
    desk.collect(TEACHER, COURSE, TASK)
    (job,) = commands.grade_collection(desk.courses.parent, COURSE, TASK, limits=LIMITS)
    assert (job.student, job.state, job.score) == ("good", DONE, 5)
    source = desk.folder(COURSE).root / "source" / TASK / f"{BOOK}.ipynb"
    assert commands.check_source(source, LIMITS) == []
    wrong = tmp_path / "wrong.ipynb"
    wrong.write_text(source.read_text().replace("return 2 * n", "return n"))
    assert {finding.code for finding in commands.check_source(wrong, LIMITS)} == {"solution_fails"}
