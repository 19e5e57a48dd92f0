"""One official run: what may be asked of it when, what then happened, and the sheet that comes of it.

The whole life of a run is TRANSITIONS, the table below; everything else in this file serves it. A command is decided
against the state into events; a state is the fold of its events. Corrections are further events.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from robolev.domain.errors import RuleViolation, shown
from robolev.domain.score import MAX_REASON, Breakdown, Ruleset, score

# state -> what may be asked in it -> the state after it
TRANSITIONS: Mapping[str, Mapping[str, str]] = {
    "new": {"call": "called"},
    "called": {"start": "running", "void": "void"},
    "running": {"propose": "running", "accept": "running", "reject": "running", "record": "running", "end": "ended"},
    "ended": {"record": "ended", "accept": "ended", "reject": "ended", "sign": "ended", "void": "void"},
    "signed": {"void": "void"},
    "void": {},
}
END_REASONS = ("completed", "time_up", "stopped_by_team", "tower_touched", "disqualified")
SIGNERS = ("referee", "player")
SHEET_FIELDS = ("checkpoints", "bonus_balls", "tower_touched")
# More open proposals than items on any field is a robot gone wild, not a run.
MAX_PROPOSALS = 200


@dataclass(frozen=True)
class Proposal:
    """An item a robot or sensor suggests, with where it comes from; it counts nothing until accepted."""

    id: str
    item: str
    source: str
    robot_time_ms: int
    status: str = "open"


@dataclass(frozen=True)
class RunState:
    """A run as its events make it. `version` counts what people did, so that a robot never outruns a referee's tap.

    `program` is the SHA-256 of the program a virtual robot drives; empty for a robot on the field. `lang` is the
    language of the team's name (BCP 47), empty when nobody said.
    """

    state: str = "new"
    version: int = 0
    team: str = ""
    division: str = ""
    field: str = ""
    robot: int = 0
    program: str = ""
    lang: str = ""
    checkpoints: tuple[str, ...] = ()
    bonus_balls: int = 0
    tower_touched: bool = False
    proposals: tuple[Proposal, ...] = ()
    end_reason: str = ""
    signed_by: tuple[str, ...] = ()
    void_reason: str = ""

    @property
    def sheet(self) -> dict[str, Any]:
        """The score sheet as the rule set reads it."""
        sheet: dict[str, Any] = {"checkpoints": list(self.checkpoints), "bonus_balls": self.bonus_balls}
        sheet["tower_touched"] = self.tower_touched
        if self.end_reason == "disqualified":
            sheet["outcome"] = "disqualified"
        if self.state == "void":
            sheet["outcome"] = "void"
        return sheet

    @property
    def official(self) -> bool:
        """Whether the run counts in the standings: ended and signed by referee and player."""
        return self.state == "signed"


def decide(state: RunState, command: Mapping[str, Any], ruleset: Ruleset) -> list[dict[str, Any]]:
    """The events that a command makes. Raises RuleViolation when it may not be asked now or does not fit.

    A command is `{"do": name, ...}` with absolute values, so that a repeat changes nothing.
    """
    do = command.get("do")
    if not isinstance(do, str) or do not in {name for row in TRANSITIONS.values() for name in row}:
        raise RuleViolation("unknown_command", f"do: expected one of the commands of a run, got {shown(do)}")
    if do not in TRANSITIONS[state.state]:
        allowed = " ".join(TRANSITIONS[state.state]) or "nothing"
        raise RuleViolation("not_now", f"{do}: expected one of {allowed} while the run is {state.state}, got {do}")
    return _DECIDERS[do](state, command, ruleset)


def apply(state: RunState, event: Mapping[str, Any]) -> RunState:
    """The state after one event; events on record are never refused."""
    do = event["happened"]
    moved = replace(state, state=TRANSITIONS[state.state][do], version=state.version + (do != "propose"))
    match do:
        case "call":
            names = ("team", "division", "field", "robot")
            given = {name: event[name] for name in names} | {"lang": event.get("lang", "")}
            return replace(moved, **given, program=event.get("program", ""))
        case "propose":
            made = Proposal(event["proposal"], event["item"], event["source"], event["robot_time_ms"])
            return replace(moved, proposals=(*state.proposals, made))
        case "accept" | "reject":
            done = "accepted" if do == "accept" else "rejected"
            proposals = tuple(replace(p, status=done) if p.id == event["proposal"] else p for p in state.proposals)
            moved = replace(moved, proposals=proposals)
            return _with_sheet(moved, event["new"]) if do == "accept" else moved
        case "record":
            return _with_sheet(replace(moved, signed_by=()), event["new"])
        case "end":
            touched = state.tower_touched or event["reason"] == "tower_touched"
            return replace(moved, end_reason=event["reason"], tower_touched=touched)
        case "sign":
            signed = (*state.signed_by, event["by"])
            return replace(moved, signed_by=signed, state="signed" if set(signed) == set(SIGNERS) else "ended")
        case "void":
            return replace(moved, void_reason=event["reason"])
    return moved


def may_be_asked(state: RunState, do: str) -> bool:
    """Whether the run's state allows this now."""
    return do in TRANSITIONS[state.state]


