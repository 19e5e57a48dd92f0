"""The life of a run."""

import itertools

import pytest

from robolev.domain.errors import RuleViolation
from robolev.domain.run import TRANSITIONS, RunState, apply, decide, fold, result
from robolev.rulesets import loader

RULES = loader.load("line_following", {"target": "137"})
ES = [step.item for step in RULES.ladders["ES"]]
CALL = {"do": "call", "team": "かもめ", "division": "ES", "field": "1", "robot": 7}


def play(*commands):
    state, log = RunState(), []
    for command in commands:
        for event in decide(state, command, RULES):
            log.append(event)
            state = apply(state, event)
    assert fold(log) == state
    return state


def proposed(item, number=1):
    return {"do": "propose", "proposal": f"p{number}", "item": item, "source": "robot 7", "robot_time_ms": 1000}


def test_a_whole_run_with_a_correction_and_two_signatures():
    state = play(
        CALL,
        {"do": "start"},
        proposed("left_home"),
        {"do": "accept", "proposal": "p1"},
        {"do": "record", "sheet": {"checkpoints": ES, "bonus_balls": 104}},
        {"do": "record", "sheet": {"bonus_balls": 140}},
        {"do": "end", "reason": "completed"},
        {"do": "sign", "by": "referee"},
        {"do": "sign", "by": "player"},
    )
    assert state.official and result(state, RULES).points == 534


def test_a_proposal_counts_nothing_until_accepted():
    state = play(CALL, {"do": "start"}, proposed("left_home"))
    assert result(state, RULES).points == 0
    state = apply(state, decide(state, {"do": "reject", "proposal": "p1"}, RULES)[0])
    assert result(state, RULES).points == 0 and state.proposals[0].status == "rejected"


def test_accepting_out_of_order_is_refused_and_a_known_item_changes_nothing():
    with pytest.raises(RuleViolation, match="expected left_home before it, got reached_tower"):
        play(CALL, {"do": "start"}, proposed("reached_tower"), {"do": "accept", "proposal": "p1"})
    twice = (proposed("left_home", 1), {"do": "accept", "proposal": "p1"})
    again = (proposed("left_home", 2), {"do": "accept", "proposal": "p2"})
    assert play(CALL, {"do": "start"}, *twice, *again).checkpoints == ("left_home",)


def test_a_correction_takes_the_signature_back():
    ended = (CALL, {"do": "start"}, {"do": "end", "reason": "time_up"}, {"do": "sign", "by": "player"})
    assert play(*ended).signed_by == ("player",)
    assert play(*ended, {"do": "record", "sheet": {"checkpoints": ES[:1]}}).signed_by == ()


def test_a_touched_tower_gives_400_and_a_disqualification_nothing():
    full = {"do": "record", "sheet": {"checkpoints": ES, "bonus_balls": 60}}
    assert result(play(CALL, {"do": "start"}, full, {"do": "end", "reason": "tower_touched"}), RULES).points == 400
    out = result(play(CALL, {"do": "start"}, full, {"do": "end", "reason": "disqualified"}), RULES)
    assert (out.status, out.points) == ("disqualified", 0)


@pytest.mark.parametrize(
    "sheet", [{}, None, {"bonus_balls": -1}, {"points": 5}, {"checkpoints": ["arrived_home"]}, {"bonus_balls": 3}]
)
def test_a_sheet_out_of_range_is_refused(sheet):
    with pytest.raises(RuleViolation, match="expected"):
        play(CALL, {"do": "start"}, {"do": "record", "sheet": sheet})


@pytest.mark.parametrize(
    "command",
    [{**CALL, "team": ""}, {**CALL, "team": "x" * 61}, {**CALL, "division": "XX"}, {**CALL, "robot": -1}, {"do": []}],
)
def test_a_call_that_does_not_fit_is_refused(command):
    with pytest.raises(RuleViolation, match="expected"):
        play(command)


STATES = {
    "new": RunState(),
    "called": play(CALL),
    "running": play(CALL, {"do": "start"}),
    "ended": play(CALL, {"do": "start"}, {"do": "end", "reason": "time_up"}),
    "signed": play(
        CALL,
        {"do": "start"},
        {"do": "end", "reason": "time_up"},
        {"do": "sign", "by": "player"},
        {"do": "sign", "by": "referee"},
    ),
    "void": play(CALL, {"do": "void", "reason": "field fault"}),
}
COMMANDS = sorted({name for row in TRANSITIONS.values() for name in row})


@pytest.mark.parametrize(("state", "do"), list(itertools.product(STATES, COMMANDS)))
def test_what_the_table_does_not_allow_is_refused(state, do):
    assert STATES[state].state == state
    if do not in TRANSITIONS[state]:
        with pytest.raises(RuleViolation) as caught:
            decide(STATES[state], {"do": do}, RULES)
        assert caught.value.code == "not_now" and state in str(caught.value)


def test_every_state_of_the_table_is_reached_and_named():
    assert set(STATES) == set(TRANSITIONS)
