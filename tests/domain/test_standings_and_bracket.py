"""Best N of M, shared ranks, and brackets."""

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from console.main import main
from robolev.domain.bracket import bracket
from robolev.domain.errors import RuleViolation
from robolev.domain.ranking import standings


def test_lf_14_best_five_of_ten():
    runs = [534, 495, 400, 150, 0, 520, 534, 275, 400, 510]
    table = {"best": 5, "of": 10, "lower_is_better": False, "tie_break": [], "runs": {"A": runs}}
    result = CliRunner().invoke(main, ["robolev", "standings"], input=json.dumps(table))
    assert json.loads(result.stdout) == {
        "standings": [{"rank": 1, "team": "A", "total": 2593, "counted": [534, 534, 520, 510, 495]}]
    }


def test_lf_16_missing_runs_count_zero():
    table = {"best": 5, "of": 10, "runs": {"C": [600, 590, 580], "A": [400] * 5}}
    assert [(r["team"], r["total"]) for r in standings(table)["standings"]] == [("A", 2000), ("C", 1770)]


def test_lf_17_the_run_above_the_limit_is_refused():
    result = CliRunner().invoke(
        main, ["robolev", "standings"], input=json.dumps({"best": 5, "of": 10, "runs": {"A": [1] * 11}})
    )
    assert result.exit_code == 2 and result.stdout == "" and "at most 10 runs, got 11" in result.stderr


def test_equal_teams_share_a_rank_in_the_order_of_ids():
    table = {"best": 1, "of": None, "runs": {"D": [1], "C": [2], "B": [2], "A": [3]}}
    assert [(r["rank"], r["team"]) for r in standings(table)["standings"]] == [(1, "A"), (2, "B"), (2, "C"), (4, "D")]


def test_tie_break_chain():
    runs = {"A": [50, 50, 0], "B": [60, 40, 0], "C": [60, 30, 10]}
    plain = {"best": 3, "of": 3, "runs": runs}
    assert {r["rank"] for r in standings(plain)["standings"]} == {1}
    single = standings({**plain, "tie_break": ["best_single"]})["standings"]
    assert [(r["rank"], r["team"]) for r in single] == [(1, "B"), (1, "C"), (3, "A")]
    both = standings({**plain, "tie_break": ["best_single", "next_best"]})["standings"]
    assert [(r["rank"], r["team"]) for r in both] == [(1, "B"), (2, "C"), (3, "A")]


def test_lower_is_better():
    table = {"best": 1, "of": 2, "lower_is_better": True, "runs": {"A": [9.5, 8.25], "B": [8.5], "C": []}}
    assert [(r["rank"], r["team"], r["total"]) for r in standings(table)["standings"]] == [
        (1, "A", 8.25),
        (2, "B", 8.5),
        (3, "C", 0),
    ]


@pytest.mark.parametrize(
    "table",
    [
        [],
        {},
        {"best": 0, "runs": {}},
        {"best": True, "runs": {}},
        {"best": 2, "of": 1, "runs": {}},
        {"best": 1, "runs": []},
        {"best": 1, "runs": {"A": 5}},
        {"best": 1, "runs": {"A": ["5"]}},
        {"best": 1, "runs": {}, "tie_break": ["luck"]},
        {"best": 1, "runs": {}, "tie_break": [[]]},
        {"best": 1, "runs": {}, "more": 1},
    ],
)
def test_a_table_that_does_not_fit_is_refused(table):
    with pytest.raises(RuleViolation, match="expected"):
        standings(table)


def test_eight_seeds_in_both_orders():
    assert bracket(8)["rounds"] == [[[1, 8], [4, 5], [3, 6], [2, 7]], [["W1", "W2"], ["W3", "W4"]], [["W5", "W6"]]]
    assert bracket(8, "standard")["rounds"][0] == [[1, 8], [4, 5], [2, 7], [3, 6]]


@given(st.integers(2, 64), st.sampled_from(["roborave", "standard"]))
def test_byes_go_to_the_top_seeds_and_halves_stay_apart(entrants, order):
    made = bracket(entrants, order)
    first = made["rounds"][0]
    assert sorted(x for pair in first for x in pair if x != "BYE") == list(range(1, entrants + 1))
    byes = made["size"] - entrants
    with_bye = sorted(next(x for x in pair if x != "BYE") for pair in first if "BYE" in pair)
    assert with_bye == list(range(1, byes + 1))
    half = len(first) // 2
    if half:
        assert any(1 in pair for pair in first[:half]) and any(2 in pair for pair in first[half:])


@pytest.mark.parametrize("entrants", ["1", "0", "-3", "1025"])
def test_impossible_brackets_are_refused(entrants):
    assert CliRunner().invoke(main, ["robolev", "bracket", "--entrants", entrants]).exit_code == 2