def fold(events: Iterable[Mapping[str, Any]]) -> RunState:
    """The state that all events of a run make, in order."""
    state = RunState()
    for event in events:
        state = apply(state, event)
    return state


def result(state: RunState, ruleset: Ruleset) -> Breakdown:
    """The run's points as they stand now, with their breakdown."""
    return score(state.sheet, ruleset, state.division)


def _with_sheet(state: RunState, new: Mapping[str, Any]) -> RunState:
    values = dict(new)
    if "checkpoints" in values:
        values["checkpoints"] = tuple(values["checkpoints"])
    return replace(state, **values)


def _call(state: RunState, command: Mapping[str, Any], ruleset: Ruleset) -> list[dict[str, Any]]:
    event: dict[str, Any] = {"happened": "call"}
    for name in ("team", "division", "field"):
        value = command.get(name)
        if not isinstance(value, str) or not 1 <= len(value.strip()) <= 60:
            raise RuleViolation("wrong_type", f"{name}: expected a text of 1 to 60 characters, got {shown(value)}")
        event[name] = value.strip()
    if event["division"] not in ruleset.divisions:
        expected = " ".join(ruleset.divisions)
        raise RuleViolation("unknown_division", f"division: expected one of {expected}, got {shown(event['division'])}")
    event["robot"] = _number(command.get("robot", 0), "robot", 65535)
    if (lang := command.get("lang")) is not None:
        if not isinstance(lang, str) or not re.fullmatch("[a-z]{2,3}(-[A-Za-z]{2,8})?", lang):
            raise RuleViolation("wrong_type", f"lang: expected a language such as ja or zh-Hant, got {shown(lang)}")
        event["lang"] = lang
    program = command.get("program")
    if program is not None:
        if not isinstance(program, str) or not re.fullmatch("[0-9a-f]{64}", program):
            raise RuleViolation("wrong_type", f"program: expected a SHA-256 in hexadecimal, got {shown(program)}")
        event |= {"program": program, "program_by": _text(command.get("program_by"), "program_by")}
    return [event]


def _start(state: RunState, command: Mapping[str, Any], ruleset: Ruleset) -> list[dict[str, Any]]:
    return [{"happened": "start"}]


