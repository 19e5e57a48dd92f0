"""One student's notebook in the real box: every ending is a graded result, and nothing reaches the host."""

from __future__ import annotations

import os
import shutil
import socket
import sqlite3
from pathlib import Path
from textwrap import indent

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from hub.classroom import cgroup
from hub.classroom.grade import GradeResult, full_width_in, grade_submission
from hub.classroom.sandbox import INSTALL, MIB, Box, Limits, SandboxError, command, preflight
from hub.classroom.stubs import CODE, TEXT

LIMITS = Limits(memory_bytes=512 * MIB, processes=32, cell_seconds=1.5, wall_seconds=12)
GOOD = "def double(n):\n    return 2 * n\n"
SOURCE = "def double(n):\n    ### BEGIN SOLUTION\n    return 2 * n\n    ### END SOLUTION\n"
BLANK = "def double(n):\n" + indent(CODE, "    ") + "\n"
TEST = "assert double(2) == 4\n### BEGIN HIDDEN TESTS\nassert double(5) == 10\n### END HIDDEN TESTS"
PARTIAL = "(double(1) == 2) + (double(0) == 0)"


@pytest.fixture(scope="session", autouse=True)
def bwrap() -> None:
    """Without the box these tests fail, they are never skipped."""
    if shutil.which("bwrap") is None:
        pytest.fail(f"bubblewrap is missing; {INSTALL}")


def meta(grade_id: str, points: float = 0, *, grade: bool = False, solution: bool = False) -> dict:
    data = {"grade_id": grade_id, "grade": grade, "solution": solution, "locked": not solution, "task": False}
    data |= {"schema_version": 3} | ({"points": points} if grade else {})
    return {"nbgrader": data}


def notebook(
    answer: str, test: str = TEST, partial: str = PARTIAL, essay: str = TEXT
) -> nbformat.NotebookNode:
    return new_notebook(
        cells=[
            new_code_cell(answer, metadata=meta("double", solution=True)),
            new_code_cell(test, metadata=meta("test_double", 3, grade=True)),
            new_code_cell(partial, metadata=meta("test_partial", 2, grade=True)),
            new_markdown_cell(essay, metadata=meta("why", 1, grade=True, solution=True)),
        ]
    )


STUBBORN = "import time\nwhile True:\n  try: time.sleep(1)\n  except BaseException: pass"
SHOWN = "assert double(2) == 4"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    nbformat.write(notebook(SOURCE), tmp_path / "source.ipynb")
    with sqlite3.connect(tmp_path / "gradebook.db") as db:
        db.execute("create table grade (points real)")
    return tmp_path


def grade(course: Path, answer: str, **parts: str) -> GradeResult:
    path = course / "submitted.ipynb"
    nbformat.write(notebook(answer, **({"test": SHOWN} | parts)), path)
    return grade_submission(course / "source.ipynb", path, limits=LIMITS)


def points(result: GradeResult) -> list[float | None]:
    return [cell.score for cell in result.scores]


def said(result: GradeResult, grade_id: str) -> str:
    """All text of the executed cell before the tests, and its errors."""
    assert result.executed is not None
    cell = next(c for c in result.executed.cells if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id)
    return "".join(o.get("text", "") + o.get("ename", "") + " " + o.get("evalue", "") for o in cell.outputs)


