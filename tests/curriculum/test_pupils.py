"""Three pupils hand in each lesson: released, graded in the box, put into the gradebook, given back as a page.

And the check button: a pupil's own kernel, where the hidden tests are not.
"""

import re
import shutil

import nbformat
import pytest
from nbclient import NotebookClient
from nbgrader.preprocessors import ClearHiddenTests

from curriculum.lessons import lessons
from curriculum.text_gates import notebook
from curriculum.trial_gates import LEAKS
from hub.classroom.course import CourseFolder, publish
from hub.classroom.worker import grade_collected

LESSONS = {lesson.id: lesson for lesson in lessons()}
# Automatic points: all answers, answers of the first half only (by cell), nothing.
PARTIAL = {"R07": ({"yosou", "shiraberu", "narabe"}, 3.0), "D01": ({"yosou", "narabe", "change"}, 4.0)}
STAMP = "2026-11-25 10:00:00 UTC"


def answered(release: bytes, lesson, wanted: set[str] | None) -> bytes:
    """The released notebook with the solution in the cells `wanted` (None: all)."""
    cells = [cell for cell in notebook(lesson).cells if cell.metadata.get("nbgrader", {}).get("solution")]
    answers = {cell.id: re.sub(r"^ *### (BEGIN|END) SOLUTION\n?", "", cell.source, flags=re.M) for cell in cells}
    made = nbformat.reads(release.decode(), as_version=4)
    for cell in made.cells:
        if cell.id in answers and (wanted is None or cell.id in wanted):
            cell.source = answers[cell.id]
    return nbformat.writes(made).encode()


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
def test_perfect_partial_and_empty_pupils(lesson, tmp_path):
    publish(lesson.course, {lesson.id: lesson.source}, tmp_path)
    course = CourseFolder(tmp_path / "courses", lesson.course)
    release = course.generate(lesson.id)
    name = lesson.notebook.name
    cells, points = PARTIAL[lesson.id]
    expected = {}
    for pupil, wanted, score in (("kan", None, lesson.auto_points), ("han", cells, points), ("kara", set(), 0.0)):
        files = {**release, name: answered(release[name], lesson, wanted)}
        course.put("submitted", pupil, lesson.id, files, STAMP)
        expected[pupil] = score
    jobs = {pupil: grade_collected(course, lesson.id, pupil) for pupil in expected}
    assert {pupil: job.score for pupil, job in jobs.items()} == expected
    assert {job.max_score for job in jobs.values()} == {10.0}
    for pupil, job in jobs.items():
        (page,) = course.render_feedback(lesson.id, pupil).values()
        text = page.decode()
        assert not LEAKS.search(text), (pupil, LEAKS.search(text))
        assert "Traceback (most recent" not in text and "AssertionError" not in text
        assert ("ヒント" in text) == (pupil != "kan"), (pupil, job.notes)


@pytest.mark.parametrize("lesson", LESSONS.values(), ids=LESSONS)
def test_the_check_button_in_ones_own_kernel(lesson, tmp_path, monkeypatch):
    """Visible tests pass without the hidden module, and no character is without a glyph."""
    monkeypatch.delenv("KAGA_BOX", raising=False)
    for name in lesson.files:
        shutil.copy(lesson.source / name, tmp_path)
    made, _ = ClearHiddenTests().preprocess(notebook(lesson), {})
    NotebookClient(made, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = [output for cell in made.cells for output in cell.get("outputs", [])]
    assert not [output for output in said if output.output_type == "error" or output.get("name") == "stderr"]
    shown = [output.data["text/html"] for output in said if "text/html" in output.get("data", {})]
    assert any("<svg" in html or "<img" in html for html in shown)
