"""What a pupil reads first of an answer, from real grading and nbgrader's gradebook."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import nbformat
import pytest
from classroom_machine import COURSE, meta
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook

from hub.classroom import gradebook
from hub.classroom.course import publish
from hub.classroom.desk import Desk
from hub.classroom.identity import Person
from hub.classroom.overview import own_tasks, teacher_tasks
from hub.classroom.package import pack, unpack
from hub.classroom.store import DONE
from hub.classroom.words import catalogue

TEACHER = Person("sensei", frozenset(), frozenset({COURSE}))
TEST = """assert double(2) == 4, "**2** を入れると 4 です。 / With 2 it is 4."
### BEGIN HIDDEN TESTS
assert double(50) == 100, "大きな数でも 2 倍です。 / Large numbers are doubled too."
### END HIDDEN TESTS"""
TITLES = ["1. 二倍をつくる", "2. 名前", "3. なぜ（double）"]
ANSWERS = {
    "good": ("def double(n):\n    return 2 * n", "n を 2 回たすから"),
    "fixed": ("def double(n):\n    return 4", "4 だから"),
    "empty": (None, None),
}


def notebook() -> nbformat.NotebookNode:
    return new_notebook(cells=[
        new_markdown_cell("# しごと\n\n## 1. <ruby>二倍<rp>（</rp><rt>にばい</rt><rp>）</rp></ruby>を**つくる**"),
        new_code_cell("### BEGIN SOLUTION\ndef double(n):\n    return 2 * n\n### END SOLUTION",
                      metadata=meta("double", solution=True)),
        new_code_cell("double", metadata=meta("t_there", 1, grade=True)),
        new_code_cell(TEST, metadata=meta("t_double", 2, grade=True)),
        new_markdown_cell("## 2. [名前](https://example.org)"),
        new_code_cell("double.__name__", metadata=meta("t_name", 1, grade=True)),
        new_markdown_cell("## 3. なぜ（`double`）"),
        new_markdown_cell("こたえ", metadata=meta("why", 2, grade=True, solution=True)),
    ], metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}})  # fmt: skip


def student(name: str) -> Person:
    return Person(name, frozenset({COURSE}), frozenset())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """Three pupils' work, graded; the teacher has read that of "good"."""
    folder = tmp_path_factory.mktemp("cards")
    (folder / "lesson").mkdir()
    nbformat.write(notebook(), folder / "lesson/a.ipynb")
    publish(COURSE, {"A": folder / "lesson"}, folder / "data", titles={"ja": "さいしょ", "en": "First"})
    desk = Desk(folder / "data")
    desk.make_and_release(TEACHER, COURSE, "A")
    for name, (answer, why) in ANSWERS.items():
        book = nbformat.reads(unpack(desk.fetch(TEACHER, COURSE, "A"))["a.ipynb"].decode(), as_version=4)
        for cell in book.cells:
            key = cell.metadata.get("nbgrader", {}).get("grade_id")
            cell.source = {"double": answer, "why": why}.get(key) or cell.source
        desk.submit(student(name), COURSE, "A", f"command-{name}", pack({"a.ipynb": nbformat.writes(book).encode()}))
    desk.collect(TEACHER, COURSE, "A")
    desk.grade(TEACHER, COURSE, "A")
    desk.worker.start()
    end = time.monotonic() + 60
    while any(job.state != DONE for job in desk.grading(TEACHER, COURSE, "A")):
        assert time.monotonic() < end
        time.sleep(0.05)
    with Gradebook(desk.folder(COURSE).gradebook_url, COURSE) as book:
        grade, comment = book.find_grade("why", "a", "A", "good"), book.find_comment("why", "a", "A", "good")
        grade.manual_score, grade.needs_manual_grade, comment.manual_comment = 2, False, "よく\n書けました"
        book.db.commit()
    yield desk
    desk.worker.stop()