@pytest.mark.parametrize(
    ("answer", "expected", "flags"),
    [
        (GOOD, [3, 2, 0], set()),
        ("def double(n):\n    return 2 if n == 1 else 0", [0, 2, 0], set()),
        ("def double(n):\n    return 2 * n if n < 5 else 0", [0, 2, 0], set()),
        ("def double(n):\n    return n", [0, 1, 0], set()),
        ("def double(n):\n    return n / 0", [0, 0, 0], set()),
        ("def double(n)\n    return 2 * n", [0, 0, 0], {"syntax_error"}),
        ("def double(n):\n    return 2 * n)", [0, 0, 0], {"syntax_error"}),
        ("def double（n）:\n    return 2 * n", [0, 0, 0], {"syntax_error", "full_width"}),
        (BLANK, [0, 0, 0], set()),
        (GOOD + "exit()", [3, 2, 0], set()),
        (GOOD + "import sys\nsys.exit(1)", [3, 2, 0], set()),
        ("def double(n):\n    import sys\n    sys.exit(0)", [0, 0, 0], set()),
        ("import sys\ndef double(n):\n    print('x', file=sys.stderr)\n    return 2 * n", [0, 0, 0], set()),
        (GOOD + "import os\nos._exit(0)", [0, 0, 0], {"crashed"}),
        (GOOD + "while True: pass", [3, 2, 0], {"timeout"}),
        (GOOD + STUBBORN, [0, 0, 0], {"timeout"}),
        (GOOD + "raise KeyboardInterrupt", [3, 2, 0], set()),
    ],
)
def test_endings(course: Path, answer: str, expected: list[float], flags: set[str]) -> None:
    result = grade(course, answer)
    assert (points(result), set(result.flags)) == (expected, flags)
    assert result.max_score == 6
    assert all(remark.ja and remark.en and "{" not in remark.ja + remark.en for remark in result.notes)


def test_a_fork_bomb_ends_and_leaves_nothing(course: Path) -> None:
    bomb = GOOD + "import os\nwhile True:\n  try:\n    os.fork()\n  except BaseException: pass"
    before = len([p for p in os.listdir("/proc") if p.isdigit()])
    result = grade(course, bomb)
    assert points(result) == [0, 0, 0] and result.flags & {"timeout", "crashed"}
    assert len([p for p in os.listdir("/proc") if p.isdigit()]) < before + 20
    assert points(grade(course, GOOD)) == [3, 2, 0]


def test_the_number_of_processes_is_bounded(course: Path) -> None:
    if any("fork bomb" in line for line in preflight().notes):
        pytest.fail(preflight().notes[0])
    count = "import os, time\nn = 0\ntry:\n  while n < 500:\n    if os.fork() == 0: time.sleep(9); os._exit(0)\n"
    result = grade(course, GOOD + count + "    n += 1\nexcept OSError as e: print('stopped at', n, e)")
    assert "stopped at" in said(result, "double") and points(result) == [3, 2, 0]


def test_a_forked_copy_cannot_answer(course: Path) -> None:
    assert points(grade(course, GOOD + "import os\nos.fork()")) == [3, 2, 0]


@pytest.mark.parametrize("place", ["/box/big", "/tmp/big", "/dev/shm/big"])
def test_a_huge_file_is_refused(course: Path, place: str) -> None:
    code = f"f = open({place!r}, 'wb', buffering=0)\nfor _ in range(100_000):\n    f.write(bytes(1 << 20))"
    result = grade(course, GOOD + code)
    assert "OSError" in said(result, "double") and points(result) == [3, 2, 0]


def test_a_sparse_100_gb_file_is_refused(course: Path) -> None:
    result = grade(course, GOOD + "open('/box/big', 'wb').truncate(100 * 10**9)")
    assert "OSError" in said(result, "double") and points(result) == [3, 2, 0]


@pytest.mark.parametrize("flood", ["bytearray(10**12)", "[bytearray(1 << 24) for _ in range(10**6)]"])
def test_a_memory_flood_is_noted(course: Path, flood: str) -> None:
    result = grade(course, GOOD + f"x = {flood}")
    assert result.flags == {"memory"}
    assert points(grade(course, GOOD)) == [3, 2, 0]


def test_many_processes_cannot_flood_memory_together(course: Path) -> None:
    if "memory" not in preflight().controls:
        assert any("memory is limited per process" in line for line in preflight().notes)
    code = "import os\nfor _ in range(4): os.fork()\nx = []\nwhile True: x.append(bytearray(b'x') * (1 << 24))"
    result = grade(course, GOOD + code)
    assert result.flags & {"memory", "crashed", "timeout"}
    assert points(grade(course, GOOD)) == [3, 2, 0]


def test_the_gradebook_cannot_be_seen(course: Path) -> None:
    path = course / "gradebook.db"
    before = path.read_bytes()
    result = grade(course, GOOD + f"import os\nprint(os.path.exists({str(course)!r}))\nopen({str(path)!r}, 'r+b')")
    assert said(result, "double").startswith("False") and "FileNotFoundError" in said(result, "double")
    assert path.read_bytes() == before


