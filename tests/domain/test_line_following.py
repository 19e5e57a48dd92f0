"""Line Following as the rules' section 3.1 scores it; ids are those of the worked examples."""

import json
import tomllib
from importlib import resources

import pytest
from click.testing import CliRunner

from console.main import main
from robolev.domain.errors import RuleViolation
from robolev.domain.score import score, target_bonus
from robolev.rulesets import loader

TEXT = resources.files("robolev.rulesets").joinpath("line_following.toml").read_text(encoding="utf-8")
EXAMPLES = tomllib.loads(TEXT)["examples"]
FULL = {d: [s.item for s in ladder] for d, ladder in loader.load("line_following").ladders.items()}


def run(*arguments: str, sheet: object) -> tuple[int, str, str]:
    text = sheet if isinstance(sheet, str) else json.dumps(sheet)
    result = CliRunner().invoke(main, ["robolev", *arguments], input=text)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e["id"])
def test_worked_examples_by_command(example):
    code, out, _ = run(
        "score",
        "line_following",
        "--division",
        example["division"],
        "--set",
        f"target={example['target']}",
        sheet=example["sheet"],
    )
    assert code == 0
    answer = json.loads(out)
    assert answer["points"] == example["points"] == sum(line["points"] for line in answer["breakdown"])
    assert answer["status"] == ("scored" if example["points"] else "zero")


@pytest.mark.parametrize(
    ("division", "points"),
    [
        ("ES", [50, 150, 250, 300, 400]),
        ("MS", [25, 50, 150, 250, 275, 300, 400]),
        ("HS", [25, 50, 75, 125, 225, 250, 275, 300, 400]),
        ("UP", [25, 50, 75, 125, 225, 250, 275, 300, 400]),
    ],
)
def test_every_rung_of_the_ladder(division, points):
    rules = loader.load("line_following")
    got = [score({"checkpoints": FULL[division][:n]}, rules, division).points for n in range(1, len(points) + 1)]
    assert got == points


@pytest.mark.parametrize(("balls", "bonus"), [(0, 0), (99, 99), (100, 100), (101, 99), (200, 0), (201, 0)])
def test_bonus_around_the_target(balls, bonus):
    assert target_bonus(balls, 100) == bonus


@pytest.mark.parametrize(
    "sheet",
    [
        [],
        "not json",
        {"surprise": 1},
        {"checkpoints": "left_home"},
        {"checkpoints": ["reached_tower"]},
        {"checkpoints": ["left_home", "left_home"]},
        {"checkpoints": ["intersection_out_1"]},
        {"checkpoints": [[]]},
        {"checkpoints": FULL["ES"] + ["left_home"]},
        {"bonus_balls": -1},
        {"bonus_balls": 1.5},
        {"bonus_balls": True},
        {"bonus_balls": 5},
        {"tower_touched": 1},
        {"outcome": "tired"},
        {"outcome": ["void"]},
        {"reason": 5},
        '{"bonus_balls": NaN}',
        '{"bonus_balls": 0, "bonus_balls": 1}',
        "[" * 100_000,
    ],
)
def test_a_sheet_that_does_not_fit_is_refused_in_one_line(sheet):
    code, out, err = run("score", "line_following", "--division", "ES", sheet=sheet)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1 and "expected" in err and "got" in err


@pytest.mark.parametrize("outcome", ["disqualified", "not_started", "not_admitted", "void", "aborted"])
def test_outcome_takes_the_points_but_not_the_sheet(outcome):
    code, out, _ = run(
        "score",
        "line_following",
        "--division",
        "ES",
        sheet={"checkpoints": FULL["ES"], "outcome": outcome, "reason": "LF-13"},
    )
    assert code == 0
    assert json.loads(out) == {"status": outcome, "points": 0, "breakdown": []}


@pytest.mark.parametrize(
    "arguments",
    [
        ["score", "chess", "--division", "ES"],
        ["score", "line_following", "--division", "XX"],
        ["score", "line_following", "--division", "ES", "--set", "target=0"],
        ["score", "line_following", "--division", "ES", "--set", "target"],
        ["score", "line_following", "--division", "ES", "--set", "colour=1"],
    ],
)
def test_unknown_names_are_refused(arguments):
    code, out, err = run(*arguments, sheet={})
    assert (code, out) == (2, "") and "expected" in err


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("points = 50", "points = 51"), "add up to 400"),
        (("mission_total = 400", "mission_total = true"), "mission_total: expected int"),
        (("challenge =", "challenge = [[["), "TOML"),
        (('item = "started_back"', 'item = "left_home"'), "listed twice"),
        (("points = 495", "points = 496"), "LF-01: expected 496 points, got 495"),
        (("target = 137", "target = -1"), "target: expected 1"),
    ],
)
def test_a_malformed_rule_file_never_loads_half(change, says, tmp_path):
    file = tmp_path / "mine.toml"
    file.write_text(TEXT.replace(*change, 1), encoding="utf-8")
    result = CliRunner().invoke(main, ["robolev", "check-ruleset", str(file)])
    assert result.exit_code == 2
    assert says in result.stderr and "mine.toml" in result.stderr


def test_the_shipped_rule_file_passes_its_own_check(tmp_path):
    file = tmp_path / "lf.toml"
    file.write_text(TEXT, encoding="utf-8")
    assert CliRunner().invoke(main, ["robolev", "check-ruleset", str(file)]).exit_code == 0


def test_violation_carries_a_stable_code():
    with pytest.raises(RuleViolation) as caught:
        score({"bonus_balls": 5}, loader.load("line_following"), "ES")
    assert caught.value.code == "impossible_order"