def _propose(state: RunState, command: Mapping[str, Any], ruleset: Ruleset) -> list[dict[str, Any]]:
    if len(state.proposals) >= MAX_PROPOSALS:
        raise RuleViolation("too_many", f"proposals: expected at most {MAX_PROPOSALS} in a run, got one more")
    item, ladder = command.get("item"), [step.item for step in ruleset.ladders[state.division]]
    if item not in ladder:
        raise RuleViolation("unknown_checkpoint", f"item: expected one of {' '.join(ladder)}, got {shown(item)}")
    names = ("proposal", "source")
    texts = {name: _text(command.get(name), name) for name in names}
    at = _number(command.get("robot_time_ms", 0), "robot_time_ms", 2**32 - 1)
    return [{"happened": "propose", "item": item, "robot_time_ms": at, **texts}]


def _accept(state: RunState, command: Mapping[str, Any], ruleset: Ruleset) -> list[dict[str, Any]]:
    proposal = _open_proposal(state, command)
    ladder = [step.item for step in ruleset.ladders[state.division]]
    place = ladder.index(proposal.item)
    new = {"checkpoints": list(state.checkpoints)}
    if place == len(state.checkpoints):
        new["checkpoints"].append(proposal.item)
    elif place > len(state.checkpoints):
        missing = ladder[len(state.checkpoints)]
        raise RuleViolation("impossible_order", f"accept: expected {missing} before it, got {proposal.item}")
    return [{"happened": "accept", "proposal": proposal.id, "new": new}]


def _reject(state: RunState, command: Mapping[str, Any], ruleset: Ruleset) -> list[dict[str, Any]]:
    return [{"happened": "reject", "proposal": _open_proposal(state, command).id}]


def _record(state: RunState, command: Mapping[str, Any], ruleset: Ruleset) -> list[dict[str, Any]]:
    new = command.get("sheet")
    if not isinstance(new, dict) or not new or not set(new) <= set(SHEET_FIELDS):
        raise RuleViolation("wrong_type", f"sheet: expected some of {' '.join(SHEET_FIELDS)}, got {shown(new)}")
    score({**state.sheet, "outcome": None, **new}, ruleset, state.division)
    return [{"happened": "record", "old": {name: state.sheet[name] for name in new}, "new": new}]


def _end(state: RunState, command: Mapping[str, Any], ruleset: Ruleset) -> list[dict[str, Any]]:
    reason = command.get("reason")
    if reason not in END_REASONS:
        raise RuleViolation("unknown_reason", f"reason: expected one of {' '.join(END_REASONS)}, got {shown(reason)}")
    return [{"happened": "end", "reason": reason}]


def _sign(state: RunState, command: Mapping[str, Any], ruleset: Ruleset) -> list[dict[str, Any]]:
    by = command.get("by")
    if by not in SIGNERS:
        raise RuleViolation("unknown_signer", f"by: expected one of {' '.join(SIGNERS)}, got {shown(by)}")
    if by in state.signed_by:
        raise RuleViolation("signed_already", f"by: expected the other signature, got {by} again")
    return [{"happened": "sign", "by": by}]


def _void(state: RunState, command: Mapping[str, Any], ruleset: Ruleset) -> list[dict[str, Any]]:
    return [{"happened": "void", "reason": _text(command.get("reason"), "reason")}]


_DECIDERS = {
    "call": _call,
    "start": _start,
    "propose": _propose,
    "accept": _accept,
    "reject": _reject,
    "record": _record,
    "end": _end,
    "sign": _sign,
    "void": _void,
}


def _open_proposal(state: RunState, command: Mapping[str, Any]) -> Proposal:
    wanted = command.get("proposal")
    for proposal in state.proposals:
        if proposal.id == wanted and proposal.status == "open":
            return proposal
    raise RuleViolation("unknown_proposal", f"proposal: expected an open proposal of this run, got {shown(wanted)}")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= MAX_REASON:
        raise RuleViolation(
            "wrong_type", f"{name}: expected a text of 1 to {MAX_REASON} characters, got {shown(value)}"
        )
    return value.strip()


def _number(value: Any, name: str, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        raise RuleViolation("out_of_range", f"{name}: expected a whole number 0 to {most}, got {shown(value)}")
    return value