def test_the_system_and_the_interpreter_cannot_be_written(course: Path) -> None:
    places = "'/usr/x', '/x', sys.prefix + '/x', '/opt/execute.py', '/dev/x', '/proc/sys/kernel/core_pattern'"
    code = f"import sys\nfor p in ({places}):\n"
    code += "  try:\n    open(p, 'a')\n    print('WROTE', p)\n  except OSError: print('refused')"
    assert said(grade(course, GOOD + code), "double").split() == ["refused"] * 6


def test_there_is_no_network(course: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        result = grade(course, GOOD + f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)")
        assert "ConnectionRefusedError" in said(result, "double")
    result = grade(course, GOOD + "import socket\nsocket.create_connection(('192.0.2.1', 80), 1)")
    assert "OSError" in said(result, "double") and "unreachable" in said(result, "double")


def test_no_token_of_the_grader_is_readable(course: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "s3cret-token")
    code = "import os, glob\nprint(sorted(os.environ))\nfor p in glob.glob('/proc/[0-9]*/environ'):\n"
    code += "  try: print(open(p).read())\n  except OSError: pass"
    text = said(grade(course, GOOD + code), "double")
    assert "HOME" in text and "s3cret-token" not in text and "JUPYTERHUB" not in text


def test_changed_tests_are_put_back(course: Path) -> None:
    result = grade(course, "def double(n):\n    return 0", test="pass", partial="2")
    assert (points(result), result.flags) == ([0, 1, 0], {"tampered"})


def test_deleted_copied_and_revalued_cells(course: Path) -> None:
    book = notebook(GOOD, test=SHOWN)
    book.cells[1].metadata.nbgrader["points"] = 99
    book.cells[2].metadata.pop("nbgrader")
    book.cells.append(new_code_cell("pass", metadata=meta("test_double", 99, grade=True)))
    nbformat.write(book, course / "submitted.ipynb")
    result = grade_submission(course / "source.ipynb", course / "submitted.ipynb", limits=LIMITS)
    assert [(c.score, c.max_score, c.status) for c in result.scores] == [
        (3, 3, "passed"), (0, 2, "missing"), (0, 1, "blank"),
    ]  # fmt: skip
    assert result.flags == {"tampered"}


def test_forged_answers_are_ignored_and_noted(course: Path) -> None:
    forge = 'import os\nfor fd in range(3, 30):\n  try: os.write(fd, b\'{"nonce": "x", "outputs": []}\\n\')\n'
    result = grade(course, "def double(n): return 0\n" + forge + "  except OSError: pass")
    assert (points(result), result.flags) == ([0, 1, 0], {"tampered"})


SILENT = """
g = type(get_ipython())._showtraceback.__globals__
real = g["run"]
def fake(shell, source, seconds):
    outputs, late = real(shell, source, seconds)
    return [o for o in outputs if o["output_type"] == "stream"], False
g["run"] = fake
"""


def test_code_that_makes_errors_disappear_earns_nothing(course: Path) -> None:
    result = grade(course, "def double(n): return 0" + SILENT)
    assert (points(result), result.flags) == ([0, 0, 0], {"tampered"})
    assert "セル 2 の前で" in result.notes[0].ja and "assert False" not in nbformat.writes(result.executed)
    assert points(grade(course, GOOD + SILENT)) == [0, 0, 0]  # its right answers cannot be known


def test_only_the_lessons_own_hidden_tests_are_there_and_what_repeats_them_goes(course: Path) -> None:
    test = "### BEGIN HIDDEN TESTS\nfrom kaga_hidden import r07\nassert double(31415926) == 62831852\n"
    nbformat.write(notebook(SOURCE, test + "### END HIDDEN TESTS"), course / "source.ipynb")
    look = "import os\nraise OSError(sorted(os.listdir('/opt/kaga/kaga_hidden')))"
    result = grade(course, GOOD + look, test="")
    assert points(result) == [3, 2, 0] and not result.flags
    assert said(result, "double").endswith("['__init__.py', 'points.py', 'r07.py']")
    leak = "    if n > 9: print(open('/opt/kaga/kaga_hidden/r07.py').read().replace(' ', '  '))\n"
    result = grade(course, GOOD.replace("    return", leak + "    return") + "x = double(10)", test="")
    assert points(result) == [3, 2, 0] and result.flags == {"tampered"}
    assert "noisy" not in nbformat.writes(result.executed) and said(result, "double").startswith("（かくしテスト")
    book = notebook(GOOD, test="")
    book.cells.append(new_code_cell("print(chr(10).join(In))"))
    nbformat.write(book, course / "submitted.ipynb")
    result = grade_submission(course / "source.ipynb", course / "submitted.ipynb", limits=LIMITS)
    assert result.executed is not None and result.executed.cells[-1].outputs[0].text.startswith("（かくしテスト")
    assert grade(course, GOOD + "print('1\\n2')", test="").flags == set()


def test_a_lesson_without_hidden_modules_finds_none(course: Path) -> None:
    result = grade(course, GOOD + "import kaga_hidden")
    assert "ModuleNotFoundError" in said(result, "double") and points(result) == [3, 2, 0]


def test_an_answered_essay_waits_for_a_person(course: Path) -> None:
    result = grade(course, GOOD, essay="Because it adds n to itself.")
    assert (points(result), result.status, result.score) == ([3, 2, None], "manual", 5)


def test_a_lot_of_output_is_cut(course: Path) -> None:
    result = grade(course, GOOD + "for _ in range(300): print('x' * 100_000)")
    assert points(result) == [3, 2, 0] and len(said(result, "double")) < 100_000


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "missing_notebook"), (b"hello", "not_a_notebook"), (b'{"a": 1}', "not_a_notebook"),
     (b"\xff\xfe\x00", "not_a_notebook"), (b"[]", "not_a_notebook"), (b" " * 11 * MIB, "oversized")],
)  # fmt: skip
def test_files_that_are_no_notebook(course: Path, content: bytes | None, code: str) -> None:
    path = course / "submitted.ipynb"
    if content is not None:
        path.write_bytes(content)
    result = grade_submission(course / "source.ipynb", path, limits=LIMITS)
    assert (points(result), result.flags, result.status, result.max_score) == (
        [0, 0, 0],
        {code},
        "rejected",
        6,
    )


