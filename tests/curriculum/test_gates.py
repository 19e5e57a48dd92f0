"""Every lesson passes every gate; each gate finds the mistake it is there for."""

import dataclasses
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from curriculum import build, check, text_gates, trial_gates
from curriculum.commands import curriculum
from curriculum.kanji import taught, unknown
from curriculum.lessons import CurriculumError, Lesson, lessons

LESSONS = lessons()


@pytest.mark.parametrize("gate", check.TEXT + check.TRIALS, ids=lambda gate: gate.__name__)
@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_gate(lesson, gate):
    assert [str(problem) for problem in check.problems(lesson, (gate,))] == []


def test_messages_and_catalogue():
    assert [str(problem) for problem in check.common_problems()] == []


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """R07 in a folder of its own, to break."""
    monkeypatch.setattr("curriculum.lessons.HOME", tmp_path)
    (lesson,) = [lesson for lesson in LESSONS if lesson.id == "R07"]
    original = Path(check.__file__).parent
    shutil.copytree(original / "ch-robot", tmp_path / "ch-robot")
    return lesson


def changed(lesson: Lesson, old: str, new: str) -> None:
    text = lesson.author_file.read_text(encoding="utf-8")
    assert old in text
    lesson.author_file.write_text(text.replace(old, new, 1), encoding="utf-8")
    build.write(lesson)


@pytest.mark.parametrize(
    ("gate", "old", "new", "reason"),
    [
        (text_gates.both_languages, '<details lang="en">', "<details>", "intro: no English"),
        (text_gates.both_languages, "45 minutes", "50 minutes", "intro: numbers differ"),
        (text_gates.readings, "{比例|ひれい}", "比例", "kanji above grade 4 without a reading: 比"),
        (text_gates.readings, "{比例|ひれい}", "{比例|ひれえ}", "比例 is read ひれい"),
        (text_gates.style, "曲がり、ラインを 1 周します。", "曲がるのだ。", "not です・ます"),
        (text_gates.style, "なめらか\n", "**（なめらか）**です\n", "is not bold"),
        (text_gates.code, "hashiri = run(", "input()\nhashiri = run(", "run_onoff: input()"),
        (text_gates.code, "from robokit import run, show", "import urllib.request", "setup: network: urllib"),
        (text_gates.code, "# 何回でも", "# " + "a" * 60, "tamesu: "),
        (text_gates.catalogued, "points=1", "points=2", "points: "),
        (text_gates.catalogued, "45 分", "50 分", "minutes"),
        (trial_gates.drawn, "![ロボット", "![](eyes.svg) ![ロボット", "intro: a picture without words"),
    ],
)
def test_a_gate_finds_its_mistake(copy, monkeypatch, gate, old, new, reason):
    changed(copy, old, new)
    if gate is trial_gates.drawn:
        monkeypatch.setattr(trial_gates, "tried", lambda lesson: [dataclasses.make_dataclass("T", ["text"])({})])
    assert any(reason in found for found in gate(copy)), list(gate(copy))


def test_edited_notebooks_and_stored_outputs_are_found(copy):
    made = json.loads(copy.notebook.read_text(encoding="utf-8"))
    next(cell for cell in made["cells"] if cell["cell_type"] == "code")["execution_count"] = 3
    copy.notebook.write_text(json.dumps(made), encoding="utf-8")
    assert any("outputs" in found for found in text_gates.stripped(copy))
    assert any("not what lesson.py gives" in found for found in text_gates.in_step(copy))
    assert build.write(copy) == ["R07.ipynb"] and not list(text_gates.in_step(copy))


def test_made_up_data_must_say_so(copy, tmp_path, monkeypatch):
    named = dataclasses.replace(copy, files=("toy_synthetic.csv", "town.csv", "other.csv"))
    for name in named.files:
        (named.source / name).write_text("year,pop,source\n2000,1,somewhere\n", encoding="utf-8")
    monkeypatch.setattr(text_gates, "DATA", tmp_path)
    row = "| `{}` | {} | x | - | - | - | nobody yet: to be verified |\n"
    table = "| file |\n|---|\n" + row.format("toy_synthetic.csv", "real") + row.format("town.csv", "real")
    (tmp_path / "SOURCES.md").write_text(table, encoding="utf-8")
    found = "\n".join(text_gates.labelled(named))
    for reason in ("its label 'real'", "a row does not say", "does not say that the data", "address, date"):
        assert reason in found
    assert "not verified yet" in found and "other.csv: not in data" in found


def test_circles_and_unknown_prerequisites_are_found(copy):
    for name, reason in (("R07", "a circle"), ("R99", "no lesson")):
        broken = dataclasses.replace(copy, prerequisites=(name,))
        assert any(reason in found for found in text_gates.catalogued(broken))


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ('id="setup" kind="locked"', 'id="intro" kind="locked"', "bad_id"),
        ('id="setup" kind="locked"', 'id="x y" kind="locked"', "bad_id"),
        ('id="setup" kind="locked"', 'id="setup" kind="secret"', "bad_kind"),
        ('id="setup" kind="locked"', 'id="setup" kind="text"', "bad_kind"),
        ('id="setup" kind="locked"', 'id="setup" kind="locked" points=1', "bad_points"),
        ('kind="test" points=1', 'kind="test"', "bad_points"),
    ],
)
def test_author_files_are_checked(copy, old, new, code):
    with pytest.raises(CurriculumError, match="expected") as refused:
        changed(copy, old, new)
    assert refused.value.code == code


def test_the_first_four_grades():
    assert {grade: len(set(kanji)) for grade, kanji in taught().items()} == {1: 80, 2: 160, 3: 200, 4: 202}
    assert unknown("加賀市の九谷焼、比例と比") == "比"


def test_furigana_has_brackets():
    assert build.ruby("{加賀|かが}") == "<ruby>加賀<rp>（</rp><rt>かが</rt><rp>）</rp></ruby>"


def test_commands(copy):
    done = CliRunner().invoke(curriculum, ["build", "R07"])
    assert done.exit_code == 0 and done.output == "R07: up to date\n"
    copy.notebook.unlink()
    failed = CliRunner().invoke(curriculum, ["check", "--text-only", "R07"])
    assert failed.exit_code == 1
    for name in ("build", "check"):
        unknown_lesson = CliRunner().invoke(curriculum, [name, "R99"])
        assert unknown_lesson.exit_code == 1 and "unknown_lesson: lesson: expected one of R07" in unknown_lesson.output


def test_every_text_file_reads_as_yaml_only_once():
    for lesson in LESSONS:
        text = (lesson.folder / "mutants.yml").read_text(encoding="utf-8")
        names = [line.strip() for line in text.splitlines() if line.startswith("  ") and not line.startswith("   ")]
        given = yaml.safe_load(text)
        assert len(names) == len(given["mutants"]) + len(given["correct_variants"])


def test_robokit_does_not_need_charts_to_drive():
    code = "import sys, robokit; assert not {'pandas', 'matplotlib', 'numpy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