def told(desk: Desk, name: str) -> dict:
    (item,) = desk.own(student(name), COURSE)
    return desk.summary(student(name), COURSE, item.id)


def test_a_card_for_each_task_with_hint_and_comment(desk: Desk) -> None:
    assert desk.give_feedback(TEACHER, COURSE, "A") == (["empty", "fixed", "good"], [])
    good, fixed, empty = (told(desk, name) for name in ("good", "fixed", "empty"))
    assert [card["title"] for card in good["cards"]] == TITLES
    assert [card["state"] for card in good["cards"]] == ["done"] * 3
    assert good["cards"][2]["comments"] == ["よく\n書けました"]
    assert (good["done"], good["total"], good["points"], good["max_points"]) == (3, 3, 6, 6)
    assert [card["state"] for card in fixed["cards"]] == ["try", "done", "waiting"]
    assert fixed["cards"][0]["hints"] == [{"ja": "大きな数でも 2 倍です。", "en": "Large numbers are doubled too."}]
    assert fixed["cards"][0]["points"] == 1 and fixed["waiting"] == 1
    assert [card["state"] for card in empty["cards"]] == ["try", "try", "blank"]
    assert empty["cards"][0]["hints"][0]["ja"].startswith("N")
    assert "double(50)" not in json.dumps([good, fixed, empty])


def test_the_class_sees_points_of_hand_grading_and_whom_to_read(desk: Desk) -> None:
    (task,) = teacher_tasks(desk, TEACHER, COURSE, ["fixed", "good", "late"])
    rows = {row.student: row for row in task.rows}
    assert (task.title, task.manual) == ("しごと", 1)
    assert {name: row.state for name, row in rows.items()} == {
        "good": "done", "fixed": "manual", "empty": "done", "late": "none"
    }  # fmt: skip
    assert rows["good"].score == 6 and rows["good"].sheet and not rows["late"].sheet


def test_a_mark_given_after_the_return_asks_for_another_return(desk: Desk) -> None:
    (task,) = teacher_tasks(desk, TEACHER, COURSE, None)
    assert task.next_act == "by_hand"
    assert {row.student for row in task.rows if row.returned} == {"good", "fixed", "empty"}
    with Gradebook(desk.folder(COURSE).gradebook_url) as book:
        grade = book.find_grade("why", "a", "A", "fixed")
        grade.manual_score, grade.needs_manual_grade = 1, False
        book.db.commit()
    (task,) = teacher_tasks(desk, TEACHER, COURSE, None)
    assert task.next_act == "give_back" and {row.student for row in task.rows if not row.returned} == {"fixed"}


def test_pages_made_elsewhere_have_no_cards(desk: Desk) -> None:
    (item,) = desk.own(student("good"), COURSE)
    folder = desk.folder(COURSE)
    assert gradebook.marks(folder, "A", "nobody") == {}
    (folder.root / "gradebook.db").rename(folder.root / "away")
    (folder.root / "gradebook.db").write_bytes(b"no database, but a text " * 9)
    page = pack({"a.html": b"<p>ok"})
    desk.put_feedback(TEACHER, COURSE, "A", "good", item.submitted_at, page)
    assert told(desk, "good") == {} and desk.feedback(student("good"), COURSE, item.id) == {"a.html": b"<p>ok"}


def test_who_hands_in_again_waits_again_and_keeps_the_answer(desk: Desk) -> None:
    who = student("empty")
    assert own_tasks(desk, who, COURSE)[0].state == "back"
    desk.submit(who, COURSE, "A", "command-again", desk.fetch(TEACHER, COURSE, "A"))
    (task,) = own_tasks(desk, who, COURSE)
    assert task.state == "waiting" and task.feedback is not None and task.times == 2


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_state_has_words(language: str) -> None:
    words = catalogue("classroom", language)
    assert {f"card_{state}" for state in ("done", "try", "blank", "waiting")} <= words.keys()
    assert {f"card_{state}_text" for state in ("try", "blank", "waiting")} <= words.keys()