def test_data_files_are_readable_and_nothing_else(course: Path) -> None:
    (course / "data.csv").write_text("42")
    nbformat.write(notebook(GOOD + "print(open('data.csv').read())", test=SHOWN), course / "submitted.ipynb")
    files = {"data.csv": course / "data.csv"}
    result = grade_submission(course / "source.ipynb", course / "submitted.ipynb", limits=LIMITS, files=files)
    assert said(result, "double").strip() == "42"
    with pytest.raises(ValueError, match="plain name"):
        command("bwrap", LIMITS, {"../x": course})


def test_full_width_characters_in_text_are_no_fault() -> None:
    assert full_width_in("print('（全角）')  # コメント（可）\nx＝1") == [(2, "＝")]


def test_without_bwrap_nothing_runs() -> None:
    with pytest.raises(SandboxError, match="apt-get install bubblewrap"):
        Box(LIMITS, bwrap="no-such-bwrap")


def test_forbidden_user_namespaces_are_one_clear_line(tmp_path: Path) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: setting up uid map: Permission denied' >&2\nexit 1\n")
    fake.chmod(0o755)
    with pytest.raises(SandboxError, match="user namespaces are forbidden") as caught:
        preflight(str(fake))
    assert "\n" not in str(caught.value)


def test_no_control_group_is_left_and_its_absence_is_said(course: Path, tmp_path: Path) -> None:
    grade(course, GOOD)
    assert not list(cgroup.ROOT.glob(f"**/grade-{os.getpid()}-*"))  # another grader may be at work beside us
    assert cgroup.available(tmp_path) == frozenset()
    told = preflight()
    assert told.controls == {"pids", "memory"} or any("/sys/fs/cgroup is not writable" in n for n in told.notes)
